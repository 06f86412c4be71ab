"""How many items the lists of an answer have, decided before it is written: the passes, and what is asked of them.

For a list the exact marginal is that of the texts in which it has k items, for every k, under the posterior of one pass
over an empty canvas. Lists inside a list come when its number is known, by another pass.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch

from ctrldiff.canvas import GROWTH
from ctrldiff.errors import BudgetTooSmall, ConstraintUnsatisfiable, Infeasible, InputError
from ctrldiff.json_schema import JsonSchema
from ctrldiff.json_schema.counts import NO_LIST, Listed, lists_in, pointer
from ctrldiff.models.hf import Loaded
from ctrldiff.posterior.table import Table
from ctrldiff.protocols import Counts, Listing
from ctrldiff.request import Row, written
from ctrldiff.sampling.constrain import Tables
from ctrldiff.sampling.counts import Count
from ctrldiff.state import State


def counted(loaded: Loaded, rows: Sequence[Row], rule: Counts) -> list[Row]:
    """The rows with the number of items of their lists decided, and canvases that hold them.

    Only lists that a JSON type names are asked about. A row whose answer has none costs no pass.
    Raises: InputError for an answer of the rule's that is none; ConstraintTooLarge.
    """
    known = [replace(row, counts=row.counts or {}) for row in rows]
    while True:
        asked = [(at, lists) for at, row in enumerate(known) if (lists := _unknown(row))]
        if not asked:
            return [_laid_out(row) if row.items else row for row in known]
        began = time.perf_counter()
        here = [known[at] for at, _ in asked]
        state = State.blank(
            [row.ids for row in here],
            max(row.canvas for row in here),
            seed=[row.request.seed for row in here],
            draws=[row.request.draw for row in here],
            **written(here, max(row.canvas for row in here)),
            lengths=[row.canvas for row in here],
            pad_id=loaded.spec.stop_ids[0],
        )
        state = loaded.denoiser.noise(Tables(tuple(row.table for row in here)).settle(state))
        logits = loaded.denoiser(state)
        took = (time.perf_counter() - began) / len(here)
        for n, (at, lists) in enumerate(asked):
            paid = replace(here[n], forwards=here[n].forwards + 1, seconds=here[n].seconds + took)
            known[at] = _decided(paid, lists, logits[n : n + 1], state.gather([n]), rule)


def _unknown(row: Row) -> list[Listed]:
    """The lists that have not been asked about and that those known lead to."""
    description = row.type.description
    if not isinstance(description, JsonSchema):
        return []
    assert row.counts is not None
    numbers = {place: one.number for place, one in row.counts.items()}
    return [one for one in lists_in(description, numbers, row.compiled.limits) if one.place not in row.counts]


def _decided(row: Row, lists: Sequence[Listed], logits: torch.Tensor, state: State, rule: Counts) -> Row:
    """A row with these lists decided, one after the other; or in a larger canvas, to be asked again."""
    first = row
    tables = sum(bool(one.columns) for one in lists)
    for one in lists:
        listing = _listing(row, one, tables, logits, state, rule.most)
        number = rule(listing)
        if number is not None:
            _check(rule, number, listing)
            wants = int(listing.needs[number : number + 2].max())
            if wants > row.canvas and row.layout is None:
                return first.within(min(row.limit, max(wants, math.ceil(GROWTH * row.canvas))))
        counts = {**(row.counts or {}), one.place: Count(number, tuple(np.exp(listing.log_masses).tolist()))}
        row = replace(row, counts=counts)
        if number is not None:
            row = row.within(row.canvas)
            if row.layout is not None and not row.fits(row.layout):
                return _roomier(first, row)
    return row


def _roomier(first: Row, row: Row) -> Row:
    """The row in a canvas laid out with more room, to be asked again. Raises: BudgetTooSmall where there is none."""
    assert row.layout is not None
    layout = row.layout.wider(row.layout.growing, row.limit)
    if layout == row.layout:
        raise BudgetTooSmall(
            f"so many items take {row.table.shortest:,} positions at least, and rooms for them more than the "
            f"{row.limit:,} of the context",
            hint="fewer items, a shorter text, or a plan without a layout",
            shortest=row.table.shortest,
            budget=row.limit,
            row=row.n,
        )
    return replace(first.laid_out(layout), first=len(layout))


def _listing(row: Row, one: Listed, tables: int, logits: torch.Tensor, state: State, most: int) -> Listing:
    whole = _log_z(row.table, logits, state)
    masses, needs = np.full(most + 1, -np.inf), np.full(most + 1, -1)
    for number in range(most + 1):
        try:
            table = row.compiled.counted(row.type.description, (*row.items, (one.place, number)))
        except ConstraintUnsatisfiable:
            continue
        if table.shortest > row.limit:
            break  # a longer list takes no fewer bytes
        needs[number] = table.shortest
        masses[number] = _log_mass(table, row, logits, state, whole)
    try:
        lacking = row.compiled.counted(row.type.description, (*row.items, (one.place, NO_LIST)))
    except ConstraintUnsatisfiable:
        absent = -math.inf
    else:
        absent = _log_mass(lacking, row, logits, state, whole)
    return Listing(one.place, row.text, one.columns, tables, masses, needs, absent)


def _log_mass(table: Table, row: Row, logits: torch.Tensor, state: State, whole: float) -> float:
    """How much of the whole is of the table; -inf where nothing fits, or nothing has any weight."""
    if table.shortest > row.canvas or whole == -math.inf:
        return -math.inf
    return min(0.0, _log_z(table, logits, state) - whole)


def _log_z(table: Table, logits: torch.Tensor, state: State) -> float:
    """Of one row; -inf where no text of the table has any weight."""
    try:
        return float(Tables((table,)).bind(logits, state).log_z()[0])
    except Infeasible:
        return -math.inf


def _check(rule: Counts, number: int, listing: Listing) -> None:
    whole = isinstance(number, int) and not isinstance(number, bool)
    if not whole or not 0 <= number < len(listing.needs) or listing.needs[number] < 0:
        raise InputError(
            f"{rule!r} gave the list at {pointer(listing.place)!r} {number!r} items",
            hint="an int whose `needs` is not -1, or None",
            param="counts",
        )


def _laid_out(row: Row) -> Row:
    """A row in a canvas with room for the items of its lists, if the caller did not say how large it is."""
    if row.request.max_new_tokens is not None or row.layout is not None:
        return row
    wants = row.table.shortest + row.compiled.room(row.table, row.text, row.said, row.items)
    longest = row.limit if row.table.longest is None else min(row.limit, row.table.longest + 1)
    canvas = max(row.table.shortest, min(wants, longest))
    return replace(row.within(canvas), first=canvas)
