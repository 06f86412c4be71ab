"""Dates that a text states with day, month and year, in figures or with the month's name.

    3 March 2026   the 14th of April 2025   April 14, 2025   14. dubna 2025   2025. április 14.   14-Apr-25
    2025-04-14   14.04.2025   12/08/24 (two readings)   20250414   2025年4月14日

A date without a year is not read: what year it is in the text does not say.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date

from ctrldiff.grounded.names import months
from ctrldiff.grounded.reading import MARKS, SIDES, Reading, plain_digits, unaccented

PIVOT = 70  # two digits from here on are of the 20th century, as POSIX reads them
_NEAR = 60  # characters around the name of a month in which day and year stand

_FIRST = "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth"
_ORDINALS = {w: n for n, w in enumerate(_FIRST.split(), 1)}
_ORDINALS |= {"fifteenth": 15, "sixteenth": 16, "seventeenth": 17, "eighteenth": 18, "nineteenth": 19}
_ORDINALS |= {"twentieth": 20, "thirtieth": 30, "thirty-first": 31, "thirty first": 31}
_ORDINALS |= {f"twenty{mark}{w}": 20 + n for w, n in tuple(_ORDINALS.items())[:9] for mark in "- "}
_NAMED = "|".join(sorted(_ORDINALS, key=len, reverse=True))
_DAY = rf"(?:(?<!\d)\d{{1,2}}(?!\d)(?:st|nd|rd|th|er|ère|[ºª°\.]|-?(?:го|е|e|a))?|\b(?:{_NAMED})\b)"
_OF = r"(?:(?:day\s+)?of|de|d['’]|di|do|del|den)"
_AND = r"\s*(?:[-–—/,&+]|to|and|or|bis|und|oder|et|au|y|al|e|og|och|i|a)\s*"
_DAYS_BEFORE = re.compile(rf"(?P<days>{_DAY}(?:{_AND}{_DAY})*)(?:[\s\-./,]*{_OF})?[\s\-./,ב]*\Z", re.IGNORECASE)
_YEAR = r"(?P<year>\d{4}|['’]\d{2})(?!\d)"
_SHORT = r"(?P<short>\d{2})(?![\d:.,]\d|\d)"
_CLOCK = r"(?:\d{1,2}:\d{2}(?::\d{2})?\s+(?:[A-Z]{2,5}\s+|[+-]\d{4}\s+)?)?"
_YEAR_BEHIND = re.compile(rf"[.,׳॰]?[\s\-/,.]*(?:{_OF}\s*)?(?:{_YEAR}|{_SHORT})", re.IGNORECASE)
_YEAR_LATER = re.compile(
    rf"\.?\s*(?:to|and|until|till|bis|au|al|-|–|—)\s*{_DAY}[\s.]*(?P<month>[^\W\d_]+)\.?,?\s*{_YEAR}"
)
_DAYS_BEHIND = re.compile(
    rf"\.?[\s\-]*(?:the\s+)?(?P<days>{_DAY}(?:{_AND}{_DAY})*)(?:[\s,./\-]*(?:{_OF}\s*)?{_CLOCK}{_YEAR}|,\s*{_SHORT})",
    re.IGNORECASE,
)
_YEAR_LATEST = re.compile(
    rf"\.?\s+(?P<day>{_DAY})\s*(?:to|and|until|till|-|–|—)\s*(?P<month>[^\W\d_]+)\.?\s+{_DAY}\s*,?\s*{_YEAR}",
    re.IGNORECASE,
)
_ROMAN = re.compile(r"(?<![\w./-])(\d{1,2})([./ -])(I{1,3}|I[VX]|VI{0,3}|XI{0,2})\2(\d{4})(?!\d)")
_ROMANS = {name: n for n, name in enumerate("I II III IV V VI VII VIII IX X XI XII".split(), 1)}
_YEAR_BEFORE = re.compile(r"(?<!\d)(?P<year>\d{4})(?:[.\s,\-/]*|\.?\s*(?:m\.|г\.)\s*)\Z")
_YEAR_DAY_BEFORE = re.compile(r"(?<!\d)(?P<year>\d{4})\.?\s+gada\s+(?P<day>\d{1,2})\.?\s*\Z", re.IGNORECASE)
_DAY_LAST = re.compile(r"[\s\-./,]*(?P<day>\d{1,2})(?!\d)")
_FIGURES = re.compile(
    rf"(?<![\d./-])(\d{{1,4}})([{SIDES} ]?)([./-])(\s?)(\d{{1,2}})\2\3\4(['’]\d\d|\d{{1,4}})(?!\d)(?![./-]\d)"
)
_IDEOGRAPHS = re.compile(r"(\d{4})\s*[年년]\s*(\d{1,2})\s*[月월]\s*(\d{1,2})\s*[日일]")
_MONTH_NUMBER = re.compile(r"(\d{1,2})\s+(?:tháng|thg)\s+(\d{1,2})\s*,?\s*(?:năm\s+)?(\d{4})", re.IGNORECASE)
_COMPACT = re.compile(r"(?<![^\W_])(?<!\d)((?:19|20)\d{2})(0[1-9]|1[0-2])([0-3]\d)(?=T\d{4}|\b)")
_WORD = re.compile(rf"(?:[^\W\d_]|[{MARKS}])+")


def dates(document: str, order: str | None = None) -> Iterator[Reading]:
    """Every date, as YYYY-MM-DD; by each of its readings where it has two, or by that of an order, "dmy" or "mdy"."""
    text = plain_digits(document)
    for found in _FIGURES.finditer(text):
        for value in _orders(found[1], found[3], found[5], found[6], order):
            yield Reading(*found.span(), value)
    for pattern in (_IDEOGRAPHS, _COMPACT):
        for found in pattern.finditer(text):
            yield from _dated(*found.span(), found[1], int(found[2]), int(found[3]))
    for found in _MONTH_NUMBER.finditer(text):
        yield from _dated(*found.span(), found[3], int(found[2]), int(found[1]))
    for found in _ROMAN.finditer(text):
        yield from _dated(*found.span(), found[4], _ROMANS[found[3]], int(found[1]))
    known = months()
    for word in _WORD.finditer(text):
        name = word[0].casefold()
        if len(name) > 1:
            named = known.get(name) or known.get(unaccented(name)) or _glued(name, known)
            for month in named:
                yield from _around(text, word.start(), word.end(), month, known)


def figures(text: str) -> Iterator[tuple[int, int]]:
    """Where a date stands all in figures: start and end."""
    for found in _FIGURES.finditer(text):
        if any(_orders(found[1], found[3], found[5], found[6], None)):
            yield found.span()


def _glued(name: str, known: dict[str, tuple[int, ...]]) -> tuple[int, ...]:
    """A Hebrew month behind its "in"."""
    return known.get(name[1:], ()) if name.startswith("ב") else ()


def _orders(first: str, mark: str, second: str, third: str, order: str | None) -> Iterator[str]:
    """Dates that three numbers mean: by year, month and day if the first has four digits, else by day and month, or by
    month and day, and a year. With full stops nobody puts the month first, and with hyphens some the year."""
    if len(first) > 2:
        tries = [(first, second, third)] if len(first) == 4 and len(third) < 3 else []
    else:
        day_first, month_first = (third, second, first), (third, first, second)  # as year, month, day
        tries = [day_first, month_first]
        if order == "dmy" or (order is None and mark == "." and _date(*day_first)):
            tries = [day_first]
        elif order == "mdy":
            tries = [month_first]
        elif mark == "-" and len(first) == len(third) == 2:
            tries.append((first, second, third))
    for value in dict.fromkeys(_date(*one) for one in tries):
        if value:
            yield value


def _around(text: str, start: int, end: int, month: int, known: dict[str, tuple[int, ...]]) -> Iterator[Reading]:
    """The dates whose month is named from `start` to `end`."""
    left, right = text[max(0, start - _NEAR) : start], text[end : end + _NEAR]
    offset = start - len(left)
    if before := _DAYS_BEFORE.search(left):
        year = _YEAR_BEHIND.match(right)
        later = None if year else _YEAR_LATER.match(right)
        if year and year["short"] and right[year.end() :].lstrip(" ")[:1].isalnum() and right[:1].isspace():
            year = None  # 12 May 30 people
        if later and later["month"].casefold() not in known:
            later = None
        if (found := year or later) is not None:
            written = (found["year"] or found["short"]) if year else found["year"]
            yield from _each(before, offset, end + found.end(), written, month)
    if behind := _DAYS_BEHIND.match(right):
        for day in _days(behind["days"]):
            yield from _dated(start, end + behind.end(), behind["year"] or behind["short"], month, day)
    elif (later := _YEAR_LATEST.match(right)) and later["month"].casefold() in known:  # June 3 - July 5, 2026
        yield from _dated(start, end + later.end(), later["year"], month, _day(later["day"]))
    if before := _YEAR_DAY_BEFORE.search(left):
        yield from _dated(offset + before.start(), end, before["year"], month, int(before["day"]))
    if (before := _YEAR_BEFORE.search(left)) and (last := _DAY_LAST.match(right)):
        yield from _dated(offset + before.start(), end + last.end(), before["year"], month, int(last["day"]))


def _each(before: re.Match[str], offset: int, end: int, year: str, month: int) -> Iterator[Reading]:
    """One date a day of those that stand before the month. Each is spelled from its own day on."""
    for one in re.finditer(_DAY, before["days"], re.IGNORECASE):
        start = offset + before.start("days") + one.start()
        yield from _dated(start, end, year, month, _day(one[0]))


def _days(written: str) -> Iterator[int]:
    yield from (_day(one) for one in re.findall(_DAY, written, re.IGNORECASE))


def _day(written: str) -> int:
    figures = re.match(r"\d+", written)
    return int(figures[0]) if figures else _ORDINALS[re.sub(r"\s+", " ", written.casefold())]


def _dated(start: int, end: int, year: str, month: int, day: int) -> Iterator[Reading]:
    value = _date(year, str(month), str(day))
    if value:
        yield Reading(start, end, value)


def _date(year: str, month: str, day: str) -> str | None:
    """The day in ISO form, if there is such a day."""
    year = year.lstrip("'’")
    if len(year) == 2:
        year = ("19" if int(year) >= PIVOT else "20") + year
    try:
        return date(int(year), int(month), int(day)).isoformat() if len(year) == 4 else None
    except ValueError:
        return None
