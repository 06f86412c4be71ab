"""The compiler against jsonschema-rs: what is written is valid, what is valid and canonical can be written."""

import itertools
import json
import random
from decimal import Decimal

import jsonschema_rs
import numpy as np
import pytest

from ctrldiff.errors import ConstraintError, ConstraintUnsatisfiable, OutputInvalid, SchemaInvalid, SchemaUnsupported
from ctrldiff.json_schema import JsonSchema
from ctrldiff.json_schema.canonical import value_text
from ctrldiff.limits import DEFAULT
from ctrldiff.types.structured import output_type

NAME = {"type": "string", "minLength": 1, "maxLength": 3}
SCHEMAS = {
    "null": {"type": "null"},
    "boolean": {"type": "boolean"},
    "integer": {"type": "integer", "minimum": -2, "exclusiveMaximum": 12},
    "number": {"type": "number", "exclusiveMinimum": 0.5, "maximum": 2},
    "length counts code points": NAME,
    "pattern": {"type": "string", "pattern": "^a+b?$", "maxLength": 4},
    "pattern searches": {"type": "string", "pattern": "ab", "maxLength": 3},
    "date": {"type": "string", "format": "date"},
    "enum": {"enum": ["a", 1, 1.5, None, True, ["x", {"k": []}], 'quo"te\n']},
    "enum is filtered by its siblings": {"enum": ["a", "abc", 3], "type": "string", "minLength": 2},
    "const": {"const": {"b": 1, "a": [2]}},
    "type list": {"type": ["string", "null", "integer"], "maxLength": 1, "maximum": 3},
    "array": {"type": "array", "items": {"type": "integer", "minimum": 0, "maximum": 3}, "minItems": 1, "maxItems": 3},
    "array without end": {"type": "array", "items": {"enum": [1, 2]}},
    "empty array": {"type": "array", "maxItems": 0},
    "object": {
        "type": "object",
        "properties": {"a": {"type": "integer"}, "b": NAME, "c": {"type": "null"}},
        "required": ["b"],
        "additionalProperties": False,
    },
    "object, nothing required": {
        "type": "object",
        "properties": {"a": {"enum": [1]}, "b": {"enum": [2]}, "c": {"enum": [3]}},
        "additionalProperties": False,
    },
    "object without members": {"type": "object", "additionalProperties": False},
    "nesting": {
        "type": "object",
        "properties": {"who": {"type": "object", "properties": {"n": NAME}, "required": ["n"]}},
        "required": ["who"],
    },
    "anyOf": {"anyOf": [{"type": "integer", "minimum": 7}, {"type": "null"}, {"const": "x"}]},
    "anyOf beside type": {"type": "string", "anyOf": [{"maxLength": 1}, {"pattern": "^q"}], "maxLength": 3},
    "ref": {"$defs": {"n": NAME}, "type": "array", "items": {"$ref": "#/$defs/n"}, "maxItems": 2},
    "keys that need escapes": {"type": "object", "properties": {'a"b/~': {"const": 1}}, "required": ['a"b/~']},
    "false": {"anyOf": [False, {"type": "null"}]},
}
ATOMS = [
    None,
    True,
    False,
    0,
    1,
    -2,
    3,
    11,
    12,
    0.5,
    0.75,
    2,
    2.5,
    "",
    "a",
    "ab",
    "aab",
    "aaab",
    "xab",
    "q12",
    "日本",
    "é",
]
ATOMS += ['"', "\\", "\n", "\x01", "2024-02-29", "2023-02-29", "abc", 'quo"te\n', "x", 7]


def values(seed: int) -> list[object]:
    """Atoms, and small arrays and objects of them."""
    rng = random.Random(seed)
    out: list[object] = [*ATOMS, [], {}, ["x", {"k": []}], {"b": 1, "a": [2]}, {'a"b/~': 1}]
    for _ in range(150):
        out.append([rng.choice(ATOMS) for _ in range(rng.randint(1, 4))])
        out.append({k: rng.choice(ATOMS) for k in ("a", "b", "c") if rng.random() < 0.6})
        out.append({"who": {"n": rng.choice(ATOMS)}})
    for a, b, c in itertools.product([None, 1], [None, 2], [None, 3]):
        out.append({k: v for k, v in zip("abc", (a, b, c)) if v is not None})
    return out


