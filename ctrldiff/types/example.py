"""A made-up value of a type, as a prompt shows the form of an answer.

What stands in it says that it is made up ("...", 0), for a model copies what it is shown. A schema's own `examples` go
first. Where nothing made up obeys the schema, the shortest value that does is shown.
"""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

from ctrldiff.errors import ConstraintError
from ctrldiff.grounded.kinds import KEY, KINDS
from ctrldiff.json_schema import JsonSchema
from ctrldiff.json_schema.keywords import FAMILY
from ctrldiff.json_schema.shape import Shape, listed

DEEPEST = 12  # places within places; a recursion ends here
MOST = 200  # places of a type that are filled
STRINGS = {
    "date": "2024-05-31",
    "date-time": "2024-05-31T12:00:00Z",
    "time": "12:00:00Z",
    "duration": "P1D",
    "email": "name@example.com",
    "hostname": "example.com",
    "uri": "https://example.com",
    "uuid": "00000000-0000-4000-8000-000000000000",
}


@lru_cache(64)
def example_of(schema: JsonSchema) -> str:
    """A value that a schema accepts, in its one spelling; "" where none is found that could be shown."""
    filler = _Filler()
    try:
        made = schema.canonical(filler.value(schema.shape(), 0))
        if schema.has_spans or made in schema:  # a span's own text is not known here
            return made
        shortest = schema.dfa().shortest()
    except (ConstraintError, ValueError, RecursionError):  # what cannot be enforced is refused elsewhere, by name
        return ""
    return "" if shortest is None or len(shortest) > 20 * MOST else shortest.decode("utf-8", "replace")


class _Filler:
    """A walk that fills so many places and no more."""

    def __init__(self) -> None:
        self.places = 0

    def value(self, shape: Shape, depth: int) -> Any:
        """A value of one place."""
        self.places += 1
        told = [value for member in shape.members for value in _list(member.get("examples"))]
        values = told + [value for member in shape.members for value in listed(member)]
        kinds = [kind for kind in shape.types if kind != "null"]
        if values:
            return next((value for value in values if value is not None), None)
        if depth > DEEPEST or self.places > MOST or shape.dead:
            return None if "null" in shape.types else {} if kinds[:1] == ["object"] else []
        if shape.names or kinds[:1] == ["object"]:
            return {name: self.value(shape.property(name), depth + 1) for name in shape.names}
        if kinds[:1] == ["array"] or (not kinds and any("items" in member for member in shape.members)):
            low = max((m["minItems"] for m in shape.members if isinstance(m.get("minItems"), int)), default=1)
            return [self.value(shape.item(n), depth + 1) for n in range(min(max(low, shape.prefix, 1), 20))]
        return _scalar(shape, kinds[0] if kinds else "string")


def _scalar(shape: Shape, kind: str) -> Any:
    """A number, a truth value or a string: a made-up one if it is legal there, else the shortest."""
    if kind == "boolean":
        return True
    stated = {key: value for member in shape.members for key, value in member.items() if key != "$ref"}
    if kind in ("integer", "number"):
        made: Any = stated.get("minimum", 0)
    else:
        read = KINDS.get(kind_of(stated.get(KEY)))
        made = STRINGS.get(str(stated.get("format")), read.example if read else "") or "..."
    if not (shape.said or stated.keys() & (FAMILY["string"] | FAMILY["number"])):
        return made
    leaf = JsonSchema({**stated, "type": kind})
    try:
        if leaf.canonical(made) in leaf or (shortest := leaf.dfa().shortest()) is None:
            return made
    except ConstraintError:  # the whole is tried as it is, then
        return made
    return json.loads(shortest)


def kind_of(said: Any) -> str:
    """The kind of a value that is read out of a text, as its keyword says it; "" for none."""
    return str(said.get("kind", "")) if isinstance(said, dict) else str(said or "")


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
