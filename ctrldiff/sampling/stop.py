"""When to end early, and who may watch."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ctrldiff.protocols import Posterior
from ctrldiff.state import Scores, State, Step


@dataclass(frozen=True)
class Never:
    """Go on until everything is written."""

    def __call__(self, posterior: Posterior, state: State, step: Step) -> torch.Tensor:
        return torch.zeros(state.shape[0], dtype=torch.bool)


@dataclass(frozen=True)
class Settled:
    """Fill the rest of a row at once when the sum of its marginal entropies is at most `nats`."""

    nats: float = 0.1

    def __call__(self, posterior: Posterior, state: State, step: Step) -> torch.Tensor:
        entropy = torch.where(state.open, posterior.entropy().cpu(), torch.zeros(()))
        return entropy.sum(dim=1) <= self.nats


def ignore(state: State, step: Step, scores: Scores) -> None:
    """A watcher that looks away."""
