"""The smallest automaton of a language, its states numbered in the one canonical way."""

from __future__ import annotations

import numpy as np

from ctrldiff.kernels.determinise import _dead
from ctrldiff.kernels.jit import kernel


@kernel
def _mark(item, items, place, owner, left, marked, queue, count):  # type: ignore[no-untyped-def]
    """Move `item` to the marked front of its set; count[1] sets wait in `queue` to be split."""
    s = owner[item]
    i, j = place[item], left[s] + marked[s]
    if i >= j:
        other = items[j]
        items[i], place[other] = other, i
        items[j], place[item] = item, j
        if marked[s] == 0:
            queue[count[1]] = s
            count[1] += 1
        marked[s] += 1


@kernel
def _split(items, owner, left, right, marked, queue, count):  # type: ignore[no-untyped-def]
    """Split each waiting set into marked and unmarked, the smaller part as a new set; count[0] sets there are."""
    while count[1] > 0:
        count[1] -= 1
        s, new = queue[count[1]], count[0]
        middle = left[s] + marked[s]
        if middle < right[s]:
            if marked[s] <= right[s] - middle:
                left[new], right[new] = left[s], middle
                left[s] = middle
            else:
                left[new], right[new] = middle, right[s]
                right[s] = middle
            for i in range(left[new], right[new]):
                owner[items[i]] = new
            marked[new] = 0
            count[0] += 1
        marked[s] = 0


@kernel
def _one_set(n, capacity):  # type: ignore[no-untyped-def]
    """A partition of n items into one set, with room for `capacity` sets; see `_mark` for the arrays."""
    items, place, owner = np.empty(n, np.int32), np.empty(n, np.int32), np.zeros(n, np.int32)
    left, right = np.zeros(capacity, np.int32), np.zeros(capacity, np.int32)
    for i in range(n):
        items[i] = place[i] = i
    right[0] = n
    count = np.zeros(2, np.int64)  # sets, and sets that wait; an array, because each kind of number that is
    count[0] = 1  # passed by value (a literal, an int32, an int64) compiles the function once more
    return items, place, owner, left, right, np.zeros(capacity, np.int32), np.empty(capacity, np.int32), count


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
    fill = np.empty(n, np.int32)
    for s in range(n):
        fill[s] = ptr[s]
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
    useful = np.empty(n, np.bool_)
    for s in range(n):
        useful[s] = True
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
        return _dead(n_classes), np.zeros(1, np.bool_)
    if seen < n:
        tail, ptr, into, bound = _edges(table, n, n_classes, useful)

    # Blocks of states and cords of edges refine each other until neither tells the other anything new.
    items, place, owner, left, right, marked, queue, count = _one_set(n, n + 1)
    for s in range(n):
        if accept[s]:
            _mark(s, items, place, owner, left, marked, queue, count)
    _split(items, owner, left, right, marked, queue, count)
    for s in range(n):
        if useful[s]:
            _mark(s, items, place, owner, left, marked, queue, count)
    _split(items, owner, left, right, marked, queue, count)

    m = tail.size
    c_items, c_place, c_owner, c_left, c_right, c_marked, c_queue, c_count = _one_set(m, m + 1)
    cords = 0
    for c in range(n_classes):
        if bound[c] < bound[c + 1]:
            c_left[cords], c_right[cords] = bound[c], bound[c + 1]
            for e in range(bound[c], bound[c + 1]):
                c_owner[e] = cords
            cords += 1
    c_count[0] = cords
    block = 1
    cord = 0
    while cord < c_count[0]:
        for i in range(c_left[cord], c_right[cord]):
            _mark(np.int64(tail[c_items[i]]), items, place, owner, left, marked, queue, count)
        _split(items, owner, left, right, marked, queue, count)
        cord += 1
        while block < count[0]:
            for i in range(left[block], right[block]):
                for k in range(ptr[items[i]], ptr[items[i] + 1]):
                    _mark(np.int64(into[k]), c_items, c_place, c_owner, c_left, c_marked, c_queue, c_count)
            _split(c_items, c_owner, c_left, c_right, c_marked, c_queue, c_count)
            block += 1

    number = _dead(left.size)
    order = np.empty(count[0], np.int32)  # one state of each block, breadth first
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
    small = _dead(found * n_classes)
    ends = np.empty(found, np.bool_)
    for i in range(found):
        ends[i] = accept[order[i]]
        for c in range(n_classes):
            t = table[order[i] * n_classes + c]
            if t >= 0 and useful[t]:
                small[i * n_classes + c] = number[owner[t]]
    return small, ends
