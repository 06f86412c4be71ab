"""The sweep of sums where masses of one position are apart by thousands of nats: against every string, and against
logarithms edge by edge; plain floats, scaled at every position, fail the same tests."""

from __future__ import annotations

from fractions import Fraction
from math import fsum

import numpy as np
import pytest

from ctrldiff.kernels import chain as kernels
from ctrldiff.kernels import sums, walk
from ctrldiff.posterior.arrays import fixed
from tests.kernels.test_chain import automaton, chain_of, room, strings

SEEDS, T = range(60), 5


def by_logarithms(chain: kernels.Chain, lab: np.ndarray, reach: np.ndarray) -> np.ndarray:
    """The definition, edge by edge."""
    weight = chain.weight if len(chain.weight) else np.zeros(len(chain.edge_to))
    total = np.full(reach.shape, -np.inf)
    total[-1, (chain.accept > 0) & (reach[-1] > 0)] = 0.0
    for t in reversed(range(len(lab))):
        for s in np.flatnonzero(reach[t]):
            for e in range(chain.edge_ptr[s], chain.edge_ptr[s + 1]):
                way = lab[t, chain.edge_label[e]] + weight[e] + total[t + 1, chain.edge_to[e]]
                total[t, s] = np.logaddexp(total[t, s], way)
    return total


def by_plain_floats(chain: kernels.Chain, lab: np.ndarray, reach: np.ndarray) -> np.ndarray:
    """What must not pass: each line scaled by its largest, and what is too small for a float is 0."""
    W = chain.weight.max(initial=0.0)
    weight = np.exp(chain.weight - W) if len(chain.weight) else np.ones(len(chain.edge_to))
    total, N = np.full(reach.shape, -np.inf), 0.0
    mass = ((chain.accept > 0) & (reach[-1] > 0)).astype(np.float64)
    with np.errstate(divide="ignore"):
        total[-1] = np.log(mass)
        for t in reversed(range(len(lab))):
            M, now = lab[t].max(initial=-1e300), np.zeros(len(mass))
            for s in np.flatnonzero(reach[t]):
                for e in range(chain.edge_ptr[s], chain.edge_ptr[s + 1]):
                    now[s] += np.exp(lab[t, chain.edge_label[e]] - M) * weight[e] * mass[chain.edge_to[e]]
            total[t] = N + M + W + np.log(now)
            N, mass = N + M + W + np.log(now.max() or 1.0), now / (now.max() or 1.0)
    return total


def by_the_kernel(chain: kernels.Chain, lab: np.ndarray, reach: np.ndarray) -> np.ndarray:
    return sums.sweep_sum(chain, lab, reach, room(chain, lab))


def same(one: np.ndarray, other: np.ndarray) -> bool:
    """-inf at the same places, and elsewhere the same to 1e-9 of it, or of 1e-3 where it is less."""
    some = other > -np.inf
    return np.array_equal(one > -np.inf, some) and np.allclose(one[some], other[some], rtol=1e-9, atol=1e-12)


class Deep:
    """A random chain, each class one token, scores apart by up to 10,000 nats a position, some of them -inf, some
    positions written; every other one with weights of edges up to 50 either way, every seventh up to 5,000."""

    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        plain, step = automaton(seed)
        far = 5000 if seed % 7 == 0 else 50
        weight = rng.uniform(-far, far, len(plain.edge_to)) if seed % 2 else ()
        self.chain, self.step = plain._replace(weight=fixed(weight, np.float64)), step
        self.cls = -rng.random((T, step.shape[1])) * rng.choice([30, 1500, 10_000], (T, 1))
        self.cls[rng.random(self.cls.shape) < 0.1] = -np.inf
        self.strings = strings(self.chain, step, T)
        written = np.full(T, -1, np.int32)
        if self.strings and seed % 3 == 0:
            written[1] = self.strings[rng.integers(len(self.strings))][1]
            self.cls[1] = np.where(np.arange(step.shape[1]) == written[1], 0.0, -np.inf)
        self.reach = kernels.reachable(self.chain, 0, written)
        self.lab = kernels.label_log_sum(self.chain, self.cls)
        classes = np.array(self.strings, np.int32).reshape(-1, T)
        own = [fsum(self.cls[np.arange(T), one]) + walk.walk_tokens(self.chain, 0, one) for one in classes]
        self.weights = np.array(own)

    @property
    def log_z(self) -> float:
        top = self.weights.max(initial=-np.inf)
        return top + np.log(fsum(np.exp(self.weights - top))) if top > -np.inf else top