@pytest.mark.parametrize("name", SCHEMAS)
def test_the_language_is_the_canonical_valid_values(name):
    schema = SCHEMAS[name]
    valid = jsonschema_rs.Draft202012Validator(schema, validate_formats=True).is_valid
    dfa = JsonSchema(schema).dfa()
    for value in values(5):
        expected = valid(value) and not undeclared(schema, value)
        assert (value_text(value) in dfa) == expected, (value_text(value), expected)


def undeclared(schema: object, value: object) -> bool:
    """Does the value hold properties that the schema does not declare? (They are never written.)"""
    if not isinstance(schema, dict) or not isinstance(value, dict) or "enum" in schema or "const" in schema:
        return False
    properties = schema.get("properties", {})
    return any(k not in properties or undeclared(properties[k], v) for k, v in value.items())


@pytest.mark.parametrize("name", SCHEMAS)
def test_every_member_is_valid_and_canonical(name):
    schema = SCHEMAS[name]
    validator = jsonschema_rs.Draft202012Validator(schema, validate_formats=True)
    dfa = JsonSchema(schema).dfa()
    rng = np.random.default_rng(3)
    members = [*itertools.islice(dfa.members(60), 60), *(dfa.sample(rng, 40) for _ in range(40))]
    for member in filter(None, members):
        assert validator.is_valid(json.loads(member)), member
        value = json.loads(member, parse_float=Decimal)
        assert value_text(value) == member.decode(), "one spelling"


@pytest.mark.parametrize("name", [n for n in SCHEMAS if n != "empty array"])
@pytest.mark.parametrize(("whitespace", "indent"), [("pretty", 2), ("spaced", None)])
def test_white_space_is_what_json_writes(name, whitespace, indent):
    compact, other = JsonSchema(SCHEMAS[name]), JsonSchema(SCHEMAS[name], whitespace=whitespace)
    for member in itertools.islice(compact.dfa().members(30), 30):
        value = json.loads(member)
        if isinstance(value, dict | list):
            written = json.dumps(value, indent=indent, ensure_ascii=False)
            assert written in other and other.canonical(value) == written
            assert (member in other.dfa()) == (written.encode() == member), "and in no other way"


REFUSED = {
    "#/items/multipleOf": {"type": "array", "items": {"type": "integer", "multipleOf": 123456789}},
    "#/format": {"type": "string", "format": "regex"},
    "#/pattern": {"type": "string", "pattern": "(a)\\1"},
}


@pytest.mark.parametrize("pointer", REFUSED)
def test_what_is_not_enforced_is_refused_by_pointer(pointer):
    with pytest.raises(SchemaUnsupported) as caught:
        JsonSchema(REFUSED[pointer]).dfa()
    assert caught.value.pointer == pointer
    assert pointer in str(caught.value)
    assert pointer in [at for at, _, _ in JsonSchema(REFUSED[pointer]).report().refused]


def test_all_refusals_are_reported_together():
    schema = {
        "type": "object",
        "properties": {"a": {"type": "string", "format": "regex"}, "b": {"multipleOf": 123456789}},
    }
    with pytest.raises(SchemaUnsupported, match=r"also \"multipleOf\" at #/properties/b/multipleOf"):
        JsonSchema(schema).dfa()


def test_recursion_is_unrolled_to_a_depth_and_the_report_says_so():
    schema = {"$defs": {"n": {"type": "array", "items": {"$ref": "#/$defs/n"}}}, "$ref": "#/$defs/n"}
    assert "[[],[]]" in JsonSchema(schema, depth=1)
    assert "[[[]]]" not in JsonSchema(schema, depth=1)
    assert "[[[],[]]]" in JsonSchema(schema, depth=2)
    assert any("recursion" in how for _, how in JsonSchema(schema).report().narrowed)


