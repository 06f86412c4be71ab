"""The chain kernels one by one, on arrays small enough to walk by hand, compiled and as plain Python."""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from ctrldiff.kernels import chain as kernels
from ctrldiff.kernels import sums, walk
from ctrldiff.posterior.arrays import fixed


def automaton(seed: int) -> tuple[kernels.Chain, np.ndarray]:
    """A random deterministic automaton of S states and C classes; label l is a set of classes. And (S, C) its steps."""
    rng = np.random.default_rng(seed)
    S, C = int(rng.integers(2, 5)), int(rng.integers(2, 5))
    step = np.where(rng.random((S, C)) < 0.7, rng.integers(0, S, (S, C)), -1)
    labels: dict[tuple[int, ...], int] = {}
    edges = []
    for s, q in product(range(S), range(S)):
        classes = tuple(np.flatnonzero(step[s] == q).tolist())
        if classes:
            edges.append((s, q, labels.setdefault(classes, len(labels))))
    sets = list(labels)
    accept = (rng.random(S) < 0.5).astype(np.uint8)
    accept[rng.integers(S)] = 1
    distance = np.where(accept, 0, 99).astype(np.int32)
    for _ in range(S):
        for s, q, _ in edges:
            distance[s] = min(distance[s], distance[q] + 1)
    from_, to, label = (np.array(column, np.int32) for column in zip(*edges)) if edges else (np.zeros(0, np.int32),) * 3
    ptr = np.concatenate([[0], np.cumsum(np.bincount(from_, minlength=S))])
    label_ptr = np.concatenate([[0], np.cumsum([len(s) for s in sets])])
    return chain_of(ptr, to, label, label_ptr, [c for s in sets for c in s], distance, accept), step


def chain_of(edge_ptr, edge_to, edge_label, label_ptr, label_classes, distance, accept, weight=()) -> kernels.Chain:
    """Read-only arrays, as a Table passes them."""
    return kernels.Chain(
        edge_ptr=fixed(edge_ptr, np.int32),
        edge_to=fixed(edge_to, np.int32),
        edge_label=fixed(edge_label, np.int32),
        weight=fixed(weight, np.float64),
        label_ptr=fixed(label_ptr, np.int32),
        label_classes=fixed(label_classes, np.int32),
        distance=fixed(distance, np.int32),
        accept=fixed(accept, np.uint8),
    )


def room(chain: kernels.Chain, lab: np.ndarray) -> np.ndarray:
    """Where a sweep writes, and something was written before."""
    return np.full((len(lab) + 1, len(chain.accept)), 9.0)


def strings(chain: kernels.Chain, step: np.ndarray, T: int) -> list[tuple[int, ...]]:
    """Every class string of length T that ends in accept."""
    found = []
    for string in product(range(step.shape[1]), repeat=T):
        s = 0
        for c in string:
            s = int(step[s, c]) if s >= 0 else -1
        if s >= 0 and chain.accept[s]:
            found.append(string)
    return found


