"""What schedules are made of: how many steps, how many positions in each, and the step that says so."""

from __future__ import annotations

import torch

from ctrldiff.errors import InputError
from ctrldiff.state import State, Step, Where


def steps_for(steps: int | None, state: State) -> torch.Tensor:
    """(B,) `steps`, or as many as the row has open positions; at least 1."""
    if steps is not None and (not isinstance(steps, int) or steps < 1):
        raise InputError(f"steps={steps!r}: at least 1", param="steps")
    return state.open.sum(dim=1).clamp(min=1) if steps is None else torch.full((state.shape[0],), steps)


def unfixed(state: State) -> Where:
    """(B, T) what was not given and is not padding."""
    return state.open | state.held


def evenly(count: torch.Tensor, steps_left: torch.Tensor) -> torch.Tensor:
    """(B,) the share of a step, rounded up."""
    left = steps_left.clamp(min=1)
    return (count + left - 1) // left


def step_of(state: State, window: Where, quota: torch.Tensor, last: torch.Tensor | None = None) -> Step:
    """The step of a row's clock; its final one is the last of every window."""
    final = state.step + 1 >= state.steps
    return Step(state.step, state.steps, window, quota, final if last is None else final | last)
