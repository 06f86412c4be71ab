"""Along a given string: what each of its tokens is worth at its own position, and the first choice that is left.

As `walk_local` of `kernels/walk.py` and what `posterior/queries.py` makes of it. Legend as in `sweep.py`; an edge leads
on if something can still be written behind it.
"""

from __future__ import annotations

import triton
import triton.language as tl

from ctrldiff.posterior.gpu.pack import (
    CLASS_OF,
    CLASSES,
    COLUMNS,
    FAR,
    LABEL,
    OF_CLASS,
    OF_CLASS_PTR,
    OUT,
    PTR,
    START,
    WEIGHT,
)


@triton.jit
def walk_given(
    ints,
    meta,
    logits,
    written,
    tokens,
    whole,
    label_sum,
    value,
    local,
    legal,
    surprise,
    T,
    of_row,
    of_position,
    SS,
    LS,
    RAW: tl.constexpr,
    WIDTH: tl.constexpr,
):
    """Grid (B,): (B, T) float32 each, for one string a row (what is written in it counts as written): the share of each
    token in all that may stand there after those before it, the probability of all those, and minus the token's
    log-probability. 1, 1 and 0 where written; 0 and 0 from the first token on that may not stand there."""
    b = tl.program_id(0)
    meta += b * COLUMNS
    graph = meta + OUT
    s = tl.load(meta + START).to(tl.int32)
    alive = tl.full((), 1, tl.int32)
    lines = value + b.to(tl.int64) * (T + 1) * SS
    x = logits + b.to(tl.int64) * of_row
    for t in range(T):
        n = b.to(tl.int64) * T + t
        then = lines + SS
        held = tl.load(written + n)
        v = tl.where(held >= 0, held, tl.load(tokens + n))
        own = tl.load(x + v, held < 0, 0.0).to(tl.float64)
        less = tl.full((), 0.0, tl.float64)
        if RAW:
            less = tl.load(whole + n)  # 0 where written
        c = tl.load(ints + tl.load(meta + CLASS_OF) + v)
        some = c < tl.load(meta + CLASSES)
        ptr = ints + tl.load(meta + OF_CLASS_PTR) + c
        i0, i1 = tl.load(ptr, some, 0), tl.load(ptr + 1, some, 0)
        ptr = ints + tl.load(graph + PTR) + s
        e0, e1 = tl.load(ptr), tl.load(ptr + 1)
        after = tl.full((), -1, tl.int32)
        M = tl.full((), float("-inf"), tl.float64)
        R = tl.full((), 0.0, tl.float64)
        for j in range(e0, e1, WIDTH):
            e = j + tl.arange(0, WIDTH)
            ok = e < e1
            q = tl.load(ints + tl.load(graph + FAR) + e, ok, 0)
            k = tl.load(ints + tl.load(graph + LABEL) + e, ok, -1)
            onward = ok & (tl.load(then + q, ok, float("-inf")) > float("-inf"))
            w = tl.load(label_sum + n * LS + k, onward, float("-inf"))
            high = tl.maximum(M, tl.max(w))
            safe = tl.where(high == float("-inf"), 0.0, high)
            R = R * tl.exp(M - safe) + tl.sum(tl.exp(w - safe))
            M = high
            for i in range(i0, i1, WIDTH):
                at = i + tl.arange(0, WIDTH)
                own_label = tl.load(ints + tl.load(meta + OF_CLASS) + at, at < i1, -2)
                hit = tl.max((k[:, None] == own_label[None, :]).to(tl.int32), axis=1) > 0
                after = tl.maximum(after, tl.max(tl.where(hit & onward, q, -1)))
        fits = (alive > 0) & (after >= 0) & (own > float("-inf"))
        alive = fits.to(tl.int32)
        finite = tl.where(own > float("-inf"), own, 0.0)
        all_of = tl.where(M > float("-inf"), M + tl.log(tl.where(M > float("-inf"), R, 1.0)), 0.0)
        tl.store(local + n, tl.where(fits, tl.exp(tl.minimum(finite - all_of, 0.0)), 0.0).to(tl.float32))
        tl.store(legal + n, tl.where(fits, tl.exp(tl.minimum(all_of - less, 0.0)), 0.0).to(tl.float32))
        tl.store(surprise + n, (less - own).to(tl.float32))
        s = tl.where(fits, after, s)
        lines = then
        x += of_position


