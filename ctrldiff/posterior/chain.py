"""The exact posterior over whole canvases: each row has its own table, and one row's answer never depends on the rows
around it. What is asked of a posterior is asked of all its rows in one call (`posterior/queries.py`).

For one row with open positions O, the weight of a legal string v is prod over t in O of p[t, v_t] (times the weights
of its edges, if any). Everything here is exact for that distribution; sums are taken as in `kernels/chain.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ctrldiff.errors import InputError, ShapeError
from ctrldiff.posterior import gpu, lawful, queries, refusals, sweeps
from ctrldiff.posterior import row as of
from ctrldiff.posterior.arrays import fixed, token_ids, whole_number
from ctrldiff.posterior.device import DeviceLogits
from ctrldiff.posterior.lifted import Lifted
from ctrldiff.posterior.port import Later, Port
from ctrldiff.posterior.read import HostLogits, Logits
from ctrldiff.posterior.row import ClassScores, Row, Rows

if TYPE_CHECKING:
    import torch

    from ctrldiff.posterior.gpu.swept import Swept

MOST_BEST = 10_000  # strings that `map` gives at most


@dataclass(frozen=True, eq=False)
class ChainPosterior:
    """A distribution over whole canvases; see `Table.bind`. Shapes below drop B when bound with (T, V).

    Results are worked out when first asked and kept. Arrays come back as the logits came: numpy, or torch on the
    same device.
    """

    rows: Rows
    port: Port
    swept: Swept | None = None  # the same rows where their logits are, if kernels there know their kind

    @property
    def shape(self) -> tuple[int, int, int]:
        """(B, T, V) of the tokens."""
        if self.swept is not None:
            return *self.swept.work.written.shape, self.swept.work.pack.tokens
        return len(self.rows), len(self.rows[0].written), self.rows[0].table.size

    def _give(self, there: Any, here: Callable[[Rows], Any], dtype: Any) -> Any:
        """What was found where the logits are; else what the host's query finds."""
        return self.port.give(here(self.rows), dtype) if there is None else self.port.stay(there)

    def map(self, n: int | None = None) -> Any:
        """The best legal string of each row, (B, T) int64; with `n`, the n best (B, n, T), best first.

        The n best are different token sequences (two of them may decode to the same text); n is at most `MOST_BEST`. A
        row with fewer has -1 in the rest. Ties: of strings with equal scores, the first in token-id order comes first;
        scores are float32 logits added in float64. The price of `n` grows with n times T; it is meant for a few dozen.
        Raises: LogitsInvalid, Infeasible.
        """
        if n is None:
            return self._give(self.swept and self.swept.map(), lawful.strings, np.int64)
        n = whole_number("n", n, 1, MOST_BEST)
        of.best(self.rows)  # of all rows at once; then row by row
        return self.port.give([lawful.best(row, n) for row in self.rows], np.int64)

    def sample(
        self, n: int | None = None, *, seed: int | None = None, rngs: Sequence[np.random.Generator] | None = None
    ) -> Any:
        """Independent exact draws, (B, T) int64, or (B, n, T) with `n`.

        Args:
            seed: fixes everything; row b draws from a generator seeded by (seed, b).
            rngs: one numpy Generator a row, advanced by this call; a row's draws then depend on it alone.
        Raises: LogitsInvalid, Infeasible.
        """
        n = None if n is None else whole_number("n", n, 0)
        if seed is not None:
            whole_number("seed", seed, 0)
        if rngs is None:
            rngs = [np.random.default_rng(None if seed is None else [seed, b]) for b in range(len(self.rows))]
        if not isinstance(rngs, Sequence):
            raise ShapeError(f"rngs is a {type(rngs).__name__}", hint="a list of numpy Generators, one a row")
        if len(rngs) != len(self.rows) or not all(isinstance(rng, np.random.Generator) for rng in rngs):
            raise ShapeError(
                f"{len(rngs)} generators for {len(self.rows)} rows",
                hint="rngs is a list of numpy Generators, one a row",
            )
        times = 1 if n is None else n
        there = None if self.swept is None else self.swept.sample(times, rngs)
        if there is not None:
            return self.port.stay(there[:, 0] if n is None else there)
        drawn = lawful.draws(self.rows, times, rngs)
        return self.port.give([tokens[0] for tokens in drawn] if n is None else drawn, np.int64)

    def marginals(self) -> Any:
        """(B, T, V) float32: the probability of each token at each position. A written position has one 1."""
        return self._give(self.swept and self.swept.marginals(), queries.marginals, np.float32)

    def by_layer(self) -> Any:
        """(B, T, layers, V) float32: the marginals by the layer of scores that a token is read in; those of written
        positions stand in layer 0."""
        return self._give(None, queries.by_layer, np.float32)

    def log_z(self) -> Any:
        """(B,) float64: log of the summed weight of all legal strings (0 if all is written). Raises: Infeasible."""
        return self._give(self.swept and self.swept.log_z(), queries.log_z, np.float64)

    def log_z_given(self, tokens: Any, keep: Any) -> Any:
        """(B,) float64: log of the summed weight of the legal strings that agree with `tokens` where `keep`.

        exp(log_z_given - log_z) is the probability of that partial assignment. -inf where no string agrees.
        """
        ids, where = self._assignment(tokens, keep)
        there = self.swept and self.swept.log_z_given(ids, where)
        return self._give(there, lambda rows: queries.log_z_given(rows, ids, where), np.float64)

    def feasible(self, tokens: Any, keep: Any) -> Any:
        """(B,) bool: a legal string of positive weight agrees with `tokens` where `keep`.

        What is kept counts as written, so its own logits are not read; -inf elsewhere is.
        """
        ids, where = self._assignment(tokens, keep)
        there = self.swept and self.swept.feasible(ids, where)
        return self._give(there, lambda rows: lawful.feasible(rows, ids, where), np.bool_)

    def clamp(self, tokens: Any, keep: Any) -> ChainPosterior:
        """The posterior with `tokens` written where `keep`. Logits already read are not read again.

        Raises: Infeasible, naming the first position that cannot be.
        """
        ids, where = self._assignment(tokens, keep)
        clamped = [row.clamp(v, k) for row, v, k in zip(self.rows, ids, where)]
        for row, v, k in zip(self.rows, ids, where):
            if not row.agrees(v, k):
                clash = int(np.flatnonzero(k & (row.written >= 0) & (row.written != v))[0])
                raise refusals.contradiction(row.table, row.scores.row, clash, row.written[clash], v[clash])
        swept = self.swept and self.swept.narrowed(np.stack([row.written for row in clamped]))
        if swept is None or swept.best is None:  # a best string of positive weight says that there is one
            of.reach(clamped)
            for narrowed in clamped:
                narrowed.check()
        return ChainPosterior(tuple(clamped), self.port, swept)

    def score(self, tokens: Any) -> Any:
        """(B,) float64: log-probability of whole strings; -inf for one that is not legal."""
        ids = self._tokens(tokens)
        return self._give(self.swept and self.swept.score(ids), lambda rows: lawful.score(rows, ids), np.float64)

    def confidence(self, tokens: Any) -> Any:
        """(B, T) float32: the marginal probability of these tokens, without making all marginals."""
        ids = self._tokens(tokens)
        there = self.swept and self.swept.confidence(ids)
        return self._give(there, lambda rows: queries.confidence(rows, ids), np.float32)

    def surprise(self, tokens: Any) -> Any:
        """(B, T) float32 nats: minus the log-probability that was bound for each of these tokens at its own position,
        whatever the constraint says (law X3); 0 where written, inf for a forbidden token."""
        return self._along(self._tokens(tokens), 2, queries.surprise)

    def local(self, tokens: Any) -> Any:
        """(B, T) float32: the probability of each of these tokens by the scores at its own position alone, among the
        tokens that some legal string goes on with after those before it.

        1 where written, and where the constraint leaves nothing else; 0 from the first illegal one on.
        Weights of edges do not count.
        """
        return self._along(self._tokens(tokens), 0, queries.local)

    def legal(self, tokens: Any) -> Any:
        """(B, T) float32: the probability, by the scores at each position alone, of all tokens that some legal string
        goes on with there after those before it: `tokens` are the string that is asked about.

        1: the constraint forbids nothing that was likely; near 0: it leaves nothing that was. 1 where written, 0 from
        the first illegal token on. The scores are to be log-probabilities; weights of edges do not count.
        """
        return self._along(self._tokens(tokens), 1, queries.legal)

    def anchored(self) -> Any:
        """(B, T) float32: the probability of the likeliest automaton state before each position.

        It says whether what is still open on the left can change what stands here: in JSON, which field it is, and how
        far into it. 1 where everything to the left is settled. Raises: LogitsInvalid, Infeasible.
        """
        return self._give(self.swept and self.swept.anchored(), queries.anchored, np.float32)

    def leading(self) -> tuple[Any, Any, Any]:
        """The choice at each row's leftmost open position on the evidence there alone: (B, T) int64, -1 elsewhere;
        (B,) float32, its own probability by that evidence; (B,) float32, the probability of everything that may stand
        there. Both are 1 for a complete row.

        It is the token of the best log-probability at that position among those that some legal canvas of positive
        weight goes on with. A prior counts, the evidence further right does not: a token gains the log of the mean
        factor by which the edge weights multiply the canvases that go on with it. Ties: the smallest id. A complete row
        has no choice left.
        Raises: LogitsInvalid, Infeasible.
        """
        there = None if self.swept is None else self.swept.leading()
        if there is not None:
            return tuple(self.port.stay(one) for one in there)
        chosen = [np.full(len(row.written), -1, np.int64) for row in self.rows]
        sure, masses = [1.0] * len(self.rows), [1.0] * len(self.rows)
        unfinished = [b for b, row in enumerate(self.rows) if len(row.open)]
        for b, found in zip(unfinished, lawful.leading([self.rows[b] for b in unfinished])):
            chosen[b][self.rows[b].open[0]], sure[b], masses[b] = found
        return tuple(self.port.give(*one) for one in ((chosen, np.int64), (sure, np.float32), (masses, np.float32)))

    def led(self, believed: float) -> tuple[ChainPosterior, Any, Any, Any] | None:
        """For rows on a device, which is not waited for; None for others. The posterior given each row's choice of
        `leading`, or of `map` where less than `believed` may stand there; (B, T) bool where the choice is; (B,) float32
        its probability and the mass of all that may stand there.

        What is wrong with a row is raised when the posterior is asked.
        """
        if self.swept is None or self.port.single:
            return None
        led = self.swept.led(believed)
        rows = Later(len(self.rows), lambda: self._rows_given(led.tokens, led.first))
        return ChainPosterior(rows, self.port, led.swept), led.first, led.sure, led.mass

    def _rows_given(self, tokens: torch.Tensor, keep: torch.Tensor) -> Rows:
        """The rows with more written. Raises: LogitsInvalid, Infeasible."""
        of.certain_best(self.rows)
        ids, where = tokens.cpu().numpy(), keep.cpu().numpy()
        return tuple(row.clamp(v, k) for row, v, k in zip(self.rows, ids, where))

    def margin(self) -> Any:
        """(B, T) float32: best minus second best marginal; 1 where written."""
        return self._beliefs(0)

    def entropy(self) -> Any:
        """(B, T) float32: entropy of the marginals in nats; 0 where written."""
        return self._beliefs(1)

    def top(self, k: int) -> tuple[Any, Any]:
        """(B, T, k) int64, the likeliest tokens of each position by their marginals, and (B, T, k) float32 these: for
        whoever wants to remember a step without its (B, T, V). Ties: the smallest id. k is at most V."""
        k = whole_number("k", k, 1, self.shape[2] if len(self.rows) else None)
        there = None if self.swept is None else self.swept.top(k)
        if there is not None:
            return self.port.stay(there[0]), self.port.stay(there[1])
        found = [queries.top(row, k) for row in self.rows]
        tokens, probs = [one for one, _ in found], [one for _, one in found]
        return self.port.give(tokens, np.int64), self.port.give(probs, np.float32)

    def forced(self) -> Any:
        """(B, T) bool: one token is possible there whatever the logits (they are not read). True where written."""
        return self._give(self.swept and self.swept.forced(), _forced, np.bool_)

    def ends(self) -> Any:
        """(B, S) float64: the probability that the text ends in each state of the automaton; for rows of one table.

        A row adds up to 1. Where every text ends in states of its own (`constraints/labels.py`) one sweep thus says how
        probable each is. Raises: LogitsInvalid, Infeasible.
        """
        return self._give(self.swept and self.swept.ends(), queries.ends, np.float64)

    def branch_probs(self, tables: Mapping[str, Lifted]) -> dict[str, Any]:
        """For each named table, (B,): the probability that the string is also in that table's language.

        Each table must describe a part of this posterior's language (constraint & branch); then parts that do not
        overlap have probabilities that add up to their union's. A part that does not fit has 0.

        Raises: ShapeError for a table of another vocabulary, and for one without weights where the posterior's own has
            them (a prior's), or the other way round: it would not be a part.
        """
        for name, table in tables.items():
            for row in self.rows:
                check_part(name, table, row.table)
        out = {}
        for name, table in tables.items():
            there = None if self.swept is None else self.swept.branch(table)
            if there is not None:
                out[name] = self.port.stay(there)
                continue
            parts = [Row(row.scores.by(table), row.written) for row in self.rows]
            of.reach(parts)
            of.weight([part for part in parts if part.possible])
            whole = queries.log_z(self.rows)
            values = [np.exp(part.log_z - z) if part.possible else 0.0 for part, z in zip(parts, whole)]
            out[name] = self.port.give(values, np.float64)
        return out

    def _beliefs(self, which: int) -> Any:
        """(B, T) float32: margins or entropies."""
        there = None if self.swept is None else self.swept.beliefs
        found = None if there is None else there[which]
        return self._give(found, lambda rows: [one[which] for one in queries.beliefs(rows)], np.float32)

    def _along(self, tokens: NDArray[np.int64], which: int, here: Callable[..., Any]) -> Any:
        """(B, T) float32 of a string a row: which of the answers of `Swept.given`, or the host's query."""
        there = None if self.swept is None else self.swept.given(tokens)
        return self._give(None if there is None else there[which], lambda rows: here(rows, tokens), np.float32)

    def _tokens(self, tokens: Any) -> NDArray[np.int64]:
        rows, positions, size = self.shape
        ids = self.port.take(tokens, rows, positions, np.int64, "tokens")
        if ((ids < 0) | (ids >= size)).any():
            raise refusals.bad_ids("tokens", ids, size)
        return ids

    def _assignment(self, tokens: Any, keep: Any) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        rows, positions, size = self.shape
        where = self.port.take(keep, rows, positions, np.bool_, "keep")
        ids = self.port.take(tokens, rows, positions, np.int64, "tokens")
        if (where & ((ids < 0) | (ids >= size))).any():
            raise refusals.bad_ids("tokens", ids[where], size)
        return ids, where


