"""Texts to choose between, in one table: a sweep says how probable every one of them is."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ctrldiff.automata.trie import tree_of
from ctrldiff.constraints.basic import Choice
from ctrldiff.constraints.prior import Prior
from ctrldiff.limits import DEFAULT, Limits
from ctrldiff.posterior.table import Table
from ctrldiff.tokens.vocabulary import Vocabulary

# Equal probabilities that were added up in another order differ by less, relative to themselves.
_EQUAL = 1e-12


@dataclass(frozen=True, eq=False)
class Labels:
    """Labels over a vocabulary. The table is the tree of their texts, so that each ends in states of its own.

    Fields: names, in the order given; prior, what weighs on the way; table; ends (S,) int64, the number of the label
        that ends in a state, N in one in which none does; needs (N,) int64, the fewest tokens of each.
    """

    names: tuple[str, ...]
    prior: Prior
    limits: Limits
    table: Table
    ends: NDArray[np.int64]
    needs: NDArray[np.int64]

    @staticmethod
    def of(names: tuple[str, ...], prior: Prior, vocabulary: Vocabulary, limits: Limits = DEFAULT) -> Labels:
        """Raises: ConstraintUnsatisfiable for a label that no tokens spell; ConstraintTooLarge."""
        table = prior.lifted(tree_of((name.encode() for name in names), limits), vocabulary, limits)
        number = {name.encode(): n for n, name in enumerate(names)}
        ends, needs = np.full(table.n_states, len(names)), np.full(len(names), -1)
        for state, (text, tokens) in _spelled(table, vocabulary).items():
            if table.automaton.accept[state]:
                n = ends[state] = number[text]
                needs[n] = tokens if needs[n] < 0 else min(needs[n], tokens)
        for n in np.flatnonzero(needs < 0):
            Choice([names[n]]).compile(vocabulary, limits)  # says which bytes no token writes
        return Labels(names, prior, limits, table, ends, needs)

    def probs(self, ends: NDArray[np.float64]) -> dict[str, float]:
        """The probability of each label, from (S,) those of the states in which the text ends."""
        mass = np.bincount(self.ends, ends, len(self.names) + 1)[:-1]
        return dict(zip(self.names, mass.tolist()))

    @cached_property
    def weights(self) -> dict[str, float]:
        """What the prior adds to the log-probability of each label."""
        return {name: self.prior.log_weight(name) for name in self.names}

    def best(self, probs: dict[str, float]) -> str:
        """The most probable; of equal ones the one named first."""
        least = max(probs.values()) * (1 - _EQUAL)
        return next(name for name, p in probs.items() if p >= least)

    def one(self, name: str) -> Table:
        """The table of one label, made when it is first chosen."""
        if name not in self._tables:
            assert self.table.vocabulary is not None
            self._tables[name] = self.prior.compile(Choice([name]), self.table.vocabulary, self.limits)
        return self._tables[name]

    def shortest(self, name: str, positions: int) -> NDArray[np.int64]:
        """(T,) a label in its fewest tokens, in a canvas of so many positions."""
        table = self.one(name)
        assert table.vocabulary is not None
        scores = np.full((positions, table.size), -1.0, np.float32)
        scores[:, list(table.vocabulary.stop_ids)] = 0.0
        found: NDArray[np.int64] = table.bind(scores).map()
        return found

    @cached_property
    def _tables(self) -> dict[str, Table]:
        return {}


def _spelled(table: Table, vocabulary: Vocabulary) -> dict[int, tuple[bytes, int]]:
    """For each state of a tree's text, what is written when it is reached, and by how few tokens."""
    automaton, edge_ptr, tail = table.automaton, table.chain.edge_ptr.tolist(), table.automaton.tail
    # One token of each label will do: whichever way a state of a tree is reached, one text leads there.
    first = automaton.label_classes[automaton.label_ptr[:-1]]
    token = table.classes.tokens[table.classes.ptr[first]].tolist()
    to, label = automaton.edge_to.tolist(), automaton.edge_label.tolist()
    found, todo = {table.start: (b"", 0)}, [table.start]
    for state in todo:  # grows; breadth first, so by the fewest tokens
        text, tokens = found[state]
        for edge in range(edge_ptr[state], edge_ptr[state + 1]):
            if to[edge] != tail and to[edge] not in found:
                found[to[edge]] = text + (vocabulary[token[label[edge]]] or b""), tokens + 1
                todo.append(to[edge])
    return found
