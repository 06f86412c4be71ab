"""Byte automaton x vocabulary: which token leads from which state to which, without looking at every pair.

A token acts on the automaton as a *column*: for every state, the state it leads to, or dead. Columns compose: the column
of "ab" is that of "a" followed by the byte "b". So the trie of the vocabulary is walked once, not once per state: each
node's column is its parent's column followed by one byte class. Equal columns are kept once (compared in full, the hash
only finds candidates), and the step from (column, byte class) to column is remembered. 300,000 trie nodes then cost
300,000 look-ups, and columns are computed only for the few thousand (column, byte class) pairs that are new.

Columns are sparse: ascending `(from, to)` pairs of the states where the token is legal. Two tokens are in one class
exactly when they end on the same column.

Columns are elements of what automata theory calls the automaton's transition monoid.
"""

import numpy as np

from ctrldiff.kernels.jit import kernel

DONE, TOO_MANY_PAIRS, TOO_MANY_STEPS = 0, 1, 2


@kernel
def _mix(h, x):
    """One step of a 64-bit hash; collisions cost a comparison, never a wrong answer."""
    h = (h ^ np.uint64(x)) * np.uint64(0x9E3779B97F4A7C15)
    return h ^ (h >> np.uint64(29))


@kernel
def _slot(keys, key):
    """Where `key` is, or the free place (-1) where it belongs, in an open-addressing table of 2**n places."""
    mask = len(keys) - 1
    at = np.int64(_mix(np.uint64(0x51ED270B), key) & np.uint64(mask))
    while keys[at] != -1 and keys[at] != key:
        at = (at + 1) & mask
    return at


@kernel
def _rehashed(keys, values):
    """The same table with twice the places."""
    more_keys = np.full(2 * len(keys), -1, np.int64)
    more_values = np.empty(2 * len(keys), np.int32)
    for i in range(len(keys)):
        if keys[i] != -1:
            at = _slot(more_keys, keys[i])
            more_keys[at] = keys[i]
            more_values[at] = values[i]
    return more_keys, more_values


@kernel
def _longer(array, used, size):
    """A copy of the first `used` entries with room for `size`."""
    more = np.empty(size, array.dtype)
    more[:used] = array[:used]
    return more


@kernel
def build_trie(data, offsets, written):
    """The distinct byte strings of a vocabulary as one tree.

    Args:
        data: (n_bytes,) uint8; token i is data[offsets[i]:offsets[i + 1]].
        offsets: (V + 1,) int64.
        written: (V,) bool, False for a token that is never written.
    Returns: parent (N,) int32 (-1 for the root, node 0; a parent's number is smaller than its child's), byte (N,) uint8,
        node (V,) int32, where each token ends (-1: never written).
    """
    parent, byte = np.empty(1024, np.int32), np.empty(1024, np.uint8)
    keys, values = np.full(4096, -1, np.int64), np.empty(4096, np.int32)
    node = np.full(len(written), -1, np.int32)
    parent[0], byte[0], used = -1, 0, 1
    for token in range(len(written)):
        if not written[token]:
            continue
        here = 0
        for i in range(offsets[token], offsets[token + 1]):
            key = np.int64(here) * 256 + data[i]
            at = _slot(keys, key)
            if keys[at] == -1:
                if used == len(parent):
                    parent, byte = _longer(parent, used, 2 * used), _longer(byte, used, 2 * used)
                parent[used], byte[used] = here, data[i]
                keys[at], values[at] = key, used
                here = used
                used += 1
                if 2 * used > len(keys):
                    keys, values = _rehashed(keys, values)
            else:
                here = values[at]
        node[token] = here
    return parent[:used].copy(), byte[:used].copy(), node


