"""Compiled expressions against a matcher that follows the definitions."""

from __future__ import annotations

import random

import pytest

from ctrldiff.automata.compile import compile_expression
from ctrldiff.automata.dfa import NO_TEXT, any_text
from ctrldiff.automata.expression import (
    ANY_CHAR,
    ANY_TEXT,
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
from ctrldiff.automata.utf8 import byte_edges
from ctrldiff.errors import ConstraintTooLarge
from ctrldiff.limits import Limits
from tests.oracles_automata import WORDS, accepts, assert_canonical, random_expression, walk

A_OR_B = Chars(((97, 98),))


@pytest.mark.parametrize("seed", range(30))
def test_compiled_expressions_hold_exactly_the_texts_that_match(seed: int) -> None:
    rng = random.Random(seed)
    for _ in range(6):
        expression = random_expression(rng, rng.randrange(1, 5))
        dfa = compile_expression(expression)
        assert_canonical(dfa)
        for word in rng.sample(WORDS, 150) + WORDS[:85]:
            assert walk(dfa, word) == accepts(expression, word), (expression, word)


@pytest.mark.parametrize("seed", range(8))
def test_characters_are_their_utf8_bytes_and_nothing_else(seed: int) -> None:
    rng = random.Random(seed)
    edges = [0, 0x7F, 0x80, 0x7FF, 0x800, 0xFFF, 0x1000, 0xD7FF, 0xD800, 0xDFFF, 0xE000, 0xFFFF, 0x10000]
    edges += [0x3FFFF, 0x40000, 0xFFFFF, 0x100000, 0x10FFFF, *(rng.randrange(0x110000) for _ in range(6))]
    cuts = sorted(rng.sample(edges, 8))
    ranges = tuple(zip(cuts[::2], cuts[1::2]))
    dfa = compile_expression(Chars(ranges))
    assert_canonical(dfa)
    near = {max(0, min(0x10FFFF, edge + d)) for edge in edges for d in (-65, -64, -1, 0, 1, 63, 64)}
    for point in near | set(rng.sample(range(0x110000), 500)):
        data = chr(point).encode("utf-8", "surrogatepass")
        wanted = any(low <= point <= high for low, high in ranges) and not 0xD800 <= point <= 0xDFFF
        assert walk(dfa, data) == wanted, hex(point)
        assert not walk(dfa, data[:-1]) and not walk(dfa, data + b"\x80")
    for overlong in (b"\xc0\x80", b"\xc1\xbf", b"\xe0\x80\x80", b"\xf0\x8f\xbf\xbf", b"\xf4\x90\x80\x80", b"\xff"):
        assert not walk(dfa, overlong)


def test_equal_suffixes_of_characters_are_shared() -> None:
    ranges = tuple((point, point) for point in range(0x4E00, 0x9000, 2))  # every other letter of 17,000
    n_states, _ = byte_edges(ranges)
    assert n_states <= 2 + 1 + 2 + 3


def test_all_characters_are_eight_states() -> None:
    assert any_text().n_states == 8
    assert compile_expression(ANY_CHAR).n_states == 9


def both_ways(number: int) -> Expression:
    return Repeat(A_OR_B, number, number)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (EMPTY, Repeat(NOTHING, 0, None)),
        (NOTHING, Repeat(NOTHING, 1, 5)),
        (NOTHING, Concat((text("a"), NOTHING))),
        (NOTHING, Both((text("a"), text("b")))),
        (ANY_TEXT, Both(())),
        (EMPTY, Concat(())),
        (EMPTY, Repeat(text("a"), 0, 0)),
        (Repeat(text("a"), 0, None), Repeat(Repeat(Repeat(text("a"), 0, None), 0, None), 0, None)),
        (Repeat(text("a"), 2, None), Concat((text("aa"), Repeat(text("a"), 0, None)))),
        (Repeat(maybe(text("a")), 3, 3), Repeat(text("a"), 0, 3)),
        (Alt((text("a"), text("ab"), text("abc"), EMPTY)), Repeat(text("a"), 0, 1)),
        (Alt(tuple(text(str(i)) for i in range(100))), Repeat(Chars(((48, 57),)), 1, 2)),
        (Minus(ANY_TEXT, Minus(ANY_TEXT, text("é"))), text("é")),
        (Chars(((0xD800, 0xDFFF),)), NOTHING),
    ],
)
def test_the_same_language_is_the_same_value(one: Expression, other: Expression) -> None:
    left, right = compile_expression(one), compile_expression(other)
    if one == Alt((text("a"), text("ab"), text("abc"), EMPTY)):
        right = compile_expression(Alt((text("abc"), text("ab"), other)))
    elif isinstance(one, Alt) and len(one.parts) == 100:
        right = right - compile_expression(Concat((text("0"), Chars(((48, 57),)))))
    assert left == right and hash(left) == hash(right) and left.fingerprint == right.fingerprint


