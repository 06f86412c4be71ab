"""When, where and how much. A schedule looks at the state, not at a clock of its own, so rows that ran ahead
(because a policy wrote more than its quota) are asked for less later."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from ctrldiff.state import State, Step


@dataclass(frozen=True)
class Linear:
    """The same number at every step; `steps=None` is one position a step."""

    steps: int | None = None

    def budget(self, state: State) -> int:
        return steps_for(self.steps, state)

    def __call__(self, state: State, index: int, steps: int) -> Step:
        open_now = state.open.sum(dim=1)
        return _step(index, steps, state, state.open, _share(open_now, steps - index))


@dataclass(frozen=True)
class Cosine:
    """Few positions at first, many at the end: after step i a share cos(pi/2 * i/steps) is still open
    (MaskGIT, arXiv:2202.04200)."""

    steps: int | None = None

    def budget(self, state: State) -> int:
        return steps_for(self.steps, state)

    def __call__(self, state: State, index: int, steps: int) -> Step:
        open_now = state.open.sum(dim=1)
        stays = math.cos(math.pi / 2 * (index + 1) / steps) / math.cos(math.pi / 2 * index / steps)
        kept = (open_now.to(torch.float64) * stays + 1e-9).floor().to(torch.int64)
        return _step(index, steps, state, state.open, (open_now - kept).clamp(min=1))


@dataclass(frozen=True)
class Blocks:
    """Semi-autoregressive: blocks of `length` positions from left to right, each with its share of the steps
    (LLaDA arXiv:2502.09992, Block Diffusion arXiv:2503.09573). The constraint still sees the whole canvas (X7)."""

    length: int = 16
    steps: int | None = None

    def budget(self, state: State) -> int:
        return max(steps_for(self.steps, state), math.ceil(state.shape[1] / self.length))

    def __call__(self, state: State, index: int, steps: int) -> Step:
        rows, positions = state.shape
        n_blocks = math.ceil(positions / self.length)
        block_of = torch.arange(positions) // self.length
        current = torch.where(state.open, block_of, torch.full_like(block_of, n_blocks)).amin(dim=1)  # (B,)
        window = state.open & (block_of[None, :] == current[:, None])
        ends = (current + 1) * steps // n_blocks  # the step before which the row's block has to be full
        left = (ends - index).clamp(min=1)
        return _step(index, steps, state, window, _share(window.sum(dim=1), left), last=left == 1)


def steps_for(steps: int | None, state: State) -> int:
    """`steps`, or as many as the fullest row has open positions; at least 1."""
    if steps is not None and steps < 1:
        raise ValueError(f"steps={steps}: at least 1")
    return steps or max(1, int(state.open.sum(dim=1).amax()))


def _share(count: torch.Tensor, steps_left: int | torch.Tensor) -> torch.Tensor:
    left = torch.as_tensor(steps_left, dtype=torch.int64)
    return (count + left - 1) // left


def _step(
    index: int,
    steps: int,
    state: State,
    window: torch.Tensor,
    quota: torch.Tensor,
    last: torch.Tensor | None = None,
) -> Step:
    final = torch.full((state.shape[0],), index == steps - 1)
    return Step(index, steps, window, quota.to(torch.int64), final if last is None else final | last)
