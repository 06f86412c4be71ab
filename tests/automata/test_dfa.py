"""A Dfa behaves like the set of texts it stands for."""

from __future__ import annotations

import random
from itertools import islice

import numpy as np
import pytest

from ctrldiff.automata.compile import compile_expression, concatenated
from ctrldiff.automata.dfa import NO_TEXT, Dfa, any_text
from ctrldiff.automata.expression import ANY_TEXT, EMPTY, Alt, Chars, Concat, Literal, Repeat, text
from ctrldiff.errors import ConstraintUnsatisfiable, ShapeError
from tests.oracles_automata import WORDS, assert_canonical, is_text, random_expression, walk

DIGIT = Chars(((48, 57),))
DATE = compile_expression(Concat((Repeat(DIGIT, 4, 4), text("-"), Repeat(DIGIT, 2, 2))))


def some(seed: int, count: int = 3) -> list[Dfa]:
    rng = random.Random(seed)
    return [compile_expression(random_expression(rng, 3)) for _ in range(count)]


def members_of(dfa: Dfa) -> set[bytes]:
    return {word for word in WORDS if walk(dfa, word)}


@pytest.mark.parametrize("seed", range(40))
def test_algebra_is_set_algebra(seed: int) -> None:
    a, b, _ = some(seed)
    A, B = members_of(a), members_of(b)
    texts = {word for word in WORDS if is_text(word)}
    for dfa, wanted in ((a & b, A & B), (a | b, A | B), (a - b, A - B), (~a, texts - A)):
        assert_canonical(dfa)
        assert members_of(dfa) == wanted
    joined = {x + y for x in A for y in B}
    assert members_of(concatenated(a, b)) == {word for word in WORDS if word in joined}
    assert (a <= b) == (a - b).is_empty == ((a & b) == a)
    assert (a < b) == (a <= b and a != b) and (a >= b) == (b <= a) and (a > b) == (b < a)


@pytest.mark.parametrize("seed", range(100, 130))
def test_the_laws_of_a_boolean_algebra_hold(seed: int) -> None:
    a, b, c = (x & any_text() for x in some(seed))
    assert ~(a | b) == ~a & ~b and ~(a & b) == ~a | ~b and ~~a == a
    assert a & (b | c) == (a & b) | (a & c) and a | (b & c) == (a | b) & (a | c)
    assert a - b == a & ~b and a | (a & b) == a and a & (a | b) == a
    assert (a | ~a) == any_text() and (a & ~a).is_empty and a | NO_TEXT == a
    then = concatenated
    assert then(then(a, b), c) == then(a, then(b, c)) and then(a, b | c) == then(a, b) | then(a, c)
    assert then(a, compile_expression(EMPTY)) == a and then(a, NO_TEXT) == NO_TEXT
    assert len({a, a & a, a | a, a | NO_TEXT}) == 1


def test_in_reads_text_and_bytes() -> None:
    assert "1984-06" in DATE and b"1984-06" in DATE and "1984-6" not in DATE and "" not in DATE
    assert "\ud800" not in any_text() and b"\xff" not in any_text() and "🙂é" in any_text()
    with pytest.raises(TypeError):
        1984 in DATE  # noqa: B015


@pytest.mark.parametrize("seed", range(30))
def test_members_come_shortest_first_then_in_byte_order(seed: int) -> None:
    (dfa,) = some(seed + 500, 1)
    dfa = dfa & compile_expression(Repeat(Alt(tuple(Literal(b) for b in (b"a", b"b", b"\xc3", b"\xa9"))), 0, 5))
    wanted = sorted(members_of(dfa), key=lambda word: (len(word), word))
    assert list(dfa.members()) == wanted
    assert list(dfa.members(limit=3)) == wanted[:3]
    assert dfa.is_finite
    assert dfa.shortest() == (wanted[0] if wanted else None)
    longest = max(map(len, wanted), default=0)
    assert dfa.longest() == next((word for word in wanted if len(word) == longest), None)


def test_languages_without_end_have_no_longest_member() -> None:
    many = compile_expression(Repeat(text("ab"), 2, None))
    assert not many.is_finite and many.longest() is None and many.shortest() == b"abab"
    assert list(many.members(limit=3)) == [b"abab", b"ababab", b"abababab"]
    assert next(any_text().members()) == b""
    assert [len(word) for word in islice(any_text().members(), 130)] == [0] + [1] * 128 + [2]


