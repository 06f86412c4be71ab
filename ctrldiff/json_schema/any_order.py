"""Members of an object in every order, each at most once: an automaton that remembers which have come.

It has a state for each set of members, and writes a member once for each set that it may be added to, n * 2^(n-1) times
in all: so there is a most.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from ctrldiff.automata.expression import NOTHING, Concat, Expression, Graph

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
