"""Which held positions to turn back to noise. Reopening is always safe (law X4)."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ctrldiff.protocols import Posterior
from ctrldiff.sampling.ancestral import Remasking, earlier
from ctrldiff.sampling.commit import best_first, check_count, first, uniform
from ctrldiff.state import State, Step, Where

__all__ = ["Keep", "LeastConfident", "Remask", "RunningConfidence"]


@dataclass(frozen=True)
class Keep:
    """What is written stays."""

    def __call__(self, posterior: Posterior, state: State, step: Step) -> Where:
        return torch.zeros(state.shape, dtype=torch.bool)


@dataclass(frozen=True)
class LeastConfident:
    """Reopen the `count` held positions with the lowest confidence at commit, if below `below`. What this very step
    wrote stays: nothing new is known of it. Fixed-rate schedules need spare steps for it."""

    count: int = 1
    below: float = 0.9

    def __call__(self, posterior: Posterior, state: State, step: Step) -> Where:
        earlier = state.held & (state.held_at < state.step[:, None])
        confidence = torch.where(earlier, state.held_confidence, torch.full_like(state.held_confidence, torch.inf))
        order = confidence.argsort(dim=1, stable=True)
        chosen = torch.zeros(state.shape, dtype=torch.bool).scatter(1, order[:, : self.count], True)
        return chosen & (confidence < self.below)


@dataclass(frozen=True)
class RunningConfidence:
    """Reopen as many as the schedule leaves for later, those of the lowest confidence when they were written, what this
    step wrote among them (RCR of MDPO, arXiv:2508.13148). It goes with `Everything()`: all is written, and the best are
    kept. Ties: the leftmost is reopened.

    block: only positions of the block of that many that is being worked on, as blocks that are finished are.
    """

    block: int | None = None

    def __post_init__(self) -> None:
        if self.block is not None:
            check_count("block", self.block)

    def __call__(self, posterior: Posterior, state: State, step: Step) -> Where:
        later = (step.window.sum(dim=1) - step.quota).masked_fill(step.last, 0)
        among = state.held & (step.window.any(dim=1, keepdim=True) if self.block is None else self._around(step.window))
        return first(later, best_first(-state.held_confidence, among), among)

    def _around(self, window: Where) -> Where:
        """(B, T) the blocks that the window touches."""
        assert self.block is not None
        missing = -window.shape[1] % self.block
        blocks = torch.nn.functional.pad(window, (0, missing)).unflatten(1, (-1, self.block)).any(dim=2)
        return blocks.repeat_interleave(self.block, dim=1)[:, : window.shape[1]]


@dataclass(frozen=True)
class Remask:
    """Each token that was written before this step becomes noise by the process's own chance (ReMDM, arXiv:2503.00307).
    Goes with `Unmask` of the same rates."""

    rates: Remasking = Remasking()

    def __call__(self, posterior: Posterior, state: State, step: Step) -> Where:
        _, redo = self.rates.rates(state, step)
        now = state.open | (state.held_at == step.index[:, None])  # rows that this step completed draw as well
        return earlier(state, step) & (uniform(state, now.any(dim=1)) < redo)
