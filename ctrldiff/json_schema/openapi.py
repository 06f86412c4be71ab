"""Schemas of OpenAPI 3.0 as JSON Schemas: its words that JSON Schema does not have, said by those that it has.

A schema object of OpenAPI 3.0 is one of draft 4 for the rest; OpenAPI 3.1 is 2020-12 itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ctrldiff.json_schema.dialect import schemas_of

# `draft=` names these, and they are read as drafts of JSON Schema.
READ_AS = {"openapi-3.0": "draft-04", "openapi-3.1": "2020-12"}
WORDS = ("discriminator", "xml", "externalDocs")  # for programs: they rule no value out
_WHOLE = {"int32": 31, "int64": 63}  # bits beside the sign
_BYTE = "^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$"


def as_json_schema(document: Any) -> Any:
    """A schema, or a whole document of OpenAPI 3.0, changed in place: every schema in it is one of draft 4.

    `nullable` adds null to the `type` beside it, and says nothing where there is none, as OpenAPI 3.0.3 has it: so an
    `enum` beside it has to list null. `int32` and `int64` are bounds, `byte` is Base64, an `example` stands first.
    """
    for top in _roots(document):
        for node, _, _ in schemas_of(top, "draft-04"):
            _translate(node)
    return document


def _roots(document: Any) -> Iterator[Any]:
    """The document, and what it names its schemas, which no keyword holds."""
    yield document
    parts = document.get("components") if isinstance(document, dict) else None
    named = parts.get("schemas") if isinstance(parts, dict) else None
    yield from named.values() if isinstance(named, dict) else ()


def _translate(given: dict[str, Any]) -> None:
    kind = given.get("type")
    if isinstance(given.get("nullable"), bool) and isinstance(kind, str):
        if given.pop("nullable"):
            given["type"] = [kind, "null"]
    if kind == "integer" and (bits := _WHOLE.get(str(given.get("format")))):
        _bound(given, "minimum", -(2**bits), max)
        _bound(given, "maximum", 2**bits - 1, min)
    if kind == "string" and given.get("format") == "byte":
        del given["format"]
        given.setdefault("allOf", []).append({"pattern": _BYTE})
    if "example" in given:
        given["examples"] = [given.pop("example"), *given.get("examples", [])]
    for word in WORDS:
        given.pop(word, None)


def _bound(given: dict[str, Any], keyword: str, edge: int, tighter: Any) -> None:
    """A bound, if the schema's own is not tighter; one that excludes its edge stays as it is."""
    own = given.get(keyword)
    if own is None or tighter(own, edge) == edge != own:
        given[keyword] = edge
        given.pop(f"exclusive{keyword.capitalize()}", None)
