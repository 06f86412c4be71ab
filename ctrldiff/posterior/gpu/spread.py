"""K4: the mass on labels, classes and tokens, from the values of futures and pasts; and how a step ends.

    mass(e, t) = exp(past[t, s] + lab[t, label(e)] + weight(e) + future[t + 1, q] - log Z)

Legend as in `sweep.py`; n = b * T + t. `gain` is what is added to a token's score above the best of its class for the
log of its marginal, as on the host (`row.py`).
"""

from __future__ import annotations

import triton
import triton.language as tl

from ctrldiff.posterior.gpu.pack import (
    BY_LABEL,
    CLASS_OF,
    CLASSES,
    COLUMNS,
    FAR,
    LABELS,
    OF_CLASS,
    OF_CLASS_PTR,
    PTR,
    START,
    STATE_ORDER,
    STATES,
    WEIGHT,
)


@triton.jit
def close_rows(meta, value, whole, wrong, weight, log_z, faults, T, SS, RAW: tl.constexpr, WIDTH: tl.constexpr):
    """Grid (B,): the log-summed (or best) weight of all strings, the same by log-probabilities, and whether something
    is wrong with the row: 0 if all is well. RAW: the scores are not log-probabilities yet."""
    b = tl.program_id(0)
    s = tl.load(meta + b * COLUMNS + START)
    found = tl.load(value + b.to(tl.int64) * (T + 1) * SS + s)
    apart = tl.full((), 0.0, tl.float64)
    bad = tl.full((), 0, tl.int32)
    for t in range(0, T, WIDTH):
        at = t + tl.arange(0, WIDTH)
        if RAW:
            apart += tl.sum(tl.load(whole + b.to(tl.int64) * T + at, at < T, 0.0))
        bad = tl.maximum(bad, tl.max(tl.load(wrong + b.to(tl.int64) * T + at, at < T, 0)))
    tl.store(weight + b, found)
    tl.store(log_z + b, found - apart)
    tl.store(faults + b, tl.where(found > float("-inf"), bad, 3))


@triton.jit
def spread_labels(
    ints, weights, meta, label_sum, value, weight, taken, B, T, SS, LS, MANY: tl.constexpr, EACH: tl.constexpr
):
    """K4, grid (B * T, blocks of MANY labels): (B * T, LS) the probability of taking an edge of a label."""
    n = tl.program_id(0)
    b = n // T
    meta += b * COLUMNS
    graph = meta + BY_LABEL
    k = tl.program_id(1) * MANY + tl.arange(0, MANY)
    there = k < tl.load(meta + LABELS)
    ptr = ints + tl.load(graph + PTR) + k
    e0, e1 = tl.load(ptr, there, 0), tl.load(ptr + 1, there, 0)
    future = value + (b.to(tl.int64) * (T + 1) + n % T + 1) * SS
    past = value + ((B + b).to(tl.int64) * (T + 1) + n % T) * SS
    lab = tl.load(label_sum + n.to(tl.int64) * LS + k, there, float("-inf"))
    z = tl.load(weight + b)
    z = tl.where(z > float("-inf"), z, 0.0)
    R = tl.full((MANY,), 0.0, tl.float64)
    for j in range(0, tl.max(e1 - e0), EACH):
        e = e0[:, None] + j + tl.arange(0, EACH)[None, :]
        ok = e < e1[:, None]
        s = tl.load(ints + tl.load(graph + FAR) + e, ok, 0)
        q = tl.load(ints + tl.load(graph + STATE_ORDER) + e, ok, 0)
        w = tl.load(past + s, ok, float("-inf")) + tl.load(future + q, ok, float("-inf"))
        w += tl.load(weights + tl.load(graph + WEIGHT) + e, ok, 0.0)
        R += tl.sum(tl.exp(w + lab[:, None] - z), axis=1)
    tl.store(taken + n.to(tl.int64) * LS + k, R, there)


