"""From a JSON Schema to an expression: a driver that walks sub-schemas, and a registry of keyword families.

Every family is a generator: it yields `Sub` for each sub-schema it needs, is sent the expression, and returns its own.
The driver keeps the generators on a list of its own, so a schema nested 3,000 deep costs no Python stack.

Every schema of one place becomes a subset of that place's base (`shape.py`), so the combining keywords are the
algebra: all is intersection, any is union, not is difference from the base. Where a schema is complemented (`exact`)
nothing may be narrowed; elsewhere an alternative leaves out the properties that only its siblings speak of. That is
how it reads below, and how `context.apart` compiles it; as a rule schemas that hold together are merged before any
automaton is made (`together.py`).
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from ctrldiff.automata.expression import NOTHING, Alt, Both, Concat, Expression, Minus, text
from ctrldiff.errors import ConstraintTooLarge, SchemaInvalid, SchemaUnsupported
from ctrldiff.grounded.kinds import KEY
from ctrldiff.json_schema.any_order import value_in_any_order
from ctrldiff.json_schema.canonical import value_text
from ctrldiff.json_schema.context import Context, Walked, own_names
from ctrldiff.json_schema.exclusive import rivals
from ctrldiff.json_schema.formats import NARROWED
from ctrldiff.json_schema.from_text import settles_type, stated
from ctrldiff.json_schema.keywords import BESIDE, FAMILY, KEYWORDS, OF_ANY, said, those
from ctrldiff.json_schema.others import order
from ctrldiff.json_schema.reach import LONGEST
from ctrldiff.json_schema.recursion import marked
from ctrldiff.json_schema.references import before_references
from ctrldiff.json_schema.shape import Shape, listed
from ctrldiff.json_schema.unevaluated import scenarios

Schema: TypeAlias = dict[str, Any]
Walk: TypeAlias = Generator["Sub | Together", Expression, Expression]

TYPES = ("null", "boolean", "integer", "number", "string", "array", "object")
MAX_DEPTH = 4_000
NO_NAMES: frozenset[str] = frozenset()
_OF_SOME = frozenset().union(*FAMILY.values())
UNEVALUATED = those(lambda row: row.of == "unevaluated")
DEPENDENT = those(lambda row: row.family == "object" and row.keys and "map" in row.holds and row.of != "named")


@dataclass(frozen=True)
class Sub:
    """A schema to compile at a place: the driver answers with its expression.

    exact: it may be complemented. kept: names that its siblings in a conjunction speak of. barred: names left out.
    lower: what it accepts is left out of something. Where an automaton cannot hold items apart it is bounded from below
    then, else from above.
    """

    schema: Any
    pointer: str
    shape: Shape
    exact: bool = False
    kept: frozenset[str] = NO_NAMES
    barred: frozenset[str] = NO_NAMES
    lower: bool = False

    def failing(self, context: Context) -> Sub:
        """The same, for what it accepts to be left out."""
        return replace(self, lower=self.lower != context.unique)


@dataclass(frozen=True)
class Together:
    """Schemas of one place that all hold: the driver answers with the expression of what they share."""

    subs: tuple[Sub, ...]

    @property
    def pointer(self) -> str:
        """Where the first of them is."""
        return self.subs[0].pointer


class Merged(dict[str, Any]):
    """The keywords of several schemas for one type as those of one, as far as a family reads them; `of` are those of
    the schemas that speak of parts of the value."""

    of: tuple[Sub, ...] = ()


Family: TypeAlias = Callable[[Context, Schema, Sub], Walk]
Leaf: TypeAlias = Callable[[Context, Schema, str], Expression]
_families: dict[str, Family] = {}
_merge: list[Callable[[Context, Together], Walk]] = []


def merging(walk: Callable[[Context, Together], Walk]) -> Callable[[Context, Together], Walk]:
    """Register the walk of schemas that hold together."""
    _merge[:] = [walk]
    return walk


def family(*types: str) -> Callable[[Family], Family]:
    """Register the walk that writes values of these JSON types."""

    def register(walk: Family) -> Family:
        for name in types:
            _families[name] = walk
        return walk

    return register


def leaf(*types: str) -> Callable[[Leaf], Leaf]:
    """Register a family that needs no sub-schema: a plain function."""

    def register(write: Leaf) -> Leaf:
        def walk(context: Context, schema: Schema, sub: Sub) -> Walk:
            yield from ()
            return write(context, schema, sub.pointer)

        family(*types)(walk)
        return write

    return register


def compile_schema(context: Context) -> Expression:
    """The expression of `context.root`. Raises SchemaUnsupported naming every keyword that cannot be enforced."""
    walked = walk(context)
    expression = walked.known[walked.root]
    if context.refused:
        pointer, keyword, why = context.refused[0]
        others = "".join(f'\nalso "{k}" at {p}' + (f": {w}" if w else "") for p, k, w in context.refused[1:6])
        more = len(context.refused) - 6
        raise SchemaUnsupported(
            f'"{keyword}" at {pointer} is not enforceable here',
            why=(why + others + (f"\nand {more} more" if more > 0 else "")).strip(),
            hint="remove it, or say it with the keywords that are (docs/json.md lists them)",
            pointer=pointer,
            keyword=keyword,
            refused=tuple(context.refused),
        )
    return expression


def root_shape(context: Context) -> Shape:
    """The place of the whole document."""
    return context.shape((context.root,), None)


def walk(context: Context) -> Walked:
    """Compile `context.root`, and everything that it asks for, each once."""
    under_way: set[object] = set()
    first = Sub(context.root, "#", root_shape(context))
    # Schemas are told apart by identity, so none may go and leave its place to another: `subs` holds them.
    done = Walked(_key(first), {_key(first): first}, {_key(first): []})
    stack: list[tuple[object, Walk]] = [(done.root, _schema(context, first))]
    answer: Expression | None = None
    while stack:
        asking, walk = stack[-1]
        try:
            sub = next(walk) if answer is None else walk.send(answer)
        except StopIteration as end:
            stack.pop()
            under_way.discard(asking)
            answer = done.known[asking] = end.value
            continue
        key = _key(sub)
        done.below[asking].append(key)
        answer = done.known.get(key)
        if answer is not None:
            continue
        if key in under_way:
            raise SchemaInvalid(f"{sub.pointer[:300]} refers to itself without end")
        context.fuel.spend("sub-schemas", 1, context.fuel.limits.max_parts)
        if len(stack) > MAX_DEPTH:
            raise ConstraintTooLarge("nesting depth", len(stack), MAX_DEPTH, where=sub.pointer[:80])
        under_way.add(key)
        done.subs[key], done.below[key] = sub, []
        stack.append((key, _merge[0](context, sub) if isinstance(sub, Together) else _schema(context, sub)))
    return done


def _key(asked: Sub | Together) -> object:
    if isinstance(asked, Together):
        return frozenset(map(key_of, asked.subs))
    return key_of(asked)


def key_of(sub: Sub) -> object:
    """What tells schemas of one compilation apart."""
    return (id(sub.schema), id(sub.shape), sub.exact, sub.kept, sub.barred, sub.lower)


def parts_of(schema: Schema, sub: Sub) -> tuple[Sub, ...]:
    """The schemas that a family is given: those that were merged, or the one."""
    return schema.of if isinstance(schema, Merged) else (replace(sub, schema=schema),)


def all_of(context: Context, subs: list[Sub]) -> Walk:
    """What all these schemas of one place accept."""
    if len(subs) == 1:
        return (yield subs[0])
    if not context.apart:
        return (yield Together(tuple(subs)))
    parts = []
    for sub in subs:
        parts.append((yield sub))
    return Both(tuple(parts))


def _schema(context: Context, sub: Sub) -> Walk:
    """One schema: its references, its values, its types, its alternatives."""
    schema, at, shape = sub.schema, sub.pointer, sub.shape
    if schema is False:
        return NOTHING
    if shape.dead and context.with_marks:
        return marked(context, schema, shape)
    if shape.dead:
        context.cut = context.reach.cuts = True
        context.narrow(before_references(at), f"recursion is written {context.options.levels + 1} levels deep")
        return NOTHING
    if schema is True:
        return (yield from _base(context, {}, sub))
    if not isinstance(schema, dict):
        raise SchemaInvalid(
            f"{at} is a {type(schema).__name__}, not a schema", hint="a schema is an object or a boolean"
        )
    if context.references.alone(schema):
        context.enforce(at, "$ref")
        target, pointer = context.resolve(schema, "$ref", at)
        return (yield replace(sub, schema=target, pointer=pointer))
    if not context.apart and combines(schema):
        return (yield Together((sub,)))
    parts = listings(context, schema, sub)
    if is_typed(schema, at):
        parts.append((yield from _base(context, schema, sub)))
    for keyword, combine in COMBINING.items():
        if keyword in schema:
            parts.append((yield from combine(context, schema, keyword, beside(context, sub, keyword))))
            context.enforce(at, keyword, *(name for name in BESIDE[keyword] if name in schema))
    for keyword in UNEVALUATED:
        if schema.get(keyword, True) is not True:
            parts.append((yield from _unevaluated(context, schema, keyword, sub)))
    if not parts:
        return (yield replace(sub, schema=True))
    return parts[0] if len(parts) == 1 else Both(tuple(parts))


def speaks(schema: Schema) -> bool:
    """It says something of values by itself: by a keyword of some type, by naming types or listing values."""
    return not _OF_SOME.isdisjoint(schema) or not OF_ANY.isdisjoint(schema)


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


def _base(context: Context, schema: Schema, sub: Sub) -> Walk:
    """The values of the types that a schema allows here, under its keywords for each type."""
    kinds = []
    for name in types_of(context, schema, sub):
        kinds.append((yield from of_type(context, schema, name, sub)))
    return kinds[0] if len(kinds) == 1 else Alt(tuple(kinds))


def types_of(context: Context, schema: Schema, sub: Sub) -> list[str]:
    """The JSON types that a schema allows and its place writes."""
    shape = sub.shape
    if shape.implied:
        context.narrow(sub.pointer, f"no type is given: written as {shape.implied}, which its keywords speak of")
    return [name for name in _types(context, schema, sub.pointer) if kind_of(name) in shape.kinds]


def kind_of(name: str) -> str:
    """The family that a type belongs to."""
    return "number" if name == "integer" else name


def of_type(context: Context, schema: Schema, name: str, sub: Sub) -> Walk:
    """The values of one type, under the keywords that speak of it."""
    if not isinstance(schema, Merged):
        context.enforce(sub.pointer, *said(schema, kind_of(name)))
    reached = string_within_reach(context, schema, sub.pointer, sub.exact) if name == "string" else schema
    values = yield from _families[name](context, reached, sub)
    return context.leaf(values) if name in ("string", "number", "integer") else values


def _types(context: Context, schema: Schema, at: str) -> list[str]:
    """The JSON types a schema allows."""
    if "type" not in schema:
        return [name for name in TYPES if name != "integer"]
    declared = schema["type"]
    names = declared if isinstance(declared, list) else [declared]
    for name in names:
        if name not in TYPES:
            raise SchemaInvalid(f"{at}/type names {name!r}", hint=f"one of {', '.join(TYPES)}")
    context.enforce(at, "type")
    return [name for name in dict.fromkeys(names) if not (name == "integer" and "number" in names)]


def string_within_reach(context: Context, schema: Schema, at: str, exact: bool) -> Schema:
    """A string's keywords, narrowed where it may be: what no canvas could hold costs states and says nothing."""
    named = schema.get("format")
    if isinstance(named, str) and named in NARROWED:
        if exact:
            why = f"{named} is written narrower than it is, so its complement would be wrong"
            context.refuse(f"{at}/format", "format", why)
            return {k: v for k, v in schema.items() if k != "format"}
        context.narrow(at, f"{named}: {NARROWED[named]}")
    high, least = schema.get("maxLength"), schema.get("minLength", 0)
    if exact or high is None:
        return schema
    reach = context.reach.bounded(int(high), int(least), LONGEST)
    if high <= reach:
        return schema
    context.narrow(at, f"strings of at most {reach} characters are written (maxLength {high})")
    return schema | {"maxLength": reach}


