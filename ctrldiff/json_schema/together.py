"""Schemas that hold together are merged before any automaton is made.

An automaton of `{"required": ["a"]}` alone writes every property of its place, each with any value, only for an
intersection to take them away again. So the schemas of one place that all hold are gathered first, through every
`allOf` and `$ref`; then the keywords of each type are read as those of one schema (a property that several speak of
obeys all of them, a size is the larger of the least). Alternatives are spread over what holds beside them:

    all of P, any of (Q, R)      =  any of (all of P and Q, all of P and R)
    all of P, not Q              =  all of P, less all of P and Q
    several lists of alternatives:  every choice of one from each while those are few; else the intersection of the
                                    lists, each spread over P

and "not" is said without a difference where the schema denied only requires properties or speaks of their values:
one of them is absent, or there with another value. `context.apart` compiles the same language without any of this.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import product
from math import prod
from typing import Any

from ctrldiff.automata.expression import NOTHING, Alt, Both, Expression, Minus
from ctrldiff.errors import SchemaInvalid
from ctrldiff.json_schema.combining import (
    COMBINING,
    DEPENDENT,
    UNEVALUATED,
    alternatives,
    beside,
    conjuncts,
    members_of,
)
from ctrldiff.json_schema.compiler import is_typed, kind_of, merging, of_type, speaks, types_of
from ctrldiff.json_schema.context import Context, Denied
from ctrldiff.json_schema.exclusive import rivals
from ctrldiff.json_schema.keywords import BESIDE, KEYWORDS, REFERS, said, those
from ctrldiff.json_schema.listed import listings
from ctrldiff.json_schema.subs import Merged, Schema, Sub, Together, Walk, all_of, exactly, key_of
from ctrldiff.json_schema.unevaluated import Scenario, scenarios
from ctrldiff.pointer import escaped as in_pointer

MOST_CHOICES = 16  # of one alternative from each list, that are written out
_SAID_OF_OBJECTS = frozenset(("type", "required", "properties"))
_MERGED = ("array", "object")  # the types whose keywords are read as those of one schema
_OF_PARTS = frozenset(those(lambda row: row.of in ("named", "matching", "others", "some")))


@dataclass(frozen=True)
class Case:
    """One alternative: what holds in it, and what does not."""

    holds: tuple[Sub, ...] = ()
    fails: tuple[Sub, ...] = ()

    def __and__(self, other: Case) -> Case:
        return Case(self.holds + other.holds, self.fails + other.fails)


@dataclass
class Gathered:
    """What schemas that hold together say: plain ones, without others for the same value, and alternatives."""

    plain: dict[object, Sub] = field(default_factory=dict)
    choices: list[list[Case]] = field(default_factory=list)
    nothing: bool = False


@merging
def together(context: Context, asked: Together) -> Walk:
    """What all these schemas accept."""
    shape = asked.subs[0].shape
    if shape.dead:
        parts = []
        for sub in asked.subs:
            parts.append((yield sub))
        return parts[0] if len(parts) == 1 else Both(tuple(parts))
    found = _gather(context, asked.subs)
    if found.nothing:
        return NOTHING
    plain = list(found.plain.values())
    if not found.choices:
        return (yield from _plain(context, plain, asked.subs[0]))
    lists = [[one for case in cases for one in _said_without_difference(context, case)] for cases in found.choices]
    if prod(map(len, lists)) <= MOST_CHOICES:
        every = [Case()]
        for cases in lists:
            every = [one & other for one, other in product(every, cases)]
        lists = [every]
    parts = []
    for cases in lists:
        parts.append((yield from _any_case(context, plain, cases, asked.subs[0])))
    return parts[0] if len(parts) == 1 else Both(tuple(parts))


def _any_case(context: Context, plain: list[Sub], cases: list[Case], first: Sub) -> Walk:
    """What `plain` accepts in one of the cases."""
    parts: list[Expression] = []
    for case in cases:
        held = yield from _all(context, [*plain, *case.holds], first)
        failing = []
        for sub in case.fails:  # what is left out is bounded from the other side as a whole
            beside_it = [replace(one, lower=sub.lower) for one in plain]
            failing.append((yield from _all(context, [*beside_it, sub], replace(first, lower=sub.lower))))
        parts.append(Minus(held, Alt(tuple(failing))) if failing else held)
    return parts[0] if len(parts) == 1 else Alt(tuple(parts))


def _all(context: Context, subs: list[Sub], first: Sub) -> Walk:
    distinct = list({key_of(sub): sub for sub in subs}.values())
    return (yield from all_of(context, distinct or [replace(first, schema=True)]))


def _gather(context: Context, subs: tuple[Sub, ...]) -> Gathered:
    """Read schemas, and all that hold wherever they do, each once."""
    found = Gathered()
    under_way: set[object] = set()
    seen: set[object] = set()
    todo: list[tuple[Sub, bool]] = [(sub, False) for sub in reversed(subs)]
    while todo:
        sub, done = todo.pop()
        key, schema = key_of(sub), sub.schema
        if done:
            under_way.discard(key)
            continue
        if schema is False:
            found.nothing = True
            return found
        if key in under_way:
            raise SchemaInvalid(f"{sub.pointer[:300]} refers to itself without end")
        if key in seen:
            continue
        seen.add(key)
        if schema is True:
            if sub.barred:
                found.plain[key] = replace(sub, schema=context.anything)
            continue
        if not isinstance(schema, dict):
            raise SchemaInvalid(
                f"{sub.pointer} is a {type(schema).__name__}, not a schema", hint="a schema is an object or a boolean"
            )
        context.fuel.spend("sub-schemas", 1, context.fuel.limits.max_parts)
        under_way.add(key)
        todo.append((sub, True))
        todo.extend((onward, False) for onward in reversed(list(_read(context, sub, found))))
    return found


def _read(context: Context, sub: Sub, found: Gathered) -> Iterator[Sub]:
    """Note what a schema says by itself and its alternatives; the schemas that hold wherever it does."""
    schema, at = sub.schema, sub.pointer
    if context.references.alone(schema):
        context.enforce(at, "$ref")
        target, pointer = context.resolve(schema, "$ref", at)
        yield replace(sub, schema=target, pointer=pointer)
        return
    own = context.own(schema)
    if speaks(own) or sub.barred:
        found.plain[key_of(sub)] = replace(sub, schema=own)
    for keyword in COMBINING:
        if keyword not in schema:
            continue
        context.enforce(at, keyword, *(name for name in BESIDE[keyword] if name in schema))
        here = beside(context, sub, keyword)
        if keyword in REFERS:
            target, pointer = context.resolve(schema, keyword, at)
            yield replace(here, schema=target, pointer=pointer)
        elif keyword == "allOf":
            yield from conjuncts(context, members_of(schema, keyword, at), keyword, here)
        else:
            found.choices += _CASES[keyword](context, schema, keyword, here)
    for keyword in DEPENDENT:
        for name, needed in schema.get(keyword, {}).items():
            if not isinstance(needed, list):
                context.enforce(at, keyword)
                absent = replace(sub, schema=context.lacks(name))
                pointer = f"{at}/{keyword}/{in_pointer(name)}"
                found.choices.append([Case((absent,)), Case((replace(sub, schema=needed, pointer=pointer),))])
    for keyword in UNEVALUATED:
        if schema.get(keyword, True) is not True:
            context.enforce(at, keyword)
            found.choices.append(_unevaluated(context, schema, keyword, sub))


# ---- alternatives


def _any(context: Context, schema: Schema, keyword: str, sub: Sub) -> list[list[Case]]:
    members = members_of(schema, keyword, sub.pointer)
    return [[Case((member,)) for member in alternatives(context, members, keyword, sub)]]


def _one(context: Context, schema: Schema, keyword: str, sub: Sub) -> list[list[Case]]:
    """Exactly one: a member, and none of those that could hold beside it."""
    members = members_of(schema, keyword, sub.pointer)
    near = rivals(context, schema, members, sub.shape.kinds)
    cases = []
    for n, member in enumerate(alternatives(context, members, keyword, sub)):
        shared = (exactly(sub, what, f"{sub.pointer}/{keyword}/{m}").failing(context) for m, what in near[n])
        cases.append(Case((member,), tuple(shared)))
    return [cases]


def _not(context: Context, schema: Schema, keyword: str, sub: Sub) -> list[list[Case]]:
    at = sub.pointer if isinstance(schema, Denied) else f"{sub.pointer}/not"
    return [[Case((), (exactly(sub, schema["not"], at).failing(context),))]]


def _if(context: Context, schema: Schema, keyword: str, sub: Sub) -> list[list[Case]]:
    branches = [
        tuple(replace(sub, schema=schema[k], pointer=f"{sub.pointer}/{k}") for k in (name,) if k in schema)
        for name in ("then", "else")
    ]
    if not any(branches):
        return []
    test = exactly(sub, schema["if"], f"{sub.pointer}/if")
    return [[Case((test, *branches[0])), Case(branches[1], (test.failing(context),))]]


_CASES = {"anyOf": _any, "oneOf": _one, "not": _not, "if": _if}


def _unevaluated(context: Context, schema: Schema, keyword: str, sub: Sub) -> list[Case]:
    """What no keyword beside has evaluated obeys `schema[keyword]`: a case for each way the alternatives may hold."""
    of_objects = KEYWORDS[keyword].family == "object"

    def each() -> list[tuple[Scenario, dict[str, Any]]]:
        rest = schema[keyword]
        every = scenarios(context, schema, sub.pointer)
        return [(one, one.properties(rest) if of_objects else one.array(rest)) for one in every]

    cases = []
    for case, rest in context.unevaluated(schema, keyword, each):
        holds = [exactly(sub, rest, f"{sub.pointer}/{keyword}")]
        holds += [exactly(sub, held, pointer) for held, pointer in case.holds]
        cases.append(
            Case(tuple(holds), tuple(exactly(sub, failed, pointer).failing(context) for failed, pointer in case.fails))
        )
    return cases


# ---- what is denied


def _said_without_difference(context: Context, case: Case) -> list[Case]:
    """The case, as several that deny less: what is denied becomes what holds, where it can be said so."""
    cases = [Case(case.holds)]
    for sub in _each_denied(context, case.fails):
        said_so = _denied(context, sub)
        if said_so is None or len(cases) * len(said_so) > MOST_CHOICES:
            cases = [one & Case((), (sub,)) for one in cases]
        else:
            cases = [one & Case((other,)) for one in cases for other in said_so]
    return cases


def _each_denied(context: Context, fails: tuple[Sub, ...]) -> Iterator[Sub]:
    """What is denied, one by one: that none of several holds denies each of them."""
    todo = list(reversed(fails))
    while todo:
        sub = todo.pop()
        if isinstance(sub.schema, dict) and _says(sub.schema) == {"anyOf"}:
            members = members_of(sub.schema, "anyOf", sub.pointer)
            todo += [exactly(sub, one, f"{sub.pointer}/anyOf/{n}") for n, one in enumerate(members)][::-1]
        else:
            yield sub


def _says(schema: Schema) -> set[str]:
    return {name for name in schema if name in KEYWORDS and KEYWORDS[name].role not in ("annotates", "names")}


def _denied(context: Context, sub: Sub) -> list[Sub] | None:
    """Schemas of which one holds exactly where `sub` does not; None if that needs a difference."""
    schema = sub.schema
    if not isinstance(schema, dict) or context.references.alone(schema):
        return None
    says = _says(schema)
    if not says <= _SAID_OF_OBJECTS or schema.get("type", "object") != "object" or not says - {"type"}:
        return None
    return [replace(sub, schema=one).failing(context) for one in context.denials(schema, sub.shape.names)]


# ---- what schemas say by themselves


def _plain(context: Context, subs: list[Sub], first: Sub) -> Walk:
    """What schemas accept that have no schemas for the same value: type by type."""
    if not subs:
        return (yield replace(first, schema=True))
    if len(subs) == 1:
        return (yield subs[0])
    parts = [one for sub in subs for one in listings(context, sub.schema, sub)]
    asked = [sub for sub in subs if not parts or is_typed(sub.schema, sub.pointer)]
    typed = [(sub, types_of(context, sub.schema, sub)) for sub in asked]
    if typed:
        kinds: list[Expression] = []
        barred = frozenset[str]().union(*(sub.barred for sub in subs))
        for kind in first.shape.kinds:
            names = [(sub, name) for sub, allowed in typed for name in allowed if kind_of(name) == kind]
            if len(names) == len(typed):
                kinds.append((yield from _of_kind(context, kind, names, barred)))
        parts.append(kinds[0] if len(kinds) == 1 else Alt(tuple(kinds)))
    return parts[0] if len(parts) == 1 else Both(tuple(parts))


def _of_kind(context: Context, kind: str, subs: list[tuple[Sub, str]], barred: frozenset[str]) -> Walk:
    """The values of one type that all these schemas accept; each with the type that it allows."""
    exact = all(sub.exact for sub, _ in subs)
    speaking = [(sub, name) for sub, name in subs if name == "integer" or any(said(sub.schema, kind))]
    if not speaking:
        whole = replace(subs[0][0], schema=context.anything, exact=exact, barred=barred)
        return (yield from of_type(context, whole.schema, kind, whole))
    first = speaking[0][0]
    if kind in _MERGED and len(speaking) > 1:
        for sub, _ in speaking:
            context.enforce(sub.pointer, *said(sub.schema, kind))
        merged = _merged([sub for sub, _ in speaking], kind)
        return (yield from of_type(context, merged, kind, replace(first, schema=merged, exact=exact, barred=barred)))
    parts = []
    for sub, name in speaking:
        one = replace(sub, barred=barred) if kind == "object" else sub
        parts.append((yield from of_type(context, one.schema, name, one)))
    return parts[0] if len(parts) == 1 else Both(tuple(parts))


def _merged(subs: list[Sub], kind: str) -> Merged:
    """What a family reads once for all of these schemas; the schemas for parts of the value it reads one by one."""
    schemas = [sub.schema for sub in subs]
    merged = Merged()
    merged.of = tuple(sub for sub in subs if not _OF_PARTS.isdisjoint(sub.schema))
    for keyword, choose in (("minItems", max), ("maxItems", min), ("minProperties", max), ("maxProperties", min)):
        sizes = [schema[keyword] for schema in schemas if keyword in schema]
        if sizes and KEYWORDS[keyword].family == kind:
            merged[keyword] = choose(sizes)
    if kind == "array":
        merged |= {"uniqueItems": True} if any(schema.get("uniqueItems") for schema in schemas) else {}
        return merged
    merged["required"] = list(dict.fromkeys(name for schema in schemas for name in schema.get("required", ())))
    needs: dict[str, list[str]] = {}
    for schema in schemas:
        for keyword in DEPENDENT:
            for name, needed in schema.get(keyword, {}).items():
                needs.setdefault(name, []).extend(needed if isinstance(needed, list) else ())
    merged["dependentRequired"] = needs
    merged["properties"] = {name: True for sub in subs if not sub.exact for name in sub.schema.get("properties", {})}
    if any(schema.get("additionalProperties") is False and not schema.get("patternProperties") for schema in schemas):
        merged["additionalProperties"] = False
    names = [schema["propertyNames"] for schema in schemas if "propertyNames" in schema]
    if names:
        merged["propertyNames"] = names[0] if len(names) == 1 else {"allOf": names}
    return merged
