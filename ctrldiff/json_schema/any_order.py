"""Members of an object in every order, each at most once: an automaton that remembers which have come.

It has a state for each set of members, and writes a member once for each set that it may be added to, n * 2^(n-1) times
in all: so there is a most.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from ctrldiff.automata.expression import NOTHING, Concat, Expression, Graph, text
from ctrldiff.json_schema.canonical import spacing, spelled_out, string_text, value_text

if TYPE_CHECKING:
    from ctrldiff.json_schema.context import Context
    from ctrldiff.json_schema.shape import Shape

MOST = 8  # properties of one object that are written in any order

Came: TypeAlias = frozenset[int]


def arranged(
    members: Mapping[int, Expression],
    loop: Expression,
    comma: Expression,
    *,
    counted: int,
    more: Callable[[int], bool],
    may_end: Callable[[Came, int], bool],
    spend: Callable[[], None],
) -> Graph:
    """What stands between the brackets; the empty object is not among it.

    Args:
        members: each at most once, by number.   loop: what may come any number of times.
        counted: members beyond so many are not told apart by their number.
        more: another one may come when there are so many.   may_end: these and so many in all may be the whole.
        spend: called for each state.
    """
    start: tuple[Came, int] = (frozenset(), 0)  # the members that came, and how many of the loop
    number = {start: 0}
    edges: list[tuple[int, int, Expression]] = []
    ends: list[int] = []
    todo = [start]
    for came, others in todo:
        spend()
        here, count = number[came, others], len(came) + others
        if count and may_end(came, count):
            ends.append(here)
        if not more(count):
            continue
        after = [(came | {n}, others, member) for n, member in members.items() if n not in came]
        if loop is not NOTHING:
            after.append((came, min(others + 1, max(counted, 1)), loop))
        for also, beside, member in after:
            state = also, beside
            if state not in number:
                number[state] = len(number)
                todo.append(state)
            edges.append((here, number[state], Concat((comma, member)) if count else member))
    return Graph(len(number), tuple(edges), tuple(ends))


def value_in_any_order(context: Context, value: Any, shape: Shape, at: str) -> Expression:
    """Every text of a listed value, the keys of its objects in any order."""
    first, comma, last, colon = spacing(context.options.whitespace, shape.level)
    if isinstance(value, list) and value:
        items = [value_in_any_order(context, item, shape.item(n), at) for n, item in enumerate(value)]
        inside: Expression = Concat(tuple(part for item in items for part in (comma, item))[1:])
        return Concat((text("["), first, inside, last, text("]")))
    if not isinstance(value, dict) or not value:
        return spelled_out(value_text(value, ascii=context.options.ascii), context.options.whitespace)
    if len(value) > MOST:
        why = f"a listed object of {len(value)} properties; {MOST} are the most"
        return context.refuse(at, 'order="any"', why)
    members: dict[int, Expression] = {}
    for n, (name, inner) in enumerate(value.items()):
        place = shape.property(name) if name in shape.names else shape.other()
        key = text(string_text(name, context.options.ascii))
        members[n] = Concat((key, text(colon), value_in_any_order(context, inner, place, at)))
    inside = arranged(
        members,
        NOTHING,
        comma,
        counted=0,
        more=lambda count: count < len(members),
        may_end=lambda came, count: count == len(members),
        spend=lambda: context.fuel.spend("object states", 1, context.fuel.limits.max_nodes),
    )
    return Concat((text("{"), first, inside, last, text("}")))