def test_long_forced_members_are_found() -> None:
    long = compile_expression(Concat((text("ab" * 20_000), Repeat(text("c"), 0, 1))))
    assert [len(word) for word in long.members()] == [40_000, 40_001]
    assert long.shortest() == b"ab" * 20_000 and long.longest() == b"ab" * 20_000 + b"c"


def test_the_empty_language_is_one_value() -> None:
    assert NO_TEXT.is_empty and NO_TEXT.is_finite and NO_TEXT.n_states == 1 and not list(NO_TEXT.members())
    assert DATE - DATE == NO_TEXT and NO_TEXT.shortest() is None and NO_TEXT.longest() is None
    assert not compile_expression(EMPTY).is_empty


@pytest.mark.parametrize("seed", range(20))
def test_samples_are_members_and_every_member_is_met(seed: int) -> None:
    (dfa,) = some(seed, 1)
    rng = np.random.default_rng(seed)
    if dfa.is_empty or len(dfa.shortest() or b"") > 4:
        with pytest.raises(ConstraintUnsatisfiable):
            dfa.sample(rng, 4 if not dfa.is_empty else 64)
        return
    drawn = {dfa.sample(rng, 4) for _ in range(200)}
    assert all(walk(dfa, word) and len(word) <= 4 for word in drawn)
    few = list(islice(dfa.members(6), 6))
    if dfa.is_finite and len(few) < 6 and all(len(word) <= 4 for word in few):
        assert drawn == set(few)
    assert dfa.sample(np.random.default_rng(9), 4) == dfa.sample(np.random.default_rng(9), 4)


@pytest.mark.parametrize("seed", range(60))
def test_any_table_becomes_the_minimal_automaton_of_its_language(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n, k = int(rng.integers(1, 12)), int(rng.integers(1, 4))
    table = rng.integers(-1, n, (n, k))
    accept, start = rng.random(n) < 0.3, int(rng.integers(n))
    classes = rng.integers(0, k, 256)
    classes[[97, 98]] = 0, k - 1
    dfa = Dfa.from_arrays(table, classes, accept, start)
    assert_canonical(dfa)
    for word in (b"".join(w) for w in [[]] + [list(x) for x in _pairs(b"ab", 6)]):
        state = start
        for byte in word:
            state = int(table[state, classes[byte]]) if state >= 0 else -1
        assert walk(dfa, word) == (state >= 0 and bool(accept[state]))
    again = Dfa.from_arrays(dfa.table, dfa.classes, dfa.accept)
    assert again == dfa


def _pairs(letters: bytes, longest: int) -> list[list[bytes]]:
    words: list[list[bytes]] = [[]]
    for word in words:
        if len(word) < longest:
            words += [[*word, bytes([letter])] for letter in letters]
    return words


def test_arrays_that_do_not_fit_are_refused() -> None:
    good = (np.array([[0]]), np.zeros(256, int), np.array([True]))
    assert Dfa.from_arrays(*good).n_states == 1
    for table, classes, accept, start in (
        (np.array([[1]]), good[1], good[2], 0),
        (good[0], np.ones(256, int), good[2], 0),
        (good[0], good[1], np.array([True, False]), 0),
        (good[0], good[1], good[2], 1),
        (np.zeros((0, 1), int), good[1], np.zeros(0, bool), 0),
    ):
        with pytest.raises(ShapeError):
            Dfa.from_arrays(table, classes, accept, start)


def test_a_dfa_cannot_be_written_to() -> None:
    for array in (DATE.table, DATE.classes, DATE.accept):
        with pytest.raises(ValueError):
            array[0] = 0
    with pytest.raises(AttributeError):
        DATE.table = DATE.table  # type: ignore[misc]


def test_steps_and_tables_agree() -> None:
    table = DATE.full_table()
    assert table.shape == (DATE.n_states, 256) and DATE.step(0, ord("7")) == table[0, ord("7")] == 1
    assert DATE.step(0, ord("x")) == -1 and DATE.n_classes == DATE.table.shape[1]


def test_drawings_name_bytes_for_people() -> None:
    dot = compile_expression(Alt((text('"'), text("\\"), Repeat(DIGIT, 1, 1), text("é")))).to_dot()
    assert '0 -> 1 [label="\\" 0-9 \\\\"]' in dot and "\\\\xc3" in dot and dot.count("doublecircle") == 1
    assert "empty" in repr(NO_TEXT) and "8 states" in repr(any_text())
    assert compile_expression(ANY_TEXT) == any_text()
