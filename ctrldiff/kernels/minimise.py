"""The smallest automaton of a language, its states numbered in the one canonical way.

`folded` cuts what cannot finish and merges states with equal rows, ends first; `numbered` writes the automaton of
what was kept. Without loops that is all. With loops, `told_apart` tries to prove that nothing is left to merge, which
it nearly always can; `refined` is Hopcroft's method for when it cannot: folding looks at each edge once, where that
takes O(m log m).

Two states are equivalent when both accept or neither does, and every class leads both to equivalent states. Plainly
(Moore's rounds; the tests run this beside the kernels): the block of each state, blocks numbered by first state.

    def blocks(table, accept):
        block, count = [int(a) for a in accept], 0
        while len(set(block)) > count:
            count, names = len(set(block)), {}
            seen = [(block[s], *(block[t] if t >= 0 else -1 for t in table[s])) for s in range(len(table))]
            block = [names.setdefault(key, len(names)) for key in seen]
        return block
"""

from __future__ import annotations

import numpy as np

from ctrldiff.kernels.determinise import _dead
from ctrldiff.kernels.jit import kernel

# --- without loops: one look at every edge, ends first -----------------------------------------------------------


@kernel
def folded(table, accept, start, n_classes):  # type: ignore[no-untyped-def]
    """Merge states with equal rows, successors before predecessors.

    Args:
        table: (S * C,) int32, next state; -1 is dead. Unreachable states and dead ends are allowed.
        accept: (S,) bool.
        start: the first state.
        n_classes: C.
    Returns: stands (S,) int32, the state that stands for each, -1 where no text can be finished or begun;
        loop (S,) bool: stands for some state on a loop. Two states of which neither is on a loop, and whose
        successors are not equivalent unless they are the same, are equivalent only when they were merged.
    Source: strongly connected components in the manner of Tarjan 1972.

    Depth first, with a stack of our own; a component is closed when the walk leaves its first state:

        path       0  2  5  7           the way from the start to the state in hand
        unclosed   0  2  3  5  6  7     seen, but their component may still grow: a suffix of this is the next one
    """
    n = accept.size
    stands = _dead(n)
    loop = np.zeros(n, np.bool_)
    sure = np.zeros(n, np.bool_)  # can finish without the help of its own component
    turn = _dead(n)  # -1: unseen; up to C: on the path, this class is next; C + 1: left; C + 2: component closed
    low = np.empty(n, np.int32)  # the earliest state of the component known to be reached, by time seen
    seen = np.empty(n, np.int32)
    path = np.empty(n, np.int32)
    unclosed = np.empty(n, np.int32)
    hashes = np.empty(n, np.int32)
    slots = _dead(2 * n + 1)
    path[0] = start
    depth = 1
    n_unclosed = 0
    clock = 0
    while depth > 0:
        s = path[depth - 1]
        base = s * n_classes
        # --- first visit
        if turn[s] < 0:
            turn[s] = 0
            low[s] = seen[s] = clock
            clock += 1
            unclosed[n_unclosed] = s
            n_unclosed += 1
        # --- step to the next state not yet seen, if there is one
        c = turn[s]
        while c < n_classes and (table[base + c] < 0 or turn[table[base + c]] >= 0):
            c += 1
        turn[s] = c
        if c < n_classes:
            path[depth] = table[base + c]
            depth += 1
            continue
        # --- all successors are done: the row, with each of them replaced by who stands for it
        depth -= 1
        sure[s] = accept[s]
        alive = accept[s]
        h = 1 if alive else 2
        for c in range(n_classes):
            t = table[base + c]
            if t >= 0:
                if turn[t] <= n_classes + 1:
                    low[s] = min(low[s], low[t])
                    alive = True  # for all we know yet
                    loop[s] = loop[s] or t == s
                elif stands[t] >= 0:
                    sure[s] = True
                if turn[t] > n_classes:
                    t = stands[t]
                alive = alive or t >= 0
            h = ((h * 1000003) ^ int(t + 1)) & 0x7FFFFFFF
        turn[s] = n_classes + 1
        # --- an earlier state with the same row stands for s
        if alive:
            slot = (h ^ (h >> 15)) % slots.size
            while slots[slot] >= 0:
                r = slots[slot]
                if hashes[r] == h and accept[r] == accept[s]:
                    c = 0
                    while c < n_classes:
                        t, u = table[base + c], table[r * n_classes + c]
                        if t >= 0 and turn[t] > n_classes:
                            t = stands[t]
                        if u >= 0 and turn[u] > n_classes:
                            u = stands[u]
                        if t != u:
                            break
                        c += 1
                    if c == n_classes:
                        break
                slot = (slot + 1) % slots.size
            if slots[slot] < 0:
                slots[slot] = s
                hashes[s] = h
            stands[s] = slots[slot]
        # --- s began its component: close it, and drop it whole if no member can finish
        if low[s] == seen[s]:
            first = n_unclosed - 1
            alive = sure[s]
            while unclosed[first] != s:
                first -= 1
                alive = alive or sure[unclosed[first]] or sure[unclosed[first + 1]]
            for i in range(first, n_unclosed):
                t = unclosed[i]
                turn[t] = n_classes + 2
                if not alive:
                    stands[t] = -1
                elif first < n_unclosed - 1 or loop[t]:
                    loop[stands[t]] = True
            n_unclosed = first
    return stands, loop


