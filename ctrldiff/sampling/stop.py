"""When to end early."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ctrldiff.errors import InputError
from ctrldiff.protocols import Move, Posterior
from ctrldiff.state import HISTORY, State, Step

__all__ = ["Never", "Settled", "Stable"]

BEST = "best completions"  # the key in `State.memory`, (B, HISTORY, T) int64, newest last, -1 where there has been none


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
    """Fill the rest of a row at once when the best completion has been that of the last `steps` steps and the mean
    entropy of its open marginals is below `nats` (DiffusionGemma's adaptive stop). What the best completions were is
    what was proposed, by `Best()`; for draws the observer `NoteBest()` notes it."""

    steps: int = 1
    nats: float = 0.005

    def __post_init__(self) -> None:
        if not 1 <= self.steps <= HISTORY:
            raise InputError(f"steps={self.steps}: from 1 to {HISTORY}, which is what a state remembers", param="steps")

    def __call__(self, posterior: Posterior, state: State, step: Step) -> torch.Tensor:
        recent = state.memory.get(BEST, state.history)[:, -self.steps :]
        if (recent < 0).any(dim=(1, 2)).all():  # no row has so many proposals behind it
            return torch.zeros(state.shape[0], dtype=torch.bool)
        same = (recent == posterior.map().cpu()[:, None]).all(dim=(1, 2))
        entropy = torch.where(state.open, posterior.entropy().cpu(), 0.0)
        return same & (entropy.sum(dim=1) < self.nats * state.open.sum(dim=1))


@dataclass(frozen=True)
class NoteBest:
    """An observer that notes the best completion of each step, for stop rules of plans that draw."""

    def begin(self, state: State) -> State:
        return state.remember(**{BEST: torch.full_like(state.history, -1)})

    def __call__(self, move: Move, state: State, step: Step) -> State:
        now = torch.cat([state.memory[BEST][:, 1:], move.posterior.map().cpu()[:, None]], dim=1)
        return state.remember(**{BEST: torch.where(move.before.done[:, None, None], state.memory[BEST], now)})
