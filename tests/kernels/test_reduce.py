"""Class scores, and marginals from class gains, against numpy in float64."""

from __future__ import annotations

import numba
import numpy as np
import pytest

from ctrldiff.kernels import reduce as kernels
from ctrldiff.posterior.arrays import fixed


def problem(seed: int, T: int = 7, V: int = 1500, C: int = 9) -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(seed)
    x = rng.normal(scale=rng.choice([1.0, 20.0, 200.0]), size=(T, V)).astype(np.float32)
    x[rng.random((T, V)) < 0.2] = -np.inf
    x[0, 1:] = -np.inf
    ids = rng.integers(0, C, V).astype(np.uint32)
    ids[ids == 3] = 4  # a class without tokens
    ptr = np.concatenate([[0], np.cumsum(np.bincount(ids, minlength=C))])
    order = fixed(np.argsort(ids, kind="stable"), np.int32)
    positions = np.flatnonzero(rng.random(T) < 0.7)
    return fixed(x, np.float32), positions, fixed(ids, np.uint32), fixed(ptr, np.int64), order


def test_exp_is_exact_to_two_units_in_the_last_place_and_zero_far_down():
    d = np.linspace(-87.5, 0, 20001).astype(np.float32)
    got = np.array([kernels.exp32(v) for v in d])
    np.testing.assert_allclose(got, np.exp(d.astype(np.float64)), rtol=2.5e-7)
    assert kernels.exp32(np.float32(0)) == 1
    assert kernels.exp32(np.float32(-88)) == kernels.exp32(np.float32(-np.inf)) == 0


@pytest.mark.parametrize("seed", range(12))
def test_class_scores_are_the_maximum_and_the_log_sum_of_the_members(seed):
    x, positions, ids, ptr, tokens = problem(seed)
    m = np.full((len(x), 9), 7, np.float32)
    s = np.full((len(x), 9), 7.0)
    assert kernels.class_max(x, positions, positions, ids, m) == -1
    again, whole = np.full_like(m, 7), np.full(len(x), 7.0)
    kernels.class_scores(x, positions, positions, ids, ptr, tokens, again, s, whole)
    assert np.array_equal(m, again)
    for t in range(len(x)):
        if t not in positions:
            assert (m[t] == 7).all() and (s[t] == 7).all() and whole[t] == 7
            continue
        np.testing.assert_allclose(whole[t], np.logaddexp.reduce(x[t].astype(np.float64)), rtol=1e-6, atol=1e-6)
        for c in range(9):
            members = x[t, ids == c].astype(np.float64)
            assert m[t, c] == members.max(initial=-np.inf)
            want = np.logaddexp.reduce(members) if len(members) else -np.inf
            assert s[t, c] == want if want == -np.inf else abs(s[t, c] - want) < 1e-6 * max(1, abs(want))


@pytest.mark.parametrize("bad", [np.nan, -np.nan, np.inf])
def test_the_first_bad_position_is_found_wherever_it_is(bad):
    x, _, ids, ptr, tokens = problem(0)
    m = np.empty((len(x), 9), np.float32)
    for t in range(len(x)):
        for v in (0, 1, 7, len(ids) - 1):
            y = x.copy()
            y[t:, v] = bad
            y.flags.writeable = False
            assert kernels.class_max(y, np.arange(len(x)), np.arange(len(x)), ids, m) == t
            assert kernels.class_max(y, np.arange(t), np.arange(t), ids, m) == -1
            for n, want in ((len(x), t), (t, -1)):
                some, out = np.arange(n), np.empty((len(x), 9))
                assert kernels.class_scores(y, some, some, ids, ptr, tokens, m, out, np.empty(len(x))) == want


def test_every_half_is_widened_exactly():
    every = np.arange(1 << 16, dtype=np.uint16)
    wide = np.array([kernels.widen(v) for v in every])
    assert np.array_equal(wide, (every.astype(np.uint32) << 16).view(np.float32), equal_nan=True)
    narrow = every.view(np.int16)
    got = np.array([widened(v) for v in narrow])
    assert np.array_equal(got, narrow.view(np.float16).astype(np.float32), equal_nan=True)
    assert np.array_equal(wide, np.array([widened(v) for v in every]), equal_nan=True)


@numba.njit
def widened(v):
    return kernels.widen(v)


@pytest.mark.parametrize("V", [1, 7, 64, 65, 200])
@pytest.mark.parametrize("kind", ["bfloat16", "float16"])
def test_halves_are_read_as_float32_of_the_same_values(kind, V):
    x, positions, ids, ptr, tokens = problem(3, T=19, V=V)
    x = x.clip(-np.inf, 6e4)
    if kind == "bfloat16":
        x = (x.view(np.uint32) & 0xFFFF0000).view(np.float32)
        narrow = (x.view(np.uint32) >> 16).astype(np.uint16)
    else:
        narrow = x.astype(np.float16).view(np.int16)
        x = narrow.view(np.float16).astype(np.float32)
    got, want = (
        (np.zeros((19, 9), np.float32), np.zeros((19, 9)), np.zeros(19), np.zeros((19, 9), np.float32)) for _ in "ab"
    )
    for scores, (best, sums, whole, alone) in ((narrow, got), (x, want)):
        assert kernels.class_scores(scores, positions, positions, ids, ptr, tokens, best, sums, whole) == -1
        assert kernels.class_max(scores, positions, positions, ids, alone) == -1
        assert np.array_equal(best, alone)
    assert all(np.array_equal(one, other) for one, other in zip(got, want))


