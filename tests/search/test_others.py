"""Best of n, SVDD and refinement against what enumeration says they do."""

from itertools import product

import numpy as np
import pytest
import torch
from scipy.stats import chisquare

from ctrldiff.constraints.basic import Regex
from ctrldiff.errors import InputError
from ctrldiff.sampling.commit import Everything, TopK
from ctrldiff.sampling.schedules import Linear
from ctrldiff.search.best_of import BestOfN
from ctrldiff.search.refine import Refine, chances, ends
from ctrldiff.search.run import draw
from ctrldiff.search.value import ValueDecoding
from tests.conftest import MASK, STOP, VOCABULARY, spec, text, toy
from tests.search.fakes import begin, count_a, left_to_right, run_of, tilted

LANGUAGE, LENGTH = Regex("(a|b|1|19){1,2}"), 3
LEFTMOST = {"commit": TopK("position"), "schedule": Linear()}
AT_ONCE = {"commit": Everything(), "schedule": Linear(1)}
FLAT = {"denoiser": toy(seed=5, context=False, scale=1.0)}  # positions say nothing of each other


def answers(search, rows, **how):
    """{canvas: how often it was the answer} of so many rows."""
    found = search(run_of(rows * search.n, LANGUAGE, **how), begin(rows, search.n, LENGTH, seed=4))
    assert found.state.done.all()
    counts: dict[tuple[int, ...], int] = {}
    for row in found.chosen:
        ids = tuple(found.state.tokens[row].tolist())
        counts[ids] = counts.get(ids, 0) + 1
    return counts


def fits(counts, truth):
    """The counts are draws from `truth`; whatever is rare is counted together."""
    assert set(counts) <= set(truth) and sum(truth.values()) == pytest.approx(1, abs=1e-5)
    total = sum(counts.values())
    big = [x for x, p in truth.items() if p * total >= 5]
    observed = [counts.get(x, 0) for x in big]
    expected = [truth[x] * total for x in big]
    rest = total - sum(expected)
    assert len(big) >= 3
    if rest < 1e-6 * total:
        return chisquare(observed, np.array(expected) * sum(observed) / sum(expected)).pvalue > 1e-3
    return chisquare([*observed, total - sum(observed)], [*expected, rest]).pvalue > 1e-3


def rewards_of(canvases):
    return np.array(count_a([text(torch.tensor(x)).decode() for x in canvases]))


@pytest.mark.parametrize("n", [1, 3])
def test_the_best_of_n_is_as_frequent_as_the_powers_of_shares_say(n):
    q = left_to_right(LANGUAGE, LENGTH, FLAT["denoiser"], constrained=True)
    r = dict(zip(q, rewards_of(q)))
    truth = {}
    for x, p in q.items():  # the highest reward wins, and among equal ones the first drawn: they share by q
        same = sum(q[y] for y in q if r[y] == r[x])
        below = sum(q[y] for y in q if r[y] < r[x])
        truth[x] = ((below + same) ** n - below**n) * p / same
    assert fits(answers(BestOfN(count_a, n), 300, **AT_ONCE, **FLAT), truth)


@pytest.mark.parametrize("wrong", [False, True])
def test_soft_best_of_two_draws_from_all_pairs_by_weight(wrong):
    """And the best of two does not."""
    q = left_to_right(LANGUAGE, LENGTH, FLAT["denoiser"], constrained=True)
    x, p = list(q), np.array(list(q.values()))
    w = np.exp(0.4 * rewards_of(x))
    two = p[:, None] * p[None, :] / (w[:, None] + w[None, :])
    truth = dict(zip(x, (two * w[:, None]).sum(1) + (two * w[None, :]).sum(0)))
    search = BestOfN(count_a, 2) if wrong else BestOfN(count_a, 2, strength=0.4)
    assert fits(answers(search, 400, **AT_ONCE, **FLAT), truth) != wrong


def test_what_soft_best_of_n_weighs_is_told_by_the_effective_sample_size():
    search = BestOfN(count_a, 5, strength=0.7)
    found = search(run_of(20, LANGUAGE, **AT_ONCE, **FLAT), begin(4, 5, LENGTH, seed=4))
    w = np.exp(0.7 * found.rewards.reshape(4, 5))
    np.testing.assert_allclose(found.ess, w.sum(1) ** 2 / (w**2).sum(1))
    assert found.ess_path(1) == (pytest.approx(found.ess[1]),) and found.ess.std() > 0
    assert BestOfN(count_a, 5)(run_of(20, LANGUAGE, **AT_ONCE), begin(4, 5, LENGTH)).ess == pytest.approx(5)
    with pytest.raises(InputError, match="strength"):
        BestOfN(count_a, 2, strength=np.inf)


