"""Null, booleans, numbers and strings."""

from __future__ import annotations

from ctrldiff.automata.compile import compile_expression
from ctrldiff.automata.expression import NOTHING, Alt, Both, Concat, Expression, Language, Repeat, text
from ctrldiff.automata.regex import parse
from ctrldiff.constraints.json_schema.canonical import QUOTE, STRING_CHAR, escaped
from ctrldiff.constraints.json_schema.compiler import Context, Schema, leaf, refuse_others, size
from ctrldiff.constraints.json_schema.formats import FORMATS
from ctrldiff.constraints.json_schema.numbers import decimals, integers, number_bounds
from ctrldiff.errors import ConstraintUnsatisfiable, RegexSyntaxError, RegexUnsupported, SchemaInvalid


@leaf("null")
def null(context: Context, schema: Schema, at: str) -> Expression:
    """`null`."""
    return text("null")


@leaf("boolean")
def boolean(context: Context, schema: Schema, at: str) -> Expression:
    """`true` or `false`."""
    return Alt((text("true"), text("false")))


@leaf("integer", "number")
def number(context: Context, schema: Schema, at: str) -> Expression:
    """Decimals without exponent, or integers, between bounds."""
    bounds = {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"}
    for keyword in bounds & set(schema):
        if isinstance(schema[keyword], bool) or not isinstance(schema[keyword], int | float):
            raise SchemaInvalid(f"{at}/{keyword} is {schema[keyword]!r}, not a number")
    if refuse_others(context, schema, at, "number", bounds):
        return NOTHING
    low, high = number_bounds(schema)
    whole_only = "number" not in _names(schema)
    return integers(low, high) if whole_only else decimals(low, high)


def _names(schema: Schema) -> list[str]:
    declared = schema.get("type", "number")
    return declared if isinstance(declared, list) else [declared]


@leaf("string")
def string(context: Context, schema: Schema, at: str) -> Expression:
    """A quoted string: length in code points, pattern and format, each in canonical escapes."""
    if refuse_others(context, schema, at, "string", {"minLength", "maxLength", "pattern", "format"}):
        return NOTHING
    return Concat((QUOTE, content(context, schema, at), QUOTE))


def content(context: Context, schema: Schema, at: str) -> Expression:
    """What stands between the quotes."""
    low, high = size(schema, "minLength", at) or 0, size(schema, "maxLength", at)
    if high is not None and low > high:
        raise ConstraintUnsatisfiable(f"no text satisfies {at}: minLength {low} > maxLength {high}", pointer=at)
    parts: list[Expression] = []
    if low or high is not None:
        parts.append(Repeat(STRING_CHAR, low, high))
    if "pattern" in schema:
        parts.append(_pattern(context, schema["pattern"], at))
    if "format" in schema:
        known = FORMATS.get(schema["format"])
        if known is None:
            return context.refuse(f"{at}/format", "format", f"known: {', '.join(sorted(FORMATS))}")
        parts.append(parse(known))
    if not parts:
        return Repeat(STRING_CHAR, 0, None)
    return parts[0] if len(parts) == 1 else Both(tuple(parts))


def _pattern(context: Context, pattern: object, at: str) -> Expression:
    if not isinstance(pattern, str):
        raise SchemaInvalid(f"{at}/pattern is not a string")
    limits = context.fuel.limits
    try:
        expression = parse(pattern, dialect="ecma", search=True, limits=limits)
    except RegexUnsupported as error:
        return context.refuse(f"{at}/pattern", "pattern", str(error))
    except RegexSyntaxError as error:
        raise SchemaInvalid(f"{at}/pattern is no pattern", why=str(error)) from error
    return Language(escaped(compile_expression(expression, limits), limits))
