"""Canvases of other lengths, of the room that a row was given: more or fewer positions at its end, more within it, and
never so that nothing legal fits (law X7)."""

from __future__ import annotations

from dataclasses import replace

import torch

from ctrldiff.errors import Infeasible, InputError
from ctrldiff.protocols import Constraint
from ctrldiff.sampling.absent import NULLS, SETTLED
from ctrldiff.sampling.evidence import EVIDENCE
from ctrldiff.sampling.hurried import HURRIED
from ctrldiff.sampling.legal import LEGAL
from ctrldiff.sampling.slow_fast import CYCLE
from ctrldiff.sampling.stop import BEST
from ctrldiff.sampling.windows import END
from ctrldiff.state import State, Status, Where

BY_PLACE = {
    LEGAL: (1, torch.nan),
    HURRIED: (1, torch.nan),
    EVIDENCE: (1, 0.0),
    BEST: (2, -1),
}  # memories that have a place for each position: where, and of a new one
OF_PLACES: dict[str, list[int]] = {END: [], CYCLE: [0, 3]}  # memories of positions, and the columns that are none
APART = frozenset({NULLS, SETTLED})  # memories that have none, however long they are


def fits(constraint: Constraint, state: State) -> bool:
    """Whether something legal fits every row, around what is written there."""
    try:
        constraint.settle(state)
    except Infeasible:
        return False
    return True


def resized(state: State, lengths: torch.Tensor, end: int) -> State:
    """The state with rows of so many (B,) positions: padding opened, or the end of a canvas turned to padding, which
    holds `end`."""
    inside = torch.arange(state.shape[1])[None, :] < lengths[:, None]
    pad = state.status == int(Status.PAD)
    more, less = pad & inside, ~pad & ~inside
    changed = more | less
    status = state.status.masked_fill(more, int(Status.OPEN)).masked_fill(less, int(Status.PAD))
    return replace(
        state,
        tokens=state.tokens.masked_fill(less, end),
        status=status,
        held_at=state.held_at.masked_fill(changed, -1),
        held_confidence=state.held_confidence.masked_fill(changed, torch.nan),
        history=state.history.masked_fill(changed[:, None], -1),
    )


def lengthened(
    state: State,
    lengths: torch.Tensor,
    most: torch.Tensor,
    ends: tuple[int, ...],
    constraint: Constraint,
    like: torch.Tensor,
) -> State:
    """Rows of so many (B,) positions, at most `most` (B,), where they have fewer; or of as many as some text around
    what is written can use, before it ends. like: any (B, T, V) logits."""
    low = state.lengths
    high = lengths.minimum(most).maximum(low)
    tried = high
    while (low < high).any():
        place = torch.where(low < high, tried - 1, -1)
        reached = _reached(resized(state, tried, ends[0]), place, ends, constraint, like)
        low, high = torch.where(reached, tried, low), torch.where(reached, high, tried - 1).maximum(low)
        tried = (low + high + 1) // 2
    return resized(state, low, ends[0])


def _reached(
    state: State, place: torch.Tensor, ends: tuple[int, ...], constraint: Constraint, like: torch.Tensor
) -> torch.Tensor:
    """(B,) bool: some legal text of the row has not ended at this position; where it is -1, nothing is asked."""
    while hasattr(constraint, "inner"):  # what is settled first, or drawn at a temperature, changes no length
        constraint = constraint.inner
    layers = getattr(constraint, "layers", 1)
    known = {*ends, *getattr(constraint, "ends", ())}
    ids = [i + n * (like.shape[-1] // layers) for i in sorted(known) for n in range(layers)]
    scores = torch.zeros_like(like)
    for row, at in enumerate(place.tolist()):
        if at >= 0:
            scores[row, at, ids] = -torch.inf
    nowhere = torch.zeros(state.shape, dtype=torch.bool)
    return torch.as_tensor(constraint.bind(scores, state).feasible(torch.zeros_like(state.tokens), nowhere)).cpu()


def shortened(state: State, lengths: torch.Tensor, ends: tuple[int, ...], constraint: Constraint) -> State:
    """Rows of so many (B,) positions where they have more, or of the fewest above that in which what is written stays
    and something legal fits."""
    is_end = torch.isin(state.tokens, torch.tensor(ends)) & state.held
    stays = (state.status != int(Status.PAD)) & ~state.open & ~is_end
    wanted = lengths.maximum(_behind(stays)).clamp(min=1).minimum(state.lengths)
    for row in (wanted < state.lengths).nonzero()[:, 0].tolist():
        low, high = int(wanted[row]), int(state.lengths[row])  # what fits a canvas fits a longer one
        while low < high:
            middle = (low + high) // 2
            if fits(constraint, resized(state, _but(state.lengths, row, middle), ends[0])):
                high = middle
            else:
                low = middle + 1
        state = resized(state, _but(state.lengths, row, high), ends[0])
    return state


def inserted(state: State, at: torch.Tensor, count: torch.Tensor) -> State:
    """`count` (B,) open positions right of position `at` (B,); what stood there moves to the right, and so many
    positions of padding are gone.

    Raises: InputError for a memory by position that is not known to be one.
    """
    places = torch.arange(state.shape[1])[None, :]
    at, count = at[:, None], count[:, None]
    new = (places > at) & (places <= at + count)
    source = torch.where(places > at, (places - count).maximum(at), places)

    def moved(value: torch.Tensor, dim: int, fresh: float) -> torch.Tensor:
        shape = [len(source), *(1 for _ in range(1, value.dim()))]
        shape[dim] = state.shape[1]
        taken = value.gather(dim, source.view(shape).expand(value.shape))
        return taken.masked_fill(new.view(shape), fresh)

    memory = dict(state.memory)
    for name, value in state.memory.items():
        if name in BY_PLACE:
            memory[name] = moved(value, *BY_PLACE[name])
        elif name in OF_PLACES:
            columns = value.reshape(len(value), -1)
            pushed = torch.where(columns > at, columns + count, columns)
            pushed[:, OF_PLACES[name]] = columns[:, OF_PLACES[name]]
            memory[name] = pushed.reshape(value.shape)
        elif state.shape[1] in value.shape[1:] and name not in APART:
            raise InputError(
                f"what is remembered as {name!r} goes by positions, and positions were inserted",
                hint="a plan that inserts positions goes with policies and observers that remember none",
                param="grow",
            )
    return replace(
        state,
        tokens=state.tokens.gather(1, source),
        status=moved(state.status, 1, int(Status.OPEN)),
        segment=state.segment.gather(1, source),
        held_at=moved(state.held_at, 1, -1),
        held_confidence=moved(state.held_confidence, 1, torch.nan),
        history=moved(state.history, 2, -1),
        memory=memory,
    )


def _behind(where: Where) -> torch.Tensor:
    """(B,) the position after the last of these."""
    places = torch.arange(1, where.shape[1] + 1)[None, :].expand(where.shape)
    return places.masked_fill(~where, 0).amax(dim=1) if where.shape[1] else torch.zeros(len(where), dtype=torch.int64)


def _but(lengths: torch.Tensor, row: int, length: int) -> torch.Tensor:
    out = lengths.clone()
    out[row] = length
    return out
