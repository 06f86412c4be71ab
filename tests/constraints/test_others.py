"""Properties that no schema names: never one twice, and as many as the page says."""

import itertools
import json
from dataclasses import replace

import numpy as np
import pytest

from ctrldiff.automata.compile import compile_expression
from ctrldiff.errors import ConstraintTooLarge
from ctrldiff.json_schema import JsonSchema
from ctrldiff.json_schema.compiler import compile_schema
from ctrldiff.json_schema.others import TELLING, cells, order, parts
from ctrldiff.limits import DEFAULT, Limits
from ctrldiff.regex.parse import parse
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
    for member in drawn:
        json.loads(member, object_pairs_hook=once)
    assert len(drawn) > 4


def test_what_is_told_apart():
    assert '{"a":1,"b":2}' in JsonSchema(INTEGERS) and '{"b":1,"a":2}' not in JsonSchema(INTEGERS)
    assert '{"a":1,"a":2}' not in JsonSchema(INTEGERS) and '{"aa":1,"ab":2}' not in JsonSchema(INTEGERS)
    assert JsonSchema(INTEGERS).canonical({"b": 1, "a": 2}) == '{"a":2,"b":1}'
    assert '{"b":1,"item1":2,"item2":3}' in JsonSchema(INTEGERS) and '{"item1":2,"b":1}' not in JsonSchema(INTEGERS)
    assert JsonSchema(INTEGERS).canonical({"x9": 0, "y1": 1, "b": 2, "a": 3}) == '{"a":3,"b":2,"y1":1,"x9":0}'
    assert '{"IN20":"B","IN1":"A","OUT3":null}' in JsonSchema(TERMINALS)
    assert '{"IN1":"A","IN1":"B"}' not in JsonSchema(TERMINALS)
    how = dict(JsonSchema(TERMINALS).report().narrowed)["#"]
    assert "another beginning" in how


def test_names_that_are_few_are_all_told_apart():
    schema = JsonSchema(SYSTEMS)
    assert schema.report().narrowed == ()
    for names in itertools.chain.from_iterable(itertools.combinations(["ios", "linux", "mac"], n) for n in range(4)):
        assert json.dumps(dict.fromkeys(names, True), separators=(",", ":")) in schema


def test_minimal_numbers_are_reached_by_names_that_differ():
    schema = JsonSchema(INTEGERS | {"minProperties": 3})
    assert '{"a":1,"b":2,"c":3}' in schema and '{"a":1,"b":2}' not in schema and '{"a":1,"b":2,"b":3}' not in schema


@pytest.mark.parametrize("pattern", ['"[a-c]*"', '"(ab|ac|b)[0-9]?"', r'"x-[a-z]+"', '".*"', '"(é|ü|a)"'])
@pytest.mark.parametrize("most", [2, 3, 10, 28, 68])
def test_cells_are_a_split_of_the_names(pattern, most):
    names = compile_expression(parse(pattern))
    split = cells(names, most)
    assert 1 <= len(split) <= most
    for name in itertools.islice(names.members(), 400):
        holds = [
            n
            for n, cell in enumerate(split)
            if name.startswith(cell.prefix) and (not cell.bytes or name[len(cell.prefix)] in cell.bytes)
        ]
        assert len(holds) == 1, name
    order = [cell.prefix + bytes(cell.bytes[:1]) for cell in split]
    assert order == sorted(order)


@pytest.mark.parametrize(
    "pattern", ['"[a-c]*"', '".*"', '"(item|x)[0-9]+"', '"([a-c]|[a-c][0-9]|k12)"', '"[ab][12]?"', r'"(x-)?[0-9]"']
)
@pytest.mark.parametrize("most", [2, 3, 10, 11, 28, 38, 78])
def test_parts_and_their_cells_stand_in_the_order_of_the_names(pattern, most):
    names = compile_expression(parse(pattern))
    split = [(part, cell) for part, given in parts(names, most) for cell in cells(part, given)]
    assert 1 < len(split) <= most
    if pattern == '"(item|x)[0-9]+"' and most >= 10:
        assert len(split) >= 10  # names that all end in a digit
    members = list(itertools.islice(names.members(), 400))
    places = []
    for name in sorted(members, key=order):
        holds = [
            n
            for n, (part, cell) in enumerate(split)
            if name in part
            and name.startswith(cell.prefix)
            and (not cell.bytes or name[len(cell.prefix)] in cell.bytes)
        ]
        assert len(holds) == 1, name
        places += holds
    assert places == sorted(places)
    if len(members) <= most:
        assert len(split) == len(members)


BRANCHES = {"type": "object", "additionalProperties": {"anyOf": [{"type": "string", "pattern": "[ab]{3}x?y"}, SYSTEMS]}}


def steps(schema, room):
    """What compiling with so much room for telling names apart takes, all told."""
    context = replace(schema.context(DEFAULT), room=room)
    compile_expression(compile_schema(context), DEFAULT, context.fuel)
    return context.fuel.spent["steps"]


def test_telling_names_apart_has_its_share_of_the_steps_and_is_left_out_when_it_is_used_up():
    schema = JsonSchema(BRANCHES, additional="any")
    two = '{"a":{"ios":true},"b":"aaay"}'
    told, plain = steps(schema, 1_000), steps(schema, 0)
    assert plain < told / 3
    enough, least = int(told / TELLING) + 2, int(plain / (1 - TELLING)) + 2
    assert two in schema.dfa(Limits(max_steps=enough))
    for limit in (enough - 4, told, least):
        one = schema.dfa(Limits(max_steps=limit))
        assert two not in one and '{"a":{"ios":true}}' in one and '{"b":"aaay"}' in one
    with pytest.raises(ConstraintTooLarge, match="steps"):
        schema.dfa(Limits(max_steps=plain // 3))


def test_a_schema_that_tells_no_names_apart_has_all_steps():
    patterns = [{"type": "string", "pattern": pattern} for pattern in ("a", "[bc]{2}", "d.e")]
    schema = JsonSchema({"type": "string", "allOf": patterns})
    needed = steps(schema, 1_000)
    assert not schema.dfa(Limits(max_steps=needed)).is_empty
    with pytest.raises(ConstraintTooLarge):
        schema.dfa(Limits(max_steps=needed - 1))


def test_names_are_not_told_apart_once_the_steps_of_the_other_try_are_begun():
    """What precedes them has used up their share: they go untold, and the schema is built with what is left."""
    dear = {"type": "string", "allOf": [{"pattern": "a"}, {"pattern": "[bc]{4}"}, {"pattern": "d.e"}]}
    names = {"type": "object", "propertyNames": dear, "additionalProperties": False, "properties": {"adbcbc": {}}}
    schema = JsonSchema({"type": "array", "prefixItems": [names, INTEGERS]}, additional="any")
    alone = steps(JsonSchema(names, additional="any"), 0)
    needed = steps(schema, 0)
    assert alone > TELLING * needed
    one = schema.dfa(Limits(max_steps=needed + 1))
    assert '[{},{"a":1}]' in one and '[{},{"a":1,"b":2}]' not in one and '[{},{"a":1,"b":2}]' in schema