def test_words_that_begin_other_words_are_kept() -> None:
    rng = random.Random(3)
    words = {rng.choice(WORDS) for _ in range(300)}
    dfa = compile_expression(Alt(tuple(Literal(word) for word in words)))
    assert list(dfa.members()) == sorted(words, key=lambda word: (len(word), word))


def test_many_long_words_fit_when_they_begin_alike() -> None:
    words = [
        f"https://example.com/a/rather/long/path/that/all/of/them/share/{i * 7919 % 100_003}" for i in range(15_000)
    ]
    assert sum(map(len, words)) > Limits().max_nfa_states
    dfa = compile_expression(Alt(tuple(text(word) for word in words)))
    assert all(word in dfa for word in words[:100]) and words[0] + "0" not in dfa and dfa.is_finite


def test_parts_that_are_used_twice_are_built_as_if_written_twice() -> None:
    part = Alt((Repeat(Concat((A_OR_B, text("c"))), 1, 20), text("xyz" * 20)))
    copy = Alt((Repeat(Concat((A_OR_B, text("c"))), 1, 20), text("xyz" * 20)))
    assert compile_expression(Concat((part, text("-"), part))) == compile_expression(Concat((part, text("-"), copy)))


@pytest.mark.slow
def test_nesting_costs_no_stack() -> None:
    deep: Expression = text("a")
    for _ in range(5000):
        deep = Concat((Alt((Repeat(deep, 0, 1),)),))
    assert compile_expression(deep) == compile_expression(maybe(text("a")))
    for _ in range(300):
        deep = Minus(ANY_TEXT, deep)
    assert compile_expression(deep) == compile_expression(maybe(text("a")))


@pytest.mark.slow
def test_long_concatenations_are_no_trouble() -> None:
    wide = Concat(tuple(text("ab"[i % 2]) for i in range(100_000)))
    assert compile_expression(wide) == compile_expression(text("ab" * 50_000))


@pytest.mark.parametrize(
    ("expression", "what"),
    [
        (Repeat(text("a"), 10**6, 10**6), "states before determinising"),
        (Repeat(Repeat(Repeat(text("a"), 1, 100), 1, 100), 1, 100), "states before determinising"),
        (Repeat(text("a"), 10**18, None), "states before determinising"),
        (Concat((Repeat(A_OR_B, 0, None), text("a"), both_ways(20))), "automaton states"),
        (Repeat(Repeat(text("a"), 1, 100), 1, 100), "steps"),
    ],
)
def test_what_does_not_fit_is_refused_and_named(expression: Expression, what: str) -> None:
    with pytest.raises(ConstraintTooLarge) as caught:
        compile_expression(expression)
    assert caught.value.what == what and caught.value.used > caught.value.limit


def test_shared_doubling_is_measured_before_it_is_built() -> None:
    doubled: Expression = text("a")
    for _ in range(200):
        doubled = Concat((doubled, doubled))
    with pytest.raises(ConstraintTooLarge):
        compile_expression(doubled)


def test_every_limit_stops_the_work() -> None:
    expression = Concat((Repeat(A_OR_B, 0, None), text("a"), both_ways(12)))
    assert compile_expression(expression).n_states == 2**13
    for limits in (Limits(max_states=8191), Limits(max_steps=10_000), Limits(max_bytes=100_000)):
        with pytest.raises(ConstraintTooLarge):
            compile_expression(expression, limits)
    with pytest.raises(ConstraintTooLarge):
        compile_expression(Both((expression, Repeat(A_OR_B, 0, 30))), Limits(max_states=8500))


def test_parts_of_one_constraint_share_their_fuel() -> None:
    limits = Limits(max_steps=20_000)
    fuel = limits.fuel()
    expression = Repeat(A_OR_B, 0, 1500)
    with pytest.raises(ConstraintTooLarge):
        for _ in range(10):
            compile_expression(expression, limits, fuel)


def test_a_language_is_a_part_like_any_other() -> None:
    inner = Repeat(Concat((text("a"), maybe(text("b")))), 0, None)
    ready = Language(compile_expression(inner))
    for shape in (lambda x: Repeat(x, 2, 3), lambda x: Alt((x, text("q"))), lambda x: Concat((x, text("b"), x))):
        assert compile_expression(shape(ready)) == compile_expression(shape(inner))
    assert compile_expression(Concat((Language(NO_TEXT), text("a")))).is_empty
