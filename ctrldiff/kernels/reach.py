"""What can be reached, what can finish, and how far the end is, on an edge list.

Three searches over the same edges: forward from the start, backward from the ends, and a peeling in topological order
for the longest way. Every edge is looked at once in each. Plainly (the tests run this beside the kernel): ways[k][s, q]
says that some k edges lead from s to q; a way of n edges or more has a loop.

    def survey(edges, accept):
        n = len(accept)
        step, ways = np.zeros((n, n), bool), [np.eye(n, dtype=bool)]
        for s, q in edges:
            step[s, q] = True
        for _ in range(2 * n):
            ways.append(ways[-1] @ step)
        ends = np.array([way @ accept for way in ways])
        distance = [int(np.argmax(ends[:, s])) if ends[:, s].any() else -1 for s in range(n)]
        longest = max(np.flatnonzero(ends[:, 0]), default=-1)
        live = [any(way[0, s] for way in ways) and distance[s] >= 0 for s in range(n)]
        return live, distance, longest if longest < n else -1
"""

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
    # --- who leads where, both ways: edges out of s are out_ptr[s]..., those into q are backward[in_ptr[q]...]
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

    # --- forward: what the start leads to
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

    # --- backward: how near the end is, breadth first from all ends at once
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
            if distance[backward[i]] < 0:  # first met is nearest: the queue is in order of distance
                distance[backward[i]] = distance[q] + 1
                queue[tail] = backward[i]
                tail += 1

    n_live = 0
    for s in range(n_states):
        live[s] = live[s] and distance[s] >= 0
        n_live += live[s]
    # --- forward again, among what matters: the longest way, by peeling off states whose predecessors are all done.
    # What is never peeled off lies on a loop or behind one, and all of it can finish: then there is no longest way.
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
