"""What is asked of rows: strings, draws, probabilities. One answer a row, all rows in one call of what they need.

`tokens` and `keep` are (B, T), one line a row. Nothing here does arithmetic on all scores: that is `posterior/read.py`
for the logits and `posterior/sweeps.py` for the automata.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ctrldiff.posterior import row as of
from ctrldiff.posterior import sweeps
from ctrldiff.posterior.lifted import Lifted
from ctrldiff.posterior.read import Logits, Place
from ctrldiff.posterior.row import Row, Rows

F64: TypeAlias = NDArray[np.float64]
I64: TypeAlias = NDArray[np.int64]
U8: TypeAlias = NDArray[np.uint8]
Bools: TypeAlias = NDArray[np.bool_]


def logits(rows: Rows) -> Logits:
    """What all rows of a posterior are read from."""
    return rows[0].scores.logits


def places(rows: Rows) -> list[Place]:
    """The open positions of each."""
    return [row.place for row in rows]


# --- strings -----------------------------------------------------------------------------------------------------


def draws(rows: Rows, n: int, rngs: Sequence[np.random.Generator]) -> list[I64]:
    """(n, T) independent draws; each row's from its own generator. How many numbers they take depends on where the last
    open position is, not on the padding that other rows make necessary. Raises: LogitsInvalid, Infeasible."""
    value, uniforms = of.certain_total(rows), []
    for row, rng in zip(rows, rngs):
        end = int(row.open[-1]) + 1 if len(row.open) else 0
        uniforms.append(np.zeros((n, len(row.written), 3)))
        uniforms[-1][:, :end] = rng.random((n, end, 3))
    classes = sweeps.walk_sample(of.scored(rows), of.label_sum(rows), of.class_sum(rows), value, uniforms)
    tokens = [np.tile(row.written, (n, 1)) for row in rows]
    last = [np.ascontiguousarray(chance[:, :, 2]) for chance in uniforms]
    logits(rows).draw(places(rows), of.every_max(rows), classes, last, tokens)
    return [row.folded(drawn) for row, drawn in zip(rows, tokens)]


def forced(tables: Sequence[Lifted], written: Sequence[I64], reached: Sequence[U8]) -> list[I64]:
    """(T,) the only token possible at each position whatever the logits, or -1."""
    out = []
    for table, held, live in zip(tables, written, sweeps.live(tables, written, reached)):
        # No two labels are the same set, so two live labels are never the same single token.
        only = np.where(live > 0, table.only_token, -1).max(axis=1, initial=-1)
        alone = (live > 0).sum(axis=1) == 1
        out.append(np.where(held >= 0, held, np.where(alone, only, -1)).astype(np.int64))
    return out


# --- probabilities -----------------------------------------------------------------------------------------------


def log_z(rows: Rows) -> list[float]:
    """Log of the summed weight of all legal strings. Raises: LogitsInvalid, Infeasible if there is none."""
    of.certain_weight(rows)
    return [row.log_z for row in rows]


def ends(rows: Rows) -> list[F64]:
    """(S,) the probability that the text ends in each state; 0 in the tail. Raises: LogitsInvalid, Infeasible."""
    out, values, sums = [], of.certain_total(rows), of.label_sum(rows)
    for row, mass, value, labels in zip(rows, sweeps.mass(of.scored(rows), sums, values), values, sums):
        table, tail = row.table.scored, row.table.automaton.tail
        ending = mass[-1].copy()
        if tail is not None:
            ending[tail] = 0.0
            leaving = np.flatnonzero((table.automaton.edge_to == tail) & (table.automaton.edge_from != tail))
            here, label = table.automaton.edge_from[leaving], table.automaton.edge_label[leaving]
            # Where nothing is left (-inf) there is no mass either, and the tail's weights are 0.
            before = np.where(mass[:-1, here] > 0, value[:-1, here], np.inf)
            share = mass[:-1, here] * np.exp(labels[:, label] + value[1:, tail, None] - before)
            np.add.at(ending, here, share.sum(axis=0))
        out.append(ending)
    return out


def log_z_given(rows: Rows, tokens: I64, keep: Bools) -> list[float]:
    """Log of the summed weight of the legal strings that agree with `tokens` where `keep`; -inf where none does."""
    out = [-np.inf] * len(rows)
    clamped = _narrowed(rows, tokens, keep)
    if not clamped:
        return out
    whole = [rows[b] for b in clamped]
    of.every_max(whole)  # the kept tokens' own logits count: check them too
    new = [np.flatnonzero(keep[b] & (rows[b].written < 0)) for b in clamped]
    own = logits(rows).at(
        [row.scores.place(at) for row, at in zip(whole, new)], [tokens[b][at] for b, at in zip(clamped, new)]
    )
    of.weight(list(clamped.values()))
    for (b, row), scores, at, less in zip(clamped.items(), own, new, of.apart(whole)):
        out[b] = (
            row.log_z + float((scores - less[at]).sum()) if row.table.layers == 1 else _by_layer(row, tokens[b], at)
        )
    return out


def _by_layer(row: Row, tokens: I64, at: I64) -> float:
    """`log_z` of a row, its tokens at these positions by their scores: which layer's, the way through says."""
    table, (sums,) = row.table, of.class_sum([row])
    layers, sums = np.arange(table.layers), sums.copy()
    place, each = row.scores.place(np.repeat(at, len(layers))), np.repeat(tokens[at], len(layers))
    (own,) = logits([row]).at([place], [each + np.tile(layers * table.size, len(at))])
    sums.reshape(len(sums), len(layers), table.n_classes)[at, :, table.written_class(tokens)[at]] = own.reshape(
        len(at), len(layers)
    )
    labels = sweeps.label_log_sum([table.scored], [sums])
    (value,) = sweeps.sweep_sum([table.scored], labels, of.reach([row]))
    return float(value[0, table.start])


