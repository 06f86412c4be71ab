"""Automata of other packages become ours, and back, without losing or gaining a text."""

from __future__ import annotations

import random

import interegular
import outlines_core
import pytest
from interegular.fsm import FSM, Alphabet, anything_else

from ctrldiff.automata.compile import compile_expression
from ctrldiff.automata.dfa import NO_TEXT, any_text
from ctrldiff.automata.expression import ANY_CHAR, Chars, Concat, Literal, Repeat, text
from ctrldiff.automata.interop import from_fsm, from_index, to_fsm
from ctrldiff.errors import ConstraintError, ConstraintTooLarge, VocabularyError
from ctrldiff.limits import Limits
from tests.oracles_automata import WORDS, is_text, random_expression, walk

PATTERNS = ["", "a", "a*b|é", "[^a]", ".{0,2}", "(ab|b)+é?", "[^aé]*b", "🙂|[a-z]{2}", r"\d{2}-\d", "[à-ÿ]+"]


@pytest.mark.parametrize("pattern", PATTERNS)
def test_an_fsm_and_its_dfa_hold_the_same_texts(pattern: str) -> None:
    fsm = interegular.parse_pattern(pattern).to_fsm()
    dfa = from_fsm(fsm)
    assert dfa <= any_text()
    for word in WORDS:
        if is_text(word):
            assert walk(dfa, word) == fsm.accepts(word.decode("utf-8")), word
    for extra in ("🙂", "\x00", "\U0010ffff", "zz", "12-3", "ÿà", "\n", "\u0800", "\uffff"):
        assert (extra in dfa) == fsm.accepts(extra)
    back = to_fsm(dfa)
    assert from_fsm(back) == dfa
    assert from_fsm(back.reduce()) == dfa


@pytest.mark.parametrize("seed", range(25))
def test_every_language_of_text_survives_the_round_trip(seed: int) -> None:
    dfa = compile_expression(random_expression(random.Random(seed), 4)) & any_text()
    assert from_fsm(to_fsm(dfa)) == dfa


def test_wide_characters_survive_the_round_trip() -> None:
    wide = Chars(((0x61, 0x7A), (0x3B1, 0x3C9), (0x4E00, 0x4FFF), (0x1F600, 0x1F64F), (0x10FF00, 0x10FFFF)))
    dfa = compile_expression(Concat((Repeat(wide, 1, 3), ANY_CHAR)))
    assert from_fsm(to_fsm(dfa)) == dfa
    assert from_fsm(to_fsm(any_text())) == any_text() and from_fsm(to_fsm(NO_TEXT)) == NO_TEXT


def test_an_alphabet_without_anything_else_holds_only_its_symbols() -> None:
    fsm = FSM(alphabet=Alphabet({"a": 0, "é": 0, "\ud800": 0}), states={0, 1}, initial=0, finals={1}, map={0: {0: 1}})
    assert list(from_fsm(fsm).members()) == [b"a", "é".encode()]


def test_only_text_becomes_an_fsm_and_only_characters_become_text() -> None:
    with pytest.raises(ConstraintError, match="no text"):
        to_fsm(compile_expression(Literal(b"\xff")))
    fsm = FSM(alphabet=Alphabet({"ab": 0, anything_else: 1}), states={0}, initial=0, finals={0}, map={0: {0: 0}})
    with pytest.raises(ConstraintError, match="not one character"):
        from_fsm(fsm)


TOKENS = [b"a", b"b", b"ab", b"ba", b"\xc3", b"\xa9", b"\xc3\xa9", b"abab", b"\xa9a"]


def index_of(pattern: str, tokens: list[bytes]) -> outlines_core.Index:
    return outlines_core.Index(pattern, outlines_core.Vocabulary(len(tokens), {t: [i] for i, t in enumerate(tokens)}))


@pytest.mark.parametrize("pattern", ["a", "(ab)*", "[ab]{0,5}", "(é|ab)+", "a*bé?", "(abab|ba){1,2}"])
@pytest.mark.parametrize("tokens", [TOKENS, [t for t in TOKENS if t != b"a"], TOKENS[2:8], TOKENS[::-1]])
def test_an_index_becomes_the_texts_that_its_tokens_spell(pattern: str, tokens: list[bytes]) -> None:
    index = index_of_or_skip(pattern, tokens)
    spelled, todo = set(), [(b"", index.get_initial_state())]
    moves, finals = index.get_transitions(), index.get_final_states()
    for word, state in todo:
        if state in finals:
            spelled.add(word)
        for token, target in moves.get(state, {}).items():
            if token < len(tokens) and len(word) + len(tokens[token]) <= 5:
                todo.append((word + tokens[token], target))
    dfa = from_index(index, tokens)
    assert {word for word in WORDS if walk(dfa, word)} == spelled
    assert from_index(index, dict(enumerate(tokens))) == dfa


def index_of_or_skip(pattern: str, tokens: list[bytes]) -> outlines_core.Index:
    try:
        return index_of(pattern, tokens)
    except ValueError as refusal:
        pytest.skip(f"no index: {refusal}")


def test_a_token_without_bytes_is_refused_unless_it_ends_the_text() -> None:
    index = index_of("[ab]{2}", TOKENS)
    with pytest.raises(VocabularyError) as caught:
        from_index(index, [None, *TOKENS[1:]])
    assert caught.value.token == 0
    assert from_index(index, [*TOKENS, None]) == compile_expression(Repeat(Chars(((97, 98),)), 2, 2))


def test_the_border_spends_fuel_too() -> None:
    fsm = interegular.parse_pattern("[ab]{50}é").to_fsm()
    with pytest.raises(ConstraintTooLarge):
        from_fsm(fsm, Limits(max_states=20))
    with pytest.raises(ConstraintTooLarge):
        from_fsm(fsm, Limits(max_nfa_states=20))
    assert from_fsm(fsm) == compile_expression(Concat((Repeat(Chars(((97, 98),)), 50, 50), text("é"))))
