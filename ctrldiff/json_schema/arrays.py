"""Arrays: items by position, how many there are, and how many of a kind."""

from __future__ import annotations

from collections.abc import Generator
from itertools import islice

from ctrldiff.automata.compile import compile_expression
from ctrldiff.automata.expression import NOTHING, Alt, Both, Concat, Expression, Graph, Literal, Minus, Repeat
from ctrldiff.automata.expression import text as literal
from ctrldiff.json_schema.canonical import exact_value, spelled_out, value_text
from ctrldiff.json_schema.canonical import spacing as spacing_of
from ctrldiff.json_schema.compiler import family
from ctrldiff.json_schema.context import Context
from ctrldiff.json_schema.reach import MOST_ITEMS
from ctrldiff.json_schema.shape import Shape, items_of
from ctrldiff.json_schema.subs import Schema, Sub, Together, Walk, all_of, parts_of, size

ANY_ARRAY: Schema = {"type": "array"}
MAX_DISTINCT = 12  # values that `uniqueItems` can tell apart


def spacing(shape: Shape) -> tuple[Expression, Expression, Expression, str]:
    """After an opening bracket, between members, before the closing bracket, and the colon."""
    return spacing_of(shape.context.options.whitespace, shape.level)


def _nothing(shape: Shape) -> Expression:
    """The empty list."""
    return spelled_out("[]", shape.context.options.whitespace)


@family("array")
def array(context: Context, schema: Schema, sub: Sub) -> Walk:
    """The items by position, between `minItems` and `maxItems`, then `contains` and `uniqueItems` on top."""
    shape, at = sub.shape, sub.pointer
    if not shape.containers:
        context.reach.cuts = True
        return _nothing(shape)
    low, high = size(schema, "minItems") or 0, size(schema, "maxItems")
    if high is not None and low > high:
        return context.contradict(at, f"minItems {low} > maxItems {high}")
    if high is not None and not sub.exact:
        reach = context.reach.bounded(high, low, MOST_ITEMS)
        if reach < high:
            context.narrow(at, f"arrays of at most {reach} items are written (maxItems {high})")
        high = reach
    items: list[Expression] = []
    for place in range(shape.prefix + 1):
        if high is not None and place >= high:
            items.append(NOTHING)
            continue
        asked = []
        for one in parts_of(schema, sub):
            first, rest = items_of(one.schema)
            of = first[place] if place < len(first) else True if rest is None else rest
            name = f"prefixItems/{place}" if place < len(first) else "items"
            asked.append(Sub(of, f"{one.pointer}/{name}", shape.item(place), one.exact, lower=one.lower))
        free = Sub(True, at, shape.item(place), sub.exact, lower=sub.lower)
        items.append((yield from all_of(context, asked or [free])))
    parts = [_sequence(shape, items, low, high)]
    for one in parts_of(schema, sub):
        if "contains" in one.schema:
            parts.append((yield from _containing(one.schema, one)))
    if schema.get("uniqueItems") and (high is None or high > 1):
        parts.append(_distinct(context, sub, items))
    return parts[0] if len(parts) == 1 else Both(tuple(parts))


def _sequence(shape: Shape, items: list[Expression], low: int, high: int | None) -> Expression:
    """Items one after another: `items[:-1]` by position, the last one for all that follow."""
    _, comma, _, _ = spacing(shape)
    prefix, rest = len(items) - 1, items[-1]
    if not prefix and low <= 1 and high is None:  # one copy of the item: two would double with every level of nesting
        return _wrapped(shape, Graph(2, ((0, 1, rest), (1, 0, comma)), (1,)), low == 0)
    edges: list[tuple[int, int, Expression]] = []
    ends = [n for n in range(1, prefix + 1) if low <= n and (high is None or n <= high)]
    for n in range(prefix):
        edges.append((n, n + 1, items[n] if n == 0 else Concat((comma, items[n]))))
    last = prefix + 1
    most = None if high is None else high - prefix
    if most is None or most > 0:
        if prefix:
            edges.append((prefix, last, Repeat(Concat((comma, rest)), max(low - prefix, 1), most)))
        else:
            more = Repeat(Concat((comma, rest)), max(low - 1, 0), None if most is None else most - 1)
            edges.append((prefix, last, Concat((rest, more))))
        ends.append(last)
    return _wrapped(shape, Graph(last + 1, tuple(edges), tuple(ends)), low == 0)


