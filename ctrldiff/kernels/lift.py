"""Byte automaton x vocabulary: which token leads from which state to which, without looking at every pair.

A token acts on the automaton as a *column*: for every state, the state it leads to, or dead. Columns compose:
the column of "ab" is that of "a", followed by the byte "b". So the trie of the vocabulary is walked once, not
once per state: a node's column is its parent's column followed by one byte class. Equal columns are kept once,
and the step from (column, byte class) to column is remembered. 266,313 trie nodes (131,072 tokens) then cost as
many look-ups, and columns are computed only for the few thousand (column, byte class) pairs that are new.

A column is stored sparsely, as a *run* of pairs `from << 32 | to`, ascending, of the states where the token
is legal. Two tokens are in one class exactly when they end on the same column.
Columns are elements of what automata theory calls the automaton's transition monoid.

    column("a")   0 -> 1        column("b")   1 -> 2        column("ab")  0 -> 2        on the automaton of "abb",
                                              2 -> 3                      1: dead       states 0 1 2 3
    run           [0<<32 | 1]                 [1<<32 | 2,                 [0<<32 | 2]   "ab" and, say, "ab" again are
                                               2<<32 | 3]                               one class; "b" is another

Plainly (the tests run this beside the kernels): the column of a token, and the edges that columns make.

    def column(table, classes, token):
        pairs = []
        for start in range(len(table)):
            state = start
            for byte in token:
                state = table[state][classes[byte]] if state >= 0 else -1
            if state >= 0:
                pairs.append((start, int(state)))
        return pairs

    def edges(columns):
        found = {}
        for c, pairs in enumerate(columns):
            for pair in pairs:
                found.setdefault(pair, []).append(c)
        return dict(sorted(found.items()))
"""

import numpy as np

from ctrldiff.kernels.hashing import find_run, longer, rehashed, slot, with_run
from ctrldiff.kernels.jit import kernel

DONE, TOO_MANY_PAIRS, TOO_MANY_STEPS = 0, 1, 2


@kernel
def columns(parent, byte, node, classes, step, n_sources, max_pairs, max_steps):  # type: ignore[no-untyped-def]
    """The column of every token.

    Args:
        parent, byte, node: a vocabulary's trie, from `build_trie`.
        classes: (256,) uint8, byte -> byte class.
        step: (K, S) int32, the automaton's table with the byte class first; -1 is dead.
        n_sources: tokens are read from the first so many states; from the others only within a token.
        max_pairs, max_steps: bounds on stored pairs and on pairs read.
    Returns: status (DONE, or what was too much), amount (of it), and
        token_class (V,) int32: tokens with equal columns share a class, numbered by first token; -1: dead
        everywhere, begin, end (C,) int64: the column of class c is pairs[begin[c]:end[c]],
        pairs int64.
    """
    pairs = np.empty(4 * n_sources + 1024, np.int64)
    ptr, digest, known = np.zeros(256, np.int64), np.empty(256, np.uint64), np.full(1024, -1, np.int32)
    for q in range(n_sources):  # column 0 is that of the empty string
        pairs[q] = np.int64(q) << 32 | q
    zero = np.int64(0)  # typed: a literal 0 would compile every helper twice
    ptr[1], used, steps, n = n_sources, n_sources, n_sources, zero + 1
    digest[0] = find_run(known, digest, ptr, pairs, zero, used)[1]
    known = with_run(known, digest, zero)
    memo_keys, memo_columns, n_memo = np.full(4096, -1, np.int64), np.empty(4096, np.int32), 0
    column = np.full(len(parent), -1, np.int32)  # of each trie node
    column[0] = 0
    status, amount = DONE, 0
    # --- walk the trie: a parent comes before its children, so one pass in order is enough
    for here in range(1, len(parent)):
        before = column[parent[here]]
        if before < 0:  # dead from every state: so is all that begins with it
            continue
        c = classes[byte[here]]
        key = np.int64(before) * 256 + c
        place = slot(memo_keys, key)
        if memo_keys[place] != -1:
            column[here] = memo_columns[place]
            continue
        # --- a new pair: compose, into the free end of `pairs`
        low, high = ptr[before], ptr[before + 1]
        steps += high - low
        if steps > max_steps:
            status, amount = TOO_MANY_STEPS, steps
            break
        if used + high - low > len(pairs):
            pairs = longer(pairs, used, max(min(2 * len(pairs), max_pairs + n_sources), used + high - low))
        end = used
        row = step[c]
        for i in range(low, high):
            q = row[pairs[i] & 0x7FFFFFFF]
            if q >= 0:
                pairs[end] = (pairs[i] >> 32) << 32 | q
                end += 1
        # --- keep it if no earlier column equals it; else the free end is simply written over
        found = np.int64(-1)
        if end > used:
            found, h = find_run(known, digest, ptr, pairs, used, end)
            if found < 0:
                if end > max_pairs:
                    status, amount = TOO_MANY_PAIRS, end
                    break
                if n + 1 == len(ptr):
                    ptr, digest = longer(ptr, n + 1, 2 * n + 2), longer(digest, n, 2 * n + 2)
                found, used = n, end
                digest[n], ptr[n + 1] = h, end
                known = with_run(known, digest, n)
                n += 1
        column[here] = found
        memo_keys[place], memo_columns[place] = key, found
        n_memo += 1
        if 2 * n_memo > len(memo_keys):
            memo_keys, memo_columns = rehashed(memo_keys, memo_columns)

    # --- tokens that end on the same column are one class, numbered by first token
    token_class, class_of = np.full(len(node), -1, np.int32), np.full(n, -1, np.int32)
    class_begin, class_end, n_classes = np.empty(n, np.int64), np.empty(n, np.int64), 0
    for token in range(len(node)):
        if node[token] >= 0 and column[node[token]] >= 0:
            own = column[node[token]]
            if class_of[own] < 0:
                class_of[own] = n_classes
                class_begin[n_classes], class_end[n_classes] = ptr[own], ptr[own + 1]
                n_classes += 1
            token_class[token] = class_of[own]
    return status, amount, token_class, class_begin[:n_classes], class_end[:n_classes], pairs[:used]


