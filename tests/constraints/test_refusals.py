"""Every refusal names its true place, and all of them are told at once."""

import pytest

from ctrldiff.errors import SchemaUnsupported
from ctrldiff.json_schema import JsonSchema

OUTSIDE, ALSO = {"$ref": "https://example.com/a.json"}, {"$ref": "https://example.com/b.json#/x"}
IRREGULAR = {"type": "string", "pattern": "(a)\\1"}
SCHEMA = {
    "type": "object",
    "properties": {"a": OUTSIDE, "b": IRREGULAR, "c": {"$ref": "#/$defs/deep"}, "d": {"not": ALSO}},
    "patternProperties": {"^(x)\\1$": {"type": "null"}},
    "$defs": {"deep": {"type": "array", "items": {"anyOf": [IRREGULAR, OUTSIDE]}}},
}
PLACES = {
    "#/properties/a/$ref": "$ref",
    "#/properties/b/pattern": "pattern",
    "#/$defs/deep/items/anyOf/0/pattern": "pattern",
    "#/$defs/deep/items/anyOf/1/$ref": "$ref",
    "#/properties/d/not/$ref": "$ref",
    "#/patternProperties": "patternProperties",
}


def test_all_are_told_at_once_each_with_its_place():
    with pytest.raises(SchemaUnsupported) as caught:
        JsonSchema(SCHEMA).dfa()
    assert {pointer: keyword for pointer, keyword, _ in caught.value.facts["refused"]} == PLACES
    assert all(place in str(caught.value) for place in PLACES)
    assert "documents=" in str(caught.value), "and what to do about what is elsewhere"
    assert {pointer: keyword for pointer, keyword, _ in JsonSchema(SCHEMA).report().refused} == PLACES
    assert len(JsonSchema(SCHEMA).report().refused) == len(PLACES), "each once"


@pytest.mark.parametrize("unsupported", ["ignore", "check"])
def test_what_is_left_out_is_left_out_there_and_nowhere_else(unsupported):
    schema = JsonSchema(SCHEMA, unsupported=unsupported)
    assert {pointer for pointer, _, _ in schema.report().ignored} == set(PLACES)
    assert '{"a":1,"b":"x","c":["y",2]}' in schema
    assert '{"b":1}' not in schema and '{"c":1}' not in schema and "0" not in schema
