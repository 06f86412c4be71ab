"""Words that are no keywords are told with their place, and what may have been meant."""

import json

import pytest

from ctrldiff.json_schema import JsonSchema
from ctrldiff.json_schema.keywords import KEYWORDS


def test_unknown_keywords_are_told_with_their_place():
    schema = {
        "type": "object",
        "properties": {"a/b": {"type": "string", "minlength": 2}, "minlength": {"type": "integer", "colour": "red"}},
        "aditionalProperties": False,
        "allOf": [{"nullable": True}],
        "$defs": {"x": {"divisibleBy": 2}},
    }
    assert set(JsonSchema(schema).report().unknown) == {
        ("#/properties/a~1b/minlength", "minlength", "minLength"),
        ("#/properties/minlength/colour", "colour", ""),
        ("#/aditionalProperties", "aditionalProperties", "additionalProperties"),
        ("#/allOf/0/nullable", "nullable", '"type" with "null"; draft="openapi-3.0" reads it'),
        ("#/$defs/x/divisibleBy", "divisibleBy", "multipleOf"),
    }


def test_what_a_schema_holds_as_a_value_is_no_keyword():
    schema = {"enum": [{"colour": 1}], "default": {"colour": 1}, "examples": [{"minlength": 1}], "x-span": False}
    assert JsonSchema({**schema, "const": {"colour": 1}}).report().unknown == ()


def test_places_that_only_a_reference_leads_to_are_told_too():
    schema = {"$ref": "#/components/a", "components": {"a": {"type": "string", "maxLenght": 2}}}
    assert JsonSchema(schema).report().unknown == (
        ("#/components", "components", ""),
        ("#/components/a/maxLenght", "maxLenght", "maxLength"),
    )


def test_a_keyword_of_another_draft_is_ignored_and_not_unknown():
    report = JsonSchema({"prefixItems": [{}], "prefixitems": [{}]}, draft="draft-07").report()
    assert [name for _, name, _ in report.ignored] == ["prefixItems"]
    assert report.unknown == (("#/prefixitems", "prefixitems", "prefixItems"),)


@pytest.mark.parametrize("keyword", KEYWORDS)
def test_no_keyword_is_unknown_and_each_is_meant_by_its_misspelling(keyword):
    assert JsonSchema({"not": {"properties": {"p": {keyword: {}}}}}, draft=None).unknown() == ()
    wrong = keyword.swapcase()
    found = JsonSchema(json.dumps({"properties": {"p": {wrong: {}}}})).unknown()
    assert found == ((f"#/properties/p/{wrong}", wrong, keyword),)
