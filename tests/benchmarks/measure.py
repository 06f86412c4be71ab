"""Processor time and memory of calls, taken in turns in one process."""

from __future__ import annotations

import ctypes
import gc
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median

from tests.benchmarks.record import Record

Work = Callable[[], object]


class Absent(Exception):
    """What a benchmark needs is not on this machine."""


def times_ms(works: Mapping[str, Work], rounds: int) -> dict[str, list[float]]:
    """Processor times of the calling thread, in turns, so that a busy machine is equally unfair to all."""
    times: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(rounds):
        for name, work in works.items():
            start = time.thread_time()
            work()
            times[name].append(1000 * (time.thread_time() - start))
    return times


def peak_mib(work: Work) -> float | None:
    """How far the resident size of the process rises in one call at most, in MiB; None but on Linux."""
    if sys.platform != "linux":
        return None

    def resident(name: str) -> int:
        status = Path("/proc/self/status").read_text()
        return int(status.split(f"{name}:")[1].split()[0])

    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)  # pages that calls before have left behind would hide what this one takes
    Path("/proc/self/clear_refs").write_text("5")  # the high-water mark begins anew
    before = resident("VmRSS")
    work()
    return (resident("VmHWM") - before) / 1024


def in_turns(
    works: Mapping[str, Work], rounds: int, to: str = "", warm: bool = False, **parameters: str | int
) -> list[Record]:
    """A record of each: medians over `rounds`, ratios to the work named `to`, most memory of one call before them.

    `warm`: everything that is compiled at a first call has been; else each is called once and not counted.
    """
    if not warm:
        times_ms(works, 1)
    peaks = {name: peak_mib(work) for name, work in works.items()}
    times = times_ms(works, rounds)
    floor = (to, median(times[to])) if to else None
    return [Record.of(name, times[name], "ms", to=floor, peak_mib=peaks[name], **parameters) for name in works]
