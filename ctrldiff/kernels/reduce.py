"""One read of the logits: (T, V) scores to (T, C) scores of token classes, and back again.

Legend: t position, v token, c class of a token (the last class, C - 1 here, is "no class": tokens on no edge),
x scores (natural log, -inf forbids), m class maxima, s class sums.

These loops should be bound by memory, so they are shaped by it: `LANES` positions stand side by side, so that one load
of a class id and one vector instruction serve all of them (`kernels/lanes.py`), and exponentials are our own polynomial
because a loop of them is vector code. The answer for one position never depends on which others are asked for.

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

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ctrldiff.kernels.exponent import log64
from ctrldiff.kernels.jit import fused, kernel
from ctrldiff.kernels.lanes import LANES, raise_and_add, raise_to, turn, widen

F32: TypeAlias = NDArray[np.float32]
F64: TypeAlias = NDArray[np.float64]
Scores: TypeAlias = NDArray[Any]  # float32, or the bits of narrower floats: see `kernels/lanes.py`

BLOCK = 512  # tokens per buffer of exponentials: stays in the first-level cache
RISE = np.float32(4.0)  # a score so far above what terms are relative to is the one they are relative to from then on
TILE = 64  # tokens that are turned at a time, a power of 2: with 16 lanes 4 KiB a buffer
ZERO = np.float32(0.0)
SMALLEST = 2.2250738585072014e-308  # the least normal float64
DEEP = np.float32(60.0)  # a class whose best is this far below the position's best is summed on its own

_LOG2E = np.float32(1.4426950408889634)
_LN2_HIGH = np.float32(0.693359375)  # few bits, so that k * _LN2_HIGH is exact
_LN2_LOW = np.float32(-2.12194440e-4)
_MAGIC = np.float32(12583039.0)  # 1.5 * 2**23 + 127: adding it rounds to an integer and leaves k + 127 in the low bits
_LOWEST = np.float32(-88.0)  # gives k = -127, which is the exponent of 0


# --- exponentials as vector code ---------------------------------------------------------------------------------


@fused
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
    x: Scores, at: NDArray[np.int64], positions: NDArray[np.int64], token_class: NDArray[np.uint32], m: F32
) -> int:
    """Write the best score of every class into m at these positions.

    Args:
        x: (N, V) float32, or the bits of narrower floats; see `kernels/lanes.py`.
        at: (n,) the row of x that is about each of `positions` (n,); other rows are never touched.
        token_class: (V,) uint32, < C (unsigned, so that indexing has no sign to check).
        m: (T, C) float32, output; -inf where a class has no token with a finite score.
    Returns: -1, or the first of `positions` in which a score is NaN or +inf.
    """
    C, V = m.shape[1], x.shape[1]
    tile, best, rows = _aligned(TILE * LANES), _aligned(C * LANES), np.empty(LANES, np.int64)
    for first in range(0, positions.size, LANES):
        n = _fill_lanes(at, first, rows)
        best[:] = -np.float32(np.inf)
        wrong = False
        for v in range(0, V, TILE):
            size = min(TILE, V - v)
            wrong |= _turn_tile(x, rows, v, size, tile)
            for i in range(size):
                raise_to(best, np.int64(token_class[v + i]) * LANES, tile, i * LANES)
        for j in range(n):
            t, top = positions[first + j], -np.float32(np.inf)
            for c in range(C):
                m[t, c] = best[c * LANES + j]
                top = max(top, m[t, c])
            if top == np.inf or (wrong and _has_nan(x, rows[j])):
                return t
    return -1


@kernel
def class_scores(
    x: Scores,
    at: NDArray[np.int64],
    positions: NDArray[np.int64],
    token_class: NDArray[np.uint32],
    class_ptr: NDArray[np.int64],
    class_tokens: NDArray[np.int32],
    m: F32,
    out: F64,
    whole: F64,
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
    best, sums, logs = _aligned(C * LANES), np.empty(C * LANES), np.empty(C * LANES)
    near, rows = np.empty(LANES, np.float32), np.empty(LANES, np.int64)
    for first in range(0, positions.size, LANES):
        n = _fill_lanes(at, first, rows)
        wrong = _lane_scores(x, rows, token_class, best, sums, near)
        for k in range(C * LANES):  # a loop of nothing else, which becomes vector code
            logs[k] = log64(max(sums[k], SMALLEST))
        for j in range(n):
            t, run = positions[first + j], 0.0
            top = -np.float32(np.inf)
            for c in range(C):
                run += sums[c * LANES + j]
                top = max(top, best[c * LANES + j])
            if top == np.inf or (wrong and _has_nan(x, rows[j])):
                return t
            whole[t] = near[j] + np.log(run) if run > 0.0 else -np.inf
            for c in range(C):
                own = best[c * LANES + j]
                m[t, c] = own
                if own == -np.inf or class_ptr[c + 1] - class_ptr[c] == 1:
                    out[t, c] = own  # of one token, exactly its score
                elif own >= top - DEEP:
                    out[t, c] = near[j] + logs[c * LANES + j]
                else:  # too deep: its terms relative to the position's best may be 0 in float32
                    sum_c = 0.0
                    for k in range(class_ptr[c], class_ptr[c + 1]):
                        sum_c += exp32(widen(x[rows[j], class_tokens[k]]) - own)
                    out[t, c] = own + np.log(sum_c)
    return -1


@kernel
def _lane_scores(x: Scores, rows: NDArray[np.int64], token_class: NDArray[np.uint32], best: F32, sums: F64, near: F32):  # type: ignore[no-untyped-def]
    """Write best scores and sums, (C * LANES,), the latter relative to `near` (LANES,), nearly the best of all. Whether
    some score is NaN: then nothing of this may be used.

    No lane's answer depends on the others. At (4 * 128, 131072), 456 classes: 28 ms, where a maximum of each position
    takes 7.6; a position at a time took 78.
    """
    V, C = x.shape[1], best.size // LANES
    tile, terms, less = _aligned(TILE * LANES), _aligned(TILE * LANES), np.zeros(TILE * LANES, np.float32)
    high, begun = np.empty(TILE // 2 * LANES, np.float32), np.zeros(LANES, np.bool_)
    best[:], sums[:], near[:] = -np.float32(np.inf), 0.0, np.float32(0.0)
    wrong = False
    for v in range(0, V, TILE):
        size = min(TILE, V - v)
        wrong |= _turn_tile(x, rows, v, size, tile)
        half = TILE // 2 * LANES
        for i in range(half):
            high[i] = tile[i] if tile[i] > tile[i + half] else tile[i + half]
        while half > LANES:  # halves are folded onto each other, so that these too are long loops over all lanes
            half //= 2
            for i in range(half):
                high[i] = high[i] if high[i] > high[i + half] else high[i + half]
        for j in range(LANES):
            if high[j] > (near[j] + RISE if begun[j] else -np.inf):  # seldom: what was summed so far is scaled anew
                for c in range(C if begun[j] else 0):
                    sums[c * LANES + j] *= np.exp(np.float64(near[j]) - high[j])
                near[j], begun[j] = high[j], True
                for i in range(TILE):
                    less[i * LANES + j] = high[j]
        for i in range(TILE * LANES):
            terms[i] = exp32(tile[i] - less[i])
        for i in range(size):
            raise_and_add(best, sums, np.int64(token_class[v + i]) * LANES, tile, terms, i * LANES)
    return wrong


@kernel
def _aligned(n: int) -> F32:
    """(n,) float32, uninitialised, where a line of the cache begins: a vector that lies across two is read twice."""
    room = np.empty(n + LANES, np.float32)
    skip = (-room.ctypes.data // 4) % LANES
    return room[skip : skip + n]


@kernel
def _fill_lanes(at: NDArray[np.int64], first: int, rows: NDArray[np.int64]) -> int:
    """Which rows of x the lanes read from `first` on, and how many of them count; the last one fills up."""
    n = min(LANES, at.size - first)
    for j in range(LANES):
        rows[j] = at[first + min(j, n - 1)]
    return n


@kernel
def _turn_tile(x: Scores, rows: NDArray[np.int64], v: int, size: int, tile: F32) -> bool:
    """Tokens v to v + size of all lanes into tile; -inf behind them. Whether one is NaN."""
    wrong = False
    eights = size & ~7
    for lane in range(0, LANES, 8):
        for i in range(0, eights, 8):
            wrong |= turn(x, rows, lane, v + i, tile, i * LANES + lane)
    for i in range(eights, size):
        for j in range(LANES):
            score = widen(x[rows[j], v + i])
            wrong |= score != score
            tile[i * LANES + j] = score
    tile[size * LANES :] = -np.float32(np.inf)
    return wrong


@kernel
def _has_nan(x: Scores, row: int) -> bool:
    for v in range(x.shape[1]):
        score = widen(x[row, v])
        if score != score:
            return True
    return False


# --- back: class gains to token probabilities --------------------------------------------------------------------


@kernel
def expand(
    x: Scores,
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
                d[a] = (widen(scores[a]) - b[ids[a]]) + g[ids[a]]
            for a in range(ids.size):
                probs[a] = exp32(min(d[a], ZERO))  # rounding must not make it more than 1


@kernel
def beliefs(
    x: Scores,
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
                d[a] = (widen(scores[a]) - b[ids[a]]) + g[ids[a]]
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
    x: Scores,
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
                e[a] = exp32(widen(scores[members[a]]) - best)
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
