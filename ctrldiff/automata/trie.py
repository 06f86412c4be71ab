"""Many literal words as one tree of shared prefixes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ctrldiff.automata.nfa import Builder
from ctrldiff.errors import ConstraintTooLarge
from ctrldiff.limits import DEFAULT, Limits


class Tree(NamedTuple):
    """Words as a deterministic automaton in which each ends in a state of its own: a `Dfa`'s arrays, not minimal.

    Fields: table (S, K) int32, -1 is dead; classes (256,) uint8; accept (S,) bool. State 0 is the start.
    """

    table: NDArray[np.int32]
    classes: NDArray[np.uint8]
    accept: NDArray[np.bool_]


def tree_of(words: Iterable[bytes], limits: Limits = DEFAULT) -> Tree:
    """The tree of `words`. Raises: ConstraintTooLarge when `limits.max_states` or `max_bytes` is passed."""
    distinct = list(dict.fromkeys(words))
    used = np.unique(np.frombuffer(b"".join(distinct), np.uint8))
    states, width = 1 + tree_size(distinct), max(1, len(used)) + 1
    if states > limits.max_states:
        raise ConstraintTooLarge("automaton states", states, limits.max_states)
    if states * width * 4 > limits.max_bytes:
        raise ConstraintTooLarge("bytes of a tree of words", states * width * 4, limits.max_bytes)
    classes = np.full(256, width - 1, np.uint8)  # the last class is that of the bytes in no word
    classes[used] = np.arange(len(used))
    moves: dict[tuple[int, int], int] = {}
    ends = []
    for word in distinct:
        state = 0
        for c in classes[np.frombuffer(word, np.uint8)].tolist():
            state = moves.setdefault((state, c), len(moves) + 1)
        ends.append(state)
    table = np.full((len(moves) + 1, width), -1, np.int32)
    if moves:
        table[tuple(np.array(list(moves)).T)] = list(moves.values())
    accept = np.zeros(len(table), np.bool_)
    accept[ends] = True
    return Tree(table, classes, accept)


def add_words(builder: Builder, words: Iterable[bytes], enter: int, leave: int) -> None:
    """Write the finite language `words` between two states; words with a common prefix share its states."""
    path = [enter]  # path[k]: the state after k bytes of the last word, -1 where only `leave` stands for it
    last: bytes | None = None
    for word in sorted(words):
        if word == last:
            continue
        if not word:
            builder.free(enter, leave)
            last = word
            continue
        shared = _common(last or b"", word)
        del path[shared + 1 :]
        if path[shared] < 0:  # the last word is a prefix of this one
            path[shared] = builder.states(1)
            builder.edge(path[shared - 1], path[shared], word[shared - 1])
        inner = len(word) - 1 - shared
        first = builder.states(inner)
        fresh = range(first, first + inner)
        builder.src += [path[shared], *fresh]
        builder.dst += [*fresh, leave]
        builder.label += word[shared:]
        path += [*fresh, -1]
        last = word


def tree_size(words: Iterable[bytes]) -> int:
    """How many states the tree of `words` has, about."""
    ordered = sorted(words)
    return sum(len(word) - _common(before, word) for before, word in zip([b"", *ordered], ordered))


def _common(a: bytes, b: bytes) -> int:
    """The length of the longest common prefix."""
    if b.startswith(a):
        return len(a)
    low, high = 0, min(len(a), len(b))
    while low < high:
        middle = (low + high + 1) // 2
        if a[:middle] == b[:middle]:
            low = middle
        else:
            high = middle - 1
    return low
