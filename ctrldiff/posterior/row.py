"""Rows: a table, its logits, what is written; and every array the queries need, worked out when first asked.

What is kept is kept with its row, and asked for all rows at once: `best(rows)` sweeps those that have no `best` yet in
one call of `posterior/sweeps.py`, and leaves the others alone. So rows that were clamped and rows that were not go on
side by side, and a row's answers never depend on which others were asked about.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property, wraps
from typing import Any, NamedTuple, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from ctrldiff.posterior import refusals, sweeps
from ctrldiff.posterior.arrays import fixed
from ctrldiff.posterior.lifted import Lifted
from ctrldiff.posterior.read import Logits, Place
from ctrldiff.posterior.spread import spread

A = TypeVar("A")
F32: TypeAlias = NDArray[np.float32]
F64: TypeAlias = NDArray[np.float64]
I64: TypeAlias = NDArray[np.int64]
U8: TypeAlias = NDArray[np.uint8]


class ClassScores:
    """(T, C + 1) class scores of one row, read from the logits position by position when first needed.

    The one thing that changes here besides what a row keeps, and only by filling in: rows clamped from one another
    share it, so that logits are read once. `read_max` and `read_log_sum` fill it. With `raw` the scores are a network's
    logits as they are: `whole` (T,) is what makes log-probabilities of them, and comes from the same read.
    """

    def __init__(self, table: Lifted, logits: Logits, row: int, raw: bool = False) -> None:
        shape = (logits.shape[1], table.scored.n_classes + 1)
        self.table, self.logits, self.row, self.raw = table, logits, row, raw
        self.max = np.full(shape, -np.inf, np.float32)
        self.log_sum = np.full(shape, -np.inf, np.float64)
        self.whole = np.zeros(shape[0], np.float64)
        self.first = np.full(shape, -1, np.int32)  # the smallest token of each best score, where it was looked for
        self.has_max = np.zeros(shape[0], np.bool_)
        self.has_sum = np.zeros(shape[0], np.bool_)

    def by(self, table: Lifted) -> ClassScores:
        """Of the same logits, by the classes of another table; nothing is read yet."""
        return ClassScores(table, self.logits, self.row, self.raw)

    def place(self, positions: I64) -> Place:
        """These positions of this row."""
        return Place(self.row, self.table.scored, positions)


def read_max(scores: Sequence[ClassScores], positions: Sequence[I64]) -> list[F32]:
    """The best scores of each row, valid at these positions of it.

    Raises: LogitsInvalid, Infeasible at the first bad position it has to read.
    """
    missing = [at[~one.has_max[at]] for one, at in zip(scores, positions)]
    todo = [(one, at) for one, at in zip(scores, missing) if len(at)]
    if todo:
        bad = todo[0][0].logits.class_max([one.place(at) for one, at in todo], [one.max for one, _ in todo])
        _note_max(todo, bad)
    return [one.max for one in scores]


def read_log_sum(scores: Sequence[ClassScores], positions: Sequence[I64]) -> list[F64]:
    """The log-summed scores of each row, valid at these positions of it, and with them the best. Raises: as
    `read_max`."""
    missing = [at[~one.has_sum[at]] for one, at in zip(scores, positions)]
    todo = [(one, at) for one, at in zip(scores, missing) if len(at)]
    if todo:
        places, all_of = [one.place(at) for one, at in todo], [one for one, _ in todo]
        out = ([one.max for one in all_of], [one.log_sum for one in all_of], [one.whole for one in all_of])
        _note_max(todo, todo[0][0].logits.class_scores(places, *out))
        for one, at in todo:
            one.has_sum[at] = True
    return [one.log_sum for one in scores]


def _note_max(read: Sequence[tuple[ClassScores, I64]], bad: Sequence[int]) -> None:
    """Remember that the best scores were read at these positions of each. Raises: as `read_max`."""
    for (one, at), wrong in zip(read, bad):
        if wrong >= 0:
            raise refusals.not_a_number(one.row, wrong)
        nothing = at[(one.max[at] == -np.inf).all(axis=1)]
        if len(nothing):
            raise refusals.all_forbidden(one.table, len(one.max), one.row, int(nothing[0]))
        one.has_max[at] = True


@dataclass(frozen=True, eq=False)
class Row:
    """The posterior of one canvas. Arrays are numpy on the host; shapes as in `kernels/chain.py`.

    Fields:
        scores: class scores of the logits, shared with rows clamped from this one.
        written: (T,) int64, -1 where open.
        origin: the row it was clamped from and how many positions are left behind the last that was written since.
        last: (T,) a string that is known to be legal, whatever the scores: the last proposal, say, where it agrees.
        known: what was worked out, by name.
    """

    scores: ClassScores
    written: I64
    origin: tuple[Row, int] | None = field(default=None, repr=False)
    last: I64 | None = field(default=None, repr=False)
    known: dict[str, Any] = field(init=False, repr=False, default_factory=dict)

    @cached_property
    def open(self) -> I64:
        """The positions nothing is written at, ascending."""
        return np.flatnonzero(self.written < 0)

    @property
    def table(self) -> Lifted:
        """What may be written."""
        return self.scores.table

    @property
    def place(self) -> Place:
        """Its open positions, to be read."""
        return self.scores.place(self.open)

    @property
    def possible(self) -> bool:
        """Some legal text agrees with what is written, whatever the logits."""
        return bool((reach([self])[0][-1] & self.table.chain.accept).any())

    @property
    def log_z(self) -> float:
        """Log of the summed weight of all legal strings; -inf if there is none."""
        return float(weight([self])[0] - apart([self])[0].sum())

    def check(self) -> Row:
        """This row; raises the most helpful error if nothing legal fits."""
        if not self.possible:
            raise refusals.nothing_fits(self.table, self.written, self.scores.row)
        return self

    def clamp(self, tokens: I64, keep: NDArray[np.bool_]) -> Row:
        """The row with more written; the same row if nothing is new. May be impossible: `check` it."""
        new = keep & (self.written < 0)
        if not new.any():
            return self
        left = len(new) - 1 - int(np.flatnonzero(new)[-1])
        legal = (one for one in (self.known.get("strings"), self.last) if one is not None)
        last = next((one for one in legal if (one == tokens)[new].all()), None)
        row = Row(self.scores, fixed(np.where(new, tokens, self.written), np.int64), (self, left), last)
        best, onward = self.known.get("best_strings"), self.known.get("onward")
        # What is best of all is best of some; but with layers a token's score is another where it is reached otherwise.
        if best is not None and self.table.layers == 1 and (best == tokens)[new].all():
            row.known["best_strings"] = best
        elif onward is not None and new.sum() == 1 and new[self.open[0]] and (onward == tokens)[new].all():
            row.known["best_strings"] = onward
        return row

    @property
    def known_best(self) -> F64:
        """The last lines of `best`, as far as the row it was clamped from has worked them out and nothing was written
        since: the same to the last bit, since they are maxima. (Sums are not: they are scaled by states that the start
        no longer leads to.) They speak of those states too, which no string comes by."""
        if self.origin is None or "best" not in self.origin[0].known:
            return np.empty((0, self.table.n_states), np.float64)
        row, left = self.origin
        found: F64 = row.known["best"][len(self.written) - left :]
        return found

    def folded(self, tokens: I64) -> I64:
        """(layer, token) pairs, as the tokens that they are."""
        return tokens if self.table.layers == 1 else np.where(tokens < 0, tokens, tokens % self.table.size)

    def agrees(self, tokens: I64, keep: NDArray[np.bool_]) -> bool:
        """What is to be kept does not contradict what is written."""
        return bool(((tokens == self.written) | ~keep | (self.written < 0)).all())


Rows: TypeAlias = Sequence[Row]


def kept(work: Callable[[Rows], Sequence[A]]) -> Callable[[Rows], list[A]]:
    """A result of each row, kept there: `work` is asked once, for all rows that lack it."""
    name = work.__name__

    @wraps(work)
    def ask(rows: Rows) -> list[A]:
        lacking = [row for row in rows if name not in row.known]
        if lacking:
            for row, result in zip(lacking, work(lacking), strict=True):
                row.known[name] = result
        return [row.known[name] for row in rows]

    return ask


def tables(rows: Rows) -> list[Lifted]:
    """The table of each."""
    return [row.table for row in rows]


def scored(rows: Rows) -> list[Lifted]:
    """What the scores of each are read by; see `Table.scored`."""
    return [row.table.scored for row in rows]


def every_max(rows: Rows) -> list[F32]:
    """(T, C + 1) best class scores, valid at the open positions. Raises: as `read_max`."""
    return read_max([row.scores for row in rows], [row.open for row in rows])


@kept
def reach(rows: Rows) -> list[U8]:
    """(T + 1, S): where the start can lead, by the written tokens alone."""
    return sweeps.reach(tables(rows), [row.written for row in rows])


def with_written(row: Row, scores: NDArray[Any]) -> F64:
    """(T, C) float64, with the written positions filled in: 0 for the class that is written, in every layer, -inf for
    others."""
    out = scores[:, : row.table.scored.n_classes].astype(np.float64)
    held = np.flatnonzero(row.written >= 0)
    out[held] = -np.inf
    by_layer = out.reshape(len(out), row.table.layers, row.table.n_classes)
    by_layer[held, :, row.table.written_class(row.written)[held]] = 0.0
    return out


@kept
def apart(rows: Rows) -> list[F64]:
    """(T,) what a score is to be lessened by for a log-probability: the log-sum of its position; 0 where written, and
    where the scores are log-probabilities already. What compares the strings of one canvas need not know it."""
    raw = [row for row in rows if row.scores.raw]
    read_log_sum([row.scores for row in raw], [row.open for row in raw])
    return [np.where(row.written < 0, row.scores.whole if row.scores.raw else 0.0, 0.0) for row in rows]


# --- best strings ------------------------------------------------------------------------------------------------


@kept
def class_best(rows: Rows) -> list[F64]:
    """(T, C) best score of each class; at a written position 0 for its class and -inf for others."""
    return [with_written(row, scores) for row, scores in zip(rows, every_max(rows))]


@kept
def label_best(rows: Rows) -> list[F64]:
    """(T, L)."""
    return sweeps.label_max(scored(rows), class_best(rows))


@kept
def best(rows: Rows) -> list[F64]:
    """(T + 1, S) best weight of what is left: for who asks again and again. See `passing.py` for who asks once."""
    return sweeps.sweep_max(scored(rows), label_best(rows), reach(rows), [row.known_best for row in rows])


def certain_best(rows: Rows) -> list[F64]:
    """`best`. Raises: Infeasible for a row of which nothing is left."""
    found = best(rows)
    for row, value, labels in zip(rows, found, label_best(rows)):
        if value[0, row.table.start] == -np.inf:
            raise improbable(row, labels)
    return found


# --- all strings -------------------------------------------------------------------------------------------------


@kept
def class_sum(rows: Rows) -> list[F64]:
    """(T, C) log-summed score of each class; at a written position as in `class_best`."""
    scores = read_log_sum([row.scores for row in rows], [row.open for row in rows])
    return [with_written(row, one) for row, one in zip(rows, scores)]


def _class_sum(row: Row) -> F64:
    """`class_sum` of a row whose sums were read, and not kept."""
    found: F64 | None = row.known.get("class_sum")
    return with_written(row, row.scores.log_sum) if found is None else found


@kept
def label_sum(rows: Rows) -> list[F64]:
    """(T, L)."""
    read_log_sum([row.scores for row in rows], [row.open for row in rows])

    def of_one(row: Row) -> F64:
        (labels,) = sweeps.label_log_sum([row.table.scored], [_class_sum(row)])
        return labels

    return spread(of_one, rows, steps=12 * sum(row.scores.log_sum.size for row in rows))


@kept
def alive(rows: Rows) -> list[U8]:
    """(T + 1, S): 1 where a string of positive weight goes on: `reach` without what the logits forbid."""
    labels: list[F64] = []
    for row, scores in zip(rows, every_max(rows)):
        known = row.known.get("label_sum", row.known.get("label_best"))
        labels += sweeps.label_max([row.table.scored], [with_written(row, scores)]) if known is None else [known]
    return sweeps.leads_on(scored(rows), labels, reach(rows))


@kept
def total(rows: Rows) -> list[F64]:
    """(T + 1, S) log-summed weight of what is left."""
    return sweeps.sweep_sum(scored(rows), label_sum(rows), reach(rows))


def certain_total(rows: Rows) -> list[F64]:
    """`total`. Raises: Infeasible for a row of which nothing is left."""
    found = total(rows)
    certain_weight(rows)
    return found


@kept
def weight(rows: Rows) -> list[float]:
    """Log of the summed weight of all legal strings by the scores as they are; -inf if there is none."""
    return [float(value[0, row.table.start]) for row, value in zip(rows, total(rows))]


def certain_weight(rows: Rows) -> list[float]:
    """`weight`. Raises: Infeasible for a row of which nothing is left."""
    found = weight(rows)
    for row, value, labels in zip(rows, found, label_sum(rows)):
        if value == -np.inf:
            raise improbable(row, labels)
    return found


class Flow(NamedTuple):
    """What is read off the flow through the chain."""

    weight: float  # of all strings
    likeliest: F64  # (T,) the probability of the likeliest state before each position
    gain: F32  # (T, C + 1) what to add to a token's score above `base` for the log of its marginal; -inf on no edge


@kept
def flow(rows: Rows) -> list[Flow]:
    """`total` is used where it is known, and not kept where it is not: it is what takes most room.

    Raises: as `certain_total`.
    """
    label_sum(rows), reach(rows)
    room = sweeps.Room()
    found = spread(lambda row: _flow(row, room), rows, steps=2 * sweeps.edges(tables(rows), label_sum(rows)))
    for row, one in zip(rows, found):
        row.known["weight"] = one.weight
    certain_weight(rows)
    return found


def _flow(row: Row, room: sweeps.Room) -> Flow:
    table, (labels,) = row.table.scored, label_sum([row])
    weight, likeliest, taken = sweeps.flow(table, labels, reach([row])[0], row.known.get("total"), room)
    (added,) = sweeps.class_gain([table], [taken], [labels], [_class_sum(row)])
    added += base(row)[:, :-1]
    added[np.abs(added) < 1e-12] = 0.0  # what is certain is certain to the last digit
    gain = np.full((added.shape[0], added.shape[1] + 1), -np.inf, np.float32)
    gain[:, :-1] = added
    return Flow(weight, likeliest, gain)


def base(row: Row) -> F32:
    """(T, C + 1) the best score of each class, 0 where it has none: what scores are read from, so that a large offset
    of theirs costs no digits, and what is forced is certain to the last one."""
    (scores,) = every_max([row])
    return np.where(scores > -np.inf, scores, np.float32(0))


def gain(rows: Rows) -> list[F32]:
    """See `Flow`."""
    return [found.gain for found in flow(rows)]


@kept
def beliefs(rows: Rows) -> list[tuple[F64, F64]]:
    """(T,) margin and (T,) entropy, of tables without layers."""
    gains = gain(rows)
    return rows[0].scores.logits.beliefs([row.place for row in rows], [base(row) for row in rows], gains)


def improbable(row: Row, labels: F64) -> Exception:
    """The error for logits that leave nothing of a row, by its label scores (T, L)."""
    return refusals.all_improbable(row.table.scored, labels, reach([row])[0], row.scores.row)
