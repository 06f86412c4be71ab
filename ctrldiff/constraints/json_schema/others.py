"""Properties that no schema names, so that no name ever comes twice.

No finite automaton remembers every name it has read. So the names are split into cells by how they begin, the cells
have an order (that of their bytes), and each gives at most one property: names of different cells differ. Each cell
repeats the automaton of the value, which is what limits their number.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import groupby
from operator import itemgetter

import numpy as np

from ctrldiff.automata.compile import compile_expression
from ctrldiff.automata.dfa import Dfa
from ctrldiff.automata.expression import Alt, Concat, Expression, Language, Literal
from ctrldiff.constraints.json_schema.context import Context

MOST = 68  # cells: a letter or a digit each, and what lies between
WORTH = ((28, 3), (10, 4))  # cells, and how many times `room` they may take: the first are worth the most
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_SPLITS = (  # byte to its group, finest first; bytes without one lie together
    {ord(c): ord(c) for c in "0123456789" + _LETTERS + _LETTERS.upper()},
    {ord(c): ord(c) for c in _LETTERS},
    {ord(c): n for n, group in enumerate(("abc", "def", "ghi", "jkl", "mno", "pqrs", "tuv", "wxyz")) for c in group},
)


@dataclass(frozen=True)
class Cell:
    """Names that begin, quotes and escapes included, with `prefix` and then one of `bytes` (empty: anything)."""

    prefix: bytes
    bytes: tuple[int, ...] = ()


def cells(names: Dfa, most: int) -> list[Cell]:
    """A split of the spelled names into at most `most` cells, in the order of their bytes; short prefixes first."""
    whole: list[Cell] = []
    heap: list[tuple[int, bytes, int]] = [(0, b"", 0)]
    while heap:
        _, prefix, state = heappop(heap)
        onward = _onward(names, state)
        while len(onward) == 1 and not names.accept[state]:
            prefix, state = prefix + bytes(onward), names.step(state, onward[0])
            onward = _onward(names, state)
        groups = _grouped(onward, most - len(whole) - len(heap)) if onward else []
        if not groups:
            whole.append(Cell(prefix))
        for group in groups:
            if len(group) == 1:
                heappush(heap, (len(prefix) + 1, prefix + bytes(group), names.step(state, group[0])))
            else:
                whole.append(Cell(prefix, group))
    return sorted(whole, key=lambda cell: cell.prefix + bytes(cell.bytes[:1]))


def _onward(names: Dfa, state: int) -> list[int]:
    return [int(b) for b in np.flatnonzero(names.table[state][names.classes] >= 0)]


def _grouped(onward: list[int], most: int) -> list[tuple[int, ...]]:
    """The bytes in runs, at most `most` of them; none if they would all lie together."""
    singly = {b: b for b in onward}
    coarsest: list[tuple[int, ...]] = []
    for group_of in (singly, *_SPLITS):
        keyed = [(group_of.get(b, -1), b) for b in onward]
        runs = [tuple(b for _, b in run) for _, run in groupby(keyed, itemgetter(0))]
        if 1 < len(runs) <= most:
            return runs
        coarsest = runs if len(runs) > 1 else coarsest
    if most < 2 or not coarsest:
        return []
    return [sum(coarsest[n * len(coarsest) // most : (n + 1) * len(coarsest) // most], ()) for n in range(most)]


@dataclass(frozen=True)
class Others:
    """The properties without a name. at_most_one: of each of these, in this order. all_told: every name has its own."""

    at_most_one: tuple[Expression, ...] = ()
    all_told: bool = True


def told_apart(
    context: Context, kinds: list[tuple[Dfa, Expression]], colon: Expression, *, least: int, copies: int, single: bool
) -> Others:
    """The properties without a name, cell by cell.

    Args:
        kinds: disjoint sets of spelled names, each with its value.
        least: cells that there must be, if they can; copies: how often each is written.
        single: one cell.
    """
    if not kinds:
        return Others()
    most = 1
    if not single:
        values = [context.compiled(value) for _, value in kinds]
        kinds = [(names, Language(value)) for (names, _), value in zip(kinds, values, strict=True)]
        size = sum(names.n_states + value.n_states for (names, _), value in zip(kinds, values, strict=True))
        worth = (count for count, share in WORTH if count * size * copies <= share * context.room)
        most = min(MOST, max(context.room // (size * copies), next(worth, 1), least))
    every = kinds[0][0]
    if len(kinds) > 1:
        apart = Alt(tuple(Language(names) for names, _ in kinds))
        every = compile_expression(apart, context.fuel.limits, context.fuel)
    if most < 2 or (len(split := cells(every, most))) < 2:
        found = [Alt(tuple(Concat((Language(names), colon, value)) for names, value in kinds))]
    else:
        context.told_apart, rests = True, _Rests(kinds)
        found = [Alt(tuple(Concat((*begun, colon, value)) for begun, value in rests.of(cell))) for cell in split]
    told = every.is_finite and sum(1 for _ in every.members(len(found) + 1)) == len(found)
    return Others(tuple(found), told)


class _Rests:
    """How the names of each kind go on after a beginning, made once for every state that one leads to."""

    def __init__(self, kinds: list[tuple[Dfa, Expression]]) -> None:
        self.kinds = kinds
        self.known: dict[tuple[int, int], Language] = {}

    def of(self, cell: Cell) -> Iterator[tuple[tuple[Expression, Expression], Expression]]:
        """The names of a cell, as (beginning, rest), and their values."""
        for k, (names, value) in enumerate(self.kinds):
            state = 0
            for byte in cell.prefix:
                state = names.step(state, byte) if state >= 0 else -1
            onward: dict[int, list[Expression]] = {}
            for byte in cell.bytes if state >= 0 else ():
                onward.setdefault(names.step(state, byte), []).append(Literal(cell.prefix + bytes([byte])))
            if not cell.bytes:
                onward = {state: [Literal(cell.prefix)]}
            for target, begun in onward.items():
                if target >= 0:
                    yield (Alt(tuple(begun)), self._from(k, target)), value

    def _from(self, k: int, state: int) -> Language:
        if (k, state) not in self.known:
            names = self.kinds[k][0]
            self.known[k, state] = Language(Dfa.from_arrays(names.table, names.classes, names.accept, state))
        return self.known[k, state]
