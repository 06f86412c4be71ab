"""From a JSON Schema to an expression: a driver that walks sub-schemas, and a registry of keyword families.

Every family is a generator: it yields `Sub` for each sub-schema it needs, is sent the expression, and returns its own.
The driver keeps the generators on a list of its own, so a schema nested 3,000 deep costs no Python stack.

Every schema of one place becomes a subset of that place's base (`shape.py`), so the combining keywords are the
algebra: all is intersection, any is union, not is difference from the base. Where a schema is complemented (`exact`)
nothing may be narrowed; elsewhere an alternative leaves out the properties that only its siblings speak of. That is
how it reads in `combining.py`, and how `context.apart` compiles it; as a rule schemas that hold together are merged
before any automaton is made (`together.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

from ctrldiff.automata.expression import NOTHING, Alt, Both, Expression
from ctrldiff.errors import ConstraintTooLarge, SchemaInvalid, SchemaUnsupported
from ctrldiff.json_schema.combining import COMBINING, UNEVALUATED, beside, combines, unevaluated
from ctrldiff.json_schema.context import Context, Walked
from ctrldiff.json_schema.formats import NARROWED
from ctrldiff.json_schema.from_text import settles_type
from ctrldiff.json_schema.keywords import BESIDE, FAMILY, OF_ANY, said
from ctrldiff.json_schema.listed import listings
from ctrldiff.json_schema.reach import LONGEST
from ctrldiff.json_schema.recursion import marked
from ctrldiff.json_schema.references import before_references
from ctrldiff.json_schema.shape import Shape
from ctrldiff.json_schema.subs import Merged, Schema, Sub, Together, Walk, key_of

TYPES = ("null", "boolean", "integer", "number", "string", "array", "object")
MAX_DEPTH = 4_000
_OF_SOME = frozenset().union(*FAMILY.values())

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
            parts.append((yield from unevaluated(context, schema, keyword, sub)))
    if not parts:
        return (yield replace(sub, schema=True))
    return parts[0] if len(parts) == 1 else Both(tuple(parts))


def speaks(schema: Schema) -> bool:
    """It says something of values by itself: by a keyword of some type, by naming types or listing values."""
    return not _OF_SOME.isdisjoint(schema) or not OF_ANY.isdisjoint(schema)


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


def is_typed(schema: Schema, at: str) -> bool:
    """It says something of types that the values it lists do not settle."""
    return not _OF_SOME.isdisjoint(schema) or ("type" in schema and not settles_type(schema, at))
