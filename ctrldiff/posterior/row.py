"""One row: a table, its logits, what is written; and everything the queries need, worked out when first asked."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ctrldiff.kernels import chain as kernels
from ctrldiff.kernels import walk
from ctrldiff.posterior import refusals
from ctrldiff.posterior.logits import Logits
from ctrldiff.posterior.table import Table, fixed

F32: TypeAlias = NDArray[np.float32]
F64: TypeAlias = NDArray[np.float64]
I64: TypeAlias = NDArray[np.int64]


class ClassScores:
    """(T, C + 1) class scores of one row, read from the logits position by position when first needed.

    The one thing that changes here, and only by filling in: rows clamped from one another share it, so that logits
    are read once. Raises LogitsInvalid or Infeasible at the first bad position it has to read.
    """

    def __init__(self, table: Table, logits: Logits, row: int) -> None:
        shape = (logits.shape[0], table.n_classes + 1)
        self.table, self.logits, self.row = table, logits, row
        self._max = np.full(shape, -np.inf, np.float32)
        self._log_sum = np.full(shape, -np.inf, np.float64)
        self._has_max = np.zeros(shape[0], np.bool_)
        self._has_sum = np.zeros(shape[0], np.bool_)

    def max(self, positions: I64) -> F32:
        """Best scores, valid at these positions."""
        missing = positions[~self._has_max[positions]]
        if len(missing):
            bad = self.logits.class_max(self.table, missing, self._max)
            if bad >= 0:
                raise refusals.not_a_number(self.row, bad)
            nothing = missing[(self._max[missing] == -np.inf).all(axis=1)]
            if len(nothing):
                raise refusals.all_forbidden(self.table, len(self._max), self.row, int(nothing[0]))
            self._has_max[missing] = True
        return self._max

    def log_sum(self, positions: I64) -> F64:
        """Log-summed scores, valid at these positions."""
        best = self.max(positions)
        missing = positions[~self._has_sum[positions]]
        if len(missing):
            self.logits.class_log_sum(self.table, missing, best, self._log_sum)
            self._has_sum[missing] = True
        return self._log_sum


@dataclass(frozen=True, eq=False)
class Row:
    """The posterior of one canvas. Arrays are numpy on the host; shapes as in `kernels/chain.py`.

    Fields:
        scores: class scores of the logits, shared with rows clamped from this one.
        written: (T,) int64, -1 where open.
    """

    scores: ClassScores
    written: I64

    @property
    def table(self) -> Table:
        """What may be written."""
        return self.scores.table

    @property
    def logits(self) -> Logits:
        """(T, V) log-probabilities."""
        return self.scores.logits

    @cached_property
    def open(self) -> I64:
        """The positions nothing is written at, ascending."""
        return np.flatnonzero(self.written < 0)

    @cached_property
    def reach(self) -> NDArray[np.uint8]:
        """(T + 1, S): where the start can lead, by the written tokens alone."""
        return reach_of(self.table, self.table.written_class(self.written))

    @cached_property
    def possible(self) -> bool:
        """Some legal text agrees with what is written, whatever the logits."""
        return bool((self.reach[-1] & self.table.chain.accept).any())

    def check(self) -> Row:
        """This row; raises the most helpful error if nothing legal fits."""
        if not self.possible:
            raise refusals.nothing_fits(self.table, self.written, self.scores.row)
        return self

    def clamp(self, tokens: I64, keep: NDArray[np.bool_]) -> Row:
        """The row with more written; the same row if nothing is new. May be impossible: `check` it."""
        new = keep & (self.written < 0)
        return replace(self, written=fixed(np.where(new, tokens, self.written), np.int64)) if new.any() else self

    def agrees(self, tokens: I64, keep: NDArray[np.bool_]) -> bool:
        """What is to be kept does not contradict what is written."""
        return bool(((tokens == self.written) | ~keep | (self.written < 0)).all())

    # best strings

    @cached_property
    def class_best(self) -> F64:
        """(T, C) best score of each class; at a written position 0 for its class and -inf for others."""
        return self._with_written(self.scores.max(self.open))

    @cached_property
    def label_best(self) -> F64:
        """(T, L)."""
        return kernels.label_max(self.class_best, *self.table.chain.labels)

    @cached_property
    def best(self) -> F64:
        """(T + 1, S) best weight of what is left."""
        return kernels.sweep_max(*self.table.chain.edges, self.label_best, self.reach, self.table.chain.accept)

    def map(self) -> I64:
        """(T,) the best string."""
        if self.best[0, self.table.start] == -np.inf:
            raise refusals.all_improbable(self.table, self.label_best, self.reach, self.scores.row)
        x, first = self.logits.first(self.table, self.open, self.scores.max(self.open))
        chain = self.table.chain
        return walk.walk_best(
            *chain.edges,
            *chain.labels,
            self.label_best,
            self.class_best,
            self.best,
            self.table.start,
            x,
            self.table.classes.ptr,
            self.table.classes.tokens,
            first,
            self.written,
        )

    # all strings

    @cached_property
    def class_sum(self) -> F64:
        """(T, C) log-summed score of each class; at a written position as in `class_best`."""
        return self._with_written(self.scores.log_sum(self.open))

    @cached_property
    def label_sum(self) -> F64:
        """(T, L)."""
        return kernels.label_log_sum(self.class_sum, *self.table.chain.labels)

    @cached_property
    def total(self) -> F64:
        """(T + 1, S) log-summed weight of what is left."""
        return kernels.sweep_sum(*self.table.chain.edges, self.label_sum, self.reach, self.table.chain.accept)

    @property
    def log_z(self) -> float:
        """Log of the summed weight of all legal strings; -inf if there is none."""
        return float(self.total[0, self.table.start])

    def certain_log_z(self) -> float:
        """`log_z`, or an error if there is nothing."""
        if self.log_z == -np.inf:
            raise refusals.all_improbable(self.table, self.label_sum, self.reach, self.scores.row)
        return self.log_z

    def sample(self, n: int, rng: np.random.Generator) -> I64:
        """(n, T) independent draws. How many numbers they take depends on where the last open position is, not on the
        padding that other rows make necessary."""
        self.certain_log_z()
        last = int(self.open[-1]) + 1 if len(self.open) else 0
        uniforms = np.zeros((n, len(self.written), 3))
        uniforms[:, :last] = rng.random((n, last, 3))
        chain = self.table.chain
        classes = walk.walk_sample(
            *chain.edges, *chain.labels, self.label_sum, self.class_sum, self.total, self.table.start, uniforms
        )
        tokens = np.tile(self.written, (n, 1))
        best = self.scores.max(self.open)
        self.logits.draw(self.table, best, classes, np.ascontiguousarray(uniforms[:, :, 2]), tokens)
        return tokens

    @cached_property
    def flow(self) -> tuple[F64, F64]:
        """(T + 1, S) probability of each state, (T, L) of each label."""
        self.certain_log_z()
        return kernels.occupancy(*self.table.chain.edges, self.label_sum, self.total, self.table.start)

    @cached_property
    def base(self) -> F32:
        """(T, C + 1) the best score of each class, 0 where it has none: what scores are read from, so that a large
        offset of theirs costs no digits, and what is forced is certain to the last one."""
        best = self.scores.max(self.open)
        return np.where(best > -np.inf, best, np.float32(0))

    @cached_property
    def gain(self) -> F32:
        """(T, C + 1): what to add to a token's score above `base` for the log of its marginal; -inf on no edge."""
        gain = kernels.class_gain(self.flow[1], self.label_sum, self.class_sum, *self.table.chain.labels)
        gain += self.base[:, : self.table.n_classes]
        gain[np.abs(gain) < 1e-12] = 0.0  # what is certain is certain to the last digit
        return np.concatenate([gain, np.full((len(gain), 1), -np.inf)], axis=1, dtype=np.float32)

    def marginals(self) -> Any:
        """(T, V) probabilities, where the logits live."""
        return self.logits.marginals(self.table, self.open, self.base, self.gain, self.written)

    def confidence(self, tokens: I64) -> F64:
        """(T,) the marginals of these tokens."""
        out = (tokens == self.written).astype(np.float64)
        at = self.open
        classes = self.table.classes.of_token[tokens[at]]
        above = self.logits.at(at, tokens[at]) - self.base[at, classes]
        out[at] = np.exp(np.minimum(above + self.gain[at, classes], 0.0))
        return out

    @cached_property
    def beliefs(self) -> tuple[F64, F64]:
        """(T,) margin and (T,) entropy."""
        return self.logits.beliefs(self.table, self.open, self.base, self.gain)

    def anchored(self) -> F64:
        """(T,) the probability of the likeliest state before each position."""
        return self.flow[0][:-1].max(axis=1)

    def surprise(self, tokens: I64) -> F64:
        """(T,) minus the score of each of these tokens at its own position; 0 where written."""
        out = np.zeros(len(tokens))
        out[self.open] = -self.logits.at(self.open, tokens[self.open])
        return out

    def local(self, tokens: I64) -> F64:
        """(T,) the share of each of these tokens in all that may stand there after those before it; 1 where written."""
        return np.exp(np.minimum(self._log_shares(tokens)[1], 0.0))

    def legal(self, tokens: I64) -> F64:
        """(T,) the summed probability of all tokens that may stand where each of these does, after those before it; 1
        where written, 0 from the first illegal one on."""
        scores, shares = self._log_shares(tokens)
        lawful = shares > -np.inf
        return np.where(lawful, np.exp(np.minimum(scores - np.where(lawful, shares, 0.0), 0.0)), 0.0)

    def _log_shares(self, tokens: I64) -> tuple[F64, F64]:
        """(T,) the scores of these tokens, 0 where written, and the log of what `local` says."""
        scores, chain = np.zeros(len(tokens)), self.table.chain
        scores[self.open] = self.logits.at(self.open, tokens[self.open])
        edge_ptr, edge_to, edge_label, _ = chain.edges
        classes = self.table.written_class(np.where(self.written < 0, tokens, self.written))
        return scores, walk.walk_local(
            *(edge_ptr, edge_to, edge_label, *chain.labels, self.label_sum, self.best, self.table.start),
            *(classes, scores),
        )

    def leading(self) -> tuple[int, float]:
        """The best token at the leftmost open position by its own score and the tilt of its edge, of those that some
        legal string of positive weight goes on with; and the summed probability of all those. Ties: the smallest id."""
        t = int(self.open[0])
        chain, s = self.table.chain, int(np.argmax(self.reach[t]))  # all before t is written: there is one state
        edges = np.arange(chain.edge_ptr[s], chain.edge_ptr[s + 1])
        to, label = chain.edge_to[edges], chain.edge_label[edges]
        ahead = self.best[t + 1, to] > -np.inf
        value = np.where(ahead, self.label_best[t, label], -np.inf)
        if len(chain.weight):
            value = value + self.tilt(t, edges)
        if not len(value) or value.max() == -np.inf:
            raise refusals.all_improbable(self.table, self.label_best, self.reach, self.scores.row)
        ptr, label_classes = chain.labels
        winners = []
        for k in label[value == value.max()]:
            classes = label_classes[ptr[k] : ptr[k + 1]]
            for c in classes[self.class_best[t, classes] == self.label_best[t, k]]:
                members = self.table.members(int(c))
                scores = self.logits.of(t, members)
                winners.append(int(members[np.argmax(scores == scores.max())]))
        legal = np.concatenate([label_classes[ptr[k] : ptr[k + 1]] for k in label[ahead]])  # no token is in two edges
        return min(winners), float(np.exp(self.scores.log_sum(self.open[:1])[t, legal]).sum())

    def tilt(self, t: int, edges: NDArray[np.integer]) -> F64:
        """Log of the mean factor by which edge weights multiply what begins with these edges at position t."""
        chain = self.table.chain
        edge_ptr, edge_to, edge_label, weight = chain.edges
        plain = kernels.sweep_sum(
            edge_ptr, edge_to, edge_label, fixed((), np.float64), self.label_sum, self.reach, chain.accept
        )
        to = edge_to[edges]
        ahead = self.total[t + 1, to] > -np.inf
        return weight[edges] + np.where(ahead, self.total[t + 1, to] - np.where(ahead, plain[t + 1, to], 0.0), 0.0)

    def score(self, tokens: I64) -> float:
        """Log-probability of one whole string."""
        log_z = self.certain_log_z()
        chain, at = self.table.chain, self.open
        if not self.agrees(tokens, np.ones(len(tokens), np.bool_)):
            return -np.inf
        weight = walk.walk_tokens(
            *chain.edges, *chain.labels, chain.accept, self.table.start, self.table.written_class(tokens)
        )
        return float(weight + self.logits.at(at, tokens[at]).sum() - log_z)

    def _with_written(self, scores: NDArray[Any]) -> F64:
        """(T, C) float64, with the written positions filled in."""
        out = scores[:, : self.table.n_classes].astype(np.float64)
        held = np.flatnonzero(self.written >= 0)
        out[held] = -np.inf
        out[held, self.table.written_class(self.written)[held]] = 0.0
        return out


def reach_of(table: Table, written_class: NDArray[np.int32]) -> NDArray[np.uint8]:
    """(T + 1, S): where the start can lead, given the class of every written token (-1 where open)."""
    edge_ptr, edge_to, edge_label, _ = table.chain.edges
    return kernels.reachable(
        edge_ptr, edge_to, edge_label, *table.chain.labels, table.chain.distance, table.start, written_class
    )


def live_labels(table: Table, written_class: NDArray[np.int32], reach: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(T, L): the labels that some legal string takes at each position, whatever the logits."""
    edge_ptr, edge_to, edge_label, _ = table.chain.edges
    return kernels.live_labels(
        edge_ptr,
        edge_to,
        edge_label,
        *table.chain.labels,
        table.chain.accept,
        written_class,
        reach.copy(),
    )
