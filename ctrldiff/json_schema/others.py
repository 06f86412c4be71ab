"""Properties that no schema names, so that no name ever comes twice.

No finite automaton remembers every name it has read. So the names are split into cells, first by the digit they end in,
if any, and then by how they begin; the cells have an order (that digit, then their bytes), and each gives at most one
property: names of different cells differ. Each cell repeats the automaton of the value, which is what limits their
number.

Telling names apart is what can be left out of a schema that grows too large. So it gets a stated share of the steps
(`TELLING`): a schema that does not end within it is compiled again with no names told apart, within the rest. A schema
that tells none apart has all of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from heapq import heappop, heappush
from itertools import groupby
from math import inf
from operator import itemgetter

import numpy as np

from ctrldiff.automata.compile import compile_expression
from ctrldiff.automata.dfa import Dfa
from ctrldiff.automata.expression import Alt, Concat, Expression, Language, Literal
from ctrldiff.json_schema.context import Context
from ctrldiff.regex.parse import parse

# Of 1,405 schemas of JSONSchemaBench, open: all 92 that can be built with names told apart take at most 34 % of the
# steps, the 6 that are built only without at most 48 %. Declared: 249 of 255 take less than 40 %, and without them at
# most 57 % is needed; so a larger share would tell names apart in six schemas more, and lose some altogether.
TELLING = 2 / 5
MOST = 78  # cells: a letter or a digit each, what lies between, and last digits
# Cells, how many times `room` they may take, and with all that has been spent before: the first are worth the most.
WORTH = ((38, 4, 2.0), (29, 3, inf), (10, 4, inf))
LETTERS = 28  # cells that names without a digit get before last digits are worth one each
_DIGITS = "0123456789"
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_SPLITS = (  # byte to its group, finest first; bytes without one lie together
    {ord(c): ord(c) for c in _DIGITS + _LETTERS + _LETTERS.upper()},
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
    if most < 2:
        return [Cell(b"")]
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


def order(name: bytes) -> tuple[bytes, bytes]:
    """What spelled names without a place in the schema are sorted by."""
    return name[-2:-1] if name[-2:-1].isdigit() else b"", name


@cache
def _ends() -> list[Dfa]:
    """Spelled names that end in no digit, in any, and in each."""
    return [compile_expression(parse(f'(?s).*{last}"')) for last in ("[^0-9]", "[0-9]", *_DIGITS)]


def parts(names: Dfa, most: int) -> list[tuple[Dfa, int]]:
    """The spelled names by the digit that they end in, those without one first; and how many of `most` cells each part
    gets: as many as it has names, if they are few; what is left goes to the names without a digit."""
    plain, every = (names & end for end in _ends()[:2])
    if every.is_empty:
        return [(plain, most)]
    if not plain.is_finite and most < LETTERS + len(_DIGITS):
        return [(plain, most - 1), (every, 1)]
    numbered = [part for part in (every & end for end in _ends()[2:]) if not part.is_empty]
    if plain.is_empty and len(numbered) > most:
        runs = [numbered[n * len(numbered) // most : (n + 1) * len(numbered) // most] for n in range(most)]
        return [(compile_expression(Alt(tuple(map(Language, run)))), 1) for run in runs]
    found = [part for part in (plain, *numbered) if not part.is_empty]
    if len(found) > most:
        return [(plain, most - 1), (every, 1)]
    sizes = [sum(1 for _ in part.members(most + 1)) if part.is_finite else most + 1 for part in found]
    many = found[0] is plain and sizes[0] > most
    shared = sorted((n for n in range(len(found)) if n == 0 or not many or sizes[n] <= most), key=sizes.__getitem__)
    given, left = [1] * len(found), most - len(found)
    for k, n in enumerate(shared):
        more = min(sizes[n] - 1, left // (len(shared) - k))
        given[n], left = given[n] + more, left - more
    return list(zip(found, given, strict=True))


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
        room = context.room
        size = copies * sum(names.n_states + value.n_states for (names, _), value in zip(kinds, values, strict=True))
        worth = (n for n, one, all_ in WORTH if n * size <= min(one * room, all_ * room - context.told_apart))
        most = min(MOST, max(room // size, next(worth, 1), least))
        if most > max(least, 1) and not context.may_tell_apart():
            most = max(least, 1)
    every = kinds[0][0]
    if len(kinds) > 1:
        apart = Alt(tuple(Language(names) for names, _ in kinds))
        every = compile_expression(apart, context.fuel.limits, context.fuel)
    found: list[Expression] = []
    for part, given in parts(every, most) if most > 1 else ():
        rests = _Rests([(names & part, value) for names, value in kinds] if len(kinds) > 1 else [(part, kinds[0][1])])
        for cell in cells(part, given):
            found.append(Alt(tuple(Concat((*begun, colon, value)) for begun, value in rests.of(cell))))
    if len(found) < 2:
        found = [Alt(tuple(Concat((Language(names), colon, value)) for names, value in kinds))]
    else:
        context.told_apart += len(found) * size
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