@kernel
def columns(parent, byte, node, classes, step, max_pairs, max_steps):
    """The column of every token.

    Args:
        parent, byte, node: a vocabulary's trie, from `build_trie`.
        classes: (256,) uint8, byte -> byte class.
        step: (K, S) int32, the automaton's table with the byte class first; -1 is dead.
        max_pairs, max_steps: bounds on stored (from, to) pairs and on steps taken.
    Returns: status (DONE, or what was too much), amount (pairs or steps used), then
        token_class (V,) int32: tokens with equal columns share a class, numbered by first token; -1 is dead everywhere,
        begin, end (C,) int64: the column of class c is source[begin[c]:end[c]], target[begin[c]:end[c]],
        source, target int32: states before and after, each column ascending by source.
    """
    n_states = step.shape[1]
    source, target = np.empty(4 * n_states + 1024, np.int32), np.empty(4 * n_states + 1024, np.int32)
    begin, digest = np.empty(256, np.int64), np.empty(256, np.uint64)  # of each column
    begin[0], digest[0] = 0, 0
    for q in range(n_states):
        source[q] = q
        target[q] = q
        digest[0] = _mix(_mix(digest[0], q), q)
    begin[1], n, used, steps = n_states, 1, n_states, n_states
    memo_keys, memo_values = np.full(4096, -1, np.int64), np.empty(4096, np.int32)
    known, n_memo = (
        np.full(1024, -1, np.int32),
        0,
    )  # known: open addressing from a column's digest to its number
    known[digest[0] & np.uint64(1023)] = 0
    column = np.full(len(parent), -1, np.int32)  # of each trie node
    column[0] = 0
    none = np.empty(0, np.int64)
    nothing = np.empty(0, np.int32)
    for at_node in range(1, len(parent)):
        before = column[parent[at_node]]
        if before < 0:
            continue
        c = classes[byte[at_node]]
        key = np.int64(before) * 256 + c
        place = _slot(memo_keys, key)
        if memo_keys[place] != -1:
            column[at_node] = memo_values[place]
            continue
        low, high = begin[before], begin[before + 1]
        steps += high - low
        if steps > max_steps:
            return TOO_MANY_STEPS, steps, nothing, none, none, nothing, nothing
        if used + high - low > len(source):
            size = max(min(2 * len(source), max_pairs + n_states), used + high - low)
            source, target = _longer(source, used, size), _longer(target, used, size)
        fresh = used
        h = np.uint64(0)
        row = step[c]
        for i in range(low, high):
            q = row[target[i]]
            if q >= 0:
                source[fresh] = source[i]
                target[fresh] = q
                fresh += 1
                h = _mix(_mix(h, source[i]), q)
        found = -1
        if fresh > used:
            mask = np.uint64(len(known) - 1)
            spot = h & mask
            while known[spot] != -1:
                other = known[spot]
                start = begin[other]
                if digest[other] == h and begin[other + 1] - start == fresh - used:
                    same = True
                    for i in range(fresh - used):
                        if source[start + i] != source[used + i] or target[start + i] != target[used + i]:
                            same = False
                            break
                    if same:
                        found = other
                        break
                spot = (spot + np.uint64(1)) & mask
            if found < 0:
                if fresh > max_pairs:
                    return TOO_MANY_PAIRS, fresh, nothing, none, none, nothing, nothing
                if n + 1 == len(begin):
                    begin, digest = _longer(begin, n + 1, 2 * n + 2), _longer(digest, n, 2 * n + 2)
                found, used = n, fresh
                digest[n] = h
                known[spot] = n
                n += 1
                begin[n] = used
                if 2 * n > len(known):
                    known = np.full(2 * len(known), -1, np.int32)
                    mask = np.uint64(len(known) - 1)
                    for other in range(n):
                        spot = digest[other] & mask
                        while known[spot] != -1:
                            spot = (spot + np.uint64(1)) & mask
                        known[spot] = other
        column[at_node] = found
        memo_keys[place] = key
        memo_values[place] = found
        n_memo += 1
        if 2 * n_memo > len(memo_keys):
            memo_keys, memo_values = _rehashed(memo_keys, memo_values)

    token_class = np.full(len(node), -1, np.int32)
    class_of = np.full(n, -1, np.int32)
    class_begin, class_end = np.empty(n, np.int64), np.empty(n, np.int64)
    n_classes = 0
    for token in range(len(node)):
        if node[token] >= 0 and column[node[token]] >= 0:
            seen = column[node[token]]
            if class_of[seen] < 0:
                class_of[seen] = n_classes
                class_begin[n_classes] = begin[seen]
                class_end[n_classes] = begin[seen + 1]
                n_classes += 1
            token_class[token] = class_of[seen]
    return (
        DONE,
        used,
        token_class,
        class_begin[:n_classes],
        class_end[:n_classes],
        source[:used],
        target[:used],
    )


