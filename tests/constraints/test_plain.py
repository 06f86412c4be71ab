"""Strings and numbers like those of a text: the exact languages, what widens them, and that it is told."""

import json
import re

import pytest

import ctrldiff as cd
from ctrldiff.errors import SchemaInvalid
from ctrldiff.json_schema.plain import digits_in, structural

PLAIN = re.compile(r"(?:[^\[\]{}:,][^\[\]{}]*)?(?:[\[{].*)?", re.DOTALL)  # the definition, of the decoded string

STRINGS = [
    *("", "a", "Maria Jensen", "a, b: c", "x [1] y", "{a}", "[sic]", "null", '"quoted"', "a\nb", "[", "}{"),
    *("}", "]", ":null}1}", ":", ",", ",a", "a}", "a]b[", "x}1}11}", '":', " :", "ü}", "\\}", "[]", "[}]", "\n}"),
]


def string(**keywords):
    return {"type": "string", **keywords}


@pytest.mark.parametrize("text", STRINGS)
@pytest.mark.parametrize("schema", [string(), string(minLength=0, maxLength=30), {"type": ["string", "null"]}], ids=str)
def test_plain_strings_are_those_of_the_definition(text, schema):
    written = json.dumps(text, ensure_ascii=False)
    assert written in cd.JsonSchema(schema)
    assert (written in cd.JsonSchema(schema, strings="plain")) == bool(PLAIN.fullmatch(text))


@pytest.mark.parametrize(
    "schema", [string(enum=[":}"]), string(const=":}"), string(pattern="^:}$"), {"enum": [":}", 1]}], ids=str
)
def test_what_a_schema_says_itself_is_never_left_out(schema):
    assert '":}"' in cd.JsonSchema(schema, strings="plain")


def test_names_of_properties_are_no_values():
    schema = {"type": "object", "propertyNames": {"maxLength": 3}, "additionalProperties": {"type": "integer"}}
    assert '{":}":1}' in cd.JsonSchema(schema, strings="plain", additional="any")


@pytest.mark.parametrize(
    "schema", [{"not": {"type": "string"}}, {"not": {"minLength": 3}}, {"not": string(pattern="a")}]
)
def test_a_complement_stays_a_part_of_what_it_was(schema):
    plain, whole = cd.JsonSchema(schema, strings="plain", digits=(3, 2)), cd.JsonSchema(schema)
    assert plain <= whole


@pytest.mark.parametrize("number", ["0", "123", "1234", "0.25", "0.125", "-999.99", "1000", "12.345"])
def test_digits_bound_what_stands_before_and_behind_the_point(number):
    whole, _, fraction = number.lstrip("-").partition(".")
    within = len(whole) <= 3 and len(fraction) <= 2
    assert (number in cd.JsonSchema({"type": "number"}, digits=(3, 2))) == within
    if not fraction:
        assert (number in cd.JsonSchema({"type": "integer"}, digits=(3, 2))) == within


@pytest.mark.parametrize(
    "schema, number",
    [
        ({"type": "integer", "minimum": 10**20}, str(10**20)),
        ({"type": "number", "multipleOf": 0.0001}, "0.0003"),
        ({"const": 123456}, "123456"),
        ({"enum": [0.12345]}, "0.12345"),
    ],
    ids=str,
)
def test_a_bound_of_the_schema_s_own_widens_them(schema, number):
    assert number in cd.JsonSchema(schema, digits=(3, 2))


def test_what_is_left_out_is_told():
    schema = {"type": "object", "properties": {"a": string(), "b": {"type": "number"}}, "required": ["a", "b"]}
    assert dict(cd.JsonSchema(schema).report().narrowed).keys() == {"#"}  # only what is declared is written
    told = dict(cd.JsonSchema(schema, strings="plain", digits=(18, 6)).report().narrowed)
    assert "close no bracket" in told["#/properties/a"]
    assert "at most 18 digits before the point and 6 behind it" in told["#/properties/b"]


@pytest.mark.parametrize(
    "text, holds",
    [
        ("Total due: EUR 5, paid", False),
        ("see [1] and {x}", False),
        ('{"a": [1, 2]}', False),
        ("smile :)", True),
        ("a ]", True),
        ("} else {", True),
        ("one\n], two", True),
    ],
)
def test_a_text_that_holds_the_like_keeps_strings_open(text, holds):
    assert structural(text) == holds
    assert (cd.JsonSchema(string()).plain(text).strings == "any") == holds


@pytest.mark.parametrize(
    "text, digits",
    [
        ("EUR 308.80", (18, 6)),
        ("pi is 3.14159265", (18, 8)),
        ("3,14159265", (18, 8)),
        ("no 12345678901234567890123", (23, 6)),
        ("1 234 567 890 123 456 789 012,50", (24, 6)),
        ("", (18, 6)),
    ],
)
def test_a_text_with_longer_numbers_makes_room_for_them(text, digits):
    before, behind = digits_in(text)
    assert before >= digits[0] and behind >= digits[1]
    assert text or (before, behind) == digits


def test_what_the_caller_says_stands():
    said = cd.JsonSchema(string(), strings="any", digits="any")
    assert said.plain("x") == said


@pytest.mark.parametrize("digits", [(0, 2), (3,), "some", (1.5, 2), 3, (3, -1), (True, 2)])
def test_digits_that_are_none_are_refused(digits):
    with pytest.raises(SchemaInvalid, match="digits"):
        cd.JsonSchema({"type": "number"}, digits=digits)
