"""Many literal words as one tree of shared prefixes."""

from __future__ import annotations

from collections.abc import Iterable

from ctrldiff.automata.nfa import Builder


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
