"""Fields that are read from inside others (`AliasPath`)."""

from __future__ import annotations

from typing import Any

from ctrldiff.types.marks import MADE, NO


def path_of(field: Any) -> list[str | int] | None:
    """Where a field is read from inside another, if it has no key of its own."""
    alias = field.get("validation_alias")
    paths = alias if isinstance(alias, list) and isinstance(alias[0], list) else [alias]
    if alias is None or any(isinstance(path, str) or len(path) == 1 for path in paths):
        return None
    return list(paths[0])


def no_path(field: Any) -> dict[str, Any] | None:
    """A mark if a field is read from inside another, where only models are written so."""
    path = path_of(field)
    return {NO: f"it is read from the path {path}"} if path else None


def put(node: dict[str, Any], path: list[str | int], value: dict[str, Any]) -> bool:
    """Add a value to an object's schema at a path of keys and places, making what is not there; False if that cannot
    be. Places between those that are read hold null."""
    for step, after in zip(path, [*path[1:], None]):
        parts = node.setdefault("properties", {}) if isinstance(step, str) else node["prefixItems"]
        if isinstance(step, int):
            if step < 0:
                return False
            parts.extend({"type": "null"} for _ in range(step + 1 - len(parts)))
            node["minItems"] = node["maxItems"] = len(parts)
        taken = step in parts if isinstance(step, str) else parts[step] != {"type": "null"}
        if taken and (after is None or not parts[step].get(MADE)):
            return False
        if not taken:
            kind = {"type": "array", "prefixItems": []} if isinstance(after, int) else {"type": "object"}
            closed = {} if isinstance(after, int) else {"additionalProperties": False}
            parts[step] = value if after is None else {**kind, **closed, MADE: True}
            if isinstance(step, str):
                node["required"] = [*node.get("required", ()), step]
        node = parts[step]
        if after is not None and ("prefixItems" in node) != isinstance(after, int):
            return False
    return True