def check(seed: int) -> bool:
    """All kernels on one random case, each class being one token; False if nothing is legal."""
    (chain, step), rng, T = automaton(seed), np.random.default_rng(seed), 3
    C, L, S = step.shape[1], len(chain.label_ptr) - 1, len(chain.accept)
    x = fixed(rng.normal(size=(T, C)), np.float32)
    cls = x.astype(np.float64)
    open_ = np.full(T, -1, np.int32)
    legal = strings(chain, step, T)
    reach = kernels.reachable(chain, 0, open_)
    assert bool((reach[T] & chain.accept).any()) == bool(legal)
    if not legal:
        return False
    live = kernels.live_labels(chain, open_, reach.copy())
    for t in range(T):
        possible = {s[t] for s in legal}
        members = [chain.label_classes[chain.label_ptr[k] : chain.label_ptr[k + 1]] for k in range(L) if live[t, k]]
        assert {c for classes in members for c in classes} == possible
    weight = {s: sum(cls[t, c] for t, c in enumerate(s)) for s in legal}
    best, total = kernels.label_max(chain, cls), kernels.label_log_sum(chain, cls)
    nothing = np.empty((0, len(chain.accept)))
    B = kernels.sweep_max(chain, best, reach, nothing, room(chain, best))
    Z = sums.sweep_sum(chain, total, reach, room(chain, total))
    for known in (1, len(best), len(best) + 1):  # a later sweep goes on from lines of an earlier one
        assert np.array_equal(kernels.sweep_max(chain, best, reach, B[-known:], room(chain, best)), B)
    log_z = np.logaddexp.reduce(list(weight.values()))
    assert abs(B[0, 0] - max(weight.values())) < 1e-9 and abs(Z[0, 0] - log_z) < 1e-9
    ptr, tokens = fixed(np.arange(C + 1), np.int64), fixed(np.arange(C), np.int32)
    first, written = np.full((T, C), -1, np.int32), fixed(np.full(T, -1), np.int64)
    got = walk.walk_best(chain, 0, best, cls, B, x, ptr, tokens, first, written)
    assert tuple(got.tolist()) == max(weight, key=lambda s: weight[s])
    mass, (likeliest, taken_mass) = kernels.occupancy(chain, 0, total, Z), kernels.flow(chain, 0, total, Z)
    np.testing.assert_allclose(likeliest, mass[:-1].max(axis=1), atol=1e-12)
    assert np.allclose(mass.sum(axis=1), 1) and np.allclose(taken_mass.sum(axis=1), 1)
    gain = kernels.class_gain(chain, taken_mass, total, cls)
    want = np.zeros((T, C))
    for s, w in weight.items():
        want[np.arange(T), list(s)] += np.exp(w - log_z)
    assert np.allclose(np.exp(cls + gain), want)
    drawn = walk.walk_sample(chain, 0, total, cls, Z, rng.random((5, T, 3)))
    assert {tuple(s) for s in drawn.tolist()} <= set(legal)
    for s in product(range(C), repeat=T):
        w = walk.walk_tokens(chain, 0, np.array(s, np.int32))
        assert w == (0.0 if s in weight else -np.inf)
    assert S == mass.shape[1]
    return True


@pytest.mark.parametrize("seed", range(40))
def test_every_kernel_agrees_with_the_strings_written_out(seed):
    check(seed)


def test_most_random_automata_hold_some_string():
    assert sum(check(seed) for seed in range(40)) >= 25


def test_the_kernels_are_the_same_as_plain_python():
    """Once more with compilation off: what the source says is what runs."""
    program = "from tests.kernels.test_chain import check; assert sum(check(s) for s in range(12)) >= 6"
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1"}
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", program], env=environment, cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_written_classes_restrict_the_sweep():
    chain, step = automaton(2)
    for T in (1, 2, 3):
        legal = strings(chain, step, T)
        for written in product(range(-1, step.shape[1]), repeat=T):
            want = any(all(w < 0 or w == c for w, c in zip(written, s)) for s in legal)
            reach = kernels.reachable(chain, 0, np.array(written, np.int32))
            assert bool((reach[T] & chain.accept).any()) == want


def test_sums_that_would_underflow_are_taken_by_levels():
    """Two edges, one 2,000 nats below the other, and the better one leads nowhere."""
    chain = chain_of([0, 2, 2, 3], [1, 2, 2], [0, 1, 0], [0, 1, 3], [0, 1, 2], [1, 9, 0], [0, 0, 1])
    cls = np.array([[0.0, -2000.0, -2001.0], [0.0, -5000.0, -5000.0]])
    lab = kernels.label_log_sum(chain, cls)
    total = sums.sweep_sum(chain, lab, np.ones((3, 3), np.uint8), room(chain, lab))
    want = np.logaddexp(-2000.0, -2001.0)
    assert abs(total[0, 0] - want) < 1e-9
    mass, (_, taken) = kernels.occupancy(chain, 0, lab, total), kernels.flow(chain, 0, lab, total)
    assert np.allclose(mass, [[1, 0, 0], [0, 0, 1], [0, 0, 1]])
    gain = kernels.class_gain(chain, taken, lab, cls)
    assert np.allclose(np.exp(cls[0, 1:] + gain[0, 1:]), np.exp(np.array([-2000.0, -2001.0]) - want))
