"""Which held positions to turn back to noise. Reopening is always safe (law X4)."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ctrldiff.protocols import Posterior
from ctrldiff.state import State, Step, Where

__all__ = ["Keep", "LeastConfident"]


@dataclass(frozen=True)
class Keep:
    """What is written stays."""

    def __call__(self, posterior: Posterior, state: State, step: Step) -> Where:
        return torch.zeros(state.shape, dtype=torch.bool)


@dataclass(frozen=True)
class LeastConfident:
    """Reopen the `count` held positions with the lowest confidence at commit, if below `below`
    (running confidence remasking, MDPO arXiv:2508.13148). What this very step wrote stays: nothing new is known of it.
    Fixed-rate schedules need spare steps for it."""

    count: int = 1
    below: float = 0.9

    def __call__(self, posterior: Posterior, state: State, step: Step) -> Where:
        earlier = state.held & (state.held_at < state.step[:, None])
        confidence = torch.where(earlier, state.held_confidence, torch.full_like(state.held_confidence, torch.inf))
        order = confidence.argsort(dim=1, stable=True)
        chosen = torch.zeros(state.shape, dtype=torch.bool).scatter(1, order[:, : self.count], True)
        return chosen & (confidence < self.below)
