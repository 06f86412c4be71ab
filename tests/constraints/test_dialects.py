"""A schema means what its draft says: keywords it does not have are ignored, and told. A validator is the referee."""

import json

import jsonschema_rs
import pytest

from ctrldiff.constraints.json_schema import JsonSchema
from ctrldiff.constraints.json_schema.compiler import COMBINING, TYPES
from ctrldiff.constraints.json_schema.keywords import DRAFTS, FAMILY, KEYWORDS, URIS, draft_of
from ctrldiff.errors import ConstraintError, SchemaInvalid, SchemaUnsupported
from tests.conftest import few

VALIDATORS = {
    "draft-04": jsonschema_rs.Draft4Validator,
    "draft-06": jsonschema_rs.Draft6Validator,
    "draft-07": jsonschema_rs.Draft7Validator,
    "2019-09": jsonschema_rs.Draft201909Validator,
    "2020-12": jsonschema_rs.Draft202012Validator,
}
# One use of every keyword that not every draft has.
USES = {
    "const": {"const": 1},
    "propertyNames": {"propertyNames": {"maxLength": 1}},
    "contains": {"contains": {"type": "integer"}},
    "minContains": {"contains": {"type": "integer"}, "minContains": 0},
    "maxContains": {"contains": {"type": "integer"}, "maxContains": 1},
    "prefixItems": {"prefixItems": [{"type": "string"}], "items": {"type": "integer"}},
    "additionalItems": {"items": [{"type": "string"}], "additionalItems": {"type": "integer"}},
    "if": {"if": {"type": "integer"}, "then": {"minimum": 2}, "else": {"type": "string"}},
    "dependentRequired": {"dependentRequired": {"a": ["b"]}},
    "dependentSchemas": {"dependentSchemas": {"a": {"required": ["b"]}}},
    "unevaluatedProperties": {"properties": {"a": {}}, "unevaluatedProperties": {"type": "integer"}},
    "unevaluatedItems": {"unevaluatedItems": {"type": "integer"}},
    "$recursiveRef": {"properties": {"a": {"$recursiveRef": "#"}}, "additionalProperties": {"type": "string"}},
    "$dynamicRef": {"properties": {"a": {"$dynamicRef": "#"}}, "additionalProperties": {"type": "string"}},
}
WRAPPED = {
    "as it is": lambda schema: schema,
    "not": lambda schema: {"not": schema},
    "any of": lambda schema: {"anyOf": [schema, {"type": "null"}]},
    "one of": lambda schema: {"oneOf": [schema, {"type": "null"}, {"type": "string", "maxLength": 1}]},
    "in a property": lambda schema: {"type": "object", "properties": {"p": {"not": schema}}},
    "through a reference": lambda schema: {"not": {"$ref": "#/definitions/x"}, "definitions": {"x": schema}},
}
VALUES = [
    *(None, True, 0, 1, 2, 1.5, "", "a", "bc", [], [1], ["a"], ["a", 1], [1, "a"], [1, 1], [1, 2, "x"], ["a", "b"], {}),
    *(
        {"a": 1},
        {"a": "x"},
        {"a": {}},
        {"a": {"a": {}}},
        {"a": {"c": 1}},
        {"b": 1},
        {"a": 1, "b": 2},
        {"bc": 1},
        {"c": "x"},
    ),
]


@pytest.mark.parametrize("wrapped", few(sorted(WRAPPED, key=lambda w: w != "not"), 1))
@pytest.mark.parametrize("keyword", USES)
@pytest.mark.parametrize("draft", DRAFTS)
def test_nothing_is_accepted_that_the_draft_forbids(draft, keyword, wrapped):
    schema = WRAPPED[wrapped](USES[keyword])
    if keyword.startswith("$"):
        schema = {"type": "object", **USES[keyword]}  # "#" is the document
    said, told = {"$schema": URIS[draft], **schema}, JsonSchema(schema, additional="any", draft=draft)
    values = [*VALUES, *({"p": value} for value in VALUES)]
    try:
        valid = VALIDATORS[draft](schema).is_valid
    except ValueError:
        valid = None  # no schema of that draft
    for one in (JsonSchema(said, additional="any"), told):
        try:
            dfa = one.dfa()
        except ConstraintError as error:
            assert error.pointer if isinstance(error, SchemaUnsupported) else isinstance(error, SchemaInvalid)
            continue
        assert valid is not None
        wrong = [value for value in values if one.canonical(value) in dfa and not valid(value)]
        assert not wrong
        foreign = not KEYWORDS[keyword].known(draft)
        assert foreign == any(found[1] == keyword for found in one.report().ignored)


def test_every_ignored_keyword_is_told_with_its_place():
    schema = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "type": "object",
        "properties": {"a/b": {"type": "array", "prefixItems": [{}], "items": {"minContains": 2}}},
        "definitions": {"x": {"dependentRequired": {"a": ["b"]}}},
    }
    assert {(at, name) for at, name, _ in JsonSchema(schema).report().ignored} == {
        ("#/properties/a~1b/prefixItems", "prefixItems"),
        ("#/properties/a~1b/items/minContains", "minContains"),
        ("#/definitions/x/dependentRequired", "dependentRequired"),
    }
    assert JsonSchema({key: value for key, value in schema.items() if key != "$schema"}).report().ignored == ()


def test_a_place_that_only_a_reference_leads_to_is_read_in_its_draft_too():
    schema = {"$schema": URIS["draft-04"], "not": {"$ref": "#/components/a"}, "components": {"a": {"const": 1}}}
    assert not any(text in JsonSchema(schema, additional="any") for text in ("1", "2", '"x"', "{}"))  # not {}
    assert JsonSchema(schema, additional="any").report().ignored[0][0] == "#/components/a/const"


