"""Where the values of an answer stand in the text that they were taken from."""

from __future__ import annotations

from ctrldiff.constraints.description import And, Description
from ctrldiff.constraints.stated import StatedIn
from ctrldiff.constraints.template import Template
from ctrldiff.grounded.kinds import Stated
from ctrldiff.json_schema import JsonSchema, schemas_in


def grounds_of(description: Description, raw: str) -> dict[str, tuple[Stated, ...]]:
    """For every value that the text states all places that state it, in their order, by the value's JSON pointer.

    "" is the whole answer, and "/name" a hole of a template. What the type does not ground is not there, nor is null.
    """
    if schemas := schemas_in(description):
        return {at: places for schema in schemas for at, places in schema.grounds(raw).items()}
    if isinstance(description, Template):
        if not any(_grounded(hole) for _, hole in description.holes):
            return {}
        holes = dict(description.holes)
        return {
            f"/{name}{at}": places
            for name, text in description.holes_of(raw).items()
            for at, places in grounds_of(holes[name], text).items()
        }
    stated = _stated(description)
    return {"": stated.places(raw)} if stated else {}


def _grounded(description: Description) -> bool:
    return description.has_spans if isinstance(description, JsonSchema) else _stated(description) is not None


def _stated(description: Description) -> StatedIn | None:
    """What a bare value has to be stated as."""
    parts = description.parts if isinstance(description, And) else (description,)
    return next((part for part in parts if isinstance(part, StatedIn)), None)
