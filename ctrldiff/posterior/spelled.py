"""How a text goes on from what is written: the probability of bytes, summed over every way to spell them in tokens.

    written  {"total":·········        asked  308.80, and then one of  ,]}  or the end
             the sum of all legal canvases that go on  3|08|.80|}..., 308|.|80}|..., 308.80|,..., and so on

The automaton's state after so many bytes of one text is the same however they are cut into tokens, so the sum is a
small table: W[t, i], the weight of all ways to have written i bytes of it before position t. What may follow the bytes
is known already: it is what the backward sweep found (`row.total`). Shapes: T positions, N bytes asked about.
"""

from __future__ import annotations

import heapq
from bisect import bisect_left
from collections.abc import Callable, Iterator
from functools import cached_property, lru_cache
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ctrldiff.errors import InputError
from ctrldiff.posterior import passing
from ctrldiff.posterior import row as of
from ctrldiff.posterior.nbest import Choices, Menu
from ctrldiff.posterior.row import Row
from ctrldiff.tokens.vocabulary import Vocabulary

F64: TypeAlias = NDArray[np.float64]
# Where a value ends in the bytes so far, told whether the text is over; None while it may go on, -1 if it is none.
Ends: TypeAlias = Callable[[bytes, bool], "int | None"]

CHOICES = 24  # tokens that are looked at in one place, in a search for the likeliest values
LOOKS = 400  # places that such a search looks at: flat beliefs have no likeliest value worth more


class Spellings(NamedTuple):
    """The tokens that write something, sorted by what they write."""

    texts: list[bytes]
    ids: NDArray[np.int64]
    empty: NDArray[np.int64]  # those that write nothing and do not end a text
    longest: int

    def within(self, text: bytes, at: int) -> Iterator[tuple[int, int]]:
        """(id, end) of the tokens that write text[at:end], and no more than the text has."""
        for end in range(at + 1, min(at + self.longest, len(text)) + 1):
            part = text[at:end]
            k = bisect_left(self.texts, part)
            while k < len(self.texts) and self.texts[k] == part:
                yield int(self.ids[k]), end
                k += 1

    def reaching(self, part: bytes) -> NDArray[np.int64]:
        """The tokens that write these bytes and more."""
        every = self.beginning(part)
        return self.ids[every.start + self.texts[every].count(part) : every.stop]

    def beginning(self, part: bytes) -> slice:
        """The tokens that write these bytes at least."""
        first = bisect_left(self.texts, part)
        last = first
        if part:
            above = part.rstrip(b"\xff")
            after = above[:-1] + bytes([above[-1] + 1]) if above else None
            last = len(self.texts) if after is None else bisect_left(self.texts, after)
        return slice(first, last) if part else slice(0, len(self.texts))


@lru_cache(maxsize=4)
def spellings(vocabulary: Vocabulary) -> Spellings:
    """Of a vocabulary."""
    known = [(text, token) for token, text in enumerate(vocabulary) if text is not None]
    written = sorted(one for one in known if one[0])
    texts = [text for text, _ in written]
    ids = np.array([token for _, token in written], np.int64)
    return Spellings(
        texts, ids, np.array([t for text, t in known if not text], np.int64), max(map(len, texts), default=0)
    )


