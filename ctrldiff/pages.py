"""Public names that are imported when they are first used: `import ctrldiff` costs neither torch nor numba."""

from __future__ import annotations

from collections.abc import Callable, Mapping, MutableMapping
from importlib import import_module
from typing import Any


def lazily(page: MutableMapping[str, Any], home: Mapping[str, str]) -> Callable[[str], Any]:
    """A page's `__getattr__`.

    Args: page, the module's `globals()`; home, the module that has each name.
    """

    def get(name: str) -> Any:
        if name not in home:
            raise AttributeError(f"module {page['__name__']!r} has no attribute {name!r}")
        page[name] = getattr(import_module(home[name]), name)
        return page[name]

    return get
