"""Where the characters of a text stand in the original that it was taken from."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Piece:
    """A run of the text and where it comes from.

    Fields: at, length: the run, in characters of the text.     start, end: where it stands in the original; as many
        characters, or one character for what spells it ("&amp;").
        ref, page: the part of the original that start and end count in, and its page, if it has parts.
    """

    at: int
    length: int
    start: int
    end: int
    ref: str = ""
    page: int | None = None


@dataclass(frozen=True)
class Origin:
    """The runs of a text in order. None at all: the text is the original."""

    pieces: tuple[Piece, ...] = ()

    def place(self, start: int, end: int) -> dict[str, Any]:
        """start <= n < end of the text as a place of the original: start, end, and ref and page where it has parts.

        What lies between two runs (a line break that a tag stands for) belongs to none of them and counts for nothing.
        """
        if not self.pieces:
            return {"start": start, "end": end}
        first, last = self._of(start), self._of(max(start, end - 1))
        found: dict[str, Any] = {"start": _within(first, start), "end": _within(last, max(start, end - 1), 1)}
        if first.ref != last.ref:  # it goes over an edge: up to where its first part ends
            found["end"] = first.end
        if first.ref:
            found["ref"] = first.ref
        if first.page is not None:
            found["page"] = first.page
        return found

    def _of(self, at: int) -> Piece:
        found = bisect_right(self.pieces, at, key=lambda piece: piece.at) - 1
        return self.pieces[max(found, 0)]


def _within(piece: Piece, at: int, behind: int = 0) -> int:
    """A character of a run, or with `behind` = 1 where it ends, in the original."""
    if piece.length != piece.end - piece.start:
        return piece.end if behind else piece.start
    return min(piece.start + max(at - piece.at, 0) + behind, piece.end)


class Writer:
    """Puts a text together from runs of an original."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._pieces: list[Piece] = []
        self.length = 0

    def add(self, text: str, start: int, end: int, ref: str = "", page: int | None = None) -> None:
        """A run that stands at start to end of the original."""
        if text:
            self._pieces.append(Piece(self.length, len(text), start, end, ref, page))
            self.between(text)

    def between(self, text: str) -> None:
        """Characters that stand nowhere in the original."""
        self._parts.append(text)
        self.length += len(text)

    @property
    def last(self) -> str:
        """The last character, "" before the first."""
        return self._parts[-1][-1:] if self._parts else ""

    def done(self) -> tuple[str, Origin]:
        """The text, and where it comes from."""
        return "".join(self._parts), Origin(tuple(self._pieces))
