"""Types and schemas whose values the text states: what may be written, what comes back, and where it stood."""

import enum
import importlib
import json
import re
from datetime import date, datetime, time
from decimal import Decimal
from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, Field

import ctrldiff as cd
from ctrldiff.errors import ConstraintError, ConstraintUnsatisfiable, ExtraMissing, SchemaInvalid, SchemaUnsupported
from ctrldiff.grounded import find, names
from ctrldiff.grounds import grounds_of
from ctrldiff.types.instruction import words_of

TEXT = (
    "Invoice INV-77 issued the 14th of April 2025, 3:30 pm. Due 12/08/24. Net 1.250,00 EUR (19% VAT).\n"
    'To "Maria" Jensen, ship overnight, 4.2 kg. ann@x.org'
)


class Speed(enum.Enum):
    EXPRESS = "express"
    STANDARD = "standard"


class Line(BaseModel):
    net: cd.Grounded[Decimal]
    count: cd.Grounded[int] | None


class Invoice(BaseModel):
    issued: cd.Grounded[date]
    due: cd.Grounded[date] | None
    net: cd.Grounded[Decimal]
    price: cd.Money
    customer: cd.Grounded[str]
    speed: Annotated[Speed, cd.FromText("label", spellings={"express": ["overnight"]})]
    kilos: Annotated[float, cd.FromText("amount", unit="kg")]
    rate: cd.grounded.Percent
    mail: cd.grounded.Email
    fax: cd.grounded.Phone | None
    lines: list[Line] = Field(max_length=2)


ANSWER = (
    '{"issued":"2025-04-14","due":null,"net":1250,"price":{"amount":1250,"currency":"EUR"},'
    '"customer":"\\"Maria\\" Jensen","speed":"express","kilos":4.2,"rate":19,"mail":"ann@x.org","fax":null,'
    '"lines":[{"net":1250,"count":null}]}'
)


def over(wanted, text=TEXT):
    return cd.output_type(wanted, document=text)


def test_a_model_is_written_with_values_of_the_text_and_read_as_plain_types():
    type_ = over(Invoice)
    assert ANSWER in type_.description
    read = type_.read(ANSWER)
    assert type(read.issued) is date and read.issued == date(2025, 4, 14) and read.net == Decimal("1250")
    assert (
        read.price == cd.Money(Decimal("1250"), "EUR") and read.speed is Speed.EXPRESS and read.lines[0].count is None
    )
    grounds = grounds_of(type_.description, ANSWER)
    assert {at: [one.spelling for one in places] for at, places in grounds.items()} == {
        "/issued": ["14th of April 2025"],
        "/net": ["1.250,00"],
        "/price": ["1.250,00 EUR"],
        "/customer": ['"Maria" Jensen'],
        "/speed": ["overnight"],
        "/kilos": ["4.2 kg"],
        "/rate": ["19%"],
        "/mail": ["ann@x.org"],
        "/lines/0/net": ["1.250,00"],
    }
    assert all(TEXT[one.start : one.end] == one.spelling for places in grounds.values() for one in places)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"issued":"2025-04-14"', '"issued":"2025-04-15"'),
        ('"due":null', '"due":"2024-08-13"'),
        ('"net":1250,"price"', '"net":1251,"price"'),
        ('"currency":"EUR"', '"currency":"USD"'),
        ("Jensen", "Jens"),
        ('"speed":"express"', '"speed":"standard"'),
        ('"kilos":4.2', '"kilos":19'),
        ('"fax":null', '"fax":"77"'),
        ('"count":null', '"count":3'),
    ],
)
def test_no_value_is_written_that_the_text_does_not_state(old, new):
    assert old in ANSWER and ANSWER.replace(old, new) not in over(Invoice).description


@pytest.mark.parametrize("due", ["2024-08-12", "2024-12-08"])
def test_both_readings_of_a_date_may_be_written(due):
    answer = ANSWER.replace('"due":null', f'"due":"{due}"')
    type_ = over(Invoice)
    assert answer in type_.description
    (place,) = grounds_of(type_.description, answer)["/due"]
    assert place.spelling == "12/08/24" and {due, *place.alternatives} == {"2024-08-12", "2024-12-08"}


