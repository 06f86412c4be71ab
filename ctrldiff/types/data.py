"""A value as the JSON data that it would be read from: by the names that its fields are read under, whatever they are
written out as."""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import Mapping, Set
from decimal import Decimal
from enum import Enum
from typing import Any, TypeAlias

import pydantic
from pydantic_core import to_jsonable_python

Way: TypeAlias = list[str | int]  # keys and places that lead to where a field is read


def as_data(value: Any) -> Any:
    """JSON data, numbers of type Decimal among them.

    Serializers, computed fields and `exclude` say what is made of a value, not what it is made of: none is asked.
    Raises: ValueError for what has no JSON form.
    """
    if isinstance(value, Enum):
        return as_data(value.value)
    if value is None or isinstance(value, str | bool | int | float | Decimal):
        return value
    if hasattr(value, "get_secret_value"):
        return as_data(value.get_secret_value())
    if isinstance(value, pydantic.RootModel):
        return as_data(value.root)
    if (fields := _fields(value)) is not None:
        found: dict[str, Any] = {}
        for path, part in fields:
            _put(found, path, as_data(part))
        return found
    if isinstance(value, Mapping):
        return {_key(key): as_data(part) for key, part in value.items()}
    if isinstance(value, list | tuple | Set | deque):
        return [as_data(part) for part in value]
    return to_jsonable_python(value)


def _fields(value: Any) -> list[tuple[Way, Any]] | None:
    """The fields of an instance: where each is read, and its value; None for what is no instance with fields."""
    kind = type(value)
    if isinstance(value, pydantic.BaseModel):
        own = [(_way(name, info, kind.model_config), getattr(value, name)) for name, info in kind.model_fields.items()]
        extra: list[tuple[Way, Any]] = [([name], part) for name, part in (value.model_extra or {}).items()]
        return own + extra
    if dataclasses.is_dataclass(value):
        known = getattr(kind, "__pydantic_fields__", {})
        config = getattr(kind, "__pydantic_config__", None) or {}
        names = [field.name for field in dataclasses.fields(value) if field.init]
        ways: list[Way] = [_way(name, known[name], config) if name in known else [name] for name in names]
        return [(way, getattr(value, name)) for way, name in zip(ways, names, strict=True)]
    if hasattr(kind, "__attrs_attrs__"):
        return [([one.alias], getattr(value, one.name)) for one in kind.__attrs_attrs__ if one.init]
    if isinstance(value, tuple) and hasattr(kind, "_fields"):
        return [([name], part) for name, part in zip(kind._fields, value, strict=True)]
    return None


def _way(name: str, info: Any, config: Mapping[str, Any]) -> Way:
    """The keys and places that lead to where a field is read: the first that is one key, as in the schema."""
    alias = info.validation_alias
    if alias is None or config.get("validate_by_alias") is False:
        return [name]
    choices = alias.choices if isinstance(alias, pydantic.AliasChoices) else [alias]
    ways = [list(one.path) if isinstance(one, pydantic.AliasPath) else [one] for one in choices]
    return next((way for way in ways if len(way) == 1), ways[0])


def _put(found: Any, way: Way, part: Any) -> None:
    """Set a part at its place, making what leads there; places of lists that are not read hold null."""
    for step, after in zip(way, [*way[1:], None]):
        if isinstance(step, int):
            found.extend([None] * (step + 1 - len(found)))
        if after is None:
            found[step] = part
            return
        if (found.get(step) if isinstance(found, dict) else found[step]) is None:
            found[step] = [] if isinstance(after, int) else {}
        found = found[step]


def _key(key: Any) -> str:
    """A key as it is written."""
    plain = as_data(key)
    return plain if isinstance(plain, str) else next(iter(to_jsonable_python({plain: None})))
