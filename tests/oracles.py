"""The definition of right for the posterior: try every string of tokens.

Nothing here knows of classes, labels, edges or sweeps: a string is legal if its bytes walk a byte automaton into an
accepting state, followed by stop and pad tokens where the vocabulary has them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ctrldiff.errors import ConstraintUnsatisfiable
from ctrldiff.posterior.table import Table
from ctrldiff.tokens.token_automaton import TokenAutomaton, lift_arrays
from ctrldiff.tokens.vocabulary import Vocabulary

ALPHABET = b"abc"
SPELLINGS = (b"a", b"b", b"c", b"ab", b"ba", b"aa", b"bc", b"abc", b"cab", b"a", b"bb", b"c")  # two of some


@dataclass(frozen=True)
class Case:
    """A byte automaton (dead is -1, start is 0), a vocabulary, T x V log-probabilities, what is written."""

    step: np.ndarray  # (S, 256) int32
    accept: np.ndarray  # (S,) bool
    vocabulary: Vocabulary
    log_probs: np.ndarray  # (T, V) float32
    written: np.ndarray  # (T,) int64
    edge_weight: np.ndarray | None = None  # by (state, state) of the automaton below, or None

    @property
    def length(self) -> int:
        return len(self.written)


@dataclass(frozen=True)
class Truth:
    """Every legal string that agrees with what is written, and its log weight. In token-id order."""

    strings: np.ndarray  # (N, T) int64
    weights: np.ndarray  # (N,) float64; -inf for strings of probability 0

    @property
    def log_z(self) -> float:
        return float(np.logaddexp.reduce(self.weights)) if len(self.weights) else -np.inf

    @property
    def probs(self) -> np.ndarray:
        return np.exp(self.weights - self.log_z)

    def agreeing(self, tokens: np.ndarray, keep: np.ndarray) -> np.ndarray:
        """(N,) bool."""
        return (self.strings[:, keep] == tokens[keep]).all(axis=1)

    def best(self) -> list[int]:
        """Indices, best first; equal weights in token-id order."""
        order = np.argsort(-self.weights, kind="stable")
        return [int(i) for i in order if self.weights[i] > -np.inf]

    def marginals(self, size: int) -> np.ndarray:
        out = np.zeros((self.strings.shape[1], size))
        for string, p in zip(self.strings, self.probs):
            out[np.arange(len(string)), string] += p
        return out


def try_every_string(case: Case) -> Truth:
    """Walk bytes; keep what ends in accept. Strings that died are not continued: that is the only shortcut."""
    tokens, stops, pad = list(case.vocabulary), set(case.vocabulary.stop_ids), case.vocabulary.pad_id
    TAIL = -2
    found: list[tuple[int, ...]] = []

    def after(state: int, v: int) -> int | None:
        if v in stops:
            return TAIL if state == TAIL or case.accept[state] else None
        if v == pad:
            return TAIL if state == TAIL else None
        text = tokens[v]
        if text is None or state == TAIL:
            return None
        for byte in text:
            state = int(case.step[state, byte])
            if state < 0:
                return None
        return state

    def extend(state: int, string: tuple[int, ...]) -> None:
        t = len(string)
        if t == case.length:
            if state == TAIL or case.accept[state]:
                found.append(string)
            return
        choices = [int(case.written[t])] if case.written[t] >= 0 else range(len(tokens))
        for v in choices:
            q = after(state, v)
            if q is not None:
                extend(q, (*string, v))

    extend(0, ())
    strings = np.array(found, np.int64).reshape(len(found), case.length)
    open_positions = np.flatnonzero(case.written < 0)
    weights = case.log_probs.astype(np.float64)[open_positions, strings[:, open_positions]].sum(axis=1)
    return Truth(strings, weights)


def possible_tokens(case: Case) -> list[set[int]]:
    """At each position, the tokens that some legal string has there, whatever the logits."""
    truth = try_every_string(replace(case, log_probs=np.zeros_like(case.log_probs)))
    return [set(truth.strings[:, t].tolist()) for t in range(case.length)]


def table_of(case: Case) -> Table:
    """The same constraint, lifted. Raises ConstraintUnsatisfiable when there is no legal text of any length."""
    return Table(lift_arrays(case.step, np.arange(256, dtype=np.uint8), case.accept, case.vocabulary), case.vocabulary)


def random_case(seed: int, *, stops: bool | None = None, max_length: int = 5) -> Case:
    """A small random case; every kind of awkwardness turns up in some seeds."""
    rng = np.random.default_rng(seed)
    S = int(rng.integers(1, 6))
    step = np.full((S, 256), -1, np.int32)
    density = rng.choice([0.3, 0.6, 0.9])
    for byte in ALPHABET:
        step[:, byte] = np.where(rng.random(S) < density, rng.integers(0, S, S), -1)
    accept = rng.random(S) < 0.5
    accept[rng.integers(S)] = True
    tokens: list[bytes | None] = [SPELLINGS[i] for i in rng.permutation(len(SPELLINGS))[: rng.integers(2, 6)]]
    if rng.random() < 0.1:
        tokens.append(b"")  # writes nothing
    if rng.random() < 0.3:
        tokens.append(None)  # never written
    stop_ids, pad_id = [], None
    if stops if stops is not None else rng.random() < 0.7:
        for _ in range(int(rng.integers(1, 3))):
            stop_ids.append(len(tokens))
            tokens.append(None)
        if rng.random() < 0.5:
            pad_id = len(tokens)
            tokens.append(None)
    order = rng.permutation(len(tokens))
    place = np.argsort(order)
    vocabulary = Vocabulary.from_tokens(
        [tokens[i] for i in order],
        stop_ids=[int(place[i]) for i in stop_ids],
        pad_id=None if pad_id is None else int(place[pad_id]),
    )
    T, V = int(rng.integers(1, max_length + 1)), len(tokens)
    kind = rng.choice(["normal", "wide", "ties", "flat"], p=[0.5, 0.2, 0.2, 0.1])
    if kind == "ties":
        scores = rng.integers(-2, 1, (T, V)).astype(np.float32)
    elif kind == "flat":
        scores = np.zeros((T, V), np.float32)
    else:
        scores = rng.normal(size=(T, V), scale=2.0 if kind == "normal" else 60.0)
        scores = (scores - np.logaddexp.reduce(scores, axis=1, keepdims=True)).astype(np.float32)
    if rng.random() < 0.4:
        scores[rng.random((T, V)) < 0.25] = -np.inf
    written = np.full(T, -1, np.int64)
    case = Case(step, accept, vocabulary, scores, written)
    if rng.random() < 0.5:
        strings = try_every_string(case).strings if rng.random() < 0.8 else rng.integers(0, V, (1, T))
        if len(strings):
            some = rng.random(T) < 0.4
            written = np.where(some, strings[rng.integers(len(strings))], -1)
            scores[some] = rng.choice([np.nan, np.inf, -np.inf, 0.0])  # nobody may read these
            case = replace(case, written=written, log_probs=scores)
    return case


def random_cases(first: int, last: int, **how: object) -> list[tuple[int, Case, Table]]:
    """(seed, case, table) for the seeds whose language holds any text at all."""
    out = []
    for seed in range(first, last):
        case = random_case(seed, **how)  # type: ignore[arg-type]
        try:
            out.append((seed, case, table_of(case)))
        except ConstraintUnsatisfiable:
            continue
    return out


def with_weights(table: Table, rng: np.random.Generator) -> Table:
    """The table with random log weights on its edges."""
    weight = rng.normal(size=table.n_edges).astype(np.float32)
    automaton: TokenAutomaton = replace(table.automaton, edge_weight=weight)
    return Table(automaton, table.vocabulary)


def weights_along(table: Table, string: np.ndarray) -> float:
    """The summed edge weights of a legal string, edge by edge in plain Python."""
    a, state, total = table.automaton, 0, 0.0
    for v in string:
        for e in np.flatnonzero(a.edge_from == state):
            k = a.edge_label[e]
            if a.token_class[v] in a.label_classes[a.label_ptr[k] : a.label_ptr[k + 1]]:
                total += float(a.edge_weight[e]) if a.edge_weight is not None else 0.0
                state = int(a.edge_to[e])
                break
    return total
