"""Arrays and objects."""

from __future__ import annotations

import json

from ctrldiff.automata.compile import compile_expression
from ctrldiff.automata.dfa import Dfa
from ctrldiff.automata.expression import EMPTY, NOTHING, Alt, Concat, Expression, Language, Literal, Repeat, maybe, text
from ctrldiff.constraints.json_schema.compiler import Context, Schema, Sub, Walk, family, refuse_others, size
from ctrldiff.errors import ConstraintUnsatisfiable, SchemaInvalid
from ctrldiff.limits import Limits


def spacing(context: Context, depth: int) -> tuple[Expression, Literal, Expression, str]:
    """After an opening bracket, between members, before the closing bracket, and the colon."""
    if context.whitespace == "compact":
        return EMPTY, text(","), EMPTY, ":"
    inner, outer = "\n" + "  " * (depth + 1), "\n" + "  " * depth
    return text(inner), text("," + inner), text(outer), ": "


@family("array")
def array(context: Context, schema: Schema, at: str, depth: int) -> Walk:
    """`items` between `minItems` and `maxItems`."""
    known = {"items", "minItems", "maxItems"} | ({"uniqueItems"} if schema.get("uniqueItems") is False else set())
    if refuse_others(context, schema, at, "array", known):
        return NOTHING
    low, high = size(schema, "minItems", at) or 0, size(schema, "maxItems", at)
    if high is not None and low > high:
        raise ConstraintUnsatisfiable(f"no text satisfies {at}: minItems {low} > maxItems {high}", pointer=at)
    if high == 0:
        return text("[]")
    if "items" not in schema:
        return context.refuse(at, "items", "items of any kind: say which schema they have")
    item = yield Sub(schema["items"], f"{at}/items", depth + 1)
    first, comma, last, _ = spacing(context, depth)
    more = Repeat(Concat((comma, item)), max(low - 1, 0), None if high is None else high - 1)
    filled = Concat((text("["), first, item, more, last, text("]")))
    return filled if low else Alt((text("[]"), filled))


@family("object")
def object_(context: Context, schema: Schema, at: str, depth: int) -> Walk:
    """The declared properties in the schema's order; others are never written."""
    known = {"properties", "required", "additionalProperties"}
    if refuse_others(context, schema, at, "object", known):
        return NOTHING
    properties = schema.get("properties", {})
    required = schema.get("required", [])
    if not isinstance(properties, dict):
        raise SchemaInvalid(f"{at}/properties is not an object")
    if not isinstance(required, list) or not all(isinstance(name, str) for name in required):
        raise SchemaInvalid(f"{at}/required is not a list of names")
    for name in required:
        if name not in properties:
            return context.refuse(f"{at}/required", "required", f"{name!r} is required but not declared")
    if not properties and schema.get("additionalProperties") is not False:
        return context.refuse(at, "properties", "an object of any kind: declare its properties")
    if not properties:
        return text("{}")
    if schema.get("additionalProperties") is not False:
        context.narrow(at, "only declared properties are written")
    must = {name for name in properties if name in required or context.optional == "write"}
    if must - set(required):
        names = ", ".join(name for name in properties if name in must - set(required))
        context.narrow(at, f"optional properties are always written: {names}")
    first, comma, last, colon = spacing(context, depth)
    members: list[Expression] = []
    for name, value in properties.items():
        key = text(json.dumps(name, ensure_ascii=False) + colon)
        sub = yield Sub(value, f"{at}/properties/{_escape(name)}", depth + 1)
        members.append(Concat((key, sub)))
    needed = [name in must for name in properties]
    body = joined(members, needed, comma, context.fuel.limits)
    whole = Concat((text("{"), first, body, last, text("}")))
    return whole if any(needed) else Alt((text("{}"), whole))


def _escape(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")


def joined(members: list[Expression], needed: list[bool], comma: Literal, limits: Limits) -> Expression:
    """One or more of `members` in order with `comma` between; those `needed` always there."""
    if not any(needed):
        # Every member with a comma before it, then the first comma taken off: linear in the number of members.
        tail = Concat(tuple(maybe(Concat((comma, member))) for member in members))
        return _without_prefix(compile_expression(tail, limits), comma)
    pivot = needed.index(True)
    before = [maybe(Concat((member, comma))) for member in members[:pivot]]
    after = [
        Concat((comma, member)) if need else maybe(Concat((comma, member)))
        for member, need in zip(members[pivot + 1 :], needed[pivot + 1 :], strict=True)
    ]
    return Concat((*before, members[pivot], *after))


def _without_prefix(dfa: Dfa, prefix: Literal) -> Expression:
    """The rest of the texts that begin with the prefix (left quotient)."""
    state = 0
    for byte in prefix.data:
        state = int(dfa.table[state, dfa.classes[byte]])
        if state < 0:
            return NOTHING
    return Language(Dfa.from_arrays(dfa.table, dfa.classes, dfa.accept, start=state))