def right(deep: Deep, sweep) -> bool:
    """Every future is what logarithms say, and all strings together what they are when written out."""
    total = sweep(deep.chain, deep.lab, deep.reach)
    whole = total[0, 0] == deep.log_z or total[0, 0] == pytest.approx(deep.log_z, rel=1e-9, abs=1e-12)
    return whole and same(total, by_logarithms(deep.chain, deep.lab, deep.reach))


@pytest.mark.parametrize("seed", SEEDS)
def test_sums_of_any_depth_are_those_of_all_strings(seed):
    assert right(Deep(seed), by_the_kernel)


def test_plain_floats_are_not_right():
    assert sum(not right(Deep(seed), by_plain_floats) for seed in SEEDS) > 30


@pytest.mark.parametrize("seed", SEEDS)
def test_marginals_and_draws_follow_sums_of_any_depth(seed):
    deep = Deep(seed)
    if deep.log_z == -np.inf:
        return
    chain, lab, p = deep.chain, deep.lab, np.exp(deep.weights - deep.log_z)
    total, logs = by_the_kernel(chain, lab, deep.reach), by_logarithms(chain, lab, deep.reach)
    _, taken = kernels.flow(chain, 0, lab, total)
    want = np.zeros(deep.cls.shape)
    for string, share in zip(deep.strings, p):
        want[np.arange(T), list(string)] += share
    gain = kernels.class_gain(chain, taken, lab, deep.cls)
    got = np.exp(np.where(gain > -np.inf, gain + np.where(deep.cls > -np.inf, deep.cls, 0.0), -np.inf))
    np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-12)
    uniforms = np.random.default_rng(seed).random((50, T, 3))
    drawn = walk.walk_sample(chain, 0, lab, deep.cls, total, uniforms)
    assert np.array_equal(drawn, walk.walk_sample(chain, 0, lab, deep.cls, logs, uniforms))
    assert {tuple(one) for one in drawn.tolist()} <= {s for s, share in zip(deep.strings, p) if share > 0}


# --- by hand -----------------------------------------------------------------------------------------------------


def rivals() -> tuple[kernels.Chain, np.ndarray, np.ndarray]:
    """Two legal strings, one three times as likely as the other, whose masses are apart by 5,000 nats half of the way,
    first one ahead and then the other; whatever is best at every position leads nowhere."""
    chain = chain_of([0, 3, 4, 5, 6], [1, 2, 3, 1, 2, 3], range(6), range(7), range(6), [1, 0, 0, 99], [0, 1, 1, 0])
    cls = np.full((9, 6), -np.inf)
    cls[0, :3] = np.log(3.0) - 1000.0, -1000.0, 0.0
    cls[1:, 3:5] = np.where(np.arange(8)[:, None] < 4, [[-5000.0, 0.0]], [[0.0, -5000.0]])
    cls[1:, 5] = 0.0
    return chain, cls, np.ones((10, 4), np.uint8)


def rivals_are_told_apart(sweep) -> bool:
    chain, cls, reach = rivals()
    total = sweep(chain, cls, reach)
    return bool(total[0, 0] == pytest.approx(np.log(4.0) - 21_000.0, rel=1e-15))


