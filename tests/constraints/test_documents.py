"""References outside a schema lead to what the caller gave, by URI or by a folder's file, and to nothing else."""

import json
from pathlib import Path

import pytest

from ctrldiff.errors import OutputInvalid, SchemaInvalid, SchemaUnsupported
from ctrldiff.json_schema import JsonSchema
from ctrldiff.types.structured import output_type

ADDRESS = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
URI = "https://example.com/address.json"
ORDER = {"type": "object", "properties": {"to": {"$ref": URI}}, "required": ["to"]}


def test_a_document_is_read_where_a_reference_leads_to_it():
    schema = JsonSchema(ORDER, documents={URI: ADDRESS})
    assert '{"to":{"city":"Bonn"}}' in schema and '{"to":{}}' not in schema and '{"to":1}' not in schema
    assert schema.validate({"to": {"city": "Bonn"}}) is None and "city" in schema.validate({"to": {}})
    assert output_type(schema).ask == "{to:{city}}"
    assert JsonSchema(ORDER, documents={URI: json.dumps(ADDRESS)}) == schema, "a document is given as a schema is"
    assert schema.but(depth=3).documents == schema.documents and hash(schema) == hash(schema.but())


def test_what_was_not_given_is_refused_with_its_place():
    with pytest.raises(SchemaUnsupported, match="documents=") as caught:
        JsonSchema(ORDER, documents={"https://example.com/other.json": {}}).dfa()
    assert caught.value.facts["pointer"] == "#/properties/to/$ref"


def test_documents_refer_to_each_other_and_back():
    documents = {
        "http://x/tree.json": {"type": "object", "properties": {"sub": {"$ref": "forest.json#/$defs/list"}}},
        "http://x/forest.json": {"$defs": {"list": {"type": "array", "items": {"$ref": "tree.json"}}}},
    }
    schema = JsonSchema({"$ref": "http://x/tree.json"}, documents=documents, recursion=6)
    assert '{"sub":[{},{"sub":[]}]}' in schema and '{"sub":[1]}' not in schema


def test_what_a_document_calls_itself_and_its_parts_is_known():
    documents = {
        "http://x/here.json": {"$id": "http://y/there.json", "$defs": {"a": {"$id": "part.json", "const": 1}}},
        "http://x/anchored.json": {"$defs": {"a": {"$anchor": "one", "const": 2}}},
    }
    for reference, value in (
        ("http://x/here.json#/$defs/a", "1"),
        ("http://y/there.json#/$defs/a", "1"),
        ("http://y/part.json", "1"),
        ("http://x/anchored.json#one", "2"),
    ):
        schema = JsonSchema({"$ref": reference}, documents=documents)
        assert value in schema and "3" not in schema, reference
    with pytest.raises(SchemaInvalid, match="not there"):
        JsonSchema({"$ref": "http://x/anchored.json#two"}, documents=documents).dfa()


def test_each_document_is_read_in_its_own_draft():
    tuple_ = {"$schema": "http://json-schema.org/draft-07/schema#", "items": [{"const": 1}], "prefixItems": [False]}
    root = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$ref": "http://x/old.json", "minItems": 1}
    schema = JsonSchema(root, documents={"http://x/old.json": tuple_}, additional="any")
    assert "[1]" in schema and "[2]" not in schema and "[]" not in schema
    assert [(at, word) for at, word, _ in schema.report().ignored] == [
        ("http://x/old.json#/prefixItems", "prefixItems")
    ]
    silent = {"$schema": tuple_["$schema"], "$ref": "#/definitions/a", "const": 1, "definitions": {"a": {"const": 2}}}
    schema = JsonSchema({"$ref": "http://x/s.json"} | {"minimum": 0}, documents={"http://x/s.json": silent})
    assert "2" in schema and "1" not in schema, "in its draft a $ref silences what is beside it"
    beside = JsonSchema(root | {"$ref": "http://x/s.json"}, documents={"http://x/s.json": silent})
    assert "2" in beside, "and in the schema's own it does not: minItems says nothing of numbers"


def test_places_in_a_document_are_told_by_its_uri():
    for unsupported in ("refuse", "check"):
        bad = ADDRESS | {"properties": {"city": {"type": "string", "pattern": "(a)\\1"}}}
        schema = JsonSchema(ORDER, documents={URI: bad}, unsupported=unsupported)
        place = f"{URI}#/properties/city/pattern"
        if unsupported == "refuse":
            assert place in schema.report().refused[0][0].replace(")", "").replace("(", "")
            continue
        assert schema.report().ignored[0][0].endswith("/properties/city/pattern")
        assert '{"to":{"city":"b"}}' in schema and '{"to":{}}' not in schema
        with pytest.raises(OutputInvalid):
            output_type(schema).read('{"to":{"city":"b"}}')
    with pytest.raises(SchemaInvalid, match=f"{URI}#/required"):
        JsonSchema(ORDER, documents={URI: {"required": True}}).dfa()
    misspelled = JsonSchema(ORDER, documents={URI: {"maxLenght": 1}})
    assert misspelled.report().unknown == ((f"{URI}#/maxLenght", "maxLenght", "maxLength"),)


def test_a_document_that_nothing_leads_to_is_not_read():
    assert "1" in JsonSchema({"const": 1}, documents={URI: {"required": True}})


def test_a_folder_of_schemas(tmp_path: Path):
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "address.json").write_text(json.dumps(ADDRESS | {"$ref": "../base.json"}))
    (tmp_path / "base.json").write_text('{"minProperties": 1}')
    (tmp_path / "named.json").write_text('{"$id": "https://example.com/named", "type": "integer"}')
    schema = JsonSchema({"$ref": "parts/address.json"}, documents=tmp_path)
    assert '{"city":"Bonn"}' in schema and "{}" not in schema and schema == schema.but(documents=str(tmp_path))
    assert "1" in JsonSchema({"$ref": "https://example.com/named"}, documents=tmp_path)
    (tmp_path / "broken.json").write_text("{")
    with pytest.raises(SchemaInvalid, match=r"broken\.json"):
        JsonSchema(True, documents=tmp_path)
    with pytest.raises(SchemaInvalid, match="no folder"):
        JsonSchema(True, documents=tmp_path / "nowhere")


@pytest.mark.parametrize("documents", [[ADDRESS], {1: ADDRESS}, {URI: 5}, {URI: "{"}, None])
def test_what_are_no_documents_is_named(documents):
    with pytest.raises(SchemaInvalid, match=r"document"):
        JsonSchema(True, documents=documents)


def test_what_stands_where_no_keyword_holds_it_refers_to_its_own_document():
    parts = {"parts": {"a": {"type": "array", "items": {"$ref": "#/parts/b"}}, "b": {"type": "integer"}}}
    schema = JsonSchema({"$ref": "other.json#/parts/a"}, documents={"other.json": parts})
    assert "[1,2]" in schema and '["x"]' not in schema
