"""Where the values of an answer that stand in the text verbatim (`x-span`) stand."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ctrldiff.json_schema.keywords import those
from ctrldiff.json_schema.references import escaped, unescaped

_MEMBERS = those(lambda row: row.of == "itself" and row.holds == "schemas")
MOST = 20  # places of one value that are told


def span_places(schema: Any, value: Any, text: str) -> dict[str, list[tuple[int, int]]]:
    """By JSON pointer all places of every string that the schema says stands in the text; those that are whole words
    there, if any are."""
    found: dict[str, list[tuple[int, int]]] = {}
    for at, spelled in _spans(schema, schema, value, "", set()):
        if at not in found:
            found[at] = places(spelled, text)
    return found


def places(spelled: str, text: str) -> list[tuple[int, int]]:
    """Where a string stands in a text, the first `MOST` places; whole words alone, if it is that anywhere."""
    whole = rf"(?<!\w){re.escape(spelled)}(?!\w)"
    for pattern in (whole, re.escape(spelled)):
        found = [one.span() for one, _ in zip(re.finditer(pattern, text), range(MOST))] if spelled else []
        if found:
            return found
    return []


def _spans(whole: Any, node: Any, value: Any, at: str, seen: set[tuple[int, str]]) -> Iterator[tuple[str, str]]:
    """(pointer, string) of every value under an `x-span`, whichever branch of the schema it stands in."""
    if not isinstance(node, Mapping) or (id(node), at) in seen:
        return
    seen.add((id(node), at))
    if node.get("x-span") is True and isinstance(value, str):
        yield at, value
    if isinstance(node.get("$ref"), str):
        yield from _spans(whole, _at(whole, node["$ref"]), value, at, seen)
    for word in _MEMBERS:
        for one in node.get(word, ()):
            yield from _spans(whole, one, value, at, seen)
    if isinstance(value, dict):
        for key, below in value.items():
            inner = node.get("properties", {}).get(key, node.get("additionalProperties"))
            yield from _spans(whole, inner, below, f"{at}/{escaped(key)}", seen)
    if isinstance(value, list):
        first = node.get("prefixItems", ())
        for n, below in enumerate(value):
            yield from _spans(whole, first[n] if n < len(first) else node.get("items"), below, f"{at}/{n}", seen)


def _at(whole: Any, ref: str) -> Any:
    """What a reference within the schema leads to; None for any other."""
    if not ref.startswith("#/"):
        return whole if ref == "#" else None
    for name in ref[2:].split("/"):
        whole = whole.get(unescaped(name)) if isinstance(whole, Mapping) else None
    return whole
