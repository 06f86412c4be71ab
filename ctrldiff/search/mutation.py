"""Mutations that keep the grammar: a span of a whole text is cut out, and a gap of another size put in its place.

What the automaton reads between two of its states is what a sub-automaton generates, a subtree where the grammar has
trees. Which gaps can be filled is asked of the automaton beforehand; what fills them, of the model.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from ctrldiff.posterior.table import Table
from ctrldiff.search.anew import NOTED
from ctrldiff.state import State, Status, Where

Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Mutation:
    """Tokens `start` to `stop` of a text give way to `size` others, to fewer where the text may end with them."""

    start: int
    stop: int
    size: int


@dataclass(frozen=True)
class Text:
    """A complete canvas: (T,) its own positions.

    Fields: ids; fixed (T,) bool, what was given; length, tokens of text before its first end token; end, an id that
        ends a text, None where no id does.
    """

    ids: NDArray[np.int64]
    fixed: Bools
    length: int
    end: int | None

    @staticmethod
    def of(state: State, row: int, stops: tuple[int, ...]) -> Text:
        """What stands in a row."""
        own = int(state.lengths[row])
        ids = state.tokens[row, :own].numpy()
        (ends,) = np.isin(ids, stops).nonzero()
        fixed = (state.status[row, :own] == int(Status.FIXED)).numpy()
        return Text(ids, fixed, int(ends[0]) if len(ends) else own, stops[0] if stops else None)

    def spans(self, size: int) -> Iterator[tuple[int, int]]:
        """Where at most `size` tokens of the text may give way, nothing given among them; empty spans too."""
        for start in range(self.length + 1):
            for stop in range(start, min(start + size, self.length) + 1):
                if not self.fixed[start:stop].any():
                    yield start, stop

    def sizes(self, start: int, stop: int, size: int) -> range:
        """How many tokens the canvas has room for in their place; only as many where what is given would move."""
        if self.end is None or self.fixed[stop:].any():
            return range(stop - start, stop - start + 1)
        return range(min(size, len(self.ids) - self.length + stop - start) + 1)

    def opened(self, mutation: Mutation) -> tuple[NDArray[np.int64], Bools]:
        """The canvas with the gap in it, and where it is. What stands behind the text is moved, cut or lengthened."""
        source, where = self.source(mutation), np.zeros(len(self.ids), np.bool_)
        where[mutation.start : mutation.start + mutation.size] = True
        last = self.ids[-1] if self.length < len(self.ids) else self.end
        new = np.where(where, 0, 0 if last is None else last)  # without an end there is nothing but the gap
        return np.where(source >= 0, self.ids[source], new), where

    def source(self, mutation: Mutation) -> NDArray[np.int64]:
        """(T,) where each position of that canvas stood before; -1 for the gap, and for what is lengthened."""
        total = len(self.ids)
        gap, behind = np.full(mutation.size, -1), np.full(max(0, mutation.stop - mutation.start - mutation.size), -1)
        return np.concatenate([np.arange(mutation.start), gap, np.arange(mutation.stop, total), behind])[:total]


@dataclass(frozen=True)
class Gaps:
    """Which gaps of a text have fillings, by a table's automaton; without a table, all have.

    Fields: states (T + 1,) along the canvas; onward (L + 1, S), from which states the text's rest leads to an end.
    """

    table: Table | None
    text: Text
    states: NDArray[np.int32] | None = None
    onward: Bools | None = None

    @staticmethod
    def of(table: Table | None, text: Text) -> Gaps:
        """Read once for a text; what it costs is the automaton's edges for each of its tokens."""
        if table is None:
            return Gaps(None, text)
        automaton, n = table.automaton, text.length
        onward = np.zeros((n + 1, automaton.n_states), np.bool_)
        onward[n] = automaton.accept
        if automaton.tail is not None:
            onward[n, automaton.tail] = False
        label_of = np.repeat(np.arange(automaton.n_labels), np.diff(automaton.label_ptr))
        for t in range(n - 1, -1, -1):
            holds = np.zeros(automaton.n_labels, np.bool_)
            holds[label_of[automaton.label_classes == automaton.token_class[text.ids[t]]]] = True
            edge = holds[automaton.edge_label] & onward[t + 1][automaton.edge_to]
            onward[t, automaton.edge_from[edge]] = True
        return Gaps(table, text, table.states(text.ids), onward)

    def sizes(self, start: int, stop: int, size: int) -> list[int]:
        """The sizes of gaps in the place of a span that can be filled, with something else than what stands there if
        it is as long. Of a table with a proviso only this one: of others the automaton does not know."""
        room, same = self.text.sizes(start, stop, size), stop - start
        if self.table is None:
            return [m for m in room if m or same]
        assert self.states is not None and self.onward is not None
        automaton, found = self.table.automaton, []
        reached = np.zeros(automaton.n_states, np.bool_)
        reached[self.states[start]] = True
        for m in range(room.stop):
            if m:
                there = automaton.edge_to[reached[automaton.edge_from]]
                reached = np.zeros(automaton.n_states, np.bool_)
                reached[there] = True
                if automaton.tail is not None:
                    reached[automaton.tail] = False
            if m in room and m != same and self.table.proviso is None and (reached & self.onward[stop]).any():
                found.append(m)
        return found + ([same] if same and self._has_another(start, stop) else [])

    def _has_another(self, start: int, stop: int) -> bool:
        ids, where = self.text.opened(Mutation(start, stop, stop - start))
        assert self.table is not None
        return bool((self.table.forced(np.where(where, -1, ids)) < 0).any())


def drawn(gaps: Gaps, size: int, rng: np.random.Generator) -> Mutation | None:
    """A span drawn evenly from those that can be anything else, then the size of its gap; None if there is no such
    span."""
    spans = list(gaps.text.spans(size))
    for k in rng.permutation(len(spans)).tolist():
        start, stop = spans[k]
        if sizes := gaps.sizes(start, stop, size):
            return Mutation(start, stop, sizes[int(rng.integers(len(sizes)))])
    return None


def mutated(state: State, mutations: dict[int, tuple[Text, Mutation]]) -> State:
    """The state with these rows' gaps open, and all behind them moved, with what is noted of it."""
    tokens, status = state.tokens.clone(), state.status.clone()
    opened: Where = torch.zeros_like(state.open)
    # What the text is lengthened by left no choice.
    moved = [(state.held_at.clone(), 0), (state.held_confidence.clone(), 1.0)]
    notes = {name: state.memory[name].clone() for name in NOTED if name in state.memory}
    moved += [(one, torch.nan) for one in notes.values()]
    for row, (text, mutation) in mutations.items():
        ids, where = text.opened(mutation)
        tokens[row, : len(ids)], opened[row, : len(ids)] = torch.from_numpy(ids), torch.from_numpy(where)
        status[row, : len(ids)] = torch.where(
            torch.from_numpy(text.fixed), status[row, : len(ids)], torch.tensor(int(Status.HELD), dtype=status.dtype)
        )
        source = torch.from_numpy(text.source(mutation))
        for value, fresh in moved:
            value[row, : len(ids)] = value[row, source].masked_fill(source < 0, fresh)
    (held_at, _), (sure, _), *_ = moved
    state = replace(state, tokens=tokens, status=status, held_at=held_at, held_confidence=sure)
    return state.remember(**notes).reopen(opened)
