"""One read of the logits: (T, V) scores to (T, C) scores of token classes, and back again.

Legend: t position, v token, c class of a token (the last class, C - 1 here, is "no class": tokens on no edge),
x scores (natural log, -inf forbids), m class maxima, s class sums.

These loops are bound by memory, so they are shaped by it: positions are taken in small groups (one load of the
class ids serves the group, and the additions of one class do not wait for each other), exponentials are our own
polynomial because a loop of them becomes vector code, and the answer for one position never depends on which
positions share its group.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ctrldiff.kernels.jit import kernel

LANES = 4  # positions whose sums are taken side by side
BLOCK = 512  # tokens per buffer of exponentials: 4 lanes of it stay in the first-level cache

_LOG2E = np.float32(1.4426950408889634)
_LN2_HIGH = np.float32(0.693359375)  # few bits, so that k * _LN2_HIGH is exact
_LN2_LOW = np.float32(-2.12194440e-4)
_MAGIC = np.float32(12582912.0)  # 1.5 * 2**23: adding it rounds to the nearest integer
_LOWEST = np.float32(-87.0)  # below, exp is taken as 0: under 2**-125 of the maximum it is compared with


@kernel
def exp32(d: np.float32) -> np.float32:
    """exp(d) for d <= 0 to 2 units in the last place, without calls, so that loops of it become vector code."""
    y = max(d, _LOWEST)
    k = (y * _LOG2E + _MAGIC) - _MAGIC
    r = (y - k * _LN2_HIGH) - k * _LN2_LOW
    p = np.float32(1.9875691500e-4)
    p = p * r + np.float32(1.3981999507e-3)
    p = p * r + np.float32(8.3334519073e-3)
    p = p * r + np.float32(4.1665795894e-2)
    p = p * r + np.float32(1.6666665459e-1)
    p = p * r + np.float32(5.0000001201e-1)
    p = (p * r * r + r) + np.float32(1.0)
    power = np.int32((np.int32(k) + 127) << 23).view(np.float32)
    return p * power if d > _LOWEST else np.float32(0.0)


@kernel
def class_max(
    x: NDArray[np.float32],
    positions: NDArray[np.int64],
    token_class: NDArray[np.uint32],
    m: NDArray[np.float32],
) -> int:
    """Write the best score of every class into m at these positions.

    Args:
        x: (T, V) float32.
        positions: the positions to read; the rows of the others are never touched.
        token_class: (V,) uint32, < C (unsigned, so that indexing has no sign to check).
        m: (T, C) float32, output; -inf where a class has no token with a finite score.
    Returns: -1, or the first of `positions` in which a score is NaN or +inf. That check costs nothing: such a
        score is the only one that fails `x <= m` without being stored.
    """
    V = x.shape[1]
    n = positions.size
    inf = np.float32(np.inf)
    bad = -1
    # Two positions a turn: 8.5 -> 7.8 ms at (128, 131072), 354 classes, against 3.4 ms for numpy's plain max.
    for i in range(0, n, 2):
        t = positions[i]
        q = positions[min(i + 1, n - 1)]
        xt, xq, mt, mq = x[t], x[q], m[t], m[q]
        mt[:] = -inf
        mq[:] = -inf
        bad_t, bad_q = False, False
        for v in range(V):
            c = token_class[v]
            if not (xt[v] <= mt[c]):
                if xt[v] < inf:
                    mt[c] = xt[v]
                else:
                    bad_t = True
            if not (xq[v] <= mq[c]):
                if xq[v] < inf:
                    mq[c] = xq[v]
                else:
                    bad_q = True
        if bad < 0:
            if bad_t:
                bad = t
            elif bad_q:
                bad = q
    return bad


@kernel
def class_log_sum(
    x: NDArray[np.float32],
    positions: NDArray[np.int64],
    token_class: NDArray[np.uint32],
    m: NDArray[np.float32],
    out: NDArray[np.float64],
) -> None:
    """Write log(sum(exp(x))) of every class into out (T, C) at these positions; m is what `class_max` found.

    Every term is taken relative to the best score of its own class, so that no class underflows; terms are
    float32, sums float64, added in token order.
    """
    V, C = x.shape[1], m.shape[1]
    n = positions.size
    inf = np.float32(np.inf)
    e = np.empty((LANES, BLOCK), np.float32)
    top = np.empty((LANES, C), np.float32)
    s = np.empty((C, LANES), np.float64)
    for i in range(0, n, LANES):
        for j in range(LANES):
            t = positions[min(i + j, n - 1)]
            for c in range(C):
                top[j, c] = m[t, c] if m[t, c] > -inf else np.float32(0.0)
        s[:] = 0.0
        for v in range(0, V, BLOCK):
            ids = token_class[v : v + BLOCK]
            size = ids.size
            for j in range(LANES):
                scores, best, row = x[positions[min(i + j, n - 1)], v : v + BLOCK], top[j], e[j]
                for a in range(size):
                    row[a] = scores[a] - best[ids[a]]
                for a in range(size):
                    row[a] = exp32(row[a])
            for a in range(size):
                c = ids[a]
                s[c, 0] += e[0, a]
                s[c, 1] += e[1, a]
                s[c, 2] += e[2, a]
                s[c, 3] += e[3, a]
        for j in range(LANES):
            t = positions[min(i + j, n - 1)]
            for c in range(C):
                out[t, c] = m[t, c] + np.log(s[c, j]) if m[t, c] > -inf else -inf


@kernel
def expand(
    x: NDArray[np.float32],
    positions: NDArray[np.int64],
    token_class: NDArray[np.uint32],
    gain: NDArray[np.float64],
    out: NDArray[np.float32],
) -> None:
    """Write exp(x[t, v] + gain[t, class of v]) into out (T, V) at these positions: marginals from class masses.

    A probability is at most 1: the exponent is held at 0 where rounding alone would pass it.
    """
    V = x.shape[1]
    for i in range(positions.size):
        t = positions[i]
        xt, gt, ot = x[t], gain[t], out[t]
        for v in range(V):
            ot[v] = min(np.float32(xt[v] + gt[token_class[v]]), np.float32(0.0))
        for v in range(V):
            ot[v] = exp32(ot[v])


@kernel
def beliefs(
    x: NDArray[np.float32],
    positions: NDArray[np.int64],
    token_class: NDArray[np.uint32],
    gain: NDArray[np.float64],
    margin: NDArray[np.float64],
    entropy: NDArray[np.float64],
) -> None:
    """Write best-minus-second probability and entropy (nats) of each of these positions, without a (T, V) array."""
    V = x.shape[1]
    d = np.empty(BLOCK, np.float32)
    e = np.empty(BLOCK, np.float32)
    low = np.float32(-np.inf)
    for i in range(positions.size):
        t = positions[i]
        gt = gain[t]
        first, second, h = low, low, 0.0
        for v in range(0, V, BLOCK):
            scores, ids = x[t, v : v + BLOCK], token_class[v : v + BLOCK]
            for a in range(ids.size):
                d[a] = min(np.float32(scores[a] + gt[ids[a]]), np.float32(0.0))
            for a in range(ids.size):
                e[a] = exp32(d[a])
            for a in range(ids.size):
                if d[a] > second:
                    if d[a] > first:
                        first, second = d[a], first
                    else:
                        second = d[a]
                if d[a] > _LOWEST:
                    h -= e[a] * d[a]
        margin[t] = np.exp(first) - np.exp(second)
        entropy[t] = h


@kernel
def draw_tokens(
    x: NDArray[np.float32],
    class_ptr: NDArray[np.int64],
    class_tokens: NDArray[np.int32],
    m: NDArray[np.float32],
    classes: NDArray[np.int32],
    uniforms: NDArray[np.float64],
    tokens: NDArray[np.int64],
) -> None:
    """Fill the entries of tokens (n, T) that are negative: draw within classes (n, T) in proportion to exp(x).

    Members of a class are taken in id order; the one at which the running sum first passes `uniforms` (n, T) of the
    total is the draw. Only classes on drawn paths are read.
    """
    n, T = classes.shape
    for j in range(n):
        for t in range(T):
            if tokens[j, t] >= 0:
                continue
            c = classes[j, t]
            members = class_tokens[class_ptr[c] : class_ptr[c + 1]]
            scores, best = x[t], m[t, c]
            e = np.empty(members.size, np.float32)
            for a in range(members.size):
                e[a] = scores[members[a]] - best
            for a in range(members.size):
                e[a] = exp32(e[a])
            total = 0.0
            for a in range(members.size):
                total += e[a]
            target, run, last = uniforms[j, t] * total, 0.0, -1
            for a in range(members.size):
                run += e[a]
                if e[a] > np.float32(0.0):
                    last = members[a]
                    if run > target:
                        break
            tokens[j, t] = last
