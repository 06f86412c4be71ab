"""Work on rows, in as many threads as torch computes with: kernels let go of the interpreter's lock."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

A = TypeVar("A")
LEAST = 1_000_000  # steps of a kernel's inner loop, about .5 ms: for less than two of these threads are not begun


def spread(work: Callable[..., A], *each: Iterable[object], steps: int) -> list[A]:
    """`work` of each, in order, as `map` gives it.

    Args:
        steps: about how often the inner loops of all of them go round. Threads are begun anew for a call, which takes
            some .1 ms: none are left behind for a process that forks.
    """
    jobs = list(zip(*each, strict=True))
    threads = min(allowed(), len(jobs), steps // LEAST)
    if threads < 2:
        return [work(*job) for job in jobs]
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(lambda job: work(*job), jobs))


def allowed() -> int:
    """`torch.get_num_threads()`; 1 where nobody has imported torch."""
    torch = sys.modules.get("torch")
    return 1 if torch is None else int(torch.get_num_threads())
