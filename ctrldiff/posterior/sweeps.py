"""The sweeps over all rows at once: what can be reached, label scores, values of futures, strings, flow.

Every function takes one entry a row, in lists of equal length, and returns one entry a row; no row's answer depends on
the others. Rows may have different tables, so arrays are (T, ...) a row and not (B, T, ...). This is the seam behind
which a device's kernels stand: with `posterior/read.py` it is all that does arithmetic on scores. Whoever asks
(`posterior/row.py`) asks for all rows that lack an answer in one call, so rows of one table can be put together here.

On the host a row is a handful of calls of compiled kernels; rows are spread over threads. Shapes and letters as in
`kernels/chain.py`; arrays are numpy, and are read entry by entry by `nbest`, `leading` and the refusals.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ctrldiff.kernels import chain, sums, walk
from ctrldiff.posterior.arrays import fixed
from ctrldiff.posterior.lifted import Lifted
from ctrldiff.posterior.spread import spread

F32: TypeAlias = NDArray[np.float32]
F64: TypeAlias = NDArray[np.float64]
I32: TypeAlias = NDArray[np.int32]
I64: TypeAlias = NDArray[np.int64]
U8: TypeAlias = NDArray[np.uint8]
Tables: TypeAlias = Sequence[Lifted]
LENGTHS_KEPT = 4  # lengths of canvases of which a table knows what can be reached: .5 MB each at 3,600 states, T = 128

# --- before any score --------------------------------------------------------------------------------------------


def reach(tables: Tables, written: Sequence[I64]) -> list[U8]:
    """(T + 1, S): where the start can lead, by the written tokens (T,) alone; -1 is open. Not to be changed."""
    # Copies of one canvas (the first step of a batch, particles) have one answer: to bind 4 at 2,000 states took
    # 8.5 ms, now 2.2.
    keys = [(id(table), held.tobytes()) for table, held in zip(tables, written)]
    different = dict(zip(keys, zip(tables, written)))
    found = spread(_reach, *zip(*different.values()), steps=edges(tables, written)) if keys else []
    by_key = dict(zip(different, found))
    return [by_key[key] for key in keys]


def _reach(table: Lifted, written: I64) -> U8:
    """Where nothing is written the table and the length alone say it: kept with the table, for a few lengths."""
    if (written >= 0).any():
        return chain.reachable(table.chain, table.start, table.written_class(written))
    kept, T = table.reached, len(written)
    found = kept.get(T)
    if found is None:
        found = chain.reachable(table.chain, table.start, table.written_class(written))
        if len(kept) >= LENGTHS_KEPT:
            kept.clear()
        kept[T] = found
    return found


def live(tables: Tables, written: Sequence[I64], reached: Sequence[U8]) -> list[U8]:
    """(T, L): the labels that some legal string takes at each position, whatever the logits."""
    return spread(_live, tables, written, reached, steps=edges(tables, written))


def _live(table: Lifted, written: I64, reached: U8) -> U8:
    return chain.live_labels(table.chain, table.written_class(written), reached.copy())


def edges(tables: Tables, lines: Sequence[NDArray[Any]]) -> int:
    """How many edges there are in all positions, which `lines` has one of for each."""
    return sum(table.n_edges * len(line) for table, line in zip(tables, lines))


# --- label -------------------------------------------------------------------------------------------------------


def label_max(tables: Tables, classes: Sequence[F64]) -> list[F64]:
    """(T, L): the best of the class scores (T, C) of each label."""
    return spread(lambda table, scores: chain.label_max(table.chain, scores), tables, classes, steps=_size(classes, 4))


def label_log_sum(tables: Tables, classes: Sequence[F64]) -> list[F64]:
    """(T, L): their log-sum."""
    return spread(
        lambda table, scores: chain.label_log_sum(table.chain, scores), tables, classes, steps=_size(classes, 12)
    )


def _size(arrays: Sequence[NDArray[Any]], each: int) -> int:
    """So many steps for each entry."""
    return each * sum(one.size for one in arrays)


# --- sweep -------------------------------------------------------------------------------------------------------


class Room:
    """Memory that futures (T + 1, S) are swept into, of one row after another: 3.7 MB for 3,629 states and 128
    positions, of which each new page costs more than the sweep over it. Every thread has its own."""

    def __init__(self) -> None:
        self._own = threading.local()

    def take(self, table: Lifted, positions: int) -> F64:
        """(T + 1, S), uninitialised; what was taken before is written over."""
        size = (positions + 1) * table.n_states
        memory: F64 | None = getattr(self._own, "memory", None)
        if memory is None or memory.size < size:
            self._own.memory = memory = np.empty(size)
        return memory[:size].reshape(positions + 1, table.n_states)


def _taken(tables: Tables, labels: Sequence[F64], room: Room | None) -> list[F64]:
    """Where the futures of each row are written: in one room only one row's at a time."""
    if room is None:
        return [np.empty((len(one) + 1, table.n_states)) for table, one in zip(tables, labels)]
    ((table, one),) = zip(tables, labels)
    return [room.take(table, len(one))]


