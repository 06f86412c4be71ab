"""Where the values of a JSON text stand in it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ctrldiff.pointer import escaped

_SCALAR = re.compile(r'"(?:[^"\\]|\\.)*"|-?[0-9][^,\]}\s]*|true|false|null', re.DOTALL)
_SPACE = re.compile(r"[\s,:]*")


class Place(NamedTuple):
    """One value of an answer: its JSON pointer ("" is the whole answer), and where it stands in the text's bytes."""

    where: str
    start: int
    end: int


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
