"""A draft early on, and the part of it that is least sure written anew with all the steps."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch

from ctrldiff.protocols import Posterior, StopRule
from ctrldiff.sampling.commit import best_first, first, in_range
from ctrldiff.search.anew import forgotten
from ctrldiff.search.run import Found, Run, checked
from ctrldiff.state import State, Step


@dataclass(frozen=True)
class BackAndRefine:
    """The plan up to the step at which less than `time` of a row's clock is left; all that is open is written then, by
    that step's proposal. The `share` of what was written, rounded down, of the lowest confidence becomes noise, and the
    plan goes over it from its first step. `rounds` times, once as published. It chooses among no draws, so plans at
    temperature 0 take it. Ties: the leftmost becomes noise.

    Source: Back&Refine of LaDiC (arXiv:2404.10763), as released: less than 600 of 1,000 left, a third of the tokens. It
    is of a continuous diffusion, in which a draft of everything is there at every step and the tokens that are kept go
    on being refined; here they stand. The released script has it switched off.
    """

    time: float = 0.6
    share: float = 1 / 3
    rounds: int = 1

    draws = False

    def __post_init__(self) -> None:
        checked("BackAndRefine", 1, rounds=self.rounds)
        in_range("time", self.time, 0, 1)
        in_range("share", self.share, 0, 1)

    @property
    def n(self) -> int:
        """Canvases a row: one."""
        return 1

    def __call__(self, run: Run, state: State) -> Found:
        run.of_one_length()
        draft = replace(run, plan=run.plan.but(stop=_Left(run.plan.stop, self.time)))
        for _ in range(self.rounds):
            state = draft.decode(state)
            count = (state.held.sum(dim=1) * self.share).to(torch.int64)
            state = forgotten(state, first(count, best_first(-state.held_confidence, state.held), state.held))
        state = run.decode(state)
        return Found(state, np.full(state.shape[0], np.nan), np.arange(state.shape[0]), state.forwards)


@dataclass(frozen=True)
class _Left:
    """Where `inner` ends a row, and where less than `time` of its clock is left."""

    inner: StopRule
    time: float

    def __call__(self, posterior: Posterior, state: State, step: Step) -> torch.Tensor:
        return self.inner(posterior, state, step) | (step.time < self.time)
