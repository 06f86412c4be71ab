"""The rendering of a wanted type: every key that may be written is named, and what the caller said of it is said on."""

import gzip
import json
import os
from pathlib import Path
from typing import Literal

import pytest
from pydantic import BaseModel, Field

import ctrldiff as cd
from ctrldiff.errors import ConstraintError, ConstraintTooLarge, PromptTooLong, SchemaInvalid
from ctrldiff.types.ask import ask_for, asked
from ctrldiff.types.structured import output_type

SAMPLE = Path(os.environ.get("CTRLDIFF_CORPORA", "../shared/corpora")) / "jsonschemabench_sample.jsonl.gz"

SCHEMA = {
    "type": "object",
    "$defs": {"Item": {"type": "object", "properties": {"name": {"type": "string"}, "quantity": {"type": "integer"}}}},
    "properties": {
        "number": {"type": "string"},
        "count": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
        "total": {"type": ["number", "null"]},
        "paid": {"type": "boolean"},
        "due": {"type": "string", "format": "date"},
        "currency": {"enum": ["EUR", "USD", None]},
        "tags": {"type": "array", "items": {"type": "string"}},
        "years": {"type": "array", "items": {"type": "integer"}},
        "items": {"type": "array", "items": {"$ref": "#/$defs/Item"}},
        "seller": {"type": "object", "properties": {"name": {"type": "string"}, "city": {"type": "string"}}},
    },
}


def test_an_object_shows_keys_and_types():
    assert ask_for(SCHEMA) == (
        "{number,count:int,total:number,paid:bool,due:date,currency:EUR|USD,tags:[],years:[int],"
        "items:[{name,quantity:int}],seller:{name,city}}"
    )


def test_bare_values():
    assert ask_for({"type": "integer"}) == "int"
    assert ask_for({"enum": ["positive", "negative"]}) == "positive|negative"
    assert ask_for({"type": "string", "format": "date"}, name="due_date") == "due_date:date"
    assert ask_for({"type": "string"}, name="customer") == "customer"
    assert ask_for({"type": "string"}) == ""


A, B = {"type": "integer"}, {"type": "string"}
SHAPES = {
    "any of": {"type": "object", "properties": {"a": A, "b": B}, "anyOf": [{"required": ["a"]}, {"required": ["b"]}]},
    "all of": {"type": "object", "allOf": [{"properties": {"a": A}}, {"properties": {"b": B}}]},
    "an anchor": {"$ref": "#x", "$defs": {"x": {"$anchor": "x", "type": "object", "properties": {"a": A, "b": B}}}},
    "beside a reference": {
        "$ref": "#/$defs/x",
        "properties": {"b": B},
        "$defs": {"x": {"type": "object", "properties": {"a": A}}},
    },
    "an identifier": {
        "$id": "http://x/y",
        "$ref": "z",
        "$defs": {"z": {"$id": "z", "type": "object", "properties": {"a": A, "b": B}}},
    },
    "percents": {"$ref": "#/$defs/x%25y", "$defs": {"x%y": {"type": "object", "properties": {"a": A, "b": B}}}},
    "a list": {"type": "object", "properties": {"a": {"anyOf": [B, A]}, "b": {"$ref": "#/properties/a/anyOf/0"}}},
    "branches": {"oneOf": [{"properties": {"a": A}, "required": ["a"]}, {"properties": {"b": B}, "required": ["b"]}]},
    "a condition": {
        "type": "object",
        "properties": {"a": A},
        "if": {"required": ["a"]},
        "then": {"properties": {"b": B}},
    },
    "dependent": {"type": "object", "properties": {"a": A}, "dependentSchemas": {"a": {"properties": {"b": B}}}},
    "required alone": {"type": "object", "properties": {"a": A}, "required": ["a", "b"]},
}


@pytest.mark.parametrize("name", SHAPES)
def test_every_key_is_named_wherever_it_stands(name):
    for style in ("keys", "described"):
        words = asked(cd.JsonSchema(SHAPES[name], optional="write")).said(style)
        for key in "ab":
            assert any(f"{before}{key}" in words for before in "{,"), (style, words)


