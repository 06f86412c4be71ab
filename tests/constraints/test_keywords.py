"""The table of keywords is whole: each row is enforced, refused, pointed through or an annotation, and none is listed
elsewhere."""

import ast
from pathlib import Path

import pytest

import ctrldiff
from ctrldiff.json_schema import JsonSchema
from ctrldiff.json_schema.combining import COMBINING
from ctrldiff.json_schema.compiler import TYPES
from ctrldiff.json_schema.keywords import ANNOTATIONS, FAMILY, KEYWORDS, parts, those

PACKAGE = Path(ctrldiff.__file__).parent
TABLE = PACKAGE / "json_schema" / "keywords.py"

# Of each keyword that rules something out: a schema, a value that it accepts, one that it rejects.
ENFORCED = {
    "type": ({"type": "integer"}, 1, "a"),
    "enum": ({"enum": [1, "a"]}, "a", 2),
    "const": ({"const": [1]}, [1], [2]),
    "allOf": ({"allOf": [{"type": "integer"}, {"minimum": 2}]}, 2, 1),
    "anyOf": ({"anyOf": [{"const": 1}, {"type": "string"}]}, "a", 2),
    "oneOf": ({"oneOf": [{"type": "integer"}, {"type": "number", "minimum": 5}]}, 3, 6),
    "not": ({"type": "integer", "not": {"const": 1}}, 2, 1),
    "if": ({"type": "integer", "if": {"minimum": 3}, "then": {"multipleOf": 2}}, 4, 5),
    "then": ({"type": "integer", "if": {"minimum": 3}, "then": {"multipleOf": 2}}, 1, 3),
    "else": ({"type": "integer", "if": {"minimum": 3}, "else": {"multipleOf": 2}}, 5, 1),
    "$ref": ({"$ref": "#/$defs/a", "$defs": {"a": {"type": "integer"}}}, 1, "a"),
    "$recursiveRef": ({"type": "array", "items": {"$recursiveRef": "#"}}, [[]], [1]),
    "$dynamicRef": ({"type": "array", "items": {"$dynamicRef": "#"}}, [[]], [1]),
    "minLength": ({"type": "string", "minLength": 2}, "ab", "a"),
    "maxLength": ({"type": "string", "maxLength": 1}, "a", "ab"),
    "pattern": ({"type": "string", "pattern": "^a"}, "ab", "b"),
    "format": ({"type": "string", "format": "date"}, "2026-02-28", "2026-02-29"),
    "x-pattern-rust": ({"type": "string", "x-pattern-rust": r"^\w+$"}, "José", "a b"),
    "x-pattern-python": ({"type": "string", "x-pattern-python": r"^\w+$"}, "José\n", "José\n\n"),
    "x-text": ({"type": "string", "x-text": [{"contains": "a"}, {"length": {"words": 2}}]}, 'a "b"', "ab c"),
    "x-json": ({"type": "string", "x-json": {"type": "integer"}}, "1", "a"),
    "x-span": ({"type": "string", "x-span": True}, "Ana", "Eva"),
    "x-from-text": ({"type": "string", "x-from-text": "text"}, "Ana", "Eva"),
    "minimum": ({"type": "integer", "minimum": 2}, 2, 1),
    "maximum": ({"type": "integer", "maximum": 2}, 2, 3),
    "exclusiveMinimum": ({"type": "integer", "exclusiveMinimum": 2}, 3, 2),
    "exclusiveMaximum": ({"type": "integer", "exclusiveMaximum": 2}, 1, 2),
    "multipleOf": ({"type": "integer", "multipleOf": 3}, 6, 4),
    "items": ({"type": "array", "items": {"type": "integer"}}, [1], ["a"]),
    "prefixItems": ({"type": "array", "prefixItems": [{"type": "integer"}]}, [1, "a"], ["a"]),
    "additionalItems": ({"type": "array", "items": [{}], "additionalItems": {"const": 1}}, [2, 1], [2, 2]),
    "unevaluatedItems": ({"type": "array", "prefixItems": [{}], "unevaluatedItems": {"const": 1}}, [2, 1], [2, 2]),
    "contains": ({"type": "array", "contains": {"const": 1}}, [2, 1], [2]),
    "minContains": ({"type": "array", "contains": {"const": 1}, "minContains": 2}, [1, 1], [1]),
    "maxContains": ({"type": "array", "contains": {"const": 1}, "maxContains": 1}, [1, 2], [1, 1]),
    "minItems": ({"type": "array", "minItems": 1}, [1], []),
    "maxItems": ({"type": "array", "maxItems": 1}, [1], [1, 1]),
    "uniqueItems": ({"type": "array", "items": {"enum": [1, 2]}, "uniqueItems": True}, [1, 2], [1, 1]),
    "properties": ({"type": "object", "properties": {"a": {"type": "integer"}}}, {"a": 1}, {"a": "a"}),
    "required": ({"type": "object", "required": ["a"]}, {"a": 1}, {}),
    "dependentRequired": ({"type": "object", "dependentRequired": {"a": ["b"]}}, {"a": 1, "b": 1}, {"a": 1}),
    "dependentSchemas": ({"type": "object", "dependentSchemas": {"a": {"required": ["b"]}}}, {"b": 1}, {"a": 1}),
    "dependencies": ({"type": "object", "dependencies": {"a": ["b"], "c": {"required": ["a"]}}}, {"b": 1}, {"c": 1}),
    "patternProperties": ({"type": "object", "patternProperties": {"^a": {"const": 1}}}, {"ab": 1}, {"ab": 2}),
    "additionalProperties": ({"type": "object", "additionalProperties": {"const": 1}}, {"a": 1}, {"a": 2}),
    "unevaluatedProperties": (
        {"type": "object", "allOf": [{"properties": {"a": {}}}], "unevaluatedProperties": False},
        {"a": 1},
        {"b": 1},
    ),
    "propertyNames": ({"type": "object", "propertyNames": {"maxLength": 1}}, {"a": 1}, {"ab": 1}),
    "minProperties": ({"type": "object", "minProperties": 1}, {"a": 1}, {}),
    "maxProperties": (
        {"type": "object", "properties": {"a": {}, "b": {}}, "maxProperties": 1},
        {"a": 1},
        {"a": 1, "b": 1},
    ),
}
# Of each keyword that names a schema: one that a reference finds by it.
NAMED = {
    "$id": {"$ref": "http://x/a", "$defs": {"a": {"$id": "http://x/a", "type": "integer"}}},
    "id": {
        "$schema": "http://json-schema.org/draft-04/schema#",
        "allOf": [{"$ref": "http://x/a"}],
        "definitions": {"a": {"id": "http://x/a", "type": "integer"}},
    },
    "$anchor": {"$ref": "#a", "$defs": {"a": {"$anchor": "a", "type": "integer"}}},
    "$dynamicAnchor": {"$dynamicRef": "#a", "$defs": {"a": {"$dynamicAnchor": "a", "type": "integer"}}},
    "$defs": {"$ref": "#/$defs/a", "$defs": {"a": {"type": "integer"}}},
    "definitions": {"$ref": "#/definitions/a", "definitions": {"a": {"type": "integer"}}},
    "$schema": {"$schema": "http://json-schema.org/draft-04/schema#", "type": "integer", "const": "a"},
}
# What a reference leads out to on the way on which it was reached: it has an effect where nothing points to it by name.
LED_OUT_TO = {
    "$recursiveAnchor": {
        "$id": "http://x/b",
        "$recursiveAnchor": True,
        "type": "array",
        "allOf": [{"$ref": "a"}],
        "$defs": {"a": {"$id": "http://x/a", "$recursiveAnchor": True, "items": {"$recursiveRef": "#"}}},
    },
}


