"""Alternatives of which exactly one holds, told apart by a property: also where a value has no properties."""

import json

import jsonschema_rs
import pytest

from ctrldiff.automata.compile import compile_expression
from ctrldiff.json_schema import JsonSchema
from ctrldiff.json_schema.compiler import compile_schema
from ctrldiff.limits import DEFAULT


def kind(value, **more):
    return {"properties": {"k": {"const": value}}, "required": ["k"], **more}


OBJECT_OR_NULL = ["object", "null"]
WHOLE, ANY = ["object", "integer", "null"], ["object", "number", "null"]
ONE_OF = {
    "no types": {"oneOf": [kind("a"), kind("b")]},
    "types around": {"type": OBJECT_OR_NULL, "oneOf": [kind("a"), kind("b")]},
    "types of each": {"oneOf": [kind("a", type=OBJECT_OR_NULL), kind("b", type=OBJECT_OR_NULL)]},
    "a type of one": {"oneOf": [kind("a", type="object"), kind("b")]},
    "types that overlap": {"oneOf": [kind("a", type=WHOLE), kind("b", type=ANY)]},
    "bounds beside": {"oneOf": [kind("a", minimum=1), kind("b", maximum=1)]},
    "one without": {"oneOf": [kind("a"), kind("b"), {"type": "string"}]},
    "equal ones": {"oneOf": [kind("a", minimum=1), kind("b"), kind("a", type=["object", "string"])]},
    "items beside": {"type": ["object", "array"], "allOf": [{"oneOf": [kind("a"), kind("b", minItems=1)]}]},
    "objects alone": {"type": "object", "oneOf": [kind("a"), kind("b")]},
}
VALUES = [None, True, 0, 1, 1.5, 2, "", "a", [], [1], {}, {"k": "a"}, {"k": "b"}, {"k": "c"}, {"a": 1}]


@pytest.mark.parametrize("apart", [False, True], ids=["together", "apart"])
@pytest.mark.parametrize("what", ONE_OF)
def test_a_tag_tells_only_objects_apart(what, apart):
    schema = JsonSchema(ONE_OF[what], additional="any", depth=1)
    context = schema.context(DEFAULT)
    context.apart = apart
    dfa = compile_expression(compile_schema(context))
    valid = jsonschema_rs.Draft202012Validator(ONE_OF[what]).is_valid
    for value in VALUES:
        assert (schema.canonical(value) in dfa) == valid(value), json.dumps(value)


def test_many_untyped_alternatives_of_a_typed_place_cost_no_differences():
    members = [kind(f"k{n}") for n in range(40)]
    dfa = JsonSchema({"type": "object", "allOf": [{"oneOf": members}]}).dfa()
    assert '{"k":"k7"}' in dfa and '{"k":"k40"}' not in dfa and dfa.n_states < 200
