"""Run one call in a forked child, with a deadline, and say what it cost."""

from __future__ import annotations

import multiprocessing
import resource
import signal
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Any

from tests.benchmarks.record import Record

WALL = 60  # a child may wait that many times its processor time for a core
LONG = 0.4  # seconds: what takes longer is called once


@dataclass(frozen=True)
class Cost:
    """Seconds of processor time of each call, growth of the peak resident size, what the call returned or raised.

    Fields:
        seconds: empty where it was stopped at its deadline.
        refused: it raised; `answer` says what.
    """

    seconds: tuple[float, ...]
    mib: float
    answer: str
    refused: bool = False

    @property
    def median(self) -> float | None:
        """Of the seconds; None where it was stopped or refused."""
        return median(self.seconds) if self.seconds and not self.refused else None

    def record(self, name: str, to: tuple[str, Cost] | None = None, **parameters: str | int) -> Record:
        """As a record in milliseconds, or as one without a figure."""
        if self.median is None:
            return Record.none(name, self.answer[:90], **parameters)
        floor = (to[0], 1000 * to[1].median) if to and to[1].median else None
        taken = [1000 * one for one in self.seconds]
        return Record.of(name, taken, "ms", to=floor, peak_mib=self.mib, **parameters)


def cost(
    call: Callable[[], object], repeats: int = 1, timeout_s: int = 60, prepare: Callable[[], object] = lambda: None
) -> Cost:
    """Call it up to `repeats` times, once where that is `LONG`, in a child that inherits all that is compiled.

    Args:
        timeout_s: seconds of processor time, of all calls together.
        prepare: called before each, and not counted.
    """
    context = multiprocessing.get_context("fork")
    here, there = context.Pipe(duplex=False)
    child = context.Process(target=_run, args=(call, repeats, timeout_s, prepare, there))
    child.start()
    there.close()
    found = Cost((), float("nan"), f"no core for {WALL * timeout_s} s")
    if here.poll(WALL * timeout_s):
        try:
            found = here.recv()
        except EOFError:
            child.join()
            stopped = child.exitcode in (-signal.SIGXCPU, -signal.SIGKILL)
            found = Cost((), float("nan"), f"over {timeout_s} s" if stopped else f"died, exit code {child.exitcode}")
    child.kill()
    child.join()
    return found


def _run(call: Callable[[], object], repeats: int, timeout_s: int, prepare: Callable[[], object], pipe: Any) -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (timeout_s, timeout_s + 5))
    prepare()
    before, taken, answer, refused = _peak(), [], "", False
    for _ in range(repeats):
        prepare()
        began = _spent()
        try:
            answer = str(call())
        except BaseException as refusal:  # a panic of another language's library is no Exception
            answer, refused = f"{type(refusal).__name__}: {(str(refusal).splitlines() or [''])[0]}", True
        taken.append(_spent() - began)
        if taken[-1] > LONG:
            break
    pipe.send(Cost(tuple(taken), (_peak() - before) / 1024, answer, refused))


def _spent() -> float:
    """Processor seconds so far. `time.process_time` moves by ticks of 4 ms once a limit is set."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def machine() -> str:
    """The processor, for the head of a table."""
    with open("/proc/cpuinfo") as lines:
        models = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return f"{len(models)} x {models[0] if models else 'unknown processor'}"