@kernel
def group(begin, end, source, target, n_states):
    """Group columns into edges: one edge per (from, to), labelled with the set of classes that take it.

    Args: as `columns` returns them.
    Returns: edge_from, edge_to, edge_label (E,) int32, ascending by (from, to); label_ptr (L + 1,) int32 and
        label_classes (nnz,) int32, ascending in each label. Equal sets are one label, numbered by first edge.
    """
    n_classes = len(begin)
    row = np.zeros(n_states + 1, np.int64)
    for c in range(n_classes):
        for i in range(begin[c], end[c]):
            row[source[i] + 1] += 1
    widest = 0
    for s in range(n_states):
        widest = max(widest, row[s + 1])
        row[s + 1] += row[s]
    to, of = np.empty(row[n_states], np.int32), np.empty(row[n_states], np.int32)
    fill = row[:n_states].copy()
    for c in range(n_classes):  # classes in order, so each row comes out ascending by class
        for i in range(begin[c], end[c]):
            s = source[i]
            to[fill[s]] = target[i]
            of[fill[s]] = c
            fill[s] += 1

    room = 1024
    edge_from, edge_to, edge_label = (
        np.empty(room, np.int32),
        np.empty(room, np.int32),
        np.empty(room, np.int32),
    )
    label_ptr, digest = np.zeros(256, np.int64), np.empty(256, np.uint64)
    label_classes = np.empty(1024, np.int32)
    known = np.full(1024, -1, np.int32)
    n_edges, n_labels = 0, 0
    count, place = np.zeros(n_states, np.int64), np.empty(n_states, np.int64)
    nexts = np.empty(min(widest, n_states), np.int32)
    ordered = np.empty(widest, np.int32)
    for s in range(n_states):
        n_next = 0
        for i in range(row[s], row[s + 1]):
            q = to[i]
            if count[q] == 0:
                nexts[n_next] = q
                n_next += 1
            count[q] += 1
        _heapsort(nexts, n_next)
        total = 0
        for k in range(n_next):
            place[nexts[k]] = total
            total += count[nexts[k]]
        for i in range(row[s], row[s + 1]):
            ordered[place[to[i]]] = of[i]
            place[to[i]] += 1
        if n_edges + n_next > room:
            room = max(2 * room, n_edges + n_next)
            edge_from, edge_to = _longer(edge_from, n_edges, room), _longer(edge_to, n_edges, room)
            edge_label = _longer(edge_label, n_edges, room)
        low = 0
        for k in range(n_next):
            q = nexts[k]
            size = count[q]
            count[q] = 0
            h = np.uint64(size)
            for i in range(low, low + size):
                h = _mix(h, ordered[i])
            mask = np.uint64(len(known) - 1)
            spot = h & mask
            label = -1
            while known[spot] != -1:
                other = known[spot]
                start = label_ptr[other]
                if digest[other] == h and label_ptr[other + 1] - start == size:
                    same = True
                    for i in range(size):
                        if label_classes[start + i] != ordered[low + i]:
                            same = False
                            break
                    if same:
                        label = other
                        break
                spot = (spot + np.uint64(1)) & mask
            if label < 0:
                label = n_labels
                if n_labels + 1 == len(label_ptr):
                    label_ptr = _longer(label_ptr, n_labels + 1, 2 * n_labels + 2)
                    digest = _longer(digest, n_labels, 2 * n_labels + 2)
                start = label_ptr[n_labels]
                if start + size > len(label_classes):
                    label_classes = _longer(label_classes, start, max(2 * len(label_classes), start + size))
                for i in range(size):
                    label_classes[start + i] = ordered[low + i]
                digest[n_labels] = h
                known[spot] = n_labels
                n_labels += 1
                label_ptr[n_labels] = start + size
                if 2 * n_labels > len(known):
                    known = np.full(2 * len(known), -1, np.int32)
                    mask = np.uint64(len(known) - 1)
                    for other in range(n_labels):
                        spot = digest[other] & mask
                        while known[spot] != -1:
                            spot = (spot + np.uint64(1)) & mask
                        known[spot] = other
            edge_from[n_edges], edge_to[n_edges], edge_label[n_edges] = s, q, label
            n_edges += 1
            low += size
    return (
        edge_from[:n_edges].copy(),
        edge_to[:n_edges].copy(),
        edge_label[:n_edges].copy(),
        label_ptr[: n_labels + 1].astype(np.int32),
        label_classes[: label_ptr[n_labels]].copy(),
    )


@kernel
def _heapsort(a, n):
    """Sort the first n entries in place (numpy's own sort costs a second of compilation)."""
    for root in range(n // 2 - 1, -1, -1):
        _sift(a, root, n)
    for last in range(n - 1, 0, -1):
        a[0], a[last] = a[last], a[0]
        _sift(a, 0, last)


@kernel
def _sift(a, root, n):
    while 2 * root + 1 < n:
        child = 2 * root + 1
        if child + 1 < n and a[child + 1] > a[child]:
            child += 1
        if a[root] >= a[child]:
            return
        a[root], a[child] = a[child], a[root]
        root = child


@kernel
def survey(edge_from, edge_to, accept):
    """Which states matter, how near the end is, and how far it can be.

    Args: edge_from, edge_to (E,) int32 ascending by (from, to); accept (S,) bool; state 0 is the start.
    Returns: live (S,) bool: reachable from the start and able to finish; distance (S,) int32: fewest edges to an
        accepting state, -1 for none; longest: most edges from the start to an accepting state, -1 when unbounded.
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
    # Longest path by peeling off states whose predecessors are all done; what is never peeled off lies on a cycle.
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
