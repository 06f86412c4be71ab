"""Subset construction: a nondeterministic automaton over byte classes becomes a deterministic one.

A state of the new automaton is the set of states the old one could be in. Only those that read or accept are kept in
a set: the others, there for their free moves alone, would tell sets apart that go on alike. Sets lie one behind
another in a pool; the targets of the set in hand are collected class by class in linked lists, so that a class without
a target costs nothing:

    pool   [ 0 3 | 1 4 7 | 2 | ...          first = 0, 2, 5, 6: set 1 is pool[2:5] = {1, 4, 7}
    head   class 0: -    class 1: 2 ----.   of the set in hand; value and link are one entry per move found
    value  [ 4  9  6 ]                  v
    link   [-1  -1  0 ]       2: to 6, link 0 -> 0: to 4, end.  So class 1 leads to the closure of {6, 4}

Plainly (the tests run this beside the kernel; moves[q, c] and free[q] are sets, keeps says which states are kept):

    def subsets(moves, free, keeps, n_classes):
        def closed(states):
            for q in (todo := list(states)):
                todo += [r for r in free[q] if r not in todo]
            return frozenset(q for q in todo if keeps[q])
        table, todo = {}, [closed({0})]
        for part in todo:
            if part not in table:
                targets = [set().union(*(moves[q, c] for q in part)) for c in range(n_classes)]
                table[part] = [closed(t) if t else None for t in targets]
                todo += [t for t in table[part] if t is not None]
        return table
"""

from __future__ import annotations

import numpy as np

from ctrldiff.kernels.jit import kernel

OK, STATES, STEPS, BYTES = 0, 1, 2, 3  # why a kernel stopped


