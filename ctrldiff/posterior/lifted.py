"""A token automaton, and every array that is worked out of it once: what reads and sweeps go by."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from ctrldiff.errors import ShapeError, VocabularyError
from ctrldiff.kernels.chain import NO_CLASS, Chain
from ctrldiff.posterior.arrays import fixed, whole_number
from ctrldiff.posterior.proviso import Proviso

if TYPE_CHECKING:
    from ctrldiff.tokens.token_automaton import TokenAutomaton
    from ctrldiff.tokens.vocabulary import Vocabulary


class Classes(NamedTuple):
    """Which tokens form a class. Class C collects the tokens that no edge carries."""

    of_token: NDArray[np.uint32]  # (V,)
    ptr: NDArray[np.int64]  # (C + 2,) where each class begins in `tokens`
    tokens: NDArray[np.int32]  # (V,) grouped by class, ascending within one


@dataclass(frozen=True, eq=False)
class Lifted:
    """A token automaton and the vocabulary it was read through, as arrays. `Table` binds it to logits.

    `start` is the state a text
    begins in; a table that goes on from the middle of one has another (`ahead`). `prior` says which weights its edges
    have, if any: tables are parts of one another only under the same. `layer` (E,) says which layer of scores each edge
    reads, where scores depend on where in the text a token stands: the logits then have `layers` times V columns, layer
    after layer. A string takes one way through the automaton, so every query stays exact. `proviso` is what texts are
    held to besides (`lawful.py`); to it matters also `before`, the text that stands before the canvas, and `after`, how
    many positions are still to be written behind it.
    """

    automaton: TokenAutomaton
    vocabulary: Vocabulary | None = None
    start: int = 0
    prior: str = ""
    layer: NDArray[np.int64] | None = None
    proviso: Proviso | None = None
    before: bytes = b""
    after: int = 0

    def __post_init__(self) -> None:
        if self.vocabulary is not None and self.vocabulary.size != self.size:
            raise ShapeError(f"the automaton speaks of {self.size} tokens, the vocabulary of {self.vocabulary.size}")
        whole_number("start", self.start, 0, self.n_states - 1)
        if self.proviso is not None and self.vocabulary is None:
            raise VocabularyError("a proviso is about texts", hint="give the table its vocabulary")

    @property
    def size(self) -> int:
        """V: tokens."""
        return len(self.automaton.token_class)

    @cached_property
    def layers(self) -> int:
        """How many layers of V the logits have that it binds to."""
        return 1 if self.layer is None else int(self.layer.max(initial=0)) + 1

    @cached_property
    def scored(self) -> Lifted:
        """What scores are read by: this table, or where there are layers the same automaton over (layer, token) pairs,
        in which an edge of layer j carries its tokens as j * V + v."""
        if self.layer is None:
            return self
        a, C, layers = self.automaton, self.n_classes, self.layers
        keys, edge_label = np.unique(a.edge_label.astype(np.int64) * layers + self.layer, return_inverse=True)
        sets = [a.label_classes[a.label_ptr[k] : a.label_ptr[k + 1]] + j * C for k, j in zip(*divmod(keys, layers))]
        shifted = [np.where(a.token_class < 0, -1, a.token_class + j * C) for j in range(layers)]
        pairs = replace(
            a,
            token_class=np.concatenate(shifted).astype(np.int32),
            label_ptr=np.cumsum([0, *(len(one) for one in sets)]).astype(np.int32),
            label_classes=np.concatenate(sets).astype(np.int32),
            edge_label=edge_label.astype(np.int32),
            n_classes=layers * C,
        )
        return Lifted(pairs, start=self.start)

    @property
    def n_states(self) -> int:
        """S, the tail included."""
        return len(self.automaton.accept)

    @property
    def n_classes(self) -> int:
        """C: classes of tokens that act alike."""
        return self.automaton.n_classes

    @property
    def n_edges(self) -> int:
        """E: grouped edges."""
        return len(self.automaton.edge_to)

    @property
    def shortest(self) -> int:
        """The fewest positions that hold a whole text: the smallest budget that works."""
        return int(self.automaton.distance[self.start])

    @property
    def longest(self) -> int | None:
        """The most positions any text takes (without stop and pad), or None when there is no most."""
        return self.automaton.longest

    def ahead(self, state: int, after: int = 0, before: bytes = b"") -> Self:
        """The table of what may follow from `state`, where `after` positions beyond the canvas are still to be written.

        A string is legal there if it can be finished within those. What is written beyond is not weighed, neither by
        scores nor by edge weights, only whether there is a way: so the posterior of a block knows the whole remaining
        canvas, and its own logits alone.
        Raises: VocabularyError without stop ids, as a text could not end before the last position; ShapeError for a
            state that is none, or `after` below 0.
        """
        _ = self.tail
        state = whole_number("state", state, 0, self.n_states - 1)
        after = whole_number("after", after, 0, 2**31 - 1)
        distance = fixed(np.maximum(self.automaton.distance - after, 0), np.int32)
        accept = distance == 0
        automaton = replace(self.automaton, accept=accept, distance=distance)
        part = replace(self, automaton=automaton, start=state, before=before, after=after)
        # What depends on the tokens alone is shared: it costs a sort of the vocabulary.
        shared = {"classes": self.classes, "only_token": self.only_token, "device_classes": self.device_classes}
        part.__dict__.update(shared, chain=self.chain._replace(accept=fixed(accept, np.uint8), distance=distance))
        return part

    @property
    def tail(self) -> int:
        """The state behind the end of a text. Raises: VocabularyError without stop ids."""
        if self.automaton.tail is None:
            raise VocabularyError("no token ends a text", hint="give the vocabulary its stop_ids")
        return self.automaton.tail

    @cached_property
    def chain(self) -> Chain:
        """The automaton's arrays for the kernels."""
        a = self.automaton
        per_state = np.bincount(a.edge_from, minlength=self.n_states)
        return Chain(
            edge_ptr=fixed(np.concatenate([[0], np.cumsum(per_state)]), np.int32),
            edge_to=fixed(a.edge_to, np.int32),
            edge_label=fixed(a.edge_label, np.int32),
            weight=fixed(() if a.edge_weight is None else a.edge_weight, np.float64),
            label_ptr=fixed(a.label_ptr, np.int32),
            label_classes=fixed(a.label_classes, np.int32),
            distance=fixed(a.distance, np.int32),
            accept=fixed(a.accept, np.uint8),
        )

    @cached_property
    def needs(self) -> NDArray[np.int64]:
        """(S,) the positions that a text standing there takes at least, whichever of its tokens it goes on with: one,
        and the longest of the shortest ways to finish behind it. 0 where it can only end."""
        chain = self.chain
        behind = np.where(chain.edge_to == self.tail, 0, 1 + chain.distance[chain.edge_to].astype(np.int64))
        needs = np.zeros(self.n_states, np.int64)
        np.maximum.at(needs, self.automaton.edge_from, behind)
        return fixed(needs, np.int64)

    @cached_property
    def classes(self) -> Classes:
        """The tokens of each class."""
        C = self.n_classes
        of_token = np.where(self.automaton.token_class < 0, C, self.automaton.token_class).astype(np.uint32)
        sizes = np.bincount(of_token, minlength=C + 1)
        return Classes(
            of_token=fixed(of_token, np.uint32),
            ptr=fixed(np.concatenate([[0], np.cumsum(sizes)]), np.int64),
            tokens=fixed(np.argsort(of_token, kind="stable"), np.int32),
        )

    def members(self, c: int) -> NDArray[np.int32]:
        """The tokens of class c, ascending."""
        return self.classes.tokens[self.classes.ptr[c] : self.classes.ptr[c + 1]]

    def written_class(self, written: NDArray[np.int64]) -> NDArray[np.int32]:
        """(T,) int32 as the kernels want it: the class, NO_CLASS for a token on no edge, -1 where open."""
        token_class = self.automaton.token_class[np.maximum(written, 0)]
        return np.where(written < 0, -1, np.where(token_class < 0, NO_CLASS, token_class)).astype(np.int32)

    def leaving(self, state: int) -> NDArray[np.int64]:
        """(C + 1,) the edge that each class takes out of a state, -1 for none; the last is for tokens on no edge."""
        if state not in self._leaving:
            chain, out = self.chain, np.full(self.n_classes + 1, -1)
            for e in range(chain.edge_ptr[state], chain.edge_ptr[state + 1]):
                k = chain.edge_label[e]
                out[chain.label_classes[chain.label_ptr[k] : chain.label_ptr[k + 1]]] = e
            self._leaving[state] = out
        return self._leaving[state]

    @cached_property
    def _leaving(self) -> dict[int, NDArray[np.int64]]:
        return {}

    @cached_property
    def device_classes(self) -> dict[Any, Any]:
        """Copies of `classes.of_token` on torch devices, made when first needed."""
        return {}

    @cached_property
    def device_packs(self) -> dict[Any, Any]:
        """Copies of all arrays on torch devices (`gpu/pack.py`), made when first needed."""
        return {}

    @cached_property
    def reached(self) -> dict[int, NDArray[np.uint8]]:
        """By the length of a canvas, where the start can lead on it if nothing is written; filled by the sweeps."""
        return {}

    @cached_property
    def only_token(self) -> NDArray[np.int64]:
        """(L,) the token of each label that holds exactly one, else -1."""
        sizes = np.diff(self.classes.ptr)
        ptr, classes = self.chain.label_ptr, self.chain.label_classes
        counts = np.add.reduceat(np.append(sizes[classes], 0), ptr[:-1]) if len(ptr) > 1 else np.zeros(0, np.int64)
        first = self.classes.tokens[self.classes.ptr[classes[ptr[:-1]]]] if len(ptr) > 1 else counts
        return np.where(counts == 1, first, -1).astype(np.int64)

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}({self.n_states:,} states, {self.n_edges:,} edges, {self.n_classes:,} classes of "
            f"{self.size:,} tokens, shortest {self.shortest})"
        )