def test_every_row_is_enforced_refused_pointed_through_or_an_annotation():
    proved = [*ENFORCED, *NAMED, *LED_OUT_TO, *ANNOTATIONS]
    assert len(set(proved)) == len(proved) and set(proved) == set(KEYWORDS)


def without(schema, keyword):
    """The schema with a keyword taken out wherever it stands."""
    if isinstance(schema, list):
        return [without(part, keyword) for part in schema]
    if not isinstance(schema, dict):
        return schema
    return {name: without(part, keyword) for name, part in schema.items() if name != keyword}


def enforcing(schema, **how):
    return JsonSchema(schema, document="Ana Lopez", **how)


@pytest.mark.parametrize("additional", ["declared", "any"])
@pytest.mark.parametrize("keyword", ENFORCED)
def test_a_keyword_is_enforced_and_told(keyword, additional):
    schema, right, wrong = ENFORCED[keyword]
    one, bare = enforcing(schema, additional=additional), enforcing(without(schema, keyword), additional="any")
    assert one.canonical(right) in one and one.canonical(wrong) not in one
    assert bare.canonical(wrong) in bare or KEYWORDS[keyword].beside == "if"  # which takes its other half with it
    assert dict(one.report().enforced)[keyword] == 1
    assert keyword not in dict(bare.report().enforced)