def feasible(rows: Rows, tokens: I64, keep: Bools) -> list[bool]:
    """A legal string of positive weight agrees with `tokens` where `keep`."""
    out = [False] * len(rows)
    clamped = _narrowed(rows, tokens, keep)
    for (b, row), alive in zip(clamped.items(), of.alive(list(clamped.values()))):
        out[b] = bool(alive[0, row.table.start])
    return out


def _narrowed(rows: Rows, tokens: I64, keep: Bools) -> dict[int, Row]:
    """The rows with `tokens` written where `keep`, by their place; without those that no legal string agrees with."""
    agreeing = {b: row.clamp(v, k) for b, (row, v, k) in enumerate(zip(rows, tokens, keep)) if row.agrees(v, k)}
    of.reach(list(agreeing.values()))
    return {b: row for b, row in agreeing.items() if row.possible}


def score(rows: Rows, tokens: I64) -> list[float]:
    """Log-probability of one whole string; -inf for one that is not legal."""
    whole = log_z(rows)
    if any(row.table.layers > 1 for row in rows):
        given = log_z_given(rows, tokens, np.ones(tokens.shape, np.bool_))
        return [one - z for one, z in zip(given, whole)]
    weights = sweeps.walk_tokens(of.tables(rows), list(tokens))
    own = [scores - less for scores, less in zip(_own(rows, tokens), of.apart(rows))]
    everywhere = [np.ones(len(v), np.bool_) for v in tokens]
    return [
        float(weight + scores.sum() - z) if row.agrees(v, k) else -np.inf
        for row, v, k, weight, scores, z in zip(rows, tokens, everywhere, weights, own, whole)
    ]


def marginals(rows: Rows) -> list[Any]:
    """(T, V) probabilities, where the logits live."""
    return [one[:, 0] if one.shape[1] == 1 else one.sum(1) for one in by_layer(rows)]


def by_layer(rows: Rows) -> list[Any]:
    """(T, layers, V) of these, by the layer that a token is read in; of written positions in layer 0."""
    gains = of.gain(rows)
    least = [of.base(row) for row in rows]
    wide = logits(rows).marginals(places(rows), least, gains, [row.written for row in rows])
    shapes = [(len(row.written), row.table.layers, row.table.size) for row in rows]
    return [one.reshape(shape) for one, shape in zip(wide, shapes)]


def top(row: Row, k: int) -> tuple[I64, F64]:
    """(T, k) the likeliest tokens by their marginals, and these."""
    (found,) = marginals([row])
    probs = on_host(found)
    best = np.argsort(-probs, axis=1, kind="stable")[:, :k]
    return best, np.take_along_axis(probs, best, 1)


