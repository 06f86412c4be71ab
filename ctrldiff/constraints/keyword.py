"""The keyword `x-text` of JSON Schemas, read: what strings say, how often, and how long they are."""

from __future__ import annotations

from typing import Any

from ctrldiff.constraints.basic import Regex
from ctrldiff.constraints.blocking import DynamicBlocking
from ctrldiff.constraints.content import Avoids, Contains
from ctrldiff.constraints.description import And, Description
from ctrldiff.constraints.length import Length
from ctrldiff.constraints.of_text import KEYWORD
from ctrldiff.errors import ConstraintError, ConstraintTooLarge, SchemaInvalid

_NAMES = ("contains", "avoids", "length", "blocks")


def described(value: Any, at: str) -> Description:
    """All that the keyword says, of a text without quotes and escapes. Raises: SchemaInvalid."""
    if not isinstance(value, list) or not value:
        raise _invalid(f"{value!r} is no list of constraints", at)
    parts = tuple(_one(given, at) for given in value)
    return parts[0] if len(parts) == 1 else And(parts)


def in_words(value: Any) -> str:
    """What the keyword says, for a prompt."""
    constraint = described(value, "#")
    parts = constraint.parts if isinstance(constraint, And) else (constraint,)
    return ", ".join(_in_words(part) for part in parts)


def _in_words(part: Description) -> str:
    if isinstance(part, Contains | Avoids):
        things = " or ".join(one.pattern if isinstance(one, Regex) else f'"{one}"' for one in part.things)
        if isinstance(part, Avoids) or part.at_most == 0:
            return f"without {things}"
        often = "" if (part.at_least, part.at_most) == (1, None) else f" {_range(part.at_least, part.at_most)} times"
        return f"with {things}{often}"
    if isinstance(part, Length):
        bounds = {name: getattr(part, name) for name in ("characters", "words", "sentences")}
        return ", ".join(f"{_range(*both)} {name}" for name, both in bounds.items() if both is not None)
    return "in other words than a source"


def _range(low: int, high: int | None) -> str:
    if high is None:
        return f"at least {low}"
    return str(low) if low == high else f"{low} to {high}"


def _one(given: Any, at: str) -> Description:
    names = [name for name in _NAMES if isinstance(given, dict) and name in given]
    if len(names) != 1:
        raise _invalid(f"{given!r} is none of {', '.join(_NAMES)}", at)
    options = dict(given)
    said = options.pop(names[0])
    try:
        if names[0] == "contains":
            return Contains(_things(said), **options)
        if names[0] == "avoids":
            return Avoids(_things(said), **options)
        if names[0] == "blocks" and isinstance(said, str):
            return DynamicBlocking(said, **options)
        if names[0] == "length" and isinstance(said, dict) and "tokens" not in said:
            return Length(**said, **options)
    except ConstraintTooLarge:
        raise
    except (ConstraintError, TypeError) as error:
        raise _invalid(str(error), at) from error
    raise _invalid(f"{names[0]}: {said!r}", at)


def _things(said: Any) -> list[Any]:
    listed = said if isinstance(said, list) else [said]
    return [Regex(**one) if isinstance(one, dict) else one for one in listed]


def _invalid(why: str, at: str) -> SchemaInvalid:
    hint = '"x-text": [{"contains": ["red", {"pattern": "[0-9]+"}], "at_least": 1}, {"length": {"words": [1, 9]}}]'
    return SchemaInvalid(f"{at}/{KEYWORD} says nothing of texts", why=why[:300], hint=hint, pointer=f"{at}/{KEYWORD}")
