"""The disagreements that independent fuzzing found once: the first cases, and none of them may come back."""

from __future__ import annotations

import json
from typing import Any

from tests.fuzz.patterns import PatternCase


def _object(*names: str) -> dict[str, Any]:
    properties = {name: {"const": 1} for name in names}
    return {"type": "object", "properties": properties, "required": [*names], "additionalProperties": False}


# By what went wrong: (draft, schema, texts). Referees say which texts are valid.
SCHEMAS: dict[str, tuple[str, Any, list[str]]] = {
    "places behind the 256th had the schema of the 257th": (
        "2020-12",
        {"type": "array", "prefixItems": [{"const": i} for i in range(260)], "items": False},
        [json.dumps([*range(257), 256, 256, 256]), json.dumps([*range(258)]), json.dumps([*range(260)])],
    ),
    "keys in another order hid that two items are equal": (
        "2020-12",
        {
            "type": "array",
            "prefixItems": [_object("a", "b"), _object("b", "a")],
            "items": False,
            "minItems": 2,
            "uniqueItems": True,
        },
        ['[{"a":1,"b":1},{"b":1,"a":1}]'],
    ),
    "$recursiveRef was dropped": (
        "2019-09",
        {"type": "object", "properties": {"a": {"$recursiveRef": "#"}}, "additionalProperties": False},
        ['{"a":1}', '{"a":{}}', '{"a":{"b":1}}'],
    ),
    "prefixItems was enforced where the draft has no such keyword": (
        "draft-07",
        {"type": "array", "prefixItems": [{"type": "string"}], "items": {"type": "integer"}},
        ['["a",1]', "[1,1]", '["a"]'],
    ),
    "minContains was enforced where the draft has no such keyword": (
        "draft-07",
        {"contains": {"const": 1}, "minContains": 0},
        ["[]", "[1]", "[2]"],
    ),
    "dependentSchemas, new in 2019": ("draft-07", {"not": {"dependentSchemas": {"a": False}}}, ["{}", '{"a":1}']),
    "unevaluatedProperties, new in 2019": ("draft-06", {"not": {"unevaluatedProperties": False}}, ["{}", '{"a":1}']),
    "if, new in draft 7": ("draft-04", {"not": {"if": {"type": "string"}, "then": {"maxLength": 1}}}, ['"a"', '"abc"']),
    "const, new in draft 6": ("draft-04", {"not": {"const": 1}}, ["1", "2"]),
    "contains, new in draft 6": ("draft-04", {"not": {"contains": {"type": "string"}}}, ['["a"]', "[1]"]),
    "propertyNames, new in draft 6": ("draft-04", {"not": {"propertyNames": {"maxLength": 1}}}, ['{"ab":1}', "{}"]),
    "what stands beside a $ref made a type the only one": (
        "draft-07",
        {"items": {}, "$ref": "#/definitions/a", "definitions": {"a": {}}},
        ["true", "[]"],
    ),
    "an else without an if made a type the only one": ("2020-12", {"else": {"minLength": 1}}, ["0", '""', "[]"]),
}

# (schema, text, whether it is valid): what validators, which read numbers as doubles, cannot say.
LONG_NUMBERS: list[tuple[Any, str, bool]] = [
    ({"type": "integer", "maximum": 10**38 - 1}, str(10**38), False),
    ({"type": "integer", "maximum": 2**128 - 1}, str(2**128 - 1), True),
    ({"type": "integer", "maximum": 2**128 - 1}, str(2**128), False),
    ({"type": "integer", "maximum": 12345678901234567890123456789}, "12345678901234567890123456790", False),
    ({"type": "number", "minimum": -(10**38 - 1)}, f"-{10**38 - 1}", True),
    ({"type": "number", "minimum": -(10**38 - 1)}, f"-{10**38}", False),
]

PATTERNS = [
    PatternCase("python", "[𐐀b]", text, "i", search=False) for text in ("b", "B", "a")
] + [  # of classes beyond the basic plane `re` folds nothing; docs/regex.md says so
    PatternCase("ecma", r"^\w$", text, "i") for text in ("ſ", "\N{KELVIN SIGN}", "é")
]
PATTERNS += [PatternCase("ecma", r"^\s$", text) for text in ("\ufeff", "\u2028", "\u180e", "\x1c")]
PATTERNS += [PatternCase("ecma", "", text, "m", search=False) for text in ("", "\n", "a")]
PATTERNS += [PatternCase("python", "(not(?=\\s)|-)", text, search=False) for text in ("-", "not", "not ")]