def _forced(rows: Rows) -> list[NDArray[np.bool_]]:
    """(T,) see `ChainPosterior.forced`."""
    forced = queries.forced(of.tables(rows), [row.written for row in rows], of.reach(rows))
    return [tokens >= 0 for tokens in forced]


def check_part(name: str, part: Any, whole: Lifted) -> None:
    """Raise ShapeError for a table that cannot describe a part of another one's language."""
    if not isinstance(part, Lifted):
        raise ShapeError(f"the branch {name!r} is a {type(part).__name__}, not a Table", hint="compile it")
    if whole.layers > 1:
        raise InputError("branches cannot be weighed by layers of scores", hint="guide the whole text, not a field")
    if part.size != whole.size:
        raise ShapeError(f"the branch {name!r} speaks of {part.size} tokens, the posterior of {whole.size}")
    theirs, ours = part.automaton.vocabulary, whole.automaton.vocabulary
    if theirs and ours and theirs != ours:
        raise ShapeError(f"the branch {name!r} was compiled for another vocabulary", hint="compile it for this one")
    unlike = bool(len(part.chain.weight)) != bool(len(whole.chain.weight)) or part.prior != whole.prior
    if unlike and whole.automaton.vocabulary:
        which = "has other weights than the posterior"
        raise ShapeError(
            f"the branch {name!r} {which}", hint="compile parts with the same prior: prior.compile(part, vocabulary)"
        )


