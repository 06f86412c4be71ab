"""Which values of a type a set can hold."""

from __future__ import annotations

from typing import Any

_NEVER = {
    "any": "values of any type",
    "list": "lists",
    "dict": "dictionaries",
    "set": "sets",
    "typed-dict": "dictionaries",
}
_MADE = {"model", "dataclass"}
_WITHIN = ("schema", "json_schema", "lax_schema")  # the one that is read, of layers and of what has two readings


def unhashable(schema: Any) -> str | None:
    """What of the values of a core schema Python cannot hash, in words; None for nothing, or if that is not known."""
    if schema is None:
        return _NEVER["any"]
    kind = schema["type"]
    if kind in _NEVER:
        return _NEVER[kind]
    if kind in _MADE:
        name = schema["cls"].__name__
        return f"{name}, which is not frozen" if schema["cls"].__hash__ is None else None
    if kind in ("union", "tuple"):
        parts = [
            one[0] if isinstance(one, tuple) else one for one in schema.get("choices", schema.get("items_schema", ()))
        ]
    elif kind == "tagged-union":
        parts = list(schema["choices"].values())
    elif kind.startswith("function-"):
        return None  # what a function makes of a value is its own
    else:
        parts = [schema[name] for name in _WITHIN if name in schema][:1]
    return next((why for why in map(unhashable, parts) if why), None)
