"""Two automata read the same text side by side.

A state of the product is a pair of states; `truth` says which pairs accept, so one kernel does and, or, and-not:

    bit 2 * (a accepts) + (b accepts)      11  10  01  00
    both                0b1000              1   0   0   0      once either is dead, nothing can accept
    either              0b1110              1   1   1   0      b alone may go on when a is dead
    a and not b         0b0100              0   1   0   0      a alone may go on when b is dead

Plainly (the tests run this beside the kernel; a part that is dead is -1):

    def product(a, b, classes, truth):
        def hopeless(p, q):
            return not any(truth >> bit & 1 for bit in (1, 2, 3) if (bit < 2 or p >= 0) and (bit == 2 or q >= 0))
        table, todo = {}, [(0, 0)]
        for p, q in todo:
            if (p, q) not in table:
                nexts = [(int(a[p][c]) if p >= 0 else -1, int(b[q][d]) if q >= 0 else -1) for c, d in classes]
                table[p, q] = [None if hopeless(*pair) else pair for pair in nexts]
                todo += [pair for pair in table[p, q] if pair is not None]
        return table
"""

from __future__ import annotations

import numpy as np

from ctrldiff.kernels.determinise import BYTES, OK, STATES, STEPS, _dead, _grown
from ctrldiff.kernels.jit import kernel


@kernel
def product(  # type: ignore[no-untyped-def]
    table_a, accept_a, class_a, table_b, accept_b, class_b, truth, max_states, max_steps, max_bytes
):
    """Every reachable pair of states; which pairs accept, `truth` says.

    Args:
        table_a, table_b: (S, K) int32, next state, -1 is dead; both start in state 0.
        accept_a, accept_b: (S,) bool.
        class_a, class_b: (C,) int32; reading class c of the product is class_a[c] in a and class_b[c] in b.
        truth: four bits; bit 2 * (a accepts) + (b accepts) says whether the pair accepts. Bit 0 must be 0.
        max_states, max_steps, max_bytes: where to stop.
    Returns: (why it stopped, how far it came, int32 next states, (S,) bool). The first S * C next states count;
        dead ends may remain.
    """
    # a, b: states of the parts, where a part that is dead is -1; pair p = (left[p], right[p])
    n_classes = class_a.size
    alive_a, alive_b = (truth >> 1) & 1, (truth >> 2) & 1  # can b (a) still accept once a (b) is dead?
    capacity = 256
    table = np.empty(capacity * n_classes, np.int32)
    left = np.empty(capacity, np.int32)
    right = np.empty(capacity, np.int32)
    slots = _dead(4 * left.size)
    left[0], right[0] = 0, 0
    count = 0
    steps = 0
    p = -1
    while p < count:  # the round of p = -1 makes the pair of starts, by the code that makes all others
        for c in range(n_classes if p >= 0 else 1):
            if p < 0:
                a, b = 0, 0
            else:
                a = table_a[left[p], class_a[c]] if left[p] >= 0 else -1
                b = table_b[right[p], class_b[c]] if right[p] >= 0 else -1
                table[p * n_classes + c] = -1
            # A pair that nothing can make accept is dead, and is not made.
            if (a < 0 and (b < 0 or alive_a == 0)) or (b < 0 and alive_b == 0):
                continue
            # --- find the pair, or make it
            target = -1
            slot = (int(a + 1) * 40503 + int(b + 1) * 30029) & (slots.size - 1)
            while slots[slot] >= 0:
                if left[slots[slot]] == a and right[slots[slot]] == b:
                    target = slots[slot]
                    break
                slot = (slot + 1) & (slots.size - 1)
                steps += 1
            if target < 0:
                if count == max_states:
                    return STATES, count + 1, table, np.zeros(1, np.bool_)
                if count == capacity:
                    capacity *= 2
                    held = 4 * (capacity * n_classes + table.size + 8 * capacity)
                    if held > max_bytes:
                        return BYTES, held, table, np.zeros(1, np.bool_)
                    table = _grown(table, capacity * n_classes)
                    left = _grown(left, capacity)
                    right = _grown(right, capacity)
                target = count
                left[count], right[count] = a, b
                slots[slot] = count
                count += 1
                if 2 * count > slots.size:  # twice the places, and every pair put in anew
                    slots = _dead(2 * slots.size)
                    for old in range(count):
                        slot = (int(left[old] + 1) * 40503 + int(right[old] + 1) * 30029) & (slots.size - 1)
                        while slots[slot] >= 0:
                            slot = (slot + 1) & (slots.size - 1)
                        slots[slot] = old
            if p >= 0:
                table[p * n_classes + c] = target
        steps += n_classes
        if steps > max_steps:
            return STEPS, steps, table, np.zeros(1, np.bool_)
        p += 1
    # --- which pairs accept
    accept = np.zeros(count, np.bool_)
    for p in range(count):
        bit = (2 if left[p] >= 0 and accept_a[left[p]] else 0) + (1 if right[p] >= 0 and accept_b[right[p]] else 0)
        accept[p] = (truth >> bit) & 1 == 1
    return OK, steps, table, accept
