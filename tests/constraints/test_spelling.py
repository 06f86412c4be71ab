"""White space, the order of keys and ASCII, as one chooses: against `json.dumps`, and against every permutation."""

import itertools
import json
from typing import Any

import numpy as np
import pytest

import ctrldiff as cd
from ctrldiff.errors import InputError, SchemaInvalid, SchemaUnsupported
from ctrldiff.json_schema.branches import null_tables
from ctrldiff.json_schema.counts import NO_LIST, Items
from ctrldiff.json_schema.explain import explain
from ctrldiff.json_schema.fields import prefixes
from tests.conftest import named

STR, INT = {"type": "string"}, {"type": "integer"}
RECORD = {
    "type": "object",
    "properties": {
        "näme": STR,
        "tags": {"type": "array", "items": STR},
        "in": {"type": "object", "properties": {"a": INT, "b": {"type": "array", "items": INT}}},
    },
    "additionalProperties": INT,
}
VALUES: list[Any] = [
    {"näme": "Zoë 東京 🙂\u007f\u0080\uffff\U00010000\U0010ffff", "tags": ["é", ""], "in": {"a": 1, "b": [1, 2]}},
    {"näme": "", "tags": [], "in": {}, "ключ": 5, "🙂": 6},
    {"in": {"b": []}},
    {},
]


@pytest.mark.parametrize("ascii", [False, True])
@pytest.mark.parametrize("indent", [0, 1, 2, 4, 8])
def test_pretty_texts_are_those_of_json_dumps(indent, ascii):
    schema = cd.JsonSchema(RECORD, whitespace=f"pretty({indent})", ascii=ascii)
    for value in VALUES:
        text = json.dumps(value, indent=indent, ensure_ascii=ascii)
        assert schema.canonical(value) == text and text in schema
        if value:
            assert json.dumps(value, indent=indent + 1, ensure_ascii=ascii) not in schema
            assert json.dumps(value, separators=(",", ":"), ensure_ascii=ascii) not in schema
    assert cd.JsonSchema(RECORD, whitespace="pretty").dfa() == cd.JsonSchema(RECORD, whitespace="pretty(2)").dfa()


@pytest.mark.parametrize("bad", ["pretty(9)", "pretty(-1)", "wide", "", 2, None, "pretty()"])
def test_white_space_that_there_is_not_is_named(bad):
    with pytest.raises(SchemaInvalid, match="whitespace"):
        cd.JsonSchema(RECORD, whitespace=bad)
    with pytest.raises(SchemaInvalid, match="order"):
        cd.JsonSchema(RECORD, order="random")  # type: ignore[arg-type]
    with pytest.raises(SchemaInvalid, match="ascii"):
        cd.JsonSchema(RECORD, ascii="yes")  # type: ignore[arg-type]


STRINGS: list[dict[str, Any]] = [
    STR,
    STR | {"minLength": 1, "maxLength": 2},
    STR | {"pattern": '^[é-ü🙂-🙏"a]+$'},
    STR | {"pattern": r"^\p{Lu}.$"},
    STR | {"pattern": "\U0001f642|[\u0000-\u0020]"},
    STR | {"format": "iri"},
    {"enum": ["é", "🙂", 'q"\\', 1, None, ["ü"], {"ö": "ä"}]},
    {"type": "object", "propertyNames": {"pattern": "^é*$"}, "additionalProperties": INT, "maxProperties": 1},
    {"type": "object", "patternProperties": {"^ü": STR}, "additionalProperties": False},
    {"not": {"enum": ["é"]}, "type": "string", "maxLength": 1},
]


@pytest.mark.parametrize("ascii", [False, True])
def test_names_that_only_a_pattern_speaks_of_have_one_order(ascii):
    schema = {"type": "object", "patternProperties": {"^(ê|z|é|1|\\t)$": INT}, "additionalProperties": False}
    some = cd.JsonSchema(schema, ascii=ascii)
    for names in itertools.permutations(["z", "ê", "é", "1", "\t"], 3):
        assert some.canonical(dict.fromkeys(names, 1)) in some, names


@pytest.mark.parametrize("n", range(len(STRINGS)))
def test_ascii_texts_are_the_same_values(n):
    plain, escaped = cd.JsonSchema(STRINGS[n]), cd.JsonSchema(STRINGS[n], ascii=True)
    rng = np.random.default_rng(n)
    for member in (plain.dfa().sample(rng, 40).decode() for _ in range(60)):
        value = json.loads(member)
        text = json.dumps(value, separators=(",", ":"))
        assert text in escaped and escaped.canonical(value) == text
        assert member.isascii() or member not in escaped
    for member in (escaped.dfa().sample(rng, 80).decode() for _ in range(60)):
        value = json.loads(member)
        assert member.isascii() and member == json.dumps(value, separators=(",", ":"))
        assert json.dumps(value, separators=(",", ":"), ensure_ascii=False) in plain