def _wrapped(shape: Shape, filled: Expression, empty: bool) -> Expression:
    first, _, last, _ = spacing(shape)
    whole = Concat((literal("["), first, filled, last, literal("]")))
    return Alt((_nothing(shape), whole)) if empty else whole


def _containing(schema: Schema, sub: Sub) -> Generator[Sub | Together, Expression, Expression]:
    """Arrays in which at least `minContains` and at most `maxContains` items match `contains`."""
    shape, at = sub.shape, f"{sub.pointer}/contains"
    least = size(schema, "minContains")
    least, most = 1 if least is None else least, size(schema, "maxContains")
    if most is not None and least > most:
        return NOTHING
    if least == 0 and most is None:
        return (yield Sub(ANY_ARRAY, at, shape, True))
    free, hit = [], []
    for place in range(shape.prefix + 1):
        of = shape.item(place)
        held = Sub(schema["contains"], at, of, sub.exact or most is not None, lower=sub.lower)
        hit.append((yield held))
        everything = yield Sub(True, at, of, True)
        free.append(everything if most is None else Minus(everything, (yield held.failing(shape.context))))
    _, comma, _, _ = spacing(shape)
    top = least if most is None else most
    number: dict[tuple[int, int], int] = {(0, 0): 0}
    edges: list[tuple[int, int, Expression]] = []
    todo = [(0, 0)]
    for state in todo:  # (items so far, capped; matches so far, capped)
        place, count = state
        at_item = min(place, shape.prefix)
        follow = [(min(place + 1, shape.prefix + 1), count, free[at_item])]
        if count < top or most is None:
            follow.append((min(place + 1, shape.prefix + 1), min(count + 1, top), hit[at_item]))
        for next_place, next_count, item in follow:
            target = (next_place, next_count)
            if target not in number:
                number[target] = len(number)
                todo.append(target)
            edges.append((number[state], number[target], item if place == 0 else Concat((comma, item))))
    ends = tuple(n for (place, count), n in number.items() if place and count >= least)
    return _wrapped(shape, Graph(len(number), tuple(edges), ends), least == 0)


def _distinct(context: Context, sub: Sub, items: list[Expression]) -> Expression:
    """No value twice: over a short list of values here, else of every text when it is decoded (`unique.py`).

    Then this is a bound of the arrays that are meant: all of them and more, or where what it accepts is left out, some:
    those that cannot hold a value twice.
    """
    limits = context.fuel.limits
    every = compile_expression(Alt(tuple(items)), limits, context.fuel)
    values = list(islice(every.members(MAX_DISTINCT + 1), MAX_DISTINCT + 1)) if every.is_finite else None
    if values is None or len(values) > MAX_DISTINCT:
        context.loose.items = True
        context.loose.negated = context.loose.negated or sub.lower
        return _sequence(sub.shape, items, 0, 1 if sub.lower else None)
    _, comma, _, _ = spacing(sub.shape)
    # Places may write the keys of equal objects in different orders: what is equal is one value, however it is spelled.
    spelled: dict[str, list[Literal]] = {}
    for value in values:
        spelled.setdefault(value_text(exact_value(value), sort=True), []).append(Literal(value))
    parts: list[Expression] = []
    for one, texts in spelled.items():
        this, other = (
            Alt(tuple(texts)),
            Alt(tuple(text for key, some in spelled.items() if key != one for text in some)),
        )
        others = Repeat(Concat((comma, other)), 0, None)
        begun = Concat((other, others))
        once = Alt((Concat((this, others)), Concat((begun, Repeat(Concat((comma, this, others)), 0, 1)))))
        parts.append(_wrapped(sub.shape, once, True))
    return Both(tuple(parts)) if parts else _nothing(sub.shape)
