"""How many items a list has, decided before any of them is written. Public as `ctrldiff.counts`.

A plan with `counts=` asks for it by passes of its own, from the outermost list inward; then the list is held to that
number.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ctrldiff.errors import InputError
from ctrldiff.grounded.rows import rows_in
from ctrldiff.protocols import Counts, Listing

__all__ = ["Count", "Likeliest", "Rows"]

MOST = 20
FEW = 2  # rows of a text that say something: one may be anything that has a number in it


class Count(NamedTuple):
    """How many items a list was given: `number`, or None where that was left to the decode, and in a canvas that is
    laid out where null was likelier; and how probable 0, 1, ... were under the pass that it was decided by."""

    number: int | None
    probs: tuple[float, ...]


@dataclass(frozen=True)
class Likeliest:
    """The likeliest number of items by the exact marginal, in which each weighs `per_item` nats more than by the model.

    That marginal sums a product over positions, in which long lists are dear: `docs/decisions/0018-counts-first.md` has
    how dear. Ties: the fewest. Where it is likelier than any number of items that no list stands there (null, another
    branch of the type, an object that is not written), that is left to the decode.
    """

    per_item: float = 0.0
    most: int = MOST

    def __post_init__(self) -> None:
        check_most(self.most)
        number = isinstance(self.per_item, int | float) and not isinstance(self.per_item, bool)
        if not number or not math.isfinite(self.per_item):
            raise InputError(f"per_item={self.per_item!r}: a finite number of nats", param="per_item")

    def __call__(self, listing: Listing) -> int | None:
        weighed = listing.log_masses + self.per_item * np.arange(len(listing.log_masses))
        best = int(weighed.argmax())
        return best if weighed[best] > -np.inf and weighed[best] >= listing.log_absent else None


@dataclass(frozen=True)
class Rows:
    """As many items as the text states rows of their kind (`grounded/rows.py`); else what `otherwise` says.

    It speaks where an answer has one list of objects with two properties or more, none of them a list or an object, the
    text at least two rows with a number for each of their numbers and dates (one number, if they have none), and the
    type and the context room for so many items. The model is not asked.
    otherwise: None leaves what it does not speak of to the decode.
    """

    otherwise: Counts | None = None
    most: int = MOST

    def __post_init__(self) -> None:
        check_most(self.most)
        if self.otherwise is not None and not callable(self.otherwise):
            raise InputError(
                f"otherwise={self.otherwise!r} is no rule", hint="cd.counts.Likeliest()", param="otherwise"
            )

    def __call__(self, listing: Listing) -> int | None:
        inside = any(isinstance(step, int) for step in listing.place)
        flat = len(listing.columns) >= FEW and not {"list", "object"} & set(listing.columns)
        if listing.tables == 1 and flat and not inside:
            rows = rows_in(listing.text, max(1, sum(kind != "string" for kind in listing.columns)))
            if FEW <= rows < len(listing.needs) and listing.needs[rows] > 0:
                return rows
        return None if self.otherwise is None else self.otherwise(listing)


def check_most(most: int) -> None:
    """Raise InputError for what is no number of items."""
    if isinstance(most, bool) or not isinstance(most, int) or most < 1:
        raise InputError(f"most={most!r}: an int of at least 1", param="most")
