"""K3: the chain. The values of all futures (and pasts), the best string, draws.

`sweep_edges` is both sweeps of `kernels/chain.py` and, with edges turned round, their mirror: the value of all ways
from the start to a state. Two programs a row take one direction each. Within a line of states, those with few edges are
taken many at a time and those with many one at a time, so that few lanes are idle.

Legend: b row, t position, s and q state before and after, e edge, k label, c class. `value` is (2, B, T + 1, SS):
futures and pasts. A program takes all lines of a row, with a barrier after each; of large automata, several programs
take a line together, and each line is a launch of its own (`workspace.py`).
"""

from __future__ import annotations

import triton
import triton.language as tl

from ctrldiff.posterior.gpu.pack import (
    ACCEPT,
    CLASS_PTR,
    COLUMNS,
    FAR,
    IN,
    LABEL,
    LABEL_CLASSES,
    LABEL_PTR,
    N_ALL,
    N_FEW,
    N_SOME,
    OUT,
    PTR,
    SEG_PTR,
    START,
    STATE_ORDER,
    STATES,
    TOKENS,
    WEIGHT,
)


@triton.jit
def begin_lines(ints, meta, value, B, T, SS, MANY: tl.constexpr):
    """Grid (B, blocks of MANY states, directions): the line that each sweep begins with."""
    b = tl.program_id(0)
    direction = tl.program_id(2)
    meta += b * COLUMNS
    s = tl.program_id(1) * MANY + tl.arange(0, MANY)
    there = s < tl.load(meta + STATES)
    line = (direction * B + b).to(tl.int64) * (T + 1) + T * (1 - direction)
    accepts = tl.load(ints + tl.load(meta + ACCEPT) + s, there, 0)
    first = tl.where(direction == 0, accepts, (s == tl.load(meta + START)).to(tl.int32))
    zero = tl.full((MANY,), 0.0, tl.float64)
    tl.store(value + line * SS + s, tl.where(first > 0, zero, float("-inf")), there)


@triton.jit
def _states(
    ints,
    weights,
    graph,
    lab,
    then,
    now,
    rank,
    last,
    SIZE: tl.constexpr,
    WIDTH: tl.constexpr,
    LOOP: tl.constexpr,
    SUM: tl.constexpr,
):
    """The values of SIZE states, the `rank`-th in the graph's order and those after it, WIDTH edges at a time."""
    i = rank + tl.arange(0, SIZE)
    there = i < last
    s = tl.load(ints + tl.load(graph + STATE_ORDER) + i, there, 0)
    ptr = ints + tl.load(graph + PTR) + s
    e0, e1 = tl.load(ptr, there, 0), tl.load(ptr + 1, there, 0)
    M = tl.full((SIZE,), float("-inf"), tl.float64)
    R = tl.full((SIZE,), 0.0, tl.float64)
    for j in range(0, tl.max(e1 - e0) if LOOP else WIDTH, WIDTH):
        e = e0[:, None] + j + tl.arange(0, WIDTH)[None, :]
        ok = e < e1[:, None]
        q = tl.load(ints + tl.load(graph + FAR) + e, ok, 0)
        k = tl.load(ints + tl.load(graph + LABEL) + e, ok, 0)
        w = tl.load(lab + k, ok, float("-inf")) + tl.load(then + q, ok, float("-inf"))
        w += tl.load(weights + tl.load(graph + WEIGHT) + e, ok, 0.0)
        high = tl.maximum(M, tl.max(w, axis=1))
        if SUM:
            safe = tl.where(high == float("-inf"), 0.0, high)
            R = R * tl.exp(M - safe) + tl.sum(tl.exp(w - safe[:, None]), axis=1)
        M = high
    if SUM:
        M = tl.where(M > float("-inf"), M + tl.log(tl.where(M > float("-inf"), R, 1.0)), M)
    tl.store(now + s, M, there)


