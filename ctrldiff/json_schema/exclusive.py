"""Schemas that no value satisfies together, seen at a glance: so that `oneOf` seldom needs a difference."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ctrldiff.json_schema.canonical import value_text
from ctrldiff.json_schema.context import Context
from ctrldiff.json_schema.keywords import REFERS, those
from ctrldiff.json_schema.references import held
from ctrldiff.json_schema.shape import listed

_ALWAYS = frozenset(those(lambda row: row.always))
_LISTING = frozenset(those(lambda row: row.holds == "list" or row.name == "const"))


@dataclass(frozen=True)
class _Facts:
    """What is plain of a schema: its types, the values that it lists, and those of properties that it needs."""

    kinds: frozenset[str]
    values: frozenset[str] | None
    tags: Mapping[str, frozenset[str]]


def rivals(context: Context, members: Sequence[Any]) -> list[list[int]]:
    """For each of several schemas the others that may share a value with it, by number.

    Two plainly share none if their types differ, or the values that they list, or those of a property that both
    require. Members with a tag are told apart by it at once, not each against each.
    """
    facts = [_facts(context, member) for member in members]
    tag = _commonest(facts)
    of_value: dict[str, list[int]] = {}
    untagged = []
    for n, one in enumerate(facts):
        if tag in one.tags:
            for value in one.tags[tag]:
                of_value.setdefault(value, []).append(n)
        else:
            untagged.append(n)
    found = []
    for n, one in enumerate(facts):
        near = {m for value in one.tags[tag] for m in of_value[value]} if tag in one.tags else range(len(facts))
        others = sorted({*near, *untagged} - {n})
        context.fuel.spend("pairs of alternatives", len(others), context.fuel.limits.max_nodes)
        found.append([m for m in others if not _exclusive(one, facts[m])])
    return found


def _commonest(facts: list[_Facts]) -> str:
    """The property that tells the most members apart from others."""
    values: dict[str, Counter[str]] = {}
    for one in facts:
        for name, listed_values in one.tags.items():
            values.setdefault(name, Counter()).update(listed_values)
    return max(values, key=lambda name: sum(values[name].values()) - max(values[name].values(), default=0), default="")


def _exclusive(one: _Facts, two: _Facts) -> bool:
    if one.kinds.isdisjoint(two.kinds):
        return True
    if one.values is not None and two.values is not None and one.values.isdisjoint(two.values):
        return True
    if one.kinds != {"object"} and two.kinds != {"object"}:
        return False
    return any(one.tags[name].isdisjoint(two.tags[name]) for name in one.tags.keys() & two.tags.keys())


def _facts(context: Context, schema: Any) -> _Facts:
    parts = _parts(context, schema)
    tags: dict[str, frozenset[str]] = {}
    for name in {name for part in parts for name in part.get("required", ())}:
        for part in parts:
            of = part.get("properties", {})
            values = _values(_parts(context, of[name])) if name in of else None
            if values is not None:
                tags[name] = tags.get(name, values) & values
    return _Facts(_kinds(parts), _values(parts), tags)


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


def _kinds(parts: list[dict[str, Any]]) -> frozenset[str]:
    kinds = {"null", "boolean", "number", "string", "array", "object"}
    for part in parts:
        declared = part.get("type")
        if declared is not None:
            names = declared if isinstance(declared, list) else [declared]
            kinds &= {"number" if name == "integer" else name for name in names if isinstance(name, str)}
    return frozenset(kinds)


def _values(parts: list[dict[str, Any]]) -> frozenset[str] | None:
    found = [frozenset(value_text(v, sort=True) for v in listed(part)) for part in parts if _LISTING & part.keys()]
    return frozenset.intersection(*found) if found else None
