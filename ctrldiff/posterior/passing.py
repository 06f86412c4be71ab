"""Best strings and first choices, each row's futures swept, asked and let go before the next row's are.

The best weight of every future, (T + 1, S) in float64, is by far the largest thing about a row: 3.7 MB at 3,629 states
and 128 positions, and strings and choices are all that is wanted of it. So it is swept into memory that the next row is
swept into too. Rows held to a proviso are asked for many strings, one after another, and keep theirs.

A choice at the leftmost open position leaves the futures behind it as they are. So whoever is asked for it walks too:
the row's best string and, where the choice is another, the best that goes on from it. Whichever is written then, the
best string of what is left is known without a sweep of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from ctrldiff.posterior import row as of
from ctrldiff.posterior import sweeps
from ctrldiff.posterior.read import HostLogits
from ctrldiff.posterior.row import Row, Rows
from ctrldiff.posterior.spread import spread

A = TypeVar("A")
F64: TypeAlias = NDArray[np.float64]
I64: TypeAlias = NDArray[np.int64]


class Futures(NamedTuple):
    """A row with its best futures, while they last."""

    row: Row
    classes: F64  # (T, C) best score of each class
    labels: F64  # (T, L)
    value: F64  # (T + 1, S) best weight of what is left

    def string(self, t: int, state: int) -> I64:
        """(T - t,) the best that can stand from position t on, if the text is in this state there."""
        row, scored = self.row, self.row.table.scored
        swept = [scored], [self.labels], [self.classes], [self.value]
        known, logits = row.scores.first, row.scores.logits
        (scores,) = logits.first([row.place], [row.scores.max], [known], lambda: sweeps.tied_classes(*swept))
        behind = self.labels[t:], self.classes[t:], self.value[t:], scores[t:], known[t:], row.written[t:]
        return row.folded(sweeps.walk_best(scored, state, *behind))


def each(rows: Rows, work: Callable[[Futures], A]) -> list[A]:
    """`work` of each row's futures. Raises: LogitsInvalid; Infeasible for a row of which nothing is left."""
    of.every_max(rows), of.reach(rows)
    of.best([row for row in rows if row.table.proviso is not None])
    room = sweeps.Room()
    steps = sum(row.table.n_edges * len(row.written) for row in rows)
    return spread(lambda row: work(_swept(row, room)), rows, steps=steps)


def _swept(row: Row, room: sweeps.Room) -> Futures:
    if "best" in row.known:
        (classes,), (labels,), (value,) = of.class_best([row]), of.label_best([row]), of.best([row])
    else:
        table = [row.table.scored]
        classes = of.with_written(row, row.scores.max)
        (labels,) = sweeps.label_max(table, [classes])
        (value,) = sweeps.sweep_max(table, [labels], of.reach([row]), [row.known_best], room)
    if value[0, row.table.start] == -np.inf:
        raise of.improbable(row, labels)
    return Futures(row, classes, labels, value)


@of.kept
def best_strings(rows: Rows) -> list[I64]:
    """(T,) the best string. Raises: LogitsInvalid, Infeasible."""
    return each(rows, lambda futures: futures.string(0, futures.row.table.start))


def leading(rows: Rows) -> list[tuple[int, float, float]]:
    """The best token at the leftmost open position by its own score and the tilt of its edge, of those that some legal
    string of positive weight goes on with; its own probability, and the summed probability of all those. Ties: the
    smallest id. Each row has an open position. Raises: LogitsInvalid, Infeasible."""
    if not rows:
        return []
    # Whoever asks goes on to ask for marginals, so sums are read along with the maxima: one read in place of two.
    of.read_log_sum([row.scores for row in rows], [row.open for row in rows])
    of.apart(rows)
    found = each(rows, _leading)
    firsts = [row.scores.place(row.open[:1]) for row in rows]
    own = rows[0].scores.logits.at(firsts, [np.array([token]) for token, _ in found])
    told = zip(rows, found, own, of.apart(rows))
    return [
        (token % row.table.size, float(np.exp(scores[0] - less[row.open[0]])), mass)
        for row, (token, mass), scores, less in told
    ]


