"""Canvases of which more is written: what they weigh, where they end, what is left to choose.

Legend as in `sweep.py`; n = b * T + t. `before` (B, T) is what was written, `written` what is now.
"""

from __future__ import annotations

import triton
import triton.language as tl

from ctrldiff.posterior.gpu.pack import (
    BY_LABEL,
    CLASS_OF,
    CLASSES,
    COLUMNS,
    EXIT,
    FAR,
    LABEL,
    LABELS,
    OF_CLASS,
    OF_CLASS_PTR,
    ONLY,
    OUT,
    PTR,
    START,
    STATE_ORDER,
    STATES,
    TAIL,
    WEIGHT,
)


@triton.jit
def write_kept(before, tokens, keep, written, clash, T, WIDTH: tl.constexpr):
    """Grid (B,): (B, T) what is written once `tokens` are where `keep` (B, T) int8 is 1; and (B,) whether they
    contradict what was written before, which stays."""
    b = tl.program_id(0).to(tl.int64)
    bad = tl.full((), 0, tl.int32)
    for t in range(0, T, WIDTH):
        at = t + tl.arange(0, WIDTH)
        there = at < T
        held, v = tl.load(before + b * T + at, there, 0), tl.load(tokens + b * T + at, there, 0)
        kept = tl.load(keep + b * T + at, there, 0) > 0
        bad = tl.maximum(bad, tl.max((kept & (held >= 0) & (held != v)).to(tl.int32)))
        tl.store(written + b * T + at, tl.where(kept & (held < 0), v, held), there)
    tl.store(clash + b, bad)


@triton.jit
def write_first(
    logits,
    before,
    whole,
    strings,
    tokens,
    sure,
    mass,
    written,
    believed,
    T,
    V,
    of_row,
    of_position,
    RAW: tl.constexpr,
    WIDTH: tl.constexpr,
):
    """Grid (B,): writes each row's first choice, `tokens` of `along.walk_first`, or where the `mass` of what may stand
    there is less than `believed` the token of the best string; `tokens` and `sure` are made to say so.

    Rows that something is wrong with have no choice: 0 is written, which no answer is given of.
    """
    b = tl.program_id(0).to(tl.int64)
    for t in range(0, T, WIDTH):
        at = t + tl.arange(0, WIDTH)
        there = at < T
        lost = tl.load(mass + b + at * 0, there, 1.0) < believed
        v = tl.load(tokens + b * T + at, there, -1)
        first = v >= 0
        best = tl.load(strings + b * T + at, there, 0)
        v = tl.where(first & lost, best, v)
        v = tl.where(first & ((v < 0) | (v >= V)), 0, v)
        own = tl.load(logits + b * of_row + at.to(tl.int64) * of_position + v, first & lost, 0.0).to(tl.float64)
        if RAW:
            own -= tl.load(whole + b * T + at, first & lost, 0.0)
        tl.store(sure + b + at * 0, tl.exp(own).to(tl.float32), first & lost)
        tl.store(tokens + b * T + at, v, there)
        tl.store(written + b * T + at, tl.where(first, v, tl.load(before + b * T + at, there, 0)), there)


@triton.jit
def close_given(
    meta,
    logits,
    before,
    written,
    whole,
    wrong,
    value,
    clash,
    weight,
    faults,
    T,
    of_row,
    of_position,
    SS,
    RAW: tl.constexpr,
    OWN: tl.constexpr,
    WIDTH: tl.constexpr,
):
    """Grid (B,): float64 the weight of all strings that agree with `written`, from the values of its futures; -inf
    where that contradicts what was written before; and what is wrong with the scores. OWN: with the scores of what is
    newly written, and by log-probabilities; `whole` is of the lines that were open before."""
    b = tl.program_id(0).to(tl.int64)
    s = tl.load(meta + b * COLUMNS + START)
    found = tl.load(value + b * (T + 1) * SS + s)
    bad = tl.full((), 0, tl.int32)
    for t in range(0, T, WIDTH):
        at = t + tl.arange(0, WIDTH)
        there = at < T
        bad = tl.maximum(bad, tl.max(tl.load(wrong + b * T + at, there, 0)))
        if OWN:
            v = tl.load(written + b * T + at, there, -1)
            new = there & (tl.load(before + b * T + at, there, 0) < 0) & (v >= 0)
            own = tl.load(logits + b * of_row + at.to(tl.int64) * of_position + v, new, 0.0).to(tl.float64)
            found += tl.sum(own)
            if RAW:
                found -= tl.sum(tl.load(whole + b * T + at, there, 0.0))
    tl.store(weight + b, tl.where(tl.load(clash + b) > 0, float("-inf"), found))
    tl.store(faults + b, bad)


