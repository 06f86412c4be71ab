"""Run one call in a forked child, with a deadline, and say what it cost."""

from __future__ import annotations

import multiprocessing
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Any


@dataclass(frozen=True)
class Cost:
    """Median seconds of processor time, growth of the peak resident size in MB, what the call returned or raised."""

    seconds: float | None
    megabytes: float
    answer: str


def cost(call: Callable[[], object], repeats: int = 1, timeout_s: float = 60) -> Cost:
    """Call it `repeats` times in a child that inherits everything compiled so far; `seconds` is None on timeout."""
    context = multiprocessing.get_context("fork")
    here, there = context.Pipe(duplex=False)
    child = context.Process(target=_run, args=(call, repeats, there))
    child.start()
    there.close()
    found = Cost(None, float("nan"), f"no answer in {timeout_s:g} s")
    if here.poll(timeout_s):
        try:
            found = here.recv()
        except EOFError:
            found = Cost(None, float("nan"), "died")
    child.kill()
    child.join()
    return found


def _run(call: Callable[[], object], repeats: int, pipe: Any) -> None:
    before, taken, answer = _peak(), [], ""
    for _ in range(repeats):
        began = time.process_time()
        try:
            answer = str(call())
        except Exception as refusal:
            answer = f"{type(refusal).__name__}: {str(refusal).splitlines()[0]}"
        taken.append(time.process_time() - began)
    pipe.send(Cost(median(taken), (_peak() - before) / 1024, answer))


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def machine() -> str:
    """The processor, for the head of a table."""
    with open("/proc/cpuinfo") as lines:
        models = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return f"{len(models)} x {models[0] if models else 'unknown processor'}"
