"""One read of the logits: (T, V) scores to (T, C) scores of token classes, and back again.

Legend: t position, v token, c class of a token (the last class, C - 1 here, is "no class": tokens on no edge),
x scores (natural log, -inf forbids), m class maxima, s class sums.

These loops should be bound by memory, so they are shaped by it: positions share one load of the class ids, two at a
time for maxima and `LANES` side by side for sums, and exponentials are our own polynomial because a loop of them is
vector code. The answer for one position never depends on which others are asked for.

    x[t]     v:  0    1    2    3    4    5   ...      one pass over V, in blocks of BLOCK tokens:
    class        2    0    2    1    2    0   ...      m[t, c] = max, s[t, c] = log sum exp, over the v of class c
                 '----+----'---------'                 and back: p[t, v] = exp(x[t, v] - base[t, c] + gain[t, c])

Plainly (the tests run this beside the kernels):

    def class_scores(x, ids, n_classes):
        members = [x[:, ids == c].astype(np.float64) for c in range(n_classes)]
        best = np.stack([part.max(axis=1, initial=-np.inf) for part in members], axis=1)
        return best, np.stack([np.logaddexp.reduce(part, axis=1) for part in members], axis=1)

    def probabilities(x, ids, base, gain):
        return np.exp(x.astype(np.float64) - base[:, ids] + gain[:, ids])

    def beliefs(p):
        top = np.sort(p, axis=1)
        return top[:, -1] - top[:, -2], -(p * np.log(np.where(p > 0, p, 1))).sum(axis=1)
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ctrldiff.kernels.jit import kernel

BLOCK = 512  # tokens per buffer of exponentials: stays in the first-level cache
LANES = 16  # positions that are summed side by side
RISE = np.float32(4.0)  # a score so far above what terms are relative to is the one they are relative to from then on
TILE = 64  # tokens that are transposed at a time, a power of 2: with 16 lanes 4 KiB a buffer
ZERO = np.float32(0.0)
DEEP = np.float32(60.0)  # a class whose best is this far below the position's best is summed on its own

_LOG2E = np.float32(1.4426950408889634)
_LN2_HIGH = np.float32(0.693359375)  # few bits, so that k * _LN2_HIGH is exact
_LN2_LOW = np.float32(-2.12194440e-4)
_MAGIC = np.float32(12583039.0)  # 1.5 * 2**23 + 127: adding it rounds to an integer and leaves k + 127 in the low bits
_LOWEST = np.float32(-88.0)  # gives k = -127, which is the exponent of 0


# --- exponentials as vector code ---------------------------------------------------------------------------------


@kernel
def exp32(d: np.float32) -> np.float32:
    """exp(d) for d <= 4 to 2e-7, 0 below -87.69. No calls and no branches, so that loops of it become vector code.

    exp(d) = 2**k * exp(r) with |r| <= ln(2) / 2; exp(r) is 1 + r + r * r * (a minimax cubic).
    """
    y = max(d, _LOWEST)  # -inf too: no branch is needed for what is forbidden
    z = np.float32(y * _LOG2E + _MAGIC)
    k = z - _MAGIC
    r = (y - k * _LN2_HIGH) - k * _LN2_LOW
    q = np.float32(8.312516846e-3)
    q = q * r + np.float32(4.189021513e-2)
    q = q * r + np.float32(1.666711420e-1)
    q = q * r + np.float32(4.999923110e-1)
    p = (q * r * r + r) + np.float32(1.0)
    return p * np.int32(np.float32(z).view(np.int32) << 23).view(np.float32)


# --- forth: token scores to class scores -------------------------------------------------------------------------


@kernel
def class_max(
    x: NDArray[np.float32],
    at: NDArray[np.int64],
    positions: NDArray[np.int64],
    token_class: NDArray[np.uint32],
    m: NDArray[np.float32],
) -> int:
    """Write the best score of every class into m at these positions.

    Args:
        x: (N, V) float32.
        at: (n,) the row of x that is about each of `positions` (n,); other rows are never touched.
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
        xt, xq, mt, mq = x[at[i]], x[at[min(i + 1, n - 1)]], m[t], m[q]
        mt[:] = -inf
        mq[:] = -inf
        bad_t, bad_q = False, False
        for v in range(V):
            c = token_class[v]
            if not (xt[v] <= mt[c]):  # so written, NaN gets in as well
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
def class_scores(
    x: NDArray[np.float32],
    at: NDArray[np.int64],
    positions: NDArray[np.int64],
    token_class: NDArray[np.uint32],
    class_ptr: NDArray[np.int64],
    class_tokens: NDArray[np.int32],
    m: NDArray[np.float32],
    out: NDArray[np.float64],
    whole: NDArray[np.float64],
) -> int:
    """Write the best score and log(sum(exp(x))) of every class, and that of all tokens, at these positions.

    Args:
        x, at, positions, token_class: as in `class_max`.   class_ptr, class_tokens: the members of each class.
        m, out: (T, C) float32 and float64, output.     whole: (T,) float64, output.
    Returns: as `class_max`.

    Terms are float32 relative to nearly the best score of the position, sums float64. Classes so far below that best
    that their terms would underflow are summed again relative to their own best: no class loses mass.
    """
    C = m.shape[1]
    for first in range(0, positions.size, LANES):
        n = min(LANES, positions.size - first)
        lanes = (n + 7) & ~7  # the transpose takes eight at a time; the last position fills up
        rows = np.empty(lanes, np.int64)
        for j in range(lanes):
            rows[j] = at[first + min(j, n - 1)]
        best, sums, near = _lane_scores(x, rows, token_class, C)
        for j in range(n):
            i, t, run = first + j, positions[first + j], 0.0
            top = -np.float32(np.inf)
            for c in range(C):
                run += sums[c * lanes + j]
                top = max(top, best[c * lanes + j])
            if not (run >= 0.0) or top == np.inf:
                return t
            whole[t] = near[j] + np.log(run) if run > 0.0 else -np.inf
            for c in range(C):
                own, sum_c = best[c * lanes + j], sums[c * lanes + j]
                m[t, c] = own
                if own == -np.inf or class_ptr[c + 1] - class_ptr[c] == 1:
                    out[t, c] = own  # of one token, exactly its score
                elif own >= top - DEEP:
                    out[t, c] = near[j] + np.log(sum_c)
                else:  # too deep: its terms relative to the position's best may be 0 in float32
                    sum_c = 0.0
                    for k in range(class_ptr[c], class_ptr[c + 1]):
                        sum_c += exp32(x[at[i], class_tokens[k]] - own)
                    out[t, c] = own + np.log(sum_c)
    return -1


