"""Sets of code points as sorted, disjoint, inclusive ranges. Surrogates count here; `expression.chars` drops them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable

from ctrldiff.automata.expression import MAX_CODE_POINT, Ranges

ALL: Ranges = ((0, MAX_CODE_POINT),)


def union(*sets: Iterable[tuple[int, int]]) -> Ranges:
    """Every code point of any of the sets; the ranges may come in any order and overlap."""
    merged: list[tuple[int, int]] = []
    for low, high in sorted(piece for ranges in sets for piece in ranges):
        if merged and low <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(merged[-1][1], high))
        else:
            merged.append((low, high))
    return tuple(merged)


def complement(ranges: Ranges) -> Ranges:
    """Every code point that is not in `ranges`."""
    gaps, start = [], 0
    for low, high in ranges:
        if start < low:
            gaps.append((start, low - 1))
        start = high + 1
    if start <= MAX_CODE_POINT:
        gaps.append((start, MAX_CODE_POINT))
    return tuple(gaps)


def contains(ranges: Ranges, code: int) -> bool:
    """Whether `code` is in `ranges`."""
    at = bisect_right(ranges, (code, MAX_CODE_POINT)) - 1
    return at >= 0 and ranges[at][1] >= code


def of(text: str) -> Ranges:
    """The characters of `text`."""
    return union((ord(c), ord(c)) for c in text)
