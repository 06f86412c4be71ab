"""What readers of a text give: a value, and the place that states it."""

from __future__ import annotations

import unicodedata
from decimal import Decimal
from typing import Any, NamedTuple, TypeAlias

# Marks that stand on letters and belong to a word, which `\w` does not know: Latin, Hebrew, Arabic, Devanagari.
MARKS = "\u0300-\u036f\u0591-\u05c7\u064b-\u065f\u0900-\u0903\u093a-\u094f\u0962\u0963"
SIDES = "\u200e\u200f"  # marks of direction, which nobody sees

Json: TypeAlias = Any  # a value as JSON has them: str, int, Decimal, or a dict of these


class Reading(NamedTuple):
    """One way to read one place of a text: characters from `start` up to `end`, and the value they state."""

    start: int
    end: int
    value: Json


def plain_digits(text: str) -> str:
    """The text with every decimal digit written in ASCII; as long as it was."""
    if text.isascii():
        return text
    return "".join(str(unicodedata.decimal(c)) if c.isdecimal() else c for c in text)


def unaccented(word: str) -> str:
    """A word without the marks on its letters, as hurried writers and poor scanners leave it."""
    return "".join(c for c in unicodedata.normalize("NFKD", word) if not unicodedata.combining(c))


def whole(value: Decimal) -> bool:
    """The number is an integer."""
    return value == value.to_integral_value()
