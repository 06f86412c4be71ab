"""A recursive schema goes as deep as the tokens reach, and no deeper texts are lost: against much deeper unrolling."""

import itertools

import pytest

from ctrldiff.json_schema import JsonSchema
from ctrldiff.tokens.vocabulary import Vocabulary
from tests.conftest import few

TOKENS = [bytes([b]) for b in b'{}[]":,ablrxn01'] + [b'{"l":', b'"x"', b"[[", b'{"l":{"l":', b"null", b"]]]", b"}}"]
VOCABULARY = Vocabulary.from_tokens([*TOKENS, None], stop_ids=[len(TOKENS)])
LEAF = {"enum": [0, 1]}
SCHEMAS = {
    "chain": ({"properties": {"l": {"$ref": "#"}}, "type": "object", "additionalProperties": False}, 8),
    "nested arrays": ({"type": "array", "items": {"$ref": "#"}, "maxItems": 1}, 6),
    "two ways down": (
        {"type": "object", "properties": {"l": {"$ref": "#"}, "r": {"$ref": "#"}}, "additionalProperties": False},
        7,
    ),
    "through two definitions": (
        {
            "$defs": {
                "a": {"type": "array", "items": {"$ref": "#/$defs/b"}, "maxItems": 1},
                "b": {"type": "object", "properties": {"x": {"$ref": "#/$defs/a"}}, "additionalProperties": False},
            },
            "$ref": "#/$defs/a",
        },
        9,
    ),
    "with a complement": (
        {
            "type": "array",
            "items": {"anyOf": [{"$ref": "#"}, LEAF]},
            "maxItems": 1,
            "not": {"type": "array", "prefixItems": [{"type": "array", "minItems": 1}], "minItems": 1},
        },
        6,
    ),
    "a listed value goes deep": (
        {
            "type": "object",
            "properties": {"l": {"anyOf": [{"$ref": "#"}, {"const": {"x": 0, "l": {"l": {}}}}]}},
            "not": {"const": {"l": {"l": {}}}},
            "additionalProperties": False,
        },
        7,
    ),
    "exactly one": ({"oneOf": [{"type": "array", "items": {"$ref": "#"}, "maxItems": 1}, {"const": [[]]}]}, 6),
}


def fits(text: bytes, tokens: int) -> bool:
    """Whether `text` can be spelled in so many tokens: by trying all spellings."""
    fewest = {0: 0}
    for start in range(len(text)):
        if start in fewest:
            for token in TOKENS:
                if text.startswith(token, start):
                    stop = start + len(token)
                    fewest[stop] = min(fewest.get(stop, len(text) + 1), fewest[start] + 1)
    return fewest.get(len(text), tokens + 1) <= tokens


@pytest.mark.parametrize("name", SCHEMAS)
@pytest.mark.parametrize("fewer", few([3, 0], 1))
def test_no_text_that_fits_is_lost(name, fewer):
    schema, tokens = SCHEMAS[name]
    tokens -= fewer
    reaching = JsonSchema(schema, depth=0).reaching(tokens, VOCABULARY)
    deeper = JsonSchema(schema, recursion=(reaching.recursion or 0) + 3)
    lost = deeper.dfa() - reaching.dfa()
    assert not any(fits(text, tokens) for text in itertools.islice(lost.members(), 3_000))
    assert reaching.dfa() <= deeper.dfa()


def test_it_goes_no_deeper_than_needed():
    schema = JsonSchema(SCHEMAS["nested arrays"][0], depth=0)
    levels = [schema.reaching(tokens, VOCABULARY).recursion for tokens in range(2, 40, 6)]
    assert levels == sorted(levels) and levels[-1] > levels[0]
    assert b"[" * 20 + b"]" * 20 in schema.reaching(20, VOCABULARY).dfa()
    assert levels[-1] < 120  # "[[" holds two levels, and "]]]" three


def test_a_schema_without_recursion_is_the_same_value():
    for schema in ({"type": "object"}, {"$defs": {"a": LEAF}, "$ref": "#/$defs/a"}):
        described = JsonSchema(schema)
        assert described.reaching(100, VOCABULARY) is described
    stated = JsonSchema(SCHEMAS["chain"][0], recursion=1)
    assert stated.reaching(100, VOCABULARY) is stated


@pytest.mark.parametrize("levels", range(4))
def test_a_listed_value_is_no_deeper_than_the_rest(levels):
    """[[]] is of both kinds, so neither it nor anything around it is valid, however deep the first kind is unrolled."""
    assert list(JsonSchema(SCHEMAS["exactly one"][0], recursion=levels).dfa().members()) == [b"[]"]


def test_every_way_down_is_as_deep():
    schema = JsonSchema(SCHEMAS["two ways down"][0], recursion=3)
    for way in itertools.product("lr", repeat=3):
        text = "".join(f'{{"{side}":' for side in way) + "{}" + "}" * 3
        assert text in schema
        assert f'{{"l":{text}}}' not in schema


def test_arrays_in_arrays_stay_small():
    """An item is written once: twice would double with every level."""
    schema = {"type": "array", "items": {"anyOf": [{"$ref": "#"}, LEAF]}}
    assert JsonSchema(schema, recursion=60).dfa().n_states < 1_000
