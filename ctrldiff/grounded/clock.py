"""Times of day, and moments: a date with a time beside it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ctrldiff.grounded.dates import dates
from ctrldiff.grounded.reading import Reading, plain_digits

_ZONE = r"(?:[ \u00a0]?(?P<zone>Z\b|UTC\b|GMT\b|(?:UTC|GMT)?[+\-−](?:0\d|1[0-4]):?[0-5]\d(?!\d)))?"
_HALF = r"(?P<half>[ap](?:\.[ \u00a0]?m\.|[ \u00a0]?m\b)|[πμ]\.?μ\b\.?|[صم]\b)"
_MINUTE = r"(?:[:：]|[ \u00a0]?h[ \u00a0]?)(?P<minute>[0-5]\d)(?:[:：](?P<second>[0-5]\d)(?:[.,]\d+)?)?(?![\d:])"
_EAST = r"(?:오전|오후|上午|下午|午前|午後)"
_COLON = re.compile(
    rf"(?P<east>{_EAST}[ \u00a0]?)?(?<![\d:.,])(?P<hour>\d{{1,2}}){_MINUTE}(?:[\s\u202f]?{_HALF})?{_ZONE}",
    re.IGNORECASE,
)
_DOT = re.compile(
    rf"(?<![\d:.,])(?P<hour>\d{{1,2}})\.(?P<minute>[0-5]\d)(?![\d.])[\s\u202f]?(?:{_HALF}|(?:Uhr|hrs?|h|klo|godz)\b)",
    re.IGNORECASE,
)
_PREFIXED = re.compile(
    r"\b(?:kl\.?|klo|at|um|om|ore|alle)\s+(?P<hour>\d{1,2})\.(?P<minute>[0-5]\d)(?![\d.])", re.IGNORECASE
)
_HOUR = re.compile(
    rf"(?<![\d:.,/-])(?P<hour>\d{{1,2}})(?:[\s\u202f]?{_HALF}|[ \u00a0]?(?:Uhr|o['’]?clock|heures?|h)\b(?!\d))",
    re.IGNORECASE,
)
_NAMED = re.compile(r"\b(?P<noon>noon|midday|midi|mittags?)\b|\b(?:midnight|minuit|mitternacht)\b", re.IGNORECASE)
_MILITARY = re.compile(
    r"(?<![\w.,])(?P<hour>[01]\d|2[0-3])(?P<minute>[0-5]\d)[ \u00a0]?(?:hrs?|hours|Uhr|h)\b", re.IGNORECASE
)
_STAMP = re.compile(r"(?<=\d{8}T)(?P<hour>\d{2})(?P<minute>[0-5]\d)(?P<second>[0-5]\d)?(?P<zone>Z|[+-]\d{4})?(?!\d)")
_HOURS = "one two three four five six seven eight nine ten eleven twelve".split()
_PAST = re.compile(
    rf"\b(?P<part>half|(?:a\s+)?quarter|five|ten|twenty|twenty-five)\s+(?P<way>past|to)\s+"
    rf"(?P<word>{'|'.join(_HOURS)}|\d{{1,2}})\b(?:\s?{_HALF})?",
    re.IGNORECASE,
)
_MINUTES = {"half": 30, "quarter": 15, "five": 5, "ten": 10, "twenty": 20, "twenty-five": 25}
_BETWEEN = re.compile(
    r"T|(?:[\s,;|(–—-]|\b(?:at|um|à|om|kl\.?|klo|alle|ore|o|в|a\s+las|às|@|den|om|from|von|de)\b|@)*", re.IGNORECASE
)
_ON = re.compile(r"(?:[\s,;|(–—-]|\b(?:on|am|le|den|il|el|em|the|of|dated)\b|[^\W\d_]{2,10}day\b)*", re.IGNORECASE)
_AFTER_NOON = ("오후", "下午", "午後", "م")
_LONG = 40  # characters between a date and its time, at most
_CLOCK_INSIDE = re.compile(r"\d{1,2}:\d{2}(?::\d{2})?")


def times(document: str) -> Iterator[Reading]:
    """Every time of day, as HH:MM:SS, with its offset from UTC if that is stated."""
    text = plain_digits(document)
    for pattern in (_COLON, _DOT, _PREFIXED, _HOUR, _MILITARY, _STAMP):
        for found in pattern.finditer(text):
            parts = found.groupdict()
            if value := _time(parts):
                start = found.start("east") if parts.get("east") else found.start("hour")
                yield Reading(start, start + len(text[start : found.end()].rstrip()), value)
    for found in _PAST.finditer(text):
        if value := _past(found):
            yield Reading(*found.span(), value)
    for found in _NAMED.finditer(text):
        yield Reading(*found.span(), "12:00:00" if found["noon"] else "00:00:00")


def _past(found: re.Match[str]) -> str | None:
    """A time by the hour that it is past or to."""
    word = found["word"].casefold()
    hour = _HOURS.index(word) + 1 if word in _HOURS else int(word)
    minute = _MINUTES[found["part"].casefold().split()[-1]]
    if found["way"].casefold() == "to":
        hour, minute = (hour - 1) or 12, 60 - minute
    return _time({"hour": str(hour), "minute": f"{minute:02}", "half": found["half"]})


def _time(parts: dict[str, str | None]) -> str | None:
    """HH:MM:SS and the offset, if there is such a time."""
    hour, half = int(parts["hour"] or 0), (parts.get("half") or parts.get("east") or "").casefold().strip()
    if half and not (1 <= hour <= 12 or parts.get("east")):
        return None
    if half:
        hour = hour % 12 + (12 if half in _AFTER_NOON or half.startswith(("p", "μ")) else 0)
    if hour > 23:
        return None
    zone = (parts.get("zone") or "").upper().replace("−", "-").replace("UTC", "").replace("GMT", "").replace(":", "")
    if parts.get("zone"):
        zone = "Z" if zone in ("", "Z") else f"{zone[:3]}:{zone[3:]}"
    return f"{hour:02}:{parts.get('minute') or '00'}:{parts.get('second') or '00'}{zone}"


def moments(document: str, order: str | None = None) -> Iterator[Reading]:
    """Every date with a time beside it, as YYYY-MM-DDTHH:MM:SS, with an offset if that is stated."""
    text = plain_digits(document)
    days = list(dates(document, order))
    by_start: dict[int, list[Reading]] = {}
    by_end: dict[int, list[Reading]] = {}
    for time in dict.fromkeys(times(document)):
        by_start.setdefault(time.start, []).append(time)
        by_end.setdefault(time.end, []).append(time)
    for day in dict.fromkeys(days):
        between = _BETWEEN.match(text, day.end, day.end + _LONG)
        after = by_start.get(between.end(), []) if between else []
        yield from (Reading(day.start, time.end, f"{day.value}T{time.value}") for time in after)
        for clock in _CLOCK_INSIDE.finditer(text, day.start, day.end):  # Tue Mar 3 14:05:22 2026
            inside = by_start.get(clock.start(), [])
            yield from (Reading(day.start, day.end, f"{day.value}T{time.value}") for time in inside)
        for gap in range(_LONG):
            if (before := by_end.get(day.start - gap)) and _ON.fullmatch(text, day.start - gap, day.start):
                yield from (Reading(time.start, day.end, f"{day.value}T{time.value}") for time in before)
                break
