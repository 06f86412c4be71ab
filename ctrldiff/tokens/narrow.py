"""What is asked of how a text is cut into tokens: a token automaton, narrowed by machines that read token ids.

A machine groups the tokens and moves by their groups; its product with a token automaton is one again, so whatever
reads these needs to know nothing of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ctrldiff.errors import ConstraintError, ConstraintTooLarge, ConstraintUnsatisfiable
from ctrldiff.kernels.reach import survey
from ctrldiff.limits import DEFAULT, Limits
from ctrldiff.tokens.token_automaton import TokenAutomaton, with_tail

if TYPE_CHECKING:
    from ctrldiff.tokens.vocabulary import Vocabulary

OUT = "a smaller constraint, less to look at, or a larger limit: Limits(...); a canvas is bounded by max_new_tokens="


@dataclass(frozen=True, eq=False)
class Machine:
    """A deterministic automaton over token ids; state 0 is the start.

    Fields: group (V,) int64, token -> column; table (M, G) int64, next state, -1 is dead; accept (M,) bool.
    """

    group: NDArray[np.int64]
    table: NDArray[np.int64]
    accept: NDArray[np.bool_]


class TokenRule(Protocol):
    """A condition on the tokens of a text, its end tokens aside. A hashable value."""

    def machine(self, size: int, limits: Limits = DEFAULT) -> Machine:
        """As a machine over `size` tokens. Raises: ConstraintTooLarge before it takes more than it may."""


@dataclass(frozen=True)
class TokenCount:
    """From `low` to `high` tokens; None: without end."""

    low: int
    high: int | None

    def machine(self, size: int, limits: Limits = DEFAULT) -> Machine:
        """It counts up to the larger bound. Raises: ConstraintTooLarge."""
        most = self.low if self.high is None else self.high
        if most >= limits.max_states:
            raise ConstraintTooLarge("states that count tokens", most + 1, limits.max_states, hint=OUT)
        table = np.arange(1, most + 2)[:, None]
        table[-1] = most if self.high is None else -1
        return Machine(np.zeros(size, np.int64), table, np.arange(most + 1) >= self.low)


@dataclass(frozen=True)
class TokenPairs:
    """No token of a pair is followed at once by its second."""

    pairs: tuple[tuple[int, int], ...]

    def machine(self, size: int, limits: Limits = DEFAULT) -> Machine:
        """It remembers the last token, if it begins a pair. Raises: ConstraintError for an id of no token;
        ConstraintTooLarge."""
        if (most := max(max(pair) for pair in self.pairs)) >= size:
            raise ConstraintError(f"token {most} of the source, and a vocabulary of {size}")
        firsts = list(dict.fromkeys(first for first, _ in self.pairs))
        told = list(dict.fromkeys([*firsts, *(second for _, second in self.pairs)]))
        if (held := (len(firsts) + 1) * (len(told) + 1) * 8) > limits.max_bytes:
            raise ConstraintTooLarge("bytes of a machine over pairs of tokens", held, limits.max_bytes, hint=OUT)
        group = np.zeros(size, np.int64)  # 0: in no pair; the first of pairs come first, so they name states too
        group[told] = np.arange(1, len(told) + 1)
        onward = np.where(np.arange(len(told) + 1) <= len(firsts), np.arange(len(told) + 1), 0)
        table = np.tile(onward, (len(firsts) + 1, 1))
        for first, second in self.pairs:
            table[group[first], group[second]] = -1
        return Machine(group, table, np.ones(len(table), np.bool_))


def narrowed(
    automaton: TokenAutomaton, rules: Sequence[TokenRule], vocabulary: Vocabulary, limits: Limits = DEFAULT
) -> TokenAutomaton:
    """The token sequences of `automaton` that keep all the rules. Weights stay on their edges.

    Args: vocabulary: the one that the automaton was read through.
    Raises: ConstraintUnsatisfiable where there are none; ConstraintTooLarge.
    """
    for rule in rules:
        automaton = _product(automaton, rule, vocabulary, limits)
    return automaton


def _product(automaton: TokenAutomaton, rule: TokenRule, vocabulary: Vocabulary, limits: Limits) -> TokenAutomaton:
    machine = rule.machine(len(automaton.token_class), limits)
    n, n_states = len(machine.accept), automaton.n_states - (automaton.tail is not None)
    if n_states * n > limits.max_states:
        raise ConstraintTooLarge("states that look at tokens", n_states * n, limits.max_states, hint=OUT)
    inner = np.flatnonzero(automaton.edge_to != (-1 if automaton.tail is None else automaton.tail))
    token_class, group, parts = _split(automaton, machine)
    # --- edges of the text: from (s, m) to (s', m'), with the part of the label that leads there
    used, kind = np.unique(automaton.edge_label[inner], return_inverse=True)
    sets: dict[tuple[int, ...], int] = {}
    moves = [_moves([k for c in _classes(automaton, one) for k in parts[c]], group, machine, sets) for one in used]
    counts = np.array([len(one) for one in moves], np.int64)[kind] if len(inner) else np.zeros(0, np.int64)
    if int(counts.sum()) > limits.max_edges:
        raise ConstraintTooLarge("edges that look at tokens", int(counts.sum()), limits.max_edges, hint=OUT)
    m, then, label = np.concatenate([np.zeros((0, 3), np.int64), *(moves[k] for k in kind.tolist())]).T
    source = np.repeat(automaton.edge_from[inner], counts).astype(np.int64) * n + m
    target = np.repeat(automaton.edge_to[inner], counts).astype(np.int64) * n + then
    origin = np.repeat(inner, counts)
    order = np.lexsort((origin, target, source))
    source, target, label, origin = source[order], target[order], label[order], origin[order]
    # --- what can be reached and can finish, and the classes that are left
    accept = (automaton.accept[:n_states, None] & machine.accept[None, :]).reshape(-1)
    live, distance, longest = survey(source.astype(np.int32), target.astype(np.int32), accept)
    if not live[0]:
        raise ConstraintUnsatisfiable(
            f"no text that satisfies the constraint keeps {rule!r}"[:300], hint="loosen one of the two"
        )
    kept, number = live[source] & live[target], np.cumsum(live) - 1
    source, target, label, origin = number[source[kept]], number[target[kept]], label[kept], origin[kept]
    left, label = np.unique(label, return_inverse=True)
    held = [np.array(classes, np.int64) for k, classes in enumerate(sets) if k in set(left.tolist())]
    in_use = np.unique(np.concatenate([np.zeros(0, np.int64), *held]))
    again = np.full(len(group) + 1, -1, np.int32)  # the last entry stays -1, for tokens of class -1
    again[in_use] = np.arange(len(in_use))
    edges = (
        source.astype(np.int32),
        target.astype(np.int32),
        label.astype(np.int32),
        np.cumsum([0, *map(len, held)]).astype(np.int32),
        again[np.concatenate([np.zeros(0, np.int64), *held])],
    )
    made = with_tail(again[token_class], len(in_use), edges, accept[live], distance[live], int(longest), vocabulary)
    if automaton.edge_weight is None:
        return made
    weight = np.zeros(made.n_edges, np.float32)  # the tail weighs nothing
    weight[made.edge_to != (-1 if made.tail is None else made.tail)] = automaton.edge_weight[origin]
    return replace(made, edge_weight=weight)


def _split(automaton: TokenAutomaton, machine: Machine) -> tuple[NDArray[Any], NDArray[np.int64], list[list[int]]]:
    """Classes by what the machine tells apart: (V,) token -> new class, -1 for those without; each one's group; and of
    every old class the new ones."""
    tokens = np.flatnonzero(automaton.token_class >= 0)
    keys = automaton.token_class[tokens].astype(np.int64) * machine.table.shape[1] + machine.group[tokens]
    _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    rank = np.argsort(np.argsort(first))  # numbered by first token
    token_class = np.full(len(automaton.token_class), -1, np.int64)
    token_class[tokens] = rank[inverse]
    first = tokens[np.sort(first)]
    parts: list[list[int]] = [[] for _ in range(automaton.n_classes)]
    for k, token in enumerate(first.tolist()):
        parts[automaton.token_class[token]].append(k)
    return token_class, machine.group[first], parts


def _classes(automaton: TokenAutomaton, label: int) -> list[int]:
    return automaton.label_classes[automaton.label_ptr[label] : automaton.label_ptr[label + 1]].tolist()


def _moves(
    classes: list[int], group: NDArray[np.int64], machine: Machine, sets: dict[tuple[int, ...], int]
) -> NDArray[np.int64]:
    """(N, 3) where a label's classes lead the machine: from, to, and the number in `sets` of those that lead there."""
    ordered = np.sort(np.array(classes, np.int64))
    columns, which = np.unique(group[ordered], return_inverse=True)
    known: dict[bytes, list[tuple[int, int]]] = {}
    rows = []
    for m, onward in enumerate(machine.table[:, columns]):
        if (key := onward.tobytes()) not in known:
            by_class = onward[which]
            reached = [(to, tuple(ordered[by_class == to].tolist())) for to in np.unique(onward).tolist() if to >= 0]
            known[key] = [(to, sets.setdefault(own, len(sets))) for to, own in reached]
        rows += [(m, to, label) for to, label in known[key]]
    return np.array(rows, np.int64).reshape(-1, 3)