def test_escapes_have_one_spelling_and_surrogates_stand_in_pairs():
    schema = cd.JsonSchema(STR, ascii=True)
    assert '"\\u00e9"' in schema and '"\\ud83d\\ude42"' in schema and '"\\u007f"' in schema
    for bad in ('"\\u00E9"', '"\\ud83d"', '"\\ude42\\ud83d"', '"\\u0041"', '"é"', '"\x7f"', '"\\ud83d\\u00e9"'):
        assert bad not in schema, bad


OBJECTS: list[dict[str, Any]] = [
    {"properties": {"a": INT, "b": {"const": "x"}, "c": {"type": "null"}}, "required": ["b"]},
    {"properties": {"a": INT, "b": INT, "c": INT}, "minProperties": 2, "maxProperties": 2},
    {"properties": {"a": INT, "b": INT, "c": INT}, "dependentRequired": {"c": ["a", "b"]}, "required": ["c"]},
    {"properties": {"a": INT}, "additionalProperties": {"type": "boolean"}, "required": ["a"], "maxProperties": 3},
    {"properties": {"a": INT}, "patternProperties": {"^[bc]$": {"type": "boolean"}}, "additionalProperties": False},
    {"properties": {"a": INT, "b": INT}, "dependentSchemas": {"a": {"required": ["b"], "properties": {"c": INT}}}},
    {"allOf": [{"properties": {"a": INT, "b": INT}}, {"properties": {"c": INT}, "required": ["a", "c"]}]},
    {"oneOf": [{"properties": {"a": INT}, "required": ["a"]}, {"properties": {"b": INT}, "required": ["b"]}]},
    {"properties": {"a": INT, "b": INT, "c": INT}, "not": {"required": ["a", "b"]}},
    {"enum": [{"a": 1, "b": 7, "c": {"x": 1, "y": [{"p": 1, "q": 2}]}}, {"c": 1}]},
    {"properties": {"a": {"const": {"x": 1, "y": 2}}, "b": INT}, "required": ["a"]},
]
PAIRS = {
    "a": [1, {"x": 1, "y": 2}, {"y": 2, "x": 1}],
    "b": [7, "x", True],
    "c": [0, None, True, {"y": [{"q": 2, "p": 1}], "x": 1}],
}


def texts() -> list[str]:
    """Objects of up to three keys in every order, some of them with a key twice."""
    found = []
    for names in itertools.chain.from_iterable(itertools.product("abc", repeat=n) for n in range(4)):
        for values in itertools.product(*(PAIRS[name] for name in names)):
            pairs = (f'"{k}":{json.dumps(v, separators=(",", ":"))}' for k, v in zip(names, values, strict=True))
            found.append("{" + ",".join(pairs) + "}")
    return found


@pytest.mark.parametrize("n", range(len(OBJECTS)))
def test_any_order_is_every_order_of_what_is_valid(n):
    schema = cd.JsonSchema({"type": "object"} | OBJECTS[n], order="any")
    in_order = cd.JsonSchema({"type": "object"} | OBJECTS[n])
    kept = 0
    for text in texts():
        value, own = json.loads(text), _top(text)
        valid = schema.validate(value) is None and len(set(own)) == len(own)
        declared = in_order.canonical(value) in in_order  # keys that no schema speaks of are not written either way
        assert (text in schema) == (valid and declared), text
        kept += text in schema
        if text in schema:
            assert schema.canonical(value) == text
    assert kept


def _top(text: str) -> list[str]:
    """The keys of the outermost object, those that come twice among them."""
    depth, found = 0, []
    for n, sign in enumerate(text):
        depth += {"{": 1, "[": 1, "}": -1, "]": -1}.get(sign, 0)
        if depth == 1 and sign == '"' and text[n - 1] in "{," and text[n + 2 : n + 4] == '":':
            found.append(text[n + 1])
    return found


def test_more_keys_than_can_be_arranged_are_refused_where_they_stand():
    many = {"type": "object", "properties": {f"k{n}": INT for n in range(9)}}
    schema = cd.JsonSchema({"type": "object", "properties": {"deep": many}, "required": ["deep"]}, order="any")
    with pytest.raises(SchemaUnsupported, match="9 properties") as caught:
        schema.dfa()
    assert caught.value.pointer == "#/properties/deep" and 'order="schema"' in str(caught.value)
    assert schema.report().refused[0][0] == "#/properties/deep"
    del many["properties"]["k8"]
    eight = cd.JsonSchema(many, order="any")
    keys = [f'"k{n}":{n}' for n in range(8)]
    assert "{" + ",".join(reversed(keys)) + "}" in eight and "{" + ",".join([*keys, keys[0]]) + "}" not in eight


def test_all_of_it_goes_together_with_spans_templates_and_what_may_not_come_twice():
    schema = {
        "type": "object",
        "properties": {"who": {"type": "string", "x-span": True}, "n": INT},
        "additionalProperties": {"type": "array", "uniqueItems": True, "items": STR},
        "required": ["who"],
    }
    one = cd.JsonSchema(schema, order="any", ascii=True, whitespace="pretty(1)", document="Zoë zahlt 5")
    good = json.dumps({"x": ["é", "e"], "who": "Zoë", "n": 5}, indent=1)
    assert good in one and one.canonical(json.loads(good)) == good
    for bad in (
        good.replace('"e"', '"\\u00e9"'),
        good.replace("Zo", "Xo"),
        good.replace('"x"', '"n"'),
        json.dumps(json.loads(good), indent=1, ensure_ascii=False),
    ):
        assert bad not in one, bad
    letter = cd.Template("<{body}>", body=one)
    assert f"<{good}>" in letter


