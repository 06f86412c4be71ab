"""More than a thousand random cases with their truth, worked out once."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np

from ctrldiff.posterior.table import Table
from tests.oracles import Case, Truth, random_cases, try_every_string

SEEDS = 1600


@cache
def all_cases() -> list[tuple[int, Case, Table, Truth]]:
    """(seed, case, table, truth) of every seed with a language."""
    return [(seed, case, table, try_every_string(case)) for seed, case, table in random_cases(0, SEEDS)]


@cache
def feasible_cases() -> list[tuple[int, Case, Table, Truth]]:
    """Those with some string of positive probability."""
    return [entry for entry in all_cases() if entry[3].log_z > -np.inf]


@cache
def impossible_cases() -> list[tuple[int, Case, Table, Truth]]:
    """Those with none."""
    return [entry for entry in all_cases() if entry[3].log_z == -np.inf]


def partial_assignment(case: Case, truth: Truth, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Tokens and where to keep them: mostly from a legal string, sometimes not."""
    V = case.vocabulary.size
    tokens = truth.strings[rng.integers(len(truth.strings))].copy()
    if rng.random() < 0.3:
        tokens[rng.integers(len(tokens))] = rng.integers(V)
    return tokens, rng.random(case.length) < 0.5


def written_too(case: Case, tokens: np.ndarray, keep: np.ndarray) -> Case | None:
    """The case with these tokens written as well; None if they contradict what is written."""
    if (keep & (case.written >= 0) & (case.written != tokens)).any():
        return None
    return replace(case, written=np.where(keep, tokens, case.written))