@triton.jit
def sweep_edges(
    ints,
    weights,
    meta,
    label_scores,
    value,
    B,
    T,
    SS,
    LS,
    first,
    last,
    SUM: tl.constexpr,
    FEW: tl.constexpr,
    SOME: tl.constexpr,
    TILE: tl.constexpr,
):
    """K3, grid (B, programs a row, directions): lines first..last - 1 of a sweep, counted from where it begins.

    Direction 0 goes from the end to the beginning and is the value of futures, direction 1 the other way round.
    """
    b = tl.program_id(0)
    part = tl.program_id(1)
    parts = tl.num_programs(1)
    direction = tl.program_id(2)
    graph = meta + b * COLUMNS + tl.where(direction == 0, OUT, IN)
    few = tl.load(graph + N_FEW).to(tl.int32)
    some = tl.load(graph + N_SOME).to(tl.int32)
    every = tl.load(graph + N_ALL).to(tl.int32)
    lines = value + (direction * B + b).to(tl.int64) * (T + 1) * SS
    for i in range(first, last):
        t = tl.where(direction == 0, T - 1 - i, i)
        lab = label_scores + (b.to(tl.int64) * T + t) * LS
        then = lines + (t + 1 - direction).to(tl.int64) * SS
        now = lines + (t + direction).to(tl.int64) * SS
        for rank in range(part * (TILE // FEW), few, parts * (TILE // FEW)):
            _states(ints, weights, graph, lab, then, now, rank, few, TILE // FEW, FEW, False, SUM)
        for rank in range(few + part * (TILE // SOME), some, parts * (TILE // SOME)):
            _states(ints, weights, graph, lab, then, now, rank, some, TILE // SOME, SOME, False, SUM)
        for rank in range(some + part, every, parts):
            _states(ints, weights, graph, lab, then, now, rank, rank + 1, 1, TILE, True, SUM)
        tl.debug_barrier()  # the next line reads what all threads of this program have written


@triton.jit
def walk_best(ints, weights, meta, label_max, label_first, value, tokens, T, SS, LS, WIDTH: tl.constexpr):
    """Grid (B,): (B, T) the best string; of equal ones the first in token-id order; -1 where there is none.

    An edge keeps the best if it is the same sum, taken in the same order, as the sweep took.
    """
    b = tl.program_id(0)
    meta += b * COLUMNS
    graph = meta + OUT
    s = tl.load(meta + START).to(tl.int32)
    lines = value + b.to(tl.int64) * (T + 1) * SS
    possible = tl.load(lines + s) > float("-inf")
    for t in range(T):
        at = (b.to(tl.int64) * T + t) * LS
        then = lines + SS
        best = tl.load(lines + s)
        ptr = ints + tl.load(graph + PTR) + s
        e0, e1 = tl.load(ptr), tl.load(ptr + 1)
        choice = tl.full((), 2**31 - 1, tl.int32)
        after = tl.full((), 0, tl.int32)
        for j in range(e0, e1, WIDTH):
            e = j + tl.arange(0, WIDTH)
            ok = e < e1
            q = tl.load(ints + tl.load(graph + FAR) + e, ok, 0)
            k = tl.load(ints + tl.load(graph + LABEL) + e, ok, 0)
            w = tl.load(label_max + at + k, ok, float("-inf")) + tl.load(then + q, ok, float("-inf"))
            w += tl.load(weights + tl.load(graph + WEIGHT) + e, ok, 0.0)
            tied = ok & (w == best)
            v = tl.load(label_first + at + k, tied, 2**31 - 1)
            new = tl.min(v)
            after = tl.where(new < choice, tl.max(tl.where(tied & (v == new), q, 0)), after)
            choice = tl.minimum(choice, new)
        tl.store(tokens + b * T + t, tl.where(possible, choice, -1).to(tl.int64))
        s = after
        lines = then


@triton.jit
def _uniform(high, low):
    """53 bits of two words of 32 as a float64 in [0, 1)."""
    high = (high >> 5).to(tl.float64)
    return (high * 67108864.0 + (low >> 6).to(tl.float64)) / 9007199254740992.0


@triton.jit
def _crossed(p, ok, run, target, at, found):
    """Where the running sum of p first exceeds the target, if it did not before; and the last entry that has any."""
    sums = run + tl.cumsum(p, 0)
    new = tl.min(tl.where(ok & (sums > target) & (p > 0.0), at, 2**31 - 1))
    return tl.minimum(found, new), run + tl.sum(p), tl.max(tl.where(ok & (p > 0.0), at, -1))


@triton.jit
def walk_sample(
    ints,
    weights,
    meta,
    logits,
    written,
    class_max,
    class_sum,
    label_sum,
    value,
    seeds,
    tokens,
    B,
    T,
    of_row,
    of_position,
    SS,
    LS,
    CS,
    WIDTH: tl.constexpr,
    WIDE: tl.constexpr,
):
    """Grid (B, n): (B, n, T) exact draws, -1 where there is no string.

    Draw d takes at position t the words of Philox by key `seeds[b]` and counters (t, d, 0 or 1, 0): three numbers, for
    the edge, the class, and the token. A row's draws depend on its own key alone.
    """
    b = tl.program_id(0)
    d = tl.program_id(1)
    meta += b * COLUMNS
    graph = meta + OUT
    s = tl.load(meta + START).to(tl.int32)
    seed = tl.load(seeds + b)
    lines = value + b.to(tl.int64) * (T + 1) * SS
    possible = tl.load(lines + s) > float("-inf")
    x = logits + b.to(tl.int64) * of_row
    out = tokens + (b.to(tl.int64) * tl.num_programs(1) + d) * T
    none = tl.full((), 2**31 - 1, tl.int32)
    for t in range(T):
        zero = tl.full((), 0, tl.int32)
        a0, a1, a2, a3 = tl.philox(seed, zero + t, zero + d, zero, zero)
        b0, b1, _, _ = tl.philox(seed, zero + t, zero + d, zero + 1, zero)
        for_edge, for_class, for_token = _uniform(a0, a1), _uniform(a2, a3), _uniform(b0, b1)
        n = b.to(tl.int64) * T + t
        then = lines + SS
        all_of = tl.load(lines + s)
        all_of = tl.where(possible, all_of, 0.0)
        ptr = ints + tl.load(graph + PTR) + s
        e0, e1 = tl.load(ptr), tl.load(ptr + 1)
        found, last, run = none, tl.full((), -1, tl.int32), tl.full((), 0.0, tl.float64)
        for j in range(e0, e1, WIDTH):
            e = j + tl.arange(0, WIDTH)
            ok = e < e1
            q = tl.load(ints + tl.load(graph + FAR) + e, ok, 0)
            k = tl.load(ints + tl.load(graph + LABEL) + e, ok, 0)
            w = tl.load(label_sum + n * LS + k, ok, float("-inf")) + tl.load(then + q, ok, float("-inf"))
            w += tl.load(weights + tl.load(graph + WEIGHT) + e, ok, 0.0)
            found, run, some = _crossed(tl.exp(w - all_of), ok, run, for_edge, e, found)
            last = tl.maximum(last, some)
        edge = tl.maximum(tl.where(found == none, last, found), 0)
        chosen = tl.load(ints + tl.load(graph + LABEL) + edge)
        s = tl.load(ints + tl.load(graph + FAR) + edge)
        held = tl.load(written + n)
        if held < 0:
            ptr = ints + tl.load(meta + LABEL_PTR) + chosen
            i0, i1 = tl.load(ptr), tl.load(ptr + 1)
            all_of = tl.load(label_sum + n * LS + chosen)
            all_of = tl.where(all_of == float("-inf"), 0.0, all_of)
            found, last, run = none, tl.full((), -1, tl.int32), tl.full((), 0.0, tl.float64)
            for j in range(i0, i1, WIDTH):
                i = j + tl.arange(0, WIDTH)
                ok = i < i1
                some_c = tl.load(ints + tl.load(meta + LABEL_CLASSES) + i, ok, 0)
                p = tl.exp(tl.load(class_sum + n * CS + some_c, ok, float("-inf")) - all_of)
                found, run, some = _crossed(p, ok, run, for_class, i, found)
                last = tl.maximum(last, some)
            c = tl.load(ints + tl.load(meta + LABEL_CLASSES) + tl.maximum(tl.where(found == none, last, found), 0))
            segment = ints + tl.load(meta + CLASS_PTR) + c
            begins = ints + tl.load(meta + SEG_PTR)
            m0, m1 = tl.load(begins + tl.load(segment)), tl.load(begins + tl.load(segment + 1))
            top = tl.load(class_max + n * CS + c)
            top = tl.where(top > float("-inf"), top, 0.0).to(tl.float64)
            target = for_token * tl.exp(tl.load(class_sum + n * CS + c) - top)
            found, last, run = none, tl.full((), -1, tl.int32), tl.full((), 0.0, tl.float64)
            for j in range(m0, m1, WIDE):
                m = j + tl.arange(0, WIDE)
                ok = m < m1
                v = tl.load(ints + tl.load(meta + TOKENS) + m, ok, 0)
                score = tl.load(x + v, ok, float("-inf")).to(tl.float64)
                found, run, some = _crossed(tl.exp(score - top), ok, run, target, m, found)
                last = tl.maximum(last, some)
            member = tl.maximum(tl.where(found == none, last, found), 0)
            held = tl.load(ints + tl.load(meta + TOKENS) + member).to(tl.int64)
        tl.store(out + t, tl.where(possible, held, -1))
        lines = then
        x += of_position
