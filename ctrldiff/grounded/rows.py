"""How many rows of values a text states: lines of a table, entries of an enumeration.

A line is cut at semicolons, a comma before a space, and words for "and", and its pieces are put together again until
they have a letter and as many numbers as are asked for: that is a row. What is left at the end of a line is none, and a
header has no numbers. A last row whose last number is the sum of those before it, or that begins with a word for a sum,
is none. Dates, times and codes with digits in them count as one number each.

    Milch 1,5%    2 x 1,09    2,18        a row
    Haferflocken              0,89        a row          2 rows, by 1 number each
    SUMME                     3,07        2,18 + 0,89
"""

from __future__ import annotations

import re
from decimal import Decimal

_CUT = re.compile(r";|,\s|\s(?:and|und|et|y|e|en|og|och)\s|\s[&+]\s")
_NUMBER = re.compile(r"\d(?:[\d.,:/'-]*\d)?")
_LETTER = re.compile(r"[^\W\d_]")
_SUM = re.compile(
    r"\W*(?:in |im |au |en )?(?:sub|grand|net|netto|brutto|zwischen)?[ -]?"
    r"(?:total|totaal|totale|sum|summe|somme|suma|gesamt|gesamtbetrag|endbetrag|balance)\b",
    re.IGNORECASE,
)


def rows_in(text: str, numbers: int = 1) -> int:
    """How many rows a text states.

    Args: numbers: how many each has at least.
    """
    found: list[str] = []
    for line in text.splitlines():
        row: list[str] = []
        count, lettered = 0, False
        for piece in _CUT.split(line):
            row.append(piece)
            count += len(_NUMBER.findall(piece))
            lettered = lettered or _LETTER.search(piece) is not None
            if count >= numbers and lettered:
                found.append(" ".join(row))
                row, count, lettered = [], 0, False
    while len(found) > 1 and (_SUM.match(found[-1]) or _adds_up(found)):
        found.pop()
    return len(found)


def _adds_up(rows: list[str]) -> bool:
    """The last row's last number is the sum of those of at least two rows before it."""
    *parts, whole = [_amount(_NUMBER.findall(row)[-1]) for row in rows]
    known = [part for part in parts if part is not None]
    return len(known) == len(parts) >= 2 and whole is not None and sum(known, Decimal(0)) == whole


def _amount(number: str) -> Decimal | None:
    """A number with a point or a comma before one or two decimals, or a whole one; None for any other."""
    plain = re.fullmatch(r"(\d+(?:[.,' ]\d{3})*|\d+)(?:[.,](\d{1,2}))?", number)
    if plain is None:
        return None
    whole, decimals = re.sub(r"\D", "", plain[1]), plain[2]
    return Decimal(f"{whole}.{decimals}" if decimals else whole)
