"""A forward pass that does not fit the device's memory is taken in smaller batches, and says so."""

from __future__ import annotations

from collections.abc import Callable

import torch

from ctrldiff.errors import OutOfMemory, warn


def within_memory(network: Callable[..., torch.Tensor], *inputs: torch.Tensor) -> torch.Tensor:
    """`network(*inputs)`; where memory runs out, its halves one after another, and theirs.

    Args:
        inputs: tensors with a row for each row of the batch.
    Raises: OutOfMemory if one row alone does not fit. A warning says when a batch was halved.
    """
    rows = len(inputs[0])
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
    half = (rows + 1) // 2
    warn(
        f"{rows} rows of {inputs[0].shape[1]:,} tokens do not fit the memory of {inputs[0].device}: taken in halves; "
        f"batch_size={half} would save the attempt",
        RuntimeWarning,
    )
    parts = [within_memory(network, *(one[at] for one in inputs)) for at in (slice(0, half), slice(half, rows))]
    return torch.cat(parts)


def _memory(error: BaseException) -> bool:
    if isinstance(error, torch.OutOfMemoryError):
        return True
    return "can't allocate memory" in str(error) or "not enough memory" in str(error)  # the CPU's allocator
