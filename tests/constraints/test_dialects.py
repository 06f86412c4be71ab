"""A schema means what its draft says: keywords it does not have are ignored, and told. A validator is the referee."""

import json

import jsonschema_rs
import pytest

from ctrldiff.errors import ConstraintError, SchemaInvalid, SchemaUnsupported
from ctrldiff.json_schema import JsonSchema
from ctrldiff.json_schema.keywords import DRAFTS, KEYWORDS, URIS, draft_of
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


@pytest.mark.parametrize("uri", ["https://json-schema.org/draft/next/schema", "https://json-schema.org/v1"])
def test_the_draft_to_come_is_refused_by_name(uri):
    """It has keywords (`propertyDependencies`) that we would take for words that say nothing."""
    with pytest.raises(SchemaUnsupported, match="not read") as caught:
        JsonSchema({"$schema": uri, "propertyDependencies": {"a": {"b": False}}}).dfa()
    assert caught.value.pointer == "#/$schema" and "2020-12" in str(caught.value)


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
    assert '{"a":{"a":{}}}' in JsonSchema(other) and '{"a":1}' not in JsonSchema(other), "the outermost is the root"
    other = {"$ref": "http://x/b", "$defs": {"b": other}}
    deeper = JsonSchema({"$schema": URIS["2019-09"], **other})
    assert '{"a":{"a":{}}}' in deeper and '{"a":1}' not in deeper, "the outermost that has the name is b"


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


HELD = [None, True, 0, 1, 2.0, -1, 1.5, "a", [], ["a"], [1], [{}], [True], {}, {"a": {}}, {"a": ["b"]}, {"a": 1}]


@pytest.mark.parametrize("draft", ["draft-07", "2020-12"])
@pytest.mark.parametrize("keyword", [row.name for row in KEYWORDS.values() if row.role in ("asserts", "applies")])
def test_a_keyword_holds_what_it_has_to_wherever_it_stands(keyword, draft):
    """Also beside a type that it says nothing of, and where no value leads to."""
    ours = keyword.startswith("x-")
    if ours or not KEYWORDS[keyword].known(draft) or keyword in ("dependencies", "additionalItems"):
        return  # ours, and two that the last draft's metaschema does not look into
    for value in HELD:
        schema = {"$schema": URIS[draft], "type": "null", "$defs": {"unused": {"type": "null", keyword: value}}}
        valid = jsonschema_rs.meta.is_valid(schema if draft != "draft-07" else {"$schema": URIS[draft], keyword: value})
        schema = schema if draft != "draft-07" else {**schema, "definitions": schema["$defs"]}
        try:
            JsonSchema(schema).dfa()
        except SchemaInvalid as error:
            assert not valid and f"/unused/{keyword}" in error.pointer, value
        else:
            assert valid or value in ([], ["a"], "a"), (
                value
            )  # an empty list, or a name of no type, where it is compiled


def test_a_required_property_in_the_spelling_of_draft_3_is_invalid():
    with pytest.raises(SchemaInvalid, match="draft 3") as caught:
        JsonSchema({"type": "object", "properties": {"a": {"type": "string", "required": True}}}).dfa()
    assert caught.value.pointer == "#/properties/a/required"


@pytest.mark.parametrize("how", ["root", "property", "definition", "elsewhere"])
def test_patterns_over_names_that_cannot_be_enforced_are_left_out_at_their_own_place(how):
    inner = {"type": "object", "patternProperties": {"^(a)\\1$": {"type": "null"}}, "required": ["b"]}
    kept = {"patternProperties": {"^b": {"type": "integer"}}}
    schema, at = {
        "root": (inner, "#"),
        "property": ({"type": "object", "properties": {"p": inner}, **kept}, "#/properties/p"),
        "definition": ({"$ref": "#/$defs/o", "$defs": {"o": inner}, **kept}, "#/$defs/o"),
        "elsewhere": ({"$ref": "#/x/o", "x": {"o": {"allOf": [inner]}}, **kept}, "#/x/o/allOf/0"),
    }[how]
    one = JsonSchema(schema, unsupported="ignore", additional="any")
    assert [(found[0], found[1]) for found in one.report().ignored] == [
        (f"{at}/patternProperties", "patternProperties")
    ]
    objects = [{"aa": 1, "b": 1}, {"aa": 1}]
    if how == "property":
        objects = [{"p": value} for value in objects]
    assert [one.canonical(value) in one for value in objects] == [True, False]
    if how != "root":
        assert one.canonical({"b": "x"}) not in one
    with pytest.raises(SchemaUnsupported) as caught:
        JsonSchema(schema).dfa()
    assert caught.value.pointer == f"{at}/patternProperties"


