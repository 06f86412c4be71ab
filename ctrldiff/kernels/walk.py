"""Forward along the sparse chain with known futures: the best string, a drawn one, a given one.

Arrays and letters as in `kernels/chain.py`; `best` and `total` are what its sweeps found. At state s before position t
an edge e to q has the share

    exp(lab[t, label(e)] + weight(e) + total[t + 1, q] - total[t, s])

of all that may be written from there; these add up to 1, so a draw needs one uniform number and no second look. The
best string goes on with an edge for which the same difference, with `best` in place of `total`, is exactly 0.

        best   7        7        4        0          7 = 3 + 4: such an edge keeps the best; 2 + 4 does not
               o---0--->o---3--->o---4--->o
                         '--2---'                    (below, without weights; edges are (s, q, label))

Plainly (the tests run this beside the kernels; each class is one token, members[k] the classes of label k):

    def best_string(edges, members, cls, lab, best, s):
        out = []
        for t in range(len(lab)):
            keep = [(q, k) for p, q, k in edges if p == s and lab[t][k] + best[t + 1][q] == best[t][s]]
            c, s = min((c, q) for q, k in keep for c in members[k] if cls[t][c] == lab[t][k])
            out.append(c)
        return out

    def tied(edges, members, cls, lab, best, s):
        out, here = np.zeros(np.shape(cls)), {s}
        for t in range(len(lab)):
            keep = [(q, k) for p, q, k in edges if p in here and lab[t][k] + best[t + 1][q] == best[t][p]]
            for c in (c for _, k in keep for c in members[k] if cls[t][c] == lab[t][k]):
                out[t, c] = 1
            here = {q for q, _ in keep}
        return out

    def drawn(edges, members, cls, lab, total, s, uniforms):
        out = []
        for t in range(len(lab)):
            ways = [(q, k) for p, q, k in edges if p == s]
            shares = np.cumsum([np.exp(lab[t][k] + total[t + 1][q] - total[t][s]) for q, k in ways])
            s, k = ways[np.argmax(shares > uniforms[t][0])]
            shares = np.cumsum([np.exp(cls[t][c] - lab[t][k]) for c in members[k]])
            out.append(members[k][np.argmax(shares > uniforms[t][1])])
        return out
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ctrldiff.kernels.chain import Chain
from ctrldiff.kernels.jit import kernel
from ctrldiff.kernels.lanes import widen

F64: TypeAlias = NDArray[np.float64]
I32: TypeAlias = NDArray[np.int32]
I64: TypeAlias = NDArray[np.int64]
U8: TypeAlias = NDArray[np.uint8]
Scores: TypeAlias = NDArray[Any]  # float32, or the bits of narrower floats: see `kernels/lanes.py`


# --- the best string, a drawn string -----------------------------------------------------------------------------


@kernel
def walk_best(
    chain: Chain,
    start: int,
    lab: F64,
    cls: F64,
    best: F64,
    x: Scores,
    class_ptr: I32,
    class_tokens: I32,
    first: I32,
    written: I64,
) -> I64:
    """(T,) token ids of the best string; of equal ones, the first in token-id order.

    At every position the edges that keep the best weight are compared by the smallest token that attains it.
    first: (T, C) int32, the smallest token attaining cls[t, c], or -1: not known, look in x (and note it here).
    """
    edge_ptr, edge_to, edge_label, weight = chain.edge_ptr, chain.edge_to, chain.edge_label, chain.weight
    label_ptr, label_classes = chain.label_ptr, chain.label_classes
    T = lab.shape[0]
    weighted = weight.size > 0
    tokens = np.empty(T, np.int64)
    s = start
    for t in range(T):
        choice, after = -1, -1
        for e in range(edge_ptr[s], edge_ptr[s + 1]):
            k = edge_label[e]
            w = lab[t, k] + best[t + 1, edge_to[e]]
            if weighted:
                w += weight[e]
            if w != best[t, s]:  # the sum the sweep took, in its order: equal to the last bit, or not the best
                continue
            for i in range(label_ptr[k], label_ptr[k + 1]):
                c = label_classes[i]
                if cls[t, c] != lab[t, k]:
                    continue
                v = written[t]
                if v < 0:
                    # Only now a token is needed: a look through the class, and only for classes that tie for the best.
                    if first[t, c] < 0:
                        first[t, c] = _first_with(x[t], class_tokens[class_ptr[c] : class_ptr[c + 1]], cls[t, c])
                    v = first[t, c]
                if choice < 0 or v < choice:
                    choice, after = v, edge_to[e]
        tokens[t] = choice
        s = after
    return tokens


@kernel
def tied_classes(chain: Chain, start: int, lab: F64, cls: F64, best: F64) -> U8:
    """(T, C) uint8: 1 for the classes that hold a token of some best string at a position. `walk_best` asks for the
    first token of these alone."""
    edge_ptr, edge_to, edge_label, weight = chain.edge_ptr, chain.edge_to, chain.edge_label, chain.weight
    T, S = lab.shape[0], best.shape[1]
    out, here, there = np.zeros(cls.shape, np.uint8), np.zeros(S, np.uint8), np.zeros(S, np.uint8)
    here[start] = 1
    for t in range(T):
        there[:] = 0
        for s in range(S):
            if here[s]:
                for e in range(edge_ptr[s], edge_ptr[s + 1]):
                    k = edge_label[e]
                    w = lab[t, k] + best[t + 1, edge_to[e]]
                    if weight.size > 0:
                        w += weight[e]
                    if w == best[t, s]:
                        there[edge_to[e]] = 1
                        for i in range(chain.label_ptr[k], chain.label_ptr[k + 1]):
                            c = chain.label_classes[i]
                            out[t, c] |= cls[t, c] == lab[t, k]
        here, there = there, here
    return out


@kernel
def _first_with(scores: Scores, members: I32, score: float) -> int:
    """The first of these tokens with this very score, or -1."""
    for a in range(members.size):
        if widen(scores[members[a]]) == score:
            return members[a]
    return -1


@kernel
def walk_sample(chain: Chain, start: int, lab: F64, cls: F64, total: F64, uniforms: F64) -> I32:
    """(n, T) class ids drawn from the posterior: forward with the future summed out (`total`).

    uniforms: (n, T, 3) in [0, 1): the first chooses the edge, the second its class, the third is for the token.
    """
    edge_ptr, edge_to, edge_label, weight = chain.edge_ptr, chain.edge_to, chain.edge_label, chain.weight
    label_ptr, label_classes = chain.label_ptr, chain.label_classes
    n, T = uniforms.shape[0], lab.shape[0]
    weighted = weight.size > 0  # asked by size, not by None: one compiled version serves both
    classes = np.empty((n, T), np.int32)
    for j in range(n):
        s = start
        for t in range(T):
            u, run, chosen = uniforms[j, t, 0], 0.0, -1
            for e in range(edge_ptr[s], edge_ptr[s + 1]):
                w = lab[t, edge_label[e]] + total[t + 1, edge_to[e]]
                if weighted:
                    w += weight[e]
                p = np.exp(w - total[t, s])
                run += p
                # The shares add up to 1 but for rounding: where `u` lies behind them all, the last possible edge is it.
                if p > 0.0:
                    chosen = e
                    if run > u:
                        break
            # Of the label's classes the same way; the token within the class is drawn by whoever holds the logits.
            k = edge_label[chosen]
            u, run, c = uniforms[j, t, 1], 0.0, -1
            for i in range(label_ptr[k], label_ptr[k + 1]):
                p = np.exp(cls[t, label_classes[i]] - lab[t, k])
                run += p
                if p > 0.0:
                    c = label_classes[i]
                    if run > u:
                        break
            classes[j, t] = c
            s = edge_to[chosen]
    return classes


# --- a given string ----------------------------------------------------------------------------------------------


@kernel
def edge_of(chain: Chain, state: int, token_class: int) -> int:
    """The edge by which a state reads a token class, or -1. There is one at most."""
    edge_ptr, edge_label = chain.edge_ptr, chain.edge_label
    label_ptr, label_classes = chain.label_ptr, chain.label_classes
    # By trying: an index by (state, class) would be S x C, and a string asks T times only.
    for e in range(edge_ptr[state], edge_ptr[state + 1]):
        k = edge_label[e]
        for i in range(label_ptr[k], label_ptr[k + 1]):
            if label_classes[i] == token_class:
                return e
    return -1


@kernel
def walk_tokens(chain: Chain, start: int, classes: I32) -> float:
    """The summed edge weights along one string of token classes (0 without weights), or -inf if it is not legal."""
    s, w = start, 0.0  # the scores of the tokens are added by whoever holds the logits
    for t in range(classes.size):
        e = edge_of(chain, s, classes[t])
        if e < 0:
            return -np.inf
        if chain.weight.size > 0:
            w += chain.weight[e]
        s = chain.edge_to[e]
    return w if chain.accept[s] else -np.inf


@kernel
def walk_local(chain: Chain, start: int, label_sum: F64, alive: U8, classes: I32, scores: F64) -> F64:
    """(T,) the log share of each token of one string among all tokens that may stand there after those before it.

    A token may stand where something can still be written behind it; -inf from the first one that may not.
    alive: (T + 1, S), what `leads_on` says.
    """
    edge_ptr, edge_to, edge_label = chain.edge_ptr, chain.edge_to, chain.edge_label
    out = np.full(classes.size, -np.inf)
    s = start
    for t in range(classes.size):
        e = edge_of(chain, s, classes[t])
        # `alive` and not `reach` says what leads on: a ban of the logits further right counts too.
        if e < 0 or not alive[t + 1, edge_to[e]] or scores[t] == -np.inf:
            break
        high = -np.inf
        for d in range(edge_ptr[s], edge_ptr[s + 1]):
            if alive[t + 1, edge_to[d]]:
                high = max(high, label_sum[t, edge_label[d]])
        total = 0.0
        for d in range(edge_ptr[s], edge_ptr[s + 1]):
            if alive[t + 1, edge_to[d]]:
                total += np.exp(label_sum[t, edge_label[d]] - high)
        out[t] = scores[t] - high - np.log(total)
        s = edge_to[e]
    return out


@kernel
def walk_to(chain: Chain, start: int, end: int, classes: I32) -> tuple[int, int]:
    """The state one string of token classes leads to, and how many of them were read: fewer if the next leads nowhere.

    Nothing more is read once `end` is reached.
    """
    s = start
    for t in range(classes.size):
        if s == end:  # what stands behind the end is no part of the text
            return s, classes.size
        e = edge_of(chain, s, classes[t])
        if e < 0:
            return s, t
        s = chain.edge_to[e]
    return s, classes.size


@kernel
def walk_states(chain: Chain, start: int, classes: I32) -> I32:
    """(T + 1,) the states along one string of token classes, the start first; -1 behind a token that leads nowhere."""
    out = np.full(classes.size + 1, -1, np.int32)
    out[0] = start
    for t in range(classes.size):
        e = edge_of(chain, out[t], classes[t])
        if e < 0:
            break
        out[t + 1] = chain.edge_to[e]
    return out
