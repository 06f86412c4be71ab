"""When to end early."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch

from ctrldiff.errors import InputError
from ctrldiff.protocols import Move, Posterior
from ctrldiff.sampling.commit import check_count, in_range
from ctrldiff.state import HISTORY, State, Step

__all__ = ["Falling", "Never", "NoteBest", "Prophet", "Settled", "Stable"]

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

    def __post_init__(self) -> None:
        in_range("nats", self.nats, 0)

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
        in_range("nats", self.nats, 0)
        check_count("steps", self.steps)
        if self.steps > HISTORY:
            raise InputError(f"steps={self.steps}: from 1 to {HISTORY}, which is what a state remembers", param="steps")

    def __call__(self, posterior: Posterior, state: State, step: Step) -> torch.Tensor:
        recent = state.memory.get(BEST, state.history)[:, -self.steps :]
        if (recent < 0).any(dim=(1, 2)).all():  # no row has so many proposals behind it
            return torch.zeros(state.shape[0], dtype=torch.bool)
        same = (recent == posterior.map().cpu()[:, None]).all(dim=(1, 2))
        entropy = torch.where(state.open, posterior.entropy().cpu(), 0.0)
        return same & (entropy.sum(dim=1) < self.nats * state.open.sum(dim=1))


@dataclass(frozen=True)
class Prophet:
    """Fill the rest of a row at once when the mean gap between the best and the second best log-probability of its open
    positions is at least `early`, `middle` or `late`: before a third of its steps, before two, and after
    (Prophet, arXiv:2508.19982).

    The gap is that of the constrained marginals, and positions that leave no choice have none to say. Goes with
    `finish=Best()`, which fills with the most probable rest. Its code looks at five positions of a known answer: give
    it `segment`, and only open positions of that field of `state.segment` count.
    """

    early: float = 7.5
    middle: float = 5.0
    late: float = 2.5
    segment: int | None = None

    def __post_init__(self) -> None:
        for name in ("early", "middle", "late"):
            in_range(name, getattr(self, name), -math.inf)

    def __call__(self, posterior: Posterior, state: State, step: Step) -> torch.Tensor:
        taken = (step.index + 1) / step.steps.to(torch.float64)
        bar = torch.where(taken < 0.33, self.early, torch.where(taken < 0.67, self.middle, self.late))
        return mean_gap(posterior, state, self.segment) >= bar


@dataclass(frozen=True)
class Falling:
    """Fill the rest of a row at once when that mean gap is at least a bar that falls smoothly from `high` to `low` with
    the share of its steps that a row has taken (SchED, arXiv:2512.02892). Goes with `finish=Best()`.

    curve: "linear"; "cosine", slow at both ends; "exponential", fast at first, by `rate`.
    """

    high: float = 7.5
    low: float = 2.5
    curve: Literal["linear", "cosine", "exponential"] = "cosine"
    rate: float = 4.0
    segment: int | None = None

    def __post_init__(self) -> None:
        for name in ("high", "low", "rate"):
            in_range(name, getattr(self, name), -math.inf)
        if self.curve not in ("linear", "cosine", "exponential"):
            raise InputError(f"curve={self.curve!r}", hint='"linear", "cosine" or "exponential"', param="curve")

    def __call__(self, posterior: Posterior, state: State, step: Step) -> torch.Tensor:
        return mean_gap(posterior, state, self.segment) >= self.bar((step.index + 1) / step.steps.to(torch.float64))

    def bar(self, taken: torch.Tensor) -> torch.Tensor:
        """(B,) the gap that is asked for after this share of the steps."""
        left = {
            "linear": 1 - taken,
            "cosine": (1 + torch.cos(math.pi * taken)) / 2,
            "exponential": torch.exp(-self.rate * taken),
        }[self.curve]
        return self.low + (self.high - self.low) * left


def mean_gap(posterior: Posterior, state: State, segment: int | None = None) -> torch.Tensor:
    """(B,) float64 nats: the mean, over a row's open positions, of how much likelier the best token is than the second;
    inf where none has a second."""
    _, probs = posterior.top(2)
    first, second = probs.cpu().to(torch.float64).unbind(-1)
    asked = state.open & (second > 0)
    if segment is not None:
        asked &= state.segment == segment
    gaps = torch.where(asked, first.log() - second.clamp(min=1e-300).log(), 0.0).sum(dim=1)
    count = asked.sum(dim=1)
    return torch.where(count > 0, gaps / count.clamp(min=1), torch.inf)


@dataclass(frozen=True)
class NoteBest:
    """An observer that notes the best completion of each step, for stop rules of plans that draw."""

    def begin(self, state: State) -> State:
        return state.remember(**{BEST: torch.full_like(state.history, -1)})

    def __call__(self, move: Move, state: State, step: Step) -> State:
        now = torch.cat([state.memory[BEST][:, 1:], move.posterior.map().cpu()[:, None]], dim=1)
        return state.remember(**{BEST: torch.where(move.before.done[:, None, None], state.memory[BEST], now)})