@kernel
def group(begin, end, pairs, n_states):  # type: ignore[no-untyped-def]
    """Group columns into edges: one edge per (from, to), labelled with the set of classes that take it.

    Args: begin, end, pairs as `columns` returns them.
    Returns: edge_from, edge_to, edge_label (E,) int32, ascending by (from, to); label_ptr (L + 1,) int32 and
        label_classes (nnz,) int32, ascending in each label. Equal sets are one label, numbered by first edge.
    """
    # --- turn columns into rows: for every state, who leaves it and where to (a counting sort by state)
    row = np.zeros(n_states + 1, np.int64)
    for c in range(len(begin)):
        for i in range(begin[c], end[c]):
            row[(pairs[i] >> 32) + 1] += 1
    widest = 0
    for s in range(n_states):
        widest = max(widest, row[s + 1])
        row[s + 1] += row[s]
    target, taker = np.empty(row[n_states], np.int32), np.empty(row[n_states], np.int32)
    fill = row[:n_states].copy()
    for c in range(len(begin)):  # classes in order, so that every row is ascending by class
        for i in range(begin[c], end[c]):
            s = pairs[i] >> 32
            target[fill[s]], taker[fill[s]] = pairs[i] & 0x7FFFFFFF, c
            fill[s] += 1

    # --- room that grows with the edges and with the distinct labels
    source, to, label = np.empty(1024, np.int32), np.empty(1024, np.int32), np.empty(1024, np.int32)
    n_edges, n, used = np.int64(0), np.int64(0), np.int64(0)  # n: labels
    ptr, digest, known = np.zeros(256, np.int64), np.empty(256, np.uint64), np.full(1024, -1, np.int32)
    label_classes = np.empty(1024 + widest, np.int32)
    count, place = np.zeros(n_states, np.int64), np.empty(n_states, np.int64)
    nexts, ordered = np.empty(min(widest, n_states), np.int32), np.empty(widest, np.int32)
    for s in range(n_states):
        # --- the different next states of s, ascending, and how many classes take each
        n_next = np.int64(0)
        for i in range(row[s], row[s + 1]):
            if count[target[i]] == 0:
                nexts[n_next] = target[i]
                n_next += 1
            count[target[i]] += 1
        _heapsort(nexts, n_next)
        # --- its takers, grouped by next state; within one they stay ascending by class
        total = 0
        for k in range(n_next):
            place[nexts[k]] = total
            total += count[nexts[k]]
        for i in range(row[s], row[s + 1]):
            ordered[place[target[i]]] = taker[i]
            place[target[i]] += 1
        if n_edges + n_next > len(to):
            room = max(2 * len(to), n_edges + n_next)
            source, to = longer(source, n_edges, room), longer(to, n_edges, room)
            label = longer(label, n_edges, room)
        # --- an edge for each; a set of classes that was met before is the same label
        low = np.int64(0)
        for k in range(n_next):
            q = nexts[k]
            high = low + count[q]
            count[q] = 0  # clean again for the next state, without a pass over all of them
            if used + high - low > len(label_classes):
                label_classes = longer(label_classes, used, max(2 * len(label_classes), used + high - low))
            for i in range(low, high):
                label_classes[used + i - low] = ordered[i]
            found, h = find_run(known, digest, ptr, label_classes, used, used + high - low)
            if found < 0:
                if n + 1 == len(ptr):
                    ptr, digest = longer(ptr, n + 1, 2 * n + 2), longer(digest, n, 2 * n + 2)
                found, used = n, used + high - low
                digest[n], ptr[n + 1] = h, used
                known = with_run(known, digest, n)
                n += 1
            source[n_edges], to[n_edges], label[n_edges] = s, q, found
            n_edges += 1
            low = high
    return (
        source[:n_edges].copy(),
        to[:n_edges].copy(),
        label[:n_edges].copy(),
        ptr[: n + 1].astype(np.int32),
        label_classes[:used].copy(),
    )


@kernel
def _heapsort(a, n):  # type: ignore[no-untyped-def]
    """Sort the first n entries in place. By hand: numba's own sort takes 1.3 s to compile."""
    top = np.int64(0)
    for root in range(n // 2 - 1, -1, -1):
        _sift(a, root, n)
    for last in range(n - 1, 0, -1):
        a[0], a[last] = a[last], a[0]
        _sift(a, top, last)


@kernel
def _sift(a, root, n):  # type: ignore[no-untyped-def]
    """Let the entry at `root` sink below larger ones, in the heap of the first n."""
    while 2 * root + 1 < n:
        child = 2 * root + 1
        if child + 1 < n and a[child + 1] > a[child]:
            child += 1
        if a[root] >= a[child]:
            return
        a[root], a[child] = a[child], a[root]
        root = child
