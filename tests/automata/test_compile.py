"""Compiled expressions against a matcher that follows the definitions."""

from __future__ import annotations

import random

import pytest

from ctrldiff.automata.compile import any_text, compile_expression
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
    maybe,
    text,
)
from ctrldiff.errors import ConstraintTooLarge
from ctrldiff.limits import Limits
from tests.oracles_automata import accepts, assert_canonical, strings, walk

LEAVES = [text("a"), text("b"), text("ab"), EMPTY, NOTHING, Chars(((97, 98),)), ANY_CHAR, text("é")]
LEAVES += [Chars(((98, 98), (0xE9, 0xEA))), Chars(((0x80, 0x10FFFF),)), Literal(b"\xa9")]
ALPHABET = [b"a", b"b", b"\xc3", b"\xa9"]
WORDS = strings(ALPHABET, 5)


def random_expression(rng: random.Random, depth: int) -> Expression:
    """Any shape of node, over a and b and the two bytes of é."""
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


@pytest.mark.parametrize("seed", range(30))
def test_compiled_expressions_hold_exactly_the_texts_that_match(seed: int) -> None:
    rng = random.Random(seed)
    for _ in range(5):
        expression = random_expression(rng, rng.randrange(1, 5))
        dfa = compile_expression(expression)
        assert_canonical(dfa)
        for word in rng.sample(WORDS, 150) + WORDS[:85]:
            assert walk(dfa, word) == accepts(expression, word), (expression, word)
