"""Properties that no schema names: never one twice, and as many as the page says."""

import itertools
import json

import numpy as np
import pytest

from ctrldiff.constraints.basic import Regex
from ctrldiff.json_schema import JsonSchema
from ctrldiff.json_schema.others import FEW
from tests.conftest import few

INTEGERS = {"type": "object", "additionalProperties": {"type": "integer"}}
TERMINALS = {
    "type": "object",
    "patternProperties": {"^IN[0-9]+$": {"enum": ["A", "B"]}, "^OUT[0-9]+$": {"type": "null"}},
    "additionalProperties": False,
}
SYSTEMS = {
    "type": "object",
    "patternProperties": {"^(mac|ios|linux)$": {"type": "boolean"}},
    "additionalProperties": False,
}
SCHEMAS = [
    INTEGERS,
    TERMINALS,
    SYSTEMS,
    {"type": "object"},
    {"type": "object", "additionalProperties": {"type": "string", "maxLength": 9}, "minProperties": 2},
    {"type": "object", "properties": {"a": {"type": "null"}}, "additionalProperties": {"type": "null"}},
    {"not": {"type": "object", "required": ["a"]}},
    {"type": "object", "propertyNames": {"pattern": "^x-"}, "maxProperties": 3},
    {"type": "object", "dependentSchemas": {"a": {"minProperties": 2}}, "additionalProperties": {"type": "null"}},
]


def once(pairs):
    assert len(dict(pairs)) == len(pairs), pairs
    return dict(pairs)


@pytest.mark.parametrize("additional", ["declared", "any"])
@pytest.mark.parametrize("number", few(range(len(SCHEMAS)), 4))
def test_no_member_names_a_property_twice(number, additional):
    schema = JsonSchema(SCHEMAS[number], additional=additional)
    dfa, rng = schema.dfa(), np.random.default_rng(number)
    drawn = {dfa.sample(rng, 90) for _ in range(150)}
    members = {text for text in drawn if text in schema}
    for text in drawn:
        if text in members:
            json.loads(text, object_pairs_hook=once)
            continue
        with pytest.raises(AssertionError):
            json.loads(text, object_pairs_hook=once)
    assert len(members) > 4


def test_names_come_in_any_order_and_none_twice():
    schema = JsonSchema(INTEGERS)
    assert '{"a":1,"b":2}' in schema and '{"b":1,"a":2}' in schema and '{"adam":1,"anna":2}' in schema
    assert '{"a":1,"a":2}' not in schema and '{"a":1,"b":2,"a":1}' not in schema
    assert schema.report().narrowed == () == JsonSchema(TERMINALS).report().narrowed
    assert schema.canonical({"x9": 0, "y1": 1, "b": 2, "a": 3}) == '{"a":3,"b":2,"y1":1,"x9":0}' in schema
    assert '{"IN20":"B","IN1":"A","OUT3":null}' in JsonSchema(TERMINALS)
    assert '{"IN1":"A","OUT3":null,"IN1":"B"}' not in JsonSchema(TERMINALS)


def test_equal_names_in_two_objects_are_two_names():
    schema = JsonSchema({"type": "array", "items": INTEGERS})
    assert '[{"a":1},{"a":1},{"b":1,"a":1}]' in schema and '[{"a":1},{"b":1,"b":1}]' not in schema
    nested = JsonSchema({"type": "object", "additionalProperties": INTEGERS})
    assert '{"a":{"a":1},"b":{"a":1}}' in nested and '{"a":{"a":1},"a":{"b":1}}' not in nested


def test_an_escaped_name_is_the_name_that_it_spells():
    schema = JsonSchema({"type": "object"}) | Regex(r'\{"a":1,"\\u0061":1\}')
    assert JsonSchema({"type": "object"}).proviso().fault(b'{"a":1,"\\u0061":1}') is not None
    assert b'{"a":1,"\\u0061":1}' in schema, "the other half of the union knows nothing of keys"


def test_names_that_are_few_are_all_told_apart():
    schema = JsonSchema(SYSTEMS)
    assert schema.report().narrowed == ()
    for names in itertools.chain.from_iterable(itertools.combinations(["ios", "linux", "mac"], n) for n in range(4)):
        assert json.dumps(dict.fromkeys(names, True), separators=(",", ":")) in schema


def test_minimal_numbers_are_reached_by_names_that_differ():
    schema = JsonSchema(INTEGERS | {"minProperties": 3})
    assert '{"a":1,"b":2,"c":3}' in schema and '{"a":1,"b":2}' not in schema and '{"a":1,"b":2,"b":3}' not in schema


def test_names_that_are_few_need_nothing_when_decoding():
    assert JsonSchema(SYSTEMS).proviso() is None
    many = {"type": "object", "propertyNames": {"enum": [f"k{n}" for n in range(FEW + 1)]}}
    assert '{"k1":null,"k0":1}' in JsonSchema(many)
    loop = {"type": "object", "patternProperties": {"^[ab]{1,6}$": {"type": "null"}}, "additionalProperties": False}
    assert JsonSchema(loop).proviso() is not None and '{"bb":null,"a":null,"ab":null}' in JsonSchema(loop)


def test_an_object_that_is_complemented_has_its_names_in_any_order():
    """If their order mattered, an object in another order would be no value of the complement."""
    schema = JsonSchema({"type": "object", "not": SYSTEMS})
    assert '{"mac":true,"ios":true}' not in schema and '{"ios":true,"mac":true}' not in schema
    assert '{"mac":true,"ios":1}' in schema and '{"os":true,"ios":true}' in schema


def test_properties_are_counted_as_far_as_that_can_be_afforded():
    schema = JsonSchema(INTEGERS | {"maxProperties": 3})
    assert '{"c":1,"a":2,"b":3}' in schema and '{"c":1,"a":2,"b":3,"d":4}' not in schema
    assert schema.report().narrowed == ()
    values = {"type": "string", "pattern": "^([a-f]{20}|[g-z]{30}x)$"}
    dear = JsonSchema({"type": "object", "additionalProperties": values, "maxProperties": 900})
    ((where, how),) = dear.report().narrowed
    assert where == "#" and "properties are written (maxProperties 900)" in how