def listings(context: Context, schema: Schema, sub: Sub) -> list[Expression]:
    """The values that a schema lists, keyword by keyword: its own, and those that the document states."""
    found = []
    if "enum" in schema or "const" in schema:
        found.append(_listed(context, schema, sub))
    if KEY in schema:
        found.append(stated(context, schema, sub.pointer, lambda value: _spelled(context, value, sub)))
    return found


def is_typed(schema: Schema, at: str) -> bool:
    """It says something of types that the values it lists do not settle."""
    return not _OF_SOME.isdisjoint(schema) or ("type" in schema and not settles_type(schema, at))


def _listed(context: Context, schema: Schema, sub: Sub) -> Expression:
    """`enum` and `const`: the listed values, each in its canonical text."""
    context.enforce(sub.pointer, *(k for k in ("enum", "const") if k in schema))
    values = listed(schema)
    if "enum" in schema and "const" in schema:
        wanted = value_text(schema["const"], sort=True)
        values = [v for v in schema["enum"] if value_text(v, sort=True) == wanted]
    context.fuel.spend("listed values", len(values), context.fuel.limits.max_nodes)
    if not values:
        context.contradict(sub.pointer, "its enum lists no value" + (" that its const is" if "const" in schema else ""))
    return Alt(tuple(dict.fromkeys(_spelled(context, value, sub) for value in values)))