def _leading(futures: Futures) -> tuple[int, float]:
    row, labels, classes = futures.row, futures.labels, futures.classes
    t, table = int(row.open[0]), row.table.scored  # all before t is written, so the layers of its edges are known
    chain = table.chain
    s = int(np.argmax(of.reach([row])[0][t]))  # all before t is written: there is one state
    edges = np.arange(chain.edge_ptr[s], chain.edge_ptr[s + 1])
    to, label = chain.edge_to[edges], chain.edge_label[edges]
    ahead = futures.value[t + 1, to] > -np.inf
    own = np.where(ahead, labels[t, label], -np.inf)
    if len(chain.weight):
        own = own + tilt_of(row, t, edges)
    if not len(own) or own.max() == -np.inf:
        raise of.improbable(row, labels)
    ptr, members = chain.label_ptr, chain.label_classes
    winners: list[tuple[int, int]] = []
    for e in np.flatnonzero(own == own.max()):
        some = members[ptr[label[e]] : ptr[label[e] + 1]]
        for c in some[classes[t, some] == labels[t, label[e]]]:
            tokens = table.members(int(c))
            scores = row.scores.logits.of(row.scores.row, t, tokens)
            winners.append((int(tokens[np.argmax(scores == scores.max())]), int(to[e])))
    token, state = min(winners)
    # Where scores lie at hand a walk costs less than the sweep it saves; elsewhere it would read them.
    logits = row.scores.logits
    if isinstance(logits, HostLogits) and logits.in_place is not None:
        best, first = futures.string(0, table.start), row.folded(np.array([token]))
        row.known["best_strings"] = best
        if best[t] != first[0]:
            row.known["onward"] = np.concatenate([row.written[:t], first, futures.string(t + 1, state)])
    onward = np.concatenate([members[ptr[k] : ptr[k + 1]] for k in label[ahead]])  # no token is in two edges
    return token, float(np.exp(row.scores.log_sum[t, onward] - of.apart([row])[0][t]).sum())


def leading_ranked(row: Row, n: int) -> list[tuple[int, float]]:
    """The n best tokens at the leftmost open position as `leading` compares them, and the own probability of each."""
    t, table = int(row.open[0]), row.table.scored
    chain, classes = table.chain, table.classes
    s = int(np.argmax(of.reach([row])[0][t]))
    (best,), gains = of.best([row]), np.full(table.n_classes + 1, -np.inf)
    edges = np.arange(chain.edge_ptr[s], chain.edge_ptr[s + 1])
    edges = edges[best[t + 1, chain.edge_to[edges]] > -np.inf]
    tilts = tilt_of(row, t, edges) if len(chain.weight) else np.zeros(len(edges))
    for label, tilt in zip(chain.edge_label[edges], tilts):
        gains[chain.label_classes[chain.label_ptr[label] : chain.label_ptr[label + 1]]] = tilt
    tokens = np.flatnonzero(gains[classes.of_token] > -np.inf).astype(np.int32)
    scores = row.scores.logits.of(row.scores.row, t, tokens).astype(np.float64)
    order = np.lexsort((tokens, -(scores + gains[classes.of_token[tokens]])))[:n]
    less = of.apart([row])[0][t]
    return [(int(tokens[i]) % row.table.size, float(np.exp(scores[i] - less))) for i in order if scores[i] > -np.inf]


def tilt_of(row: Row, t: int, edges: NDArray[np.integer[Any]]) -> F64:
    """Log of the mean factor by which edge weights multiply what begins with these edges at position t."""
    (total,), chain = of.total([row]), row.table.scored.chain
    (plain,) = sweeps.sweep_sum([row.table.scored], of.label_sum([row]), of.reach([row]), weighted=False)
    to = chain.edge_to[edges]
    ahead = total[t + 1, to] > -np.inf
    return chain.weight[edges] + np.where(ahead, total[t + 1, to] - np.where(ahead, plain[t + 1, to], 0.0), 0.0)