def test_one_candidate_or_no_strength_is_plain_sampling():
    q = left_to_right(LANGUAGE, LENGTH, toy(seed=5), constrained=True)
    assert fits(answers(ValueDecoding(count_a, candidates=1), 150, **LEFTMOST), q)
    assert fits(answers(ValueDecoding(count_a, candidates=2, strength=0.0), 150, **LEFTMOST), q)


def test_in_one_step_soft_value_decoding_is_sampling_importance_resampling():
    q = left_to_right(LANGUAGE, LENGTH, FLAT["denoiser"], constrained=True)
    x, p = list(q), np.array(list(q.values()))
    w = np.exp(1.5 * rewards_of(x))
    two = p[:, None] * p[None, :] / (w[:, None] + w[None, :])
    truth = dict(zip(x, (two * w[:, None]).sum(1) + (two * w[None, :]).sum(0)))
    assert fits(answers(ValueDecoding(count_a, candidates=2, strength=1.5), 400, **AT_ONCE, **FLAT), truth)


def test_a_strong_value_takes_the_best_of_the_candidates():
    weak = answers(ValueDecoding(count_a, candidates=6, strength=0.0), 40, **LEFTMOST)
    strong = answers(ValueDecoding(count_a, candidates=6, strength=500.0), 40, **LEFTMOST)

    def mean(counts):
        return sum(rewards_of([x])[0] * c for x, c in counts.items()) / 40

    assert mean(strong) > mean(weak) + 0.3


@pytest.mark.parametrize("proposals", [1, 2])
def test_the_acceptance_rule_leaves_the_target_as_it_is(proposals):
    """The transition matrix of one move, by enumeration of all proposals: target @ matrix == target, reversibly."""
    rng = np.random.default_rng(proposals)
    q, r = rng.dirichlet(np.ones(4)), rng.normal(size=4)
    target = q * np.exp(1.3 * r)
    target /= target.sum()
    matrix = np.zeros((4, 4))
    for here in range(4):
        for tried in product(range(4), repeat=proposals):
            probability = q[list(tried)].prod()
            states = [here, *tried]
            for state, chance in zip(states, chances(1.3 * r[states])):
                matrix[here, state] += probability * chance
    np.testing.assert_allclose(matrix.sum(1), 1, atol=1e-12)
    np.testing.assert_allclose(target @ matrix, target, atol=1e-12)
    flow = target[:, None] * matrix
    np.testing.assert_allclose(flow, flow.T, atol=1e-12)
    assert np.linalg.matrix_power(matrix, 400) == pytest.approx(np.tile(target, (4, 1)), abs=1e-6)


def test_chances_with_what_weighs_nothing():
    assert chances(np.array([0.0, -np.inf])).tolist() == [1.0, 0.0]
    np.testing.assert_allclose(chances(np.array([-np.inf, 0.0, 0.0])), [0, 0.5, 0.5])
    np.testing.assert_allclose(chances(np.array([0.0, -1.0])), [1 - np.exp(-1), np.exp(-1)])
    assert draw(np.array([-np.inf, 0.0]), 0.0) == 1 and draw(np.array([0.0, -np.inf]), 1 - 1e-12) == 0


def refined(start, target, rows, rounds, reward, strength, **how):
    """Chains that begin in the target and move: counts of where they are afterwards."""
    search = Refine(reward, rounds=rounds, width=2, proposals=2, strength=strength, choose="draw")
    run = run_of(rows, LANGUAGE, **how)
    rng, canvases = np.random.default_rng(8), list(target)
    pick = rng.choice(len(canvases), rows, p=np.array(list(target.values())) / sum(target.values()))
    state = begin(rows, 1, LENGTH, seed=9)
    tokens = torch.tensor([canvases[i] for i in pick])
    state = state.write(torch.ones_like(state.open), tokens)
    score = search.reward.prepare(run.context)
    rewards = run.scores(score, range(rows), state.tokens)
    for _ in range(rounds):
        state, rewards = search.round(run, score, state, rewards)
    assert np.array_equal(rewards, rewards_of(state.tokens.tolist())) and state.done.all()
    moved = (state.tokens != tokens).any(1).float().mean()
    counts: dict[tuple[int, ...], int] = {}
    for ids in state.tokens.tolist():
        counts[tuple(ids)] = counts.get(tuple(ids), 0) + 1
    return counts, moved


def towards_b(logits, state, step):
    return logits.index_add(-1, torch.tensor([12]), torch.full((*logits.shape[:2], 1), 1.0))


