"""Requests that wait, and results that do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from ctrldiff.errors import CtrldiffError
from ctrldiff.request import Row
from ctrldiff.result import Result

Outcome: TypeAlias = "Result[Any] | CtrldiffError"


@dataclass
class Queue:
    """Rows between their reading and the giving of their results, which is in order; so many at most."""

    rows: Iterator[Row | CtrldiffError]
    most: int
    waiting: list[Row] = field(default_factory=list)
    ready: dict[int, Outcome] = field(default_factory=dict)
    read: int = 0
    gave: int = 0
    broken: Exception | None = None

    def fill(self) -> bool:
        """Read ahead as far as may be. Whether anything waits or is ready.

        What reading raises is `broken`, and raised when all that came before it is given: no work is lost.
        """
        while self.read - self.gave < self.most and self.broken is None:
            try:
                row = next(self.rows, None)
            except Exception as error:
                self.broken = error
                break
            if row is None:
                break
            if isinstance(row, Row):
                self.waiting.append(row)
            else:
                self.ready[self.read] = row
            self.read += 1
        return bool(self.waiting or self.ready)

    def given(self) -> Iterator[Outcome]:
        """What is ready and whose turn it is."""
        while self.gave in self.ready:
            self.gave += 1
            yield self.ready.pop(self.gave - 1)

    def take(self, alike: Any, count: int, longest: int | None = None) -> list[Row]:
        """Rows that are alike, in canvases of at most this length, so many at most: the first that waits, and those as
        long as it is, so that what shares a call is not filled up with padding."""
        found = [row for row in self.waiting if alike(row) and (longest is None or row.canvas <= longest)]
        taken = sorted(found, key=lambda row: abs(row.tokens - found[0].tokens))[:count]
        gone = {row.n for row in taken}
        self.waiting = [row for row in self.waiting if row.n not in gone]
        return taken

    def put_back(self, rows: list[Row]) -> None:
        """Rows that are to be decoded (again), before those that came after them."""
        self.waiting = sorted([*self.waiting, *rows], key=lambda row: row.n)