def test_a_reference_to_nowhere_or_outside_is_refused():
    with pytest.raises(SchemaUnsupported, match="outside the document"):
        JsonSchema({"$ref": "http://example.org/x.json"}).dfa()
    with pytest.raises(SchemaInvalid, match="not there"):
        JsonSchema({"$ref": "#/$defs/missing"}).dfa()


@pytest.mark.parametrize(
    "bad",
    ["{", "[1]", "3", '{"a": NaN}', "no/such/file.json", '{"type": "strin"}', '{"type":"string","minLength":-1}']
    + ['{"type":"string","pattern":"["}', '{"type":"integer","minimum":"3"}', '{"properties":[1]}', '{"enum":3}'],
)
def test_what_is_no_schema_is_said_to_be_none(bad):
    with pytest.raises(SchemaInvalid):
        JsonSchema(bad).dfa()


def test_contradictions_are_unsatisfiable():
    with pytest.raises(ConstraintUnsatisfiable, match="#/properties/n: no number is from 5 to 3"):
        JsonSchema({"properties": {"n": {"type": "integer", "minimum": 5, "maximum": 3}}, "required": ["n"]}).dfa()
    with pytest.raises(ConstraintUnsatisfiable, match="minLength 10 > maxLength 3"):
        JsonSchema({"type": "string", "minLength": 10, "maxLength": 3}).dfa()


def test_optional_properties_can_always_be_written():
    schema = {"type": "object", "properties": {"a": {"type": ["integer", "null"]}, "b": {"const": 1}}}
    assert "{}" in JsonSchema(schema).dfa()
    written = JsonSchema(schema, optional="write")
    assert "{}" not in written.dfa() and '{"a":null,"b":1}' in written.dfa()
    assert any("always written: a, b" in how for _, how in written.report().narrowed)


@pytest.mark.parametrize("most", [1, 2, 3])
def test_optional_properties_that_there_is_no_room_for_are_left_to_the_model(most):
    names = ["a", "b", "c"]
    schema = {
        "type": "object",
        "properties": {n: {"const": 1} for n in names},
        "required": ["b"],
        "maxProperties": most,
    }
    written = JsonSchema(schema, optional="write")
    for size in range(4):
        for some in itertools.combinations(names, size):
            fits = "b" in some and size <= most and (most < 3 or size == 3)
            assert (written.canonical(dict.fromkeys(some, 1)) in written) == fits, some


def test_deep_schemas_cost_no_python_stack():
    schema: dict = {"type": "integer"}
    for _ in range(300):
        schema = {"type": "object", "properties": {"a": schema}, "required": ["a"]}
    assert JsonSchema(schema).dfa().shortest() == b'{"a":' * 300 + b"0" + b"}" * 300


def test_two_thousand_optional_properties_stay_linear():
    schema = {"type": "object", "properties": {f"p{i}": {"const": 1} for i in range(2000)}}
    assert JsonSchema(schema).dfa().n_states < 30_000


def test_unsupported_errors_are_constraint_errors():
    assert issubclass(SchemaUnsupported, ConstraintError)


@pytest.mark.parametrize(
    "pattern", [".*", '["a\\\\]{1,2}', "[\\x00-\\x1f]", "\\n|\\t?x", "^[^a]$", "(?=.*\\d)^.{1,2}$", "a$|^\\u001f"]
)
def test_patterns_are_over_the_string_and_not_its_escapes(pattern):
    from ctrldiff.constraints.basic import Regex

    schema = JsonSchema({"type": "string", "pattern": pattern, "maxLength": 2}).dfa()
    plain = Regex(pattern, dialect="ecma", search=True).dfa()
    alphabet = ['"', "\\", "\n", "\x00", "\x1f", "a", "x", "7", "é", "u", "0"]
    for size in range(3):
        for letters in itertools.product(alphabet, repeat=size):
            value = "".join(letters)
            assert (value_text(value) in schema) == (value in plain), value


PATTERNED = {
    "$defs": {"ids": {"type": "array", "items": {"type": "integer"}, "uniqueItems": True}},
    "type": "object",
    "properties": {"ids": {"$ref": "#/$defs/ids"}, "re": {"type": "string", "format": "regex"}},
    "additionalProperties": False,
}


