"""A forward pass that does not fit the device's memory is taken in smaller batches, says so once, and remembers."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import torch

from ctrldiff.errors import OutOfMemory, warn

T = TypeVar("T")


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
    ids = inputs[0]
    each = ids[0].numel() if len(ids) else 0
    return in_parts(lambda at: network(*(one[at] for one in inputs)), torch.cat, slice(0, len(ids)), each, ids, room)


def within_memory_both(
    network: Callable[..., tuple[torch.Tensor, torch.Tensor]], *inputs: torch.Tensor, room: Room
) -> tuple[torch.Tensor, torch.Tensor]:
    """The same of a network that returns two tensors."""

    def join(parts: list[tuple[torch.Tensor, torch.Tensor]]) -> tuple[torch.Tensor, torch.Tensor]:
        first, second = zip(*parts, strict=True)
        return torch.cat(first), torch.cat(second)

    ids = inputs[0]
    each = ids[0].numel() if len(ids) else 0
    return in_parts(lambda at: network(*(one[at] for one in inputs)), join, slice(0, len(ids)), each, ids, room)


def in_parts(
    run: Callable[[slice], T], join: Callable[[list[T]], T], rows: slice, each: int, ids: torch.Tensor, room: Room
) -> T:
    """`run` on some rows, and where memory runs out on their halves, `join`ed. See `within_memory`.

    Args:
        each: tokens of one row.        ids: (N, L) of all rows, for what is said of them.
    """
    count = rows.stop - rows.start
    if count > 1 and count * each >= room.full:
        return _halves(run, join, rows, each, ids, room)
    try:
        return run(rows)
    except (torch.OutOfMemoryError, RuntimeError) as error:
        if not _memory(error):
            raise
        if count == 1:
            raise OutOfMemory(
                f"one row of {each:,} tokens does not fit the memory of {ids.device}",
                why=str(error).splitlines()[0][:200],
                hint='a shorter text or canvas, dtype="bfloat16", quantization_config=..., or device_map="auto"',
                rows=count,
                device=str(ids.device),
            ) from error
    if ids.is_cuda:
        torch.cuda.empty_cache()
    room.full = min(room.full, count * each)
    warn(
        f"{count} rows of {each:,} tokens do not fit the memory of {ids.device}: taken in halves; "
        f"batch_size={(count + 1) // 2} would save the attempt",
        RuntimeWarning,
    )
    return _halves(run, join, rows, each, ids, room)


def _halves(
    run: Callable[[slice], T], join: Callable[[list[T]], T], rows: slice, each: int, ids: torch.Tensor, room: Room
) -> T:
    half = rows.start + (rows.stop - rows.start + 1) // 2
    parts = (slice(rows.start, half), slice(half, rows.stop))
    return join([in_parts(run, join, part, each, ids, room) for part in parts])


def _memory(error: BaseException) -> bool:
    if isinstance(error, torch.OutOfMemoryError):
        return True
    return "can't allocate memory" in str(error) or "not enough memory" in str(error)  # the CPU's allocator
