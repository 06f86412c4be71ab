"""Values that a text states, read by code: each with its place, its spelling and what it means."""

from ctrldiff.grounded.kinds import Stated, find
from ctrldiff.grounded.types import Email, FromText, Grounded, Iban, Money, Percent, Phone, Quantity, Url

__all__ = [
    "Email",
    "FromText",
    "Grounded",
    "Iban",
    "Money",
    "Percent",
    "Phone",
    "Quantity",
    "Stated",
    "Url",
    "find",
]