class Onward:
    """One row, asked how its text goes on from its first open position.

    Args:
        leftmost: the first token weighs what its own position says of it among all that some legal text goes on with,
            and what follows what the exact posterior says given that token: the distribution that `LeftmostFirst`
            writes from. Else the exact posterior's, in which the evidence further right counts for the first token
            too: there the marginals are mixtures of all that may still come, and drown it.
        without: a token that writes something and is not to be first: what begins with it is not counted, and `share`
            says how much it is.
    Raises: InputError for a table without a vocabulary or with layers; LogitsInvalid, Infeasible.
    """

    def __init__(self, row: Row, leftmost: bool = False, without: int | None = None) -> None:
        vocabulary = row.table.vocabulary
        if vocabulary is None or row.table.layers > 1:
            what = "layers of scores" if vocabulary else "no vocabulary"
            raise InputError(f"a table with {what} does not know how texts go on", hint="compile it for a vocabulary")
        self.row, self.spelled = row, spellings(vocabulary)
        (self.total,) = of.certain_total([row])
        self.first = int(row.open[0]) if len(row.open) else len(row.written)
        self.start = int(np.argmax(of.reach([row])[0][self.first]))  # all before is written: there is one state
        self.without: int | None = None
        self.share = -np.inf
        self.first_weight: F64 | None = None
        if leftmost and len(row.open):
            self.first_weight = self._own_evidence()
            self.total = self.total.copy()
            self.total[self.first, self.start] = 0.0
        if without is not None:
            self.share = min(0.0, self._share_of(without))
            self.without = without

    def _own_evidence(self) -> F64:
        """(E,) what to add to the weight of a first token by its edge: all its futures then weigh its own share."""
        row, chain, t = self.row, self.row.table.scored.chain, self.first
        edges = np.arange(chain.edge_ptr[self.start], chain.edge_ptr[self.start + 1])
        after = self.total[t + 1, chain.edge_to[edges]]
        edges, after = edges[after > -np.inf], after[after > -np.inf]
        (labels,) = of.label_sum([row])
        tilt = passing.tilt_of(row, t, edges) if len(chain.weight) else np.zeros(len(edges))
        legal = np.logaddexp.reduce(labels[t, chain.edge_label[edges]] + tilt)
        out = np.full(row.table.n_edges, -np.inf)
        out[edges] = tilt - (chain.weight[edges] if len(chain.weight) else 0.0) - legal - after
        return out

    @cached_property
    def whole(self) -> float:
        """The log of the summed weight of every way to go on."""
        return float(self.total[self.first, self.start])

    def log_prob(self, text: bytes, then: bytes | None = None) -> float:
        """The log-probability that the text goes on with these bytes; -inf where it cannot.

        Args:
            then: bytes of which one has to follow, or the end of the text; None: whatever may.
        """
        if not text and then is None:
            return float(np.log1p(-np.exp(self.share))) if self.share < 0 else -np.inf
        return self._log_mass(text, then) - self.whole

    def _share_of(self, token: int) -> float:
        """The log-probability that a token is first; -inf where it may not be."""
        edges, table = self.row.table.leaving(self.start), self.row.table
        edge = int(edges[table.automaton.token_class[token]])
        if edge < 0:
            return -np.inf
        own = float(self._scores(np.array([token]), edges, self.first)[0])
        return own + float(self.total[self.first + 1, table.chain.edge_to[edge]]) - self.whole

    def _log_mass(self, text: bytes, then: bytes | None) -> float:
        T, N = len(self.row.written), len(text)
        weight = np.full((N + 1, T + 1), -np.inf)  # W, a line for each byte
        weight[0, self.first] = 0.0
        state = np.full(N + 1, -1)
        state[0] = self.start
        found = [-np.inf]
        for i in range(N + 1):
            if state[i] < 0 or weight[i].max() == -np.inf:
                continue
            edges, line = self.row.table.leaving(int(state[i])), weight[i]
            if i < N or then is not None:  # what the whole future is counted by must be counted once
                self._stand_still(line, edges)
            for token, end in self.spelled.within(text, i):
                edge = edges[self.row.table.automaton.token_class[token]]
                if edge >= 0:
                    state[end] = self.row.table.chain.edge_to[edge]
                    step = line[:-1] + self._scores(np.array([token]), edges)[:, 0]
                    weight[end, 1:] = np.logaddexp(weight[end, 1:], step)
            found.append(self._beyond(text[i:], then, line, edges))
        if state[N] >= 0:
            ending = self.total[:, state[N]] if then is None else self._ends(int(state[N]))
            found.append(float(np.logaddexp.reduce(weight[N] + ending)))
        return float(np.logaddexp.reduce(found))

    def _scores(self, tokens: NDArray[np.int64], edges: NDArray[np.int64], only: int | None = None) -> F64:
        """(T, n) what these tokens weigh at each position, from the state that the edges leave; -inf for none. (n,) for
        one position only."""
        row, chain = self.row, self.row.table.chain
        T, edge = len(row.written), edges[row.table.automaton.token_class[tokens]]
        out = np.full((T, len(tokens)), -np.inf)
        among = np.arange(self.first, T) if only is None else np.array([only])
        at, held = among[row.written[among] < 0], among[row.written[among] >= 0]
        (own,) = row.scores.logits.at([row.scores.place(np.repeat(at, len(tokens)))], [np.tile(tokens, len(at))])
        out[at] = own.reshape(len(at), len(tokens))
        for t in held:
            out[t, tokens == row.written[t]] = 0.0
        if len(chain.weight):
            out += chain.weight[np.maximum(edge, 0)]
        if self.first_weight is not None:
            out[self.first] += self.first_weight[np.maximum(edge, 0)]
        out[:, edge < 0] = -np.inf
        if self.without is not None:
            out[self.first, tokens == self.without] = -np.inf
        return out if only is None else out[only]

    def _stand_still(self, line: F64, edges: NDArray[np.int64]) -> None:
        """Positions that write nothing, added to the weights (T + 1,) of having written so far."""
        for token in self.spelled.empty:
            if edges[self.row.table.automaton.token_class[token]] >= 0:
                step = self._scores(np.array([token]), edges)[:, 0]
                for t in range(len(step)):
                    line[t + 1] = np.logaddexp(line[t + 1], line[t] + step[t])

    def _beyond(self, rest: bytes, then: bytes | None, line: F64, edges: NDArray[np.int64]) -> float:
        """The weight of all that write the rest in one token, and more."""
        if then is None and not rest:
            return -np.inf  # the whole future, counted by its state
        more = [rest] if then is None else [rest + bytes([byte]) for byte in sorted(set(then))]
        tokens = np.concatenate(
            [self.spelled.ids[self.spelled.beginning(one)] for one in more] or [np.zeros(0, np.int64)]
        )
        edge = edges[self.row.table.automaton.token_class[tokens]]
        longer = np.array([len(self.row.table.vocabulary[int(v)]) > len(rest) for v in tokens], bool)  # type: ignore
        tokens, edge = tokens[longer & (edge >= 0)], edge[longer & (edge >= 0)]
        if not len(tokens):
            return -np.inf
        future = self.total[1:, self.row.table.chain.edge_to[edge]]
        return float(np.logaddexp.reduce(line[:-1, None] + self._scores(tokens, edges) + future, axis=None))

    def _ends(self, state: int) -> F64:
        """(T + 1,) the log of the summed weight of ending in a state before each position."""
        row, chain, tail = self.row, self.row.table.chain, self.row.table.automaton.tail
        out = np.full(len(row.written) + 1, -np.inf)
        if chain.accept[state]:
            out[-1] = 0.0
        (labels,) = of.label_sum([row])
        for e in range(chain.edge_ptr[state], chain.edge_ptr[state + 1]):
            if chain.edge_to[e] == tail:
                step = labels[:, chain.edge_label[e]] + (chain.weight[e] if len(chain.weight) else 0.0)
                if self.first_weight is not None and state == self.start:
                    step[self.first] += self.first_weight[e]
                out[:-1] = np.logaddexp(out[:-1], step + self.total[1:, tail])
        return out

    def _first(self) -> Choices:
        """What may stand first, best first."""
        edges, chain = self.row.table.leaving(self.start), self.row.table.chain
        edge = edges[self.row.table.automaton.token_class]
        tokens = np.flatnonzero(edge >= 0)
        gain = self._scores(tokens, edges, self.first)
        after = chain.edge_to[edge[tokens]]
        value = gain + self.total[self.first + 1, after]
        order = [k for k in np.argsort(-value, kind="stable")[:CHOICES] if value[k] > -np.inf]
        return Choices(value[order], gain[order], tokens[order], after[order].astype(np.int64))

    def values(self, lead: bytes, end: Ends, n: int) -> list[bytes]:
        """The likeliest values that the text goes on with behind `lead`, up to n of them.

        They are found best first: what has been spelled so far weighs as much as all that may follow it, so no value is
        passed over for one that only begins well. A value that lies in many spellings may come late, and where beliefs
        are flat the search ends after `LOOKS` places, with fewer.
        """
        menu = Menu(self.row, CHOICES, self.total)
        table, T = self.row.table, len(self.row.written)
        found: list[bytes] = []
        heap: list[tuple[float, bytes, int, int, float]] = [(-self.whole, b"", self.first, self.start, 0.0)]
        for _ in range(LOOKS):
            if not heap or len(found) >= n:
                break
            _, text, t, state, weight = heapq.heappop(heap)
            over = state == table.automaton.tail or t == T
            size = end(text[len(lead) :], over) if len(text) >= len(lead) else None
            if size is not None and size >= 0:
                value = text[len(lead) : len(lead) + size]
                if value not in found:
                    found.append(value)
                continue
            if over or size is not None:
                continue
            choices = self._first() if t == self.first else menu.choices(t, state)
            for value_, gain, token, after in zip(*choices):
                longer = text + (table.vocabulary[int(token)] or b"")  # type: ignore[index]
                if longer.startswith(lead[: len(longer)]):
                    heapq.heappush(heap, (-(weight + value_), longer, t + 1, int(after), weight + gain))
        return found
