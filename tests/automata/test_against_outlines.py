"""The token automaton, edge by edge, against `outlines_core.Index` on the same pattern and vocabulary.

`outlines_core` 0.2.14 leaves out a token whose last byte leads from a match to no match: `[α-ω]{1,12}` loses the first
half of every letter after the first one. So each pattern is closed by a newline that it cannot hold: a match then has
no continuation, and both sides have to agree on every edge.
"""

import random
from itertools import pairwise, repeat

import numpy as np
import outlines_core
import pytest

from ctrldiff.automata.compile import compile_expression
from ctrldiff.limits import Limits
from ctrldiff.regex.parse import parse
from ctrldiff.tokens.token_automaton import lift
from ctrldiff.tokens.vocabulary import Vocabulary
from tests.benchmarks.patterns import COMPARED, MEASURED, tekken_tokens

PATTERNS = {name: rf"(?:{pattern})\n" for name, pattern in (MEASURED | COMPARED).items()}


def outlines_vocabulary(tokens):
    ids: dict[bytes, list[int]] = {}
    for i, token in enumerate(tokens):
        ids.setdefault(token, []).append(i)
    return outlines_core.Vocabulary(len(tokens), ids)  # the end-of-text token gets the next id


def check_same_edges(pattern, tokens, index):
    """Walk both from their initial states in lock-step; every token must be legal in both, and lead to partners."""
    vocabulary = Vocabulary.from_tokens([*tokens, None], stop_ids=[len(tokens)])
    automaton = lift(compile_expression(parse(pattern)), vocabulary)
    ptr, edge_ptr = automaton.label_ptr, np.searchsorted(automaton.edge_from, np.arange(automaton.n_states + 1))
    by_class = np.argsort(automaton.token_class, kind="stable")
    class_ptr = np.searchsorted(automaton.token_class[by_class], np.arange(automaton.n_classes + 1))
    members = [by_class[a:b] for a, b in pairwise(class_ptr)]
    partner = {index.get_initial_state(): 0}
    todo, compared = [index.get_initial_state()], 0
    while todo:
        theirs = todo.pop()
        ours = partner[theirs]
        next_state = np.full(vocabulary.size, -1)
        for e in range(edge_ptr[ours], edge_ptr[ours + 1]):
            label = automaton.edge_label[e]
            for c in automaton.label_classes[ptr[label] : ptr[label + 1]]:
                assert (next_state[members[c]] == -1).all()
                next_state[members[c]] = automaton.edge_to[e]
        assert index.is_final_state(theirs) == automaton.accept[ours] == (next_state[-1] == automaton.tail)
        allowed = np.array([i for i in index.get_allowed_tokens(theirs) if i != len(tokens)], dtype=np.int64)
        np.testing.assert_array_equal(np.sort(allowed), np.flatnonzero(next_state[:-1] >= 0))
        reached = np.fromiter(map(index.get_next_state, repeat(theirs), allowed.tolist()), np.int64, len(allowed))
        compared += len(allowed)
        for state, i in zip(*np.unique(reached, return_index=True)):
            q = int(next_state[allowed[i]])
            assert (next_state[allowed[reached == state]] == q).all()
            if int(state) not in partner:
                partner[int(state)] = q
                todo.append(int(state))
            assert partner[int(state)] == q
    assert set(partner.values()) == set(range(automaton.n_states)) - {automaton.tail}
    return compared


@pytest.fixture(scope="module")
def few_tokens():
    """2,500 tokens: every byte, and pieces of texts that the patterns are about."""
    rng = random.Random(11)
    text = (
        '{"name": "Zoë", "age": 42, "email": "a.b@example.org", "born": "1984-06-01", "active": true, "role": "staff"}'
        " January February May 東京 é🙂ж αβγ ΩΔ #a0B9f3 +44 20 7946 $1,234.50 €9.99 192.168.0.255 yes because of that."
        " [1, -2.5, 3e10] | a | b | 0110110 f47ac10b-58cc-4372-a567-0e02b2c3d479 1984-06-01T12:30:59Z The quick fox.\n"
    ).encode()
    pieces = set()
    while len(pieces) < 2244:
        at = rng.randrange(len(text))
        pieces.add(text[at : at + rng.randint(2, 9)])
    return [bytes([b]) for b in range(256)] + sorted(pieces)


@pytest.fixture(scope="module")
def tekken():
    return tekken_tokens()


@pytest.mark.parametrize("name", PATTERNS)
def test_every_edge_is_the_one_outlines_finds(name, few_tokens):
    index = outlines_core.Index(PATTERNS[name], outlines_vocabulary(few_tokens))
    assert check_same_edges(PATTERNS[name], few_tokens, index) > 0


@pytest.mark.slow
@pytest.mark.parametrize("name", PATTERNS)
def test_every_edge_is_the_one_outlines_finds_at_full_size(name, tekken):
    index = outlines_core.Index(PATTERNS[name], outlines_vocabulary(tekken))
    assert check_same_edges(PATTERNS[name], tekken, index) > 0


@pytest.mark.slow
def test_ten_thousand_states_at_full_size_fit_a_small_budget(tekken):
    """500 keys, each with a string or a number: no S x V table could be held in 24 MB."""
    text, number = r'"([^"\\\x00-\x1f]|\\["\\/bfnrt])*"', r"-?(0|[1-9][0-9]*)(\.[0-9]+)?"
    keys = ",".join(rf'"a rather long key, number {i}":{text if i % 2 else number}' for i in range(500))
    vocabulary = Vocabulary.from_tokens([*tekken, None], stop_ids=[len(tekken)])
    automaton = lift(compile_expression(parse(rf"\{{{keys}\}}")), vocabulary, Limits(max_bytes=24 << 20))
    assert automaton.n_states > 10_000 and automaton.nbytes < 4 << 20
