"""Bounds that are said of a whole union, a bool or a Literal, said of its members: pydantic checks them behind its
schema, whose JSON form lacks them or holds words that no dialect knows."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from functools import partial
from typing import Any, TypeAlias

from pydantic_core import PydanticKnownError

Schema: TypeAlias = dict[str, Any]  # one of pydantic's core schemas

LOWER, UPPER, LENGTHS = ("gt", "ge", "min_length"), ("lt", "le", "max_length"), ("min_length", "max_length")
NAMES = (*LOWER, *UPPER, "multiple_of")
_CHECKED = {*NAMES, "max_digits", "decimal_places"}  # what pydantic checks behind a type
_NUMBERS, _SIZED = {"int", "float", "decimal"}, {"str", "list", "tuple", "set", "frozenset", "dict"}
_OTHERS = {"none", "date", "datetime", "time", "timedelta", "uuid"}  # neither longer nor greater than a number
_LISTED = {"bool", "literal", "enum"}
_LAYERS = {"function-wrap", "function-after", "function-plain"}
_WITHIN = {"nullable": "schema", "json-or-python": "json_schema", "lax-or-strict": "lax_schema"}


class Unsaid(Exception):
    """A rule that cannot be said of the members of a type."""


def said_within(schema: Schema) -> Schema:
    """A core schema behind which a bound or a form of strings is checked, as one whose members have it; itself if what
    is behind it is another function. Members that no value can pass by are left out.

    Raises: Unsaid, with the reason.
    """
    if schema["type"] == "chain":
        first, *steps = schema["steps"]
        for step in steps:
            if step["type"] != "function-wrap" or step["schema"]["type"] != "str":
                return schema
            for name, value in step["schema"].items():
                if name != "type":
                    first = _some(_pushed(first, name, partial(_formed, name, value)), name)
        return first
    function = schema["function"]["function"]
    if not _pydantics(function) or not isinstance(function, partial) or not set(function.keywords) <= _CHECKED:
        return schema
    inner = schema["schema"]
    if inner["type"] == "json-or-python" and set(function.keywords) <= set(LENGTHS):
        return schema  # of strings and lists in another guise pydantic's own schema has the length
    for name, bound in function.keywords.items():
        inner = _some(_pushed(inner, name, partial(_bounded, name, bound, function)), name)
    return schema if inner is schema["schema"] else inner  # of what a function reads pydantic says the bound itself


def _pydantics(function: Any) -> bool:
    return getattr(getattr(function, "func", function), "__module__", "") == "pydantic._internal._validators"


def _some(schema: Schema | None, name: str) -> Schema:
    if schema is None:
        raise Unsaid(f"no value of it has the {name} that it is to have")
    return schema


def _pushed(schema: Schema, name: str, rule: Callable[[Schema], Schema | None]) -> Schema | None:
    """The schema with every member as the rule has it; None if none is left."""
    kind = schema["type"]
    if kind in _WITHIN:
        inner = _pushed(schema[_WITHIN[kind]], name, rule)
        return None if inner is None else inner if kind == "nullable" else {**schema, _WITHIN[kind]: inner}
    if kind == "union":
        members = [one[0] if isinstance(one, tuple) else one for one in schema["choices"]]
        left = [one for one in (_pushed(member, name, rule) for member in members) if one is not None]
        return {**schema, "choices": left} if left else None
    if kind == "function-before" or (kind == "function-wrap" and _pydantics(schema["function"]["function"])):
        inner = _pushed(schema["schema"], name, rule)
        return None if inner is None else {**schema, "schema": inner}
    if kind in ("function-after", "chain"):
        inner = said_within(schema)
        return schema if inner is schema else _pushed(inner, name, rule)
    return schema if kind in _LAYERS else rule(schema)  # what a function makes of a value is its own


def _bounded(name: str, bound: Any, check: Callable[[Any], Any], schema: Schema) -> Schema | None:
    """A member with a bound; None if none of its values can pass."""
    kind = schema["type"]
    if kind in _LISTED:
        return _listed(schema, check)
    if name in LENGTHS:
        fits, never = _SIZED, _NUMBERS | _OTHERS
    elif isinstance(bound, int | float | Decimal):
        fits, never = _NUMBERS, _SIZED | _OTHERS
        if name == "multiple_of" and not isinstance(bound, int):
            raise Unsaid("multiples of a fraction are counted in floats; say multiple_of of its members")
    else:
        fits, never = {"date"} if type(bound) is date else set(), set()
    if kind in never:
        return None
    if kind not in fits or name not in NAMES or (name == "multiple_of" and name in schema):
        raise Unsaid(f"{name} is asked of the whole of it; say it of its members")
    if name in schema:
        bound = max(bound, schema[name]) if name in LOWER else min(bound, schema[name])
    return {**schema, name: bound}


def _formed(name: str, value: Any, schema: Schema) -> Schema | None:
    """A member with a form of strings; None if it holds no strings."""
    kind = schema["type"]
    if kind in (_NUMBERS | _SIZED | _OTHERS | {"bool"}) - {"str"}:
        return None
    if kind != "str" or name in schema:
        raise Unsaid(f"{name} is asked of the whole of it; say it of its members")
    return {**schema, name: value}


def _listed(schema: Schema, check: Callable[[Any], Any]) -> Schema | None:
    """Those of the values that pass."""
    key = {"enum": "members", "literal": "expected"}.get(schema["type"])
    kept = [value for value in (schema[key] if key else (False, True)) if _passes(check, value)]
    if not kept:
        return None
    return {**schema, key: kept} if key else {"type": "literal", "expected": kept}


def _passes(check: Callable[[Any], Any], value: Any) -> bool:
    try:
        check(value)
    except (PydanticKnownError, TypeError):  # a TypeError says that such a value has no length, or no order
        return False
    return True