@triton.jit
def walk_first(
    ints,
    weights,
    meta,
    written,
    whole,
    label_max,
    label_sum,
    label_first,
    best,
    value,
    plain,
    tokens,
    sure,
    mass,
    T,
    SS,
    LS,
    RAW: tl.constexpr,
    WEIGHTED: tl.constexpr,
    WIDTH: tl.constexpr,
):
    """Grid (B,): the leftmost open position on its own. (B, T) the best token of those that may stand there, -1
    elsewhere; (B,) float32 its probability, and that of all those; 1 for complete rows.

    `best`: values of futures by the best string. WEIGHTED: a token gains the log of the mean factor by which weights
    multiply what goes on with it, which the sums of futures with weights, `value`, and without, `plain`, tell.
    """
    b = tl.program_id(0)
    meta += b * COLUMNS
    graph = meta + OUT
    s = tl.load(meta + START).to(tl.int32)
    row = b.to(tl.int64) * (T + 1) * SS
    met = tl.full((), 0, tl.int32)
    tl.store(sure + b, tl.full((), 1.0, tl.float32))
    tl.store(mass + b, tl.full((), 1.0, tl.float32))
    for t in range(T):
        n = b.to(tl.int64) * T + t
        then = row + (t + 1) * SS
        first = (tl.load(written + n) < 0) & (met == 0)
        choice = tl.full((), 2**31 - 1, tl.int32)
        after = tl.full((), 0, tl.int32)
        top = tl.full((), float("-inf"), tl.float64)
        alone = tl.full((), float("-inf"), tl.float64)
        R = tl.full((), 0.0, tl.float64)
        less = tl.full((), 0.0, tl.float64)
        if RAW:
            less = tl.load(whole + n)
        if met == 0:
            ptr = ints + tl.load(graph + PTR) + s
            e0, e1 = tl.load(ptr), tl.load(ptr + 1)
            for j in range(e0, e1, WIDTH):
                e = j + tl.arange(0, WIDTH)
                ok = e < e1
                q = tl.load(ints + tl.load(graph + FAR) + e, ok, 0)
                k = tl.load(ints + tl.load(graph + LABEL) + e, ok, 0)
                onward = ok & (tl.load(best + then + q, ok, float("-inf")) > float("-inf"))
                own = tl.load(label_max + n * LS + k, onward, float("-inf"))
                w = own
                if WEIGHTED:
                    tilt = tl.load(value + then + q, onward, 0.0) - tl.load(plain + then + q, onward, 0.0)
                    w += tl.load(weights + tl.load(graph + WEIGHT) + e, onward, 0.0) + tilt
                R += tl.sum(tl.exp(tl.load(label_sum + n * LS + k, onward, float("-inf")) - less))
                high = tl.max(w)
                wins = onward & (w == high) & (w > float("-inf"))
                v = tl.load(label_first + n * LS + k, wins, 2**31 - 1)
                new = tl.min(v)
                score = tl.max(tl.where(v == new, own, float("-inf")))
                takes = (high > top) | ((high == top) & (new < choice))
                alone = tl.where(takes, score, alone)
                choice = tl.where(takes, new, choice)
                after = tl.maximum(after, tl.max(tl.where(wins, q, 0)))  # where written, one edge alone is possible
                top = tl.maximum(top, high)
        tl.store(tokens + n, tl.where(first, choice, -1).to(tl.int64))
        if first:
            tl.store(sure + b, tl.exp(alone - less).to(tl.float32))
            tl.store(mass + b, R.to(tl.float32))
        met = tl.where(first, 1, met)
        s = after
