"""Particle estimates against the enumerated target, and what becomes of candidates whose reward fails."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy.stats import chisquare

from ctrldiff.constraints.basic import Regex
from ctrldiff.errors import InputError
from ctrldiff.sampling.commit import Everything, TopK
from ctrldiff.sampling.schedules import Linear
from ctrldiff.search.particles import Particles, effective, resampled, systematic
from tests.conftest import SIZE, VOCABULARY, toy
from tests.search.fakes import begin, count_a, left_to_right, run_of, tilted, within

LANGUAGE, LENGTH = Regex("(a|b|1|19){1,2}"), 3
LEFTMOST = {"commit": TopK("position"), "schedule": Linear()}


def towards_b(logits, state, step):
    """A guide that is none of the target's business."""
    return logits.index_add(-1, torch.tensor([12]), torch.full((*logits.shape[:2], 1), 1.5))


def estimates(search, rows, **how):
    """(rows,) of Z; and of Z times the probability of each text, {text: (rows,)}."""
    found = search(run_of(rows * search.n, LANGUAGE, **how), begin(rows, search.n, LENGTH))
    weights = np.exp(found.state.log_weight.numpy()).reshape(rows, search.n)
    canvases = [tuple(ids) for ids in found.state.tokens.tolist()]
    np.testing.assert_allclose(np.exp(found.log_z), weights.mean(1), rtol=1e-6)
    return weights, canvases, found


@pytest.mark.parametrize(
    ("search", "guidance"),
    [
        (Particles(n=4), []),
        (Particles(n=4, ess=1.0), [towards_b]),
        (Particles(count_a, n=4, strength=0.8, completions=2), []),
        (Particles(count_a, n=3, strength=-1.0, every=2, ess=1.0), [towards_b]),
    ],
    ids=["constraint alone", "guided", "reward", "reward and guide, every other step"],
)
def test_the_weights_are_exact_for_the_model_under_constraint_and_reward(search, guidance):
    truth = left_to_right(LANGUAGE, LENGTH, toy(seed=5), constrained=False)
    z, target = tilted(truth, count_a if search.reward else lambda texts: [0.0] * len(texts), search.strength)
    rows = 150
    weights, canvases, _ = estimates(search, rows, guidance=guidance, **LEFTMOST)
    assert within(weights.mean(1), z)
    assert weights.mean(1).std() > 0.02 * z, "there is something to estimate"
    for canvas in sorted(target, key=target.get)[-3:]:
        hits = np.array([x == canvas for x in canvases]).reshape(rows, search.n)
        assert within((weights * hits).mean(1), z * target[canvas])


def test_without_correction_the_target_is_the_sampler_under_reward():
    search = Particles(count_a, n=4, strength=0.8, target="sampler", ess=1.0)
    z, target = tilted(left_to_right(LANGUAGE, LENGTH, toy(seed=5), constrained=True), count_a, 0.8)
    weights, canvases, _ = estimates(search, 150, **LEFTMOST)
    assert within(weights.mean(1), z)
    likely = max(target, key=target.get)
    hits = np.array([x == likely for x in canvases]).reshape(150, search.n)
    assert within((weights * hits).mean(1), z * target[likely])


def test_in_one_step_every_weight_is_the_normaliser_times_the_reward():
    """Law X8 with nothing stale: what is drawn exactly needs no weight beyond Z."""
    search = Particles(count_a, n=3, strength=0.7)
    state = begin(4, 3, LENGTH)
    run = run_of(12, LANGUAGE, commit=Everything(), schedule=Linear(1))
    found = search(run, state)
    log_z = run.look(state).posterior.log_z().numpy()
    np.testing.assert_allclose(found.state.log_weight, log_z + 0.7 * found.rewards, atol=1e-5)


@pytest.mark.slow
def test_many_particles_draw_from_the_target():
    search = Particles(count_a, n=40, strength=1.0, completions=2)
    _, target = tilted(left_to_right(LANGUAGE, LENGTH, toy(seed=5), constrained=False), count_a, 1.0)
    found = search(run_of(100 * 40, LANGUAGE, **LEFTMOST), begin(100, 40, LENGTH))
    drawn = [tuple(found.state.tokens[row].tolist()) for row in found.chosen]
    big = [x for x, p in target.items() if p * len(drawn) >= 5]
    observed = [drawn.count(x) for x in big]
    expected = [target[x] * len(drawn) for x in big]
    rest = len(drawn) - sum(observed)
    assert chisquare([*observed, rest], [*expected, len(drawn) - sum(expected)]).pvalue > 1e-3