@pytest.mark.slow
def test_what_a_text_states_is_written_in_any_order_and_in_ascii():
    stated = {"type": "object", "properties": {"on": {"x-from-text": "date"}, "who": {"x-from-text": "text"}}}
    grounded = cd.JsonSchema(stated, order="any", ascii=True, document="Zoë, 3 March 2024")
    assert '{"who":"Zo\\u00eb","on":"2024-03-03"}' in grounded and '{"who":"Zo\\u00e8"}' not in grounded


@pytest.mark.parametrize("ascii", [False, True])
@pytest.mark.parametrize(
    "instance", ["NaN", "[-Infinity]", "1e999999999", "1e-99999999999999999999", '"\\ud800"', "[1,2", "\ufeff1"]
)
def test_an_instance_that_is_no_json_is_an_error_of_the_input(instance, ascii):
    with pytest.raises(InputError):
        explain(cd.JsonSchema({"type": ["object", "number"]}, ascii=ascii), instance)


def test_an_instance_is_judged_by_its_own_digits():
    tenth = explain(cd.JsonSchema({"type": "number", "maximum": 0.1}), "0.1000000000000000055")
    assert not tenth.accepted and tenth.verbatim and "maximum" in tenth.reasons[0][1]
    large = explain(cd.JsonSchema({"type": "number"}), "1e400")
    assert large.accepted and large.text == "1" + "0" * 400


@pytest.mark.parametrize("value", [{1, 2}, b"x", object(), {"a": (1,)}], ids=named)
def test_what_is_no_json_value_is_named(value):
    schema = cd.JsonSchema({"type": "object"})
    with pytest.raises(InputError, match="no JSON value"):
        schema.canonical(value)
    if not isinstance(value, dict):
        with pytest.raises(InputError, match="cannot read"):
            schema.validate(value)


@pytest.mark.parametrize("name", ["no\0name", "\ud800"])
def test_what_is_no_name_of_a_file_is_no_schema(name):
    with pytest.raises(SchemaInvalid, match="cannot be read"):
        cd.JsonSchema(name)


def test_what_is_valid_and_not_written_is_said():
    moment = cd.JsonSchema({"type": "string", "format": "date-time"})
    for valid in ("1998-12-31T23:59:60Z", "2020-01-01t00:00:00z", "2020-01-01T00:00:00.1234567Z"):
        assert moment.validate(valid) is None
        told = explain(moment, json.dumps(valid))
        assert not told.accepted and told.reasons == () and told.could is not None
    assert "no leap seconds" in moment.report().narrowed[0][1] and "capital T and Z" in moment.report().narrowed[0][1]
    assert moment.validate("2020-02-30T00:00:00Z") is not None


@pytest.mark.parametrize("how", [{}, {"whitespace": "pretty(1)"}, {"ascii": True, "unsure": "null"}])
def test_whatever_the_spelling_what_is_decoded_is_legal(how):
    unsure = how.pop("unsure", "flag")
    schema = cd.JsonSchema(
        {"type": "object", "properties": {"who": STR, "n": {"type": ["number", "null"]}}, "required": ["who", "n"]},
        order="any",
        **how,
    )
    model = cd.from_pretrained("tiny")
    result = model("Zoë Jensen pays 5.50.", schema, nulls=True, unsure=unsure, retries=1)
    assert result.raw in schema and set(result.output) == {"who", "n"} and set(result.nulls) == {"n"}


@pytest.mark.parametrize("key", ["näme", 'é\\"z', "plain", "\u007f"])
@pytest.mark.parametrize("ascii", [False, True])
def test_a_key_is_found_by_its_name_in_whatever_spelling(key, ascii):
    items = {"type": ["array", "null"], "items": INT}
    inner = {"type": "object", "properties": {key: items, key + "2": items}, "required": [key]}
    schema = cd.JsonSchema({"type": "object", "properties": {key: inner}, "required": [key]}, ascii=ascii)
    two, none = (schema.canonical({key: {key: value, key + "2": [1]}}) for value in ([1, 2], None))
    held, other, absent = (Items((key, key), number) for number in (2, 1, NO_LIST))
    assert two in held and none in absent and not any(two in one or none in one for one in (other,))
    assert two in Items((key, key + "2"), 1)
    vocabulary = cd.from_pretrained("tiny").vocabulary
    assert key in null_tables(schema, vocabulary)
    texts = cd.JsonSchema({"type": "object", "properties": {key: STR}, "required": [key]}, ascii=ascii)
    if "." not in key:
        assert texts.canonical({key: "x"})[:-2] in prefixes(key)[0]
