"""A `Dfa` read through a `Vocabulary`: which token leads from which state to which, in the form the chain
solver eats.

Tokens that act alike in every state form one *class*; the edges between two states are one *grouped edge*,
labelled with the set of classes that take it. A constraint of 785 states over 131,072 tokens has millions of
(state, token) edges and a few thousand grouped ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ctrldiff.errors import ConstraintTooLarge, ConstraintUnsatisfiable, ShapeError
from ctrldiff.kernels import lift as kernels
from ctrldiff.kernels.reach import survey
from ctrldiff.limits import DEFAULT, Limits

if TYPE_CHECKING:
    from ctrldiff.automata.dfa import Dfa
    from ctrldiff.automata.trie import Tree
    from ctrldiff.tokens.vocabulary import Vocabulary


@dataclass(frozen=True, eq=False)
class TokenAutomaton:
    """Token sequences whose bytes a `Dfa` accepts, ended by a stop id or by the end of the canvas.

    Every state can be reached from the start (state 0) and can finish, by whole tokens. The states of the
    text come first, numbered as in the `Dfa` minus those that whole tokens cannot use. When the vocabulary
    has stop ids, the last state is the *tail*: every accepting state leads to it by a stop id, and it leads
    to itself by a stop id or the pad.

    Fields (V tokens, C classes, L labels, E edges, S states; arrays are read-only):
        token_class: (V,) int32; tokens with equal transitions share a class; -1 for a token on no edge.
            Classes of text are numbered by their first token; after them come the class of the stop ids and
            that of the pad.
        label_ptr, label_classes: (L + 1,), (nnz,) int32; label l is the ascending set
            `label_classes[label_ptr[l]:label_ptr[l + 1]]`. No two labels are equal.
        edge_from, edge_to, edge_label: (E,) int32, ascending by (from, to), one edge per pair; with weights, one per
            (from, to, weight), so that their labels share no class.
        edge_weight: (E,) float32, a log weight added on the edge, or None for no weights.
        accept: (S,) bool, the states in which the canvas may end (the tail is one of them).
        distance: (S,) int32, fewest tokens to such a state.
        longest: most tokens any text takes (without the tail), or None when there is no most.
        n_classes: C.
        tail: the number of the tail state, or None.
        vocabulary: the fingerprint of the vocabulary.
    """

    token_class: NDArray[np.int32]
    label_ptr: NDArray[np.int32]
    label_classes: NDArray[np.int32]
    edge_from: NDArray[np.int32]
    edge_to: NDArray[np.int32]
    edge_label: NDArray[np.int32]
    edge_weight: NDArray[np.float32] | None
    accept: NDArray[np.bool_]
    distance: NDArray[np.int32]
    longest: int | None
    n_classes: int
    tail: int | None
    vocabulary: str

    def __post_init__(self) -> None:
        """What the kernels trust. Raises: ShapeError for arrays that are no token automaton."""
        for name, array in self.arrays.items():
            kind = ARRAYS.get(name, np.dtype(np.float32))
            if not isinstance(array, np.ndarray) or array.dtype != kind or array.ndim != 1:
                raise ShapeError(f"{name} is no one-dimensional array of {kind}", hint="lift makes token automata")
        S, E, C = len(self.accept), len(self.edge_from), self.n_classes
        counts = (C, *(() if self.tail is None else (self.tail,)))
        if any(isinstance(n, bool) or not isinstance(n, int | np.integer) or not 0 <= n < 2**31 for n in counts):
            raise ShapeError(f"n_classes={C!r}, tail={self.tail!r}: whole numbers", hint="lift makes token automata")
        if len(self.distance) and self.distance.min() < 0:
            raise ShapeError("distance must not be below 0", hint="lift makes token automata")
        weights = E if self.edge_weight is None else len(self.edge_weight)
        if not S or len(self.distance) != S or {len(self.edge_to), len(self.edge_label), weights} != {E}:
            raise ShapeError(
                f"{S} states and {E} edges: some array has another length", hint="lift makes token automata"
            )
        ptr = self.label_ptr
        if not len(ptr) or ptr[0] != 0 or ptr[-1] != len(self.label_classes) or (np.diff(ptr) < 0).any():
            raise ShapeError("label_ptr does not cut label_classes into labels", hint="it ascends from 0 to its length")
        bounds = (("edge_from", 0, S), ("edge_to", 0, S), ("edge_label", 0, len(ptr) - 1), ("label_classes", 0, C))
        for name, low, high in (*bounds, ("token_class", -1, C)):
            array = self.arrays[name]
            if len(array) and (array.min() < low or array.max() >= high):
                raise ShapeError(f"{name} must lie in {low}..{high - 1}")
        if (np.diff(self.edge_from) < 0).any():
            raise ShapeError("edge_from must ascend")
        if self.tail is not None and not 0 <= self.tail < S:
            raise ShapeError(f"tail is {self.tail}, not one of {S} states")
        for array in self.arrays.values():
            array.setflags(write=False)

    @property
    def arrays(self) -> dict[str, NDArray[Any]]:
        """The arrays by field name."""
        named = {name: getattr(self, name) for name in ARRAYS}
        return named if self.edge_weight is None else named | {"edge_weight": self.edge_weight}

    @property
    def n_states(self) -> int:
        """S, the tail included."""
        return len(self.accept)

    @property
    def n_edges(self) -> int:
        """E: grouped edges, those of the tail included."""
        return len(self.edge_from)

    @property
    def n_labels(self) -> int:
        """L: distinct sets of classes."""
        return len(self.label_ptr) - 1

    @property
    def shortest(self) -> int:
        """The fewest tokens a text takes, without a stop id."""
        return int(self.distance[0])

    @property
    def nbytes(self) -> int:
        """Bytes held by the arrays."""
        return sum(array.nbytes for array in self.arrays.values())

    def __repr__(self) -> str:
        return (
            f"TokenAutomaton({self.n_states:,} states, {self.n_edges:,} edges, {self.n_labels:,} labels, "
            f"{self.n_classes:,} classes of {len(self.token_class):,} tokens)"
        )


ARRAYS = {
    "token_class": np.dtype(np.int32),
    "label_ptr": np.dtype(np.int32),
    "label_classes": np.dtype(np.int32),
    "edge_from": np.dtype(np.int32),
    "edge_to": np.dtype(np.int32),
    "edge_label": np.dtype(np.int32),
    "accept": np.dtype(np.bool_),
    "distance": np.dtype(np.int32),
}


def lift(dfa: Dfa | Tree, vocabulary: Vocabulary, limits: Limits = DEFAULT) -> TokenAutomaton:
    """Read `dfa` through `vocabulary`. Exact: no hash decides anything, no token is left out.

    Raises: ConstraintUnsatisfiable when no sequence of tokens spells a member; ConstraintTooLarge when
        `limits.max_edges`, `max_bytes` or `max_lift_steps` is passed.
    """
    return lift_arrays(dfa.table, dfa.classes, dfa.accept, vocabulary, limits)


def lift_arrays(
    table: NDArray[np.int32],
    classes: NDArray[np.uint8],
    accept: NDArray[np.bool_],
    vocabulary: Vocabulary,
    limits: Limits = DEFAULT,
) -> TokenAutomaton:
    """`lift` for a DFA given as arrays: table (S, K) int32 with -1 for dead, classes (256,) uint8, accept
    (S,) bool.

    State 0 is the start. The DFA need be neither minimal nor trimmed.
    """
    accept = accept.copy()  # a writable copy, as in `columns_of`
    token_class, begin, end, pairs = columns_of(table, classes, len(accept), vocabulary, limits)
    edges = kernels.group(begin, end, pairs, len(accept))
    live, distance, longest = survey(edges[0], edges[1], accept)
    if not live[0]:
        raise unsatisfiable(table, classes, accept, vocabulary)
    n_classes = len(begin)
    if not live.all():
        token_class, begin, end, pairs = restrict(token_class, begin, end, pairs, live)
        n_classes, accept, distance = len(begin), accept[live], distance[live]
        edges = kernels.group(begin, end, pairs, len(accept))
    return with_tail(token_class, n_classes, edges, accept, distance, int(longest), vocabulary)


def columns_of(
    table: NDArray[np.int32], classes: NDArray[np.uint8], n_sources: int, vocabulary: Vocabulary, limits: Limits
) -> tuple[NDArray[Any], ...]:
    """Token classes and their columns, see `kernels/lift.py`. Raises ConstraintTooLarge."""
    # Writable copies: kernels are compiled once, not again for read-only arrays. A pair is held twice at the worst
    # moment (by column and by row), 8 bytes each time.
    max_pairs = min(limits.max_edges, limits.max_bytes // 16)
    status, amount, token_class, begin, end, pairs = kernels.columns(
        *vocabulary.trie, classes.copy(), table.T.copy(), n_sources, max_pairs, limits.max_lift_steps
    )
    if status == kernels.TOO_MANY_STEPS:
        raise ConstraintTooLarge("steps of reading the vocabulary", int(amount), limits.max_lift_steps)
    if status == kernels.TOO_MANY_PAIRS and max_pairs == limits.max_edges:
        raise ConstraintTooLarge("(state, token class) pairs", int(amount), max_pairs)
    if status == kernels.TOO_MANY_PAIRS:
        raise ConstraintTooLarge("bytes of (state, token class) pairs", int(amount) * 16, limits.max_bytes)
    return token_class, begin, end, pairs


def restrict(
    token_class: NDArray[np.int32],
    begin: NDArray[np.int64],
    end: NDArray[np.int64],
    pairs: NDArray[np.int64],
    live: NDArray[np.bool_],
) -> tuple[NDArray[Any], ...]:
    """The columns over live states only; those that became equal are one class. Numbered by first token."""
    renumber = np.cumsum(live, dtype=np.int64) - 1
    number: dict[bytes, int] = {b"": -1}
    kept, lengths = [pairs[:0]], [0]
    new_class = np.full(len(begin) + 1, -1, dtype=np.int32)  # the last entry stays -1, for tokens of class -1
    for c, (low, high) in enumerate(zip(begin.tolist(), end.tolist())):
        source, target = pairs[low:high] >> 32, pairs[low:high] & 0x7FFFFFFF
        both = live[source] & live[target]
        column = renumber[source[both]] << 32 | renumber[target[both]]
        key = column.tobytes()
        if key not in number:
            number[key] = len(lengths) - 1
            kept.append(column)
            lengths.append(len(column))
        new_class[c] = number[key]
    ptr = np.cumsum(lengths, dtype=np.int64)
    return new_class[token_class], ptr[:-1], ptr[1:], np.concatenate(kept)


def with_tail(
    token_class: NDArray[np.int32],
    n_classes: int,
    edges: tuple[NDArray[np.int32], ...],
    accept: NDArray[np.bool_],
    distance: NDArray[np.int32],
    longest: int,
    vocabulary: Vocabulary,
) -> TokenAutomaton:
    """Add the state after the text, where stop ids and the pad fill the canvas."""
    edge_from, edge_to, edge_label, label_ptr, label_classes = edges
    tail = None
    if vocabulary.stop_ids:
        tail, stop, pad = len(accept), n_classes, n_classes + 1
        padded = vocabulary.pad_id is not None and vocabulary.pad_id not in vocabulary.stop_ids
        token_class = token_class.copy()
        token_class[list(vocabulary.stop_ids)] = stop
        n_classes += 1
        nnz, stop_label = len(label_classes), len(label_ptr) - 1
        label_classes = np.append(label_classes, np.int32(stop))
        label_ptr = np.append(label_ptr, np.int32(nnz + 1))
        loop_label = stop_label
        if padded:
            token_class[vocabulary.pad_id] = pad
            n_classes += 1
            label_classes = np.append(label_classes, np.array([stop, pad], dtype=np.int32))
            label_ptr = np.append(label_ptr, np.int32(nnz + 3))
            loop_label += 1
        leaving = np.append(np.flatnonzero(accept), tail).astype(np.int32)
        labels = np.append(np.full(len(leaving) - 1, stop_label), loop_label).astype(np.int32)
        # The tail is the highest `to`, so each new edge goes behind all edges of its `from`.
        at = np.searchsorted(edge_from, leaving, side="right")
        edge_from = np.insert(edge_from, at, leaving)
        edge_to = np.insert(edge_to, at, np.int32(tail))
        edge_label = np.insert(edge_label, at, labels)
        accept, distance = np.append(accept, True), np.append(distance, np.int32(0))
    return TokenAutomaton(
        token_class=token_class,
        label_ptr=label_ptr,
        label_classes=label_classes,
        edge_from=edge_from,
        edge_to=edge_to,
        edge_label=edge_label,
        edge_weight=None,
        accept=np.array(accept),
        distance=distance,
        longest=None if longest < 0 else longest,
        n_classes=n_classes,
        tail=tail,
        vocabulary=vocabulary.fingerprint,
    )


def unsatisfiable(
    table: NDArray[np.int32], classes: NDArray[np.uint8], accept: NDArray[np.bool_], vocabulary: Vocabulary
) -> ConstraintUnsatisfiable:
    """Say whether nothing is a member, or whether the vocabulary cannot write a byte that every way needs."""
    from_states, by_class = np.nonzero(table >= 0)
    live, _, _ = survey(from_states.astype(np.int32), table[from_states, by_class].astype(np.int32), np.asarray(accept))
    if not live[0]:
        return ConstraintUnsatisfiable("no text at all satisfies the constraint", hint="loosen one of its parts")
    used = (live[from_states] & live[table[from_states, by_class]]).nonzero()[0]
    wanted = np.isin(classes, by_class[used])
    wanted[np.unique(vocabulary.data)] = False
    missing = bytes(np.flatnonzero(wanted).astype(np.uint8))
    return ConstraintUnsatisfiable(
        "no sequence of this vocabulary's tokens spells a text that satisfies the constraint",
        why=f"the constraint uses bytes that no token writes: {missing[:24]!r}" if missing else "",
        hint="use a vocabulary that can write these bytes (every byte-level one can), or another constraint",
        missing=missing,
    )