def test_strings_that_fall_behind_by_thousands_of_nats_and_catch_up_are_weighed_against_each_other():
    assert rivals_are_told_apart(by_the_kernel) and not rivals_are_told_apart(by_plain_floats)
    chain, cls, reach = rivals()
    total = by_the_kernel(chain, cls, reach)
    _, taken = kernels.flow(chain, 0, cls, total)
    np.testing.assert_allclose(taken[0], [0.75, 0.25, 0, 0, 0, 0], rtol=1e-9)
    np.testing.assert_allclose(taken[8], [0, 0, 0, 0.75, 0.25, 0], rtol=1e-9)
    chances = np.tile((np.arange(1000)[:, None, None] + 0.5) / 1000, (1, 9, 3))
    drawn = walk.walk_sample(chain, 0, cls, cls, total, chances)
    assert (drawn[:, 0] == 0).sum() == 750 and (drawn[:, 0] == 1).sum() == 250


def test_a_state_behind_the_end_is_known_to_the_last_of_hundreds_of_positions():
    """From a state in the text every length is possible, from one behind it a single string of 30 nats a position."""
    chain = chain_of([0, 2, 3], [0, 1, 1], [0, 1, 1], [0, 1, 2], [0, 1], [1, 0], [0, 1])
    n = np.arange(700, -1, -1.0)
    lab, reach = np.tile([0.0, -30.0], (700, 1)), np.ones((701, 2), np.uint8)
    total = by_the_kernel(chain, lab, reach)
    np.testing.assert_allclose(total[:, 1], -30 * n, rtol=1e-13)
    with np.errstate(divide="ignore"):
        np.testing.assert_allclose(total[:, 0], np.log(-np.expm1(-30 * n) / np.expm1(30)), rtol=1e-13)
    assert not same(by_plain_floats(chain, lab, reach), total)


def test_a_position_at_which_all_are_far_is_measured_by_its_largest():
    """The best score leads nowhere; the first of two states is 230 nats below the second, and the last to be it."""
    ways = [1, 2, 4, 3, 4, 3, 4]
    chain = chain_of([0, 3, 5, 7, 7, 7], ways, range(7), range(8), range(7), [2, 1, 1, 0, 99], [0, 0, 0, 1, 0])
    lab = np.tile([0.0, -230.0, 0.0, -1230.0, 0.0, -1000.0, 0.0], (2, 1))
    total = by_the_kernel(chain, lab, np.ones((3, 5), np.uint8))
    assert total[0, 0] == pytest.approx(np.log(2.0) - 1230.0, rel=1e-14)
    assert same(total, by_logarithms(chain, lab, np.ones((3, 5), np.uint8)))


def test_a_state_far_below_the_others_may_be_the_best_of_the_position_before():
    """It is not tried by plain floats, as it was far below; and all others are 500 nats below it now."""
    chain = chain_of([0, 2, 4, 6, 6], [1, 2, 2, 3, 2, 3], range(6), range(7), range(6), [2, 1, 1, 0], [0, 0, 0, 1])
    none = -np.inf
    lab = np.array(
        [[0.0, 0.0, none, none, none, none], [0.0, 0.0, 0.0, none, -500.0, none], [0.0, 0.0, none, -1200.0, none, 0.0]]
    )
    reach = np.ones((4, 4), np.uint8)
    total = by_the_kernel(chain, lab, reach)
    assert same(total, by_logarithms(chain, lab, reach))
    assert total[2].tolist() == [none, -1200.0, 0.0, none] and total[1, 1] == pytest.approx(0.0, abs=1e-12)
    assert total[1, 2] == pytest.approx(-500.0, rel=1e-14) and total[0, 0] == pytest.approx(0.0, abs=1e-12)


def beside_the_best(depth: float) -> tuple[kernels.Chain, np.ndarray, np.ndarray]:
    """One position, one state with a score of 0 and one with two so far below."""
    chain = chain_of([0, 1, 3, 3], [2, 2, 2], [0, 1, 2], [0, 1, 2, 3], [0, 1, 2], [1, 1, 0], [0, 0, 1])
    return chain, np.array([[0.0, -depth, -depth - 1.0]]), np.ones((2, 3), np.uint8)


