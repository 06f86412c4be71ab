"""Constraints as the loop sees them: a table for each row, or nothing at all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

import torch

from ctrldiff.posterior.chain import ChainPosterior, bind_rows
from ctrldiff.posterior.free import bind_free, free_table
from ctrldiff.posterior.table import Table
from ctrldiff.protocols import Constraint, Posterior, Weighs
from ctrldiff.sampling.commit import positive
from ctrldiff.sampling.legal import NEGLIGIBLE
from ctrldiff.state import State, Tokens, gap_starts

__all__ = ["DrawnAt", "Exact", "Free", "GapsFirst", "LeftmostFirst", "LengthFirst", "Tables", "normalised"]


@dataclass(frozen=True)
class Free:
    """No constraint: positions are independent of each other, and a text may end anywhere."""

    ends: tuple[int, ...] = ()
    layers: int = 1
    provisos: bool = False

    def bind(self, logits: torch.Tensor, state: State) -> Posterior:
        return bind_free(logits, state.written, raw=True)

    def weigh(self, scores: torch.Tensor, state: State) -> Posterior:
        """As `bind`, by (B, T, V) scores that are used as they are."""
        return bind_free(scores, state.written)

    def settle(self, state: State) -> State:
        return state


@dataclass(frozen=True)
class Tables:
    """One table a row; rows may have different ones, but all as many layers of scores."""

    tables: tuple[Table, ...]

    @staticmethod
    def same(table: Table, rows: int) -> Tables:
        """The same table for every row."""
        return Tables((table,) * rows)

    @property
    def layers(self) -> int:
        """How many layers of V the logits have side by side."""
        return self.tables[0].layers if self.tables else 1

    @property
    def provisos(self) -> bool:
        """Whether the texts of some row are held to more than its automaton knows."""
        return any(table.proviso is not None for table in self.tables)

    @property
    def ends(self) -> tuple[int, ...]:
        """Ids that end a text or follow its end."""
        vocabularies = {id(table.vocabulary): table.vocabulary for table in self.tables if table.vocabulary}
        ids = {i for v in vocabularies.values() for i in (*v.stop_ids, v.pad_id) if i is not None}
        return tuple(sorted(ids))

    def bind(self, logits: torch.Tensor, state: State) -> Posterior:
        if self.layers > 1:
            return self.weigh(normalised(logits, self.layers), state)
        return self._bind(logits, state, raw=True)

    def weigh(self, scores: torch.Tensor, state: State) -> ChainPosterior:
        """As `bind`, by (B, T, layers * V) scores that are used as they are."""
        if self.layers > 1:
            return bind_rows(self.tables, scores, state.written, last=state.history[:, -1])
        return self._bind(scores, state, raw=False)

    def _bind(self, scores: torch.Tensor, state: State, raw: bool) -> ChainPosterior:
        nothing = free_table(scores.shape[-1])  # for complete rows, of which nothing more is asked: it costs least
        tables = [nothing if done else table for table, done in zip(self.tables, state.done.tolist(), strict=True)]
        return bind_rows(tables, scores, state.written, raw, state.history[:, -1])

    def settle(self, state: State) -> State:
        if not self.tables:
            return state
        rows = zip(self.tables, state.written, strict=True)
        tokens = torch.stack([settled(table, written) for table, written in rows])
        return state.write(tokens >= 0, tokens)


@dataclass(frozen=True)
class Exact:
    """The constraint as it is: every query is one of the exact posterior over the whole canvas."""

    def __call__(self, constraint: Weighs) -> Constraint:
        return constraint


CERTAINTY = frozenset({"confidence", "entropy", "legal", "local", "margin", "marginals", "surprise", "top"})


@dataclass(frozen=True)
class DrawnAt:
    """What is written is the best, or a draw, at `temperature`; how certain it is, is asked of the logits as they are.

    LLaDA's way (arXiv:2502.09992). Dream's (arXiv:2508.15487) is the processor `Temperature`: there the confidence is
    that of the tempered logits too, so that a threshold means another thing at every temperature.
    then: what becomes of the constraint besides.
    """

    temperature: float
    then: Callable[[Any], Constraint] = Exact()

    def __post_init__(self) -> None:
        positive("temperature", self.temperature)

    def __call__(self, constraint: Weighs) -> Constraint:
        return _DrawnAt(self.then(constraint), self.temperature)


@dataclass(frozen=True)
class _DrawnAt:
    inner: Constraint
    temperature: float

    def bind(self, logits: torch.Tensor, state: State) -> Posterior:
        drawn = self.inner.bind(logits.to(torch.float32, copy=True).div_(self.temperature), state)
        return cast(Posterior, _Tempered(self.inner.bind(logits, state), drawn))

    def settle(self, state: State) -> State:
        return self.inner.settle(state)


@dataclass(frozen=True)
class _Tempered:
    """Two posteriors over the same texts: one that is asked how certain things are, one for everything else."""

    plain: Posterior
    drawn: Posterior

    def clamp(self, tokens: Any, keep: Any) -> _Tempered:
        return _Tempered(self.plain.clamp(tokens, keep), self.drawn.clamp(tokens, keep))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.plain if name in CERTAINTY else self.drawn, name)


@dataclass(frozen=True)
class Chosen:
    """A posterior given a choice that was made beside it: `first` (B, T) is where, `sure` how probable the model itself
    found it there, `mass` how probable all that might stand there, both (B, T) or (B, 1); `before` is the posterior it
    was made in."""

    posterior: Posterior
    before: Posterior
    first: torch.Tensor
    sure: torch.Tensor
    mass: torch.Tensor

    def confidence(self, tokens: torch.Tensor) -> torch.Tensor:
        """The marginals given the choice, and the choice's own probability where it was made."""
        return torch.where(self.first, self.sure, self.posterior.confidence(tokens))

    def legal(self, tokens: torch.Tensor) -> torch.Tensor:
        """The legal mass where the choice was made is that of its rivals too."""
        return torch.where(self.first, self.mass, self.posterior.legal(tokens))

    def branch_probs(self, tables: Mapping[str, Any]) -> dict[str, Any]:
        """The probabilities of branches before the choice was made: it may have been between them."""
        return self.before.branch_probs(tables)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.posterior, name)