@kernel
def _grown(array, size):  # type: ignore[no-untyped-def]
    """A longer copy of `array`, by half at least, so that growing stays linear in total."""
    longer = np.empty(max(size, array.size + array.size // 2 + 64), np.int32)
    for i in range(array.size):
        longer[i] = array[i]  # not a slice: its error message would have to be compiled too
    return longer


@kernel
def _dead(size):  # type: ignore[no-untyped-def]
    """`size` times -1. A loop, because `np.full` alone takes .2 s to compile."""
    array = np.empty(size, np.int32)
    for i in range(size):
        array[i] = -1
    return array


@kernel
def subsets(  # type: ignore[no-untyped-def]
    edge_ptr,
    edge_label,
    edge_dst,
    label_ptr,
    label_class,
    free_ptr,
    free_dst,
    mix,
    accept,
    n_classes,
    max_states,
    max_steps,
    max_bytes,
):
    """Determinise an automaton with free moves, from its state 0.

    Args:
        edge_ptr, edge_label, edge_dst: (N+1,), (M,), (M,) int32; edge_ptr[q]:edge_ptr[q+1] leave state q.
        label_ptr, label_class: (L+1,), (...) int32; label l covers the classes label_class[label_ptr[l]:...].
        free_ptr, free_dst: (N+1,), (F,) int32; moves that read nothing.
        mix: (N,) int32 >= 0, any scatter of bits; odd for `accept` and even for every other state.
        accept: the one accepting state.
        n_classes: C.
        max_states, max_steps, max_bytes: where to stop.
    Returns: (why it stopped, how far it came, S, next states, bits). The first S * C entries of the
        int32 next states count, -1 is dead; the lowest of the first S bits says "accepts". State 0 is the
        start; every state is reachable.
    Source: Rabin and Scott 1959. Two subsets are the same when hashes and sizes agree and every member of the
        older one carries the stamp of the newer, so no subset is ever sorted.
    """
    # q, r: states of the input; s: subset; c: class; pool[first[s]:first[s+1]]: the members of s
    n = edge_ptr.size - 1
    # --- what is known of each state before the first subset
    moves = np.zeros(n, np.int32)
    keep = np.zeros(n, np.bool_)  # only states that read or accept tell two subsets apart
    for q in range(n):
        for e in range(edge_ptr[q], edge_ptr[q + 1]):
            moves[q] += label_ptr[edge_label[e] + 1] - label_ptr[edge_label[e]]
        keep[q] = edge_ptr[q + 1] > edge_ptr[q] or q == accept
    alone = _dead(n)  # the subset that the closure of one state became
    stamp = np.zeros(n, np.int32)
    stack = np.empty(n, np.int32)
    stamps = 0

    # --- room that grows with the subsets found
    capacity = 256
    table = np.empty(capacity * n_classes, np.int32)
    first = np.zeros(capacity + 1, np.int32)
    hashes = np.empty(capacity, np.int32)
    slots = _dead(4 * hashes.size)
    pool = np.empty(n + 256, np.int32)
    head = _dead(n_classes)  # per class a linked list of targets
    touched = np.empty(n_classes, np.int32)
    value = np.empty(256, np.int32)
    link = np.empty(256, np.int32)

    count = 0
    steps = 0
    s = -1  # the first round closes the start state; from then on each round is one subset
    while s < count:
        # --- collect where the members of s lead, class by class
        n_touched = 0
        if s < 0:
            head[0], touched[0], n_touched = 0, 0, 1
            value[0], link[0] = 0, -1
        else:
            need = 0
            for m in range(first[s], first[s + 1]):
                need += moves[pool[m]]
            steps += need + n_classes
            if steps > max_steps:
                return STEPS, steps, count, table, hashes
            if need > value.size:
                if 8 * need > max_bytes:
                    return BYTES, 8 * need, count, table, hashes
                value, link = np.empty(need, np.int32), np.empty(need, np.int32)
            used = 0
            for m in range(first[s], first[s + 1]):
                q = pool[m]
                for e in range(edge_ptr[q], edge_ptr[q + 1]):
                    for k in range(label_ptr[edge_label[e]], label_ptr[edge_label[e] + 1]):
                        c = label_class[k]
                        if head[c] < 0:
                            touched[n_touched] = c
                            n_touched += 1
                        value[used], link[used] = edge_dst[e], head[c]
                        head[c] = used
                        used += 1
        # --- find or make the subset that each class leads to
        for k in range(n_touched):
            c = touched[k]
            node = head[c]
            head[c] = -1
            only = value[node] if link[node] < 0 else -1
            target = alone[only] if only >= 0 else -1  # one target alone: its closure may be known
            if target < 0:
                if first[count] + n > pool.size:
                    pool = _grown(pool, first[count] + n)
                # Closed depth first into the free end of the pool; `stamp` says who is in, and is never cleared.
                stamps += 1
                base = first[count]
                size = base
                h = 0
                while node >= 0:
                    r = value[node]
                    node = link[node]
                    if stamp[r] == stamps:
                        continue
                    stamp[r] = stamps
                    stack[0] = r
                    top = 1
                    while top > 0:
                        top -= 1
                        q = stack[top]
                        if keep[q]:
                            pool[size] = q
                            size += 1
                            h ^= mix[q]
                        for e in range(free_ptr[q], free_ptr[q + 1]):
                            steps += 1
                            r = free_dst[e]
                            if stamp[r] != stamps:
                                stamp[r] = stamps
                                stack[top] = r
                                top += 1
                steps += size - base
                if steps > max_steps:
                    return STEPS, steps, count, table, hashes
                # Seen before? The lowest bit of h says "accepts", so the place is taken from the others.
                slot = (h >> 1) & (slots.size - 1)
                while slots[slot] >= 0:
                    old = slots[slot]
                    if hashes[old] == h and first[old + 1] - first[old] == size - base:
                        m = first[old]
                        while m < first[old + 1] and stamp[pool[m]] == stamps:
                            m += 1
                        if m == first[old + 1]:
                            target = old
                            break
                    slot = (slot + 1) & (slots.size - 1)
                if target < 0:  # new: what was written to the pool stays there
                    if count == max_states:
                        return STATES, count + 1, count, table, hashes
                    if count == capacity:
                        capacity *= 2
                        held = 4 * (capacity * n_classes + table.size + pool.size + 6 * capacity)
                        if held > max_bytes:
                            return BYTES, held, count, table, hashes
                        table = _grown(table, capacity * n_classes)
                        first = _grown(first, capacity + 1)
                        hashes = _grown(hashes, capacity)
                    target = count
                    hashes[count] = h
                    slots[slot] = count
                    for c2 in range(count * n_classes, (count + 1) * n_classes):
                        table[c2] = -1
                    count += 1
                    first[count] = size
                    if 4 * (size + size // 2 + table.size) > max_bytes:
                        return BYTES, 4 * (size + size // 2 + table.size), count, table, hashes
                    if 2 * count > slots.size:
                        slots = _dead(2 * slots.size)
                        for old in range(count):
                            slot = (hashes[old] >> 1) & (slots.size - 1)
                            while slots[slot] >= 0:
                                slot = (slot + 1) & (slots.size - 1)
                            slots[slot] = old
                if only >= 0:
                    alone[only] = target
            if s >= 0:
                table[s * n_classes + c] = target
        s += 1
    return OK, steps, count, table, hashes
