"""Libraries that some kinds of files need."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from ctrldiff.errors import ExtraMissing


def arrow(page: str) -> Any:
    """A page of pyarrow ("parquet", "ipc", ""). Raises ExtraMissing."""
    return _found(f"pyarrow.{page}" if page else "pyarrow", "parquet")


def datasets() -> Any:
    """The library `datasets`. Raises ExtraMissing."""
    return _found("datasets", "datasets")


def _found(name: str, extra: str) -> Any:
    try:
        return import_module(name)
    except ImportError as error:
        raise ExtraMissing(f"{name.split('.')[0]} is not installed", hint=f"pip install ctrldiff[{extra}]") from error
