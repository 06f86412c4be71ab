"""What holds for every text: spellings stand where they are said to stand; what CLDR writes is read back."""

import random
import time
from datetime import date, timedelta
from decimal import Decimal

import pytest
from babel.dates import format_date
from babel.numbers import format_currency, format_decimal
from babel.units import format_unit

from ctrldiff.errors import ConstraintTooLarge
from ctrldiff.grounded import find
from ctrldiff.grounded.kinds import KINDS
from ctrldiff.json_schema import JsonSchema

LOCALES = (
    "en_US en_GB de_DE de_CH fr_FR es_ES it_IT pt_BR nl_NL sv_SE da_DK fi_FI pl_PL cs_CZ hu_HU tr_TR ru_RU el_GR ja_JP"
)
OPTIONS = {"amount": {"unit": "kg"}, "label": {"enum": ["a", "may", "x y"], "spellings": {"a": ["1", "€"]}}}
PIECES = [
    "1",
    "12",
    "2025",
    ".",
    ",",
    " ",
    "/",
    "-",
    "may",
    "April",
    "€",
    "EUR",
    "dozen",
    "twenty",
    "kg",
    "%",
    ":30",
    "pm",
]
PIECES += [
    "@",
    "x.org",
    "DE89",
    "é",
    "\u200f",
    "日",
    "\n",
    "T",
    "+49",
    "(",
    "½",
    "st",
    "of",
    "'",
    "٣",
    "\U0001f600",
    "\u0301",
]
HOSTILE = {
    "digits": "1" * 20_000,
    "rows": "12,3.50," * 2_500,
    "groups": "123 " * 5_000,
    "words": "twenty one hundred " * 1_050,
    "days": "3-4-5-" * 3_300 + "may",
    "addresses": "a@" * 10_000,
    "codes": "AA11 " * 4_000,
    "brackets": "http://" + "(" * 10_000 + ")" * 9_990,
    "signs": "€1" * 10_000,
    "dates": "1/1/25 " * 2_850,
    "phones": "(0) 12-" * 2_850,
    "blank": " " * 20_000,
}


def read(kind, text):
    return find(kind, text, **OPTIONS.get(kind, {}))


@pytest.mark.parametrize("seed", range(60))
def test_every_spelling_stands_in_the_text(seed):
    draw = random.Random(seed)
    text = "".join(draw.choice(PIECES) for _ in range(draw.randrange(1, 80)))
    for kind in KINDS:
        for one in read(kind, text):
            assert 0 <= one.start < one.end <= len(text) and text[one.start : one.end] == one.spelling
            assert one.value not in one.alternatives


@pytest.mark.parametrize("seed", range(10))
def test_what_may_be_written_is_what_is_stated(seed):
    draw = random.Random(seed)
    text = "".join(draw.choice(PIECES) for _ in range(40)) + " 1.250,00 EUR, 19 %, 1/2/2025 10:30, 2 kg, a@x.org"
    for kind in KINDS.keys() - {"text", "label"}:
        keyword = {"kind": kind, **OPTIONS.get(kind, {})}
        schema = JsonSchema({"x-from-text": keyword, "type": [KINDS[kind].schema["type"], "null"]}, document=text)
        expected = {schema.canonical(one.value) for one in read(kind, text)} | {"null"}
        assert {member.decode() for member in schema.dfa().members(10_000)} == expected
        for written in expected - {"null"}:
            (places,) = schema.grounds(written).values()
            assert all(schema.canonical(place.value) == written for place in places)


@pytest.mark.parametrize("locale", LOCALES.split())
def test_what_a_locale_writes_is_read_back(locale):
    draw = random.Random(locale)
    for _ in range(10):
        day = date(1970, 1, 1) + timedelta(days=draw.randrange(100 * 365))
        number = Decimal(draw.randrange(1, 10 ** draw.randrange(2, 9))) / 100
        for style in ("short", "medium", "long", "full"):
            written = format_date(day, style, locale=locale)
            assert day.isoformat() in [one.value for one in find("date", f"({written})")], written
        for kind, written, value in (
            ("number", format_decimal(number, locale=locale), number),
            ("money", format_currency(number, "EUR", locale=locale), {"amount": number, "currency": "EUR"}),
            ("quantity", format_unit(number, "mass-kilogram", locale=locale), {"amount": number, "unit": "kg"}),
        ):
            assert value in [one.value for one in find(kind, f"({written})")], written


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_texts_take_less_than_a_second(name):
    for kind in KINDS:
        read(kind, "1 kg, 1 May 2025, 1 EUR, +49 30 901820")  # the names are loaded once
    for kind in KINDS:
        began = time.process_time()
        try:
            read(kind, HOSTILE[name])
        except ConstraintTooLarge:
            pass  # a refusal with its reason
        assert time.process_time() - began < 1, kind
