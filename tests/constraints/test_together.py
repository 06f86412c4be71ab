"""Schemas that hold together: merged, they are the same language as their automata intersected; and it stays small."""

import random

import pytest

from ctrldiff.automata.compile import compile_expression
from ctrldiff.automata.expression import Alt, Both, Concat, Language, Literal, Minus, Repeat
from ctrldiff.automata.sharing import shared
from ctrldiff.automata.widths import children_first
from ctrldiff.errors import ConstraintTooLarge
from ctrldiff.json_schema import JsonSchema
from ctrldiff.json_schema.compiler import compile_schema
from ctrldiff.limits import DEFAULT, Limits

NAMES = ["a", "b", "c"]


def dfa_of(schema, *, apart, **how):
    """The automaton of a schema, merged or apart."""
    context = JsonSchema(schema, **how).context(DEFAULT)
    context.apart = apart
    return compile_expression(compile_schema(context), DEFAULT, context.fuel)


def some_schema(rng, depth=2):
    """A random schema of every keyword that combines schemas, over a few properties."""
    schema = {}
    if rng.random() < 0.5:
        schema["type"] = rng.choice(["object", "integer", ["object", "array"], "string"])
    if rng.random() < 0.6:
        chosen = rng.sample(NAMES, rng.randint(1, 2))
        schema["properties"] = {name: leaf(rng, depth) for name in chosen}
    if rng.random() < 0.4:
        schema["required"] = rng.sample(NAMES, rng.randint(1, 2))
    if rng.random() < 0.2:
        schema["additionalProperties"] = rng.choice([False, {"type": "integer"}])
    if rng.random() < 0.2:
        schema["maxProperties"] = rng.randint(0, 2)
    if rng.random() < 0.15:
        schema["patternProperties"] = {"^[ab]": {"enum": [1, 2, "x"]}}
    if rng.random() < 0.15:
        schema["dependentSchemas"] = {rng.choice(NAMES): {"required": [rng.choice(NAMES)]}}
    if rng.random() < 0.15:
        schema["items"] = leaf(rng, 0)
        schema["minItems"] = rng.randint(0, 2)
    if depth:
        for keyword in rng.sample(["allOf", "anyOf", "oneOf", "not", "if"], rng.randint(0, 2)):
            if keyword in ("not", "if"):
                schema[keyword] = some_schema(rng, depth - 1)
                if keyword == "if":
                    schema["then"] = some_schema(rng, depth - 1)
            else:
                schema[keyword] = [some_schema(rng, depth - 1) for _ in range(rng.randint(1, 3))]
    if rng.random() < 0.1:
        schema["unevaluatedProperties"] = False
    return schema


def leaf(rng, depth):
    """The schema of a property."""
    if depth and rng.random() < 0.2:
        return some_schema(rng, depth - 1)
    return rng.choice([True, {"const": 1}, {"enum": [1, 2]}, {"type": "integer", "minimum": 0}, {"type": "boolean"}])


@pytest.mark.parametrize("additional", ["declared", "any"])
@pytest.mark.parametrize("seed", range(14))
def test_merging_changes_no_language(seed, additional):
    rng = random.Random(seed)
    for _ in range(2):
        schema = some_schema(rng)
        merged, apart = (dfa_of(schema, apart=how, additional=additional, depth=1) for how in (False, True))
        assert merged == apart, (schema, (merged - apart).shortest(), (apart - merged).shortest())


WIDE = {f"p{n}": {"type": "integer"} for n in range(200)}
TOGETHER = {
    "a conjunction of requirements": {"allOf": [{"required": [f"p{n}"]} for n in range(50)]},
    "alternatives that require": {"anyOf": [{"required": ["p1"]}, {"required": ["p2"]}]},
    "one of those that require": {"oneOf": [{"required": ["p1"]}, {"required": ["p2"]}]},
    "not those that require": {"not": {"anyOf": [{"required": ["p1"]}, {"required": ["p2"]}]}},
    "a condition on a value": {"if": {"properties": {"p1": {"const": 1}}}, "then": {"required": ["p2"]}},
}


@pytest.mark.parametrize("what", TOGETHER)
def test_what_holds_beside_many_properties_costs_no_copy_of_all_values(what):
    schema = {"type": "object", "properties": WIDE, **TOGETHER[what]}
    small = Limits(max_nfa_states=60_000, max_steps=20_000_000)
    dfa = compile_expression(JsonSchema(schema, additional="any").expression(small), small)
    assert dfa.n_states < 20_000


def test_many_patterns_that_no_name_matches_together():
    schema = {
        "type": "object",
        "patternProperties": {f"^{letter}_": {"const": n} for n, letter in enumerate("abcdefghij")},
        "additionalProperties": False,
    }
    one = JsonSchema(schema)
    assert '{"c_x":2}' in one and '{"c_x":3}' not in one and '{"x":2}' not in one


def test_equal_parts_are_one_part():
    def part():
        return Concat((Literal(b"a"), Repeat(Alt((Literal(b"b"), Literal(b"c"))), 0, 3)))

    one = shared(Alt((part(), Both((part(), Language(compile_expression(part())))), Minus(part(), Literal(b"a")))))
    nodes = list(children_first(one))
    assert sum(isinstance(node, Repeat) for node in nodes) == 1 and sum(node == Literal(b"a") for node in nodes) == 1
    assert shared(Both((part(), part()))) == part()
    assert compile_expression(Minus(part(), part())).is_empty


# ---- what is cut off sooner where it is too large

TREE = {
    "$ref": "#/$defs/node",
    "$defs": {
        "node": {
            "type": "object",
            "properties": {f"p{n}": {"$ref": "#/$defs/node"} for n in range(12)} | {"text": {"type": "string"}},
        }
    },
}


def test_a_recursion_that_is_too_large_is_written_less_deep_and_told():
    wide, narrow = JsonSchema(TREE), Limits(max_states=3_000)
    assert '{"p1":{"p2":{}}}' in wide.dfa()
    less = compile_expression(wide.expression(narrow))
    assert '{"p1":{}}' in less and '{"p1":{"p2":{}}}' not in less
    told = wide.report(narrow).narrowed
    assert any("recursion is written 2 levels deep" in how for _, how in told), told
    assert any("recursion is written 3 levels deep" in how for _, how in wide.report().narrowed)


def test_counts_that_are_too_large_are_cut_and_told():
    long = {"type": "string", "maxLength": 900}
    schema = JsonSchema({"type": "array", "items": long, "maxItems": 200})
    dfa = schema.dfa()
    assert "[" + ",".join(['"x"'] * 16) + "]" in dfa and "[" + ",".join(['"x"'] * 201) + "]" not in dfa
    told = dict(schema.report().narrowed)
    assert "items are written (maxItems 200)" in told["#"]
    assert JsonSchema(long).report().narrowed == ()


def test_a_recursion_that_is_asked_for_by_name_is_not_cut_sooner():
    few = Limits(max_states=2_000)
    with pytest.raises(ConstraintTooLarge):
        compile_expression(JsonSchema(TREE, recursion=2).expression(few), few)
