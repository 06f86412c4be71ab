"""Where a bound, a length or an equality is large or odd, it is still exact, or refused."""

import json
from decimal import Decimal

import numpy as np
import pytest

from ctrldiff.errors import ConstraintError, SchemaInvalid
from ctrldiff.json_schema import JsonSchema


@pytest.mark.parametrize("count", [255, 256, 257, 300])
def test_every_place_of_a_long_tuple_is_held(count):
    schema = {"type": "array", "prefixItems": [{"const": n} for n in range(count)], "items": False}
    one = JsonSchema(schema)
    right = list(range(count))
    assert json.dumps(right, separators=(",", ":")) in one
    for wrong in ([*right[:-1], right[-2]], [*right, count], [*right[:200], 7, *right[201:]]):
        assert json.dumps(wrong, separators=(",", ":")) not in one


def test_a_tuple_too_long_to_be_held_is_refused():
    schema = {"type": "array", "prefixItems": [{"type": "integer"} for _ in range(6_000)]}
    with pytest.raises(ConstraintError):
        JsonSchema(schema).dfa()


def test_long_constants_are_what_they_are():
    values = [list(range(1_000)), [*range(400), {"b": 1, "a": 2}]]
    one = JsonSchema({"enum": values})
    assert all(one.canonical(value) in one for value in values)
    assert one.canonical([*range(999), 7]) not in one and one.canonical([*range(400), {"b": 1, "a": 3}]) not in one


BIG = [2**63 - 1, 2**64 - 1, 2**128 - 1, 2**256 - 1, 10**38 - 1, 12345678901234567890123456789, 10**60, 3 * 10**29 + 7]


@pytest.mark.parametrize("kind", ["integer", "number"])
@pytest.mark.parametrize("bound", BIG + [-value for value in BIG])
@pytest.mark.parametrize("keyword", ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"])
def test_bounds_of_any_size_are_exact_on_both_sides(keyword, bound, kind):
    one = JsonSchema({"type": kind, keyword: bound})
    dfa = one.dfa()
    for value in (bound - 1, bound, bound + 1, bound - 10**9, bound + 10**9, -bound, 0):
        below, above = "aximum" in keyword and value > bound, "inimum" in keyword and value < bound
        legal = not (below or above or (value == bound and "exclusive" in keyword))
        assert (str(value) in dfa) == legal, value


def test_decimals_of_any_length_are_compared_exactly():
    rng = np.random.default_rng(3)
    for _ in range(60):
        digits = "".join(map(str, rng.integers(0, 10, size=int(rng.integers(1, 60)))))
        low = float(f"0.{digits[:15]}1") * float(rng.choice([1, -1, 1e3, -1e5]))
        one = JsonSchema({"type": "number", "minimum": low})
        exact = Decimal(repr(low))
        for tail in ("", "0000000000000000000000000000001"):
            for sign in (1, -1):
                text = format(exact, "f") + (tail if "." in format(exact, "f") else "")
                value = Decimal(text).copy_abs() if sign > 0 else Decimal(text).copy_abs().copy_negate()
                text = format(value, "f")
                if text.endswith(("0", ".")) or text in ("-0", ""):
                    continue
                assert (text in one) == (value >= exact), (low, text)


@pytest.mark.parametrize("step", [0.1, 0.01, 0.0001, 0.25, 1.5, 3, 100])
def test_steps_are_told_by_digits_and_not_by_floats(step):
    one = JsonSchema({"type": "number", "multipleOf": step})
    exact = Decimal(repr(step))
    for n in (1, 7, 10**6 + 1, 10**30 + 1):
        digits = exact.as_tuple()
        whole = int("".join(map(str, digits.digits))) * n
        text = str(whole) if digits.exponent >= 0 else str(whole).rjust(1 - digits.exponent, "0")
        if digits.exponent < 0:
            text = (text[: digits.exponent] + "." + text[digits.exponent :]).rstrip("0").rstrip(".")
        else:
            text += "0" * digits.exponent
        assert text in one, text


@pytest.mark.parametrize("spelled", ["1e400", "-1e400", "1e-400", "0.0e-999999"])
def test_a_number_that_no_float_holds_is_no_bound(spelled):
    text = f'{{"type": "number", "exclusiveMinimum": {spelled}}}'
    if spelled.startswith("0.0"):
        assert "1" in JsonSchema(text)
        return
    with pytest.raises(SchemaInvalid):
        JsonSchema(text).dfa()


def keyed(first, second, value=1):
    properties = {first: {"const": value}, second: {"const": 1}}
    return {"type": "object", "properties": properties, "required": [first, second], "additionalProperties": False}


def test_equal_values_are_equal_however_they_are_spelled():
    schema = {"type": "array", "prefixItems": [keyed("a", "b"), keyed("b", "a")], "items": False, "minItems": 2}
    assert '[{"a":1,"b":1},{"b":1,"a":1}]' in JsonSchema(schema)
    assert '[{"a":1,"b":1},{"b":1,"a":1}]' not in JsonSchema({**schema, "uniqueItems": True})
    schema["prefixItems"][1] = keyed("b", "a", 2)
    assert '[{"a":1,"b":1},{"b":2,"a":1}]' in JsonSchema({**schema, "uniqueItems": True})


def test_equal_values_within_others_are_equal_too():
    nested = [{"type": "object", "properties": {"k": keyed(*order)}, "required": ["k"]} for order in ("ab", "ba")]
    schema = {"type": "array", "prefixItems": nested, "items": False, "minItems": 2, "uniqueItems": True}
    assert JsonSchema(schema).dfa().is_empty


LONG = "1" * 5_000  # digits, of which Python reads no int
NUMBERS = {"type": "array", "items": {"type": "number"}}


@pytest.mark.parametrize(
    ("beside", "differ", "equal"),
    [
        ({"uniqueItems": True}, True, False),
        ({"not": {"uniqueItems": True}}, False, True),
        ({"anyOf": [{"uniqueItems": True}, {"minItems": 3}]}, True, False),
    ],
)
def test_numbers_of_any_length_are_told_apart_by_their_digits(beside, differ, equal):
    schema = JsonSchema({**NUMBERS, **beside})
    for pair in (f"[{LONG},{LONG}2]", f"[{LONG}.5,{LONG}]", "[0.1,0.10000000000000000001]", "[2,3]"):
        assert (pair in schema) == differ, pair[-30:]
    for pair in (f"[{LONG},{LONG}]", "[2,2]"):
        assert (pair in schema) == equal, pair[-30:]
