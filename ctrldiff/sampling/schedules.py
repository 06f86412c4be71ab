"""When, where and how much. A schedule looks at the state, not at a clock of its own, so rows that ran ahead
(because a policy wrote more than its quota, or the constraint left no choice) are asked for less later. A row's steps
depend on that row alone, never on the batch around it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from ctrldiff.errors import InputError
from ctrldiff.state import State, Step, Where

__all__ = ["Blocks", "Cosine", "Linear", "steps_for"]


@dataclass(frozen=True)
class Linear:
    """The same number at every step; `steps=None` is one position a step."""

    steps: int | None = None

    def budget(self, state: State) -> torch.Tensor:
        return steps_for(self.steps, state)

    def __call__(self, state: State) -> Step:
        return _step(state, state.open, _share(state.open.sum(dim=1), state.steps - state.step))


@dataclass(frozen=True)
class Cosine:
    """Few positions at first, many at the end: after step i a share cos(pi/2 * i/steps) is still open
    (MaskGIT, arXiv:2202.04200)."""

    steps: int | None = None

    def budget(self, state: State) -> torch.Tensor:
        return steps_for(self.steps, state)

    def __call__(self, state: State) -> Step:
        open_now, after = state.open.sum(dim=1), state.step + 1
        now, then = (torch.cos(math.pi / 2 * i / state.steps.maximum(after)) for i in (state.step, after))
        kept = (open_now.to(torch.float64) * (then / now) + 1e-9).floor().to(torch.int64)
        return _step(state, state.open, (open_now - kept).clamp(min=1))


@dataclass(frozen=True)
class Blocks:
    """Semi-autoregressive: blocks of `length` positions from left to right, each with its share of the steps
    (LLaDA arXiv:2502.09992, Block Diffusion arXiv:2503.09573). The constraint still sees the whole canvas (X7)."""

    length: int = 16
    steps: int | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.length, int) or self.length < 1:
            raise InputError(f"length={self.length!r}: at least 1", param="length")

    def budget(self, state: State) -> torch.Tensor:
        return steps_for(self.steps, state).maximum((self._per_block(state.open) > 0).sum(dim=1))

    def __call__(self, state: State) -> Step:
        open_in = self._per_block(state.open)
        current = (open_in > 0).to(torch.uint8).argmax(dim=1, keepdim=True)  # the first block with anything open
        block_of = torch.arange(state.shape[1]) // self.length
        window = state.open & (block_of[None, :] == current)
        # A block's share is settled by where it begins and ends among all that is not given, as LLaDA settles it before
        # the first step; every block still to come keeps at least one step.
        through = self._per_block(state.open | state.held).cumsum(dim=1)
        ends = state.steps[:, None] * through // through[:, -1:].clamp(min=1)
        end, begin = (torch.nn.functional.pad(ends, (1, 0)).gather(1, current + i)[:, 0] for i in (1, 0))
        spare = state.steps - state.step + 1 - (open_in > 0).sum(dim=1)
        left = (end - state.step.maximum(begin)).minimum(spare).clamp(min=1)
        return _step(state, window, _share(window.sum(dim=1), left), last=left == 1)

    def _per_block(self, where: Where) -> torch.Tensor:
        """(B, N) how many such positions each block has."""
        blocks = torch.nn.functional.pad(where, (0, -where.shape[1] % self.length))
        return blocks.unflatten(1, (-1, self.length)).sum(dim=2)


def steps_for(steps: int | None, state: State) -> torch.Tensor:
    """(B,) `steps`, or as many as the row has open positions; at least 1."""
    if steps is not None and (not isinstance(steps, int) or steps < 1):
        raise InputError(f"steps={steps!r}: at least 1", param="steps")
    return state.open.sum(dim=1).clamp(min=1) if steps is None else torch.full((state.shape[0],), steps)


def _share(count: torch.Tensor, steps_left: torch.Tensor) -> torch.Tensor:
    left = steps_left.clamp(min=1)
    return (count + left - 1) // left


def _step(state: State, window: torch.Tensor, quota: torch.Tensor, last: torch.Tensor | None = None) -> Step:
    final = state.step + 1 >= state.steps
    return Step(state.step, state.steps, window, quota, final if last is None else final | last)
