"""The length is settled by the weight of all texts of a length; what is asked then is exact given that length."""

import numpy as np
import pytest
import torch

import ctrldiff as cd
from ctrldiff.sampling.commit import Prefix, TopK
from ctrldiff.sampling.constrain import LengthFirst, Tables, normalised
from ctrldiff.sampling.loop import sample
from ctrldiff.sampling.schedules import Linear
from ctrldiff.state import State
from tests.conftest import SIZE, STOP, VOCABULARY, few, toy

PATTERNS = [r"\d{2,4}-(a|b)", "(19|2|200)(-|a)*b?", "[ab]{0,4}"]
LENGTH = 5


def tokens_of(canvas):
    """How many tokens a text takes, its stop not counted."""
    return int((canvas != STOP).cumprod(0).sum())


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("seed", few(range(8), 2))
def test_the_best_canvas_of_the_heaviest_length(pattern, seed):
    table = cd.Regex(pattern, ascii=True).compile(VOCABULARY)
    scores = np.random.default_rng(seed).normal(size=(1, LENGTH, SIZE)).astype(np.float32)
    logits, start = torch.from_numpy(scores), State.blank([[0]], LENGTH)
    every = [c for c in table.bind(normalised(logits)[0]).map(4000) if c.min() >= 0]
    weigh = {}
    for canvas in every:
        score = sum(float(normalised(logits)[0, t, token]) for t, token in enumerate(canvas.tolist()))
        weigh.setdefault(tokens_of(canvas), []).append((score, canvas.tolist()))
    heaviest = max(weigh, key=lambda n: np.logaddexp.reduce([score for score, _ in weigh[n]]))
    posterior = LengthFirst(Tables((table,))).bind(logits, start)
    assert posterior.map()[0].tolist() == max(weigh[heaviest])[1]
    total = np.logaddexp.reduce([score for score, _ in weigh[heaviest]])
    assert np.isclose(float(posterior.log_z()[0]), total, atol=1e-4)


def test_it_takes_the_heavier_length_where_the_best_text_is_shorter():
    table = cd.Regex("a|b[ab]").compile(VOCABULARY)
    a, b = (list(VOCABULARY).index(piece) for piece in (b"a", b"b"))
    logits = torch.full((1, 3, SIZE), -20.0)
    logits[0, 0, [a, b]] = torch.tensor([0.75, 0.25]).log()
    logits[0, 1, [a, b, STOP]] = torch.tensor([0.45, 0.45, 0.2]).log()  # "a" weighs .15, "ba" and "bb" .1125 each
    logits[0, 2, STOP] = 0.0
    start = State.blank([[0]], 3)
    assert VOCABULARY.decode(Tables((table,)).bind(logits, start).map()[0].tolist()) == b"a"
    assert len(VOCABULARY.decode(LengthFirst(Tables((table,))).bind(logits, start).map()[0].tolist())) == 2


@pytest.mark.parametrize("noise", ["mask", "uniform"])
@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("commit", [TopK(), Prefix(0.6)])
def test_a_whole_decode_is_a_member_and_does_not_depend_on_its_batch(pattern, noise, commit):
    regex = cd.Regex(pattern, ascii=True)
    table = regex.compile(VOCABULARY)

    def decode(prompts, lengths=None):
        start = State.blank(prompts, 8, seed=5, lengths=lengths, pad_id=STOP)
        constraint = LengthFirst(Tables((table,) * len(prompts)))
        return sample(toy(noise), start, constraint=constraint, commit=commit, schedule=Linear(4)).tokens

    together = decode([[n] for n in range(6)], [8, 8, 7, 6, 8, 8])
    for n, row in enumerate(together):
        assert VOCABULARY.decode(row.tolist()) in regex
        assert torch.equal(row, decode([[n]], [[8, 8, 7, 6, 8, 8][n]])[0])
