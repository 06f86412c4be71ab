"""Times of day, and moments: a date with a time beside it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, timedelta

from ctrldiff.grounded.dates import dates, folded
from ctrldiff.grounded.reading import Reading, plain_digits

_B = r"[ \u00a0]"
# An offset with its name, UTC+2 or GMT-05:30; and one in figures, of which two alone are enough behind seconds.
_UTC = rf"(?:UTC|GMT)(?:{_B}?[+\-−](?:1[0-4]|0?\d)(?::?[0-5]\d)?(?![\d:]|{_B}?(?:UTC|GMT))|\b)"
_EXACT = rf"(?:{_B}?[+\-−](?:0\d|1[0-4]):?[0-5]\d|[+\-−](?:0\d|1[0-4]))(?![\d:]|[.,]\d)"
# Behind minutes 10:00-11:00 is a range, but in a stamp of ISO 8601; and no offset is less than -12:00.
_LOOSE = rf"{_B}?(?:[+−](?:0\d|1[0-4]):?|-(?:0\d|1[0-2]))[0-5]\d(?![\d:])"
_ZONE = rf"(?P<zone>{_B}?(?:Z\b|{_UTC})|(?(second){_EXACT}|(?:(?<=T\d\d:\d\d){_EXACT}|{_LOOSE})))?"
_NAMED_ZONE = rf"(?P<zone>{_B}?{_UTC})?"
_HALF = r"(?P<half>[ap](?:\.[ \u00a0]?m\.|[ \u00a0]?m\b)|[πμ]\.?μ\b\.?|[صم]\b)"
_LATE = (  # 8 Uhr abends; three in the afternoon
    rf"(?:(?:{_B}(?:Uhr|uur|h|o['’]?clock))?{_B}(?P<late>abends|nachmittags|in the (?:afternoon|evening)"
    rf"|de la (?:tarde|noche)|d[ae] (?:tarde|noite)|du soir|de l['’]apr[eè]s-midi|del pomeriggio|di sera"
    rf"|['’]s (?:avonds|middags))\b)?"
)
_CLOCK = r"(?:Uhr|uur|o['’]?clock|heures?)\b"
_MINUTE = r"(?:[:：]|[ \u00a0]?h[ \u00a0]?|u)(?P<minute>[0-5]\d)(?:[:：](?P<second>[0-5]\d)(?:[.,]\d+)?)?(?![\d:])"
_EAST = r"(?:오전|오후|上午|下午|午前|午後)"
_COLON = re.compile(  # the colon before it is that of a log: 10/Oct/2023:13:55:36
    rf"(?P<east>{_EAST}[ \u00a0]?)?(?:(?<![\d:])(?<!\d\.)|(?<=/\d{{4}}:))(?P<hour>\d{{1,2}}){_MINUTE}"
    rf"(?:[\s\u202f]?{_HALF}|{_LATE}){_ZONE}",
    re.IGNORECASE,
)
_DOT = re.compile(
    rf"(?<![\d:.,])(?P<hour>\d{{1,2}})\.(?P<minute>[0-5]\d)(?![\d.])[\s\u202f]?"
    rf"(?:{_HALF}|(?:Uhr|uur|hrs?|h|klo|godz)\b{_LATE}){_NAMED_ZONE}",
    re.IGNORECASE,
)
_PREFIXED = re.compile(
    r"\b(?:kl\.?|klo|at|um|om|ore|alle)\s+(?P<hour>\d{1,2})\.(?P<minute>[0-5]\d)(?![\d.])", re.IGNORECASE
)
_HOUR = re.compile(
    rf"(?:(?<![\d:.,/-])|(?<=[^\W\d_][/-]))(?P<hour>\d{{1,2}})"
    rf"(?:[\s\u202f]?{_HALF}|{_B}?(?:{_CLOCK}|h\b)(?!\d){_LATE}){_NAMED_ZONE}",
    re.IGNORECASE,
)
_RANGE = re.compile(  # 3-5pm, von 9 bis 17.30 Uhr: what stands behind the second is said of both
    rf"(?<![\w:.,/–-])(?P<first>\d{{1,2}})(?:[:.](?P<minutes>[0-5]\d))?"
    rf"(?:{_B}?[-–—]{_B}?|\s(?:to|until|till|bis|tot|à|al?|alle)\s)"
    rf"(?P<hour>\d{{1,2}})(?:[:.](?P<minute>[0-5]\d))?(?:[\s\u202f]?{_HALF}|{_B}?{_CLOCK})",
    re.IGNORECASE,
)
_NAMED = re.compile(
    r"\b(?P<noon>noon|midday|midi|mittags?|mezzogiorno|mediod[ií]a|meio-dia)\b"
    r"|\b(?:midnight|minuit|mitternacht|mezzanotte|medianoche|middernacht|meia-noite)\b",
    re.IGNORECASE,
)
_MILITARY = re.compile(
    r"(?<![\w.,])(?P<hour>[01]\d|2[0-3])(?P<minute>[0-5]\d)[ \u00a0]?(?:hrs?|hours|Uhr|h)\b", re.IGNORECASE
)
_STAMP = re.compile(  # 20250414T153000Z, and a camera's 20250414_153000
    r"(?:(?<=\d{8}T)|(?<=\d{8}_)(?=\d{6}(?!\d)))(?P<hour>\d{2})(?P<minute>[0-5]\d)(?P<second>[0-5]\d)?"
    r"(?P<zone>Z|[+-](?:0\d|1[0-4])[0-5]\d)?(?!\d|\+\d)"
)
_HOURS = "one two three four five six seven eight nine ten eleven twelve".split()
_WORDS = "|".join(_HOURS)
_PAST = re.compile(
    rf"\b(?P<part>half|(?:a\s+)?quarter|five|ten|twenty|twenty-five)\s+(?P<way>past|to)\s+"
    rf"(?:(?P<word>{_WORDS})\b|(?P<hour>[1-9]|1\d|2[0-3])(?!\d))(?:\s?{_HALF}|\b{_LATE})",
    re.IGNORECASE,
)
_SAID = re.compile(  # "I for one am glad" says no time
    rf"\b(?P<word>{_WORDS})\s(?:(?<!\bone\s){_HALF}|(?:o['’]?clock\b){_LATE})", re.IGNORECASE
)
_MINUTES = {"half": 30, "quarter": 15, "five": 5, "ten": 10, "twenty": 20, "twenty-five": 25}
_WEEKDAY = (
    r"(?:(?:mon|tues|wednes|thurs|fri|satur|sun)day|mon|tue|wed|thu|fri|sat|sun"
    r"|(?:mon|diens|donners|frei|sams|sonn)tag|mittwoch|sonnabend|m[oi]|d[io]|fr|s[ao]"
    r"|lundi|mardi|mercredi|jeudi|vendredi|samedi|dimanche"
    r"|lunes|martes|mi[eé]rcoles|jueves|viernes|s[aá]bado|domingo|(?:segunda|ter[cç]a|quarta|quinta|sexta)(?:-feira)?"
    r"|luned[iì]|marted[iì]|mercoled[iì]|gioved[iì]|venerd[iì]|sabato|domenica"
    r"|(?:maan|dins|woens|donder|vrij|zater|zon)dag)\b\.?"
)
_LABEL = r"(?:Uhrzeit|Zeit|time|tijd|heure|hora|ora|Datum|date|data|fecha)\s?:"
_BETWEEN = re.compile(
    rf"[T_:](?=\d)|(?:[\s,;|()–—-]|\b(?:at|um|à|om|kl\.?|klo|alle|ore|o|в|a\s+las|às|@|den|om|from|von|de|ab|vanaf"
    rf"|{_WEEKDAY}|{_LABEL})(?!\w)|@)*",
    re.IGNORECASE,
)
_ON = re.compile(
    rf"(?:{_B}(?:Uhr|uur|h|hrs?|o['’]?clock)\b)?"
    rf"(?:[\s,;|()]|(?<=\s)[–—-]|\b(?:on|am|le|du|den|il|del?|di|el|em|op|the|of|dated|{_WEEKDAY}|{_LABEL})(?!\w)|[^\W\d_]{{2,10}}day\b)*",
    re.IGNORECASE,
)
_AFTER_NOON = ("오후", "下午", "午後", "م")
_LONG = 40  # characters between a date and its time, at most
_CLOCK_INSIDE = re.compile(r"\d{1,2}:\d{2}(?::\d{2})?")


def times(document: str) -> Iterator[Reading]:
    """Every time of day, as HH:MM:SS, with its offset from UTC if that is stated."""
    text = plain_digits(document)
    taken: set[int] = set()  # where a time begins already, which the less exact forms do not read again
    for reading in _ranges(text):
        taken.add(reading.start)
        yield reading
    for found in _PAST.finditer(text):
        if value := _past(found):
            taken.add(found.start("word") if found["word"] else found.start("hour"))
            yield Reading(*found.span(), value)
    for pattern in (_COLON, _DOT, _PREFIXED, _HOUR, _MILITARY, _STAMP):
        for found in pattern.finditer(text):
            parts = found.groupdict()
            start = found.start("east") if parts.get("east") else found.start("hour")
            if start not in taken and (value := _time(parts)):
                taken.add(start)
                yield Reading(start, start + len(text[start : found.end()].rstrip()), value)
    for found in _SAID.finditer(text):
        hour = str(_HOURS.index(folded(found["word"])) + 1)
        if found.start() not in taken and (value := _time(found.groupdict() | {"hour": hour})):
            yield Reading(*found.span(), value)
    for found in _NAMED.finditer(text):
        yield Reading(*found.span(), "12:00:00" if found["noon"] else "00:00:00")


def _ranges(text: str) -> Iterator[Reading]:
    """Both times of a range that says only at its end what they are. 11-1pm begins before noon."""
    for found in _RANGE.finditer(text):
        parts = found.groupdict()
        second = _time(parts)
        parts |= {"hour": found["first"], "minute": found["minutes"]}
        first = _time(parts)
        if found["half"] and first and second and first > second:
            first = _time(parts | {"half": "am" if int(first[:2]) >= 12 else "pm"})
        if first and second:
            yield Reading(*found.span(), first)
            yield Reading(found.start("hour"), found.end(), second)


def _past(found: re.Match[str]) -> str | None:
    """A time by the hour that it is past or to."""
    hour = _HOURS.index(folded(found["word"])) + 1 if found["word"] else int(found["hour"])
    minute = _MINUTES[folded(found["part"]).split()[-1]]
    if folded(found["way"]) == "to":
        hour, minute = (hour - 1) or 12, 60 - minute
    return _time({"hour": str(hour), "minute": f"{minute:02}", "half": found["half"], "late": found["late"]})


def _time(parts: dict[str, str | None]) -> str | None:
    """HH:MM:SS and the offset, if there is such a time. 24:00 is 00:00, of the next day."""
    hour, half = int(parts["hour"] or 0), (parts.get("half") or parts.get("east") or "").casefold().strip()
    minute, second = parts.get("minute") or "00", parts.get("second") or "00"
    if half and not (1 <= hour <= 12 or parts.get("east")):
        return None
    if half:
        hour = hour % 12 + (12 if half in _AFTER_NOON or half.startswith(("p", "μ")) else 0)
    if parts.get("late") and hour <= 12:
        if hour in (0, 12):
            return None
        hour += 12
    if hour == 24 and minute == second == "00":
        hour = 0
    if hour > 23:
        return None
    return f"{hour:02}:{minute}:{second}{_offset(parts.get('zone'))}"


def _offset(zone: str | None) -> str:
    """An offset as ISO 8601 has it: Z, +02:00."""
    if not zone:
        return ""
    if not (found := re.search(r"([+\-−])(\d{1,2}):?(\d\d)?\Z", zone)):
        return "Z"
    return f"{found[1].replace('−', '-')}{int(found[2]):02}:{found[3] or '00'}"


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
        yield from _on(text, day, after)
        for clock in _CLOCK_INSIDE.finditer(text, day.start, day.end):  # Tue Mar 3 14:05:22 2026
            yield from _on(text, day, by_start.get(clock.start(), []))
        for gap in range(_LONG):
            if (before := by_end.get(day.start - gap)) and _ON.fullmatch(text, day.start - gap, day.start):
                yield from _on(text, day, before)
                break


def _on(text: str, day: Reading, at: list[Reading]) -> Iterator[Reading]:
    """The moments of a day. 24:00 is its end, and the beginning of the next."""
    for time in at:
        begins = date.fromisoformat(day.value)
        if text.startswith("24", time.start):
            if begins == date.max:
                continue
            begins += timedelta(days=1)
        yield Reading(min(day.start, time.start), max(day.end, time.end), f"{begins.isoformat()}T{time.value}")
