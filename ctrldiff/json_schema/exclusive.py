"""Schemas that no value satisfies together, seen at a glance: so that `oneOf` seldom needs a difference."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from ctrldiff.json_schema.canonical import value_text
from ctrldiff.json_schema.context import Context
from ctrldiff.json_schema.keywords import KEYWORDS, REFERS, those
from ctrldiff.json_schema.references import held
from ctrldiff.json_schema.shape import listed

_ALWAYS = frozenset(those(lambda row: row.always))
_LISTING = frozenset(those(lambda row: row.holds == "list" or row.name == "const"))
_OBJECTS = frozenset(("object",))

Rival: TypeAlias = tuple[int, Any]


@dataclass(frozen=True)
class _Facts:
    """What is plain of a schema: its types, the values that it lists, and those of properties that it needs; and
    whether it says nothing of what is no object but its type."""

    kinds: frozenset[str]
    values: frozenset[str] | None
    tags: Mapping[str, frozenset[str]]
    of_objects: bool


def rivals(context: Context, schema: Any, members: Sequence[Any], written: Iterable[str]) -> list[list[Rival]]:
    """For each member of a list of alternatives the others that may share a value with it, by number, each with a
    schema of the values that they may share.

    Two plainly share none if their types differ, or the values that they list; and no object if the values of a
    property differ that both require. Members with a tag are told apart by it at once, not each against each.

    Args: schema: what lists them: no value is of other types than its own.   written: the types that its place writes.
    """
    beside = _kinds(_parts(context, schema)).intersection(written)
    facts = [_facts(context, member, beside) for member in members]
    tag = _commonest(facts)
    of_value: dict[str, list[int]] = {}
    untold = []  # the tag does not tell all their values apart from those of others
    for n, one in enumerate(facts):
        for value in one.tags.get(tag, ()):
            of_value.setdefault(value, []).append(n)
        if tag not in one.tags or not one.kinds <= _OBJECTS:
            untold.append(n)
    found = []
    for n, one in enumerate(facts):
        near = {m for value in one.tags[tag] for m in of_value[value]} if tag in one.tags else range(len(facts))
        others = sorted({*near, *untold} - {n})
        context.fuel.spend("pairs of alternatives", len(others), context.fuel.limits.max_nodes)
        shared = [(m, _shared(context, one, facts[m], members[m])) for m in others]
        distinct = {id(what): (m, what) for m, what in reversed(shared) if what is not False}
        found.append(list(distinct.values())[::-1])
    return found


def _commonest(facts: list[_Facts]) -> str:
    """The property that tells the most members apart from others."""
    values: dict[str, Counter[str]] = {}
    for one in facts:
        for name, listed_values in one.tags.items():
            values.setdefault(name, Counter()).update(listed_values)
    return max(values, key=lambda name: sum(values[name].values()) - max(values[name].values(), default=0), default="")


def _shared(context: Context, one: _Facts, two: _Facts, second: Any) -> Any:
    """A schema of the values of the second of two that the first may have, too; false for none."""
    kinds = one.kinds & two.kinds
    if one.values is not None and two.values is not None and one.values.isdisjoint(two.values):
        return False
    if all(not one.tags[name].isdisjoint(two.tags[name]) for name in one.tags.keys() & two.tags.keys()):
        return second if kinds else False
    others = kinds - _OBJECTS
    return context.of_types(others, True if two.of_objects else second) if others else False


def _facts(context: Context, schema: Any, beside: frozenset[str]) -> _Facts:
    parts = _parts(context, schema)
    tags: dict[str, frozenset[str]] = {}
    for name in {name for part in parts for name in part.get("required", ())}:
        for part in parts:
            of = part.get("properties", {})
            values = _values(_parts(context, of[name])) if name in of else None
            if values is not None:
                tags[name] = tags.get(name, values) & values
    return _Facts(_kinds(parts) & beside, _values(parts), tags, all(map(_is_of_objects, parts)))


def _is_of_objects(part: dict[str, Any]) -> bool:
    """A schema says nothing of what is no object but its type, and that in whole kinds."""
    said = (KEYWORDS[name] for name in part if name in KEYWORDS and name != "type" and name not in _ALWAYS)
    spoken = all(row.family == "object" or row.role in ("annotates", "names") for row in said)
    return spoken and "integer" not in part.get("type", ())


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