@dataclass(frozen=True)
class LeftmostFirst:
    """Any constraint, with the leftmost open token settled on the evidence at its own position.

    The marginals further right are mixtures over all the places where a value still open may end. Multiplied into the
    first choice they drown it; so that choice is the model's own best token there among those that can still be
    completed, and everything after it is the exact posterior given that choice. Ties: the smallest id. What is
    forbidden by -inf stays forbidden everywhere. The confidence of the choice is the model's own probability of it.

    believed: where less than this of the model's belief is in anything legal there, its evidence says nothing about
    what is: the model wants to be elsewhere. There the choice is the token of the best whole completion, which knows
    what it wants further right: `""` for a required string of which the text says nothing, and no debris.
    """

    inner: Constraint
    believed: float = NEGLIGIBLE

    def bind(self, logits: torch.Tensor, state: State) -> Posterior:
        exact = self.inner.bind(logits, state)
        led = exact.led(self.believed) if isinstance(exact, ChainPosterior) else None
        if led is not None:
            posterior, first, sure, mass = led
            return cast(Posterior, Chosen(posterior, exact, first, sure[:, None], mass[:, None]))
        tokens, sure, mass = exact.leading()
        first, sure = tokens >= 0, sure[:, None].expand_as(tokens)
        tokens, lost = tokens.clamp(min=0), (mass < self.believed)[:, None]
        if lost.any():
            tokens = torch.where(lost, exact.map(), tokens)
            sure = torch.where(lost, torch.exp(-exact.surprise(tokens)), sure)
        return cast(Posterior, Chosen(exact.clamp(tokens, first), exact, first, sure, mass[:, None]))

    def settle(self, state: State) -> State:
        return self.inner.settle(state)


@dataclass(frozen=True)
class GapsFirst:
    """Any constraint, with the first open token of every gap settled on the evidence at its own position.

    A gap is a stretch of open positions within one segment; where a canvas is laid out (`layout.Rooms`) every value has
    its own, and all can be read at once. The choices are those that are together the most probable by the model's own
    evidence at these positions, of those that can be completed together: where gaps do not depend on each other, in
    each its own best token, as `LeftmostFirst` chooses one. A prior adds what it gives the completion that it likes
    best. Everything else is the exact posterior given these choices. Ties: the smallest ids, from the left.

    believed: as of `LeftmostFirst`; such a gap is given its best whole completion.
    """

    inner: Weighs
    believed: float = NEGLIGIBLE

    def bind(self, logits: torch.Tensor, state: State) -> Posterior:
        exact = self.inner.bind(logits, state)
        scores = normalised(logits, self.inner.layers)
        starts = gap_starts(state.open, state.segment)
        posterior, sure, mass = self._given(exact, scores, state, starts, starts)
        lost = starts & (mass.cpu() < self.believed)
        if lost.any():
            heard = starts | _gaps_of(lost, state)
            posterior, sure, mass = self._given(exact, scores, state, starts, heard)
        return cast(Posterior, Chosen(posterior, exact, starts.to(sure.device), sure, mass))

    def _given(
        self, exact: Posterior, scores: torch.Tensor, state: State, starts: torch.Tensor, heard: torch.Tensor
    ) -> tuple[Posterior, torch.Tensor, torch.Tensor]:
        """The posterior given what the best string of those has at `starts` that are weighed where they are `heard`
        alone; (B, T) how probable the model found it there; (B, T) how probable all that might stand there."""
        unheard = (~heard)[..., None].to(scores.device) & ~torch.isneginf(scores)
        best = self.inner.weigh(scores.masked_fill(unheard, 0.0), state).map()
        posterior = exact.clamp(best, starts)
        whole = posterior.map()  # what stands on the left of a place says what may stand there
        return posterior, torch.exp(-exact.surprise(whole)), exact.legal(whole)

    def settle(self, state: State) -> State:
        return self.inner.settle(state)


