"""The n best strings: best first, each different from all before it.

Every string other than the best leaves it somewhere for the first time. So what is left after taking a string falls
into parts that share no member: one for each position it may be left at, and the best of each part is known at once,
because `best[t, s]` already holds the best of every future. A heap of the parts gives the next string. At most n
tokens per (position, state) are ever compared. (Lawler 1972's partition, on a chain whose futures are known.)
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ctrldiff.posterior import row as of
from ctrldiff.posterior.row import Row


class Choices(NamedTuple):
    """The tokens possible in one state at one position, best first (ties: smallest id), at most n of them."""

    value: NDArray[np.float64]  # with the best future
    gain: NDArray[np.float64]  # without it
    token: NDArray[np.int64]
    after: NDArray[np.int64]


class Menu:
    """`Choices` by (position, state) and best tokens by (position, class), looked up when first needed.

    future: (T + 1, S) what the rest is worth from each state; None: the best of it.
    """

    def __init__(self, row: Row, n: int, future: NDArray[np.float64] | None = None) -> None:
        self.row, self.n = row, n
        self.best = of.certain_best([row])[0] if future is None else future
        (self.class_best,) = of.class_best([row])
        self._choices: dict[tuple[int, int], Choices] = {}
        self._tokens: dict[tuple[int, int], tuple[NDArray[np.float64], NDArray[np.int64]]] = {}

    def choices(self, t: int, s: int) -> Choices:
        """What may stand at position t in state s."""
        if (t, s) not in self._choices:
            self._choices[t, s] = self._look(t, s)
        return self._choices[t, s]

    def _look(self, t: int, s: int) -> Choices:
        chain, best = self.row.table.scored.chain, self.best[t + 1]
        ptr, label_classes = chain.label_ptr, chain.label_classes
        edges = range(chain.edge_ptr[s], chain.edge_ptr[s + 1])
        pairs = [(e, c) for e in edges for c in label_classes[ptr[chain.edge_label[e]] : ptr[chain.edge_label[e] + 1]]]
        edge = np.array([e for e, _ in pairs], np.int64)
        cls = np.array([c for _, c in pairs], np.int64)
        weight = chain.weight[edge] if len(chain.weight) else np.zeros(len(edge))
        value = self.class_best[t, cls] + best[chain.edge_to[edge]] + weight
        floor = np.sort(value)[-self.n] if len(value) > self.n else -np.inf
        found = []
        for i in np.flatnonzero((value >= floor) & (value > -np.inf)):
            scores, tokens = self.tokens(t, int(cls[i]))
            after = int(chain.edge_to[edge[i]])
            found.append((scores + best[after] + weight[i], scores + weight[i], tokens, np.full(len(tokens), after)))
        values, gains, tokens, afters = (np.concatenate(part) for part in zip(*found))
        order = np.lexsort((tokens, -values))[: self.n]
        return Choices(values[order], gains[order], tokens[order], afters[order])

    def tokens(self, t: int, c: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Scores and ids of the n best tokens of a class."""
        if (t, c) not in self._tokens:
            if self.row.written[t] >= 0:
                self._tokens[t, c] = np.zeros(1), self.row.written[t : t + 1]
            else:
                members = self.row.table.scored.members(c)
                scores = self.row.scores.logits.of(self.row.scores.row, t, members).astype(np.float64)
                if len(scores) > self.n:
                    keep = scores >= np.partition(scores, -self.n)[-self.n]
                    members, scores = members[keep], scores[keep]
                order = np.lexsort((members, -scores))[: self.n]
                order = order[scores[order] > -np.inf]
                self._tokens[t, c] = scores[order], members[order].astype(np.int64)
        return self._tokens[t, c]


@dataclass(frozen=True, eq=False)
class Part:
    """The strings that share `before`, then take choice number `rank` or a later one; known by their best."""

    menu: Menu = field(repr=False)
    value: float
    weight: float  # of `before`
    before: tuple[int, ...]
    state: int
    rank: int

    @cached_property
    def tokens(self) -> tuple[int, ...]:
        """The best string of the part."""
        return tuple(token for token, _, _ in self.steps)

    @cached_property
    def steps(self) -> list[tuple[int, int, float]]:
        """(token, state before, weight before) at every position; the state before is -1 where it is not needed."""
        steps = [(token, -1, 0.0) for token in self.before]
        state, weight, rank = self.state, self.weight, self.rank
        for t in range(len(self.before), len(self.menu.row.written)):
            choices = self.menu.choices(t, state)
            steps.append((int(choices.token[rank]), state, weight))
            weight += float(choices.gain[rank])
            state, rank = int(choices.after[rank]), 0
        return steps

    def split(self, end: int | None = None) -> list[Part]:
        """The part without its best string, in parts; or without all strings that share its first `end` tokens."""
        out = []
        for t in range(len(self.before), len(self.steps) if end is None else end):
            _, state, weight = self.steps[t]
            rank = self.rank + 1 if t == len(self.before) else 1
            choices = self.menu.choices(t, state)
            if rank < len(choices.value):
                value = weight + float(choices.value[rank])
                out.append(Part(self.menu, value, weight, self.tokens[:t], state, rank))
        return out

    def __lt__(self, other: Part) -> bool:
        if self.value != other.value:
            return self.value > other.value
        return self.tokens < other.tokens


def first_part(menu: Menu) -> Part:
    """All strings of a menu's row."""
    start = menu.row.table.start
    return Part(menu, float(menu.best[0, start]), 0.0, (), start, 0)


def n_best(row: Row, n: int) -> NDArray[np.int64]:
    """(n, T) the n best strings, best first; -1 where there are fewer. Ties: the first in token-id order first.

    Raises: LogitsInvalid, Infeasible.
    """
    out, menu = np.full((n, len(row.written)), -1, np.int64), Menu(row, n)
    parts = [first_part(menu)]
    for i in range(n):
        if not parts:
            break
        part = heapq.heappop(parts)
        out[i] = part.tokens
        for other in part.split():
            heapq.heappush(parts, other)
    return out
