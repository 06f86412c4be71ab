"""The smallest case that still has the fault."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Protocol, TypeVar


class Case(Protocol):
    """What can be judged and made smaller."""

    @property
    def size(self) -> int: ...
    def fault(self) -> str: ...
    def smaller(self) -> Iterator[Case]: ...


C = TypeVar("C", bound=Case)


def shrunk(case: C, seconds: float = 20.0) -> C:
    """Of the cases that are reached by leaving out one part after another, the first that has no smaller one with the
    same fault; where the time is over, the smallest so far."""
    until, wanted = time.monotonic() + seconds, case.fault()
    going = True
    while going:
        going = False
        for one in case.smaller():
            if time.monotonic() > until:
                return case
            if one.size < case.size and one.fault() == wanted:
                case, going = one, True  # type: ignore[assignment]
                break
    return case