@pytest.mark.parametrize("keyword", ENFORCED)
def test_a_keyword_is_enforced_in_a_member_of_its_own_and_under_not(keyword):
    schema, right, wrong = ENFORCED[keyword]
    if keyword.startswith("$"):
        inner = {**schema, "$id": "http://x/y"}  # the document that "#" is
    else:
        inner = {name: part for name, part in schema.items() if name != "type" or keyword == "type"}
    for whole, held in (({"allOf": [inner]}, True), ({"not": inner}, False)):
        one = enforcing(whole, additional="any")
        assert [one.canonical(value) in one for value in (right, wrong)] == [held, not held], whole


@pytest.mark.parametrize("keyword", NAMED)
def test_what_a_keyword_names_is_found(keyword):
    one = JsonSchema(NAMED[keyword])
    assert "1" in one and '"a"' not in one
    assert dict(one.report().enforced)["type"] == 1


@pytest.mark.parametrize("keyword", LED_OUT_TO)
def test_what_a_reference_leads_out_to_is_what_the_keyword_says(keyword):
    schema = LED_OUT_TO[keyword]
    one, bare = (JsonSchema(one, additional="any") for one in (schema, without(schema, keyword)))
    assert "[[]]" in one and "[[]]" in bare and "[1]" not in one and "[1]" in bare


@pytest.mark.parametrize("keyword", sorted(ANNOTATIONS))
def test_an_annotation_rules_nothing_out(keyword):
    one = JsonSchema({"type": "integer", keyword: {"type": "string"}}, additional="any")
    assert "1" in one and '"a"' not in one
    report = one.report()
    assert dict(report.enforced) == {"type": 1} and report.ignored == report.refused == ()


@pytest.mark.parametrize("keyword", those(lambda row: row.of not in ("", "itself", "names", "some", "unevaluated")))
def test_what_a_keyword_speaks_of_has_been_evaluated(keyword):
    schema, right, _ = ENFORCED[keyword]
    rest = parts(KEYWORDS[keyword].family, "unevaluated")[0]
    value = right[:1] if keyword == "prefixItems" else right
    one = JsonSchema({"type": schema["type"], "allOf": [without(schema, "type")], rest: False}, additional="any")
    assert one.canonical(value) in one


def test_families_are_what_their_code_reads():
    assert set(COMBINING) == set(those(lambda row: row.of == "itself" and not row.family and not row.beside))
    assert all(row.family in ("", *TYPES) and row.beside in ("", *KEYWORDS) for row in KEYWORDS.values())
    assert set(parts("object", "matching")) == {"patternProperties"}
    assert {family: len(keywords) for family, keywords in FAMILY.items()} == {
        "string": 9,
        "number": 5,
        "array": 7,
        "object": 11,
    }


def literals(tree):
    """The strings that a file asks a dict for: by index, by `in`, by `get`, `pop` or `setdefault`."""
    for node in ast.walk(tree):
        asked = []
        if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name) and node.value.id in SCHEMAS:
            asked = [node.slice]
        elif isinstance(node, ast.Compare) and isinstance(node.comparators[0], ast.Name):
            asked = [node.left] if node.comparators[0].id in SCHEMAS else []
        elif (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and isinstance(node.func.value, ast.Name)
        ):
            asked = node.args[:1] if node.func.value.id in SCHEMAS else []
        elif isinstance(node, ast.Call) and len(node.args) > 1 and isinstance(node.args[0], ast.Name):
            asked = node.args[1:2] if node.args[0].id in SCHEMAS else []
        yield from (one.value for one in asked if isinstance(one, ast.Constant) and isinstance(one.value, str))


SCHEMAS = {"schema", "member", "m", "part", "node", "x", "y", "root"}  # what the compiler calls a schema


def test_every_keyword_that_the_compiler_reads_has_a_row():
    read = {
        name for path in TABLE.parent.glob("*.py") for name in literals(ast.parse(path.read_text(encoding="utf-8")))
    }
    assert {"minItems", "format", "if", "additionalItems", "x-span"} <= read
    assert read - {"#"} <= set(KEYWORDS)


# Each bound with the one that excludes it: pairs, to which nothing will be added.
PAIRS = [{bound, exclusive} for bound, exclusive in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum"))]


def test_keywords_are_listed_in_the_table_alone():
    """A list of two keywords or more is a list that the next keyword would be missing from."""
    telling = {name for name in KEYWORDS if name.startswith("$") or not name.islower()}
    found = []
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if path != TABLE else ():
            if isinstance(node, ast.Tuple | ast.List | ast.Set) and len(node.elts) > 1:
                words = [one.value for one in node.elts if isinstance(one, ast.Constant)]
                listed = set(words) if len(words) == len(node.elts) else set()
                if listed <= set(KEYWORDS) and telling & listed and listed not in PAIRS:
                    found.append(f"{path.relative_to(PACKAGE)}:{node.lineno} {words}")
    assert not found
