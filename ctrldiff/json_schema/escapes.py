"""Characters beyond ASCII as JSON escapes them: `\\u00e9`, and two of them where one does not reach, as in UTF-16."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from ctrldiff.automata.dfa import Dfa
from ctrldiff.automata.expression import NOTHING, Alt, Chars, Concat, Expression, Ranges, text

_U = text("\\u")
_ASTRAL = 0x10000
# Of a first byte: how many follow it, and the code point that it stands for when they are all 0x80.
_LEADS = [(lead, 1, (lead - 0xC0) << 6) for lead in range(0xC2, 0xE0)]
_LEADS += [(lead, 2, (lead - 0xE0) << 12) for lead in range(0xE0, 0xF0)]
_LEADS += [(lead, 3, (lead - 0xF0) << 18) for lead in range(0xF0, 0xF5)]


@lru_cache(maxsize=256)
def in_escapes(ranges: Ranges) -> Expression:
    """One of these code points beyond ASCII, as `json.dumps` escapes it; surrogates are none."""
    units: list[Expression] = []
    for low, high in ranges:
        if low < _ASTRAL:
            units.append(Concat((_U, _hex(low, min(high, _ASTRAL - 1), 4))))
        if high >= _ASTRAL:
            units += _pairs(max(low, _ASTRAL) - _ASTRAL, high - _ASTRAL)
    return Alt(tuple(units)) if units else NOTHING


def _pairs(low: int, high: int) -> Iterator[Expression]:
    """The surrogate pairs of 20-bit numbers from `low` to `high`."""
    while low <= high:
        top, rest = divmod(low, 0x400)
        if rest == 0 and high - low >= 0x3FF:  # whole rows, as many as there are
            last = (high + 1) // 0x400 - 1
            below = 0x3FF
        else:
            last, below = top, min(high - top * 0x400, 0x3FF)
        firsts = _hex(0xD800 + top, 0xD800 + last, 4)
        yield Concat((_U, firsts, _U, _hex(0xDC00 + rest, 0xDC00 + below, 4)))
        low = last * 0x400 + below + 1


@lru_cache(maxsize=4_096)
def _hex(low: int, high: int, digits: int) -> Expression:
    """The numbers from `low` to `high` in so many small hexadecimal digits."""
    if digits == 1:
        return _digits(low, high)
    place = 16 ** (digits - 1)
    (first, below), (last, above) = divmod(low, place), divmod(high, place)
    if first == last:
        return Concat((_digits(first, first), _hex(below, above, digits - 1)))
    ways: list[Expression] = []
    if below:
        ways.append(Concat((_digits(first, first), _hex(below, place - 1, digits - 1))))
        first += 1
    if above < place - 1:
        ways.append(Concat((_digits(last, last), _hex(0, above, digits - 1))))
        last -= 1
    if first <= last:
        ways.append(Concat((_digits(first, last), _hex(0, place - 1, digits - 1))))
    return Alt(tuple(ways))


def _digits(low: int, high: int) -> Expression:
    signs = "0123456789abcdef"[low : high + 1]
    return Chars(tuple((ord(sign), ord(sign)) for sign in signs))


def code_points(dfa: Dfa, state: int) -> Iterator[tuple[int, int, int]]:
    """(low, high, where it leads) of all code points that a byte automaton reads in a state, ascending."""
    for byte in range(0x80):
        if (target := dfa.step(state, byte)) >= 0:
            yield byte, byte, target
    known: dict[tuple[int, int], list[tuple[int, int, int]]] = {}
    for lead, more, first in _LEADS:
        if (target := dfa.step(state, lead)) >= 0:
            for low, high, end in _below(dfa, target, more, known):
                yield first + low, first + high, end


def _below(
    dfa: Dfa, state: int, more: int, known: dict[tuple[int, int], list[tuple[int, int, int]]]
) -> list[tuple[int, int, int]]:
    """What `more` bytes behind a first one may add to its code point, and where they lead."""
    if not more:
        return [(0, 0, state)]
    if (state, more) not in known:
        runs: list[tuple[int, int, int]] = []
        for n in range(64):
            target = dfa.step(state, 0x80 + n)
            for low, high, end in _below(dfa, target, more - 1, known) if target >= 0 else []:
                low, high = (n << 6 * (more - 1)) + low, (n << 6 * (more - 1)) + high
                if runs and runs[-1][1] + 1 == low and runs[-1][2] == end:
                    runs[-1] = (runs[-1][0], high, end)
                else:
                    runs.append((low, high, end))
        known[state, more] = runs
    return known[state, more]
