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
# No day is the end of a number, a time or a code: 15:30, version 2.1, Q1.
_DAY = (
    rf"(?:(?<![0-9A-Za-zÀ-ӿ])(?<!\d[:.])\d{{1,2}}(?!\d)(?:st|nd|rd|th|er|ère|[ºª°\.]|-?(?:го|е|e|a))?|\b(?:{_NAMED})\b)"
)
_OF = r"(?:(?:day\s+)?of|de|d['’]|di|do|del|den)"
_AND = (
    r"(?:\s*(?:[-–—/&+]|to|through|till|until|and|or|bis|und|oder|et|au|y|al|e|og|och|i|a|tot(?:\s+en\s+met)?|t/m|do"
    r"|до|по|и)\s*|(?<=[a-zº.]),\s*)"
)
_COMMA = r"\s*,\s*"
# Commas are a list's where a word or a sign ends it, or no bare number stands before: "3, 5 and 7 May", "3rd, 4th May",
# but not "Room 2, 3 May". What comes before the month is no mark of a sentence: "Vol. 3, May" and "Top 10 - March" have
# no day.
_DAYS_BEFORE = re.compile(
    rf"(?P<days>{_DAY}(?:(?:{_COMMA}{_DAY})*,?{_AND}{_DAY})*)(?:\s*{_OF})?(?P<gap>(?<=[a-z]),\s*|\s*[-./]?[-./]?\s*ב?)\Z",
    re.IGNORECASE,
)
_YEAR = r"(?P<year>\d{4}|['’]\d{2})(?!\d)"
_SHORT = r"(?P<short>\d{2})(?![\d:.,]\d|\d|\s?(?:Uhr|uur|[ap]m|h)\b)"
_CLOCK = r"(?:\d{1,2}:\d{2}(?::\d{2})?\s+(?:[A-Z]{2,5}\s+|[+-]\d{4}\s+)?)?"
_YEAR_BEHIND = re.compile(rf"[.,׳॰]?[\s\-/,.]*(?:{_OF}\s*)?(?:{_YEAR}|{_SHORT})", re.IGNORECASE)
_TIME_BEHIND = re.compile(
    r"(?:(?:at|um|à|om|alle|kl\.?)\s+)?(?:\d{1,2}[:.]\d{2}|\d{1,2}\s?(?:[ap]m|Uhr|h)\b|noon\b)", re.IGNORECASE
)
_YEAR_LATER = re.compile(
    rf"\.?\s*(?:to|and|until|till|bis|au|al|-|–|—)\s*{_DAY}[\s.]*(?P<month>[^\W\d_]+)\.?,?\s*{_YEAR}"
)
_DAYS_BEHIND = re.compile(
    rf"\.?[\s\-]*(?:the\s+)?(?P<days>{_DAY}(?:(?:{_COMMA}|,?{_AND}){_DAY})*)(?:[\s,./\-]*(?:{_OF}\s*)?{_CLOCK}{_YEAR}|,\s*{_SHORT})",
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
# Three numbers and no more, but behind a time, and for a file's report-2024-05-03.pdf and a path's /2024/05/03/.
_FIGURES = re.compile(
    rf"(?<!\d)(?:(?<![./-])|(?<=:\d\d[/-])|(?<!\d[./-])(?=\d{{4}}))"
    rf"(\d{{1,4}})([{SIDES} ]?)([./-])(\s?)(\d{{1,2}})\2\3\4(['’]\d\d|\d{{1,4}})(?!\d)(?![./-]\d)"
)
_FULL = r"\d{1,4}([./-])\d{1,2}\%d(?:\d{4}|\d{2})"
_TWO = re.compile(  # 3.5.2024-7.5.2024, 2024-05-03/2024-05-07
    rf"(?<![\d./-])(?P<one>{_FULL % 2})(?:--?|/)(?P<other>{_FULL % 4})(?!\d)(?![./-]\d)"
)
_UNTIL = re.compile(  # 12.-14.05.2024, 12.05. bis 14.05.2024, 12/05 to 14/05/2024
    r"(?<![\d.,:/-])(?P<first>\d{1,2})(?:\.?(?=[-–]\d)|\.(?=\s*[-–—/+btàa&u])|(?P<mark>[./])(?P<second>\d{1,2})"
    r"(?:\.|(?=[-–—]|\s*[a-z])|(?<=\d\d[./]\d\d)))"  # but "version 2.1 - 3.5.2024"
    r"\s*(?:[-–—/+&]|bis|und|to|until|till|tot|t/m|au|al|a)\s*"
    r"(?P<last>(?P<day>\d{1,2})(?P<same>[./])(?P<month>\d{1,2})(?P=same)(?P<year>\d{4}|\d{2}))(?!\d)(?![./-]\d)",
    re.IGNORECASE,
)
_IDEOGRAPHS = re.compile(r"(\d{4})\s*[年년]\s*(\d{1,2})\s*[月월]\s*(\d{1,2})\s*[日일]")
_MONTH_NUMBER = re.compile(r"(\d{1,2})\s+(?:tháng|thg)\s+(\d{1,2})\s*,?\s*(?:năm\s+)?(\d{4})", re.IGNORECASE)
_COMPACT = re.compile(r"(?<![^\W_])(?<!\d)((?:19|20)\d{2})(0[1-9]|1[0-2])([0-3]\d)(?=T\d{4}|(?![^\W_]))")
# Spellings of months that CLDR does not have, or has for Austria only.
_SPELLED: dict[str, tuple[int, ...]] = {"jänner": (1,), "jaenner": (1,), "feber": (2,), "maerz": (3,), "mrz": (3,)}
_SPELLED |= {"setiembre": (9,)}
_WORD = re.compile(rf"(?:[^\W\d_]|[{MARKS}])+")


def dates(document: str, order: str | None = None) -> Iterator[Reading]:
    """Every date, as YYYY-MM-DD; by each of its readings where it has two, or by that of an order, "dmy" or "mdy"."""
    text = plain_digits(document)
    yield from _in_figures(text, order)
    for pattern in (_IDEOGRAPHS, _COMPACT):
        for found in pattern.finditer(text):
            yield from _dated(*found.span(), found[1], int(found[2]), int(found[3]))
    for found in _MONTH_NUMBER.finditer(text):
        yield from _dated(*found.span(), found[3], int(found[2]), int(found[1]))
    for found in _ROMAN.finditer(text):
        yield from _dated(*found.span(), found[4], _ROMANS[found[3]], int(found[1]))
    known = _SPELLED | months()
    for word in _WORD.finditer(text):
        name = word[0].casefold()
        if len(name) > 1:
            named = known.get(name) or known.get(unaccented(name)) or _glued(name, known)
            for month in named:
                yield from _around(text, word.start(), word.end(), month, known)


def figures(text: str) -> Iterator[tuple[int, int]]:
    """Where a date stands all in figures: start and end."""
    yield from dict.fromkeys((start, end) for start, end, _ in _in_figures(text, None))


def _in_figures(text: str, order: str | None) -> Iterator[Reading]:
    """Dates all in figures, and ranges of them."""
    for found in _FIGURES.finditer(text):
        for value in _orders(found[1], found[3], found[5], found[6], order):
            yield Reading(*found.span(), value)
    for found in _TWO.finditer(text):
        for name in ("one", "other"):
            if one := _FIGURES.fullmatch(found[name]):
                values = _orders(one[1], one[3], one[5], one[6], order)
                yield from (Reading(*found.span(name), value) for value in values)
    for found in _UNTIL.finditer(text):
        yield from _until(found, order)


def _until(found: re.Match[str], order: str | None) -> Iterator[Reading]:
    """A range whose end alone is a whole date, by every order of day and month. It begins in the same year, if that is
    before its end: 28.12.-3.1.2025 does not say when."""
    first, second, day, month, year = (found[name] for name in ("first", "second", "day", "month", "year"))
    if found["mark"] not in (None, found["same"]):
        return
    ends = tuple(_orders(day, found["same"], month, year, order))
    pairs = [(_date(year, second or month, first), _date(year, month, day))]  # day and month
    if second:
        pairs.append((_date(year, first, second), _date(year, day, month)))  # month and day
    for begin, end in pairs:
        if begin and end in ends:
            if begin < end:
                yield Reading(*found.span(), begin)
            yield Reading(*found.span("last"), end)


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
    before = _DAYS_BEFORE.search(left)
    if before and not (re.fullmatch(r"\s+[-./]+\s+", before["gap"]) and not right.startswith(before["gap"])):
        year = _YEAR_BEHIND.match(right)
        later = None if year else _YEAR_LATER.match(right)
        rest = right[year.end() :].lstrip(" ") if year else ""
        if year and year["short"] and rest[:1].isalnum() and right[:1].isspace() and not _TIME_BEHIND.match(rest):
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
    last = 32
    for one in reversed(list(re.finditer(_DAY, before["days"], re.IGNORECASE))):
        if (day := _day(one[0])) >= last:
            break  # days of a list rise: what comes before is no day, as in "Page 7, 4 and 5 May"
        yield from _dated(offset + before.start("days") + one.start(), end, year, month, last := day)


def _days(written: str) -> Iterator[int]:
    yield from (_day(one) for one in re.findall(_DAY, written, re.IGNORECASE))


def _day(written: str) -> int:
    figures = re.match(r"\d+", written)
    return int(figures[0]) if figures else _ORDINALS[re.sub(r"\s+", " ", folded(written))]


def folded(word: str) -> str:
    """A word in small letters; of the Turkish i's, which a pattern takes for each other, the plain one."""
    return unaccented(word.casefold()).replace("ı", "i")


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
