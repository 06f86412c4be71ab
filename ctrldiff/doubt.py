"""Which values of an answer nobody believed in: the constraint left them, and the model had wanted something else.

A required string for which the text says nothing is still written, token by token, out of what little belief the model
had in anything legal there. Such a value is valid and worthless. The legal mass at its positions gives it away.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ctrldiff.json_schema.references import escaped
from ctrldiff.sampling.legal import NEGLIGIBLE
from ctrldiff.tokens.vocabulary import Vocabulary

_SCALAR = re.compile(r'"(?:[^"\\]|\\.)*"|-?[0-9][^,\]}\s]*|true|false|null', re.DOTALL)
_SPACE = re.compile(r"[\s,:]*")


class Place(NamedTuple):
    """One value of an answer: its JSON pointer ("" is the whole answer), and where it stands in the text's bytes."""

    where: str
    start: int
    end: int


@dataclass(frozen=True)
class Flag:
    """A value that the constraint forced on the model.

    Fields: where, its JSON pointer in the answer ("" is the whole of it); text, as it was written; legal, the least
        legal mass at any of its positions: of all the model believed there, how much was legal; start and end, where
        it stands in the bytes of the text that was decoded; nulled, whether `unsure="null"` put null in its place;
        prob, how probable it is, where that is why it is flagged (`below=`).
    """

    where: str
    text: str
    legal: float
    start: int
    end: int
    nulled: bool = False
    prob: float | None = None

    @property
    def doubt(self) -> str:
        """Why it is flagged, in a few words."""
        return f"legal {self.legal:.1e}" if self.prob is None else f"p {self.prob:.2f}"


def flags_of(
    raw: str, tokens: Sequence[int], legal: Sequence[float], vocabulary: Vocabulary, *, is_json: bool
) -> tuple[Flag, ...]:
    """The values of an answer with a position where less than `NEGLIGIBLE` of the model's belief was legal.

    Args:
        legal: (T,) as `sampling.legal.NoteLegal` notes it; NaN where nothing was chosen.
        is_json: the answer is JSON, of which every scalar is a value of its own; else it is one value.
    """
    mass = np.asarray(legal, np.float64)
    if not (mass < NEGLIGIBLE).any():
        return ()
    ends = np.cumsum([len(vocabulary[token] or b"") for token in tokens])
    starts = np.concatenate([[0], ends[:-1]])
    data = raw.encode("utf-8")
    found = []
    for place in places(raw) if is_json else [Place("", 0, len(data))]:
        least = np.nanmin(np.where((starts < place.end) & (ends > place.start), mass, np.nan), initial=np.inf)
        if least < NEGLIGIBLE:
            text = data[place.start : place.end].decode("utf-8")
            found.append(Flag(place.where, text, float(least), place.start, place.end))
    return tuple(found)


def places(raw: str) -> list[Place]:
    """Every scalar of a JSON text and every empty container, in the order of the text."""
    return [place for place, holds in nodes(raw) if not holds]


def nodes(raw: str) -> Iterator[tuple[Place, bool]]:
    """Every value of a JSON text and whether it holds others, in the order in which they end."""
    at, start = 0, 0  # in characters, in bytes
    inside: list[int | str] = []  # the way down: the next item's number, or the member's key
    opened: list[bool] = []  # for each container: nothing of it was read yet
    begun: list[int] = []  # for each container: the byte at which it begins
    key: str | None = None
    while True:
        gap = _SPACE.match(raw, at)
        assert gap is not None
        start += gap.end() - at
        at = gap.end()
        if at >= len(raw):
            return
        letter = raw[at]
        in_object = bool(inside) and isinstance(inside[-1], str)
        if letter in "}]":
            inside.pop()
            yield Place(_pointer(inside), begun.pop(), start + 1), not opened.pop()
            step = 1
            key = None
            _count(inside)
        elif letter in "{[":
            if opened:
                opened[-1] = False
            inside.append("" if letter == "{" else 0)
            opened.append(True)
            begun.append(start)
            step, key = 1, None
        else:
            scalar = _SCALAR.match(raw, at)
            assert scalar is not None, f"not canonical JSON at {at}"
            spelled = scalar.group()
            step = len(spelled)
            if opened:
                opened[-1] = False
            if in_object and key is None:
                key = _plain(spelled)
                inside[-1] = key
            else:
                yield Place(_pointer(inside), start, start + len(spelled.encode("utf-8"))), False
                key = None
                _count(inside)
        start += len(raw[at : at + step].encode("utf-8"))
        at += step


def _count(inside: list[int | str]) -> None:
    if inside and isinstance(inside[-1], int):
        inside[-1] += 1


def _plain(spelled: str) -> str:
    text: str = json.loads(spelled)
    return text


def _pointer(inside: Sequence[int | str]) -> str:
    return "".join("/" + escaped(str(part)) for part in inside)


def with_null(raw: str, where: str) -> str:
    """The JSON text with null in the place of one value."""
    data = raw.encode("utf-8")
    place = next(one for one in places(raw) if one.where == where)
    return (data[: place.start] + b"null" + data[place.end :]).decode("utf-8")
