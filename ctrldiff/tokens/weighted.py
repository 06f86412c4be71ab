"""A `Dfa` read through a `Vocabulary`, with log weights for what is written on the way.

The weights are those of a *sum over prefixes*: whenever the text so far is in a given language, its weight is added.
That is a weighted automaton (the languages are read beside the constraint, and a byte weighs what the pair of states
it leads to weighs), so it stays exact under everything the chain is asked. A token may pass several weighted states;
tokens that lead between the same two states at different sums go on edges of their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ctrldiff.errors import ConstraintTooLarge
from ctrldiff.kernels import lift as kernels
from ctrldiff.kernels.reach import survey
from ctrldiff.limits import DEFAULT, Limits
from ctrldiff.tokens.token_automaton import TokenAutomaton, columns_of, restrict, unsatisfiable, with_tail

if TYPE_CHECKING:
    from ctrldiff.automata.dfa import Dfa
    from ctrldiff.automata.trie import Tree
    from ctrldiff.tokens.vocabulary import Vocabulary


@dataclass(frozen=True)
class Weighted:
    """A deterministic byte automaton whose states weigh something each time they are entered.

    Fields: table (S, K) int32, -1 is dead; classes (256,) uint8; accept (S,) bool; weight (S,) float64 log weights.
    State 0 is the start; it weighs nothing until it is entered again.
    """

    table: NDArray[np.int32]
    classes: NDArray[np.uint8]
    accept: NDArray[np.bool_]
    weight: NDArray[np.float64]

    def beside(self, language: Dfa, weight: float, limits: Limits) -> Weighted:
        """The same texts; every prefix that is in `language` adds `weight`. Raises ConstraintTooLarge."""
        keys = self.classes.astype(np.int64) * 256 + language.classes
        distinct, first, classes = np.unique(keys, return_index=True, return_inverse=True)
        mine, others = self.classes[first], language.classes[first]
        width = language.n_states + 1  # the other automaton's state plus one; 0 once it is dead
        step = np.vstack([np.full(language.n_classes, -1), language.table])[:, others] + 1
        size = len(self.table) * width * len(distinct)
        if size * 4 > limits.max_bytes:
            raise ConstraintTooLarge("bytes of weighted states", size * 4, limits.max_bytes)
        number = np.full(len(self.table) * width, -1, np.int32)
        frontier, codes, rows = np.array([1]), [np.array([1])], []
        number[1], count = 0, 1
        while len(frontier):
            here, there = np.divmod(frontier, width)
            ahead = self.table[here][:, mine].astype(np.int64)
            to = np.where(ahead < 0, -1, ahead * width + step[there])
            rows.append(to)
            frontier = np.unique(to[(to >= 0) & (number[to] < 0)])
            number[frontier] = count + np.arange(len(frontier))
            count += len(frontier)
            codes.append(frontier)
            if count > limits.max_states:
                raise ConstraintTooLarge("automaton states", count, limits.max_states)
        here, there = np.divmod(np.concatenate(codes), width)
        moves = np.concatenate(rows)
        return Weighted(
            np.where(moves < 0, -1, number[moves]).astype(np.int32),
            classes.astype(np.uint8),
            self.accept[here],
            self.weight[here] + np.where(np.append(False, language.accept)[there], weight, 0.0),
        )

    def within(self, length: int, limits: Limits) -> tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.float64]]:
        """The automaton that remembers what was paid since a token began, for tokens of up to `length` bytes.

        Returns: its table (the first S states have paid nothing); the state and the sum paid of each of its states.
        Sums are kept apart by how often each weight was paid, so no rounding tells equal ones apart.
        """
        S = len(self.table)
        levels, level = np.unique(self.weight, return_inverse=True)
        paid: list[tuple[int, ...]] = [(0,) * len(levels)]
        known = {paid[0]: 0}
        free = np.flatnonzero(levels == 0.0)
        number = [np.arange(S, dtype=np.int32)]  # by sum: each state's number
        state, total = np.arange(S), np.zeros(S, np.int64)
        states, totals, tables, count = [state], [total], [], S
        for _ in range(length):
            to = self.table[state].astype(np.int64)
            paying = level[to]
            kinds, which = np.unique(total[:, None] * len(levels) + paying, return_inverse=True)
            after = np.empty(len(kinds), np.int64)
            for n, (old, more) in enumerate(zip(*np.divmod(kinds, len(levels)))):
                counts = list(paid[old])
                counts[more] += more not in free
                key = tuple(counts)
                if key not in known:
                    known[key] = len(paid)
                    paid.append(key)
                    number.append(np.full(S, -1, np.int32))
                after[n] = known[key]
            sums = np.where(to < 0, 0, after[which.reshape(to.shape)])
            lookup = np.stack(number)
            pairs = np.unique((sums * S + to)[(to >= 0) & (lookup[sums, to] < 0)])
            lookup[np.divmod(pairs, S)] = count + np.arange(len(pairs))
            number = list(lookup)
            count += len(pairs)
            if count * self.table.shape[1] * 8 > limits.max_bytes:
                raise ConstraintTooLarge("bytes of weighted states", count * self.table.shape[1] * 8, limits.max_bytes)
            tables.append(np.where(to < 0, -1, lookup[sums, to]).astype(np.int32))
            total, state = np.divmod(pairs, S)
            states.append(state)
            totals.append(total)
            if not len(pairs):
                break
        tables.append(np.full((len(state), self.table.shape[1]), -1, np.int32))
        value = np.array([float(np.dot(counts, levels)) for counts in paid])
        return np.concatenate(tables), np.concatenate(states), value[np.concatenate(totals)]


def lift_weighted(
    dfa: Dfa | Tree, weights: Sequence[tuple[Dfa, float]], vocabulary: Vocabulary, limits: Limits = DEFAULT
) -> TokenAutomaton:
    """`lift`, with the weight of every (language, weight) added for each prefix of the text in the language.

    A prefix is the text up to and including any of its bytes: the whole text is one, the empty text none.
    Raises: as `lift`.
    """
    automaton = Weighted(dfa.table, dfa.classes, dfa.accept, np.zeros(len(dfa.accept)))
    for language, weight in weights:
        automaton = automaton.beside(language, weight, limits)
    S = len(automaton.table)
    longest = int(np.diff(vocabulary.offsets).max(initial=0))
    table, state, paid = automaton.within(longest, limits)
    token_class, begin, end, pairs = columns_of(table, automaton.classes, S, vocabulary, limits)
    edges = kernels.group(begin, end, pairs, len(table))
    live, distance, farthest = _survey(edges, state, automaton.accept)
    if not live[0]:
        raise unsatisfiable(dfa.table, dfa.classes, dfa.accept, vocabulary)
    token_class, begin, end, pairs = restrict(token_class, begin, end, pairs, live[state])
    state, paid = (np.cumsum(live) - 1)[state[live[state]]], paid[live[state]]
    source, to, label, label_ptr, label_classes = kernels.group(begin, end, pairs, len(state))
    order = np.lexsort((paid[to], state[to], source))
    arrays = (source[order], state[to][order].astype(np.int32), label[order], label_ptr, label_classes)
    lifted = with_tail(token_class, len(begin), arrays, automaton.accept[live], distance[live], farthest, vocabulary)
    edge_weight = np.zeros(lifted.n_edges, np.float32)  # the tail weighs nothing
    edge_weight[lifted.edge_to != (-1 if lifted.tail is None else lifted.tail)] = paid[to][order]
    return replace(lifted, edge_weight=edge_weight)


def _survey(edges: tuple[NDArray[Any], ...], state: NDArray[np.int64], accept: NDArray[np.bool_]) -> Any:
    """`survey` of the edges between the states themselves, whatever was paid."""
    pairs = np.unique(edges[0].astype(np.int64) << 32 | state[edges[1]])
    live, distance, longest = survey((pairs >> 32).astype(np.int32), (pairs & 0x7FFFFFFF).astype(np.int32), accept)
    return live, distance, int(longest)
