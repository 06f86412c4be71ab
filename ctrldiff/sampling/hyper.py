"""Hyperschedules: every position has a clock of its own. Public in `ctrldiff.schedule` and `ctrldiff.commit`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import torch

from ctrldiff.errors import InputError
from ctrldiff.protocols import Posterior
from ctrldiff.sampling.commit import in_range, uniform
from ctrldiff.sampling.pace import step_of, steps_for, unfixed
from ctrldiff.state import State, Step, Tokens, Where

Levels: TypeAlias = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]


@dataclass(frozen=True)
class Annealed:
    """Noise levels that rise from 0 to 1 over `width` positions, on a slope that moves from left to right: of position
    i of N, when a share x of the steps is taken, (i + width - (N + width) x) / width, between 0 and 1.

    A width of 1 is left to right; with a great one all positions share one clock, as in MDLM.
    """

    width: float = 16.0

    def __post_init__(self) -> None:
        in_range("width", self.width, 1)

    def __call__(self, place: torch.Tensor, count: torch.Tensor, passed: torch.Tensor) -> torch.Tensor:
        return ((place + self.width - (count + self.width) * passed) / self.width).clamp(0.0, 1.0)


@dataclass(frozen=True)
class Hyper:
    """Every position has a noise level of its own (hyperschedules, arXiv:2504.06416): where it is 1 nothing is written,
    and after a step as many positions are still open as the levels add up to, rounded down.
    `commit.Timed` writes each position by chance, at its own time.

    levels: given the place of each position among those that are not given (B, T), how many there are (B, 1), and the
        share of the steps that is taken (B, 1), all float64: the noise levels, (B, T) from 1 to 0, falling with time.
    """

    levels: Levels = Annealed()
    steps: int | None = None

    def __post_init__(self) -> None:
        if isinstance(self.levels, type) or not callable(self.levels):
            raise InputError(f"levels={self.levels!r}", hint="cd.schedule.Annealed(16)", param="levels")

    def budget(self, state: State) -> torch.Tensor:
        return steps_for(self.steps, state)

    def __call__(self, state: State) -> Step:
        level = self.level(state, state.step + 1)
        own = unfixed(state)
        left = (torch.where(own, level, 0.0).sum(dim=1) + 1e-9).floor().to(torch.int64)
        window = state.open & (level < 1)
        return step_of(state, window, (state.open.sum(dim=1) - left).clamp(min=0).minimum(window.sum(dim=1)))

    def level(self, state: State, step: torch.Tensor) -> torch.Tensor:
        """(B, T) float64, the noise level of each position when a row has taken so many (B,) of its steps."""
        own = unfixed(state)
        place, count = own.cumsum(dim=1) - 1, own.sum(dim=1, keepdim=True)
        passed = step[:, None] / state.steps.maximum(step)[:, None].clamp(min=1).to(torch.float64)
        level = self.levels(place.to(torch.float64), count.to(torch.float64), passed)
        if level.shape != state.shape or not ((level >= 0) & (level <= 1))[own].all():
            raise InputError(f"levels of {tuple(level.shape)}: (B, T) from 0 to 1", param="levels")
        return level


@dataclass(frozen=True)
class Timed:
    """Each open position by chance, at its own time: with probability 1 - then / now, its noise levels after the step
    and before it (arXiv:2504.06416; with one clock for all, MDLM's). Goes with the same `Hyper` as schedule. A step may
    write nothing."""

    hyper: Hyper = Hyper()

    def __call__(self, posterior: Posterior, tokens: Tokens, state: State, step: Step) -> Where:
        now, then = self.hyper.level(state, state.step), self.hyper.level(state, state.step + 1)
        chance = torch.where(now > 0, 1 - then / now.clamp(min=1e-12), 1.0)
        return state.open & step.window & (uniform(state) < chance)
