"""From a JSON Schema to an expression: a driver that walks sub-schemas, and a registry of keyword families.

Every family is a generator: it yields `Sub(schema, pointer)` for each sub-schema it needs, is sent the expression,
and returns its own. The driver keeps the generators on a list of its own, so a schema nested 3,000 deep costs no
Python stack. To support more keywords, teach a family; whatever no family claims is refused with its pointer.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from ctrldiff.automata.expression import NOTHING, Alt, Both, Expression, text
from ctrldiff.constraints.json_schema.canonical import value_text
from ctrldiff.errors import ConstraintTooLarge, SchemaInvalid, SchemaUnsupported
from ctrldiff.limits import Fuel

Schema: TypeAlias = dict[str, Any]
Walk: TypeAlias = Generator["Sub", Expression, Expression]

TYPES = ("null", "boolean", "integer", "number", "string", "array", "object")
ANNOTATIONS = {
    *("$schema", "$id", "$comment", "$defs", "definitions", "$anchor", "$vocabulary"),
    *("title", "description", "default", "examples", "deprecated", "readOnly", "writeOnly"),
    *("contentEncoding", "contentMediaType", "contentSchema", "discriminator"),
}
FAMILY = {
    "string": {"minLength", "maxLength", "pattern", "format"},
    "number": {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"},
    "array": {
        *("items", "minItems", "maxItems", "prefixItems", "contains", "minContains", "maxContains"),
        *("uniqueItems", "unevaluatedItems", "additionalItems"),
    },
    "object": {
        *("properties", "required", "additionalProperties", "patternProperties", "propertyNames", "minProperties"),
        *("maxProperties", "dependentRequired", "dependentSchemas", "dependencies", "unevaluatedProperties"),
    },
}
COMBINING = {"anyOf", "oneOf", "allOf", "not", "if", "then", "else", "$ref", "$dynamicRef", "$recursiveRef"}
MAX_DEPTH = 4_000


@dataclass(frozen=True)
class Sub:
    """A sub-schema to compile: the driver answers with its expression."""

    schema: Any
    pointer: str
    depth: int


@dataclass
class Context:
    """What one compilation shares."""

    root: Any
    fuel: Fuel
    whitespace: str
    optional: str
    refused: list[tuple[str, str, str]] = field(default_factory=list)  # pointer, keyword, why
    narrowed: list[tuple[str, str]] = field(default_factory=list)  # pointer, how
    enforced: dict[str, int] = field(default_factory=dict)  # keyword, times

    def refuse(self, pointer: str, keyword: str, why: str = "") -> Expression:
        """Note a refusal; all of them are reported together when the walk ends."""
        self.refused.append((pointer, keyword, why))
        return NOTHING

    def narrow(self, pointer: str, how: str) -> None:
        """Note that the language written is smaller than the schema's."""
        self.narrowed.append((pointer, how))

    def enforce(self, *keywords: str) -> None:
        """Count keywords that are enforced exactly."""
        for keyword in keywords:
            self.enforced[keyword] = self.enforced.get(keyword, 0) + 1


Family: TypeAlias = Callable[[Context, Schema, str, int], Walk]
Leaf: TypeAlias = Callable[[Context, Schema, str], Expression]
_families: dict[str, Family] = {}


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
        def walk(context: Context, schema: Schema, at: str, depth: int) -> Walk:
            yield from ()
            return write(context, schema, at)

        family(*types)(walk)
        return write

    return register


def compile_schema(context: Context) -> Expression:
    """The expression of `context.root`. Raises SchemaUnsupported naming every keyword that cannot be enforced."""
    expression = _drive(context)
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


def _drive(context: Context) -> Expression:
    stack = [_schema(context, Sub(context.root, "#", 0))]
    answer: Expression | None = None
    while True:
        try:
            sub = next(stack[-1]) if answer is None else stack[-1].send(answer)
        except StopIteration as done:
            stack.pop()
            answer = done.value
            if not stack:
                assert answer is not None
                return answer
            continue
        context.fuel.spend("sub-schemas", 1, context.fuel.limits.max_nodes)
        if len(stack) > MAX_DEPTH:
            raise ConstraintTooLarge("nesting depth", len(stack), MAX_DEPTH, where=sub.pointer[:80])
        stack.append(_schema(context, sub))
        answer = None


def _schema(context: Context, sub: Sub) -> Walk:
    """One schema: its reference, its values, its types, its alternatives."""
    schema, at = sub.schema, sub.pointer
    if schema is False:
        return NOTHING
    if schema is True or schema == {}:
        return context.refuse(at, "type", "any JSON value: say which type is meant")
    if not isinstance(schema, dict):
        raise SchemaInvalid(
            f"{at} is a {type(schema).__name__}, not a schema", hint="a schema is an object or a boolean"
        )
    if "enum" in schema or "const" in schema:
        return _listed(context, schema, at)
    for keyword in sorted(COMBINING & set(schema)):
        if keyword not in ("$ref", "anyOf", "allOf"):
            return context.refuse(f"{at}/{keyword}", keyword)
    parts: list[Expression] = []
    asserts = {k for k in schema if k == "type" or any(k in keywords for keywords in FAMILY.values())}
    if "$ref" in schema:
        parts.append((yield Sub(*_resolve(context, schema["$ref"], at), sub.depth)))
        context.enforce("$ref")
    if "allOf" in schema:
        members = _list_of_schemas(schema, "allOf", at)
        if len(members) > 1 or asserts:
            return context.refuse(f"{at}/allOf", "allOf", "only a single member with nothing beside it")
        parts.append((yield Sub(members[0], f"{at}/allOf/0", sub.depth)))
        context.enforce("allOf")
    if "anyOf" in schema:
        if asserts & FAMILY["object"]:
            return context.refuse(f"{at}/anyOf", "anyOf", "beside object keywords")
        branches = []
        for n, member in enumerate(_list_of_schemas(schema, "anyOf", at)):
            branches.append((yield Sub(member, f"{at}/anyOf/{n}", sub.depth)))
        parts.append(Alt(tuple(branches)))
        context.enforce("anyOf")
    if asserts or not parts:
        kinds = []
        for name in _types(context, schema, at):
            kinds.append((yield from _families[name](context, schema, at, sub.depth)))
        parts.append(Alt(tuple(kinds)))
    return parts[0] if len(parts) == 1 else Both(tuple(parts))


