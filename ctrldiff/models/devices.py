"""Where a model runs: checked before anything is loaded."""

from __future__ import annotations

import torch

from ctrldiff.errors import ModelError

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
