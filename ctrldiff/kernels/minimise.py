"""The smallest automaton of a language, its states numbered in the one canonical way."""

from __future__ import annotations

import numpy as np

from ctrldiff.kernels.jit import kernel


@kernel
def _mark(item, items, place, owner, left, marked, queue, waiting):  # type: ignore[no-untyped-def]
    """Move `item` to the marked front of its set; returns how many sets now wait to be split."""
    s = owner[item]
    i, j = place[item], left[s] + marked[s]
    if i >= j:
        other = items[j]
        items[i], place[other] = other, i
        items[j], place[item] = item, j
        if marked[s] == 0:
            queue[waiting] = s
            waiting += 1
        marked[s] += 1
    return waiting


@kernel
def _split(count, items, owner, left, right, marked, queue, waiting):  # type: ignore[no-untyped-def]
    """Split each waiting set into marked and unmarked, the smaller part as a new set; returns the count."""
    while waiting > 0:
        waiting -= 1
        s = queue[waiting]
        middle = left[s] + marked[s]
        if middle < right[s]:
            if marked[s] <= right[s] - middle:
                left[count], right[count] = left[s], middle
                left[s] = middle
            else:
                left[count], right[count] = middle, right[s]
                right[s] = middle
            for i in range(left[count], right[count]):
                owner[items[i]] = count
            marked[count] = 0
            count += 1
        marked[s] = 0
    return count


@kernel
def _edges(table, n, n_classes, useful):  # type: ignore[no-untyped-def]
    """Edges into useful states, ordered by class, and the same grouped by their head."""
    m = 0
    ptr = np.zeros(n + 1, np.int32)
    for i in range(table.size):
        if table[i] >= 0 and useful[table[i]]:
            m += 1
            ptr[table[i] + 1] += 1
    for s in range(n):
        ptr[s + 1] += ptr[s]
    tail = np.empty(m, np.int32)
    into = np.empty(m, np.int32)
    bound = np.zeros(n_classes + 1, np.int32)
    fill = ptr.copy()
    m = 0
    for c in range(n_classes):
        for s in range(n):
            t = table[s * n_classes + c]
            if t >= 0 and useful[t]:
                tail[m] = s
                into[fill[t]] = m
                fill[t] += 1
                m += 1
        bound[c + 1] = m
    return tail, ptr, into, bound


@kernel
def minimal(table, accept, start, n_classes):  # type: ignore[no-untyped-def]
    """Cut what is not useful, merge what is equivalent, number what is left breadth first in class order.

    Args:
        table: (S * C,) int32, next state; -1 is dead. Unreachable and dead-end states are allowed.
        accept: (S,) bool.
        start: the first state.
        n_classes: C.
    Returns: ((S' * C,) int32, (S',) bool) with start 0. An empty language is one state without edges.
    Source: Hopcroft 1971, in the form for partial automata of Valmari and Lehtinen 2008, arXiv:0802.2826:
        O(m log m) for m edges.
    """
    n = accept.size
    useful = np.ones(n, np.bool_)
    tail, ptr, into, bound = _edges(table, n, n_classes, useful)
    queue = np.empty(n + 1, np.int32)
    seen = 0
    for s in range(n):
        useful[s] = accept[s]
        if accept[s]:
            queue[seen] = s
            seen += 1
    i = 0
    while i < seen:
        for k in range(ptr[queue[i]], ptr[queue[i] + 1]):
            s = tail[into[k]]
            if not useful[s]:
                useful[s] = True
                queue[seen] = s
                seen += 1
        i += 1
    if not useful[start]:
        return np.full(n_classes, -1, np.int32), np.zeros(1, np.bool_)
    if seen < n:
        tail, ptr, into, bound = _edges(table, n, n_classes, useful)

    # Blocks of states and cords of edges refine each other until neither tells the other anything new.
    items = np.arange(n).astype(np.int32)
    place = np.arange(n).astype(np.int32)
    owner = np.zeros(n, np.int32)
    left = np.zeros(n + 1, np.int32)
    right = np.zeros(n + 1, np.int32)
    marked = np.zeros(n + 1, np.int32)
    right[0] = n
    waiting = 0
    for s in range(n):
        if accept[s]:
            waiting = _mark(s, items, place, owner, left, marked, queue, waiting)
    blocks = _split(1, items, owner, left, right, marked, queue, waiting)
    waiting = 0
    for s in range(n):
        if useful[s]:
            waiting = _mark(s, items, place, owner, left, marked, queue, waiting)
    blocks = _split(blocks, items, owner, left, right, marked, queue, waiting)

    m = tail.size
    cord_items = np.arange(m).astype(np.int32)
    cord_place = np.arange(m).astype(np.int32)
    cord_owner = np.empty(m, np.int32)
    cord_left = np.empty(m + 1, np.int32)
    cord_right = np.empty(m + 1, np.int32)
    cord_marked = np.zeros(m + 1, np.int32)
    cord_queue = np.empty(m + 1, np.int32)
    cords = 0
    for c in range(n_classes):
        if bound[c] < bound[c + 1]:
            cord_left[cords], cord_right[cords] = bound[c], bound[c + 1]
            for e in range(bound[c], bound[c + 1]):
                cord_owner[e] = cords
            cords += 1
    block = 1
    cord = 0
    while cord < cords:
        waiting = 0
        for i in range(cord_left[cord], cord_right[cord]):
            s = tail[cord_items[i]]
            waiting = _mark(s, items, place, owner, left, marked, queue, waiting)
        blocks = _split(blocks, items, owner, left, right, marked, queue, waiting)
        cord += 1
        while block < blocks:
            waiting = 0
            for i in range(left[block], right[block]):
                for k in range(ptr[items[i]], ptr[items[i] + 1]):
                    waiting = _mark(
                        into[k],
                        cord_items,
                        cord_place,
                        cord_owner,
                        cord_left,
                        cord_marked,
                        cord_queue,
                        waiting,
                    )
            cords = _split(
                cords, cord_items, cord_owner, cord_left, cord_right, cord_marked, cord_queue, waiting
            )
            block += 1

    number = np.full(blocks, -1, np.int32)
    order = np.empty(blocks, np.int32)  # one state of each block, breadth first
    number[owner[start]] = 0
    order[0] = start
    found = 1
    i = 0
    while i < found:
        for c in range(n_classes):
            t = table[order[i] * n_classes + c]
            if t >= 0 and useful[t] and number[owner[t]] < 0:
                number[owner[t]] = found
                order[found] = t
                found += 1
        i += 1
    small = np.full(found * n_classes, -1, np.int32)
    ends = np.empty(found, np.bool_)
    for i in range(found):
        ends[i] = accept[order[i]]
        for c in range(n_classes):
            t = table[order[i] * n_classes + c]
            if t >= 0 and useful[t]:
                small[i * n_classes + c] = number[owner[t]]
    return small, ends