def bind_table(table: Lifted, log_probs: Any, written: Any = None, raw: bool = False) -> ChainPosterior:
    """The same table for every row; see `Table.bind`, and `bind_rows` for `raw`."""
    logits, port = read_logits(log_probs)
    return _bind([table] * logits.shape[0], logits, port, written, raw)


def bind_rows(
    tables: Sequence[Lifted], log_probs: Any, written: Any = None, raw: bool = False, last: Any = None
) -> ChainPosterior:
    """A table for each row of (B, T, V) log-probabilities; else as `Table.bind`.

    raw: they are a network's logits as they are. All answers are those by log-probabilities; no copy is made of them.
    Not for tables with layers. last: (B, T) what was proposed last, a row of -1 if nothing was: where a proviso leaves
    nothing that is found in time, that is legal still.
    """
    logits, port = read_logits(log_probs)
    if len(tables) != logits.shape[0]:
        raise ShapeError(f"{len(tables)} tables for {logits.shape[0]} rows of log-probabilities")
    return _bind(tables, logits, port, written, raw, last)


def _bind(
    tables: Sequence[Lifted], logits: Logits, port: Port, written: Any, raw: bool, last: Any = None
) -> ChainPosterior:
    B, T, V = logits.shape
    for table in tables:
        if table.size * table.layers != V:
            of_layers = "" if table.layers == 1 else f" in {table.layers} layers"
            raise ShapeError(f"log-probabilities speak of {V} tokens, the table of {table.size}{of_layers}")
    V = tables[0].size if tables else V
    if written is None:
        held = np.full((B, T), -1, np.int64)
    else:
        held = port.take(written, B, T, np.int64, "written")
    if ((held < -1) | (held >= V)).any():
        raise refusals.bad_ids("written", held[held != -1], V)
    swept, logits = _swept(tables, logits, held, raw)
    told = np.full((B, T), -1, np.int64) if last is None else port.take(last, B, T, np.int64, "last")
    rows = []
    for b, table in enumerate(tables):
        agrees = (told[b] >= 0).all() and ((held[b] < 0) | (held[b] == told[b])).all()
        scores = ClassScores(table, logits, b, raw)
        rows.append(Row(scores, fixed(held[b], np.int64), last=told[b] if agrees else None))
    # On a device the host need not sweep for what a walk proves: the last proposal, which is legal still.
    unproven = rows if swept is None else [row for row in rows if not _stands(row)]
    of.reach(unproven)
    for row in unproven:
        row.check()
    return ChainPosterior(tuple(rows), port, swept)


