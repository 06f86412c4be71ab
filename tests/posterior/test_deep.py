"""Logits apart by thousands of nats, through the queries: what a model all but rules out is weighed exactly, whether
only the weights of edges, or the layer that a token is read in, tell strings apart or not."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache
from itertools import product

import numpy as np
import pytest

import ctrldiff as cd
from ctrldiff.posterior import sweeps
from ctrldiff.posterior.table import Table
from tests.kernels.test_sums import by_plain_floats
from tests.oracles import Truth

KINDS, SEEDS, T = ["plain", "weighted", "layered"], range(20), 5
TOKENS = [b"a", b"b", b"c", b"d", None]
PATTERN = "ac*d?|bd*c?|[ab]{2}c*"
VOCABULARY = cd.Vocabulary.from_tokens(TOKENS, stop_ids=[4])


@cache
def legal() -> tuple[tuple[int, ...], ...]:
    """Every canvas, asked of Python's `re`."""
    found = []
    for string in product(range(5), repeat=T):
        text = string[: string.index(4)] if 4 in string else string
        if set(string[len(text) :]) <= {4} and re.fullmatch(PATTERN, "".join("abcd"[v] for v in text)):
            found.append(string)
    return tuple(found)


def case(kind: str, seed: int) -> tuple[Table, np.ndarray, Truth]:
    """A table, scores (T, layers * V) down to -2,000 a position, and all strings with their weights."""
    rng, table = np.random.default_rng(seed), cd.Regex(PATTERN).compile(VOCABULARY)
    if kind == "weighted":
        weight = rng.uniform(-50, 50, table.n_edges).astype(np.float32)
        table = Table(replace(table.automaton, edge_weight=weight), VOCABULARY)
    elif kind == "layered":
        table = replace(table, layer=rng.permutation(np.arange(table.n_edges) % 2))
    x = (-rng.random((T, table.layers * 5)) * rng.choice([3, 2000], (T, 1))).astype(np.float32)
    x[rng.random(x.shape) < 0.05] = -np.inf
    weights = np.array([weight_of(table, x, string) for string in legal()])
    return table, x, Truth(np.array(legal()), weights)


def weight_of(table: Table, x: np.ndarray, string: tuple[int, ...]) -> float:
    """The log weight of a legal string, token by token and edge by edge."""
    a, state, total = table.automaton, 0, 0.0
    for t, v in enumerate(string):
        for e in np.flatnonzero(a.edge_from == state):
            k = a.edge_label[e]
            if a.token_class[v] in a.label_classes[a.label_ptr[k] : a.label_ptr[k + 1]]:
                total += float(x[t, v if table.layer is None else 5 * int(table.layer[e]) + v])
                total += 0.0 if a.edge_weight is None else float(a.edge_weight[e])
                state = int(a.edge_to[e])
                break
    return total


def right(table: Table, x: np.ndarray, truth: Truth) -> bool:
    """`log_z` to 1e-9 of it (or to 1e-5: a class is a sum of float32 terms), marginals, and what a string is worth."""
    posterior, worst = table.bind(x), truth.best()[-1]
    worth = posterior.score(truth.strings[worst]) - (truth.weights[worst] - truth.log_z)
    return bool(
        abs(posterior.log_z() - truth.log_z) < 1e-5 + 1e-9 * abs(truth.log_z)
        and np.abs(posterior.marginals() - truth.marginals(5)).max() < 1e-5
        and abs(worth) < 1e-5 + 1e-9 * abs(truth.log_z)
    )


@pytest.mark.parametrize("kind", KINDS)
def test_answers_are_those_of_all_strings_however_far_apart(kind):
    for seed in SEEDS:
        table, x, truth = case(kind, seed)
        assert right(table, x, truth), seed
        drawn = table.bind(x).sample(400, seed=seed)
        for string, p in zip(truth.strings, truth.probs):
            count = (drawn == string).all(axis=1).sum()
            assert abs(count - 400 * p) <= 5 * np.sqrt(400 * p * (1 - p)) + 1e-6, (seed, string)


@pytest.mark.parametrize("kind", KINDS)
def test_plain_floats_would_give_other_answers(kind, monkeypatch):
    def flushed(chain, lab, reach, total):
        total[:] = by_plain_floats(chain, lab, reach)
        return total

    monkeypatch.setattr(sweeps.sums, "sweep_sum", flushed)
    wrong = 0
    for seed in SEEDS:
        try:
            wrong += not right(*case(kind, seed))
        except cd.errors.Infeasible:
            wrong += 1
    assert wrong >= 5
