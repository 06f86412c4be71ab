"""What the second model is trained on is laid out as what it decodes."""

import json
from pathlib import Path
from random import Random

import pytest
from tokenizers import Tokenizer

import ctrldiff
from ctrldiff.json_schema import JsonSchema
from ctrldiff.layout import Rooms
from ctrldiff.types.ask import asked
from examples.train_tiny.second.asking import Example
from examples.train_tiny.second.rooms import ITEMS, TEXTS, laid_out, pieces
from examples.train_tiny.tokenizer import EOS, Encoder

STR, INT, NUMBER = {"type": "string"}, {"type": "integer"}, {"type": "number"}


def record(**properties):
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


LINE = record(name=STR, sum=NUMBER, count=INT)
CASES = {
    "scalars": (
        record(
            s=STR, n=NUMBER, i=INT, b={"type": "boolean"}, d=STR | {"format": "date"}, e={"enum": ["credit", "paid"]}
        ),
        {"s": "Ada", "n": 12.5, "i": 3, "b": False, "d": "2026-03-01", "e": "paid"},
    ),
    "null": (
        record(
            s={"type": ["string", "null"]},
            d={"type": ["string", "null"], "format": "date"},
            i={"type": ["integer", "null"]},
        ),
        {"s": None, "d": None, "i": None},
    ),
    "nested": (record(a=record(b=STR, c=record(d=INT)), e=INT), {"a": {"b": "x", "c": {"d": 1}}, "e": 2}),
    "lists": (
        record(a={"type": "array", "items": STR}, b={"type": "array", "items": LINE}, c=INT),
        {"a": ["tea", "milk"], "b": [{"name": "tea", "sum": 1.5, "count": 2}], "c": 7},
    ),
    "no items": (record(a={"type": "array", "items": INT}), {"a": []}),
    "a list or null": (record(a={"type": ["array", "null"], "items": INT}, b=INT), {"a": None, "b": 1}),
    "an object or null": (record(a=LINE | {"type": ["object", "null"]}, b=INT), {"a": None, "b": 1}),
}


class Usual(Random):
    """Chooses what is laid out where nothing else is said."""

    def choice(self, among):
        return {ITEMS: Rooms().items, TEXTS: Rooms().strings}[among]


@pytest.mark.parametrize("name", CASES)
def test_an_answer_is_laid_out_for_training_as_its_type_is_for_decoding(name):
    schema, value = CASES[name]
    encoder = Encoder(Tokenizer.from_file(str(Path(ctrldiff.__file__).parent / "models" / "small" / "tokenizer.json")))
    answer = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    found = pieces(Example("", "", answer, place=asked(JsonSchema(schema))), Usual(0))
    assert found is not None
    trained = laid_out(found, encoder, Usual(0))
    decoded = Rooms()(JsonSchema(schema), encoder, EOS)
    assert decoded is not None
    given = [-1 if room >= 0 else token for token, room in zip(trained.ids, trained.rooms, strict=True)]
    assert [*given, EOS] == decoded.given
    widths = [[rooms.count(n) for n in dict.fromkeys(rooms) if n >= 0] for rooms in (trained.rooms, decoded.segments)]
    assert widths[0] == widths[1]
    assert encoder.decode(trained.ids).replace("\t", "") == answer
