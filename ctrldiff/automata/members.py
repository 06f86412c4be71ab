"""Members of a language: the first, the last, all in order, one at random."""

from __future__ import annotations

from collections.abc import Iterator
from heapq import heappop, heappush
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ctrldiff.errors import ConstraintUnsatisfiable

if TYPE_CHECKING:
    from ctrldiff.automata.dfa import Dfa


def guided(dfa: Dfa, left: NDArray[np.int32]) -> bytes:
    """From the start, always the smallest byte whose target has one step fewer left, until none is left."""
    word, state, first = bytearray(), 0, first_bytes(dfa)
    for remaining in range(int(left[0]) - 1, -1, -1):
        row = dfa.table[state]
        c = int(np.flatnonzero((row >= 0) & (left[row] == remaining))[0])
        word.append(first[c])
        state = int(row[c])
    return bytes(word)


def members(dfa: Dfa, limit: int) -> Iterator[bytes]:
    """At most `limit` members, shortest first, then in byte order.

    A heap holds prefixes by the length of the shortest member that begins with them, then in byte order, so what
    leaves it first is the next member. Forced stretches are walked without the heap.
    """
    if dfa.is_empty:
        return
    nearest, _ = dfa.ahead
    moves: dict[int, list[tuple[int, int]]] = {}

    def moves_of(state: int) -> list[tuple[int, int]]:
        if state not in moves:
            targets = dfa.table[state][dfa.classes]
            moves[state] = [(int(b), int(targets[b])) for b in np.flatnonzero(targets >= 0)]
        return moves[state]

    # state -1 marks a whole member, which goes before the longer words it begins
    heap: list[tuple[int, bytes, int]] = [(int(nearest[0]), b"", 0)]
    while heap and limit > 0:
        _, prefix, state = heappop(heap)
        if state < 0:
            yield prefix
            limit -= 1
            continue
        word = bytearray(prefix)
        while not dfa.accept[state] and len(moves_of(state)) == 1:
            byte, state = moves_of(state)[0]
            word.append(byte)
        prefix = bytes(word)
        if dfa.accept[state]:
            heappush(heap, (len(prefix), prefix, -1))
        for byte, target in moves_of(state):
            heappush(heap, (len(prefix) + 1 + int(nearest[target]), prefix + bytes([byte]), target))


def sample(dfa: Dfa, rng: np.random.Generator, max_bytes: int) -> bytes:
    """A random member of at most `max_bytes` bytes; every such member has a positive probability.

    At each state one of these is drawn, each as likely: to stop, where the text may end, and every class of bytes
    that leads to a state from which the rest still fits; then a byte of that class. Rare branches are thus met
    often, which is what tests want; it is not uniform over members.

    Raises: ConstraintUnsatisfiable when no member is that short.
    """
    nearest, _ = dfa.ahead
    if dfa.is_empty or nearest[0] > max_bytes:
        shortest = None if dfa.is_empty else int(nearest[0])
        known = "it holds no text" if shortest is None else f"its shortest has {shortest}"
        raise ConstraintUnsatisfiable(
            f"no member of at most {max_bytes} bytes: {known}", hint="allow more bytes", shortest=shortest
        )
    word, state = bytearray(), 0
    members_of = [np.flatnonzero(dfa.classes == c) for c in range(dfa.n_classes)]
    while True:
        row = dfa.table[state]
        choices = np.flatnonzero((row >= 0) & (nearest[row] < max_bytes - len(word)))
        drawn = int(rng.integers(len(choices) + int(dfa.accept[state])))
        if drawn == len(choices):
            return bytes(word)
        c = int(choices[drawn])
        word.append(int(rng.choice(members_of[c])))
        state = int(row[c])


def first_bytes(dfa: Dfa) -> list[int]:
    """The first byte of each class."""
    return [int(b) for b in np.unique(dfa.classes, return_index=True)[1]]