DEPTHS = [*np.arange(500.0, 1300.0, 7.0), 1e4, 1e6]


def test_no_digit_is_lost_where_floats_have_few(monkeypatch):
    """At 745 nats below, a float has one bit left, so sums below `TINY` are not to be trusted: they are taken again."""

    def off(sweep, depth) -> float:
        chain, lab, reach = beside_the_best(depth)
        total = sweep(chain, lab, reach, room(chain, lab))
        return abs(total[0, 1] - np.logaddexp(-depth, -depth - 1.0)) / depth

    assert max(off(sums.sweep_sum, depth) for depth in DEPTHS) < 1e-14
    monkeypatch.setattr(sums, "TINY", 0.0)  # trusted, whatever they are
    assert max(off(sums.sweep_sum.py_func, depth) for depth in DEPTHS) > 1e-9


def test_numbers_at_the_ends_of_their_range_are_added_exactly():
    """What is a few levels lower may be as large, where its own number is and the other's is not: as fractions."""
    rng, n = np.random.default_rng(0), 4
    fan = chain_of([0, n, *[n] * n], range(1, n + 1), range(n), range(n + 1), range(n), [1] + [0] * n, [0] + [1] * n)
    weighted = fan._replace(weight=fixed(np.zeros(n), np.float64))
    for case in range(300):
        chain = weighted if case % 2 else fan
        side = rng.integers(0, 2, n)  # an edge is as small as can be, or as large
        own = [2.0 ** np.take([-256, 255], side) * rng.uniform(1, 2, n) for _ in range(2 + case % 2)]
        level = [rng.integers(-2, 1, n).astype(np.float64) for _ in own]
        numbers = [sums.Levels(one, one, at) for one, at in zip(own, level)]
        labels, states = numbers[:2]
        states = sums.Levels(*(np.concatenate([[0.0], part]) for part in states))
        got, at = sums.sum_edges(chain, 0, labels, states, numbers[-1])
        want = sum(
            np.prod([Fraction(one[e]) for one in own]) * Fraction(2) ** int(512 * sum(one[e] for one in level))
            for e in range(n)
        )
        assert Fraction(got) * Fraction(2) ** int(512 * at) / want == pytest.approx(1.0, abs=1e-14)
        assert 2.0**-256 <= got < 2.0**256


def test_scores_near_the_end_of_float32_are_scores():
    """Masks of models often hold the least float32: hardly ever, and not never."""
    least = float(np.finfo(np.float32).min)
    for scores in ([0.0, least], [least, least], [least / 2, least], [-1e30, 0.0]):
        chain = chain_of([0, 1, 2, 2], [1, 2, 2], [0, 1], [0, 1, 2], [0, 1], [2, 1, 0], [0, 0, 1])
        lab, reach = np.array([scores, scores]), np.ones((3, 3), np.uint8)
        assert same(by_the_kernel(chain, lab, reach), by_logarithms(chain, lab, reach))


def test_what_is_forbidden_is_forbidden_for_everything_before_it():
    chain, cls, reach = rivals()
    for t in (0, 4, 8):
        none = cls.copy()
        none[t] = -np.inf
        total = by_the_kernel(chain, none, reach)
        assert (total[: t + 1] == -np.inf).all() and same(total, by_logarithms(chain, none, reach))
    for k in (3, 4):  # one of the two strings
        one = cls.copy()
        one[5, k] = -np.inf
        total = by_the_kernel(chain, one, reach)
        assert total[0, 0] == pytest.approx(-21_000.0 + (np.log(3.0) if k == 4 else 0.0), rel=1e-15)
        assert same(total, by_logarithms(chain, one, reach))
    assert (by_the_kernel(chain, cls, np.zeros_like(reach)) == -np.inf).all()
