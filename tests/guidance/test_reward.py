"""The estimate E[r | x_i = v] - E[r] from completions, against enumeration; a failing reward says nothing."""

import numpy as np
import pytest
import torch

import ctrldiff as cd
from ctrldiff.errors import InputError
from ctrldiff.guidance.reward import Reward, advantages
from ctrldiff.sampling.constrain import Tables
from tests.cases import bound, hard_state, table
from tests.conftest import SIZE, VOCABULARY, logits_like
from tests.guidance.fakes import context, step_at


def like_a(texts):
    return [one.count("a") - 2.0 * one.count("b") for one in texts]


def test_with_many_completions_and_no_shrinking_the_estimate_is_the_conditional_mean():
    state = hard_state("choice").gather([0])
    logits = logits_like(state, 4)
    constraint = Tables.same(table("choice"), 1)
    told = context(1, constraint=constraint)
    guess = (
        Reward(like_a, completions=20_000, shrink=0.0).prepare(told).scores(logits, (), state.snapshot(), step_at(1, 1))
    )
    posterior = constraint.bind(logits, state)
    best = posterior.map(300)[0]
    strings = best[(best >= 0).all(-1)]
    weights = np.exp([float(posterior.score(s[None])) for s in strings])
    assert weights.sum() == pytest.approx(1, abs=1e-5)
    rewards = np.array(like_a([VOCABULARY.decode(s.tolist()).decode() for s in strings]))
    mean = weights @ rewards
    checked = 0
    for i in range(state.shape[1]):
        for v in range(SIZE):
            has = (strings[:, i] == v).numpy()
            if weights[has].sum() > 0.02:
                truth = weights[has] @ rewards[has] / weights[has].sum() - mean
                assert float(guess[0, i, v]) == pytest.approx(truth, abs=0.15)
                checked += 1
    assert checked > 8


def test_means_are_shrunk_by_their_counts_and_what_was_never_seen_is_left_alone():
    tokens = torch.tensor([[0, 1], [0, 2], [3, 1]])
    got = advantages(tokens, torch.tensor([1.0, 3.0, 5.0], dtype=torch.float64), 4, shrink=2.0)
    np.testing.assert_allclose(got, [[-2 / 4, 0, 0, 2 / 3], [0, 0, 0, 0]], atol=1e-6)
    got = advantages(tokens, torch.tensor([1.0, np.nan, -np.inf], dtype=torch.float64), 4, shrink=2.0)
    assert not got.any(), "one completion says nothing of differences"


@pytest.mark.filterwarnings("ignore::ctrldiff.rewards.RewardWarning")
def test_a_reward_that_always_fails_leaves_the_logits_alone():
    state = hard_state("text")
    logits = logits_like(state, 1)
    tilt = Reward(lambda texts: [np.nan] * len(texts)).prepare(context(3, constraint=bound("text", 3)))
    assert torch.equal(tilt.combine(logits, (), state.snapshot(), step_at(0.5)), logits)


def test_it_raises_the_reward_of_what_is_written():
    model = cd.from_pretrained()
    prompt, kind = "Write a review of the lamp.", cd.Regex("The lamp is (great|solid|bad|poor|cheap|lovely)\\.")

    def kindness(texts):
        return [any(word in one for word in ("great", "solid", "lovely")) for one in texts]

    up = model(prompt, kind, guidance=[cd.guide.Reward(kindness, 20.0, completions=12)], steps=2)
    down = model(prompt, kind, guidance=[cd.guide.Reward(kindness, -20.0, completions=12)], steps=2)
    assert kindness([up.raw]) == [True] and kindness([down.raw]) == [False]


@pytest.mark.parametrize(
    "how", [{"completions": 1}, {"shrink": -1.0}, {"shrink": np.nan}, {"strength": np.inf}], ids=str
)
def test_what_makes_no_sense_is_refused(how):
    with pytest.raises(InputError):
        Reward(like_a, **how)
