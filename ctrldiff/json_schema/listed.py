"""Values that a schema lists, each in its canonical text."""

from __future__ import annotations

import re
from functools import partial
from typing import Any

from ctrldiff.automata.expression import NOTHING, Alt, Concat, Expression
from ctrldiff.grounded.kinds import KEY
from ctrldiff.json_schema.any_order import value_in_any_order
from ctrldiff.json_schema.canonical import spelled_out, value_text
from ctrldiff.json_schema.context import Context
from ctrldiff.json_schema.from_text import stated
from ctrldiff.json_schema.others import order
from ctrldiff.json_schema.recursion import marked
from ctrldiff.json_schema.shape import Shape, listed
from ctrldiff.json_schema.subs import Schema, Sub


def listings(context: Context, schema: Schema, sub: Sub) -> list[Expression]:
    """The values that a schema lists, keyword by keyword: its own, and those that the document states."""
    found = []
    if "enum" in schema or "const" in schema:
        found.append(_listed(context, schema, sub))
    if KEY in schema:
        found.append(stated(context, schema, sub.pointer, lambda value: _spelled(context, value, sub)))
    return found


def _listed(context: Context, schema: Schema, sub: Sub) -> Expression:
    """`enum` and `const`: the listed values, each in its canonical text."""
    context.enforce(sub.pointer, *(k for k in ("enum", "const") if k in schema))
    values = listed(schema)
    if "enum" in schema and "const" in schema:
        wanted = value_text(schema["const"], sort=True)
        values = [v for v in schema["enum"] if value_text(v, sort=True) == wanted]
    context.fuel.spend("listed values", len(values), context.fuel.limits.max_nodes)
    if not values:
        why = "its enum lists no value" + (" that its const is" if "const" in schema else "")
        context.unlisted.append((sub.pointer, why))
    return Alt(tuple(dict.fromkeys(_spelled(context, value, sub) for value in values)))


def _spelled(context: Context, value: Any, sub: Sub) -> Expression:
    """The text of a listed value; one that goes deeper than a recursion is unrolled is left out, as all others are."""
    deep: list[tuple[Shape, Any]] = []
    whole = ordered_text(_cut(value, sub.shape, deep) if sub.shape.entered else value, sub.shape)
    in_any = context.options.order == "any"
    in_full = partial(spelled_out, whitespace=context.options.whitespace)
    if not deep:
        return value_in_any_order(context, value, sub.shape, sub.pointer) if in_any else in_full(whole)
    if in_any:
        return context.refuse(sub.pointer, 'order="any"', "a listed value that is deeper than a recursion is unrolled")
    if not context.with_marks:
        context.cut = context.reach.cuts = True
        context.narrow(sub.pointer, f"recursion is written {context.options.levels + 1} levels deep")
        return NOTHING
    places = [marked(context, context.constant(inner), shape) for shape, inner in deep]
    pieces = _CUT_TEXT.split(whole)  # every other one is the number of a place
    return Concat(tuple(places[int(piece)] if n % 2 else in_full(piece) for n, piece in enumerate(pieces)))


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
    others = sorted((name for name in value if name not in named), key=order)
    return named | {name: _ordered(value[name], shape.other()) for name in others}