@pytest.mark.parametrize("scale", [0.1, 3.0, 30.0])
@pytest.mark.parametrize("offset", [0.0, 1e4, -1e4])
def test_log_sums_are_those_of_float64_to_a_hundred_thousandth(scale, offset):
    """Also of scores far from zero, where float32 itself is coarse: the sum is of the scores as they are given."""
    rng = np.random.default_rng(0)
    x = fixed(rng.normal(size=(3, 40_000)) * scale + offset, np.float32)
    ids = fixed(rng.integers(0, 4, x.shape[1]), np.uint32)
    ptr = fixed(np.concatenate([[0], np.cumsum(np.bincount(ids, minlength=4))]), np.int64)
    best, sums, whole = np.zeros((3, 4), np.float32), np.zeros((3, 4)), np.zeros(3)
    kernels.class_scores(x, np.arange(3), np.arange(3), ids, ptr, fixed(np.argsort(ids, kind="stable"), np.int32), best,
                         sums, whole)  # fmt: skip
    exact = x.astype(np.float64)
    np.testing.assert_allclose(whole, np.logaddexp.reduce(exact, axis=1), rtol=0, atol=1e-5)
    for c in range(4):
        np.testing.assert_allclose(sums[:, c], np.logaddexp.reduce(exact[:, ids == c], axis=1), rtol=0, atol=1e-5)


def test_a_position_is_reduced_alike_in_any_company():
    x, _, ids, ptr, tokens = problem(1)
    every = np.arange(len(x))

    def reduced(at):
        part = fixed(x[at], np.float32)  # as a block of its own, as halves are converted
        m, s, whole = np.empty((len(x), 9), np.float32), np.empty((len(x), 9)), np.empty(len(x))
        best = np.empty_like(m)
        kernels.class_max(part, np.arange(len(at)), at, ids, best)
        kernels.class_scores(part, np.arange(len(at)), at, ids, ptr, tokens, m, s, whole)
        assert np.array_equal(best[at], m[at])
        return m, s, whole

    every, one_by_one = reduced(every), [reduced(every[t : t + 1]) for t in every]
    for t, alone in enumerate(one_by_one):
        assert all(np.array_equal(got[t], want[t]) for got, want in zip(alone, every))


@pytest.mark.parametrize("seed", range(6))
def test_marginals_margin_and_entropy_follow_from_the_gains(seed):
    x, positions, ids, _, _ = problem(seed)
    x = fixed(x / 10, np.float32)
    rng = np.random.default_rng(seed)
    weight = rng.random((len(x), 9)) * (rng.random((len(x), 9)) < 0.8)
    raw = np.exp(x.astype(np.float64)) * weight[:, ids]
    z = raw.sum(axis=1, keepdims=True)
    positions = positions[z[positions, 0] > 0]
    p = raw / np.where(z > 0, z, 1)
    with np.errstate(divide="ignore"):
        base = rng.normal(size=weight.shape).astype(np.float32)
        gain = (np.log(weight) - np.log(np.where(z > 0, z, 1)) + base).astype(np.float32)
    out = np.zeros_like(x)
    margin, entropy = np.zeros(len(x)), np.zeros(len(x))
    kernels.expand(x, positions, positions, ids, base, gain, out)
    kernels.beliefs(x, positions, positions, ids, base, gain, margin, entropy)
    np.testing.assert_allclose(out[positions], p[positions], atol=1e-5)
    assert out.max(initial=0) <= 1
    top = np.sort(p[positions], axis=1)
    np.testing.assert_allclose(margin[positions], top[:, -1] - top[:, -2], atol=1e-5)
    log_p = np.log(p, out=np.zeros_like(p), where=p > 0)
    np.testing.assert_allclose(entropy[positions], -(p * log_p)[positions].sum(axis=1), atol=1e-4)


def test_a_draw_takes_tokens_in_proportion():
    x = fixed(np.log([[1, 2, 3, 4, 1e-30, 10]]), np.float32)
    ptr, tokens = fixed([0, 4, 6], np.int64), fixed(range(6), np.int32)
    m = np.log(np.array([[4, 10]], np.float32))
    u = (np.arange(1000) + 0.5)[:, None] / 1000
    drawn, here = np.full((1000, 1), -1, np.int64), np.zeros(1, np.int64)
    kernels.draw_tokens(x, here, here, ptr, tokens, m, np.zeros((1000, 1), np.int32), u, drawn)
    assert np.bincount(drawn[:, 0]).tolist() == [100, 200, 300, 400]
    drawn[:] = -1
    kernels.draw_tokens(x, here, here, ptr, tokens, m, np.ones((1000, 1), np.int32), u, drawn)
    assert (drawn == 5).all()
