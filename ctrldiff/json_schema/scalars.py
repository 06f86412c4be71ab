"""Null, booleans, numbers and strings."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

from ctrldiff.automata.compile import compile_expression
from ctrldiff.automata.dfa import Dfa
from ctrldiff.automata.expression import NOTHING, Alt, Both, Concat, Expression, Language, Repeat, text
from ctrldiff.constraints.keyword import described
from ctrldiff.constraints.of_text import KEYWORD
from ctrldiff.constraints.span import substrings
from ctrldiff.errors import SchemaUnsupported
from ctrldiff.json_schema.canonical import QUOTE, escaped, string_char
from ctrldiff.json_schema.compiler import compile_schema, family, leaf
from ctrldiff.json_schema.context import Context
from ctrldiff.json_schema.formats import FORMATS, REFUSED
from ctrldiff.json_schema.keywords import FAMILY, PATTERNS, SPELLS, those
from ctrldiff.json_schema.numbers import decimals, integers, multiples, number_bounds
from ctrldiff.json_schema.plain import digits_of, numbers, strings
from ctrldiff.json_schema.subs import Schema, Sub, Walk, size
from ctrldiff.regex.parse import parse

_DEFINED = those(lambda row: row.role == "names" and row.holds == "map")


@leaf("null")
def null(context: Context, schema: Schema, at: str) -> Expression:
    """`null`."""
    return text("null")


@leaf("boolean")
def boolean(context: Context, schema: Schema, at: str) -> Expression:
    """`true` or `false`."""
    return Alt((text("true"), text("false")))


@family("integer", "number")
def number(context: Context, schema: Schema, sub: Sub) -> Walk:
    """Decimals without exponent, or integers, between bounds and in steps; of so many digits, if that is said."""
    yield from ()
    values = _number(context, schema, sub.pointer)
    digits = context.options.digits
    if not isinstance(digits, tuple) or sub.shape.said or values is NOTHING:
        return values
    before, behind = digits_of(sub.shape.members, digits)
    context.narrow(sub.pointer, f"numbers have at most {before} digits before the point and {behind} behind it")
    return Both((values, numbers((before, behind))))


def _number(context: Context, schema: Schema, at: str) -> Expression:
    schema = _plain_bounds(schema)
    low, high = number_bounds(schema)
    if low is not None and high is not None and low.value > high.value:
        context.contradict(at, f"no number is from {low.value} to {high.value}")
    whole_only = "number" not in _names(schema)
    values = integers(low, high) if whole_only else decimals(low, high)
    if "multipleOf" not in schema:
        return values
    steps = multiples(schema["multipleOf"])
    if steps is None:
        return context.refuse(f"{at}/multipleOf", "multipleOf", "too many digits to keep a remainder of")
    return Both((values, Language(steps)))


def _plain_bounds(schema: Schema) -> Schema:
    """Draft 4 says by true that the minimum itself is excluded."""
    plain = dict(schema)
    for flag, bound in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        if isinstance(schema.get(flag), bool):
            del plain[flag]
            if schema[flag] and bound in schema:
                plain[flag] = plain.pop(bound)
    return plain


def _names(schema: Schema) -> list[str]:
    declared = schema.get("type", "number")
    return declared if isinstance(declared, list) else [declared]


@family("string")
def string(context: Context, schema: Schema, sub: Sub) -> Walk:
    """A quoted string: length in code points, pattern and format, each in canonical escapes."""
    yield from ()
    inside, ascii = content(context, schema, sub.pointer), context.options.ascii
    if context.options.strings == "plain" and not sub.shape.said:
        context.narrow(sub.pointer, "strings begin with none of `:,]}` and close no bracket that they did not open")
        bounded = schema.keys() & (FAMILY["string"] - SPELLS)
        inside = Both((inside, strings(ascii))) if bounded else strings(ascii)
    return Concat((QUOTE, inside, QUOTE))


def content(context: Context, schema: Schema, at: str) -> Expression:
    """What stands between the quotes."""
    low, high = size(schema, "minLength") or 0, size(schema, "maxLength")
    if high is not None and low > high:
        return context.contradict(at, f"minLength {low} > maxLength {high}")
    char = string_char(context.options.ascii)
    parts: list[Expression] = []
    if low or high is not None:
        parts.append(Repeat(char, low, high))
    parts += [_pattern(context, schema[name], name, at) for name in PATTERNS if name in schema]
    if "format" in schema:
        named = schema["format"]
        if named in REFUSED:
            return context.refuse(f"{at}/format", "format", REFUSED[named])
        if named in FORMATS:
            parts.append(Language(_format(named, context.options.ascii)))
        else:
            context.narrow(at, f"format {named!r} is not one of JSON Schema's: read as an annotation")
    if KEYWORD in schema:
        said, limits = described(schema[KEYWORD], at).dfa(context.fuel.limits), context.fuel.limits
        parts.append(Language(escaped(said, limits, context.options.ascii)))
    if "x-json" in schema:
        parts.append(_json_inside(context, schema["x-json"], f"{at}/x-json"))
    if schema.get("x-span"):
        parts.append(_span(context, at))
    if not parts:
        return Repeat(char, 0, None)
    return parts[0] if len(parts) == 1 else Both(tuple(parts))


@cache
def _format(named: str, ascii: bool) -> Dfa:
    return escaped(compile_expression(parse(FORMATS[named])), ascii=ascii)


def _pattern(context: Context, pattern: str, keyword: str, at: str) -> Expression:
    try:
        found = context.pattern(pattern, f"{at}/{keyword}", PATTERNS[keyword])
    except SchemaUnsupported as error:
        return context.refuse(f"{at}/{keyword}", keyword, error.why)
    return Language(escaped(found, context.fuel.limits, context.options.ascii))


def _span(context: Context, at: str) -> Expression:
    """What stands in the document, escaped; a document without text has none."""
    document = context.options.document
    if document is None:
        return context.refuse(f"{at}/x-span", "x-span", "a span stands in a document: JsonSchema(..., document=text)")
    if not document:
        return context.contradict(at, "a span of an empty document")
    limits = context.fuel.limits
    return Language(escaped(substrings(document, limits), limits, context.options.ascii))


def _json_inside(context: Context, schema: Any, at: str) -> Expression:
    """The JSON texts of the values that a schema accepts, as they stand inside a string. It refers to what the whole
    document defines."""
    limits, defined = context.fuel.limits, {name: context.root[name] for name in _DEFINED if name in context.root}
    whole = defined | schema if isinstance(schema, dict) else schema
    inner = Context(whole, context.fuel, replace(context.options, ascii=False), context.documents)
    try:
        texts = compile_expression(compile_schema(inner), limits, context.fuel)
    except SchemaUnsupported as error:
        return context.refuse(at, "x-json", f"{error.message}: {error.why}")
    if inner.loose.items:
        return context.refuse(at, "x-json", "that no item comes twice is not told of a text inside a text")
    for pointer, how in inner.narrowed:
        context.narrow(at + pointer.removeprefix("#"), how)
    return Language(escaped(texts, limits, context.options.ascii))