def _stands(row: Row) -> bool:
    """A legal text that agrees with what is written is known."""
    return row.last is not None and sweeps.walk_tokens([row.table], [row.last])[0] > -np.inf


def _swept(
    tables: Sequence[Lifted], logits: Logits, written: NDArray[np.int64], raw: bool
) -> tuple[Swept | None, Logits]:
    """The rows on a CUDA device, if Triton is there and its kernels know their kind; the logits by what these read."""
    if not isinstance(logits, DeviceLogits) or logits.x.device.type != "cuda" or not gpu.wanted():
        return None, logits
    from ctrldiff.posterior.gpu.swept import ReadLogits, Swept  # only now: it needs triton, which few machines have

    swept = Swept.of(tables, logits.x, written, raw)
    return swept, logits if swept is None else ReadLogits(logits, swept, tables)


def read_logits(log_probs: Any) -> tuple[Logits, Port]:
    """The logits, and how to answer. float32 and halves whose rows lie in order are read in place on the CPU, others
    converted a few positions at a time, on a device too."""
    try:
        shape = tuple(np.shape(log_probs))
    except ValueError as error:
        raise ShapeError(f"log-probabilities are no array: {error}") from error
    if len(shape) not in (2, 3) or 0 in (shape[0] if len(shape) == 3 else 1, shape[-1]):
        raise ShapeError(
            f"log-probabilities are {shape}, expected (T, V) or (B, T, V)", hint="one row of V scores a position"
        )
    single = len(shape) == 2
    if hasattr(log_probs, "detach"):
        if not log_probs.dtype.is_floating_point:
            raise ShapeError(f"log-probabilities are {log_probs.dtype}, expected floats")
        x = log_probs.detach()
        x = x[None] if single else x
        if x.device.type != "cpu":
            return DeviceLogits(x), Port(single, x.device)
        return HostLogits(x), Port(single, x.device)
    array = np.asarray(log_probs)
    if array.dtype.kind != "f":
        raise ShapeError(f"log-probabilities are {array.dtype}, expected floats")
    array = array[None] if single else array
    return HostLogits(array), Port(single)


def forced_tokens(table: Lifted, written: Any) -> Any:
    """See `Table.forced`."""
    is_torch = hasattr(written, "detach")
    held = token_ids("written", written)
    if held.ndim != 1:
        raise ShapeError(f"written is {held.shape}, expected (T,)")
    if ((held < -1) | (held >= table.size)).any():
        raise refusals.bad_ids("written", held[held != -1], table.size)
    reached = sweeps.reach([table], [held])
    if not (reached[0][-1] & table.chain.accept).any():
        raise refusals.nothing_fits(table, held, 0)
    (forced,) = queries.forced([table], [held], reached)
    if not is_torch:
        return forced
    import torch

    return torch.from_numpy(forced).to(written.device)
