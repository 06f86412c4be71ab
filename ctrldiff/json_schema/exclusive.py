"""Schemas that no value satisfies together, seen at a glance: so that `oneOf` seldom needs a difference."""

from __future__ import annotations

from typing import Any

from ctrldiff.json_schema.canonical import value_text
from ctrldiff.json_schema.context import Context
from ctrldiff.json_schema.keywords import REFERS, those
from ctrldiff.json_schema.references import held
from ctrldiff.json_schema.shape import listed

_ALWAYS = frozenset(those(lambda row: row.always))
_LISTING = frozenset(those(lambda row: row.holds == "list" or row.name == "const"))


def exclusive(context: Context, a: Any, b: Any) -> bool:
    """True if the schemas plainly share no value: by type, by listed values, or by a property that both require.

    False says nothing.
    """
    one, two = _parts(context, a), _parts(context, b)
    if _kinds(one).isdisjoint(_kinds(two)):
        return True
    lists = _values(one), _values(two)
    if lists[0] is not None and lists[1] is not None and lists[0].isdisjoint(lists[1]):
        return True
    if _kinds(one) != {"object"} and _kinds(two) != {"object"}:
        return False
    return any(
        _apart(context, x["properties"][name], y["properties"][name])
        for x in one
        for y in two
        for name in set(x.get("required", ())) & set(y.get("required", ()))
        if name in x.get("properties", {}) and name in y.get("properties", {})
    )


def _apart(context: Context, a: Any, b: Any) -> bool:
    lists = _values(_parts(context, a)), _values(_parts(context, b))
    return lists[0] is not None and lists[1] is not None and lists[0].isdisjoint(lists[1])


def _parts(context: Context, schema: Any) -> list[dict[str, Any]]:
    """The schema and what it always applies beside itself."""
    found: list[dict[str, Any]] = []
    seen: set[int] = set()
    todo = [schema]
    while todo:
        one = todo.pop()
        if not isinstance(one, dict) or id(one) in seen:
            continue
        seen.add(id(one))
        alone = context.references.alone(one)
        found.append({} if alone else one)
        for keyword in ("$ref",) if alone else _ALWAYS & one.keys():
            if keyword in REFERS:
                todo.append(context.resolve(one, keyword, context.references.place(one))[0])
            else:
                todo.extend(part for _, part in held(keyword, one[keyword]))
    return found


def _kinds(parts: list[dict[str, Any]]) -> set[str]:
    kinds = {"null", "boolean", "number", "string", "array", "object"}
    for part in parts:
        declared = part.get("type")
        if declared is not None:
            names = declared if isinstance(declared, list) else [declared]
            kinds &= {"number" if name == "integer" else name for name in names if isinstance(name, str)}
    return kinds


def _values(parts: list[dict[str, Any]]) -> set[str] | None:
    found = [{value_text(v, sort=True) for v in listed(part)} for part in parts if _LISTING & part.keys()]
    return set.intersection(*found) if found else None
