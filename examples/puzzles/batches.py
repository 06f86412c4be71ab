"""Masked batches of one task each, so that nothing is padded; the seed and the number of a batch settle all of it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from random import Random

import numpy as np

from examples.puzzles.tasks import TASKS
from examples.train_tiny.tokenizer import ANSWER, BOS, EOS, MASK, SPECIALS

# Shares of batches, by what a task takes to learn; a batch has the same number of tokens whatever it holds.
SHARES = {
    "sudoku 4x4": 3,
    "sudoku 6x6": 8,
    "addition": 5,
    "countdown": 5,
    "shuffle": 1,
    "copy": 1,
    "brackets": 2,
}
LATER = {
    "sudoku 4x4": 3,
    "sudoku 6x6": 3,
    "addition": 2,
    "countdown": 6,
    "shuffle": 4,
    "copy": 1,
    "brackets": 6,
}
TURN = 2032  # from this batch on the tasks that were behind get more
TAIL = 3  # at most so many stop tokens behind an answer
ALL_OPEN, PREFIX = 0.2, 0.15  # shares of texts with nothing written, and written up to some place; else at random


@dataclass
class Batch:
    """(B, T) tokens with masks; the flat rows of the masks and what belongs there."""

    task: str
    tokens: np.ndarray
    rows: np.ndarray
    targets: np.ndarray


def ids(text: str) -> list[int]:
    """Signs as tokens: the alphabet of bytes stands in the order of ASCII, from "!"."""
    return [ord(sign) - ord("!") + len(SPECIALS) for sign in text]


def batch(seed: int, number: int, batch_tokens: int) -> Batch:
    """Batch `number` of a run."""
    rng = Random(f"{seed} {number}")
    shares = SHARES if number < TURN else LATER
    task = TASKS[rng.choices(list(shares), list(shares.values()))[0]]
    tail = rng.choice((0, 0, *range(1, TAIL + 1)))
    rows: list[list[int]] = []
    problems = task.problems(f"{seed} {number}", held_out=False)
    length = len(next(problems).text) + task.length + 2 + tail
    for one in islice(problems, max(batch_tokens // length, 1)):
        rows.append([BOS, *ids(one.text), ANSWER, *ids(one.answer), *[EOS] * tail])
    tokens = np.array(rows, dtype=np.int64)
    masked = np.zeros(tokens.shape, dtype=bool)
    masked[:, -(task.length + tail) :] = masks(np.random.default_rng([seed, number]), len(rows), task.length + tail)
    return Batch(task.name, np.where(masked, MASK, tokens), np.flatnonzero(masked), tokens[masked])


def masks(rng: np.random.Generator, count: int, region: int) -> np.ndarray:
    """(N, R) bool: what is open, at least one of each."""
    kind, share = rng.random(count)[:, None], rng.random((count, 1))
    out = rng.random((count, region)) < share
    places = np.arange(region)
    out = np.where(kind < ALL_OPEN + PREFIX, places >= share * region, out)
    out |= kind < ALL_OPEN
    out[np.arange(count), rng.integers(region, size=count)] |= ~out.any(axis=1)
    return out
