"""Sweeps of the sparse chain: T positions, S states, E grouped edges, L labels (sets of token classes).

Legend: t position, s and q state before and after, e edge, l label, c class; M, N, W the largest label score,
successor score and edge weight of a step. Edges are sorted by the state they leave; `edge_ptr` (S + 1,) says where
each state's begin. One token leads from a state to one state, so strings and paths correspond one to one.

Everything hangs on one backward sweep: `best[t, s]` (or `total[t, s]`) is the best (or log-summed) weight of all ways
to write positions t.. from state s and end in accept (Viterbi's recurrence, and the backward half of Baum's):

    value[T, s] = 0 if s accepts, else -inf
    value[t, s] = max or log-sum over edges e from s of  lab[t, label(e)] + value[t + 1, to(e)] + weight(e)

                 t                 t + 1
          s  o---- e, label 3 ---->o  q     value[t + 1] is known: its future, to the end of the canvas
              '--- f, label 0 ---->o  r     value[t, s]: the better of two sums, or both together

The walk forward from the start is then a choice among edges with known futures: greedily for the best string, by
chance for an exact sample, all at once for marginals (`occupancy`, the forward half):

    mass[t + 1, to(e)] += mass[t, s] * exp(lab[t, label(e)] + value[t + 1, to(e)] + weight(e) - value[t, s])

So no back-pointers are kept, and nothing is larger than T x (S + L). The best string of a diffusion block under a
regular constraint is Suresh et al. 2025, "DINGO", arXiv:2505.23061; here it covers the whole canvas, and its other
queries. Plainly (the tests run this beside the kernels; edges are (s, q, label, weight), plus is max or np.logaddexp):

    def sweep(edges, accepting, lab, plus):
        value = [{s: 0.0 for s in accepting}]
        for row in reversed(lab):
            now = {}
            for s, q, k, w in edges:
                if q in value[0]:
                    now[s] = plus(now.get(s, -np.inf), row[k] + value[0][q] + w)
            value.insert(0, now)
        return value

    def flow(edges, start, lab, total):
        mass = [Counter({start: 1.0})]
        for t, row in enumerate(lab):
            mass.append(Counter())
            for s, q, k, w in edges:
                if mass[t][s] and q in total[t + 1]:
                    mass[t + 1][q] += mass[t][s] * np.exp(row[k] + total[t + 1][q] + w - total[t][s])
        return mass

Indices are unsigned where a loop is over edges: for signed ones the compiler has to allow for counting from the end,
which took 2.9 ms in place of 1.2 for a row's `sweep_max` (128 positions, 3,629 states, 2.3 million edges within reach).

The log-summed values are `kernels/sums.py`. `reach` is 0 where the start cannot lead or too few positions are left;
those states cost one test.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ctrldiff.kernels.exponent import exp64
from ctrldiff.kernels.jit import kernel

F64: TypeAlias = NDArray[np.float64]
I32: TypeAlias = NDArray[np.int32]
U8: TypeAlias = NDArray[np.uint8]

TINY = 1e-270  # a lost factor is below 1e-307; above this, it cannot matter to a float64 sum
UNSEEN = 1e-30  # a probability that nothing that is shown depends on
NO_CLASS = -2  # a written token that no edge carries


class Chain(NamedTuple):
    """An automaton over token classes; all read-only, so that each kernel is compiled once."""

    # Compiled code, which is kept on the disk by file, reads the fields by their place: whoever changes their order
    # has to touch every file of kernels that takes a Chain.
    edge_ptr: I32  # (S + 1,)
    edge_to: I32  # (E,)
    edge_label: I32  # (E,)
    weight: F64  # (E,) log weights, or empty: no weights
    label_ptr: I32  # (L + 1,)
    label_classes: I32  # (nnz,)
    distance: I32  # (S,) positions to accept at least
    accept: U8  # (S,)


# --- before any score: where a text can be -----------------------------------------------------------------------


@kernel
def reachable(chain: Chain, start: int, written_class: I32) -> U8:
    """(T + 1, S) uint8: 1 where the start can lead to s by position t and `distance[s]` positions are left.

    written_class: (T,) int32, the class of a written token, NO_CLASS if it has none, -1 where open.
    """
    edge_ptr, edge_to, edge_label, distance = chain.edge_ptr, chain.edge_to, chain.edge_label, chain.distance
    T, S, L = written_class.size, distance.size, chain.label_ptr.size - 1
    reach = np.zeros((T + 1, S), np.uint8)
    allowed = np.ones(L, np.uint8)
    if distance[start] <= T:
        reach[0, start] = 1
    for t in range(T):
        here, there, left = reach[t], reach[t + 1], T - t - 1
        if written_class[t] == -1:  # most positions are open: there no label need be asked
            for s in range(S):
                if here[s]:
                    for e in range(np.uint64(edge_ptr[s]), np.uint64(edge_ptr[s + 1])):
                        there[np.uint64(edge_to[e])] = np.uint8(1)
        else:
            _mark_labels(chain, written_class[t], allowed)
            for s in range(S):
                if here[s]:
                    for e in range(np.uint64(edge_ptr[s]), np.uint64(edge_ptr[s + 1])):
                        there[np.uint64(edge_to[e])] |= allowed[np.uint64(edge_label[e])]
        for s in range(S):  # a pass of its own: in the loops above it would be asked once an edge
            there[s] = there[s] if distance[s] <= left else np.uint8(0)
    return reach


@kernel
def _mark_labels(chain: Chain, c: int, allowed: U8) -> None:
    """Set allowed (L,) to 1 for the labels that hold class c, to 0 for the others."""
    label_ptr, label_classes = chain.label_ptr, chain.label_classes
    for k in range(allowed.size):
        allowed[k] = 0
        for i in range(label_ptr[k], label_ptr[k + 1]):
            if label_classes[i] == c:
                allowed[k] = 1
                break


@kernel
def live_labels(chain: Chain, written_class: I32, reach: U8) -> U8:
    """(T, L) uint8: 1 where some whole legal string takes a label's edge at t, whatever the scores are.

    Prunes `reach` in place to the states that also lead to accept in exactly the positions left.
    """
    edge_ptr, edge_to, edge_label, accept = chain.edge_ptr, chain.edge_to, chain.edge_label, chain.accept
    T, S, L = written_class.size, accept.size, chain.label_ptr.size - 1
    live = np.zeros((T, L), np.uint8)
    allowed = np.ones(L, np.uint8)
    for s in range(S):
        reach[T, s] &= accept[s]
    for t in range(T - 1, -1, -1):
        if written_class[t] != -1:
            _mark_labels(chain, written_class[t], allowed)
        here, there = reach[t], reach[t + 1]
        for s in range(S):
            if here[s]:
                here[s] = 0
                for e in range(edge_ptr[s], edge_ptr[s + 1]):
                    if there[edge_to[e]] and allowed[edge_label[e]]:
                        here[s] = 1
                        live[t, edge_label[e]] = 1
        if written_class[t] != -1:
            allowed[:] = 1
    return live


# --- class scores to label scores: lab[t, k] is the max or log-sum of cls[t, c] over the classes c of label k --------
# Edges share labels (6,868 edges had 457 in one measured schema), so each set of classes is summed once a position.


@kernel
def label_max(chain: Chain, cls: F64) -> F64:
    """(T, L): the best class score of each label."""
    label_ptr, label_classes = chain.label_ptr, chain.label_classes
    T, L = cls.shape[0], label_ptr.size - 1
    out = np.empty((T, L), np.float64)
    for t in range(T):
        row = cls[t]
        for k in range(L):
            m = -np.inf
            for i in range(np.uint64(label_ptr[k]), np.uint64(label_ptr[k + 1])):
                score = row[np.uint64(label_classes[i])]
                m = score if score > m else m
            out[t, k] = m
    return out


@kernel
def label_log_sum(chain: Chain, cls: F64) -> F64:
    """(T, L): the log-summed class scores of each label."""
    label_ptr, label_classes = chain.label_ptr, chain.label_classes
    T, C, L = cls.shape[0], cls.shape[1], label_ptr.size - 1
    out = np.empty((T, L), np.float64)
    p = np.empty(C, np.float64)
    for t in range(T):
        row = cls[t]
        M = -np.inf
        for c in range(C):
            M = max(M, row[c])
        for c in range(C):  # one exponential a class, then plain additions for all labels that hold it
            p[c] = exp64(row[c] - M) if row[c] > -np.inf else 0.0
        for k in range(L):
            r = 0.0
            for i in range(np.uint64(label_ptr[k]), np.uint64(label_ptr[k + 1])):
                r += p[np.uint64(label_classes[i])]
            if r > TINY:
                out[t, k] = M + np.log(r)
                continue
            # All of the label lies 600 nats below the best class, or nothing of it is possible: again, by its own best.
            m = -np.inf
            for i in range(label_ptr[k], label_ptr[k + 1]):
                m = max(m, row[label_classes[i]])
            if m > -np.inf:
                r = 0.0
                for i in range(label_ptr[k], label_ptr[k + 1]):
                    r += np.exp(row[label_classes[i]] - m)
                m += np.log(r)
            out[t, k] = m
    return out


# --- backward: the value of every future -------------------------------------------------------------------------


@kernel
def sweep_max(chain: Chain, lab: F64, reach: U8, known: F64, best: F64) -> F64:
    """(T + 1, S): the best weight of positions t.. from each state. Sums of float32 scores: exact in float64
    unless scores differ by a factor of 2**29, so ties are true ties.

    known: (n, S), the last n rows of the answer where an earlier sweep has them; n may be 0.
    best: (T + 1, S), where the answer is written, whatever was there: new memory is dearer than the sweep.
    """
    edge_ptr, edge_to, edge_label, weight = chain.edge_ptr, chain.edge_to, chain.edge_label, chain.weight
    accept = chain.accept
    T, S = lab.shape[0], accept.size
    weighted = weight.size > 0
    end = T + 1 - known.shape[0]
    best[end:] = known
    for s in range(S if end > T else 0):
        best[T, s] = 0.0 if accept[s] and reach[T, s] else -np.inf
    for t in range(min(T, end) - 1, -1, -1):
        row, then, now, here = lab[t], best[t + 1], best[t], reach[t]
        for s in range(S):
            m = -np.inf
            if here[s]:
                for e in range(np.uint64(edge_ptr[s]), np.uint64(edge_ptr[s + 1])):
                    w = row[np.uint64(edge_label[e])] + then[np.uint64(edge_to[e])]
                    if weighted:
                        w += weight[e]
                    m = w if w > m else m
            now[s] = m
    return best


@kernel
def leads_on(chain: Chain, lab: F64, reach: U8) -> U8:
    """(T + 1, S) uint8: 1 where `sweep_max` is above -inf: something of positive weight can be written from there."""
    edge_ptr, edge_to, edge_label, accept = chain.edge_ptr, chain.edge_to, chain.edge_label, chain.accept
    T, S = lab.shape[0], accept.size
    out = np.zeros((T + 1, S), np.uint8)
    for s in range(S):
        out[T, s] = accept[s] and reach[T, s]
    for t in range(T - 1, -1, -1):
        row, then, now, here = lab[t], out[t + 1], out[t], reach[t]
        for s in range(S):
            if here[s]:
                for e in range(np.uint64(edge_ptr[s]), np.uint64(edge_ptr[s + 1])):
                    if then[np.uint64(edge_to[e])] and row[np.uint64(edge_label[e])] > -np.inf:
                        now[s] = 1
                        break
    return out


@kernel
def _scaled(row: F64, out: F64) -> float:
    """exp(row - max) into out, and the max; all 0 where the row is -inf."""
    m = -np.inf
    for i in range(row.size):
        m = max(m, row[i])
    for i in range(row.size):
        out[i] = exp64(row[i] - m) if row[i] > -np.inf else 0.0
    return m


# --- forward: the mass on every state, label and class -----------------------------------------------------------


@kernel
def occupancy(chain: Chain, start: int, lab: F64, total: F64) -> F64:
    """(T + 1, S) probability of standing in s before position t.

    Walks forward with the exact chance of every edge given its state, exp(lab + total after - total before): a chance
    that rounds to 0 is a probability that is 0 to float64, so nothing that matters can be lost on the way.
    """
    T, S = lab.shape[0], total.shape[1]
    mass, takes = np.zeros((T + 1, S)), np.zeros(lab.shape[1])
    mass[0, start] = 1.0
    ahead = _ahead(chain, total)
    for t in range(T):
        _onward(chain, lab[t], total[t], total[t + 1], mass[t], mass[t + 1], takes, 0.0, ahead)
    return mass


@kernel
def flow(chain: Chain, start: int, lab: F64, total: F64) -> tuple[F64, F64]:
    """(T,) probability of the likeliest state before each position, (T, L) probability of taking a label there.

    As `occupancy`, without the (T + 1, S). States that a text stands in with less than `UNSEEN` are not followed: in
    all that takes T * S * UNSEEN from probabilities at most, 1e-24 of the largest automata and canvases.
    """
    T, S = lab.shape[0], total.shape[1]
    likeliest, taken = np.empty(T), np.zeros(lab.shape)
    here, there = np.zeros(S), np.zeros(S)
    here[start] = 1.0
    ahead = _ahead(chain, total)
    for t in range(T):
        likeliest[t] = here.max()
        there[:] = 0.0
        _onward(chain, lab[t], total[t], total[t + 1], here, there, taken[t], UNSEEN, ahead)
        here, there = there, here
    return likeliest, taken


class Ahead(NamedTuple):
    """Futures as `_onward` wants them: those of two lines, scaled, and scales that go with them."""

    weight: F64  # (E,) exp of the weights, or empty
    label: F64  # (L,) room for those of a line's labels
    state: F64  # (2, S) of the states before and behind an edge, in turns
    scale: F64  # (3,) what weights are scaled by, what the line before the edge is, and whose turn it is


@kernel
def _ahead(chain: Chain, total: F64) -> Ahead:
    weight, state, scale = np.empty(chain.weight.size), np.empty((2, total.shape[1])), np.zeros(3)
    if weight.size > 0:
        scale[0] = _scaled(chain.weight, weight)
    scale[1] = _scaled(total[0], state[0])
    return Ahead(weight, np.empty(chain.label_ptr.size - 1), state, scale)


@kernel
def _onward(
    chain: Chain, row: F64, now: F64, then: F64, here: F64, there: F64, takes: F64, least: float, ahead: Ahead
) -> None:
    """Add the mass on the states here (S,) to those there, and to the labels it takes; of states with more than
    `least`. To be called line by line, the first first."""
    edge_ptr, edge_to, edge_label, weight = chain.edge_ptr, chain.edge_to, chain.edge_label, chain.weight
    weighted = weight.size > 0
    turn = int(ahead.scale[2])
    pl, own, pq, pw = ahead.label, ahead.state[turn], ahead.state[1 - turn], ahead.weight
    before, M, N = ahead.scale[1], _scaled(row, pl), _scaled(then, pq)
    ahead.scale[1], ahead.scale[2] = N, 1 - turn
    f = np.exp(before - M - N - ahead.scale[0])
    for s in range(here.size):
        if here[s] > least:
            r = own[s] * f  # what `sweep_sum` had as r: edge over all edges is a share
            part = here[s] / r if r > TINY else 0.0
            for e in range(np.uint64(edge_ptr[s]), np.uint64(edge_ptr[s + 1])):
                q, k = np.uint64(edge_to[e]), np.uint64(edge_label[e])
                if r > TINY:
                    p = pl[k] * pq[q] * part
                    if weighted:
                        p *= pw[e]
                else:
                    p = here[s] * np.exp(row[k] + then[q] + (weight[e] if weighted else 0.0) - now[s])
                takes[k] += p
                there[q] += p


@kernel
def class_gain(chain: Chain, taken: F64, lab: F64, cls: F64) -> F64:
    """(T, C): what to add to a token's score for the log of its marginal; -inf where a class has no mass."""
    label_ptr, label_classes = chain.label_ptr, chain.label_classes
    T, C, L = cls.shape[0], cls.shape[1], lab.shape[1]
    out = np.empty((T, C), np.float64)
    mass, p = np.empty(C, np.float64), np.empty(C, np.float64)
    for t in range(T):
        M = _scaled(cls[t], p)
        mass[:] = 0.0
        for k in range(L):
            if taken[t, k] == 0.0:
                continue
            # A class has exp(cls - lab) of a label's mass. One factor of that a label, unless it would overflow.
            if M - lab[t, k] < 600.0:
                f = taken[t, k] * np.exp(M - lab[t, k])
                for i in range(label_ptr[k], label_ptr[k + 1]):
                    mass[label_classes[i]] += f * p[label_classes[i]]
            else:
                for i in range(label_ptr[k], label_ptr[k + 1]):
                    mass[label_classes[i]] += taken[t, k] * np.exp(cls[t, label_classes[i]] - lab[t, k])
        for c in range(C):
            out[t, c] = np.log(mass[c]) - cls[t, c] if mass[c] > 0.0 else -np.inf
    return out
