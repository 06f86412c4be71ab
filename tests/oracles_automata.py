"""The slow truth about expressions (which texts match, by definition) and about states (which are equivalent)."""

from __future__ import annotations

import random
from functools import cache
from itertools import product

import numpy as np

from ctrldiff.automata.compile import compile_expression
from ctrldiff.automata.dfa import Dfa
from ctrldiff.automata.expression import (
    ANY_CHAR,
    EMPTY,
    NOTHING,
    Alt,
    Both,
    Chars,
    Concat,
    Expression,
    Language,
    Literal,
    Minus,
    Repeat,
    text,
)


def ends(expression: Expression, data: bytes) -> frozenset[int]:
    """Where a match of `expression` that begins at 0 may end in `data`."""

    @cache
    def match(node: Expression, start: int) -> frozenset[int]:
        if isinstance(node, Literal):
            return frozenset({start + len(node.data)} if data.startswith(node.data, start) else ())
        if isinstance(node, Chars):
            for length in (1, 2, 3, 4):
                try:
                    point = ord(data[start : start + length].decode("utf-8"))
                except (UnicodeDecodeError, TypeError):
                    continue
                fits = start + length <= len(data) and any(low <= point <= high for low, high in node.ranges)
                return frozenset({start + length} if fits else ())
            return frozenset()
        if isinstance(node, Concat):
            at = frozenset({start})
            for part in node.parts:
                at = frozenset().union(*(match(part, i) for i in at))
            return at
        if isinstance(node, Alt):
            return frozenset().union(*(match(part, start) for part in node.parts))
        if isinstance(node, Repeat):
            # after `low` rounds, len(data) + 1 further rounds reach all that any number of rounds can reach
            at = {start}
            for _ in range(node.low):
                at = set().union(*(match(node.inner, i) for i in at))
            rounds = len(data) + 1 if node.high is None else node.high - node.low
            for _ in range(rounds):
                at |= set().union(*(match(node.inner, i) for i in at))
            return frozenset(at)
        if isinstance(node, Both):
            # "accepts the same text": intersect by where both end
            each = [match(part, start) for part in node.parts]
            return frozenset(set(range(start, len(data) + 1)).intersection(*each)) if each else anything(start)
        if isinstance(node, Minus):
            return match(node.left, start) - match(node.right, start)
        assert isinstance(node, Language)
        return frozenset(i for i in range(start, len(data) + 1) if walk(node.dfa, data[start:i]))

    def anything(start: int) -> frozenset[int]:
        return frozenset(i for i in range(start, len(data) + 1) if is_text(data[start:i]))

    return match(expression, 0)


def accepts(expression: Expression, data: bytes) -> bool:
    """Does the whole of `data` match?"""
    return len(data) in ends(expression, data)


def is_text(data: bytes) -> bool:
    """Valid UTF-8?"""
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def walk(dfa: Dfa, data: bytes) -> bool:
    """Membership, one byte at a time."""
    state = 0
    for byte in data:
        state = int(dfa.table[state, dfa.classes[byte]])
        if state < 0:
            return False
    return bool(dfa.accept[state])


def strings(alphabet: list[bytes], longest: int) -> list[bytes]:
    """Every string of at most `longest` symbols."""
    return [b"".join(word) for n in range(longest + 1) for word in product(alphabet, repeat=n)]


def moore(table: np.ndarray, accept: np.ndarray) -> int:
    """How many classes of equivalent states a complete automaton (-1: dead) has, the dead one not counted."""
    full = np.vstack([table, np.full(table.shape[1], -1)])
    block = [int(a) for a in accept] + [0]
    while True:
        keys = [(block[s], *(block[t] for t in full[s])) for s in range(len(full))]
        names = {key: i for i, key in enumerate(dict.fromkeys(keys))}
        finer = [names[key] for key in keys]
        if len(names) == len(set(block)):
            return len({b for b in finer if b != finer[-1]})
        block = finer


def assert_canonical(dfa: Dfa) -> None:
    """Trimmed, minimal, numbered breadth first in byte order, classes numbered by first byte."""
    table, accept = dfa.full_table(), dfa.accept
    seen, order = {0}, [0]
    for state in order:
        for target in table[state]:
            if target >= 0 and int(target) not in seen:
                seen.add(int(target))
                order.append(int(target))
    assert order == list(range(len(accept)))
    useful = set(np.flatnonzero(accept).tolist())
    while True:
        more = {s for s in range(len(accept)) if any(int(t) in useful for t in table[s])} | useful
        if more == useful:
            break
        useful = more
    assert useful == seen or (len(accept) == 1 and not accept[0] and (table < 0).all())
    assert moore(table, accept) == len(accept) or not useful
    firsts = [int(np.flatnonzero(dfa.classes == c)[0]) for c in range(dfa.table.shape[1])]
    assert firsts == sorted(firsts) and len({column.tobytes() for column in dfa.table.T}) == dfa.table.shape[1]


def random_expression(rng: random.Random, depth: int) -> Expression:
    """Any shape of node, over a, b and the two bytes of é."""
    kind = rng.randrange(8) if depth else 0
    if kind <= 1:
        return rng.choice(LEAVES)

    def some() -> tuple[Expression, ...]:
        return tuple(random_expression(rng, depth - 1) for _ in range(rng.randrange(1, 4)))

    if kind == 2:
        return Concat(some())
    if kind == 3:
        return Alt(some())
    if kind == 4:
        low = rng.randrange(3)
        return Repeat(random_expression(rng, depth - 1), low, rng.choice([None, low, low + 1, low + 2]))
    if kind == 5:
        return Both(some())
    if kind == 6:
        return Minus(random_expression(rng, depth - 1), random_expression(rng, depth - 1))
    return Language(compile_expression(random_expression(rng, depth - 1)))


LEAVES = [text("a"), text("b"), text("ab"), EMPTY, NOTHING, Chars(((97, 98),)), ANY_CHAR, text("é")]
LEAVES += [Chars(((98, 98), (0xE9, 0xEA))), Chars(((0x80, 0x10FFFF),)), Literal(b"\xa9")]
ALPHABET = [b"a", b"b", b"\xc3", b"\xa9"]
WORDS = strings(ALPHABET, 5)
