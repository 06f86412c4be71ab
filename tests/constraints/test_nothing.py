"""Where no text satisfies a constraint, the error names the first part that became nothing, and must not be."""

import pytest

import ctrldiff as cd
from ctrldiff.errors import ConstraintUnsatisfiable
from ctrldiff.json_schema import JsonSchema

BYTES = cd.Vocabulary.from_tokens([*(bytes([c]) for c in range(256)), None], stop_ids=[256])
EMPTY = {"enum": []}


def an_object(a, *required, **others):
    return {"type": "object", "properties": {"ok": {"type": "string"}, "a": a, **others}, "required": [*required]}


CASES = {
    "an empty list": (an_object(EMPTY, "a"), "#/properties/a", "lists no value"),
    "not the optional one before it": (an_object(EMPTY, "b", b=EMPTY), "#/properties/b", "lists no value"),
    "required and forbidden": (an_object(False, "a"), "#", "'a' is required"),
    "a closed tuple": ({"prefixItems": [True], "items": False, "type": "array", "minItems": 2}, "#/items", "false"),
    "steps and bounds": (
        an_object({"type": "integer", "multipleOf": 10, "minimum": 1, "maximum": 5}, "a"),
        "#/properties/a",
        "type, multipleOf, minimum, maximum",
    ),
    "pattern and length": (
        an_object({"type": "string", "pattern": "^a{5}$", "maxLength": 2}, "a"),
        "#/properties/a",
        "pattern",
    ),
    "two types": ({"allOf": [{"type": "string"}, {"type": "integer"}]}, "#", "allOf"),
    "all alternatives": ({"anyOf": [EMPTY, {"type": "array", "items": EMPTY, "minItems": 1}]}, "#/anyOf/0", "no value"),
    "one alternative is no reason": (
        {**an_object(EMPTY, "a"), "anyOf": [{"properties": {"x": EMPTY}, "required": ["x"]}, True]},
        "#/properties/a",
        "lists no value",
    ),
    "within a definition": (
        {"$ref": "#/$defs/x", "$defs": {"x": an_object({"$ref": "#/$defs/y"}, "a"), "y": EMPTY}},
        "#/$defs/y",
        "lists no value",
    ),
    "without end": (an_object({"$ref": "#"}, "a"), "#/properties/a", "recursion"),
    "a length": (an_object({"type": "string", "minLength": 3, "maxLength": 2}, "a"), "#/properties/a", "minLength 3"),
}


@pytest.mark.parametrize("case", CASES)
def test_the_part_to_blame_is_named(case):
    given, pointer, why = CASES[case]
    schema, weighed = JsonSchema(given), cd.Prior.of(cd.Regex("a"), 1.0)
    for compiled in (schema.compile, lambda vocabulary: weighed.compile(schema, vocabulary)):
        with pytest.raises(ConstraintUnsatisfiable, match="no text satisfies") as caught:
            compiled(BYTES)
        assert caught.value.facts["pointer"] == pointer and why in str(caught.value), caught.value


@pytest.mark.parametrize(
    ("constraint", "name"),
    [
        (cd.Regex("a^b"), r"a\^b"),
        (cd.Regex("a") & cd.Regex("b"), "all of"),
        (cd.Regex("a") & cd.Regex("b^c"), r"b\^c"),
    ],
)
def test_other_constraints_name_themselves(constraint, name):
    with pytest.raises(ConstraintUnsatisfiable, match=name):
        constraint.compile(BYTES)


def test_a_recursion_that_needs_depth_is_satisfiable():
    """Five levels at least, said beside a recursion that is unrolled two deep by itself."""

    def deep(levels):
        return {"properties": {"a": deep(levels - 1)}, "required": ["a"]} if levels else {}

    tree = {"type": "object", "properties": {"a": {"$ref": "#/$defs/tree"}}, "additionalProperties": False}
    schema = JsonSchema({"$ref": "#/$defs/tree", "$defs": {"tree": tree}, **deep(5)})
    assert schema.dfa().shortest() == b'{"a":' * 5 + b"{}" + b"}" * 5
    with pytest.raises(ConstraintUnsatisfiable):
        schema.but(recursion=2).compile(BYTES)


def test_parts_that_no_value_satisfies_are_told_where_the_whole_can_do_without():
    properties = {
        "a": {"enum": []},
        "b": {"type": "integer", "minimum": 5, "maximum": 3},
        "c": {"enum": [1], "const": 2},
        "d": {"type": "string", "maxLength": 3},
    }
    schema = JsonSchema({"type": "object", "properties": properties})
    assert '{"d":"x"}' in schema
    assert schema.report().empty == (
        ("#/properties/a", "its enum lists no value"),
        ("#/properties/b", "no number is from 5 to 3"),
        ("#/properties/c", "its enum lists no value that its const is"),
    )


def test_what_an_alternative_leaves_out_for_its_siblings_is_told():
    one = {"required": ["a"], "additionalProperties": {"type": "number"}}
    schema = JsonSchema({"anyOf": [one, {"maxItems": 2}]})
    assert '{"a":[]}' not in schema and '{"a":1}' in schema
    assert any("other alternatives" in how for _, how in schema.report().narrowed)
    open_ = JsonSchema({"anyOf": [{"type": "array", "properties": {"a": {}}}, {}]})
    assert '{"a":[]}' not in open_ and open_.report().narrowed
