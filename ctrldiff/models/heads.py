"""The head of a transformers model on some rows only: its output is the largest tensor of a pass."""

from __future__ import annotations

import inspect
from typing import Any

import torch


def headed(module: Any, rows: slice, **inputs: Any) -> tuple[torch.Tensor, Any]:
    """A model's logits (N, R, V) of some rows of its input, and all that it returned."""
    count = inputs["input_ids"].shape[1]
    picks = "logits_to_keep" in inspect.signature(module.forward).parameters
    if picks and rows.indices(count) != (0, count, 1):
        at = torch.arange(count, device=inputs["input_ids"].device)[rows]
        said = module(**inputs, logits_to_keep=at)
        return said.logits, said
    said = module(**inputs)
    return said.logits[:, rows], said
