"""Dates, times and durations: of what pydantic takes, the strings that a pattern can tell."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from ctrldiff.json_schema.formats import FORMATS
from ctrldiff.types.marks import NO
from ctrldiff.types.numbers import BOUNDS


def ecma(name: str) -> str:
    """The pattern of a format in ECMAScript's syntax, whose digits are ASCII as they are."""
    pattern = FORMATS[name]
    return f"(?:{pattern[4:-1]})" if pattern.startswith("(?a:") else pattern


_SECONDS = r"\d{1,2}(?:\.\d{1,6})?S"
_CLOCK = rf"T(?:\d{{1,2}}H(?:\d{{1,2}}M)?(?:{_SECONDS})?|\d{{1,2}}M(?:{_SECONDS})?|{_SECONDS})"
_DURATION = rf"^P(?:\d{{1,6}}D(?:{_CLOCK})?|{_CLOCK})$"
_NAIVE = rf"^{ecma('date')}T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{{1,6}})?$"


def day(schema: Any) -> dict[str, Any]:
    """What pydantic\'s schema of a date takes."""
    low, high = schema.get("ge", date.min), schema.get("le", date.max)
    now = {"past": {"lt": date.today()}, "future": {"gt": date.today()}}.get(schema.get("now_op"), {})
    for bounds in (schema, now):
        low = max(low, bounds["gt"] + timedelta(days=1)) if "gt" in bounds else low
        high = min(high, bounds["lt"] - timedelta(days=1)) if "lt" in bounds else high
    result = {"type": "string", "format": "date", "pattern": _beyond(low, up=True)}
    return result if high == date.max else {**result, "allOf": [{"pattern": _beyond(high, up=False)}]}


def moment(schema: Any) -> dict[str, Any]:
    """What pydantic\'s schema of a datetime takes."""
    zone = schema.get("tz_constraint")
    if isinstance(zone, int):
        return {NO: "it wants one offset, and moments have many"}
    if said := [key for key in (*BOUNDS, "now_op") if key in schema]:
        return {NO: f"{said[0]} compares moments in different zones"}
    if zone == "naive":
        return {"type": "string", "pattern": _NAIVE, "allOf": [{"pattern": _beyond(date.min, up=True)[:-1] + "T"}]}
    return {
        "type": "string",
        "format": "date-time",
        "pattern": rf"{_beyond(date.min, up=True)[:-1]}T.{{5}}:[0-5]\d",
    }


def clock(schema: Any) -> dict[str, Any]:
    """What pydantic\'s schema of a time takes."""
    if said := [key for key in BOUNDS if key in schema]:
        return {NO: f"{said[0]} compares times in different zones"}
    return {"type": "string", "format": "time", "pattern": r"^.{6}[0-5]\d"}


def duration(schema: Any) -> dict[str, Any]:
    """What pydantic\'s schema of a timedelta takes."""
    if said := [key for key in BOUNDS if key in schema]:
        return {NO: f"{said[0]} compares durations, which have many spellings"}
    return {"type": "string", "pattern": _DURATION}


def _beyond(day: date, *, up: bool) -> str:
    """A pattern of the days from `day` on, or up to it; digits compare as days do."""
    text, ways = day.isoformat(), [day.isoformat()]
    for at, digit in enumerate(text):
        if digit.isdigit() and digit != ("9" if up else "0"):
            span = f"[{int(digit) + 1}-9]" if up else f"[0-{int(digit) - 1}]"
            ways.append(text[:at] + span + "".join(r"\d" if c != "-" else c for c in text[at + 1 :]))
    return f"^(?:{'|'.join(ways)})$"
