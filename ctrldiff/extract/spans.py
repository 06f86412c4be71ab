"""Where the values of an answer that stand in the text verbatim (`x-span`) stand."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ctrldiff.json_schema.shape import Shape
from ctrldiff.pointer import escaped

MOST = 20  # places of one value that are told


def span_places(shape: Shape, value: Any, text: str) -> dict[str, list[tuple[int, int]]]:
    """By JSON pointer all places of every string that a schema says stands in the text, in whichever of its branches;
    those that are whole words there, if any are."""
    return {at: places(spelled, text) for at, spelled in _spans(shape, value, "")}


def places(spelled: str, text: str) -> list[tuple[int, int]]:
    """Where a string stands in a text, the first `MOST` places; whole words alone, if it is that anywhere."""
    whole = rf"(?<!\w){re.escape(spelled)}(?!\w)"
    for pattern in (whole, re.escape(spelled)):
        found = [one.span() for one, _ in zip(re.finditer(pattern, text), range(MOST))] if spelled else []
        if found:
            return found
    return []


def _spans(shape: Shape, value: Any, at: str) -> Iterator[tuple[str, str]]:
    """(pointer, string) of every value under an `x-span`."""
    if isinstance(value, str) and any(member.get("x-span") is True for member in shape.members):
        yield at, value
    elif isinstance(value, dict):
        for key, below in value.items():
            yield from _spans(shape.property(key), below, f"{at}/{escaped(key)}")
    elif isinstance(value, list):
        for n, below in enumerate(value):
            yield from _spans(shape.item(n), below, f"{at}/{n}")
