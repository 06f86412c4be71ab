"""The kinds of values that a text can state, in one table: how each is read, and what JSON is made of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache
from typing import Any

from ctrldiff.errors import ConstraintTooLarge, SchemaInvalid
from ctrldiff.grounded import amounts, clock, contacts, dates, labels, numbers
from ctrldiff.grounded.names import library, regions, unit_signs
from ctrldiff.grounded.reading import Json, Reading, whole

KEY = "x-from-text"  # the keyword of JSON Schemas
MOST = 10_000  # candidates of one kind in one text
_NUMBER = {"type": "number"}
_STRING = {"type": "string"}
_MONEY = {
    "type": "object",
    "properties": {"amount": _NUMBER, "currency": _STRING},
    "required": ["amount", "currency"],
    "additionalProperties": False,
}
_QUANTITY = {**_MONEY, "properties": {"amount": _NUMBER, "unit": _STRING}, "required": ["amount", "unit"]}


@dataclass(frozen=True)
class Kind:
    """One kind of value.

    Fields: read, a text and the options to its readings; schema, what its values are as JSON; needs, libraries of the
        extra; options, by name the values each may have (None: any text). form, how its values are written, in words
        for a model, and example, one of them; of strings whose schema does not say it.
    """

    read: Callable[[str, dict[str, Any]], Iterable[Reading]]
    schema: dict[str, Any]
    needs: tuple[str, ...] = ()
    options: Mapping[str, Sequence[str] | None] = field(default_factory=dict)
    form: str = ""
    example: str = ""


def _integers(document: str, options: dict[str, Any]) -> Iterable[Reading]:
    return (Reading(a, b, int(value)) for a, b, value in numbers.numbers(document) if whole(value))


def _ordered_dates(document: str, options: dict[str, Any]) -> Iterable[Reading]:
    """Dates; of two readings that only the order of day and month tells apart, the one that the options say."""
    return dates.dates(document, options.get("order"))


def _quantities(document: str, options: dict[str, Any]) -> Iterable[Reading]:
    return amounts.quantities(document)


def _in_unit(document: str, options: dict[str, Any]) -> Iterable[Reading]:
    """The amounts that are stated in one unit."""
    for start, end, value in amounts.quantities(document):
        if value["unit"] == options["unit"]:
            yield Reading(start, end, value["amount"])


def _labels(document: str, options: dict[str, Any]) -> Iterable[Reading]:
    values = options.get("enum", [])
    return labels.labels(document, labels.spellings_of(options.get("spellings", {}), values))


_ORDER = {"order": ("dmy", "mdy")}
_NAMES, _WORDS = ("babel",), ("num2words",)
KINDS: dict[str, Kind] = {
    "text": Kind(lambda document, options: (), _STRING),
    "date": Kind(
        _ordered_dates,
        {"type": "string", "format": "date"},
        _NAMES,
        _ORDER,
        form="a date (YYYY-MM-DD)",
        example="2024-05-31",
    ),
    "time": Kind(
        lambda document, options: clock.times(document), _STRING, form="a time (HH:MM:SS)", example="12:00:00"
    ),
    "datetime": Kind(
        lambda d, options: clock.moments(d, options.get("order")),
        _STRING,
        _NAMES,
        _ORDER,
        form="a date and time (YYYY-MM-DDTHH:MM:SS)",
        example="2024-05-31T12:00:00",
    ),
    "integer": Kind(_integers, {"type": "integer"}, _WORDS),
    "number": Kind(lambda document, options: numbers.numbers(document), _NUMBER, _WORDS),
    "percent": Kind(lambda document, options: amounts.percentages(document), _NUMBER, _WORDS),
    "money": Kind(lambda document, options: amounts.money(document), _MONEY, _NAMES + _WORDS),
    "quantity": Kind(_quantities, _QUANTITY, _NAMES + _WORDS),
    "amount": Kind(_in_unit, _NUMBER, _NAMES + _WORDS, {"unit": None}),
    "email": Kind(
        lambda document, options: contacts.emails(document),
        _STRING,
        form="an e-mail address",
        example="name@example.com",
    ),
    "url": Kind(
        lambda document, options: contacts.urls(document),
        _STRING,
        form="a web address",
        example="https://example.com",
    ),
    "phone": Kind(
        lambda d, options: contacts.phones(d, options.get("region")),
        _STRING,
        ("phonenumbers", *_NAMES),
        {"region": None},
        form="a telephone number, its digits without spaces",
        example="+441632960155",
    ),
    "iban": Kind(
        lambda document, options: contacts.ibans(document),
        _STRING,
        ("stdnum.iban",),
        form="an IBAN without spaces",
        example="DE89370400440532013000",
    ),
    "label": Kind(_labels, {}, (), {"spellings": None}),
}


@dataclass(frozen=True)
class Stated:
    """A value and a place of the text that states it.

    Fields: value, as JSON has it (a number is a Decimal or an int); start and end, in characters, and spelling, what
        stands there; alternatives, what else the same place may mean.
    """

    value: Json
    start: int
    end: int
    spelling: str
    alternatives: tuple[Json, ...] = ()

    @property
    def place(self) -> dict[str, Any]:
        """Where it stands, as JSON: start, end and spelling."""
        return {"start": self.start, "end": self.end, "spelling": self.spelling}


def find(kind: str, document: str, **options: Any) -> tuple[Stated, ...]:
    """Everything of a kind that a text states, in the order of the text; every reading of a place is one of them.

    Args: options: "order" ("dmy" or "mdy") of dates that could be read both ways; "region" ("DE") of telephone numbers
        without a country; "unit" of amounts; "enum" and "spellings" of labels. Of the kind "text" nothing is listed.
    Raises: SchemaInvalid for a kind that is none; ExtraMissing; ConstraintTooLarge for more than `MOST`.
    """
    check_kind(kind, options, "kind")
    have(kind, options, "kind")
    return _found(kind, document, json.dumps(options, sort_keys=True))


@lru_cache(maxsize=8)  # 10,000 amounts of money take 28 MB
def _found(kind: str, document: str, options: str) -> tuple[Stated, ...]:
    readings: dict[tuple[int, int], dict[str, Json]] = {}
    count = 0
    for start, end, value in KINDS[kind].read(document, json.loads(options)):
        held = readings.setdefault((start, end), {})
        if (key := repr(_plain(value))) not in held:
            count += 1
            held[key] = value
        if count > MOST:
            raise ConstraintTooLarge(f"values of the kind {kind!r} in the text", count, MOST)
    return tuple(
        Stated(value, start, end, document[start:end], tuple(v for k, v in held.items() if k != key))
        for (start, end), held in sorted(readings.items(), key=lambda one: (one[0][0], -one[0][1]))
        for key, value in held.items()
    )


def same(one: Json, other: Json) -> bool:
    """Two JSON values are equal: 1250.00 is 1250, and true is not 1."""
    return repr(_plain(one)) == repr(_plain(other))


def _plain(value: Json) -> Json:
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        return Decimal(str(value)).normalize()
    return value


def have(kind: str, options: dict[str, Any], at: str) -> None:
    """Raise ExtraMissing for a kind whose libraries are not installed, SchemaInvalid for what they do not know."""
    for module in KINDS[kind].needs:
        library(module)
    known: dict[str, Callable[[], frozenset[str]]] = {"unit": unit_signs, "region": regions}
    for name in known.keys() & options.keys():
        if options[name] not in known[name]():
            near = ", ".join(sorted(known[name]())[:60])
            raise SchemaInvalid(f"{at}: {name}={options[name]!r} is not known", hint=f"one of {near} ...", pointer=at)


def _are_words(value: object) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(word, str) for word in value)


def check_kind(kind: object, options: dict[str, Any], at: str) -> None:
    """Raise SchemaInvalid for what is no kind or no option of it."""
    if not isinstance(kind, str) or kind not in KINDS:
        raise SchemaInvalid(f"{at} is {kind!r}", hint=f"one of {', '.join(KINDS)}", pointer=at)
    allowed = KINDS[kind].options
    for name, value in options.items():
        choices = allowed.get(name)
        if kind == "label" and name == "enum":
            continue
        if name not in allowed or (choices is not None and value not in choices):
            known = ", ".join(f"{n}={'|'.join(c) if c else '...'}" for n, c in allowed.items()) or "it has none"
            raise SchemaInvalid(f"{at}: {name}={value!r} is no option of {kind!r}", hint=known, pointer=at)
    words = options.get("spellings", {})
    if not isinstance(words, Mapping) or not all(_are_words(those) for those in words.values()):
        raise SchemaInvalid(f"{at}: spellings", hint='{"label": ["another word", "one more"]}', pointer=at)
    if kind == "amount" and not isinstance(options.get("unit"), str):
        raise SchemaInvalid(f"{at}: an amount has a unit", hint='{"kind": "amount", "unit": "kg"}', pointer=at)
