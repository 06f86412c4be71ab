"""Logits to logits, before the constraint binds."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ctrldiff.state import State, Step

__all__ = ["Cooling", "Temperature"]


@dataclass(frozen=True)
class Temperature:
    """Divide logits by `value`."""

    value: float

    def __call__(self, logits: torch.Tensor, state: State, step: Step) -> torch.Tensor:
        return logits / self.value


@dataclass(frozen=True)
class Cooling:
    """Divide logits by a temperature that falls with time, from `high` towards `low` (DiffusionGemma's .8 to .4)."""

    low: float = 0.4
    high: float = 0.8

    def __call__(self, logits: torch.Tensor, state: State, step: Step) -> torch.Tensor:
        value = self.low + (self.high - self.low) * step.time.clamp(min=0.0)
        return logits / value.to(device=logits.device, dtype=logits.dtype)[:, None, None]