def test_effective_sample_sizes_are_told_for_every_time_that_resampling_was_weighed():
    """Never resampled, the sizes are those of the weights so far, which the steps after them have in the end."""
    never, always = (Particles(count_a, n=4, strength=2.0, ess=ess) for ess in (0.0, 1.0))
    never, always = (one(run_of(40, LANGUAGE, **LEFTMOST), begin(10, 4, LENGTH)) for one in (never, always))
    np.testing.assert_array_equal(never.sizes[0], always.sizes[0])  # before the first resampling all is the same
    assert (never.sizes[0] < 4).all() and (never.sizes[-1:] > 0).sum() + np.isnan(never.sizes[-1]).sum() == 10
    for row in range(10):
        path = always.ess_path(row)
        assert len(path) == 1 + (~np.isnan(always.sizes[:, row])).sum() and all(1 <= one <= 4 + 1e-9 for one in path)
        w = np.exp(always.state.log_weight[4 * row : 4 * row + 4].numpy())
        assert path[-1] == pytest.approx(w.sum() ** 2 / (w**2).sum())
    assert np.nanmean(always.sizes[1:]) > np.nanmean(never.sizes[1:]), "what was resampled weighs more evenly"


def test_a_copy_in_the_place_of_a_complete_canvas_has_its_own_clock():
    """A canvas that goes on is copied over one that has ended; both have taken the same steps."""
    going = begin(1, 2, LENGTH)
    ended = going.write(torch.tensor([[False] * LENGTH, [True] * LENGTH]), going.tokens)
    before = replace(ended, step=torch.tensor([3, 1]), log_weight=torch.tensor([0.0, -np.inf], dtype=torch.float64))
    moved, index = resampled(before, 2, 1.0, SimpleNamespace(before=ended))
    assert index.tolist() == [0, 0] and not moved.done.any()
    assert (moved.step + torch.tensor([1, 0])).tolist() == [4, 4], (
        "the loop moves on the clock of the first place alone"
    )


def test_a_group_searches_alone_as_in_its_batch():
    search = Particles(count_a, n=3, strength=2.0)
    start = begin(4, 3, LENGTH)
    together = search(run_of(12, LANGUAGE), start)
    for row in (1, 3):
        alone = search(run_of(3, LANGUAGE), start.gather(range(3 * row, 3 * row + 3)))
        assert torch.equal(alone.state.tokens, together.state.tokens[3 * row : 3 * row + 3])
        assert alone.chosen[0] + 3 * row == together.chosen[row]


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_candidate_whose_reward_fails_is_out_and_the_others_go_on():
    def no_ones(texts):
        if any("1" in one for one in texts):
            raise RuntimeError("a one")
        return [0.0] * len(texts)

    search = Particles(no_ones, n=8, strength=1.0, ess=0.0)  # never resampled: those that failed are still there
    found = search(run_of(40, LANGUAGE), begin(5, 8, LENGTH))
    texts = [VOCABULARY.decode(ids) for ids in found.state.tokens.tolist()]
    ended = np.array([b"1" in one for one in texts])
    assert ended.any() and (np.isnan(found.rewards) == ended).all()
    assert (found.state.log_weight.numpy()[ended] == -np.inf).all() and (
        ended[found.chosen] <= ended.reshape(5, 8).all(1)
    ).all()


@pytest.mark.filterwarnings("ignore::ctrldiff.rewards.RewardWarning")
def test_a_row_whose_candidates_all_end_is_complete_and_warned_of():
    with pytest.warns(UserWarning, match="row 0: every candidate has ended"):
        found = Particles(lambda texts: [np.nan] * len(texts), n=2)(run_of(2, LANGUAGE), begin(1, 2, LENGTH))
    assert found.state.done.all() and found.chosen.tolist() == [0]


def test_systematic_resampling_takes_each_as_often_as_its_share_says():
    rng = np.random.default_rng(0)
    for _ in range(50):
        weights = np.log(rng.dirichlet(np.ones(6)))
        weights[rng.integers(6)] = -np.inf
        shares = np.exp(weights) / np.exp(weights).sum() * 6
        counts = np.bincount(systematic(weights, rng.random()), minlength=6)
        assert (np.abs(counts - shares) < 1 + 1e-9).all() and counts.sum() == 6
    uniforms = (np.arange(2000) + 0.5) / 2000
    mean = np.mean([np.bincount(systematic(weights, u), minlength=6) for u in uniforms], axis=0)
    np.testing.assert_allclose(mean, shares, atol=5e-3)
    assert effective(np.zeros(5)) == pytest.approx(5) and effective(np.array([0, -np.inf])) == pytest.approx(1)


@pytest.mark.parametrize(
    "how",
    [{"n": 0}, {"strength": np.inf}, {"ess": 1.5}, {"target": "both"}, {"choose": "worst"}, {"every": 0}],
    ids=str,
)
def test_what_makes_no_sense_is_refused_by_name(how):
    with pytest.raises(InputError, match=next(iter(how))):
        Particles(count_a, **how)


def test_without_a_reward_there_is_nothing_to_choose_by():
    with pytest.raises(InputError, match="without a reward"):
        Particles(choose="best")
    assert SIZE == VOCABULARY.size
