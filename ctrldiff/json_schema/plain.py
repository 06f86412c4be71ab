"""Strings and numbers like those of a text: no debris of structure, no endless digits.

A model that wants to end an object and may not writes `:null}1}11}...` into a string that is open, and one that has
lost its place writes 1.25000000000000008. Both are legal JSON. Where nothing else is said of a string or a number, the
front door leaves such spellings out, unless the text itself holds their like; `report()` says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Decimal
from functools import cache
from typing import Any, TypeAlias

from ctrldiff.automata.expression import EMPTY, Alt, Chars, Concat, Expression, Ranges, Repeat, maybe, text
from ctrldiff.json_schema.canonical import ESCAPED, spelled_char, string_char
from ctrldiff.json_schema.keywords import FAMILY
from ctrldiff.json_schema.numbers import DIGIT

Digits: TypeAlias = tuple[int, int]  # at most so many before the point, and so many behind it

WHOLE, DECIMALS = 18, 6  # of numbers in a text that holds none with more

_STRUCTURE = re.compile(r"(?:^|\s)[:,]|^[^\[{]*[\]}]", re.MULTILINE)
_NUMBER = re.compile(r"\d[\d.,' \u00a0\u202f]*")


def structural(document: str) -> bool:
    """Some line of the text closes a bracket that it never opened, or a word of it begins with a colon or comma."""
    return _STRUCTURE.search(document) is not None


def digits_in(document: str) -> Digits:
    """The most digits that numbers like those of the text have before and behind the point, read either way."""
    runs = [re.findall(r"\d+", number) for number in _NUMBER.findall(document)]
    whole = max((sum(map(len, run)) for run in runs), default=0)
    behind = max((len(run[-1]) for run in runs if len(run) > 1), default=0)
    return max(WHOLE, whole), max(DECIMALS, behind)


def plainness(document: str) -> tuple[bool, Digits]:
    """All that decides which strings and numbers are like those of a text."""
    return structural(document), digits_in(document)


def digits_of(members: Iterable[dict[str, Any]], digits: Digits) -> Digits:
    """`digits`, or as many as the bounds and steps of these schemas have, one more before the point."""
    before, behind = digits
    for member in members:
        for keyword in FAMILY["number"]:
            value = member.get(keyword)
            if isinstance(value, int | float) and not isinstance(value, bool):
                whole, _, fraction = format(Decimal(repr(value)).copy_abs(), "f").partition(".")
                before, behind = max(before, len(whole) + 1), max(behind, len(fraction))
    return before, behind


@cache
def strings(ascii: bool = False) -> Expression:
    """Strings that begin with none of `:,]}` and close no bracket before they have opened one."""
    opener = Chars(((0x5B, 0x5B), (0x7B, 0x7B)))
    escapes = tuple(text(spelling) for spelling in ESCAPED.values())
    inside = Alt((spelled_char(_without('[]{}"\\'), ascii), *escapes))
    first = Alt((spelled_char(_without('[]{}"\\:,'), ascii), *escapes))
    opened = maybe(Concat((opener, Repeat(string_char(ascii), 0, None))))
    return Alt((EMPTY, Concat((first, Repeat(inside, 0, None), opened)), opened))


def numbers(digits: Digits) -> Expression:
    """Numbers with at most so many digits before and behind the point."""
    before, behind = digits
    fraction = maybe(Concat((text("."), Repeat(DIGIT, 1, behind)))) if behind else EMPTY
    return Concat((maybe(text("-")), Repeat(DIGIT, 1, before), fraction))


def _without(letters: str) -> Ranges:
    """Every character that is written as itself, less these."""
    ranges, low = [], 0x20
    for code in sorted(map(ord, letters)):
        if low < code:
            ranges.append((low, code - 1))
        low = code + 1
    return (*ranges, (low, 0xD7FF), (0xE000, 0x10FFFF))