def _spelled(context: Context, value: Any, sub: Sub) -> Expression:
    """The text of a listed value; one that goes deeper than a recursion is unrolled is left out, as all others are."""
    deep: list[tuple[Shape, Any]] = []
    whole = ordered_text(_cut(value, sub.shape, deep) if sub.shape.entered else value, sub.shape)
    in_any = context.options.order == "any"
    if not deep:
        return value_in_any_order(context, value, sub.shape, sub.pointer) if in_any else text(whole)
    if in_any:
        return context.refuse(sub.pointer, 'order="any"', "a listed value that is deeper than a recursion is unrolled")
    if not context.with_marks:
        context.cut = context.reach.cuts = True
        context.narrow(sub.pointer, f"recursion is written {context.options.levels + 1} levels deep")
        return NOTHING
    places = [marked(context, context.constant(inner), shape) for shape, inner in deep]
    pieces = _CUT_TEXT.split(whole)  # every other one is the number of a place
    return Concat(tuple(places[int(piece)] if n % 2 else text(piece) for n, piece in enumerate(pieces)))


_CUT, _CUT_TEXT = "\x00cut {}\x00", re.compile(r'"\\u0000cut (\d+)\\u0000"')


def _cut(value: Any, shape: Shape, deep: list[tuple[Shape, Any]]) -> Any:
    """`value` without what stands at places that are not unrolled, which `deep` collects."""
    if shape.dead:
        deep.append((shape, value))
        return _CUT.format(len(deep) - 1)
    if isinstance(value, list):
        return [_cut(item, shape.item(n), deep) for n, item in enumerate(value)]
    if isinstance(value, dict):
        within = {name: shape.property(name) if name in shape.names else shape.other() for name in value}
        return {name: _cut(inner, within[name], deep) for name, inner in value.items()}
    return value


