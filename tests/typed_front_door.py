"""What a type checker knows of the front door: `make types` reads this, and nobody runs it.

A line that must not type-check says so; the checker complains of one that does after all.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any, assert_type

from pydantic import BaseModel

import ctrldiff as cd


class Order(BaseModel):
    total: float


def results(model: cd.Model, text: str) -> None:
    assert_type(model(text, Order), cd.Result[Order])
    assert_type(model(text, Order).output, Order)
    assert_type(model(text, cd.Grounded[date]).output, date)
    assert_type(model([text], float), list[cd.Result[float]])
    assert_type(model([{"role": "user", "content": text}], Order), cd.Result[Order])
    assert_type(model(text, Order, prompt="{text}", examples=[(text, {"total": 1})]), cd.Result[Order])
    assert_type(model(text, {"type": "object"}), cd.Result[Any])
    assert_type(cd.Generator(model, Order)(text), cd.Result[Order])
    assert_type(cd.Generator(model, Order)(text, n=3), list[cd.Result[Order]])
    assert_type(cd.Generator(model, cd.Regex("a"))(text), cd.Result[Any])


def keywords(model: cd.Model, text: str) -> None:
    model(text, Order, max_new_tokens=3, commit=cd.commit.Threshold(0.9), temperature=0.7, n=2)
    model(text, Order, max_token=3)  # type: ignore[call-overload]
    model(text, Order, temperature="hot")  # type: ignore[call-overload]
    cd.Generator(model, Order, batchsize=3)  # type: ignore[call-overload]
    cd.Request(text, Order, max_token=3)  # type: ignore[call-arg]


def requests(model: cd.Model, text: str) -> Iterator[cd.Result[Any] | cd.CtrldiffError]:
    return model.decode([cd.Request(text, Order, seed=1)], plan=cd.Plan.default().but(stop=cd.stop.Never()))