def _gaps_of(starts: torch.Tensor, state: State) -> torch.Tensor:
    """(B, T) bool: all positions of the gaps that begin at some of `starts`."""
    number = gap_starts(state.open, state.segment).cumsum(1)
    chosen = torch.zeros(state.shape[0], state.shape[1] + 1, dtype=torch.bool).scatter(1, number * starts, starts)
    chosen[:, 0] = False
    return state.open & chosen.gather(1, number)


LENGTHS = 8  # that are tried for a row whose texts are held to a proviso


@dataclass(frozen=True)
class LengthFirst:
    """Any constraint, with the number of tokens of each row's text settled first, anew at every step: the likeliest of
    its posterior, which is how much all the texts of a length weigh together. The best single text leans to the short.

    Ties: the shortest. The queries are those of the exact posterior given that length. Where no legal text of it is
    found, because its keys or items have to differ, the next likeliest of `LENGTHS`; then any.
    """

    inner: Weighs

    def bind(self, logits: torch.Tensor, state: State) -> Posterior:
        scores = normalised(logits, self.inner.layers)
        exact = self.inner.weigh(scores, state)
        over = torch.zeros(state.shape, dtype=torch.float64)  # how likely the text ends here or before
        for token in self.inner.ends:
            over += exact.confidence(torch.full(state.shape, token)).cpu()
        over = torch.nn.functional.pad(over.cummax(dim=1).values, (0, 1), value=1.0)
        likely = over.diff(dim=1, prepend=torch.zeros_like(over[:, :1]))
        posterior = self._of_length(scores, state, likely.argmax(dim=1))
        tried = torch.zeros(state.shape[0], dtype=torch.int64)
        while self.inner.provisos and not (fits := _found(posterior, state)).all():
            likely[~fits] = likely[~fits].scatter(1, likely[~fits].argmax(dim=1, keepdim=True), 0.0)
            tried += ~fits
            any_length = (tried >= LENGTHS) | (likely.amax(dim=1) <= 0)
            length = torch.where(any_length, -1, likely.argmax(dim=1))
            posterior = self._of_length(scores, state, length)
            if any_length[~fits].all():
                break
        return posterior

    def _of_length(self, scores: torch.Tensor, state: State, length: torch.Tensor) -> Posterior:
        """The posterior of texts of so many tokens, (B,); of any for a row of -1."""
        width = scores.shape[-1] // self.inner.layers
        inside = torch.ones(self.inner.layers, width, dtype=torch.bool, device=scores.device)
        inside[:, list(self.inner.ends)] = False
        inside = inside.flatten()
        # Under a proviso other lengths may be tried; else nobody asks for the scores again.
        scores = scores.clone() if self.inner.provisos else scores
        for row, n in enumerate(length.tolist()):
            if n >= 0:
                scores[row, :n, ~inside] = -torch.inf
                scores[row, n:].masked_fill_(inside, -torch.inf)
        return self.inner.weigh(scores, state)

    def settle(self, state: State) -> State:
        return self.inner.settle(state)


def _found(posterior: Posterior, state: State) -> torch.Tensor:
    """(B,) whether a legal text of each row was found."""
    nothing = torch.zeros(state.shape, dtype=torch.bool)
    return torch.as_tensor(posterior.feasible(torch.zeros(state.shape, dtype=torch.int64), nothing)).cpu()


FREE = Free()


def settled(table: Table, written: Tokens) -> Tokens:
    """(T,) what is written and what has to be, -1 elsewhere. Behind a stop id the text is over: more of it follow."""
    forced = table.forced(written)
    stops = torch.tensor(table.vocabulary.stop_ids if table.vocabulary else (), dtype=forced.dtype)
    is_stop = torch.isin(forced, stops)
    over = (is_stop.cumsum(0) > 0) & (forced < 0)
    return torch.where(over, forced[is_stop.to(torch.uint8).argmax(dim=0)], forced) if over.any() else forced


def normalised(logits: torch.Tensor, layers: int = 1) -> torch.Tensor:
    """Log-probabilities in float32; a row of nothing but -inf stays as it is, so that the posterior can say so.

    Of layers side by side the first one's are log-probabilities, and the others keep their differences from it.
    """
    width, out = logits.shape[-1] // layers, torch.empty_like(logits, dtype=torch.float32)
    for row, own in enumerate(logits):  # row by row: an exponential of all logits is as large as they are
        wide = own.to(torch.float32)
        total = wide[..., :width].logsumexp(dim=-1, keepdim=True)
        out[row] = wide - torch.where(total == -torch.inf, torch.zeros_like(total), total)
    return out
