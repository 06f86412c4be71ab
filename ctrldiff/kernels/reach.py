"""What can be reached, what can finish, and how far the end is, on an edge list."""

import numpy as np

from ctrldiff.kernels.jit import kernel


@kernel
def survey(edge_from, edge_to, accept):  # type: ignore[no-untyped-def]
    """Which states matter, how near the end is, and how far it can be.

    Args: edge_from, edge_to (E,) int32 ascending by (from, to); accept (S,) bool; state 0 is the start.
    Returns: live (S,) bool: reachable from the start and able to finish; distance (S,) int32: fewest edges to
        an accepting state, -1 for none; longest: most edges from the start to an accepting state, -1 when
        unbounded.
    """
    n_states, n_edges = len(accept), len(edge_from)
    out_ptr, in_ptr = np.zeros(n_states + 1, np.int64), np.zeros(n_states + 1, np.int64)
    for e in range(n_edges):
        out_ptr[edge_from[e] + 1] += 1
        in_ptr[edge_to[e] + 1] += 1
    for s in range(n_states):
        out_ptr[s + 1] += out_ptr[s]
        in_ptr[s + 1] += in_ptr[s]
    backward, fill = np.empty(n_edges, np.int32), in_ptr[:n_states].copy()
    for e in range(n_edges):
        backward[fill[edge_to[e]]] = edge_from[e]
        fill[edge_to[e]] += 1

    live, queue = np.zeros(n_states, np.bool_), np.empty(n_states, np.int32)
    live[0], queue[0], tail = True, 0, 1
    head = 0
    while head < tail:
        s = queue[head]
        head += 1
        for e in range(out_ptr[s], out_ptr[s + 1]):
            if not live[edge_to[e]]:
                live[edge_to[e]] = True
                queue[tail] = edge_to[e]
                tail += 1

    distance = np.full(n_states, -1, np.int32)
    head, tail = 0, 0
    for s in range(n_states):
        if accept[s]:
            distance[s] = 0
            queue[tail] = s
            tail += 1
    while head < tail:
        q = queue[head]
        head += 1
        for i in range(in_ptr[q], in_ptr[q + 1]):
            if distance[backward[i]] < 0:
                distance[backward[i]] = distance[q] + 1
                queue[tail] = backward[i]
                tail += 1

    n_live = 0
    for s in range(n_states):
        live[s] = live[s] and distance[s] >= 0
        n_live += live[s]
    # Longest path by peeling off states whose predecessors are all done; what is never peeled off lies on a
    # cycle.
    waiting, depth = np.zeros(n_states, np.int64), np.zeros(n_states, np.int64)
    for e in range(n_edges):
        if live[edge_from[e]] and live[edge_to[e]]:
            waiting[edge_to[e]] += 1
    head, tail, longest = 0, 0, 0
    if live[0] and waiting[0] == 0:
        queue[0], tail = 0, 1
    while head < tail:
        s = queue[head]
        head += 1
        if accept[s]:
            longest = max(longest, depth[s])
        for e in range(out_ptr[s], out_ptr[s + 1]):
            q = edge_to[e]
            if live[q]:
                depth[q] = max(depth[q], depth[s] + 1)
                waiting[q] -= 1
                if waiting[q] == 0:
                    queue[tail] = q
                    tail += 1
    if tail < n_live:
        longest = -1
    return live, distance, longest