@pytest.mark.parametrize(
    ("wanted", "kind"),
    [
        (cd.Grounded[date], "date"),
        (cd.Grounded[datetime], "datetime"),
        (cd.Grounded[time], "time"),
        (cd.Grounded[int], "integer"),
        (cd.Grounded[float], "number"),
        (cd.Grounded[Decimal], "number"),
        (cd.grounded.Email, "email"),
        (cd.grounded.Percent, "percent"),
        (cd.Money, "money"),
        (cd.grounded.Quantity, "quantity"),
    ],
)
def test_a_bare_type_is_exactly_the_candidates(wanted, kind):
    type_ = over(wanted)
    texts = {text.decode() for text in type_.description.dfa().members(100)}
    values = find(kind, TEXT)
    assert values and len(texts) == len({repr(one.value) for one in values})
    for text in texts:
        type_.read(text)
        (places,) = grounds_of(type_.description, text).values()
        assert places and all(place in values for place in places)


def test_words_of_the_text_are_not_cut():
    description = over(cd.Grounded[str]).description
    for text in ("Maria", '"Maria" Jensen', "VAT).\nTo", "4.2 kg"):
        assert text in description
    for text in ("", "Mari", " Jensen", "Jensen ", "Maria Jensen"):
        assert text not in description


def test_constraints_beside_it_hold_too():
    class Bounded(BaseModel):
        net: cd.Grounded[float] = Field(gt=1000)
        day: cd.Grounded[date] = Field(ge=date(2025, 1, 1))
        name: cd.Grounded[str] = Field(max_length=6, pattern="^[A-Z]")

    description = over(Bounded).description
    assert '{"net":1250,"day":"2025-04-14","name":"Jensen"}' in description
    assert '{"net":19,"day":"2025-04-14","name":"Jensen"}' not in description
    assert '{"net":1250,"day":"2024-08-12","name":"Jensen"}' not in description
    assert '{"net":1250,"day":"2025-04-14","name":"overnight"}' not in description


def test_what_is_not_stated_is_null_or_an_error_that_names_the_field():
    class Contact(BaseModel):
        name: cd.Grounded[str]
        iban: cd.grounded.Iban

    with pytest.raises(
        ConstraintUnsatisfiable, match="#/properties/iban: the text states nothing of the kind 'iban'"
    ) as caught:
        over(Contact).description.dfa()
    assert caught.value.pointer == "#/properties/iban"
    with pytest.raises(ConstraintUnsatisfiable, match="nothing of the kind 'iban'") as caught:
        over(cd.grounded.Iban).description.compile(cd.from_pretrained("tiny").vocabulary)
    assert caught.value.pointer == "#"
    assert "null" in over(cd.grounded.Iban | None).description
    assert over(cd.Grounded[date | None]).description.dfa().shortest() == b"null"


def test_labels_are_those_that_the_text_spells():
    assert "express" not in over(cd.Grounded[Literal["express", "overnight"]]).description
    assert "overnight" in over(cd.Grounded[Literal["express", "overnight"]]).description
    assert '"express"' not in over(cd.Grounded[Speed] | None).description


def test_a_schema_says_it_by_a_keyword():
    properties = {
        "day": {"x-from-text": {"kind": "date", "order": "mdy"}},
        "net": {"type": ["number", "null"], "x-from-text": "number", "minimum": 100},
        "price": {"x-from-text": "money"},
        "fax": {"anyOf": [{"x-from-text": "phone"}, {"type": "null"}]},
    }
    schema = cd.JsonSchema({"type": "object", "properties": properties, "required": list(properties)}, document=TEXT)
    for day, net, holds in (("2024-12-08", "1250", True), ("2024-08-12", "1250", False), ("2024-12-08", "19", False)):
        answer = f'{{"day":"{day}","net":{net},"price":{{"amount":1250,"currency":"EUR"}},"fax":null}}'
        assert (answer in schema) is holds, answer
    assert '"net":null' in schema.canonical({"net": None})
    assert dict(schema.report().enforced)["x-from-text"] == 4


