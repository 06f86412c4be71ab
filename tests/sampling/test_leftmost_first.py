"""The first choice is the model's own best token that can still be completed; the rest is exact given it."""

import numpy as np
import pytest
import torch

import ctrldiff as cd
from ctrldiff.errors import Infeasible, LogitsInvalid
from ctrldiff.sampling.commit import Prefix
from ctrldiff.sampling.constrain import LeftmostFirst, Tables, normalised
from ctrldiff.sampling.loop import sample
from ctrldiff.state import State
from tests.conftest import SIZE, VOCABULARY, toy

PATTERNS = [r"\d{2,4}-(a|b)", "(19|2|200)(-|a)*b?", "[ab]{1,4}"]
LENGTH = 6


def scores(seed, rows=1):
    return torch.from_numpy(np.random.default_rng(seed).normal(size=(rows, LENGTH, SIZE)).astype(np.float32) * 2)


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("seed", range(8))
def test_the_leftmost_open_token_is_the_best_that_can_be_completed(pattern, seed):
    table = cd.Regex(pattern, ascii=True).compile(VOCABULARY)
    logits, start = scores(seed), State.blank([[0]], LENGTH)
    member = Tables((table,)).bind(scores(seed + 100), start).map()
    cut = seed % 4
    state = State.blank([[0]], LENGTH, written=torch.where(torch.arange(LENGTH) < cut, member, -1))
    posterior = LeftmostFirst(Tables((table,))).bind(logits, state)
    tokens = posterior.map()

    def can(token):
        keep = torch.arange(LENGTH)[None] <= cut
        whole = torch.where(torch.arange(LENGTH) == cut, torch.tensor(token), state.tokens)
        return bool(Tables((table,)).bind(logits * 0, State.blank([[0]], LENGTH)).feasible(whole, keep)[0])

    best = max((t for t in range(SIZE) if can(t)), key=lambda t: float(logits[0, cut, t]))
    assert int(tokens[0, cut]) == best
    told = normalised(logits)[0, cut, best].exp()
    assert torch.allclose(posterior.confidence(tokens)[0, cut], told)
    rest = Tables((table,)).bind(logits, state).clamp(tokens, torch.arange(LENGTH)[None] == cut)
    assert torch.equal(rest.map(), tokens)


def test_what_is_forbidden_further_right_is_respected_by_the_first_choice():
    table = cd.Choice(["a1", "b2"]).compile(VOCABULARY)
    logits = torch.zeros(1, LENGTH, SIZE)
    logits[0, 0, VOCABULARY_ID(b"a")] = 5.0
    logits[0, 1, VOCABULARY_ID(b"1")] = -torch.inf
    tokens = LeftmostFirst(Tables((table,))).bind(logits, State.blank([[0]], LENGTH)).map()
    assert VOCABULARY.decode(tokens[0].tolist()) == b"b2"
    logits[0, 1, VOCABULARY_ID(b"2")] = -torch.inf
    with pytest.raises(Infeasible):
        LeftmostFirst(Tables((table,))).bind(logits, State.blank([[0]], LENGTH)).map()
    logits[0, 0] = torch.nan
    with pytest.raises(LogitsInvalid):
        LeftmostFirst(Tables((table,))).bind(logits, State.blank([[0]], LENGTH)).map()


def VOCABULARY_ID(piece):
    return list(VOCABULARY).index(piece)


@pytest.mark.parametrize("noise", ["mask", "uniform"])
@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_whole_decode_is_a_member_and_does_not_depend_on_its_batch(pattern, noise):
    regex = cd.Regex(pattern, ascii=True)
    table = regex.compile(VOCABULARY)

    def decode(prompts):
        start = State.blank(prompts, LENGTH, seed=5)
        constraint = LeftmostFirst(Tables((table,) * len(prompts)))
        return sample(toy(noise), start, constraint=constraint, commit=Prefix(0.6)).tokens

    together = decode([[n] for n in range(6)])
    for n, row in enumerate(together):
        assert VOCABULARY.decode(row.tolist()) in regex
        assert torch.equal(row, decode([[n]])[0])
