"""Types as JSON Schemas whose every value validates back: pydantic's own schemas say less than its types do."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pydantic
from pydantic_core import SchemaError

from ctrldiff.errors import ConstraintError
from ctrldiff.json_schema.keywords import KEYWORDS, Keyword
from ctrldiff.json_schema.references import held
from ctrldiff.pointer import unescaped
from ctrldiff.types.exact import READ, UUID_VERSION, Exact, formed
from ctrldiff.types.marks import MADE, NO, OF_INT
from ctrldiff.types.numbers import BOUNDS
from ctrldiff.types.portable import portable

HINT = "use a pydantic model, a dataclass, a TypedDict, Literal, Enum, int, float, bool, str, Decimal or a date"
_NO_TYPE = (AttributeError, ImportError, NameError, RuntimeError, TypeError)  # what pydantic lets through, too
_ANY_TEXT = {"path", "password"}  # names for a use of strings, which rule none out
_OUTER = (*BOUNDS, "multiple_of")  # words that pydantic leaves where it checks a bound behind a type


def json_schema(adapter: pydantic.TypeAdapter[Any], name: str) -> dict[str, Any]:
    """The schema of the values of a type, each of which the type takes.

    Raises: ConstraintError naming the part that cannot be honoured. Fields: pointer, field.
    """
    try:
        schema = adapter.json_schema(schema_generator=Exact)
    except pydantic.errors.PydanticUserError as error:  # a name in quotes that stands for nothing, most often
        raise _no_type(name, error) from error
    for node, pointer, field in _places(schema):
        if (version := node.get("format", "").removeprefix("uuid")).isdigit():
            node.update(format="uuid", pattern=UUID_VERSION % version)
        if node.get("format") in _ANY_TEXT:
            del node["format"]
        formed(node)
        for word in (MADE, OF_INT, *_OUTER, *_beyond_json(node)):
            node.pop(word, None)
        why, hint = node.get(NO), HINT
        if why is None and node.get("format", "date") not in READ:
            why = f"its values are strings of the format {node['format']!r}, which it may still refuse"
            hint = "use str, or Annotated[str, Field(pattern=...)] with the form that is wanted"
        if why is not None:
            at = f"{name}{field}"
            raise ConstraintError(f"{at} cannot be honoured: {why}", hint=hint, pointer=pointer, field=at)
    return schema


def adapter_of(wanted: Any) -> pydantic.TypeAdapter[Any]:
    """Pydantic's reading of a type. Raises ConstraintError if it has none."""
    try:
        return pydantic.TypeAdapter(portable(wanted))
    except (pydantic.errors.PydanticUserError, SchemaError, UnicodeError, *_NO_TYPE) as error:
        raise _no_type(repr(wanted), error) from error


def _no_type(name: str, error: Exception) -> ConstraintError:
    why = (str(error).splitlines() or [""])[0]
    return ConstraintError(f"{name} is not a type that can be written as JSON", why=why, hint=HINT)


def _beyond_json(node: dict[str, Any]) -> Iterator[str]:
    """What only tells of a schema and cannot be said in JSON: a default of NaN or infinity."""
    for word in ("default", "examples"):
        try:
            json.dumps(node.get(word), allow_nan=False)
        except (TypeError, ValueError):
            yield word


def _places(schema: dict[str, Any]) -> Iterator[tuple[dict[str, Any], str, str]]:
    """Every schema that the root speaks of, each once: node, JSON pointer, field as a person would write it."""
    todo: list[tuple[Any, str, str]] = [(schema, "#", "")]
    seen: set[str] = set()
    while todo:
        node, pointer, field = todo.pop()
        if not isinstance(node, dict):
            continue
        yield node, pointer, field
        if "x-json" in node:
            todo.append((node["x-json"], f"{pointer}/x-json", field))
        reference = node.get("$ref", "")
        if reference and reference not in seen:
            seen.add(reference)
            target = schema.get("$defs", {}).get(reference.rpartition("/")[2], {})
            todo.append((target, reference, field))
        below = [
            (part, pointer + way, field + _shown(KEYWORDS[keyword], way))
            for keyword, value in node.items()
            if keyword in KEYWORDS and KEYWORDS[keyword].role == "applies"
            for way, part in held(keyword, value)
        ]
        todo += reversed(below)


def _shown(keyword: Keyword, way: str) -> str:
    """The part that a keyword's schema speaks of, as a person would write it behind the whole."""
    if keyword.of == "itself":
        return ""
    if keyword.of != "named":
        return "[]"
    name = unescaped(way.rpartition("/")[2])
    return f".{name}" if keyword.family == "object" else f"[{name}]"
