"""Invoices of eight fields in the style that the model in the box was trained on, drawn by a seed: texts and truths."""

from __future__ import annotations

import random
from dataclasses import dataclass

SUPPLIERS = ["Northwind Traders", "Harbour Supply", "Blue Ridge Tools", "Oakfield Paper", "Summit Lighting"]
PEOPLE = ["Maria Jensen", "Omar Khan", "Lena Wood", "Tom Baker", "Ida Lund", "Greg Ross", "Nina Hall"]
STREETS = ["Harbour Road", "Mill Lane", "Station Street", "Park Avenue", "High Street"]
TOWNS = ["Bristol", "Leeds", "York", "Oxford", "Dover"]
GOODS = ["desk lamp", "office chair", "coffee grinder", "rain jacket", "electric kettle", "paper tray"]
MONTHS = ["January", "March", "April", "June", "August", "October"]


@dataclass(frozen=True)
class Bill:
    """One invoice, and what is right about it."""

    text: str
    date: str
    total: float


def invoices(count: int, seed: int = 7) -> list[Bill]:
    """`count` invoices, the same for the same seed."""
    rng = random.Random(seed)
    return [_invoice(rng) for _ in range(count)]


def _invoice(rng: random.Random) -> Bill:
    def place() -> str:
        return f"{rng.randint(2, 98)} {rng.choice(STREETS)}, {rng.choice(TOWNS)}"

    items = [(rng.randint(1, 4), goods, rng.randint(500, 20_000)) for goods in rng.sample(GOODS, 2)]
    cents = sum(price for _, _, price in items)
    date = f"{rng.randint(1, 28)} {rng.choice(MONTHS)} 2026"
    lines = [
        f"INVOICE INV-{rng.randint(10_000, 99_999)}",
        f"{rng.choice(SUPPLIERS)}, {place()}",
        f"Bill to: {rng.choice(PEOPLE)}, {place()}",
        f"Date: {date}",
        *(f"{count} x {goods} {price / 100:.2f}" for count, goods, price in items),
        f"Total due: EUR {cents / 100:.2f}.",
    ]
    return Bill("\n".join(lines), date, cents / 100)