def beliefs(rows: Rows) -> list[tuple[F64, F64]]:
    """(T,) margin and (T,) entropy of the marginals."""
    if all(row.table.layers == 1 for row in rows):
        return of.beliefs(rows)
    return [(margin_of(p), entropy_of(p)) for p in map(on_host, marginals(rows))]


def margin_of(probs: F64) -> F64:
    """(T,) best minus second best of probabilities (T, V)."""
    top = np.sort(probs, axis=1)[:, -2:]
    return top[:, -1] - (top[:, 0] if probs.shape[1] > 1 else 0.0)


def entropy_of(probs: F64) -> F64:
    """(T,) nats."""
    return -(probs * np.log(np.where(probs > 0, probs, 1.0))).sum(axis=1)


def on_host(values: Any) -> F64:
    """An array of the logits' home as float64 in ordinary memory."""
    return np.asarray(values.cpu() if hasattr(values, "cpu") else values, np.float64)


def confidence(rows: Rows, tokens: I64) -> list[F64]:
    """(T,) the marginals of these tokens."""
    if any(row.table.layers > 1 for row in rows):
        return [np.take_along_axis(on_host(p), v[:, None], 1)[:, 0] for p, v in zip(marginals(rows), tokens)]
    out = []
    for row, v, scores, added in zip(rows, tokens, _at_open(rows, tokens), of.gain(rows)):
        probs, at = (v == row.written).astype(np.float64), row.open
        classes = row.table.classes.of_token[v[at]]
        probs[at] = np.exp(np.minimum(scores - of.base(row)[at, classes] + added[at, classes], 0.0))
        out.append(probs)
    return out


def anchored(rows: Rows) -> list[F64]:
    """(T,) the probability of the likeliest state before each position."""
    return [found.likeliest for found in of.flow(rows)]


# --- a position on its own ---------------------------------------------------------------------------------------


def surprise(rows: Rows, tokens: I64) -> list[F64]:
    """(T,) minus the log-probability of each of these tokens at its own position; 0 where written."""
    return [less - scores + 0.0 for scores, less in zip(_own(rows, tokens), of.apart(rows))]  # + 0.0: never -0.0


def local(rows: Rows, tokens: I64) -> list[F64]:
    """(T,) the share of each of these tokens in all that may stand there after those before it; 1 where written."""
    return [np.exp(np.minimum(shares, 0.0)) for shares in _log_shares(rows, tokens, _own(rows, tokens))]


def legal(rows: Rows, tokens: I64) -> list[F64]:
    """(T,) the summed probability of all tokens that may stand where each of these does, after those before it; 1 where
    written, 0 from the first illegal one on."""
    out, own = [], _own(rows, tokens)
    for scores, shares, less in zip(own, _log_shares(rows, tokens, own), of.apart(rows)):
        lawful = shares > -np.inf
        mass = np.exp(np.minimum(np.where(lawful, scores, 0.0) - np.where(lawful, shares, 0.0) - less, 0.0))
        out.append(np.where(lawful, mass, 0.0))
    return out


def _at_open(rows: Rows, tokens: I64) -> list[F64]:
    """The scores of these tokens at the open positions."""
    return logits(rows).at(places(rows), [v[row.open] for row, v in zip(rows, tokens)])


def _own(rows: Rows, tokens: I64) -> list[F64]:
    """(T,) the scores of these tokens, 0 where written."""
    out = []
    for row, scores in zip(rows, _at_open(rows, tokens)):
        out.append(np.zeros(len(row.written)))
        out[-1][row.open] = scores
    return out


def _log_shares(rows: Rows, tokens: I64, own: Sequence[F64]) -> list[F64]:
    """(T,) the log of what `local` says."""
    strings = [np.where(row.written < 0, v, row.written) for row, v in zip(rows, tokens)]
    alive = of.alive(rows)
    if any(row.table.layers > 1 for row in rows):  # on its own a position is read by layer 0
        alone = [sums[:, : row.table.n_classes] for row, sums in zip(rows, of.class_sum(rows))]
        sums = sweeps.label_log_sum(of.tables(rows), [np.ascontiguousarray(one) for one in alone])
    else:
        sums = of.label_sum(rows)
    return sweeps.walk_local(of.tables(rows), sums, alive, strings, own)
