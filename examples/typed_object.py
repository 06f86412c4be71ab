"""Text in, an object of your own type out."""

from datetime import date
from typing import Literal

from pydantic import BaseModel

import ctrldiff as cd


class Invoice(BaseModel):
    invoice_number: str
    customer: str | None
    due_date: date | None
    total: float
    currency: Literal["EUR", "USD", "GBP"]
    paid: bool


text = open("examples/invoice.txt", encoding="utf-8").read()
model = cd.from_pretrained("tiny")
result = model(text, Invoice)

print(result.raw)
print(repr(result.output))
print(f"{result.usage.forwards} forward passes for {result.usage.answer_tokens} tokens")