def test_a_reference_through_a_list_is_followed():
    schema = {"type": "object", "properties": {"l": {"anyOf": [B, A]}, "r": {"$ref": "#/properties/l/anyOf/1"}}}
    assert ask_for(schema) == "{l,r:int}"


class Line(BaseModel):
    """One thing that was bought."""

    name: str
    price: float = Field(description="with tax")


class Bill(BaseModel):
    """A bill,
    as it was sent."""

    customer: str | None = Field(description='the one who "pays"')
    kind: Literal["a", "b"] | None
    lines: list[Line]


def test_descriptions_and_nulls_are_said_where_a_model_can_read_them():
    kind = output_type(Bill)
    assert kind.ask == (
        '"A bill, as it was sent." {customer:string|null "the one who \'pays\'",kind:a|b|null,'
        'lines:["One thing that was bought." {name,price:number "with tax"}]}'
    )
    assert kind.asked("keys") == "{customer,kind:a|b,lines:[{name,price:number}]}"


def test_what_may_be_left_out_and_alternatives_are_said():
    cat = {"type": "object", "properties": {"kind": {"const": "cat"}, "lives": A}, "required": ["kind", "lives"]}
    dog = {"type": "object", "properties": {"kind": {"const": "dog"}, "name": B}, "required": ["kind"]}
    union = asked(cd.JsonSchema({"oneOf": [cat, dog]}))
    assert union.said("described") == "{kind:cat,lives:int}|{kind:dog,name?}"
    assert union.said("keys") == "{kind:cat|dog,lives:int,name}"
    assert asked(cd.JsonSchema({"type": "object", "properties": {"a": A}})).said("described") == "{a?:int}"
    assert output_type(int | str | None).ask == "int|string|null" and output_type(int | str).asked("keys") == "int"
    assert ask_for({"anyOf": [{"enum": ["x", "y"]}, {"enum": ["z"]}, {"type": "integer"}]}) == "x|y|z|int"


def test_keys_in_capitals_are_said_in_small_letters():
    places = {"type": "object", "properties": {"ID": A}}
    keys = {"ORDER_DATE": B, "TOTAL": A, "Total": A, "orderNo": B, "PLACES": places}
    place = asked(cd.JsonSchema({"type": "object", "properties": keys, "required": list(keys)}))
    assert place.said("described") == "{order_date,TOTAL:int,Total:int,orderNo,places:{id?:int}}"  # two would be alike
    assert place.said("keys") == "{ORDER_DATE,TOTAL:int,Total:int,orderNo,PLACES:{ID:int}}"
    upper = asked(cd.JsonSchema({"type": "object", "properties": {"ID": A}, "additionalProperties": False}))
    assert upper.said("described", "ID") == "ID:{id?:int}"  # a name is the caller's


def test_required_names_that_are_none_are_said_to_be_none():
    with pytest.raises(SchemaInvalid, match=r"#/required is .* not a list of names"):
        ask_for({"type": "object", "properties": {"a": A}, "required": [["a"], 3, "a"]})


def test_a_recursive_type_says_its_keys_once():
    tree = {
        "$ref": "#/$defs/t",
        "$defs": {"t": {"type": "object", "properties": {"n": B, "c": {"items": {"$ref": "#/$defs/t"}}}}},
    }
    assert ask_for(tree) == "{n,c:[]}"


@pytest.mark.parametrize("depth", [70, 300, 900, 3_000])
def test_a_deep_schema_is_asked_for_or_refused(depth):
    text = '{"type": "integer"}'
    for n in range(depth):
        text = f'{{"type": "object", "properties": {{"k{n}": {text}}}, "required": ["k{n}"]}}'
    try:
        assert output_type(cd.JsonSchema(text)).ask.startswith(f"{{k{depth - 1}:{{k{depth - 2}:")
    except ConstraintTooLarge:
        assert depth > 300


