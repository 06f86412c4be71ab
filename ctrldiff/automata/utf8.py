"""Sets of code points as small byte automata: UTF-8 lead bytes, then continuation bytes, suffixes shared."""

from __future__ import annotations

from functools import lru_cache

from ctrldiff.automata.expression import MAX_CODE_POINT, Ranges

ByteEdge = tuple[int, int, int]  # from, to, the bytes as a 256-bit mask; state 0 enters, state 1 leaves

_LENGTHS = ((0x80, 0x7FF, 2, 0xC0), (0x800, 0xFFFF, 3, 0xE0), (0x10000, MAX_CODE_POINT, 4, 0xF0))


def span(low: int, high: int) -> int:
    """The mask of the bytes low..high."""
    return (1 << (high + 1)) - (1 << low)


@lru_cache(maxsize=512)
def split(ranges: Ranges) -> tuple[int, Ranges]:
    """The single-byte code points as a mask; the sorted, joined ranges of the others without surrogates."""
    mask = 0
    rest: list[tuple[int, int]] = []
    for low, high in sorted(ranges):
        if low < 0x80:
            mask |= span(low, min(high, 0x7F))
        for left, right in (
            (max(low, 0x80), min(high, 0xD7FF)),
            (max(low, 0xE000), min(high, MAX_CODE_POINT)),
        ):
            if left > right:
                continue
            if rest and left <= rest[-1][1] + 1:
                rest[-1] = (rest[-1][0], max(rest[-1][1], right))
            else:
                rest.append((left, right))
    return mask, tuple(rest)


@lru_cache(maxsize=512)
def byte_edges(ranges: Ranges) -> tuple[int, tuple[ByteEdge, ...]]:
    """The minimal byte automaton of the code points in `ranges`, all of them >= 0x80 and no surrogates.

    Returns: (number of states, edges). Two states with the same suffixes are one state, so the letters of all
        scripts (`\\w`, 770 ranges) need some 200 states and not thousands.
    """
    known: dict[tuple[int, Ranges], int] = {}
    edges: dict[tuple[int, int], int] = {}

    def below(ranges: Ranges, depth: int, source: int, lead: int) -> None:
        """Edges from `source` over the blocks of 64**depth code points that `ranges` touches."""
        size = 1 << (6 * depth)
        blocks: dict[int, list[tuple[int, int]]] = {}
        full = ((0, size - 1),)
        for low, high in ranges:
            first, last = low >> (6 * depth), high >> (6 * depth)
            if low & (size - 1) or (first == last and high & (size - 1) != size - 1):
                end = min(high, ((first + 1) << (6 * depth)) - 1)
                blocks.setdefault(first, []).append((low & (size - 1), end & (size - 1)))
                first += 1
            if first <= last and high & (size - 1) != size - 1:
                blocks.setdefault(last, []).append((0, high & (size - 1)))
                last -= 1
            if first <= last:
                join(source, full, depth, span(lead + first, lead + last))
        for block, inside in blocks.items():
            join(source, tuple(inside), depth, 1 << (lead + block))

    def join(source: int, inside: Ranges, depth: int, mask: int) -> None:
        if depth == 0:
            target = 1
        else:
            found = known.get((depth, inside))
            if found is None:
                found = known[depth, inside] = len(known) + 2
                below(inside, depth - 1, found, 0x80)
            target = found
        edges[source, target] = edges.get((source, target), 0) | mask

    for low, high, length, lead in _LENGTHS:
        part = tuple((max(a, low), min(b, high)) for a, b in ranges if a <= high and b >= low)
        if part:
            below(part, length - 1, 0, lead)
    return len(known) + 2, tuple((source, target, mask) for (source, target), mask in edges.items())
