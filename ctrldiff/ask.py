"""How a wanted type is said to the model: the short text that a prompt template's `{ask}` stands for."""

from __future__ import annotations

from typing import Any

BARE = {"integer": "int", "number": "number", "boolean": "bool"}


def ask_for(schema: Any, name: str | None = None) -> str:
    """A JSON Schema as a few words.

    Args:
        schema: read for its type, enum, const, format "date", anyOf with null, items, properties and $ref.
        name: what a bare (not object) value is called, if anything: "total" gives "total:number".
    Returns: e.g. "{key,key:int,key:a|b,key:[],key:[{name,quantity:int}],key:{name,city}}", "total:number",
        "int", "positive|negative"; "" for a nameless string. Nullability is not shown: any field may be null.
    """
    kind = _render(schema, schema)
    if not name:
        return kind
    return f"{name}:{kind}" if kind else name


def _render(node: Any, root: Any, inside: tuple[Any, ...] = ()) -> str:
    node = _resolve(node, root)
    if any(node is outer for outer in inside):  # a recursive type says its keys once
        return ""
    inside = (*inside, node)
    if "enum" in node or "const" in node:
        values = node.get("enum", [node.get("const")])
        return "|".join(_word(value) for value in values if value is not None)
    kind = node.get("type")
    if isinstance(kind, list):
        kind = next((one for one in kind if one != "null"), None)
    if kind == "object" or "properties" in node:
        pairs = ((key, _render(value, root, inside)) for key, value in node.get("properties", {}).items())
        return "{" + ",".join(f"{key}:{text}" if text else key for key, text in pairs) + "}"
    if kind == "array" or "items" in node:
        return f"[{_render(node.get('items') or {}, root, inside)}]"
    if node.get("format") == "date":
        return "date"
    return BARE.get(kind, "")


def _resolve(node: Any, root: Any, depth: int = 0) -> dict[str, Any]:
    """Follow references, a lone allOf, and the first branch of anyOf or oneOf that is not null."""
    if depth > 32 or not isinstance(node, dict):
        return {}
    if "$ref" in node:
        found = root
        for part in node["$ref"].lstrip("#/").split("/"):
            found = found.get(part.replace("~1", "/").replace("~0", "~"), {})
        return _resolve(found, root, depth + 1)
    for word in ("anyOf", "oneOf", "allOf"):
        branches = [_resolve(one, root, depth + 1) for one in node.get(word, ())]
        branches = [one for one in branches if one.get("type") != "null"]
        if branches and all("const" in one for one in branches):
            return {"enum": [one["const"] for one in branches]}
        if branches:
            return branches[0]
    return node


def _word(value: object) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else str(value)
