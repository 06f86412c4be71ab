"""A forward pass that does not fit the device's memory is taken in smaller batches, says so once, and remembers."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch

from ctrldiff.errors import OutOfMemory, warn


@dataclass(eq=False)
class Room:
    """What was found of a device's room. Fields: full (the fewest tokens of one call that did not fit)."""

    full: float = math.inf


def within_memory(network: Callable[..., torch.Tensor], *inputs: torch.Tensor, room: Room) -> torch.Tensor:
    """`network(*inputs)`; where memory runs out, its halves one after another, and theirs.

    Args:
        inputs: tensors with a row for each row of the batch.
        room: what is known of the device; a batch that is known not to fit is halved without an attempt.
    Raises: OutOfMemory if one row alone does not fit. A warning says when a batch was halved for the first time.
    """
    rows, tokens = len(inputs[0]), inputs[0].numel()
    if rows > 1 and tokens >= room.full:
        return _halves(network, *inputs, room=room)
    try:
        return network(*inputs)
    except (torch.OutOfMemoryError, RuntimeError) as error:
        if not _memory(error):
            raise
        if rows == 1:
            raise OutOfMemory(
                f"one row of {inputs[0].shape[1]:,} tokens does not fit the memory of {inputs[0].device}",
                why=str(error).splitlines()[0][:200],
                hint='a shorter text or canvas, dtype="bfloat16", quantization_config=..., or device_map="auto"',
                rows=rows,
                device=str(inputs[0].device),
            ) from error
    if inputs[0].is_cuda:
        torch.cuda.empty_cache()
    room.full = min(room.full, tokens)
    half = (rows + 1) // 2
    warn(
        f"{rows} rows of {inputs[0].shape[1]:,} tokens do not fit the memory of {inputs[0].device}: taken in halves; "
        f"batch_size={half} would save the attempt",
        RuntimeWarning,
    )
    return _halves(network, *inputs, room=room)


def _halves(network: Callable[..., torch.Tensor], *inputs: torch.Tensor, room: Room) -> torch.Tensor:
    half = (len(inputs[0]) + 1) // 2
    parts = [within_memory(network, *(one[at] for one in inputs), room=room) for at in (slice(half), slice(half, None))]
    return torch.cat(parts)


def _memory(error: BaseException) -> bool:
    if isinstance(error, torch.OutOfMemoryError):
        return True
    return "can't allocate memory" in str(error) or "not enough memory" in str(error)  # the CPU's allocator
