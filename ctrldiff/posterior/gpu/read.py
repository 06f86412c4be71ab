"""K1 and K2: the logits, read once, to class scores; class scores to label scores.

Line n = b * T + t is position t of row b. Tokens lie in class order, cut into segments of one class each (`pack.py`);
one program takes one segment of up to 1,024 tokens or 64 of up to 16. A line that is written is not read: its own class
has score 0 and the others -inf, as on the host (`row.py`).

Legend: n line, g segment, c class, k label; M and R the best score and the sum of exp(score - M).
"""

from __future__ import annotations

import triton
import triton.language as tl

from ctrldiff.posterior.gpu.pack import (
    CLASS_OF,
    CLASS_PTR,
    CLASSES,
    COLUMNS,
    LABEL_CLASSES,
    LABEL_PTR,
    LABELS,
    NARROWS,
    ORDER,
    SEG_PTR,
    TOKENS,
    WIDES,
)

NO_TOKEN = tl.constexpr(2**31 - 1)


@triton.jit
def _segment_tile(ints, meta, x, top, rest, first, rank, last, SIZE: tl.constexpr, WIDTH: tl.constexpr):
    """Best score, sum and first best token of SIZE segments of up to WIDTH tokens, from the `rank`-th on."""
    i = rank + tl.arange(0, SIZE)
    there = i < last
    g = tl.load(ints + tl.load(meta + ORDER) + i, there, 0)
    at = tl.load(meta + SEG_PTR) + g
    begin, end = tl.load(ints + at, there, 0), tl.load(ints + at + 1, there, 0)
    j = begin[:, None] + tl.arange(0, WIDTH)[None, :]
    inside = j < end[:, None]
    token = tl.load(ints + tl.load(meta + TOKENS) + j, inside, NO_TOKEN)
    score = tl.load(x + token, inside, float("-inf")).to(tl.float32)
    bad = tl.max((~(score < float("inf"))).to(tl.int32), axis=1)
    score = tl.where(score < float("inf"), score, float("-inf"))  # NaN and +inf: told by a best score of +inf
    M = tl.max(score, axis=1)
    safe = tl.where(M == float("-inf"), 0.0, M).to(tl.float64)
    R = tl.sum(tl.exp(score.to(tl.float64) - safe[:, None]), axis=1)
    v = tl.min(tl.where(inside & (score == M[:, None]), token, NO_TOKEN), axis=1)
    tl.store(top + g, tl.where(bad > 0, float("inf"), M), there)
    tl.store(rest + g, R, there)
    tl.store(first + g, v, there)


@triton.jit
def read_segments(
    ints,
    meta,
    logits,
    written,
    seg_max,
    seg_sum,
    seg_first,
    T,
    of_row,
    of_position,
    SEGS,
    PER_TILE: tl.constexpr,
    NARROW: tl.constexpr,
    WIDE: tl.constexpr,
):
    """K1, grid (B * T, tiles): (B * T, SEGS) the best score of each segment, the sum above it, its first best token.

    A best score of +inf says that some score is NaN or +inf. `of_row`, `of_position`: strides of the logits.
    """
    n = tl.program_id(0)
    tile = tl.program_id(1)
    if tl.load(written + n) < 0:
        b = n // T
        meta += b * COLUMNS
        x = logits + b.to(tl.int64) * of_row + (n % T).to(tl.int64) * of_position
        at = n.to(tl.int64) * SEGS
        narrows = tl.load(meta + NARROWS).to(tl.int32)
        wides = tl.load(meta + WIDES).to(tl.int32)
        tiles = (narrows + PER_TILE - 1) // PER_TILE
        if tile < tiles:
            _segment_tile(
                ints, meta, x, seg_max + at, seg_sum + at, seg_first + at, tile * PER_TILE, narrows, PER_TILE, NARROW
            )
        elif tile < tiles + wides:
            rank = narrows + tile - tiles
            _segment_tile(ints, meta, x, seg_max + at, seg_sum + at, seg_first + at, rank, rank + 1, 1, WIDE)


