"""How far every state is from finishing.

    nearest(s) = 0 if s accepts, else 1 + the least nearest(t) over its next states t
    farthest(s) = 1 + the greatest farthest(t), at least 0 if s accepts; none if s can reach a loop

Both run backward from the ends, each edge looked at once: nearest breadth first, farthest by peeling off states all of
whose ways on are done. Plainly (the tests run this beside the kernel): from which states exactly d steps lead to an
end; farther than n - 1 steps there is no way without a loop, and with one there is a way of some n to 2 n - 1 steps.

    def ahead(table, accept):
        n = len(accept)
        can = [{s for s in range(n) if accept[s]}]
        for d in range(2 * n):
            can.append({s for s in range(n) if can[d] & set(table[s])})
        steps = [[d for d in range(2 * n) if s in can[d]] for s in range(n)]
        return [min(d) for d in steps], [max(d) if max(d) < n else -1 for d in steps]
"""

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
    # --- edges by where they lead: `source[ptr[t]:ptr[t + 1]]` go to t, once for each class they read
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
    # Each ptr[t] has come to where t + 1 begins: one place along puts all of them right again.
    for s in range(n, 0, -1):
        ptr[s] = ptr[s - 1]
    ptr[0] = 0

    # --- nearest: breadth first, backward from all ends at once
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
    # --- farthest: peel off what has no open edge left; best[s] is the longest of the ways that are done
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
