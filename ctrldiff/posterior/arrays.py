"""Arrays and numbers as they come from outside, checked."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ctrldiff.errors import ShapeError


def whole_number(name: str, value: Any, low: int, high: int | None = None) -> int:
    """A count or an index as an int. Raises: ShapeError for what is none, or is out of range."""
    upper = "" if high is None else f"..{high}" if high > low else ""
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise ShapeError(f"{name}={value!r} is no whole number", hint=f"{low}{upper or ' or more'}")
    if value < low or (high is not None and value > high):
        raise ShapeError(f"{name}={value}: {low}{upper or ' or more'}")
    return int(value)


def token_ids(name: str, values: Any) -> NDArray[np.int64]:
    """Token ids as int64, in the shape they came in. Raises: ShapeError for what is no array of whole numbers."""
    try:
        array = np.asarray(values.detach().cpu() if hasattr(values, "detach") else values)
    except (ValueError, TypeError) as error:
        raise ShapeError(f"{name} is no array of token ids: {error}") from error
    if array.size and array.dtype.kind not in "iu":
        raise ShapeError(f"{name} is {array.dtype}, expected integers")
    return array.astype(np.int64)


def fixed(values: Any, dtype: Any) -> NDArray[Any]:
    """A read-only, C-contiguous view (a copy only where needed)."""
    view = np.ascontiguousarray(values, dtype=dtype).view()
    view.flags.writeable = False
    return view
