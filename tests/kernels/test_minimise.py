"""The three ways to merge states, against refinement round by round in plain Python."""

from __future__ import annotations

import numpy as np
import pytest

from ctrldiff.kernels.ahead import ahead
from ctrldiff.kernels.minimise import edges_of, folded, numbered, refined, told_apart
from tests.oracles_automata import moore


def random_automaton(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Few accepting states and small steps forward, so that long tails, loops and equivalent states all occur."""
    n, k = int(rng.integers(1, 14)), int(rng.integers(1, 4))
    table = rng.integers(-1, n, (n, k))
    if rng.random() < 0.5:
        forward = np.minimum(np.arange(n)[:, None] + rng.integers(0, 4, (n, k)), n - 1)
        table = np.where(rng.random((n, k)) < 0.8, forward, -1)
    return table.astype(np.int32), rng.random(n) < rng.choice([0.15, 0.5])


def reachable_and_useful(table: np.ndarray, accept: np.ndarray) -> list[int]:
    """States from 0 on from which some accepting state can be reached."""

    def closure(start: set[int], table: np.ndarray) -> set[int]:
        todo = list(start)
        for s in todo:
            for t in table[s].tolist():
                if t >= 0 and t not in start:
                    start.add(t)
                    todo.append(t)
        return start

    finishing = [s for s in range(len(accept)) if any(accept[t] for t in closure({s}, table))]
    return sorted(closure({0}, table) & set(finishing))


def smallest(table: np.ndarray, accept: np.ndarray) -> int:
    """How many states the minimal automaton has, by definition."""
    kept = reachable_and_useful(table, accept)
    if not kept:
        return 1
    name = {s: i for i, s in enumerate(kept)}
    small = np.array([[name.get(int(t), -1) for t in table[s]] for s in kept]).reshape(len(kept), -1)
    return moore(small, accept[kept])


@pytest.mark.parametrize("seed", range(20))
def test_folding_then_refining_leaves_the_fewest_states(seed: int) -> None:
    rng = np.random.default_rng(seed)
    for _ in range(25):
        table, accept = random_automaton(rng)
        k = table.shape[1]
        stands, loop = folded(table.ravel(), accept, 0, k)
        flat, ends, kept, _ = numbered(table.ravel(), accept, stands, 0, k)
        wanted = smallest(table, accept)
        assert len(ends) >= wanted
        edges = edges_of(flat, k)
        like, minimal = told_apart(*edges, ends, loop[kept], rng.integers(1, 13))
        if minimal or not loop[kept].any():
            assert len(ends) == wanted  # the proof by hashes proves; without loops folding is all there is to do
        for alike in (like, np.where(ends, np.argmax(ends), np.argmin(ends)).astype(np.int32)):
            merged = numbered(flat, ends, refined(*edges, alike, k), 0, k)[1]
            assert len(merged) == wanted


@pytest.mark.parametrize("seed", range(20))
def test_classes_are_alike_when_their_columns_are(seed: int) -> None:
    rng = np.random.default_rng(seed)
    table = rng.integers(-1, 3, (3, 6)).astype(np.int32)[:, rng.integers(0, 6, 6)]
    accept = np.array([True, True, True])
    flat, ends, _, like = numbered(table.ravel(), accept, np.arange(3, dtype=np.int32), 0, 6)
    columns = [column.tobytes() for column in flat.reshape(len(ends), 6).T]
    assert like.tolist() == [columns.index(column) for column in columns]


def test_equivalent_loops_are_not_told_apart_and_different_ones_are() -> None:
    accept = np.array([False, True, True])
    loop = np.array([False, True, True])
    twins = np.array([1, 2, 1, 1, 2, 2], np.int32)  # two loops that read anything
    assert not told_apart(*edges_of(twins, 2), accept, loop, 12)[1]
    others = np.array([1, 2, 1, -1, 2, 2], np.int32)
    assert told_apart(*edges_of(others, 2), accept, loop, 12)[1]


@pytest.mark.parametrize("seed", range(30))
def test_nearest_and_farthest_ends_are_found(seed: int) -> None:
    rng = np.random.default_rng(seed)
    table, accept = random_automaton(rng)
    kept = reachable_and_useful(table, accept)
    name = {s: i for i, s in enumerate(kept)}
    if not kept:
        return
    small = np.array([[name.get(int(t), -1) for t in table[s]] for s in kept], np.int32).reshape(len(kept), -1)
    nearest, farthest = ahead(small, accept[kept])
    n = len(kept)
    ends = np.zeros((3 * n + 1, n), bool)  # ends[d, s]: some way of exactly d steps leads from s to an end
    ends[0] = accept[kept]
    for d in range(3 * n):
        ends[d + 1] = [any(t >= 0 and ends[d, t] for t in row) for row in small]
    for s in range(n):
        lengths = np.flatnonzero(ends[:, s])
        assert nearest[s] == lengths[0]
        assert farthest[s] == (lengths[-1] if lengths[-1] < n else -1)
