"""How far every state is from finishing."""

from __future__ import annotations

import numpy as np

from ctrldiff.kernels.determinise import _dead
from ctrldiff.kernels.jit import kernel


@kernel
def ahead(table, accept):  # type: ignore[no-untyped-def]
    """The shortest and the longest way from every state to an accepting one.

    Args:
        table: (S, K) int32, next state; -1 is dead. Every state can finish.
        accept: (S,) bool.
    Returns: nearest, farthest (S,) int32, in bytes; farthest is -1 where there is no longest way.
    """
    n, n_classes = table.shape
    ptr = np.zeros(n + 1, np.int32)
    open_edges = np.zeros(n, np.int32)  # edges whose target has no farthest way yet
    for s in range(n):
        for c in range(n_classes):
            if table[s, c] >= 0:
                ptr[table[s, c] + 1] += 1
                open_edges[s] += 1
    for s in range(n):
        ptr[s + 1] += ptr[s]
    source = np.empty(ptr[n], np.int32)
    for s in range(n):
        for c in range(n_classes):
            t = table[s, c]
            if t >= 0:
                ptr[t] += 1
                source[ptr[t] - 1] = s
    for s in range(n, 0, -1):
        ptr[s] = ptr[s - 1]
    ptr[0] = 0

    nearest, farthest, best = _dead(n), _dead(n), _dead(n)
    queue = np.empty(n, np.int32)
    seen = 0
    for s in range(n):
        if accept[s]:
            nearest[s] = best[s] = 0
            queue[seen] = s
            seen += 1
    i = 0
    while i < seen:
        for k in range(ptr[queue[i]], ptr[queue[i] + 1]):
            s = source[k]
            if nearest[s] < 0:
                nearest[s] = nearest[queue[i]] + 1
                queue[seen] = s
                seen += 1
        i += 1
    seen = 0
    for s in range(n):
        if open_edges[s] == 0:
            queue[seen] = s
            seen += 1
    i = 0
    while i < seen:  # what lies on a cycle, or before one, is never queued
        t = queue[i]
        farthest[t] = best[t]
        for k in range(ptr[t], ptr[t + 1]):
            s = source[k]
            best[s] = max(best[s], best[t] + 1)
            open_edges[s] -= 1
            if open_edges[s] == 0:
                queue[seen] = s
                seen += 1
        i += 1
    return nearest, farthest
