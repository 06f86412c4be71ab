"""Texts with tabs behind values: those that are written close together once the tabs are taken out, and no others."""

import itertools
import json
from typing import Any

import numpy as np
import pytest

import ctrldiff as cd

STR, INT = {"type": "string"}, {"type": "integer"}
BIT = {"enum": [0, 12]}


def record(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


BARE = ("string", "no keys")  # where no tab may stand
LISTED: list[Any] = [{"a": [1, {"b,]}": "}"}], "c": {}}, [[], [2]], "x,\t]", 3]
SCHEMAS: dict[str, Any] = {
    "string": STR,
    "record": record(a=STR, b=INT, c={"type": "boolean"}),
    "nested": record(a=record(b=BIT, c=record(d=STR)), e=BIT),
    "optional": {"type": "object", "properties": {"a": BIT, "b": STR, "c": BIT}, "required": ["b"]},
    "nothing required": {"type": "object", "properties": {"a": BIT, "b": BIT}},
    "no keys": {"type": "object", "additionalProperties": False},
    "others": {"type": "object", "properties": {"a": BIT}, "additionalProperties": BIT, "maxProperties": 2},
    "how many": {
        "type": "object",
        "properties": {"a": BIT, "b": BIT, "c": BIT},
        "minProperties": 1,
        "maxProperties": 2,
    },
    "list": {"type": "array", "items": BIT},
    "at least two": {"type": "array", "items": BIT, "minItems": 2, "maxItems": 3},
    "empty list": {"type": "array", "maxItems": 0},
    "by place": {"type": "array", "prefixItems": [BIT, {"type": "string", "maxLength": 1}], "items": {"type": "null"}},
    "list of objects": {"type": "array", "items": record(a=BIT, b={"type": "array", "items": BIT})},
    "list of lists": {"type": "array", "items": {"type": "array", "items": BIT}, "maxItems": 2},
    "nullable": record(a={"type": ["object", "null"], "properties": {"b": BIT}}, c={"anyOf": [BIT, {"type": "null"}]}),
    "ref": {"$defs": {"n": record(a=BIT)}, **record(x={"$ref": "#/$defs/n"}, y={"$ref": "#/$defs/n"})},
    "recursive": {"$defs": {"n": {**record(v=BIT, n={"anyOf": [{"$ref": "#/$defs/n"}, {"type": "null"}]})}}}
    | {"$ref": "#/$defs/n"},
    "listed": {"enum": LISTED},
    "listed inside": record(a={"enum": LISTED}, b=BIT),
    "all but listed": {"type": "object", "properties": {"a": BIT, "b": BIT}, "not": {"const": {"a": 0, "b": 12}}},
    "one of listed": {"oneOf": [{"const": {"a": 0}}, {"type": "object", "properties": {"a": BIT}, "required": ["a"]}]},
    "if listed": {
        "type": "object",
        "properties": {"a": BIT, "b": BIT},
        "required": ["a"],
        "if": {"const": {"a": 0}},
        "else": {"required": ["b"]},
    },
    "all but a list": {"type": "array", "items": BIT, "maxItems": 2, "not": {"enum": [[0], [], [0, 12]]}},
    "contains": {"type": "array", "items": BIT, "contains": {"const": 0}, "maxItems": 2},
    "contains an object": {
        "type": "array",
        "items": {"enum": [{"a": 0}, 1]},
        "contains": {"const": {"a": 0}},
        "maxItems": 2,
    },
    "distinct": {"type": "array", "items": BIT, "uniqueItems": True},
    "distinct objects": {
        "type": "array",
        "items": {"enum": [{"a": 0}, {"a": 0.5}]},
        "uniqueItems": True,
        "maxItems": 2,
    },
    "distinct, none": {"type": "array", "items": False, "uniqueItems": True},
    "anything": {"type": "object", "properties": {"a": {}, "b": INT}, "required": ["a"]},
}


def closed_up(text: str) -> str | None:
    """The text without its tabs; None if one stands elsewhere than behind a value, or in a list of none."""
    kept, behind, in_string, escaped = "", "", False, False
    tabs = False
    for letter in text:
        if in_string:
            kept += letter
            in_string = escaped or letter != '"'
            escaped = letter == "\\" and not escaped
            behind = letter
            continue
        if letter == "\t":
            tabs = True
            continue
        if tabs and (letter not in ",]}" or (behind in ("", "{", ",", ":") or (behind == "[" and letter != "]"))):
            return None
        kept, behind, tabs = kept + letter, letter, False
        in_string = letter == '"'
    return None if tabs else kept


def schema_of(name: str, **how: Any) -> tuple[cd.JsonSchema, cd.JsonSchema]:
    schema = SCHEMAS[name]
    return cd.JsonSchema(schema, **how), cd.JsonSchema(schema, whitespace="padded", **how)


def in_compact(text: str, compact: cd.JsonSchema) -> bool:
    closed = closed_up(text)
    return closed is not None and closed in compact


def with_tabs(member: str, rng: np.random.Generator) -> str:
    """Tabs at any few places, most of them behind values."""
    for _ in range(int(rng.integers(1, 4))):
        places = [n for n, letter in enumerate(member) if letter in ",]}"]
        anywhere = not places or rng.random() < 0.3
        at = int(rng.integers(len(member) + 1)) if anywhere else int(rng.choice(places))
        member = member[:at] + "\t" * int(rng.integers(1, 3)) + member[at:]
    return member


HOW: dict[str, dict[str, Any]] = {"": {}, "ascii": {"ascii": True}, "any order": {"order": "any"}}


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("name", SCHEMAS)
def test_a_text_is_accepted_if_it_is_without_the_tabs_behind_its_values(name, how):
    compact, padded = schema_of(name, **HOW[how])
    rng = np.random.default_rng(len(name))
    members = [m.decode() for m in itertools.islice(compact.dfa().members(12), 12)]
    members += [compact.dfa().sample(rng, 60).decode() for _ in range(8)]
    told = set()
    for member in members:
        assert (member in padded) == (member in compact)
        for text in (with_tabs(member, rng) for _ in range(12)):
            accepted = in_compact(text, compact)
            assert (text in padded) == accepted, text
            told.add(accepted)
            if accepted:
                assert json.loads(text) == json.loads(member)
    assert told == {True, False} or name in BARE


@pytest.mark.parametrize("name", SCHEMAS)
def test_whatever_is_written_with_tabs_is_written_without(name):
    compact, padded = schema_of(name)
    rng = np.random.default_rng(1)
    tabs = 0
    for member in (padded.dfa().sample(rng, 60).decode() for _ in range(40)):
        json.loads(member)  # so no string holds a tab as it is
        if member in padded:  # a table is held to its proviso besides its automaton
            assert in_compact(member, compact), member
        tabs += "\t" in member
    assert tabs > 0 or name in BARE
