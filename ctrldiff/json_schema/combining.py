"""Keywords that combine schemas of one place, as the algebra: all is intersection, any is union, not is difference."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from ctrldiff.automata.expression import Alt, Both, Expression, Minus
from ctrldiff.errors import SchemaInvalid
from ctrldiff.json_schema.context import Context, own_names
from ctrldiff.json_schema.exclusive import rivals
from ctrldiff.json_schema.keywords import BESIDE, KEYWORDS, those
from ctrldiff.json_schema.subs import NO_NAMES, Schema, Sub, Walk, exactly
from ctrldiff.json_schema.unevaluated import scenarios

UNEVALUATED = those(lambda row: row.of == "unevaluated")
DEPENDENT = those(lambda row: row.family == "object" and row.keys and "map" in row.holds and row.of != "named")


def combines(schema: Schema) -> bool:
    """It applies other schemas to the same value."""
    if not _COMBINES.isdisjoint(schema):
        return any(schema.get(k, True) is not True or k not in UNEVALUATED for k in _COMBINES & schema.keys())
    return any(isinstance(needed, dict | bool) for k in DEPENDENT for needed in schema.get(k, {}).values())


def beside(context: Context, sub: Sub, keyword: str) -> Sub:
    """`sub`, keeping the names that its schema speaks of outside of `keyword`."""
    if sub.exact or context.options.additional != "declared":
        return sub
    rest = {k: v for k, v in sub.schema.items() if k != keyword and k not in BESIDE[keyword]}
    return replace(sub, kept=sub.kept.union(own_names(rest), context.names_of(*context.beside(rest))))


def _reference(context: Context, schema: Schema, keyword: str, sub: Sub) -> Walk:
    target, pointer = context.resolve(schema, keyword, sub.pointer)
    return (yield replace(sub, schema=target, pointer=pointer))


def _all(context: Context, schema: Schema, keyword: str, sub: Sub) -> Walk:
    parts = []
    for member in conjuncts(context, members_of(schema, keyword, sub.pointer), keyword, sub):
        parts.append((yield member))
    return Both(tuple(parts))


def conjuncts(context: Context, members: list[Any], keyword: str, sub: Sub) -> Iterator[Sub]:
    """Every member, each keeping the names that its siblings speak of."""
    telling = not sub.exact and context.options.additional == "declared"
    spoken = Counter(name for member in members for name in context.names_of(member)) if telling else {}
    for n, member in enumerate(members):
        kept = sub.kept
        if spoken and isinstance(member, dict) and combines(member):  # what it keeps is asked for by its alternatives
            own = frozenset(context.names_of(member))
            kept = kept.union(name for name, times in spoken.items() if times > (name in own))
        yield replace(sub, schema=member, pointer=f"{sub.pointer}/{keyword}/{n}", kept=kept)


def alternatives(context: Context, members: list[Any], keyword: str, sub: Sub) -> Iterator[Sub]:
    """Every member, each without the properties that only its siblings speak of."""
    telling = not sub.exact and context.options.additional == "declared"
    every = {name for member in members for name in context.names_of(member)} - sub.kept if telling else NO_NAMES
    context.fuel.spend("names of alternatives", len(every) * len(members), context.fuel.limits.max_nodes)
    for n, member in enumerate(members):
        barred = sub.barred
        if every:
            barred = barred.union(every.difference(context.names_of(member)))
        yield replace(sub, schema=member, pointer=f"{sub.pointer}/{keyword}/{n}", barred=barred)


def _any(context: Context, schema: Schema, keyword: str, sub: Sub) -> Walk:
    members, parts = members_of(schema, keyword, sub.pointer), []
    for member in alternatives(context, members, keyword, sub):
        parts.append((yield member))
    return Alt(tuple(parts))


def _one(context: Context, schema: Schema, keyword: str, sub: Sub) -> Walk:
    """Exactly one: every member less the members that could hold beside it."""
    members = members_of(schema, keyword, sub.pointer)
    near = rivals(context, schema, members, sub.shape.kinds)
    out: list[Expression] = []
    for n, member in enumerate(alternatives(context, members, keyword, sub)):
        part = yield member
        shared = []
        for m, what in near[n]:
            shared.append((yield exactly(sub, what, f"{sub.pointer}/{keyword}/{m}").failing(context)))
        out.append(Minus(part, Alt(tuple(shared))) if shared else part)
    return Alt(tuple(out))


def _not(context: Context, schema: Schema, keyword: str, sub: Sub) -> Walk:
    everything = yield replace(sub, schema=True)
    return Minus(everything, (yield exactly(sub, schema["not"], f"{sub.pointer}/not").failing(context)))


def _if(context: Context, schema: Schema, keyword: str, sub: Sub) -> Walk:
    if "then" not in schema and "else" not in schema:
        return (yield replace(sub, schema=True))
    held = exactly(sub, schema["if"], f"{sub.pointer}/if")
    test = yield held
    everything = yield replace(sub, schema=True)
    then: Expression = test
    if "then" in schema:
        then = Both((test, (yield replace(sub, schema=schema["then"], pointer=f"{sub.pointer}/then"))))
    otherwise: Expression = Minus(everything, (yield held.failing(context)))
    if "else" in schema:
        otherwise = Both((otherwise, (yield replace(sub, schema=schema["else"], pointer=f"{sub.pointer}/else"))))
    return Alt((then, otherwise))


def unevaluated(context: Context, schema: Schema, keyword: str, sub: Sub) -> Walk:
    """What no keyword beside has evaluated obeys `schema[keyword]`: a case for each way the alternatives may hold."""
    cases: list[Expression] = []
    everything = yield replace(sub, schema=True)
    for case in scenarios(context, schema, sub.pointer):
        of_objects = KEYWORDS[keyword].family == "object"
        rest = case.properties(schema[keyword]) if of_objects else case.array(schema[keyword])
        parts = [(yield exactly(sub, rest, f"{sub.pointer}/{keyword}"))]
        for held, pointer in case.holds:
            parts.append((yield exactly(sub, held, pointer)))
        for failed, pointer in case.fails:
            parts.append(Minus(everything, (yield exactly(sub, failed, pointer).failing(context))))
        cases.append(Both(tuple(parts)))
    return Alt(tuple(cases))


COMBINING: dict[str, Callable[[Context, Schema, str, Sub], Walk]] = {
    "$ref": _reference,
    "$dynamicRef": _reference,
    "$recursiveRef": _reference,
    "allOf": _all,
    "anyOf": _any,
    "oneOf": _one,
    "not": _not,
    "if": _if,
}
_COMBINES = frozenset((*COMBINING, *UNEVALUATED))


def members_of(schema: Schema, keyword: str, at: str) -> list[Any]:
    """The schemas that a keyword lists. Raises: SchemaInvalid for an empty list."""
    members = schema[keyword]
    if not members:
        raise SchemaInvalid(f"{at}/{keyword} is an empty list", pointer=f"{at}/{keyword}")
    return members
