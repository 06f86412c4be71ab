"""A document that a job has done, as a page is made of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class JobRow:
    """A document that is done.

    Fields: n, which one, from 0; source and line, where it stands in the input; id, None if it has none; code, what it
        failed for, None: it has an answer; record, its line of the output or of the failed file; forwards, seconds,
        what it cost, None if not known; text, what the model read, None if it was not kept.
    """

    n: int
    source: str
    line: int
    id: Any
    code: str | None
    record: dict[str, Any]
    forwards: int | None = None
    seconds: float | None = None
    text: str | None = None

    @property
    def name(self) -> str:
        """The document, for people."""
        where = f"{self.source} line {self.line:,}".strip()
        return where if self.id is None else f"{self.id} ({where})"
