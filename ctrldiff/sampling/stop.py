"""When to end early."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ctrldiff.errors import InputError
from ctrldiff.protocols import Posterior
from ctrldiff.state import HISTORY, State, Step

__all__ = ["Never", "Settled", "Stable"]


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


@dataclass(frozen=True)
class Stable:
    """Fill the rest of a row at once when the best completion has been the proposal of the last `steps` steps and the
    mean entropy of its open marginals is below `nats` (DiffusionGemma's adaptive stop). For `Best()` proposals."""

    steps: int = 1
    nats: float = 0.005

    def __post_init__(self) -> None:
        if not 1 <= self.steps <= HISTORY:
            raise InputError(f"steps={self.steps}: from 1 to {HISTORY}, which is what a state remembers", param="steps")

    def __call__(self, posterior: Posterior, state: State, step: Step) -> torch.Tensor:
        recent = state.history[:, -self.steps :]
        if (recent < 0).any(dim=(1, 2)).all():  # no row has so many proposals behind it
            return torch.zeros(state.shape[0], dtype=torch.bool)
        same = (recent == posterior.map().cpu()[:, None]).all(dim=(1, 2))
        entropy = torch.where(state.open, posterior.entropy().cpu(), 0.0)
        return same & (entropy.sum(dim=1) < self.nats * state.open.sum(dim=1))