@kernel
def numbered(table, accept, stands, start, n_classes):  # type: ignore[no-untyped-def]
    """Write the automaton of the states that stand for others, breadth first in class order from `start`.

    Returns: (S' * C,) int32 next states, (S',) bool accepts, (S',) int32 which state was kept, (C,) int32 for each
        class the first one that no state tells apart from it. An empty language is one state without edges.
    """
    number = _dead(accept.size)
    order = np.zeros(accept.size, np.int32)
    found = 0
    if stands[start] >= 0:
        number[stands[start]] = 0
        order[0] = stands[start]
        found = 1
    i = 0
    while i < found:  # `order` is queue and result in one
        for c in range(n_classes):
            t = table[order[i] * n_classes + c]
            if t >= 0 and stands[t] >= 0 and number[stands[t]] < 0:
                number[stands[t]] = found
                order[found] = stands[t]
                found += 1
        i += 1
    small = _dead(max(found, 1) * n_classes)
    ends = np.zeros(max(found, 1), np.bool_)
    like = np.zeros(n_classes, np.int32)
    for i in range(found):
        ends[i] = accept[order[i]]
        base = i * n_classes
        for c in range(n_classes):
            t = table[order[i] * n_classes + c]
            if t >= 0 and stands[t] >= 0:
                small[base + c] = number[stands[t]]
        for c in range(n_classes):
            old = like[c]
            if small[base + c] != small[base + old]:  # c leaves, and takes along what is like it
                for d in range(c, n_classes):
                    if like[d] == old and small[base + d] == small[base + c]:
                        like[d] = c
    return small, ends, order[: max(found, 1)], like


