"""How arrays come into a posterior and go out, and rows that are made when they are needed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ctrldiff.errors import ShapeError
from ctrldiff.posterior.row import Row, Rows

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Port:
    """How arrays come in and go out: numpy or a torch device, with or without the leading B."""

    single: bool
    device: Any = None  # torch.device, or None for numpy

    def give(self, rows: Sequence[Any], dtype: Any) -> Any:
        """Stack one answer per row, as the caller speaks. A single number becomes a float or a bool."""
        if self.device is None:
            if self.single:
                return np.asarray(rows[0], dtype=dtype) if np.ndim(rows[0]) else dtype(rows[0]).item()
            return np.stack([np.asarray(row, dtype=dtype) for row in rows])
        import torch

        if self.device.type == "mps" and dtype == np.float64:
            dtype = np.float32  # that device has no float64
        tensors = [
            row if isinstance(row, torch.Tensor) else torch.from_numpy(np.array(row, dtype=dtype, ndmin=0, copy=None))
            for row in rows
        ]
        if self.single:
            return tensors[0].to(self.device) if tensors[0].dim() else tensors[0].item()
        return torch.stack(tensors).to(self.device)

    def stay(self, rows: torch.Tensor) -> Any:
        """As `give`, of answers that are on the device."""
        if not self.single:
            return rows
        return rows[0] if rows.dim() > 1 else rows[0].item()

    def take(self, values: Any, rows: int, positions: int, dtype: Any, what: str) -> NDArray[Any]:
        """(B, T) numpy from what the caller passed; (T,) is accepted where the logits were (T, V)."""
        try:
            array = np.asarray(values.detach().cpu() if hasattr(values, "detach") else values)
        except (ValueError, TypeError) as error:
            raise ShapeError(f"{what} is no array: {error}") from error
        if self.single and array.ndim == 1:
            array = array[None]
        if array.shape != (rows, positions):
            shape = (positions,) if self.single else (rows, positions)
            raise ShapeError(f"{what} is {np.shape(values)}, expected {shape}")
        if array.dtype.kind not in ("iub" if dtype == np.bool_ else "iu"):
            kind = "bools" if dtype == np.bool_ else "integers"
            raise ShapeError(f"{what} is {array.dtype}, expected {kind}")
        return np.ascontiguousarray(array, dtype=dtype)


@dataclass(frozen=True, eq=False)
class Later(Sequence[Row]):
    """Rows that are made when one is first asked for: the host need not know them where a device does."""

    n: int
    make: Callable[[], Rows]

    @cached_property
    def _rows(self) -> Rows:
        return self.make()

    def __len__(self) -> int:
        return self.n

    def __getitem__(self, at: Any) -> Any:
        return self._rows[at]
