"""How many items the lists of an answer have, decided before it is written: the passes, and what is asked of them.

For a list the exact marginal is that of the texts in which it has k items, for every k, under the posterior of one pass
over an empty canvas. Lists inside a list come when its number is known, by another pass.

On a canvas that is laid out (`ctrldiff/layout.py`) a list has slots, a position for each item that there may be, where
it begins or a tab stands; k items are k slots without and then slots with a tab, by the network's word for each slot
alone. The posterior has no say: behind the place where a list most likely ends every position is sure that it is over,
and a product over positions counts all of them.

    "items":[·,·,·,·,·,·,·,·]        tab: .00 .02 .01 .97 .99 1. 1. 1.        three items
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from ctrldiff.canvas import GROWTH
from ctrldiff.errors import BudgetTooSmall, ConstraintTooLarge, ConstraintUnsatisfiable, Infeasible, InputError
from ctrldiff.json_schema import JsonSchema
from ctrldiff.json_schema.counts import NO_LIST, Listed, Place, lists_in, pointer
from ctrldiff.layout import TAB, Rooms, Slots
from ctrldiff.models.hf import Loaded
from ctrldiff.posterior.table import Table
from ctrldiff.protocols import Counts, Listing
from ctrldiff.request import Row, laid_out, written
from ctrldiff.sampling.constrain import Tables
from ctrldiff.sampling.counts import Count
from ctrldiff.state import State

TINY = 1e-15  # a slot is never quite sure, so that every number has a place in the order, and what bounds let be a mass


def counted(loaded: Loaded, rows: Sequence[Row], rule: Counts | None, rooms: Rooms | None) -> list[Row]:
    """The rows with the number of items of their lists decided, and canvases that hold them.

    Only lists that a JSON type names are asked about. A row whose answer has none costs no pass.
    Args: rule: None: the lists that have slots have the likeliest number, and others are left to the decode.
    Raises: InputError for an answer of the rule's that is none; ConstraintTooLarge.
    """
    known = [replace(row, counts=row.counts or {}) for row in rows]
    while True:
        if slotted := [at for at, row in enumerate(known) if row.layout is not None and row.layout.slots]:
            assert rooms is not None
            here, _, logits = _asked(loaded, [known[at] for at in slotted], settles=False)
            for n, at in enumerate(slotted):
                known[at] = _counted(here[n], loaded, rooms, logits[n].log_softmax(dim=-1), rule)
            continue
        asked = [(at, lists) for at, row in enumerate(known) if rule is not None and (lists := _unknown(row))]
        if not asked:
            return [_laid_out(row) if row.items else row for row in known]
        assert rule is not None
        here, state, logits = _asked(loaded, [known[at] for at, _ in asked], settles=True)
        for n, (at, lists) in enumerate(asked):
            known[at] = _decided(here[n], lists, logits[n : n + 1], state.gather([n]), rule)


def _asked(loaded: Loaded, rows: Sequence[Row], settles: bool) -> tuple[list[Row], State, torch.Tensor]:
    """A pass over canvases on which nothing is written but what was given, and, if that `settles` more, what is forced;
    the rows have paid for it."""
    began = time.perf_counter()
    length = max(row.canvas for row in rows)
    state = State.blank(
        [row.ids for row in rows],
        length,
        seed=[row.request.seed for row in rows],
        draws=[row.request.draw for row in rows],
        **written(rows, length),
        lengths=[row.canvas for row in rows],
        pad_id=loaded.spec.stop_ids[0],
    )
    if settles:
        state = Tables(tuple(row.table for row in rows)).settle(state)
    state = loaded.denoiser.noise(state)
    logits = loaded.denoiser(state)
    took = (time.perf_counter() - began) / len(rows)
    return [replace(row, forwards=row.forwards + 1, seconds=row.seconds + took) for row in rows], state, logits


def _counted(row: Row, loaded: Loaded, rooms: Rooms, log_probs: torch.Tensor, rule: Counts | None) -> Row:
    """A row whose lists that have slots are counted, laid out anew: with more slots, for those inside these lists, or
    without any.

    log_probs: (T, V).
    """
    assert row.layout is not None and row.counts is not None
    plain = replace(row, layout=None, canvas=row.first)

    def asked_again(items: int) -> Row:
        return laid_out(plain, loaded, replace(rooms, items=items), _numbers(plain))

    lists = {one.place: one for one in _unknown(row)} if rule is not None else {}
    tables = sum(bool(one.columns) for one in lists.values())
    for place, slots in row.layout.slots.items():
        masses, absent = _slot_masses(slots, log_probs, loaded)
        wants = int(masses.argmax())
        # In the last slot there is none but where the type asks for it: it shows that there is no more to come.
        if len(slots.at) - 1 <= wants < min(row.said, slots.bounds[1]) and masses.max() > absent:
            more = asked_again(math.ceil(GROWTH * len(slots.at)))
            if more.layout is not None:
                return more
        number = None
        if rule is not None and place in lists:
            some = np.full(rule.most + 1, -np.inf)
            some[: len(masses)] = masses[: rule.most + 1]
            listing = replace(_listing(row, lists[place], tables, rule.most), log_masses=some, log_absent=absent)
            number = _said(rule, listing)
        try:
            number = _likeliest(row, place, masses, absent) if number is None else number
        except ConstraintTooLarge:
            return replace(plain, counts={})
        if number is not None and number > len(slots.at):  # nothing is known of it yet
            more = asked_again(number + 1)
            return more if more.layout is not None else replace(plain, counts={})
        row = replace(row, counts={**(row.counts or {}), place: Count(number, tuple(np.exp(masses).tolist()))})
    done = laid_out(replace(plain, counts=row.counts), loaded, rooms, _numbers(row))
    # Written close together, an answer is held to what a rule says of that, and to nothing that was read in slots.
    return done if done.layout is not None else replace(plain, counts={})


def _numbers(row: Row) -> dict[Place, int | None]:
    """How many items the lists have that were asked about."""
    return {place: one.number for place, one in (row.counts or {}).items()}


def _slot_masses(slots: Slots, log_probs: torch.Tensor, loaded: Loaded) -> tuple[NDArray[np.float64], float]:
    """(N + 1,) of 0 to N items for N slots, -inf outside of their bounds, and of null: logs of probabilities that sum
    to 1."""
    tab, null, opening = (loaded.plain_ids(text)[0] for text in (TAB.decode(), "null", "["))
    none = log_probs[slots.at, tab].to(torch.float64).clamp(min=math.log(TINY), max=-TINY).cpu().numpy()
    one = np.log1p(-np.exp(none))
    masses = np.concatenate([[0.0], np.cumsum(one)]) + np.concatenate([np.cumsum(none[::-1])[::-1], [0.0]])
    numbers = np.arange(len(masses))
    masses[(numbers < slots.bounds[0]) | (numbers > slots.bounds[1])] = -np.inf
    masses -= np.logaddexp.reduce(masses)
    if slots.null is None:
        return masses, -math.inf
    absent, there = (float(log_probs[slots.null, token]) for token in (null, opening))
    whole = np.logaddexp(absent, there)
    if whole == -math.inf:  # neither is believed in
        return masses, -math.inf
    return masses + (there - whole), float(absent - whole)


def _likeliest(row: Row, place: Place, masses: NDArray[np.float64], absent: float) -> int | None:
    """The likeliest number of items that the type lets be, of equal ones the fewest; None: null is likelier."""
    compiled = row.compiled.padded
    assert compiled is not None
    description = compiled.of(row.text)[0].description
    for number in (*np.argsort(-masses, kind="stable").tolist(), *range(len(masses), row.limit)):
        if number < len(masses) and absent > masses[number]:
            return None
        try:
            compiled.counted(description, (*row.items, (place, number)))
        except ConstraintUnsatisfiable:
            continue
        return int(number)
    return None


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
        listing = _weighed(_listing(row, one, tables, rule.most), row, logits, state)
        number = _said(rule, listing)
        if number is not None:
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
    return replace(first.in_layout(layout), first=len(layout))


def _listing(row: Row, one: Listed, tables: int, most: int) -> Listing:
    """What is asked of a rule, before anything is weighed."""
    needs = np.full(most + 1, -1)
    for number in range(most + 1):
        table = _table(row, one.place, number)
        if table is not None and table.shortest > row.limit:
            break  # a longer list takes no fewer bytes
        needs[number] = -1 if table is None else table.shortest
    return Listing(one.place, row.text, one.columns, tables, np.full(most + 1, -np.inf), needs)


def _weighed(listing: Listing, row: Row, logits: torch.Tensor, state: State) -> Listing:
    """With the exact marginal."""
    whole = _log_z(row.table, logits, state)
    masses = listing.log_masses.copy()
    for number in np.flatnonzero(listing.needs >= 0):
        masses[number] = _log_mass(_table(row, listing.place, int(number)), row, logits, state, whole)
    absent = _log_mass(_table(row, listing.place, NO_LIST), row, logits, state, whole)
    return replace(listing, log_masses=masses, log_absent=absent)


def _table(row: Row, place: Place, number: int) -> Table | None:
    """The table of the answers in which a list has so many items, too; None where there are none."""
    try:
        return row.compiled.counted(row.type.description, (*row.items, (place, number)))
    except ConstraintUnsatisfiable:
        return None


def _log_mass(table: Table | None, row: Row, logits: torch.Tensor, state: State, whole: float) -> float:
    """How much of the whole is of the table; -inf where nothing fits, or nothing has any weight."""
    if table is None or table.shortest > row.canvas or whole == -math.inf:
        return -math.inf
    return min(0.0, _log_z(table, logits, state) - whole)


def _log_z(table: Table, logits: torch.Tensor, state: State) -> float:
    """Of one row; -inf where no text of the table has any weight."""
    try:
        return float(Tables((table,)).bind(logits, state).log_z()[0])
    except Infeasible:
        return -math.inf


def _said(rule: Counts, listing: Listing) -> int | None:
    """The rule's word. Raises: InputError for one that is none."""
    number = rule(listing)
    if number is None:
        return None
    whole = isinstance(number, int) and not isinstance(number, bool)
    if not whole or not 0 <= number < len(listing.needs) or listing.needs[number] < 0:
        raise InputError(
            f"{rule!r} gave the list at {pointer(listing.place)!r} {number!r} items",
            hint="an int whose `needs` is not -1, or None",
            param="counts",
        )
    return number


def _laid_out(row: Row) -> Row:
    """A row in a canvas with room for the items of its lists, if the caller did not say how large it is."""
    if row.request.max_new_tokens is not None or row.layout is not None:
        return row
    wants = row.table.shortest + row.compiled.room(row.table, row.text, row.said, row.items)
    longest = row.limit if row.table.longest is None else min(row.limit, row.table.longest + 1)
    canvas = max(row.table.shortest, min(wants, longest))
    return replace(row.within(canvas), first=canvas)