@kernel
def edges_of(table, n_classes):  # type: ignore[no-untyped-def]
    """The edges of a table that is mostly dead: one entry in ten or twenty leads on.

    Returns: ptr (S + 1,), to (E,), label (E,), all int32: state s goes to `to[e]` by class `label[e]`, for the edges e
        from ptr[s] to ptr[s + 1].
    """
    n_edges = 0
    for i in range(table.size):
        n_edges += 1 if table[i] >= 0 else 0
    ptr = np.zeros(table.size // n_classes + 1, np.int32)
    to, label = np.empty(n_edges, np.int32), np.empty(n_edges, np.int32)
    e = 0
    for s in range(ptr.size - 1):
        for c in range(n_classes):
            if table[s * n_classes + c] >= 0:
                to[e], label[e] = table[s * n_classes + c], c
                e += 1
        ptr[s + 1] = e
    return ptr, to, label


# --- with loops: a proof by hashes, or Hopcroft ------------------------------------------------------------------


@kernel
def told_apart(ptr, to, label, accept, loop, rounds):  # type: ignore[no-untyped-def]
    """Tell states apart by hashes of what the next few symbols show.

    Args: ptr, to, label: the edges; accept, loop (S,) bool; rounds: how far ahead to look at most, at least once.
    Returns: like (S,) int32, the first state with the same hash: two states with different ones are not equivalent;
        and whether each state on a loop is unlike every other state. Then what `folded` left is minimal: of two
        equivalent states neither could be on a loop, so some symbol would lead to two other such states, and so on
        without ever meeting a loop.
    """
    n = accept.size
    n_loop = 0
    look, further = np.empty(n, np.int64), np.empty(n, np.int64)
    like = np.zeros(n, np.int32)
    for s in range(n):
        look[s] = 0x51ED270B if accept[s] else 0x2545F491
        n_loop += 1 if loop[s] else 0
    mask = 1
    while mask < 2 * n:
        mask = 2 * mask + 1
    slots = _dead(mask + 1)
    kinds = 0
    for _ in range(rounds):  # after round r a hash depends on what the next r symbols show
        for s in range(n):
            h = int(look[s])
            for e in range(ptr[s], ptr[s + 1]):
                factor = (2 * int(label[e]) + 1) * 0x9E3779B97F4A7 & 0x7FFFFFFFFFFFFFF
                h = (h + (int(look[to[e]]) ^ factor) * (factor | 1)) & 0x7FFFFFFFFFFFFFF
            # Terms were added, so that edges may come in any order; this scatters their sum.
            h = ((h ^ (h >> 29)) * 0x9E3779B97F4A7) & 0x7FFFFFFFFFFFFFF
            further[s] = h ^ (h >> 29)
        look, further = further, look
        before, kinds = kinds, 0
        alone = 0  # states on a loop with a hash of their own
        for i in range(slots.size):
            slots[i] = -1
        for s in range(n):
            slot = int(look[s]) & mask
            while slots[slot] >= 0 and look[slots[slot]] != look[s]:
                slot = (slot + 1) & mask
            if slots[slot] < 0:
                slots[slot] = s
                kinds += 1
                alone += 1 if loop[s] else 0
            elif loop[s] or loop[slots[slot]]:
                alone = -n  # not alone: cannot come back to n_loop in this round
            like[s] = slots[slot]
        if alone == n_loop:
            return like, True
        if kinds == before:  # looking further shows nothing new
            return like, False
    return like, False


# A partition of n items into sets, as rows of an int32 array (7, n + 1). A set is a run of ITEMS; splitting it moves a
# border and renames the smaller part, so an item changes its OWNER at most log2(n) times:
#
#     ITEMS   [ 4  1 | 6  0  3  5 | 2 ]      PLACE is the inverse of ITEMS, OWNER[item] the set it is in
#      set 1:          ^LEFT = 2     ^RIGHT = 6
#      MARKED = 2:     6  0 .. are the marked ones, moved to the front; QUEUE holds the sets that have some
ITEMS, PLACE, OWNER, LEFT, RIGHT, MARKED, QUEUE = range(7)


@kernel
def _mark(item, partition, count):  # type: ignore[no-untyped-def]
    """Move `item` to the marked front of its set; count[1] sets wait in the queue to be split."""
    s = partition[OWNER, item]
    i, j = partition[PLACE, item], partition[LEFT, s] + partition[MARKED, s]
    if i >= j:
        other = partition[ITEMS, j]
        partition[ITEMS, i], partition[PLACE, other] = other, i
        partition[ITEMS, j], partition[PLACE, item] = item, j
        if partition[MARKED, s] == 0:
            partition[QUEUE, count[1]] = s
            count[1] += 1
        partition[MARKED, s] += 1


@kernel
def _split(partition, count):  # type: ignore[no-untyped-def]
    """Split each waiting set into marked and unmarked, the smaller part as a new set; count[0] sets there are."""
    while count[1] > 0:
        count[1] -= 1
        s, new = partition[QUEUE, count[1]], count[0]
        left, right = partition[LEFT, s], partition[RIGHT, s]
        middle = left + partition[MARKED, s]
        if middle < right:
            if middle - left <= right - middle:
                right = partition[LEFT, s] = middle
            else:
                left = partition[RIGHT, s] = middle
            partition[LEFT, new], partition[RIGHT, new] = left, right
            for i in range(left, right):
                partition[OWNER, partition[ITEMS, i]] = new
            count[0] += 1
        partition[MARKED, s] = 0


@kernel
def refined(ptr, to, label, like, n_classes):  # type: ignore[no-untyped-def]
    """Merge equivalent states.

    Args: ptr, to, label: the edges; every state can finish; like (S,) int32, the first of those states that are not
        yet known to differ, which are alike in accepting; n_classes C.
    Returns: stands (S,) int32; the first state of each block of equivalent states stands for it.
    Source: Hopcroft 1971, in the form for partial automata of Valmari and Lehtinen 2008, arXiv:0802.2826:
        O(m log m) for m edges.
    """
    n, m = like.size, to.size
    # --- edges by class, and by where they lead
    bound = np.zeros(n_classes + 1, np.int32)  # edges are numbered class by class
    into_ptr = np.zeros(n + 1, np.int32)
    for e in range(m):
        bound[label[e] + 1] += 1
        into_ptr[to[e] + 1] += 1
    for c in range(n_classes):
        bound[c + 1] += bound[c]
    for s in range(n):
        into_ptr[s + 1] += into_ptr[s]
    free, fill = bound.copy(), into_ptr.copy()
    tail = np.empty(m, np.int32)
    into = np.empty(m, np.int32)  # edges grouped by where they lead
    for s in range(n):
        for e in range(ptr[s], ptr[s + 1]):
            number = free[label[e]]
            free[label[e]] += 1
            tail[number] = s
            into[fill[to[e]]] = number
            fill[to[e]] += 1

    # Blocks of states and cords of edges refine each other until neither tells the other anything new. Numbers
    # that the helpers change are in arrays, and each helper is called with one type: each new one compiles it anew.
    blocks, cords = np.zeros((7, n + 1), np.int32), np.zeros((7, m + 1), np.int32)
    n_blocks, n_cords = np.zeros(2, np.int64), np.zeros(2, np.int64)
    which = _dead(n)
    # --- the first blocks: states that are alike so far
    for s in range(n):  # their sizes, then their places, in the order of their first states
        if like[s] == s:
            which[s] = n_blocks[0]
            n_blocks[0] += 1
        blocks[OWNER, s] = which[like[s]]
        blocks[RIGHT, which[like[s]]] += 1
    for block in range(1, n_blocks[0]):
        blocks[LEFT, block] = blocks[RIGHT, block - 1]
        blocks[RIGHT, block] += blocks[LEFT, block]
    for block in range(n_blocks[0]):
        fill[block] = blocks[LEFT, block]
    for s in range(n):
        place = fill[blocks[OWNER, s]]
        fill[blocks[OWNER, s]] += 1
        blocks[ITEMS, place], blocks[PLACE, s] = s, place
    # --- the first cords: the edges of one class
    for c in range(n_classes):
        if bound[c] < bound[c + 1]:
            cords[LEFT, n_cords[0]], cords[RIGHT, n_cords[0]] = bound[c], bound[c + 1]
            for e in range(bound[c], bound[c + 1]):
                cords[ITEMS, e] = cords[PLACE, e] = e
                cords[OWNER, e] = n_cords[0]
            n_cords[0] += 1
    # --- refine: the states a cord starts from leave those it does not; the edges into a new block leave their cords
    block = 1  # the edges into block 0 are all others of their cords: it tells nothing the rest do not
    cord = 0
    while cord < n_cords[0]:
        for i in range(cords[LEFT, cord], cords[RIGHT, cord]):
            _mark(np.int64(tail[cords[ITEMS, i]]), blocks, n_blocks)
        _split(blocks, n_blocks)
        cord += 1
        while block < n_blocks[0]:
            for i in range(blocks[LEFT, block], blocks[RIGHT, block]):
                for k in range(into_ptr[blocks[ITEMS, i]], into_ptr[blocks[ITEMS, i] + 1]):
                    _mark(np.int64(into[k]), cords, n_cords)
            _split(cords, n_cords)
            block += 1

    # --- the first state of each block stands for it
    stands, first = _dead(n), _dead(n)
    for s in range(n):
        block = blocks[OWNER, s]
        if first[block] < 0:
            first[block] = s
        stands[s] = first[block]
    return stands