def _types(context: Context, schema: Schema, at: str) -> list[str]:
    """The JSON types a schema allows; told by its keywords when `type` is absent (a narrowing, and noted)."""
    declared = schema.get("type")
    if declared is not None:
        names = declared if isinstance(declared, list) else [declared]
        for name in names:
            if name not in TYPES:
                raise SchemaInvalid(f"{at}/type names {name!r}", hint=f"one of {', '.join(TYPES)}")
        context.enforce("type")
        return [name for name in dict.fromkeys(names) if not (name == "integer" and "number" in names)]
    implied = [name for name, keywords in FAMILY.items() if keywords & set(schema)]
    if len(implied) == 1:
        context.narrow(at, f"no type is given: written as {implied[0]}, which its keywords speak of")
        return implied
    context.refuse(at, "type", "no type is given, and the keywords do not tell which is meant")
    return []


def _listed(context: Context, schema: Schema, at: str) -> Expression:
    """`enum` and `const`: the listed values that the whole schema accepts, each in its canonical text."""
    import jsonschema_rs

    if "enum" in schema and not isinstance(schema["enum"], list):
        raise SchemaInvalid(f"{at}/enum is not a list")
    values = schema["enum"] if "enum" in schema else [schema["const"]]
    context.enforce(*(k for k in ("enum", "const") if k in schema))
    rest = {k: v for k, v in schema.items() if k not in ANNOTATIONS and k != "enum"}
    if rest:
        rest |= {k: context.root[k] for k in ("$defs", "definitions") if k in context.root}
        try:
            validator = jsonschema_rs.Draft202012Validator(rest, validate_formats=True)
        except Exception as error:
            raise SchemaInvalid(f"{at}: {error}") from error
        values = [value for value in values if validator.is_valid(value)]
    separators = (",", ":") if context.whitespace == "compact" else (", ", ": ")
    context.fuel.spend("listed values", len(values), context.fuel.limits.max_nodes)
    return Alt(tuple(dict.fromkeys(text(value_text(value, separators)) for value in values)))


def _list_of_schemas(schema: Schema, keyword: str, at: str) -> list[Any]:
    members = schema[keyword]
    if not isinstance(members, list) or not members:
        raise SchemaInvalid(f"{at}/{keyword} is not a list of schemas")
    return members


def _resolve(context: Context, reference: Any, at: str) -> tuple[Any, str]:
    """A reference inside the document. Raises for others, and for one that leads back into itself."""
    if not isinstance(reference, str):
        raise SchemaInvalid(f"{at}/$ref is not a string")
    if not reference.startswith("#"):
        raise SchemaUnsupported(
            f'"$ref" at {at}/$ref points outside the document: {reference!r}',
            hint="put the schema under $defs; nothing is fetched",
            pointer=f"{at}/$ref",
            keyword="$ref",
        )
    target: Any = context.root
    for token in reference[1:].split("/")[1:]:
        key = token.replace("~1", "/").replace("~0", "~")
        if isinstance(target, list) and key.isdigit() and int(key) < len(target):
            target = target[int(key)]
        elif isinstance(target, dict) and key in target:
            target = target[key]
        else:
            raise SchemaInvalid(f"{at}/$ref points to {reference!r}, which is not there")
    # The way here is written in the pointer, so a reference met twice on one way is a recursion.
    mark = f"/$ref({reference})"
    if mark in at:
        raise SchemaUnsupported(
            f'"$ref" at {at}/$ref leads back into {reference!r}: recursive schemas are not enforceable here',
            hint="unroll it by hand as deep as your documents go",
            pointer=f"{at}/$ref",
            keyword="$ref",
        )
    return target, at + mark


def size(schema: Schema, keyword: str, at: str) -> int | None:
    """A non-negative whole number, or None when absent."""
    value = schema.get(keyword)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0 or value != int(value):
        raise SchemaInvalid(f"{at}/{keyword} is {value!r}, not a non-negative whole number")
    return int(value)


def refuse_others(context: Context, schema: Schema, at: str, kind: str, known: set[str]) -> bool:
    """Refuse the keywords of a family that it does not enforce; True if there were any."""
    unknown = [k for k in schema if k in FAMILY[kind] and k not in known]
    for keyword in unknown:
        context.refuse(f"{at}/{keyword}", keyword)
    context.enforce(*(k for k in schema if k in FAMILY[kind] and k in known))
    return bool(unknown)
