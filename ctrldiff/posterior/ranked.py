"""Whole texts in the order of their weight, one by one, for whoever has to look at them before it can tell.

A text counts once, by its best string: what follows its end is cut off with it, and another spelling of it in tokens is
passed over.
"""

from __future__ import annotations

import heapq
from collections.abc import Generator

import numpy as np
from numpy.typing import NDArray

from ctrldiff.posterior.lawful import fault_of, positions_of, written_of
from ctrldiff.posterior.nbest import Menu, first_part
from ctrldiff.posterior.proviso import Fault
from ctrldiff.posterior.row import Row

I64 = NDArray[np.int64]
LOOKS = 10_000  # strings that are looked at, most of them spellings of texts that were told already
FIRST = 32  # before it is looked for more choices at each position


def ranked(row: Row) -> Generator[I64, int | None, None]:
    """(T,) the best legal string of each text, best text first; those of equal weight in token-id order.

    Sent a number, it goes on without all strings that begin as the last one does in so many bytes, by the same tokens.
    Ends where there are no more, or after `LOOKS` strings. Raises: LogitsInvalid, Infeasible.
    """
    told: dict[bytes, int | None] = {}  # and how many bytes of each are not to begin another
    looks = FIRST
    while not (yield from _ranked(row, looks, told)) and looks < LOOKS:
        looks = min(8 * looks, LOOKS)


def _ranked(row: Row, looks: int, told: dict[bytes, int | None]) -> Generator[I64, int | None, bool]:
    """Those of the `looks` best strings whose texts are not told yet. Returns: whether there are no more strings."""
    vocabulary = row.table.vocabulary
    assert vocabulary is not None
    menu = Menu(row, looks)  # as many choices as there are looks: none is missed
    parts = [first_part(menu)]
    for _ in range(looks):
        if not parts:
            break
        part = heapq.heappop(parts)
        tokens = row.folded(np.array(part.tokens, np.int64))
        fault = fault_of(row, tokens)
        if fault is None:
            shown = written_of(row, tokens)
            text = vocabulary.decode(tokens.tolist())
            if text not in told:
                told[text] = yield tokens
            length = told[text]
            if length is not None:
                shown = min(shown, positions_of(row, tokens, Fault(0, length))[1])
        else:
            _, shown = positions_of(row, tokens, fault)
        for other in part.split(min(shown + 1, len(tokens))):
            heapq.heappush(parts, other)
    return not parts
