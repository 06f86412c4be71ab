"""Decimals and floats: of what pydantic takes, the numbers that JSON keeps."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

from ctrldiff.types.marks import NO

BOUNDS = ("gt", "ge", "lt", "le")
_EXACT = 15  # a JSON number of so many digits is read back as it was written
_STEPPED = 6  # digits before the point of a float that is a multiple of a fraction
_PLACES = 6  # decimals of a Decimal that does not say how many it has


def decimal(schema: Any) -> dict[str, Any]:
    """What pydantic's schema of a Decimal takes."""
    digits, places, step = schema.get("max_digits"), schema.get("decimal_places"), schema.get("multiple_of")
    if step is not None:
        return _steps(schema, Decimal(step).normalize())
    whole = None if digits is None else digits - (places or 0)
    most = min(digits or _EXACT, _EXACT)
    shares = range(1, most + 1) if places is None and digits is not None else (min(_or(places, _PLACES), most),)
    found = [{**_number("number", schema, most - n), "multipleOf": float(f"1e-{n}")} for n in shares if n]
    if whole == 0:  # pydantic counts the digit of a lone zero
        return {**found[0], "not": {"const": 0}}
    found.append(_number("integer", schema, whole))
    return {"anyOf": found} if len(found) > 1 else found[0]


def _steps(schema: Any, step: Decimal) -> dict[str, Any]:
    """The multiples of `step` that have at most 15 digits."""
    places = max(-int(step.as_tuple().exponent), 0)
    if schema.get("max_digits") is not None or schema.get("decimal_places") is not None:
        return {NO: "multiple_of of a Decimal beside a number of digits"}
    if not places:
        return {**_number("integer", schema, None), "multipleOf": int(step)}
    return {**_number("number", schema, _EXACT - places), "multipleOf": float(step)}


def floating(schema: Any) -> dict[str, Any] | None:
    """What pydantic's schema of a float takes; None if its own generator says it."""
    step = schema.get("multiple_of")
    if step is None and all(math.isfinite(schema.get(bound, 0)) for bound in BOUNDS):
        return None
    if step is None:
        return _number("number", schema, None)
    # Pydantic divides floats. Of 2,000 multiples each of .1, .01, .3, .25 and .001 by number of digits, it took all
    # that have at most 6 before the point, and refused some of .3 from 7 on.
    return {**_number("number", schema, _EXACT if step == int(step) else _STEPPED), "multipleOf": step}


def _number(kind: str, schema: Any, whole: int | None) -> dict[str, Any]:
    """A number between a decimal's bounds, with at most `whole` digits before the point."""
    room = [] if whole is None else [Decimal(10) ** whole]
    said = {
        "minimum": [schema["ge"]] if "ge" in schema else [],
        "exclusiveMinimum": ([schema["gt"]] if "gt" in schema else []) + [-edge for edge in room],
        "maximum": [schema["le"]] if "le" in schema else [],
        "exclusiveMaximum": ([schema["lt"]] if "lt" in schema else []) + room,
    }
    result: dict[str, Any] = {"type": kind}
    for keyword, edges in said.items():
        values = [
            edge for edge in map(_decimal, edges) if not (edge.is_infinite() and ("Min" in keyword) == (edge < 0))
        ]
        if any(not edge.is_finite() for edge in values):
            return {NO: f"its bound {next(edge for edge in values if not edge.is_finite())} leaves no number"}
        if values:
            edge = (max if "Min" in keyword else min)(values)
            result[keyword] = int(edge) if edge == int(edge) else float(edge)
            if Decimal(repr(result[keyword])) != edge:
                return {NO: f"its bound {edge} has more digits than a JSON number keeps"}
    return result


def _decimal(value: Any) -> Decimal:
    """A bound by the digits that it is written with, as pydantic reads it."""
    return Decimal(repr(value)) if isinstance(value, float) else Decimal(value)


def _or(value: int | None, otherwise: int) -> int:
    return otherwise if value is None else value
