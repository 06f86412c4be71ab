"""Values as the texts that they would be read from: the answers of examples, whatever their types write them out as."""

import dataclasses
from collections import deque
from datetime import date, timedelta
from decimal import Decimal
from enum import Enum
from typing import Annotated, NamedTuple

import attrs
import numpy as np
import pydantic
import pytest
from pydantic import AliasChoices, AliasPath, BaseModel, Field

from ctrldiff.errors import ConstraintError, InputError
from ctrldiff.types.spell import spell
from ctrldiff.types.structured import output_type
from tests.conftest import named


class Kind(Enum):
    A = "a"


class Sale(BaseModel):
    amount: Decimal
    on: date
    kind: Kind = Kind.A

    @pydantic.computed_field  # type: ignore[prop-decorator]
    @property
    def doubled(self) -> Decimal:
        return 2 * self.amount

    @pydantic.field_serializer("on")
    def german(self, on: date) -> str:
        return f"{on:%d.%m.%Y}"


class Named(BaseModel, populate_by_name=True):
    a: int = Field(alias="A")
    b: int = Field(validation_alias=AliasChoices(AliasPath("x", "b"), "B"))
    c: int = Field(serialization_alias="C")
    d: int = Field(4, exclude=True)


class Inside(BaseModel):
    first: int = Field(validation_alias=AliasPath("list", 1))
    city: str = Field(validation_alias=AliasPath("to", "city"))


class ByName(BaseModel, validate_by_alias=False, validate_by_name=True):
    a: int = Field(alias="A")


class Key(BaseModel):
    key: pydantic.SecretStr


class Open(BaseModel, extra="allow"):
    __pydantic_extra__: dict[str, Decimal]
    a: int


class Both(NamedTuple):
    a: Annotated[int, Field(alias="A")]
    b: str = "x"


class Plain(NamedTuple):
    a: int
    b: Decimal = Decimal("0.5")


@dataclasses.dataclass
class Point:
    x: Decimal
    seen: int = dataclasses.field(default=0, init=False)


@pydantic.dataclasses.dataclass
class Checked:
    x: int = Field(alias="X")


@attrs.define
class Size:
    _size: int
    unit: str = "cm"


DAY = date(2024, 5, 3)
SALE = '{"amount":1.5,"on":"2024-05-03","kind":"a"}'


@pytest.mark.parametrize(
    ("wanted", "value", "text"),
    [
        (Sale, Sale(amount=Decimal("1.50"), on=DAY), SALE),
        (Sale, {"amount": 1.5, "on": "2024-05-03"}, SALE),
        (Sale, {"amount": Decimal("1.5"), "on": DAY, "kind": Kind.A}, SALE),
        (list[Sale], [Sale(amount="1.5", on=DAY)], f"[{SALE}]"),
        (dict[str, Sale | None], {"x": Sale(amount="1.5", on=DAY), "y": None}, f'{{"x":{SALE},"y":null}}'),
        (Named, Named(a=1, B=2, c=3), '{"A":1,"B":2,"c":3,"d":4}'),
        (Named, {"A": 1, "B": 2, "c": 3}, '{"A":1,"B":2,"c":3,"d":4}'),
        (Inside, Inside(list=[0, 7], to={"city": "Bo"}), '{"list":[null,7],"to":{"city":"Bo"}}'),
        (ByName, ByName(a=3), '{"a":3}'),
        (Key, Key(key="abc"), '{"key":"abc"}'),
        (Key, {"key": "abc"}, '{"key":"abc"}'),
        (pydantic.SecretStr, pydantic.SecretStr("abc"), "abc"),
        (Open, Open(a=1, b=2), '{"a":1,"b":2}'),
        (Plain, Plain(1), '{"a":1,"b":0.5}'),
        (Point, Point(Decimal(2)), '{"x":2}'),
        (Checked, Checked(X=1), '{"X":1}'),
        (Size, Size(3), '{"size":3,"unit":"cm"}'),
        (Size, {"size": 3}, '{"size":3,"unit":"cm"}'),
        (Decimal, Decimal("12.50"), "12.5"),
        (Decimal | None, Decimal("12.5"), "12.5"),
        (Decimal, 12.5, "12.5"),
        (float, np.float64(2.5), "2.5"),
        (timedelta, timedelta(1), "P1D"),
        (deque[Decimal], deque([Decimal(1)]), "[1]"),
        (dict[date, int], {DAY: 3}, '{"2024-05-03":3}'),
    ],
    ids=named,
)
def test_a_value_is_spelled_by_what_it_is_made_of(wanted, value, text):
    type_ = output_type(wanted)
    assert spell(type_, value, "it") == text
    assert spell(type_, type_.read(text), "it") == text


@pytest.mark.parametrize(
    ("wanted", "value"), [(Sale, {"amount": float("nan"), "on": DAY}), (float, np.int64(2)), (Key, 1)]
)
def test_what_the_type_does_not_have_is_still_refused(wanted, value):
    with pytest.raises(InputError, match="it: "):
        spell(output_type(wanted), value, "it")


def test_the_fields_of_a_named_tuple_are_written_under_their_aliases():
    both = output_type(Both)
    text = '{"A":1,"b":"x"}'
    assert text in both.description and both.read(text) == Both(1)


class Within(NamedTuple):
    a: Annotated[int, Field(validation_alias=AliasPath("x", "a"))]


def test_a_field_of_a_named_tuple_that_is_read_from_a_path_is_refused():
    with pytest.raises(ConstraintError, match="it is read from the path"):
        output_type(Within)