@pytest.mark.parametrize("guidance", [[], [towards_b]], ids=["plain", "guided proposals"])
def test_chains_that_begin_in_the_target_stay_in_it(guidance):
    q = left_to_right(LANGUAGE, LENGTH, FLAT["denoiser"], constrained=True)
    _, target = tilted(q, count_a, 1.0)
    counts, moved = refined(None, target, 400, 3, count_a, 1.0, guidance=guidance, **FLAT)
    assert moved > 0.3 and fits(counts, target)


def test_chains_reach_the_target_from_plain_decodes():
    q = left_to_right(LANGUAGE, LENGTH, FLAT["denoiser"], constrained=True)
    _, target = tilted(q, count_a, 1.0)
    search = Refine(count_a, rounds=8, width=3, proposals=2, strength=1.0, choose="draw")
    assert fits(answers(search, 300, **AT_ONCE, **FLAT), target)


def test_the_best_state_of_a_chain_is_never_worse_than_its_start():
    start = BestOfN(count_a, 1)(run_of(20, LANGUAGE), begin(20, 1, LENGTH))
    found = Refine(count_a, rounds=6, strength=0.1)(run_of(20, LANGUAGE), begin(20, 1, LENGTH))
    assert (found.rewards >= start.rewards).all() and (found.rewards > start.rewards).any()
    assert (found.forwards > start.forwards).any()
    np.testing.assert_array_equal(found.rewards, rewards_of(found.state.tokens.tolist()))


def test_a_chain_refines_alone_as_in_its_batch():
    search, begun = Refine(count_a, rounds=4, n=2), begin(3, 2, LENGTH)
    together = search(run_of(6, LANGUAGE), begun)
    alone = search(run_of(2, LANGUAGE), begun.gather([2, 3]))
    assert torch.equal(alone.state.tokens, together.state.tokens[2:4])
    assert alone.forwards.tolist() == together.forwards[1:2].tolist()


def test_ends_are_first_stops():
    state = begin(2, 1, LENGTH)
    state = state.write(torch.ones_like(state.open), torch.tensor([[11, STOP, STOP], [11, 12, 11]]))
    assert ends(state, (STOP,)) == [1, 2]


@pytest.mark.parametrize(
    ("search", "name"),
    [
        (lambda: BestOfN(count_a, 0), "n=0"),
        (lambda: ValueDecoding(count_a, candidates=0), "candidates=0"),
        (lambda: ValueDecoding(count_a, strength=np.nan), "strength=nan"),
        (lambda: Refine(count_a, rounds=0), "rounds=0"),
        (lambda: Refine(count_a, choose="last"), "choose='last'"),
        (lambda: BestOfN("great"), "not a str"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(search, name):
    with pytest.raises(InputError, match=name):
        search()


def test_a_consistent_model_gives_metropolis_within_gibbs_its_joint_distribution():
    """A network of exact conditionals of a joint over two letters and three positions; windows of one position."""
    joint = np.random.default_rng(5).dirichlet(np.ones(8)).reshape(2, 2, 2)

    def network(ids):
        out = torch.full((*ids.shape, VOCABULARY.size), -1e9)
        for row, tokens in enumerate(ids[:, 2:].tolist()):
            seen = joint[tuple(slice(None) if t == MASK else slice(t - 11, t - 10) for t in tokens)]
            for i in range(3):
                shares = seen.sum(axis=tuple(j for j in range(3) if j != i))
                letters = range(2) if tokens[i] == MASK else [tokens[i] - 11]
                for letter, share in zip(letters, shares / shares.sum()):
                    out[row, i + 2, 11 + letter] = float(np.log(share))
        return out

    from ctrldiff.models.callable import from_callable

    denoiser = from_callable(network, spec("mask"), VOCABULARY)
    base = {tuple(11 + i for i in x): float(joint[x]) for x in product(range(2), repeat=3)}
    _, target = tilted(base, count_a, 0.7)
    search = Refine(count_a, rounds=5, width=1, proposals=1, strength=0.7, choose="draw")
    rows = 300
    run = run_of(rows, Regex("[ab]{3}"), denoiser=denoiser)
    canvases = list(target)
    pick = np.random.default_rng(1).choice(8, rows, p=list(target.values()))
    state = begin(rows, 1, 3)
    state = state.write(torch.ones_like(state.open), torch.tensor([canvases[i] for i in pick]))
    score = search.reward.prepare(run.context)
    rewards = run.scores(score, range(rows), state.tokens)
    for _ in range(5):
        state, rewards = search.round(run, score, state, rewards)
    counts: dict[tuple[int, ...], int] = {}
    for ids in state.tokens.tolist():
        counts[tuple(ids)] = counts.get(tuple(ids), 0) + 1
    assert fits(counts, target)