@kernel
def _lane_scores(
    x: NDArray[np.float32],
    at: NDArray[np.int64],
    token_class: NDArray[np.uint32],
    C: int,
) -> tuple[NDArray[np.float32], NDArray[np.float64], NDArray[np.float32]]:
    """(C * lanes,) best scores, and sums relative to (lanes,) what is near the best of all; a lane is a row of x, and
    there is a multiple of 8. The sum of a class with a NaN is NaN.

    Tokens are transposed in tiles, so that what belongs to one token in all lanes lies side by side: then a class's
    best and sum are updated in all lanes by one vector operation, and no lane's answer depends on the others. At
    (128, 131072), 456 classes: 11.0 ms, where a position at a time took 19.3 (max 6.6, sum 12.7).
    """
    V, lanes = x.shape[1], np.uint64(at.size)
    tile, e = np.empty(TILE * at.size, np.float32), np.empty(TILE * at.size, np.float32)
    less, near = np.zeros(TILE * at.size, np.float32), np.zeros(at.size, np.float32)
    high = np.empty(TILE // 2 * at.size, np.float32)
    begun = np.zeros(at.size, np.bool_)
    best, sums = np.full(C * at.size, -np.float32(np.inf)), np.zeros(C * at.size, np.float64)
    one, two, three = np.uint64(1), np.uint64(2), np.uint64(3)  # unsigned, so that indexing has no sign to check
    four, five, six, seven = np.uint64(4), np.uint64(5), np.uint64(6), np.uint64(7)
    for v in range(0, V, TILE):
        size = min(TILE, V - v)
        for j in range(0, at.size, 8):
            x0, x1 = x[at[j], v : v + size], x[at[j + 1], v : v + size]
            x2, x3 = x[at[j + 2], v : v + size], x[at[j + 3], v : v + size]
            x4, x5 = x[at[j + 4], v : v + size], x[at[j + 5], v : v + size]
            x6, x7 = x[at[j + 6], v : v + size], x[at[j + 7], v : v + size]
            k = np.uint64(j)
            for i in range(size):
                tile[k] = x0[i]
                tile[k + one] = x1[i]
                tile[k + two] = x2[i]
                tile[k + three] = x3[i]
                tile[k + four] = x4[i]
                tile[k + five] = x5[i]
                tile[k + six] = x6[i]
                tile[k + seven] = x7[i]
                k += lanes
        for i in range(size * at.size, tile.size):
            tile[i] = -np.float32(np.inf)  # the last tile may be a short one
        half = TILE // 2 * at.size
        for i in range(half):
            high[i] = tile[i] if tile[i] > tile[i + half] else tile[i + half]
        while half > at.size:  # halves are folded onto each other, so that these too are long loops over all lanes
            half //= 2
            for i in range(half):
                high[i] = high[i] if high[i] > high[i + half] else high[i + half]
        for j in range(at.size):
            if high[j] > (near[j] + RISE if begun[j] else -np.inf):  # seldom: what was summed so far is scaled anew
                for own in range(C if begun[j] else 0):
                    sums[own * at.size + j] *= np.exp(np.float64(near[j]) - high[j])
                near[j], begun[j] = high[j], True
                for i in range(TILE):
                    less[i * at.size + j] = high[j]
        for i in range(size * at.size):
            d = tile[i] - less[i]
            e[i] = exp32(d) if d == d else d
        for i in range(size):
            k, c = np.uint64(i) * lanes, np.uint64(token_class[v + i]) * lanes
            for j in range(at.size):
                lane = np.uint64(j)
                score, known = tile[k + lane], best[c + lane]
                best[c + lane] = score if score > known else known
            for j in range(at.size):
                lane = np.uint64(j)
                sums[c + lane] += e[k + lane]
    return best, sums, near


# --- back: class gains to token probabilities --------------------------------------------------------------------


@kernel
def expand(
    x: NDArray[np.float32],
    at: NDArray[np.int64],
    positions: NDArray[np.int64],
    token_class: NDArray[np.uint32],
    base: NDArray[np.float32],
    gain: NDArray[np.float32],
    out: NDArray[np.float32],
) -> None:
    """Write exp(x[t, v] - base[t, c] + gain[t, c]), c the class of v, into out (T, V) at these positions: marginals.

    `base` is near the best score of the class, so that scores with a large offset lose nothing to it.
    """
    V = x.shape[1]
    d = np.empty(BLOCK, np.float32)
    for i in range(positions.size):
        t = positions[i]
        g, b = gain[t], base[t]
        for v in range(0, V, BLOCK):
            ids, scores, probs = token_class[v : v + BLOCK], x[at[i], v : v + BLOCK], out[t, v : v + BLOCK]
            for a in range(ids.size):
                d[a] = (scores[a] - b[ids[a]]) + g[ids[a]]
            for a in range(ids.size):
                probs[a] = exp32(min(d[a], ZERO))  # rounding must not make it more than 1


@kernel
def beliefs(
    x: NDArray[np.float32],
    at: NDArray[np.int64],
    positions: NDArray[np.int64],
    token_class: NDArray[np.uint32],
    base: NDArray[np.float32],
    gain: NDArray[np.float32],
    margin: NDArray[np.float64],
    entropy: NDArray[np.float64],
) -> None:
    """Write best-minus-second probability and entropy (nats) of each of these positions, without a (T, V) array."""
    V = x.shape[1]
    d, e = np.empty(BLOCK, np.float32), np.empty(BLOCK, np.float32)
    h = np.empty(4, np.float64)
    for i in range(positions.size):
        t = positions[i]
        g, b = gain[t], base[t]
        first, second = _LOWEST, _LOWEST
        h[:] = 0.0
        for v in range(0, V, BLOCK):
            ids = token_class[v : v + BLOCK]
            size = ids.size
            scores = x[at[i], v : v + BLOCK]
            for a in range(size):
                d[a] = (scores[a] - b[ids[a]]) + g[ids[a]]
            for a in range(size):
                d[a] = max(min(d[a], ZERO), _LOWEST)
                e[a] = exp32(d[a]) * d[a]
            fours = size & ~3
            for a in range(0, fours, 4):
                h[0] -= e[a]
                h[1] -= e[a + 1]
                h[2] -= e[a + 2]
                h[3] -= e[a + 3]
            for a in range(fours, size):
                h[0] -= e[a]
            for a in range(size):  # a token seldom comes between: compared by its logarithm, without an exponential
                if d[a] > second:
                    second = min(d[a], first)
                    first = max(d[a], first)
        margin[t] = exp32(first) - exp32(second)
        entropy[t] = (h[0] + h[1]) + (h[2] + h[3])


# --- a draw within a class ---------------------------------------------------------------------------------------


@kernel
def draw_tokens(
    x: NDArray[np.float32],
    at: NDArray[np.int64],
    positions: NDArray[np.int64],
    class_ptr: NDArray[np.int64],
    class_tokens: NDArray[np.int32],
    m: NDArray[np.float32],
    classes: NDArray[np.int32],
    uniforms: NDArray[np.float64],
    tokens: NDArray[np.int64],
) -> None:
    """Fill the entries of tokens (n, T) at these positions that are negative: draw within classes (n, T) in proportion
    to exp(x).

    Members of a class are taken in id order; the one at which the running sum first passes `uniforms` (n, T) of the
    total is the draw. Only classes on drawn paths are read.
    """
    for j in range(classes.shape[0]):
        for i in range(positions.size):
            t = positions[i]
            if tokens[j, t] >= 0:
                continue
            c = classes[j, t]
            members = class_tokens[class_ptr[c] : class_ptr[c + 1]]
            scores, best = x[at[i]], m[t, c]
            e = np.empty(members.size, np.float32)
            for a in range(members.size):
                e[a] = exp32(scores[members[a]] - best)
            total = 0.0
            for a in range(members.size):
                total += e[a]
            target, run, last = uniforms[j, t] * total, 0.0, -1
            for a in range(members.size):
                run += e[a]
                # Where rounding leaves `target` behind them all, the last possible token is drawn.
                if e[a] > np.float32(0.0):
                    last = members[a]
                    if run > target:
                        break
            tokens[j, t] = last