def ordered_text(value: Any, shape: Shape) -> str:
    """The canonical text of a value at a place: properties in the place's order, then others by `others.order`."""
    options = shape.context.options
    return value_text(_ordered(value, shape), whitespace=options.whitespace, level=shape.level, ascii=options.ascii)


def _ordered(value: Any, shape: Shape) -> Any:
    if isinstance(value, list):
        return [_ordered(item, shape.item(n)) for n, item in enumerate(value)]
    if not isinstance(value, dict):
        return value
    if shape.context.options.order == "any":
        return {n: _ordered(v, shape.property(n) if n in shape.names else shape.other()) for n, v in value.items()}
    named = {name: _ordered(value[name], shape.property(name)) for name in shape.names if name in value}
    others = sorted((name for name in value if name not in named), key=lambda name: order(spelled(name)))
    return named | {name: _ordered(value[name], shape.other()) for name in others}


def spelled(name: str) -> bytes:
    """A property's name as it is written."""
    return json.dumps(name, ensure_ascii=False).encode("utf-8", "surrogatepass")


# ---- keywords that combine schemas of one place


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
    near = rivals(context, members)
    exact: dict[int, Expression] = {}
    out: list[Expression] = []
    for n, member in enumerate(alternatives(context, members, keyword, sub)):
        part = yield member
        for m in near[n]:
            if m not in exact:
                exact[m] = yield exactly(sub, members[m], f"{sub.pointer}/{keyword}/{m}").failing(context)
        out.append(Minus(part, Alt(tuple(exact[m] for m in near[n]))) if near[n] else part)
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


def _unevaluated(context: Context, schema: Schema, keyword: str, sub: Sub) -> Walk:
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


def exactly(sub: Sub, schema: Any, pointer: str) -> Sub:
    """A schema at the same place that may be complemented: nothing of it is narrowed."""
    return Sub(schema, pointer, sub.shape, exact=True, lower=sub.lower)


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


def size(schema: Schema, keyword: str) -> int | None:
    """A whole number, which may be spelled 3.0, or None when absent."""
    return int(schema[keyword]) if keyword in schema else None
