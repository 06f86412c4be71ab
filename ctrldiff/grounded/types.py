"""Types whose values the text states: `Grounded[date]` and its like, for fields of models and on their own."""

from __future__ import annotations

import json
import types
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias, TypeVar, get_args, get_origin

from ctrldiff.errors import ConstraintError
from ctrldiff.grounded.kinds import KEY, KINDS, check_kind

T = TypeVar("T")

_OF = {
    date: "date",
    datetime: "datetime",
    time: "time",
    Decimal: "number",
    float: "number",
    int: "integer",
    str: "text",
}
_DIGITS = ("gt", "ge", "lt", "le", "multiple_of", "max_digits", "decimal_places")


@dataclass(frozen=True, init=False)
class FromText:
    """What a value is in the text, for `Annotated`: `Annotated[float, FromText("amount", unit="kg")]`.

    In a schema it is `{"x-from-text": {"kind": "amount", "unit": "kg"}}`, or the kind alone.

    Args:
        kind: one of the table in `docs/grounded.md`.
        options: `order` of dates, `region` of telephone numbers, `unit` of amounts, `spellings` of labels: a dict from
            a label's name to other words that mean it.
    Raises: SchemaInvalid for a kind that is none, or no option of it.
    """

    kind: str
    options: str  # as JSON text

    def __init__(self, kind: str, **options: str | Mapping[str, Sequence[str]]) -> None:
        check_kind(kind, options, f"FromText({kind!r})")
        object.__setattr__(self, "kind", kind)
        object.__setattr__(self, "options", json.dumps(options))

    @property
    def keyword(self) -> Any:
        """What stands in a schema."""
        options = json.loads(self.options)
        return {"kind": self.kind, **options} if options else self.kind

    def __get_pydantic_json_schema__(self, schema: Any, handler: Any) -> dict[str, Any]:
        known = handler(schema)
        if self.kind == "label" and "$ref" in known:
            known = handler.resolve_ref_schema(known)
        return {**_loosened(schema, known), KEY: self.keyword}


def _loosened(schema: Any, known: dict[str, Any]) -> dict[str, Any]:
    """A JSON Schema without what it says only so that every value can be read: those of the text can."""
    if schema["type"] == "decimal" and not any(name in schema for name in _DIGITS):
        return {"type": "number"}
    moment = known.get("format") == "date-time" and schema.get("tz_constraint") != "aware"
    if moment or known.get("format") == "time":  # RFC 3339 wants an offset, and most texts state none
        return {name: value for name, value in known.items() if name not in ("format", "pattern")}
    return known


@dataclass(frozen=True)
class Money:
    """An amount and its currency, by its ISO code, as a text states them: a type for fields of models."""

    amount: Decimal
    currency: str

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: Any, handler: Any) -> dict[str, Any]:
        return {**KINDS["money"].schema, KEY: "money"}


@dataclass(frozen=True)
class Quantity:
    """An amount and its unit, by its English sign, as a text states them: a type for fields of models."""

    amount: Decimal
    unit: str

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: Any, handler: Any) -> dict[str, Any]:
        return {**KINDS["quantity"].schema, KEY: "quantity"}


Email = Annotated[str, FromText("email")]
Url = Annotated[str, FromText("url")]
Phone = Annotated[str, FromText("phone")]
Iban = Annotated[str, FromText("iban")]
Percent = Annotated[Decimal, FromText("percent")]

if TYPE_CHECKING:
    Grounded: TypeAlias = Annotated[T, "stated by the text"]
else:

    class Grounded:
        """`Grounded[date]`: a date that the text states, in whatever spelling. The value is a plain `date`.

        Of date, datetime, time, Decimal, float, int, str (words that stand in the text), Literal and Enum (labels that
        do), each with `| None` for what may not be stated. Raises: ConstraintError for any other.
        """

        def __class_getitem__(cls, wanted):
            if get_origin(wanted) in (typing.Union, types.UnionType):
                return typing.Union[tuple(one if one is type(None) else cls[one] for one in get_args(wanted))]  # noqa: UP007
            if wanted in (Money, Quantity):
                return wanted
            if get_origin(wanted) is Literal or (isinstance(wanted, type) and issubclass(wanted, Enum)):
                return Annotated[wanted, FromText("label")]
            if wanted not in _OF:
                raise ConstraintError(
                    f"Grounded[{wanted!r}] has no reader",
                    hint=f"one of {', '.join(kind.__name__ for kind in _OF)}, a Literal or an Enum;\n"
                    "of a list write list[Grounded[date]], and of a model its fields",
                )
            return Annotated[wanted, FromText(_OF[wanted])]
