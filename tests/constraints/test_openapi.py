"""Schemas of OpenAPI 3.0: their words mean what OpenAPI says."""

import pytest

import ctrldiff as cd
from ctrldiff.errors import SchemaInvalid

PET = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "nullable": True, "maxLength": 5},
        "size": {"type": "integer", "format": "int32", "minimum": 0, "exclusiveMinimum": True, "nullable": False},
        "nullable": {"type": "boolean"},
        "photo": {"type": "string", "format": "byte", "example": "QUI="},
    },
    "required": ["name", "size", "nullable", "photo"],
    "discriminator": {"propertyName": "name"},
    "example": {"name": None, "size": 1, "nullable": True, "photo": ""},
}
GOOD = '{"name":null,"size":1,"nullable":true,"photo":"QUI="}'


def test_the_words_of_openapi_are_read():
    pet = cd.JsonSchema(PET, draft="openapi-3.0")
    assert GOOD in pet and pet.validate({"name": None, "size": 1, "nullable": True, "photo": ""}) is None
    assert pet.report().unknown == () and pet.report().ignored == ()
    for bad in (
        GOOD.replace("1,", "0,"),
        GOOD.replace("1,", "2147483648,"),
        GOOD.replace("1,", "null,"),
        GOOD.replace("true", "null"),
        GOOD.replace("QUI=", "QUI"),
    ):
        assert bad not in pet, bad
    assert GOOD.replace("1,", "2147483647,") in pet and pet.but(whitespace="spaced").draft == "openapi-3.0"
    assert cd.output_type(pet).ask.startswith("{name:string|null,size:int")


def test_without_the_draft_they_are_told_and_not_read():
    pet = cd.JsonSchema(PET)
    assert ("#/properties/name/nullable", "nullable") in [one[:2] for one in pet.report().unknown]
    plain = cd.JsonSchema({"type": "string", "nullable": True})
    assert "null" not in plain and 'draft="openapi-3.0"' in plain.report().unknown[0][2]


def test_null_is_added_to_the_type_beside_it_and_to_nothing_else():
    listed = cd.JsonSchema({"type": "string", "nullable": True, "enum": ["a"]}, draft="openapi-3.0")
    assert "null" not in listed
    assert "null" in cd.JsonSchema({"type": "string", "nullable": True, "enum": ["a", None]}, draft="openapi-3.0")
    beside = cd.JsonSchema({"nullable": True, "allOf": [{"type": "string"}]}, draft="openapi-3.0")
    assert "null" not in beside and beside.report().unknown[0][1] == "nullable"
    assert '{"a":{"nullable":true,"type":"x"}}' in cd.JsonSchema(
        {"properties": {"a": {"enum": [{"nullable": True, "type": "x"}]}}}, draft="openapi-3.0"
    )


def test_components_are_schemas_wherever_they_stand():
    api = {
        "openapi": "3.0.3",
        "components": {"schemas": {"A": {"type": "array", "items": {"$ref": "#/components/schemas/B"}}, "B": PET}},
    }
    inside = cd.JsonSchema({"$ref": "#/components/schemas/A", **api}, draft="openapi-3.0")
    assert f"[{GOOD}]" in inside
    beside = cd.JsonSchema({"$ref": "api.json#/components/schemas/A"}, documents={"api.json": api}, draft="openapi-3.0")
    assert f"[{GOOD},{GOOD}]" in beside
    newer = {"type": ["string", "null"], "const": "x"}
    assert "null" not in cd.JsonSchema(newer, draft="openapi-3.1") and '"x"' in cd.JsonSchema(newer)
    with pytest.raises(SchemaInvalid, match="openapi-2"):
        cd.JsonSchema(PET, draft="openapi-2")