def test_unsupported_keywords_can_be_left_out_and_are_listed():
    for unsupported in ("ignore", "check"):
        schema = JsonSchema(PATTERNED, unsupported=unsupported)
        assert '{"ids":[1,2]}' in schema and '{"ids":[1,1]}' not in schema and '{"ids":["1"]}' not in schema
        report = schema.report()
        assert report.refused == ()
        assert [keyword for _, keyword, _ in report.ignored] == ["format"]
        assert schema.validate({"ids": [1, 2]}) is None and "non-unique" in schema.validate({"ids": [1, 1]})
    with pytest.raises(SchemaUnsupported):
        JsonSchema(PATTERNED).dfa()
    with pytest.raises(SchemaInvalid, match="unsupported"):
        JsonSchema(PATTERNED, unsupported="maybe")


def test_checked_keywords_are_checked_when_the_answer_is_read():
    read = output_type(JsonSchema(PATTERNED, unsupported="check")).read
    assert read('{"re":"(a)"}') == {"re": "(a)"}
    with pytest.raises(OutputInvalid, match="regex"):
        read('{"re":"(a"}')
    assert output_type(JsonSchema(PATTERNED, unsupported="ignore")).read('{"re":"(a"}') == {"re": "(a"}


def test_a_schema_is_never_taken_for_one_that_is_gone():
    context = JsonSchema({}).context(DEFAULT)
    for n in range(200):  # each made where the last one lay in memory
        assert [str(n) in names for names, _ in context.patterns({"patternProperties": {f"^{n}$": True}})] == [True]
        assert context.names_of({"properties": {f"p{n}": True}}) == (f"p{n}",)
        assert context.constant([n]) == {"const": [n]}


@pytest.mark.parametrize(
    "wrong",
    [{"whitespace": "wide"}, {"optional": True}, {"additional": "all"}, {"unsupported": None}, {"strings": "short"}]
    + [{"depth": -1}, {"depth": None}, {"depth": True}, {"recursion": 1_001}, {"digits": [3, 2]}, {"draft": "draft7"}],
)
def test_a_wrong_option_is_named_before_the_schema_is_read(wrong):
    (name,) = wrong
    with pytest.raises(SchemaInvalid, match=name):
        JsonSchema("{", **wrong)


def test_what_is_chosen_is_said_kept_and_compiled_by():
    chosen = {"whitespace": "pretty", "optional": "write", "depth": 3, "digits": (4, 2), "document": "Ana"}
    schema = JsonSchema({"type": "integer"}, **chosen)
    said = "whitespace='pretty', optional='write', depth=3, digits=(4, 2), document='Ana'"
    assert schema.chosen == chosen and repr(schema) == f'JsonSchema({{"type": "integer"}}, {said})'
    assert schema.but(draft="draft-07").chosen == chosen | {"draft": "draft-07"}
    assert schema.context(DEFAULT).options.chosen == chosen


def test_a_format_is_an_annotation_on_request():
    mail = {"type": "object", "properties": {"a": {"type": "string", "format": "date"}}, "required": ["a"]}
    enforced, annotated = JsonSchema(mail), JsonSchema(mail, formats="annotate")
    assert '{"a":"x"}' not in enforced and '{"a":"x"}' in annotated and '{"a":1}' not in annotated
    assert enforced.validate({"a": "x"}) and annotated.validate({"a": "x"}) is None
    assert annotated.report().ignored == (("#/properties/a/format", "format", "read as an annotation"),)
    assert "format" not in dict(annotated.report().enforced) and not annotated.report().narrowed[1:]
    refused = {"oneOf": [{"type": "string", "format": "regex"}, {"type": "string", "format": "uri"}]}
    assert '"x"' not in JsonSchema(refused, formats="annotate"), "exactly one of two that both hold"
    with pytest.raises(SchemaInvalid, match="#/properties/a/format"):
        JsonSchema({"properties": {"a": {"format": 5}}}, formats="annotate").dfa()
    with pytest.raises(SchemaInvalid, match="formats is"):
        JsonSchema(mail, formats="ignore")
