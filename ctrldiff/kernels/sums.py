"""The sweep of sums: the summed weight of every future, however small beside the largest of its position.

States of one position are apart by thousands of nats: where 400 positions are left, a state behind the end of the text
has a single token for each of them, one within a string has any. So a number is

    own * 2**(512 * level)         2**-256 <= own < 2**256, or own = 0 and level = -inf

and a product of a label's, a state's and a weight's adds their levels and multiplies the rest, in which nothing
overflows and nothing is lost. Most numbers are not far from the largest: those are one float as well, `near`, by which
sums are taken first, one multiply-add per edge. A sum above `TINY` has lost nothing that matters; the others are taken
again by levels. No logarithms, no exponentials, but those of labels and of what is written out.

    log2 of a sum, below the largest of its position:     0 ........ -897 | ............. -13,000
                                                            by `near`     |   by `own` and `level`

Plainly (the tests run this beside the kernels; `kernels/chain.py` has the sweep itself, in logarithms):

    def number(d):
        level = np.round(d / (512 * np.log(2)))
        return np.exp(d - level * 512 * np.log(2)), level

    def total(numbers):
        top = max(level for _, level in numbers)
        return sum(own * 2.0 ** (512 * (level - top)) for own, level in numbers), top

Levels are floats: scores near the end of float32, which mean "hardly ever" in many a mask, have levels near -1e36.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ctrldiff.kernels.chain import TINY, Chain
from ctrldiff.kernels.exponent import exp64, log64
from ctrldiff.kernels.jit import kernel

F64: TypeAlias = NDArray[np.float64]
I32: TypeAlias = NDArray[np.int32]
U8: TypeAlias = NDArray[np.uint8]

UP, DOWN = 2.0**512, 2.0**-512  # a level more, a level less
HIGH, LOW = 2.0**256, 2.0**-256
NATS = 512 * np.log(2.0)  # of one level
_NATS_HIGH = 512 * 6.93147180369123816490e-01  # few bits, so that products with levels are exact
_NATS_LOW = 512 * 1.90821492927058770002e-10


class Levels(NamedTuple):
    """Numbers."""

    near: F64  # (n,) as one float: less than 2**-1074 is 0, and less than `TINY` is not to be trusted
    own: F64  # (n,)
    level: F64  # (n,) whole, or -inf


class Far(NamedTuple):
    """The states of a position whose sums were taken by levels, as many as there are."""

    state: I32  # (S,)
    own: F64  # (S,)
    level: F64  # (S,)


@kernel
def sweep_sum(chain: Chain, lab: F64, reach: U8, total: F64) -> F64:
    """(T + 1, S): the log of the summed weight of positions t.. from each state.

    total: (T + 1, S), where the answer is written, as in `sweep_max`.
    """
    T, S = lab.shape[0], chain.accept.size
    labels, weights, after = _levels(lab.shape[1]), _levels(chain.weight.size), _levels(S)
    W = split(chain.weight, weights)
    r, near, skip = np.empty(S), after.near, np.zeros(S, np.uint8)
    far, n = Far(np.empty(S, np.int32), np.empty(S), np.empty(S)), 0
    for s in range(S):
        ends = chain.accept[s] and reach[T, s]
        total[T, s], near[s] = (0.0, 1.0) if ends else (-np.inf, 0.0)
    N = 0.0
    for t in range(T - 1, -1, -1):
        here, now = reach[t], total[t]
        base = N + split(lab[t], labels) + W
        high = _near_sums(chain, here, skip, labels.near, near, weights.near, r)
        lost = False  # whether some sum has to be taken again
        for s in range(S):  # loops of nothing else, which become vector code
            value = base + log64(r[s] if r[s] > TINY else TINY)
            now[s] = value if r[s] > TINY else -np.inf
        for s in range(S):
            lost |= (r[s] <= TINY) & (here[s] > 0)
        top, at = settled(high if high > TINY else 0.0, 0.0)  # the largest of the line
        if lost:
            _every(after, far, n)
            n = 0
            for s in range(S):
                if here[s] and r[s] <= TINY:
                    own, level = sum_edges(chain, s, labels, after, weights)
                    now[s] = base + (level * NATS + np.log(own)) if own > 0.0 else -np.inf
                    far.state[n], far.own[n], far.level[n] = s, own, level
                    n += 1
                    if level > at or (level == at and own > top):
                        top, at = own, level
        else:
            n = 0
        if top == 0.0:  # nothing can be written from here, so nothing from before
            total[:t] = -np.inf
            return total
        # All of the line beside its largest, which is what the line before it multiplies.
        N, share = base + (at * NATS + np.log(top)), 1.0 / _as_one(top, at) if high > TINY else 0.0
        for s in range(S):
            near[s] = r[s] * share
        for i in range(n):
            far.own[i], far.level[i] = settled(far.own[i] / top, far.level[i] - at)
            near[far.state[i]] = _as_one(far.own[i], far.level[i])
            skip[far.state[i]] = far.level[i] < -1.0
    return total


@kernel
def _near_sums(chain: Chain, here: U8, skip: U8, pl: F64, pq: F64, pw: F64, r: F64) -> float:
    """The sum of every state into r by one float each, and the largest; 0 where it is not reached or, since it was far
    below the others one position later (`skip`), not worth trying."""
    edge_ptr, edge_to, edge_label = chain.edge_ptr, chain.edge_to, chain.edge_label
    weighted, high = pw.size > 0, 0.0
    for s in range(r.size):
        r[s] = 0.0
        if here[s] and not skip[s]:
            own = 0.0
            for e in range(np.uint64(edge_ptr[s]), np.uint64(edge_ptr[s + 1])):
                p = pl[np.uint64(edge_label[e])] * pq[np.uint64(edge_to[e])]
                if weighted:
                    p *= pw[e]
                own += p
            r[s] = own
            high = own if own > high else high
    return high


@kernel
def sum_edges(chain: Chain, s: int, labels: Levels, after: Levels, weights: Levels) -> tuple[float, float]:
    """The sum over the edges of s by levels."""
    edge_ptr, edge_to, edge_label = chain.edge_ptr, chain.edge_to, chain.edge_label
    weighted = chain.weight.size > 0
    own, level = 0.0, -np.inf
    for e in range(np.uint64(edge_ptr[s]), np.uint64(edge_ptr[s + 1])):
        k, q = np.uint64(edge_label[e]), np.uint64(edge_to[e])
        p, x = labels.own[k] * after.own[q], labels.level[k] + after.level[q]
        if weighted:
            p, x = p * weights.own[e], x + weights.level[e]
        if x == level:
            own += p
        elif x > level:
            own, level = p + lowered(own, x - level), x
        else:
            own += lowered(p, level - x)
    return settled(own, level)


# --- numbers -----------------------------------------------------------------------------------------------------


@kernel
def _levels(n: int) -> Levels:
    return Levels(np.empty(n), np.empty(n), np.empty(n))


@kernel
def split(scores: F64, out: Levels) -> float:
    """exp(scores - max) into out, and the max; 0 where all are -inf, or there is none."""
    near, own, level = out.near, out.own, out.level
    m = -np.inf
    for i in range(scores.size):
        m = max(m, scores[i])
    m = m if m > -np.inf else 0.0
    for i in range(scores.size):
        some = scores[i] > -np.inf
        d = scores[i] - m if some else 0.0
        x = np.floor(d * (1.0 / NATS) + 0.5)
        rest = (d - x * _NATS_HIGH) - x * _NATS_LOW
        # Of a score of -1e30 the rest is rounding: anything within the level is as right as the score is.
        rest = min(max(rest, -NATS / 2), NATS / 2)
        p = exp64(rest) if some else 0.0
        own[i], level[i] = p, x if some else -np.inf
        near[i] = _as_one(p, x)
    return m


@kernel
def lowered(own: float, levels: float) -> float:
    """By so many levels; 0 where that is at most 2**-512 of any product of three numbers that it is added to."""
    if levels == 1.0:
        return own * DOWN
    if levels == 2.0:
        return own * DOWN * DOWN
    return own * DOWN * DOWN * DOWN if levels == 3.0 else 0.0


@kernel
def settled(own: float, level: float) -> tuple[float, float]:
    """The same number with `own` where it belongs, so that of two numbers the one of the higher level is larger."""
    if own == 0.0:
        return 0.0, -np.inf
    while own >= HIGH:
        own, level = own * DOWN, level + 1.0
    while own < LOW:
        own, level = own * UP, level - 1.0
    return own, level


@kernel
def _as_one(own: float, level: float) -> float:
    """The number as one float; its level is 0 or less."""
    if level < -2.0:
        return 0.0
    return own * (1.0 if level == 0.0 else DOWN) * (DOWN if level == -2.0 else 1.0)


@kernel
def _every(after: Levels, far: Far, n: int) -> None:
    """`own` and `level` of all states of a line, by `near` and by its n states that are far."""
    near, own, level = after.near, after.own, after.level
    for s in range(near.size):
        p = near[s]
        some = p * UP if p < LOW else p
        own[s] = some * UP if some < LOW else some
        level[s] = 0.0 if p >= LOW else (-1.0 if some >= LOW else (-2.0 if p > 0.0 else -np.inf))
    for i in range(n):
        own[far.state[i]], level[far.state[i]] = far.own[i], far.level[i]
