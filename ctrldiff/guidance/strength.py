"""How strongly a guide leans: a number, a number for each segment, or a function of how much is still open."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

import torch

from ctrldiff.errors import InputError
from ctrldiff.guidance.guide import finite
from ctrldiff.state import State, Status

Strength: TypeAlias = float | Mapping[int, float] | Callable[[torch.Tensor], torch.Tensor]


def checked_strength(name: str, strength: Strength) -> None:
    """Raises InputError for a number that is not finite; a function is asked once the decode runs."""
    if isinstance(strength, Mapping):
        for segment, value in strength.items():
            finite(f"{name}[{segment}]", value)
    elif not callable(strength):
        finite(name, strength)


def strength_at(strength: Strength, state: State, device: torch.device | str = "cpu") -> torch.Tensor:
    """(B, T, 1) float32. A mapping speaks of `state.segment`: what it does not name has strength 0.

    Raises: InputError if a function returns something else than (B,) finite numbers.
    """
    rows, length = state.shape
    if isinstance(strength, Mapping):
        value = torch.zeros(rows, length)
        for segment, one in strength.items():
            value = torch.where(state.segment == segment, float(one), value)
    elif callable(strength):
        told = torch.as_tensor(strength(mask_ratio(state)), dtype=torch.float32).cpu()
        if told.shape not in ((), (rows,)) or not bool(told.isfinite().all()):
            raise InputError(
                f"the strength function returned {told.tolist()!r} for {rows} mask ratios",
                hint="it takes (B,) ratios between 0 and 1 and returns (B,) finite numbers",
            )
        value = told.reshape(-1, 1).expand(rows, length)
    else:
        value = torch.full((rows, length), float(strength))
    return value[..., None].to(device)


def mask_ratio(state: State) -> torch.Tensor:
    """(B,) float32: the share of the positions to be written that is still open; 0 where there is nothing to write."""
    ours = (state.status == int(Status.OPEN)) | (state.status == int(Status.HELD))
    return state.open.sum(1).to(torch.float32) / ours.sum(1).clamp(min=1)