@triton.jit
def spread_classes(
    ints, meta, class_max, class_sum, label_sum, taken, gain, T, CS, LS, MANY: tl.constexpr, EACH: tl.constexpr
):
    """Grid (B * T, blocks of MANY classes): (B * T, CS) float32, what to add to a token's score above the best one of
    its class (0 if that is -inf); -inf for classes without mass."""
    n = tl.program_id(0)
    meta += (n // T) * COLUMNS
    c = tl.program_id(1) * MANY + tl.arange(0, MANY)
    C = tl.load(meta + CLASSES)
    there = c < C
    at = n.to(tl.int64) * LS
    ptr = ints + tl.load(meta + OF_CLASS_PTR) + c
    i0, i1 = tl.load(ptr, there, 0), tl.load(ptr + 1, there, 0)
    own = tl.load(class_sum + n.to(tl.int64) * CS + c, there, float("-inf"))
    top = tl.load(class_max + n.to(tl.int64) * CS + c, there, float("-inf")).to(tl.float64)
    R = tl.full((MANY,), 0.0, tl.float64)
    for j in range(0, tl.max(i1 - i0), EACH):
        i = i0[:, None] + j + tl.arange(0, EACH)[None, :]
        ok = i < i1[:, None]
        k = tl.load(ints + tl.load(meta + OF_CLASS) + i, ok, 0)
        mass = tl.load(taken + at + k, ok, 0.0)
        share = tl.exp(own[:, None] - tl.load(label_sum + at + k, mass > 0.0, float("inf")))
        R += tl.sum(tl.where(mass > 0.0, mass * share, 0.0), axis=1)
    some = (R > 0.0) & (own > float("-inf"))
    more = tl.log(tl.where(some, R, 1.0)) - tl.where(some, own - top, 0.0)
    more = tl.where(tl.abs(more) < 1e-12, 0.0, more)  # what is certain is certain to the last digit
    tl.store(gain + n.to(tl.int64) * CS + c, tl.where(some, more, float("-inf")).to(tl.float32), c <= C)


@triton.jit
def spread_tokens(
    ints, meta, logits, written, class_max, gain, probs, T, V, of_row, of_position, CS, WIDTH: tl.constexpr
):
    """Grid (B * T, blocks of WIDTH tokens): (B, T, V) float32 marginals; a written position has one 1."""
    n = tl.program_id(0)
    b = n // T
    v = tl.program_id(1) * WIDTH + tl.arange(0, WIDTH)
    held = tl.load(written + n)
    out = probs + n.to(tl.int64) * V + v
    if held >= 0:
        tl.store(out, (v == held).to(tl.float32), v < V)
    else:
        x = logits + b.to(tl.int64) * of_row + (n % T).to(tl.int64) * of_position
        c = tl.load(ints + tl.load(meta + b * COLUMNS + CLASS_OF) + v, v < V, 0)
        top = tl.load(class_max + n.to(tl.int64) * CS + c)
        top = tl.where(top > float("-inf"), top, 0.0)
        d = (tl.load(x + v, v < V, float("-inf")).to(tl.float32) - top) + tl.load(gain + n.to(tl.int64) * CS + c)
        tl.store(out, tl.exp(tl.minimum(d, 0.0)), v < V)


@triton.jit
def spread_chosen(
    ints, meta, logits, written, class_max, gain, tokens, probs, T, of_row, of_position, CS, WIDTH: tl.constexpr
):
    """Grid (B, blocks of WIDTH positions): (B, T) float32, the marginals of these tokens."""
    b = tl.program_id(0)
    t = tl.program_id(1) * WIDTH + tl.arange(0, WIDTH)
    there = t < T
    n = b.to(tl.int64) * T + t
    held, v = tl.load(written + n, there, 0), tl.load(tokens + n, there, 0)
    look = there & (held < 0) & (v >= 0)
    x = logits + b.to(tl.int64) * of_row + t.to(tl.int64) * of_position
    c = tl.load(ints + tl.load(meta + b * COLUMNS + CLASS_OF) + v, look, 0)
    top = tl.load(class_max + n * CS + c, look, 0.0)
    top = tl.where(top > float("-inf"), top, 0.0)
    d = (tl.load(x + v, look, float("-inf")).to(tl.float32) - top) + tl.load(gain + n * CS + c, look, float("-inf"))
    tl.store(probs + n, tl.where(held < 0, tl.exp(tl.minimum(d, 0.0)), (held == v).to(tl.float32)), there)


@triton.jit
def spread_beliefs(
    ints, meta, logits, written, class_max, gain, margin, entropy, T, V, of_row, of_position, CS, WIDTH: tl.constexpr
):
    """Grid (B * T,): (B, T) float32, the best minus the second best marginal, and the entropy of all in nats; 1 and 0
    where written."""
    n = tl.program_id(0)
    b = n // T
    first = tl.full((), 1.0, tl.float32)
    second = tl.full((), 0.0, tl.float32)
    nats = tl.full((), 0.0, tl.float64)
    if tl.load(written + n) < 0:
        first = tl.full((), 0.0, tl.float32)
        x = logits + b.to(tl.int64) * of_row + (n % T).to(tl.int64) * of_position
        for v0 in range(0, V, WIDTH):
            v = v0 + tl.arange(0, WIDTH)
            c = tl.load(ints + tl.load(meta + b * COLUMNS + CLASS_OF) + v, v < V, 0)
            top = tl.load(class_max + n.to(tl.int64) * CS + c)
            top = tl.where(top > float("-inf"), top, 0.0)
            d = (tl.load(x + v, v < V, float("-inf")).to(tl.float32) - top) + tl.load(gain + n.to(tl.int64) * CS + c)
            d = tl.minimum(d, 0.0)
            p = tl.exp(d)
            here = tl.max(p)
            at = tl.min(tl.where(p == here, v, 2**31 - 1))
            next_best = tl.max(tl.where(v == at, 0.0, p))
            second = tl.maximum(tl.minimum(first, here), tl.maximum(second, next_best))
            first = tl.maximum(first, here)
            nats -= tl.sum(tl.where(p > 0.0, p * d, 0.0).to(tl.float64))
    tl.store(margin + n, first - second)
    tl.store(entropy + n, nats.to(tl.float32))


@triton.jit
def likeliest_states(meta, value, weight, likeliest, B, T, SS, WIDTH: tl.constexpr):
    """Grid (B * T,): (B, T) float32, the probability of the likeliest state before each position."""
    n = tl.program_id(0)
    b = n // T
    S = tl.load(meta + b * COLUMNS + STATES).to(tl.int32)
    future = value + (b.to(tl.int64) * (T + 1) + n % T) * SS
    past = value + ((B + b).to(tl.int64) * (T + 1) + n % T) * SS
    top = tl.full((), float("-inf"), tl.float64)
    for s0 in range(0, S, WIDTH):
        s = s0 + tl.arange(0, WIDTH)
        ways = tl.load(past + s, s < S, float("-inf")) + tl.load(future + s, s < S, float("-inf"))
        top = tl.maximum(top, tl.max(ways))
    z = tl.load(weight + b)
    z = tl.where(z > float("-inf"), z, 0.0)
    tl.store(likeliest + n, tl.exp(top - z).to(tl.float32))