LIST = {"$id": "list", "type": "array", "items": {"$dynamicRef": "#item"}, "$defs": {"i": {"$dynamicAnchor": "item"}}}


def test_a_dynamic_reference_leads_out_to_the_root():
    """Whatever the way on which it was reached, the root is the outermost of all."""
    item = {"$dynamicAnchor": "item", "type": "string"}
    for way in ({"$ref": "list"}, {"anyOf": [{"$ref": "list"}, {"type": "null"}]}, {"$ref": "#/$defs/between"}):
        between = {"$id": "between", "$ref": "list"}
        schema = {"$id": "http://x/root", **way, "$defs": {"item": item, "list": LIST, "between": between}}
        assert '["a"]' in JsonSchema(schema) and "[1]" not in JsonSchema(schema), way
        referee = VALIDATORS["2020-12"](schema)
        assert referee.is_valid(["a"]) and not referee.is_valid([1])
    alone = JsonSchema({"$id": "http://x/root", "$ref": "list", "$defs": {"list": LIST}})
    assert '["a",1]' in alone, "and where it has no such name, the only other that has"


def test_a_dynamic_reference_depends_on_the_way_on_which_it_was_reached():
    """One list, reached in one schema as a list of strings, as a list of numbers, and as it is."""
    one_of = {name: {"$dynamicAnchor": "item", "type": name} for name in ("string", "number")}
    lists = {f"{name}s": {"$id": f"{name}s", "$ref": "list", "$defs": {"item": one_of[name]}} for name in one_of}
    ways = {"s": {"$ref": "strings"}, "n": {"$ref": "numbers"}, "all": {"$ref": "list"}}
    schema = {"$id": "http://x/root", "type": "object", "properties": ways, "$defs": {**lists, "list": LIST}}
    described, referee = JsonSchema(schema), VALIDATORS["2020-12"](schema)
    for name in ways:
        for items in ([], ["a"], [1], ["a", 1]):
            text = json.dumps({name: items}, separators=(",", ":"))
            assert (text in described) == referee.is_valid({name: items}), text
    assert described.report().refused == ()


OLD = {
    "a list of items": ({"items": [{"type": "integer"}], "additionalItems": {"type": "string"}}, [1, "a"], ["a"]),
    "a list of items alone": ({"items": [{"type": "integer"}]}, [1, None], ["a"]),
    "a bound excluded": ({"minimum": 1, "exclusiveMinimum": True}, 2, 1),
    "a bound that is not": ({"maximum": 1, "exclusiveMaximum": False}, 1, 2),
    "dependencies": ({"dependencies": {"a": ["b"], "b": {"required": ["c"]}}}, {"c": 1}, {"a": 1, "b": 1}),
}


@pytest.mark.parametrize("where", ["here", "below", "elsewhere"])
@pytest.mark.parametrize("what", OLD)
def test_without_a_draft_old_spellings_are_read_wherever_a_value_is_judged(what, where):
    schema, right, wrong = OLD[what]
    given = {"elsewhere": {"x.json": schema}}.get(where, {})
    placed = {
        "here": schema,
        "below": {"allOf": [{"$ref": "#/old/0"}], "old": [schema]},
        "elsewhere": {"$ref": "x.json"},
    }
    one = JsonSchema(placed[where], documents=given, additional="any")
    assert one.canonical(right) in one and one.validate(right) is None
    assert one.canonical(wrong) not in one and one.validate(wrong) is not None


def test_items_that_perhaps_must_differ_are_told_in_old_spellings_too():
    old = {"type": "array", "items": [{"type": "integer"}], "additionalItems": {"type": "string"}}
    one = JsonSchema({**old, "anyOf": [{"uniqueItems": True}, {"minItems": 4}]})
    assert '[1,"a"]' in one and '[1,"a","a"]' not in one and '[1,"a","a","a"]' in one