@pytest.mark.parametrize(
    "inner", [{"disallow": ["string"]}, {"divisibleBy": 2}, {"properties": {"a": {"required": True}}}]
)
@pytest.mark.parametrize("where", ["document", "resource"])
def test_a_draft_before_the_fourth_is_refused_by_name(inner, where):
    old = {"$schema": "http://json-schema.org/draft-03/schema#", "id": "http://x/y", "$id": "http://x/y", **inner}
    schema = old if where == "document" else {"properties": {"p": old}}
    with pytest.raises(SchemaUnsupported, match="draft-03") as caught:
        JsonSchema(schema).dfa()
    assert caught.value.pointer.endswith("/$schema") and "draft-07" in str(caught.value)


def test_a_resource_that_reads_references_otherwise_is_refused():
    resource = {"$schema": URIS["draft-07"], "$id": "http://x/y", "$ref": "#/definitions/a", "minimum": 3}
    resource["definitions"] = {"a": {}}
    with pytest.raises(SchemaUnsupported, match="another draft"):
        JsonSchema({"$schema": URIS["2020-12"], "properties": {"p": resource}}).dfa()


@pytest.mark.parametrize(
    "draft, schema",
    [
        ("draft-04", {"exclusiveMinimum": 3}),
        ("draft-07", {"minimum": 3, "exclusiveMinimum": True}),
        ("2020-12", {"items": [{"type": "string"}]}),
    ],
)
def test_a_value_of_another_drafts_kind_is_invalid(draft, schema):
    with pytest.raises(SchemaInvalid) as caught:
        JsonSchema(schema, draft=draft).dfa()
    assert caught.value.pointer
    JsonSchema(schema).dfa()  # without a draft it is read as the one that has it


def test_a_draft_has_a_name():
    with pytest.raises(SchemaInvalid, match="draft-07"):
        JsonSchema({}, draft="draft7")
    assert draft_of("http://json-schema.org/draft-07/schema#") == draft_of("https://json-schema.org/draft-07/schema")
    assert draft_of("https://example.com/mine") is None and draft_of(7) is None


def test_recursion_by_the_old_reference_is_enforced():
    schema = {"$schema": URIS["2019-09"], "type": "object", "properties": {"a": {"$recursiveRef": "#"}}}
    schema["additionalProperties"] = False
    one = JsonSchema(schema)
    assert '{"a":{"a":{}}}' in one and '{"a":1}' not in one and '{"a":{"b":{}}}' not in one
    anchored = {**schema, "$recursiveAnchor": True, "$id": "http://x/a"}
    assert '{"a":{"a":{}}}' in JsonSchema(anchored) and '{"a":1}' not in JsonSchema(anchored)
    other = {"$id": "http://x/b", "$recursiveAnchor": True, "allOf": [{"$ref": "a"}], "$defs": {"a": anchored}}
    with pytest.raises(SchemaUnsupported, match="depends on who refers"):
        JsonSchema({"$schema": URIS["2019-09"], **other}).dfa()


def test_the_table_holds_every_keyword_that_is_read():
    """Of each type's own keywords, none is forgotten: a place without a type is of the type that they speak of."""
    assert set(COMBINING) <= set(KEYWORDS) and all(row.family in ("", *TYPES) for row in KEYWORDS.values())
    assert all(row.beside in (*FAMILY["array"], "") for row in KEYWORDS.values())
    assert FAMILY == {
        "string": {"minLength", "maxLength", "pattern", "format", "x-span"},
        "number": {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"},
        "array": {"items", "minItems", "maxItems", "prefixItems", "contains", "uniqueItems", "unevaluatedItems"},
        "object": {
            *("properties", "required", "additionalProperties", "patternProperties", "propertyNames", "minProperties"),
            *("maxProperties", "dependentRequired", "dependentSchemas", "dependencies", "unevaluatedProperties"),
        },
    }


NESTED = {"type": "object", "properties": {"a": {"$ref": "https://example.com/x.json"}, "b": {"type": "integer"}}}


@pytest.mark.parametrize("how", ["properties", "definition", "items", "anyOf"])
def test_what_is_left_out_is_the_keyword_at_its_own_place(how):
    inner = {**NESTED, "required": ["a", "b"]}
    schema = {
        "properties": {"type": "object", "properties": {"p": inner}, "required": ["p"]},
        "definition": {"$ref": "#/$defs/o", "$defs": {"o": inner}},
        "items": {"type": "array", "items": inner, "minItems": 1},
        "anyOf": {"anyOf": [inner, {"type": "null"}]},
    }[how]
    wrap = {"properties": '{{"p":{}}}', "definition": "{}", "items": "[{}]", "anyOf": "{}"}[how]
    one = JsonSchema(schema, unsupported="ignore")
    assert wrap.format('{"a":null,"b":1}') in one
    assert wrap.format('{"a":null,"b":"x"}') not in one and wrap.format('{"b":1}') not in one and "0" not in one
    assert [found[1] for found in one.report().ignored] == ["$ref"]
    with pytest.raises(SchemaUnsupported) as caught:
        JsonSchema(schema).dfa()
    assert caught.value.pointer.endswith("/properties/a/$ref")


def test_the_value_of_a_checked_schema_is_the_drafts_too():
    schema = {"pattern": "^(a)\\1$", "prefixItems": [{"type": "string"}]}
    assert JsonSchema(schema, unsupported="check", draft="draft-07").validate([1]) is None
    assert JsonSchema(schema, unsupported="check").validate([1]) is not None
    assert json.loads(JsonSchema(schema, draft="draft-07").text) == schema