INVALID = [
    {"properties": {"l": {"enum": None}}},
    {"properties": []},
    {"type": "object", "properties": {"a": {"properties": [1]}}},
    {"$ref": 5},
    {"type": {}},
    {"type": "object", "properties": {"a": {"type": 7}}},
    {"allOf": {}},
    {"properties": {"a": {"anyOf": 3}}},
    {"patternProperties": 5},
    {"prefixItems": {}},
    {"properties": {"x": {"$ref": "#/nowhere"}}},
]


@pytest.mark.parametrize("schema", INVALID, ids=str)
def test_what_is_no_schema_is_said_to_be_none_with_its_place(schema):
    with pytest.raises(SchemaInvalid) as compiled:
        cd.JsonSchema(schema).dfa()
    with pytest.raises(SchemaInvalid) as asked_for:
        output_type(schema)
    for error in (compiled.value, asked_for.value):
        assert "#/" in str(error), str(error)


@pytest.mark.slow
@pytest.mark.skipif(not SAMPLE.exists(), reason=f"{SAMPLE} is absent")
def test_real_schemas_lose_no_key():
    asked_for = 0
    with gzip.open(SAMPLE, "rt", encoding="utf-8") as lines:
        for entry in map(json.loads, lines):
            schema = cd.JsonSchema(entry["schema"])
            try:
                names = schema.shape().names
                words = asked(schema).said("described"), asked(schema).said("keys")
            except ConstraintError:
                continue  # one that does not compile either
            asked_for += 1
            for text in words:
                missing = [name for name in names if name not in text and name.lower() not in text]
                assert not missing, (entry["name"], missing)
    assert asked_for > 1_300


INVOICE = json.loads((Path(__file__).parents[1] / "examples" / "invoice.schema.json").read_text())
TEXT = (Path(__file__).parents[1] / "examples" / "invoice.txt").read_text()


def told_otherwise():
    """The README's invoice in shapes that mean the same."""
    plain = {"type": "object", "properties": INVOICE["properties"], "required": list(INVOICE["properties"])}
    names = list(plain["properties"])
    half = [{name: plain["properties"][name] for name in part} for part in (names[:3], names[3:])]
    required = plain["required"]
    yield "plain", plain
    yield "any of", plain | {"anyOf": [{"required": names[:1]}, {"required": names[1:]}]}
    yield "all of", {"type": "object", "allOf": [{"properties": part} for part in half], "required": required}
    yield "an anchor", {"$ref": "#x", "$defs": {"x": {"$anchor": "x", **plain}}}
    definition = {"type": "object", "properties": half[0], "required": names[:3]}
    beside = {"$ref": "#/$defs/x", "properties": half[1], "required": names[3:], "$defs": {"x": definition}}
    yield "beside a reference", beside


@pytest.mark.slow
def test_schemas_that_mean_the_same_get_the_same_answer():
    model = cd.from_pretrained("tiny")
    answers = {name: model(TEXT, schema) for name, schema in told_otherwise()}
    assert answers["plain"].output["total"] == 308.8
    for name, answer in answers.items():
        assert answer.output == answers["plain"].output, name


def test_of_a_long_choice_its_beginning_is_said_where_all_of_it_has_no_room():
    """Labels are what may be written in any case; the text is what must be read."""
    model = cd.from_pretrained("tiny")
    names = [f"label {n}" for n in range(255)]
    result = model("It broke after a week.", cd.Choice(names))
    assert result.raw in names and set(result.probs) == set(names)

    class Ticket(BaseModel):
        """An object with such a choice in it."""

        kind: Literal[tuple(names)]

    assert model("It broke after a week.", Ticket, steps=4).output.kind in names
    few = output_type(cd.Choice(["a", "b", "c"]), ask="which")
    assert few.asked("keys") == few.asked("described", 3) == "which:a|b|c" and few.asked("keys", 1) == "which:a|..."
    with pytest.raises(PromptTooLong):  # the text itself
        model("word " * model.loaded.spec.context, cd.Choice(names))
