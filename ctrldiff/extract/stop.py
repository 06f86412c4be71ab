"""Ctrl-C and SIGTERM while documents are at work: what has come is kept, and somebody is told how to go on."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


class Terminated(KeyboardInterrupt):
    """The process was asked to end."""


@contextmanager
def stoppable(told: Callable[[], object]) -> Iterator[Callable[[], bool]]:
    """Ctrl-C is remembered in here, and the second raises KeyboardInterrupt; SIGTERM raises `Terminated` at once: who
    sends it does not wait for long. Ignored signals stay so. What is given says whether there was a Ctrl-C.

    Args: told: called at the first Ctrl-C.
    """
    met: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return

    def interrupt(number: int, frame: FrameType | None) -> None:
        met.append(number)
        if len(met) > 1:
            raise KeyboardInterrupt
        told()

    def terminate(number: int, frame: FrameType | None) -> None:
        raise Terminated

    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    ours = {signal.SIGINT: interrupt, signal.SIGTERM: terminate}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:
            signal.signal(number, ours[number])
    try:
        yield lambda: bool(met)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
