"""A whole answer first; then rounds in which a share of it is hidden and written anew, given the rest."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import torch

from ctrldiff.errors import InputError
from ctrldiff.protocols import Asks
from ctrldiff.sampling.commit import check_count, in_range
from ctrldiff.search.anew import forgotten, rewritten, taken
from ctrldiff.search.run import Found, Run, checked
from ctrldiff.state import State, Where


@dataclass(frozen=True)
class Tolerator:
    """The plan's answer, and then `rounds` of one pass each: of the positions that are not settled a share is drawn,
    hidden, and written anew at once by the plan's proposer. The share falls from `begin` to `end` by a cosine.

    A position is settled once it was written anew `patience` times in a row with the same token; None: never. It
    chooses among no draws, so plans at temperature 0 take it.

    Source: Tolerator, also called FiRe (arXiv:2510.05090), as released, with the exact posterior in the place of the
    best token at each position. Its penalty of end tokens is a processor's matter.
    """

    rounds: int = 16
    begin: float = 0.8
    end: float = 0.4
    patience: int | None = 10

    draws = False

    def __post_init__(self) -> None:
        checked("Tolerator", 1, rounds=self.rounds)
        in_range("begin", self.begin, 0, 1)
        in_range("end", self.end, 0, 1)
        if self.patience is not None:
            check_count("patience", self.patience)

    @property
    def n(self) -> int:
        """Canvases a row: one."""
        return 1

    def __call__(self, run: Run, state: State) -> Found:
        if isinstance(run.plan.propose, Asks):
            raise InputError(f"Tolerator and propose={run.plan.propose!r}, which asks within a step", param="propose")
        state = run.decode(state)
        last, times = torch.full_like(state.tokens, -1), torch.zeros_like(state.tokens)
        for turn in range(self.rounds):
            free = state.held if self.patience is None else state.held & (times < self.patience)
            where = self._drawn(state, free, turn)
            if not where.any():
                break
            state = self._written(run, state, where)
            times = torch.where(where, torch.where(state.tokens == last, times + 1, 1), times)
            last = torch.where(where, state.tokens, last)
        return Found(state, np.full(state.shape[0], np.nan), np.arange(state.shape[0]), state.forwards)

    def share(self, turn: int) -> float:
        """Of what is not settled, the share that is hidden in a round, from 0."""
        if self.rounds == 1:
            return self.end
        return self.end + (self.begin - self.end) * 0.5 * (1 + math.cos(math.pi * turn / (self.rounds - 1)))

    def _drawn(self, state: State, free: Where, turn: int) -> Where:
        """(B, T) what is hidden, drawn with each row's own generator."""
        where = torch.zeros_like(free)
        for row, rng in enumerate(state.rngs):
            positions = free[row].nonzero()[:, 0].numpy()
            kept = int(len(positions) * (1.0 - self.share(turn)))
            where[row, rng.permutation(positions)[kept:]] = True
        return where

    def _written(self, run: Run, state: State, where: Where) -> State:
        """The state with these positions written anew, all in one pass."""
        begun = run.constraint.settle(forgotten(state, where))
        if begun.done.all():
            return state
        look = run.look(begun)
        after = rewritten(look, run.plan.propose(look.posterior, look.state).cpu())
        moved = taken(~begun.done, after, state)
        return replace(moved, rngs=after.rngs, forwards=state.forwards + (~begun.done).to(torch.int64))