@pytest.mark.parametrize("keyword", ["colour", 3, {"kind": "date", "order": "ymd"}, {"kind": "label"}, {"unit": "kg"}])
def test_what_the_keyword_cannot_mean_is_refused(keyword):
    with pytest.raises(SchemaInvalid) as caught:
        cd.JsonSchema({"type": "string", "x-from-text": keyword}, document=TEXT).dfa()
    assert caught.value.pointer == "#/x-from-text"


def test_without_a_text_it_is_refused():
    with pytest.raises(SchemaUnsupported) as caught:
        cd.JsonSchema({"x-from-text": "date"}).dfa()
    assert caught.value.keyword == "x-from-text"


def test_a_type_without_a_reader_is_refused():
    with pytest.raises(ConstraintError, match=re.escape("list[Grounded[date]]")):
        cd.Grounded[list[date]]


def test_a_library_that_is_missing_is_named(monkeypatch):
    def missing(name):
        raise ImportError(name)

    monkeypatch.setattr(names, "import_module", missing)
    for wanted, module in (
        (cd.Grounded[date], "babel"),
        (cd.Grounded[int], "num2words"),
        (cd.grounded.Phone, "phonenumbers"),
    ):
        with pytest.raises(ExtraMissing, match=re.escape('pip install "ctrldiff[grounded]"')) as caught:
            over(wanted)
        assert caught.value.module == module and caught.value.extra == "grounded"
    assert "15:30:00" in over(cd.Grounded[time]).description and "ann@x.org" in over(cd.grounded.Email).description
    assert importlib.import_module("ctrldiff.grounded")


def test_a_model_that_reads_sentences_is_told_how_values_are_written():
    said = words_of(over(Invoice, None), "described")
    schema, example = json.loads(said["schema"]()), json.loads(said["example"]())
    assert "x-from-text" not in said["instruction"]()
    assert schema["properties"]["kilos"]["description"] == "a number of kg, as the text states it"
    assert schema["properties"]["customer"]["description"] == "as it stands in the text"
    assert example["issued"] == "2024-05-31" and example["mail"] == "name@example.com"
    for wanted, sentence in (
        (cd.Grounded[datetime], "Answer with a date and time (YYYY-MM-DDTHH:MM:SS), and nothing else."),
        (cd.Grounded[str], "Answer with a passage of the text, copied as it stands, and nothing else."),
        (cd.Grounded[Literal["a", "b"]], "Answer with one of these, and nothing else: a | b"),
        (cd.Grounded[int], "Answer with a whole number, and nothing else."),
    ):
        assert words_of(over(wanted, None), "described")["instruction"]() == sentence


def test_a_template_says_where_the_values_of_its_holes_stood():
    type_ = over(cd.Template("{who} pays {sum}", who=cd.Grounded[str], sum=cd.Grounded[Decimal]))
    grounds = grounds_of(type_.description, "Jensen pays 1250")
    assert {at: places[0].spelling for at, places in grounds.items()} == {"/who": "Jensen", "/sum": "1.250,00"}


def test_a_row_of_a_file_says_where_its_values_stood(tmp_path):
    (tmp_path / "in.jsonl").write_text(json.dumps({"text": TEXT}) + "\n", encoding="utf-8")
    schema = {"type": "object", "properties": {"day": {"x-from-text": "datetime"}}, "required": ["day"]}
    generator = cd.Generator(cd.from_pretrained("tiny"), schema, steps=4)
    cd.extract.extract_file(generator, tmp_path / "in.jsonl", tmp_path / "out.jsonl")
    (row,) = map(json.loads, (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines())
    assert row["output"] == {"day": "2025-04-14T15:30:00"}
    (place,) = row["spans"]["/day"]
    assert TEXT[place["start"] : place["end"]] == place["spelling"] == "14th of April 2025, 3:30 pm"


def test_a_model_answers_with_places():
    result = cd.from_pretrained("tiny")(TEXT, cd.Grounded[date], ask="issued", steps=4)
    assert result.output.isoformat() == result.raw
    (place,) = result.grounded[""]
    assert TEXT[place.start : place.end] == place.spelling and result.raw == place.value
