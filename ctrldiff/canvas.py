"""How many positions an answer is given: as many as its type and its text ask for, and more when they were too few."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ctrldiff.posterior.table import Table

GROWTH = 1.5  # a canvas that bound its answer grows by half at least
MOST = 8  # and ends at this many times what it began with


def lacking(table: Table, tokens: Sequence[int]) -> NDArray[np.int64]:
    """How many positions more a whole canvas would have needed, before each token of its text and at its end, for every
    legal token to leave room enough to finish behind it.

    Nowhere above 0 says that the end of the canvas decided nothing. Elsewhere some token was out of reach, and a value
    may be cut, a list ended, a choice taken for its shortness. What fills its canvas to the last position and might
    have gone on lacks at least 1 there.

        {"n":"Mar·······        at `r` another letter and `"}` need 2 positions, and 7 are left
        {"n":"Maria Jens"}      at `s` they need 2, and 1 is left: 1 is lacking
    """
    states = table.states(tokens)
    states = states[states != table.tail]
    needed: NDArray[np.int64] = np.arange(len(states)) + table.needs[states] - len(tokens)
    return needed


def grown(canvas: int, lacks: int, first: int, limit: int) -> int:
    """The next length of a canvas that bound its answer; the same if it may not grow."""
    return max(canvas, min(max(math.ceil(GROWTH * canvas), canvas + lacks), MOST * first, limit))