@triton.jit
def end_states(ints, weights, meta, label_sum, value, weight, ends, B, T, SS, LS, WIDTH: tl.constexpr):
    """Grid (B, blocks of WIDTH states): (B, SS) float64, the probability that the text ends in each state: the canvas
    ends there, or the next token is the first of the tail; 0 in the tail."""
    b = tl.program_id(0).to(tl.int64)
    meta += b * COLUMNS
    s = tl.program_id(1) * WIDTH + tl.arange(0, WIDTH)
    there = s < tl.load(meta + STATES)
    tail = tl.load(meta + TAIL)
    exit_ = tl.load(ints + tl.load(meta + EXIT) + s, there, -1)
    leaves = there & (exit_ >= 0)
    k = tl.load(ints + tl.load(meta + OUT + LABEL) + exit_, leaves, 0)
    factor = tl.load(weights + tl.load(meta + OUT + WEIGHT) + exit_, leaves, 0.0)
    future = value + b * (T + 1) * SS
    past = value + (B + b) * (T + 1) * SS
    z = tl.load(weight + b)
    z = tl.where(z > float("-inf"), z, 0.0)
    last = tl.load(past + T * SS + s, there, float("-inf")) + tl.load(future + T * SS + s, there, float("-inf"))
    R = tl.where(s == tail, 0.0, tl.exp(last - z))
    for t in range(T):
        w = tl.load(past + t * SS + s, leaves, float("-inf"))
        w += tl.load(label_sum + (b * T + t) * LS + k, leaves, float("-inf")) + factor
        w += tl.load(future + (t + 1) * SS + tail, tail >= 0, float("-inf"))
        R += tl.exp(w - z)
    tl.store(ends + b * SS + s, R, s < SS)  # 0 in states that only another row has


@triton.jit
def open_labels(ints, meta, written, label_max, T, LS, MANY: tl.constexpr, EACH: tl.constexpr):
    """Grid (B * T, blocks of MANY labels): (B * T, LS) 0 for the labels that may be taken by what is written alone,
    -inf for others."""
    n = tl.program_id(0)
    meta += (n // T) * COLUMNS
    k = tl.program_id(1) * MANY + tl.arange(0, MANY)
    held = tl.load(written + n)
    c = tl.load(ints + tl.load(meta + CLASS_OF) + held, held >= 0, 0)
    some = (held >= 0) & (c < tl.load(meta + CLASSES))
    ptr = ints + tl.load(meta + OF_CLASS_PTR) + c
    i0, i1 = tl.load(ptr, some, 0), tl.load(ptr + 1, some, 0)
    may = tl.full((MANY,), 0, tl.int32) + (held < 0).to(tl.int32)
    for i in range(i0, i1, EACH):
        at = i + tl.arange(0, EACH)
        own = tl.load(ints + tl.load(meta + OF_CLASS) + at, at < i1, -1)
        may = tl.maximum(may, tl.max((k[:, None] == own[None, :]).to(tl.int32), axis=1))
    zero = tl.full((MANY,), 0.0, tl.float64)
    tl.store(label_max + n.to(tl.int64) * LS + k, tl.where(may > 0, zero, float("-inf")), k < LS)


@triton.jit
def only_tokens(ints, meta, written, value, tokens, B, T, SS, MANY: tl.constexpr, EACH: tl.constexpr):
    """Grid (B * T,): (B, T) int64, the only token that may stand there whatever the scores, or -1, from the values of
    futures and pasts by `open_labels`."""
    n = tl.program_id(0)
    b = n // T
    meta += b * COLUMNS
    graph = meta + BY_LABEL
    L = tl.load(meta + LABELS).to(tl.int32)
    future = value + (b.to(tl.int64) * (T + 1) + n % T + 1) * SS
    past = value + ((B + b).to(tl.int64) * (T + 1) + n % T) * SS
    held = tl.load(written + n)
    live = tl.full((), 0, tl.int32)
    only = tl.full((), -1, tl.int32)
    for k0 in range(0, L, MANY):
        k = k0 + tl.arange(0, MANY)
        there = k < L
        ptr = ints + tl.load(graph + PTR) + k
        e0, e1 = tl.load(ptr, there, 0), tl.load(ptr + 1, there, 0)
        some = tl.full((MANY,), 0, tl.int32)
        for j in range(0, tl.max(e1 - e0), EACH):
            e = e0[:, None] + j + tl.arange(0, EACH)[None, :]
            ok = e < e1[:, None]
            s = tl.load(ints + tl.load(graph + FAR) + e, ok, 0)
            q = tl.load(ints + tl.load(graph + STATE_ORDER) + e, ok, 0)
            w = tl.load(past + s, ok, float("-inf")) + tl.load(future + q, ok, float("-inf"))
            some = tl.maximum(some, tl.max((w > float("-inf")).to(tl.int32), axis=1))
        live += tl.sum(some)
        alone = tl.load(ints + tl.load(meta + ONLY) + k, there, -1)
        only = tl.maximum(only, tl.max(tl.where(some > 0, alone, -1)))
    tl.store(tokens + n, tl.where(held >= 0, held, tl.where(live == 1, only, -1).to(tl.int64)))