@triton.jit
def close_classes(
    ints,
    meta,
    written,
    seg_max,
    seg_sum,
    seg_first,
    class_max,
    class_sum,
    class_first,
    whole,
    wrong,
    T,
    SEGS,
    CS,
    MANY: tl.constexpr,
    EACH: tl.constexpr,
):
    """K1's end, grid (B * T,): segments to classes, (B * T, CS) best, log-sum and first best token; (B * T,) the
    log-sum of all tokens (0 where written), and what is wrong: 1 for a score that is no number, 2 if all is -inf."""
    n = tl.program_id(0)
    meta += (n // T) * COLUMNS
    here = tl.load(written + n)
    C = tl.load(meta + CLASSES).to(tl.int32)
    at, out = n.to(tl.int64) * SEGS, n.to(tl.int64) * CS
    if here >= 0:
        own = tl.load(ints + tl.load(meta + CLASS_OF) + here)
        for c0 in range(0, C + 1, MANY):
            c = c0 + tl.arange(0, MANY)
            score = tl.where(c == own, 0.0, float("-inf"))
            tl.store(class_max + out + c, score, c <= C)
            tl.store(class_sum + out + c, score.to(tl.float64), c <= C)
            tl.store(class_first + out + c, tl.full((MANY,), 0, tl.int32) + here.to(tl.int32), c <= C)
        tl.store(whole + n, tl.full((), 0.0, tl.float64))
        tl.store(wrong + n, tl.full((), 0, tl.int32))
    else:
        all_max = tl.full((), float("-inf"), tl.float32)
        all_sum = tl.full((), 0.0, tl.float64)
        for c0 in range(0, C + 1, MANY):
            c = c0 + tl.arange(0, MANY)
            ptr = ints + tl.load(meta + CLASS_PTR) + c
            g0, g1 = tl.load(ptr, c <= C, 0), tl.load(ptr + 1, c <= C, 0)
            M = tl.full((MANY,), float("-inf"), tl.float32)
            R = tl.full((MANY,), 0.0, tl.float64)
            v = tl.full((MANY,), 2**31 - 1, tl.int32)
            for j in range(0, tl.max(g1 - g0), EACH):
                g = g0[:, None] + j + tl.arange(0, EACH)[None, :]
                ok = g < g1[:, None]
                top = tl.load(seg_max + at + g, ok, float("-inf"))
                more = tl.load(seg_sum + at + g, ok, 0.0)
                token = tl.load(seg_first + at + g, ok, 2**31 - 1)
                m = tl.max(top, axis=1)
                new = tl.min(tl.where(ok & (top == m[:, None]), token, 2**31 - 1), axis=1)
                v = tl.where(m > M, new, tl.where(m == M, tl.minimum(v, new), v))
                high = tl.maximum(M, m)
                safe = tl.where((high == float("-inf")) | (high == float("inf")), 0.0, high).to(tl.float64)
                far = tl.where(M == float("inf"), 0.0, M).to(tl.float64)
                tops = tl.where(top == float("inf"), 0.0, top).to(tl.float64)
                R = R * tl.exp(far - safe) + tl.sum(more * tl.exp(tops - safe[:, None]), axis=1)
                M = high
            some = M > float("-inf")
            m64 = tl.where(some & (M < float("inf")), M, 0.0).to(tl.float64)
            tl.store(class_max + out + c, M, c <= C)
            tl.store(class_sum + out + c, tl.where(some, m64 + tl.log(tl.where(some, R, 1.0)), float("-inf")), c <= C)
            tl.store(class_first + out + c, v, c <= C)
            high = tl.maximum(all_max, tl.max(M))
            safe = tl.where((high == float("-inf")) | (high == float("inf")), 0.0, high).to(tl.float64)
            far = tl.where(all_max == float("inf"), 0.0, all_max).to(tl.float64)
            all_sum = all_sum * tl.exp(far - safe) + tl.sum(tl.where(some, R * tl.exp(m64 - safe), 0.0))
            all_max = high
        some = (all_max > float("-inf")) & (all_max < float("inf"))
        m64 = tl.where(some, all_max, 0.0).to(tl.float64)
        tl.store(whole + n, tl.where(some, m64 + tl.log(tl.where(some, all_sum, 1.0)), float("-inf")))
        tl.store(wrong + n, tl.where(all_max == float("inf"), 1, tl.where(all_max == float("-inf"), 2, 0)))


@triton.jit
def read_labels(
    ints,
    meta,
    class_max,
    class_sum,
    class_first,
    label_max,
    label_sum,
    label_first,
    T,
    CS,
    LS,
    MANY: tl.constexpr,
    EACH: tl.constexpr,
):
    """K2, grid (B * T, blocks of MANY labels): (B * T, LS) best, log-sum, and the smallest token that is the best."""
    n = tl.program_id(0)
    meta += (n // T) * COLUMNS
    k = tl.program_id(1) * MANY + tl.arange(0, MANY)
    there = k < tl.load(meta + LABELS)
    ptr = ints + tl.load(meta + LABEL_PTR) + k
    i0, i1 = tl.load(ptr, there, 0), tl.load(ptr + 1, there, 0)
    at, out = n.to(tl.int64) * CS, n.to(tl.int64) * LS
    members = ints + tl.load(meta + LABEL_CLASSES)
    M = tl.full((MANY,), float("-inf"), tl.float32)
    S = tl.full((MANY,), float("-inf"), tl.float64)
    R = tl.full((MANY,), 0.0, tl.float64)
    v = tl.full((MANY,), 2**31 - 1, tl.int32)
    for j in range(0, tl.max(i1 - i0), EACH):
        i = i0[:, None] + j + tl.arange(0, EACH)[None, :]
        ok = i < i1[:, None]
        c = tl.load(members + i, ok, 0)
        top = tl.load(class_max + at + c, ok, float("-inf"))
        token = tl.load(class_first + at + c, ok, 2**31 - 1)
        m = tl.max(top, axis=1)
        new = tl.min(tl.where(ok & (top == m[:, None]), token, 2**31 - 1), axis=1)
        v = tl.where(m > M, new, tl.where(m == M, tl.minimum(v, new), v))
        M = tl.maximum(M, m)
        sums = tl.load(class_sum + at + c, ok, float("-inf"))
        high = tl.maximum(S, tl.max(sums, axis=1))
        safe = tl.where(high == float("-inf"), 0.0, high)
        R = R * tl.exp(S - safe) + tl.sum(tl.exp(sums - safe[:, None]), axis=1)
        S = high
    some = S > float("-inf")
    tl.store(label_max + out + k, M.to(tl.float64), there)
    tl.store(label_sum + out + k, tl.where(some, S + tl.log(tl.where(some, R, 1.0)), S), there)
    tl.store(label_first + out + k, v, there)
