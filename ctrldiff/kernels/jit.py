"""The decorator every kernel wears.

No fast-math: it lets the compiler assume that infinities never happen, and -inf means *forbidden* here. Polynomials are
`fused`: there a product and the sum it goes into may be one instruction, rounded once, which takes nothing for granted.

Compiled kernels are kept on the disk: beside the source, or in the user's cache, or in `NUMBA_CACHE_DIR`. Where none of
these can be written they are compiled anew by every process, which takes some 20 s, and says so.
"""

import warnings
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from numba import njit

KERNELS: list[Any] = []  # every one that has been imported


def kernel(function: Callable[..., Any]) -> Any:
    """Compile when first called, and keep what was compiled where that can be."""
    return _compiled(function)


def fused(function: Callable[..., Any]) -> Any:
    """As `kernel`, multiplications and additions in one: exponentials take 6.2 ms in place of 9.9."""
    return _compiled(function, fastmath={"contract"})


def _compiled(function: Callable[..., Any], **how: Any) -> Any:
    try:
        made = njit(cache=True, nogil=True, **how)(function)
    except RuntimeError as error:
        if "no locator available" not in str(error):
            raise
        _say_once()
        made = njit(nogil=True, **how)(function)
    KERNELS.append(made)
    return made


@lru_cache(maxsize=1)
def _say_once() -> None:
    warnings.warn(
        "compiled kernels cannot be kept: neither the package's folder nor the user's cache can be written, so that "
        "every process compiles them anew; set NUMBA_CACHE_DIR to a folder that can be",
        RuntimeWarning,
        stacklevel=4,
    )