def sweep_max(
    tables: Tables, labels: Sequence[F64], reached: Sequence[U8], known: Sequence[F64], room: Room | None = None
) -> list[F64]:
    """(T + 1, S): the best weight of what is left, from label scores (T, L). `known`: of each row the last lines of the
    answer, if an earlier sweep has them; there may be none. `room`: for one row, whose answer lies there."""
    chains = [table.chain for table in tables]
    into = _taken(tables, labels, room)
    return spread(chain.sweep_max, chains, labels, reached, known, into, steps=edges(tables, labels))


def sweep_sum(tables: Tables, labels: Sequence[F64], reached: Sequence[U8], weighted: bool = True) -> list[F64]:
    """(T + 1, S): the log-summed weight of what is left. `weighted=False` leaves the weights of edges out."""
    chains = [table.chain if weighted else table.chain._replace(weight=NO_WEIGHT) for table in tables]
    into = _taken(tables, labels, None)
    return spread(sums.sweep_sum, chains, labels, reached, into, steps=edges(tables, labels))


def leads_on(tables: Tables, labels: Sequence[F64], reached: Sequence[U8]) -> list[U8]:
    """(T + 1, S): 1 where something of positive weight can be written to the end, from label scores (T, L) of either
    kind."""
    chains = [table.chain for table in tables]
    return spread(chain.leads_on, chains, labels, reached, steps=edges(tables, labels) // 4)


NO_WEIGHT = fixed((), np.float64)

# --- walk --------------------------------------------------------------------------------------------------------


def tied_classes(tables: Tables, labels: Sequence[F64], classes: Sequence[F64], best: Sequence[F64]) -> list[U8]:
    """(T, C): the classes of which some best string has a token at a position."""
    return [
        walk.tied_classes(table.chain, table.start, lab, cls, value)
        for table, lab, cls, value in zip(tables, labels, classes, best)
    ]


def walk_best(
    table: Lifted, state: int, labels: F64, classes: F64, best: F64, scores: NDArray[Any], first: I32, written: I64
) -> I64:
    """(T,) the best string from a state on, of one row; of equal ones, the first in token-id order. `scores` and
    `first`: see `Logits.first`."""
    swept = table.chain, state, labels, classes, best
    return walk.walk_best(*swept, scores, table.classes.ptr, table.classes.tokens, first, written)


def walk_sample(
    tables: Tables, labels: Sequence[F64], classes: Sequence[F64], total: Sequence[F64], uniforms: Sequence[F64]
) -> list[I32]:
    """(n, T) classes of n draws, from uniforms (n, T, 3) in [0, 1)."""
    return [
        walk.walk_sample(table.chain, table.start, lab, cls, value, chance)
        for table, lab, cls, value, chance in zip(tables, labels, classes, total, uniforms)
    ]


def walk_local(
    tables: Tables, labels: Sequence[F64], alive: Sequence[U8], strings: Sequence[I64], scores: Sequence[F64]
) -> list[F64]:
    """(T,) the log share of each token of a string, by its score (T,), in all that may stand there after the others;
    `alive`: what `leads_on` says."""
    return [
        walk.walk_local(table.chain, table.start, lab, live, table.written_class(tokens), own)
        for table, lab, live, tokens, own in zip(tables, labels, alive, strings, scores)
    ]


def walk_tokens(tables: Tables, strings: Sequence[I64]) -> list[float]:
    """The summed weights of the edges along a string; -inf if it is not legal."""
    return [
        walk.walk_tokens(table.chain, table.start, table.written_class(tokens))
        for table, tokens in zip(tables, strings)
    ]


# --- flow --------------------------------------------------------------------------------------------------------


def flow(table: Lifted, labels: F64, reached: U8, known: F64 | None, room: Room) -> tuple[float, F64, F64]:
    """Of one row the log-summed weight of all strings; (T,) the probability of the likeliest state before each
    position, (T, L) that of each label: where there is no string these two are 0. `known`: what `sweep_sum` said, if it
    was asked; else it is worked out in `room`."""
    total = sums.sweep_sum(table.chain, labels, reached, room.take(table, len(labels))) if known is None else known
    value = float(total[0, table.start])
    if value == -np.inf:
        return value, np.zeros(len(labels)), np.zeros(labels.shape)
    return value, *chain.flow(table.chain, table.start, labels, total)


def mass(tables: Tables, labels: Sequence[F64], total: Sequence[F64]) -> Iterator[F64]:
    """(T + 1, S) the probability of each state; worked out row by row as it is asked for."""
    for table, lab, value in zip(tables, labels, total):
        yield chain.occupancy(table.chain, table.start, lab, value)


def class_gain(tables: Tables, taken: Sequence[F64], labels: Sequence[F64], classes: Sequence[F64]) -> list[F64]:
    """(T, C): what to add to a token's score for the log of its marginal; `taken` (T, L) is the flow through labels."""
    chains = [table.chain for table in tables]
    return spread(chain.class_gain, chains, taken, labels, classes, steps=_size(classes, 16))
