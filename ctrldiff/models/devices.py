"""Where a model runs and in which numbers: checked before anything is loaded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from ctrldiff.errors import ModelError
from ctrldiff.models.words import table

HINT = '"cpu", "cuda", "cuda:1" or "mps"'


def usable(device: object) -> str:
    """The device's name. Raises: ModelError for what torch does not know, or this machine does not have."""
    try:
        found = torch.device(device)  # type: ignore[call-overload]
    except (RuntimeError, TypeError, ValueError) as error:
        raise ModelError(f"device={device!r} is none that torch knows", hint=HINT) from error
    if found.type == "cuda" and not torch.cuda.is_available():
        why = "this torch was built without CUDA" if torch.version.cuda is None else "no CUDA device was found"
        raise ModelError(
            f"device={device!r}: {why}", hint='device="cpu", or a CUDA build of torch on a machine with one'
        )
    if found.type == "cuda" and (found.index or 0) >= torch.cuda.device_count():
        raise ModelError(f"device={device!r}: there are {torch.cuda.device_count()} here", hint=HINT)
    if found.type == "mps" and not torch.backends.mps.is_available():
        raise ModelError(f"device={device!r}: this machine has none", hint='device="cpu"')
    return str(device)


def dtype_of(asked: torch.dtype | str, config: Mapping[str, Any], device: str) -> torch.dtype:
    """The numbers that weights are held in. Raises: ModelError for what torch does not know.

    Args: asked: a dtype of torch's, its name, or "auto": the config's; where it says none, bfloat16 on an accelerator
        and float32 on the CPU.
    """
    if asked == "auto":
        text = table(config, "text_config")
        told = config.get("dtype") or config.get("torch_dtype") or text.get("dtype") or text.get("torch_dtype")
        asked = told or ("float32" if torch.device(device).type == "cpu" else "bfloat16")
    found = getattr(torch, asked.removeprefix("torch."), None) if isinstance(asked, str) else asked
    if not isinstance(found, torch.dtype) or not found.is_floating_point:
        raise ModelError(f"dtype={asked!r} is no float type of torch's", hint='"auto", "float32" or "bfloat16"')
    return found
