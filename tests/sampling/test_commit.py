"""Every policy is its formula. Each is restated here with loops and lists, one row at a time."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from ctrldiff.errors import InputError
from ctrldiff.sampling.commit import (
    Anchored,
    CertainFree,
    EntropyBound,
    Everything,
    Factor,
    Gaps,
    LeftToRight,
    Prefix,
    Threshold,
    TopK,
)
from tests.sampling.fakes import Told, canvas, chosen, step

SEEDS = range(40)


def random_row(seed: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """(1, T) confidences with ties, entropies, and which positions are given."""
    rng = np.random.default_rng(seed)
    T = int(rng.integers(1, 9))
    grid = [0.0, 0.2, 0.5, 0.89, 0.9, 0.95, 0.99, 0.999, 1.0]
    confidence = torch.from_numpy(np.float32(rng.choice(grid, (1, T))))
    entropy = torch.from_numpy(np.float32(rng.choice([0.0, 0.01, 0.05, 0.2, 1.0], (1, T))))
    shut = torch.from_numpy(rng.random((1, T)) < 0.3)
    shut[0, rng.integers(T)] = False
    return confidence, entropy, shut


def ranked(values: list[float], eligible: list[int], *, falling: bool) -> list[int]:
    return sorted(eligible, key=lambda t: (-values[t] if falling else values[t], t))


@pytest.mark.parametrize("seed", SEEDS)
def test_threshold_takes_all_that_pass_else_the_best(seed):
    confidence, _, shut = random_row(seed)
    state = canvas(confidence, shut)
    c, open_now = confidence[0].tolist(), chosen(state.open)[0]
    wanted = [t for t in open_now if c[t] >= np.float32(0.9)] or ranked(c, open_now, falling=True)[:1]
    assert chosen(Threshold(0.9)(Told(confidence), state.tokens, state, step(state)))[0] == sorted(wanted)


@pytest.mark.parametrize("f", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("seed", SEEDS)
def test_factor_takes_the_largest_n_that_passes_and_never_one_more(seed, f):
    confidence, _, shut = random_row(seed)
    state = canvas(confidence, shut)
    c, open_now = confidence[0].tolist(), chosen(state.open)[0]
    best = ranked(c, open_now, falling=True)
    n = max([n for n in range(1, len(best) + 1) if (n + 1) * (1 - c[best[n - 1]]) < f], default=1)
    assert chosen(Factor(f)(Told(confidence), state.tokens, state, step(state)))[0] == sorted(best[:n])


@pytest.mark.parametrize("gamma", [0.0, 0.1, 0.5])
@pytest.mark.parametrize("seed", SEEDS)
def test_entropy_bound_takes_the_largest_prefix_within_the_bound(seed, gamma):
    confidence, entropy, shut = random_row(seed)
    state = canvas(confidence, shut)
    h, open_now = entropy[0].tolist(), chosen(state.open)[0]
    order = ranked(h, open_now, falling=False)
    n = max(n for n in range(1, len(order) + 1) if sum(h[t] for t in order[:n]) - h[order[n - 1]] <= gamma)
    told = Told(confidence, entropy)
    assert chosen(EntropyBound(gamma)(told, state.tokens, state, step(state)))[0] == sorted(order[:n])


def test_entropy_bound_keeps_its_sums_to_one_row():
    entropy = torch.tensor([[5.0, 5.0], [0.01, 0.01]])
    state = canvas(entropy)
    where = EntropyBound(0.1)(Told(entropy, entropy), state.tokens, state, step(state))
    assert chosen(where) == [[0], [0, 1]]


@pytest.mark.parametrize("by", ["confidence", "margin", "entropy", "surprise"])
@pytest.mark.parametrize("seed", SEEDS)
def test_top_k_takes_its_quota_most_certain_first_leftmost_of_equals(seed, by):
    confidence, entropy, shut = random_row(seed)
    state = canvas(confidence, shut)
    values = {"confidence": confidence, "margin": 1 - confidence, "entropy": -entropy, "surprise": confidence.log()}[
        by
    ][0].tolist()
    best = ranked(values, chosen(state.open)[0], falling=True)
    for quota in (1, 2, 5):
        where = TopK(by)(Told(confidence, entropy), state.tokens, state, step(state, quota))
        assert chosen(where)[0] == sorted(best[:quota])


def test_rows_have_their_own_quotas():
    confidence = torch.tensor([[0.1, 0.2, 0.3], [0.1, 0.2, 0.3]])
    state = canvas(confidence)
    where = TopK()(Told(confidence), state.tokens, state, step(state, quota=torch.tensor([1, 2])))
    assert chosen(where) == [[2], [1, 2]]


def test_random_order_takes_every_position_as_often_as_any_other():
    confidence = torch.zeros(600, 4)
    state = canvas(confidence[:1]).fork(600)
    where = TopK("random")(Told(confidence), state.tokens, state, step(state))
    counts = where.sum(dim=0).double()
    assert where.sum() == 600
    assert float(((counts - 150) ** 2 / 150).sum()) < 16.27  # chi-square, 3 degrees of freedom, one in a thousand


def test_everything_is_the_window_and_no_more():
    confidence = torch.zeros(1, 5)
    window = torch.tensor([[True, True, False, False, True]])
    state = canvas(confidence, torch.tensor([[False, True, False, False, False]]))
    where = Everything()(Told(confidence), state.tokens, state, step(state, window=window))
    assert chosen(where) == [[0, 4]]


def test_left_to_right_lets_the_inner_policy_see_the_first_open_positions_only():
    confidence = torch.tensor([[0.1, 0.2, 0.3, 0.9]])
    state = canvas(confidence, torch.tensor([[True, False, False, False]]))
    assert chosen(LeftToRight(TopK(), block=2)(Told(confidence), state.tokens, state, step(state))) == [[2]]


def test_a_prefix_ends_before_the_first_doubt_but_never_is_empty():
    confidence = torch.tensor([[0.9, 0.2, 0.95, 0.9, 0.5, 0.99]])
    state = canvas(confidence, torch.tensor([[True, False, False, False, False, False]]))
    told = Told(confidence)
    assert chosen(Prefix(0.9)(told, state.tokens, state, step(state))) == [[1, 2, 3]]
    assert chosen(Prefix(1.1)(told, state.tokens, state, step(state))) == [[1]]


def test_a_prefix_ends_where_the_model_on_its_own_would_say_something_else():
    confidence, own = torch.full((1, 5), 0.99), torch.tensor([[0.01, 0.6, 0.5, 0.49, 1.0]])
    told, state = Told(confidence, own=own), canvas(confidence)
    for least, wanted in ((0.0, [0, 1, 2, 3, 4]), (0.5, [0, 1, 2]), (0.9, [0])):
        assert chosen(Prefix(0.9, own=least)(told, state.tokens, state, step(state))) == [wanted]


def gaps_in(is_open, segment):
    """The positions of each gap, by a loop."""
    found = []
    for t in [t for t, one in enumerate(is_open) if one]:
        if found and found[-1][-1] == t - 1 and segment[t - 1] == segment[t]:
            found[-1].append(t)
        else:
            found.append([t])
    return found


@pytest.mark.parametrize("begin", [0.0, 0.85, 1.1])
@pytest.mark.parametrize("seed", SEEDS)
def test_of_every_gap_that_begins_surely_a_prefix_is_written(seed, begin):
    confidence, _, shut = random_row(seed)
    rng = np.random.default_rng(seed)
    T = confidence.shape[1]
    own = torch.from_numpy(np.float32(rng.choice([0.5, 0.9, 1.0], (1, T))))
    segment = torch.from_numpy(np.sort(rng.integers(-1, 2, (1, T)), axis=1))
    state = replace(canvas(confidence, shut), segment=segment)
    window = state.open & torch.from_numpy(rng.random((1, T)) < 0.9)
    sure, alone = confidence[0].tolist(), own[0].tolist()
    gaps = gaps_in(window[0].tolist(), segment[0].tolist())
    begun = [gap for gap in gaps if sure[gap[0]] >= begin]
    if gaps and not begun:
        begun = [max(gaps, key=lambda gap: (sure[gap[0]], -gap[0]))]
    wanted = []
    for gap in begun:
        wanted.append(gap[0])
        for t in gap[1:]:
            if sure[t] < 0.93 or alone[t] < 0.8:
                break
            wanted.append(t)
    where = Gaps(begin, above=0.93, own=0.8)(Told(confidence, own=own), state.tokens, state, step(state, window=window))
    assert chosen(where) == [wanted]


def test_one_gap_is_written_as_by_a_prefix():
    confidence, own = torch.tensor([[0.2, 0.99, 0.99, 0.9, 0.99]]), torch.tensor([[0.1, 0.95, 0.9, 1.0, 1.0]])
    told, state = Told(confidence, own=own), canvas(confidence)
    for above, least in ((0.9, 0.9), (0.9, 0.93), (0.99, 0.0)):
        prefix = Prefix(above, own=least)(told, state.tokens, state, step(state))
        assert torch.equal(Gaps(above=above, own=least)(told, state.tokens, state, step(state)), prefix)


def test_what_is_sure_of_token_and_place_is_written_with_the_leftmost():
    confidence = torch.tensor([[0.1, 0.95, 0.95, 0.5, 0.99]])
    places = torch.tensor([[1.0, 0.995, 0.6, 1.0, 0.995]])
    state = canvas(confidence)
    assert chosen(Anchored(0.9, 0.99)(Told(confidence, places=places), state.tokens, state, step(state))) == [[0, 1, 4]]
    state = canvas(confidence, torch.tensor([[True, True, False, False, False]]))
    assert chosen(Anchored(0.9, 0.99)(Told(confidence, places=places), state.tokens, state, step(state))) == [[2, 4]]


def test_certain_positions_cost_nothing_of_the_quota():
    confidence = torch.tensor([[0.99999, 0.5, 1.0, 0.6]])
    state = canvas(confidence)
    assert chosen(CertainFree(TopK())(Told(confidence), state.tokens, state, step(state))) == [[0, 2, 3]]


def test_all_may_be_certain():
    confidence = torch.ones(1, 3)
    state = canvas(confidence)
    assert chosen(CertainFree(TopK())(Told(confidence), state.tokens, state, step(state))) == [[0, 1, 2]]


def test_an_unknown_score_is_refused_by_name():
    state = canvas(torch.zeros(1, 1))
    with pytest.raises(InputError, match="random"):
        TopK("best")(Told(torch.zeros(1, 1)), state.tokens, state, step(state))  # type: ignore[arg-type]
