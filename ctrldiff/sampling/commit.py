"""Which open positions to write. Scores are taken on constrained marginals (law X3); ties go to the leftmost.

Every policy picks a subset of one joint proposal, which is always safe (law X1). Rows in which nothing qualifies
write their best position, so a decode always moves.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias, get_args

import numpy as np
import torch

from ctrldiff.errors import InputError
from ctrldiff.protocols import CommitPolicy, Posterior
from ctrldiff.state import Scores, State, Step, Tokens, Where, gap_starts

__all__ = [
    "Anchored",
    "CertainFree",
    "EntropyBound",
    "Everything",
    "Factor",
    "Gaps",
    "LeftToRight",
    "Prefix",
    "Renoise",
    "Rewrite",
    "Threshold",
    "TopK",
    "best_first",
    "certainty",
    "first",
    "leftmost",
]

By: TypeAlias = Literal["confidence", "margin", "entropy", "surprise", "position", "random"]


def leftmost(eligible: Where) -> Where:
    """(B, T) bool: the first of each row's eligible positions."""
    return eligible & (eligible.cumsum(1) == 1)


def certainty(by: By, posterior: Posterior, tokens: Tokens, state: State) -> Scores:
    """(B, T) higher is more certain: the token's marginal, best minus second best, minus entropy, minus surprise (the
    model's own log-probability of it, taken before the constraint), leftness, or a row's draw."""
    if by == "confidence":
        return posterior.confidence(tokens).cpu()
    if by == "margin":
        return posterior.margin().cpu()
    if by == "entropy":
        return -posterior.entropy().cpu()
    if by == "surprise":
        return -posterior.surprise(tokens).cpu()
    if by == "position":
        return -torch.arange(state.shape[1], dtype=torch.float32).expand(state.shape)
    if by == "random":
        return uniform(state)
    raise unknown_order(by)


def uniform(state: State, rows: torch.Tensor | None = None) -> Scores:
    """(B, T) float32 in [0, 1), drawn with each row's own generator. Rows (B,) that draw nothing have zeros; None: the
    complete ones."""
    draws, lengths = torch.zeros(state.shape), state.lengths.tolist()
    for row in (~state.done if rows is None else rows).nonzero()[:, 0].tolist():
        own = lengths[row]
        draws[row, :own] = torch.from_numpy(state.rngs[row].random(own, dtype=np.float32))
    return draws


def gumbel(state: State) -> torch.Tensor:
    """(B, T) float64 Gumbel noise, drawn with each row's own generator; complete rows draw nothing and have zeros.

    Of uniform draws in float32 none comes out above 16.6, so what is rare comes too rarely (arXiv:2409.02908).
    """
    noise, lengths = torch.zeros(state.shape, dtype=torch.float64), state.lengths.tolist()
    for row in (~state.done).nonzero()[:, 0].tolist():
        own = lengths[row]
        noise[row, :own] = torch.from_numpy(state.rngs[row].gumbel(size=own))
    return noise


def certain_enough(where: Where, scores: Scores, eligible: Where) -> Where:
    """What was chosen, and the best eligible position of each row in which nothing was."""
    nothing = ~where.any(dim=1)
    return where | first(nothing.to(torch.int64), best_first(scores, eligible), eligible)


def unknown_order(by: object) -> InputError:
    """What is said of an order that is none."""
    return InputError(f"by={by!r}", hint=f"one of {', '.join(get_args(By))}", param="by")


def in_range(name: str, value: object, low: float, high: float = math.inf) -> None:
    """Raise InputError for a policy's number that is none, or is outside of low..high."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        upper = "" if high == math.inf else f" and at most {high:g}"
        raise InputError(f"{name}={value!r}: a number of at least {low:g}{upper}", param=name)


def positive(name: str, value: object) -> None:
    """Raise InputError for what is no finite number above 0."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
        raise InputError(f"{name}={value!r}: a finite number above 0", param=name)


def check_count(name: str, value: object) -> None:
    """Raise InputError for a policy's count that is no int of at least 1."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise InputError(f"{name}={value!r}: an int of at least 1", param=name)


def first(count: torch.Tensor, order: torch.Tensor, eligible: Where) -> Where:
    """The first `count[b]` eligible positions of each row, in the row's `order` (B, T)."""
    ranked = eligible.gather(1, order)
    taken = ranked & (ranked.cumsum(1) <= count[:, None])
    return torch.zeros_like(eligible).scatter(1, order, taken)


def best_first(scores: Scores, eligible: Where) -> torch.Tensor:
    """(B, T) positions, eligible ones first, highest score first, leftmost first among equals."""
    return torch.where(eligible, scores, torch.full_like(scores, -torch.inf)).argsort(
        dim=1, descending=True, stable=True
    )


@dataclass(frozen=True)
class TopK:
    """As many as the schedule asks for, the most certain first (LLaDA arXiv:2502.09992, Dream arXiv:2508.15487).

    temperature: above 0 the positions are drawn, one after the other, in proportion to exp(certainty / temperature)
    (Dream's `alg_temp`).
    """

    by: By = "confidence"
    temperature: float = 0.0

    def __post_init__(self) -> None:
        if self.by not in get_args(By):
            raise unknown_order(self.by)
        in_range("temperature", self.temperature, 0)

    def __call__(self, posterior: Posterior, tokens: Tokens, state: State, step: Step) -> Where:
        eligible = state.open & step.window
        scores = certainty(self.by, posterior, tokens, state)
        if self.temperature > 0:  # Gumbel-top-k: the order of draws without putting back
            scores = scores.to(torch.float64) / self.temperature + gumbel(state)
        return first(step.quota, best_first(scores, eligible), eligible)


@dataclass(frozen=True)
class Threshold:
    """All whose marginal is at least `above`, else the best one (Fast-dLLM, arXiv:2505.22618)."""

    above: float = 0.9

    def __post_init__(self) -> None:
        in_range("above", self.above, 0)

    def __call__(self, posterior: Posterior, tokens: Tokens, state: State, step: Step) -> Where:
        eligible = state.open & step.window
        scores = certainty("confidence", posterior, tokens, state)
        best = first(torch.ones(len(scores), dtype=torch.int64), best_first(scores, eligible), eligible)
        return (eligible & (scores >= self.above)) | best


@dataclass(frozen=True)
class Factor:
    """The largest n with (n + 1)(1 - c_n) < f, where c_n is the n-th best marginal; at least one
    (Fast-dLLM, arXiv:2505.22618)."""

    f: float = 1.0

    def __post_init__(self) -> None:
        in_range("f", self.f, 0)

    def __call__(self, posterior: Posterior, tokens: Tokens, state: State, step: Step) -> Where:
        eligible = state.open & step.window
        scores = certainty("confidence", posterior, tokens, state)
        order = best_first(scores, eligible)
        ranked = scores.gather(1, order).to(torch.float64)
        n = torch.arange(1, scores.shape[1] + 1)[None, :]
        passes = ((n + 1) * (1 - ranked) < self.f) & eligible.gather(1, order)
        largest = (passes * n).amax(dim=1)
        return first(largest.clamp(min=1), order, eligible)


@dataclass(frozen=True)
class EntropyBound:
    """From the most certain on, the largest prefix with sum(H) - max(H) <= gamma nats; at least one (EB-Sampler,
    arXiv:2505.24857). Forced positions have H = 0 and are free. by: the order, which need not be that of the entropies.
    """

    gamma: float = 0.1
    by: Literal["entropy", "confidence", "margin"] = "entropy"

    def __post_init__(self) -> None:
        in_range("gamma", self.gamma, 0)
        if self.by not in ("entropy", "confidence", "margin"):
            raise InputError(f"by={self.by!r}", hint='"entropy", "confidence" or "margin"', param="by")

    def __call__(self, posterior: Posterior, tokens: Tokens, state: State, step: Step) -> Where:
        eligible = state.open & step.window
        entropy = posterior.entropy().cpu().to(torch.float64)
        scores = -entropy if self.by == "entropy" else certainty(self.by, posterior, tokens, state)
        order = best_first(scores, eligible)
        ranked = torch.where(eligible, entropy, torch.zeros_like(entropy)).gather(1, order)
        excess = ranked.cumsum(1) - ranked.cummax(1).values
        n = torch.arange(1, entropy.shape[1] + 1)[None, :]
        largest = (((excess <= self.gamma) & eligible.gather(1, order)) * n).amax(dim=1)
        return first(largest.clamp(min=1), order, eligible)


@dataclass(frozen=True)
class Everything:
    """All of the window at once: with the exact posterior, one forward pass already gives a legal text."""

    def __call__(self, posterior: Posterior, tokens: Tokens, state: State, step: Step) -> Where:
        return state.open & step.window


@dataclass(frozen=True)
class Prefix:
    """The leftmost open position, and the run of positions after it as long as each marginal is at least `above`.

    Nothing is written whose place a value still open on its left could move. In canonical JSON that matters: a
    closing quote that is likely somewhere must not be nailed down before the value in front of it is known.
    By "margin" the choice of positions does not depend on the proposed tokens, as exact weights need it to be.
    `own`: the run ends as well where the model gives the token less than this probability at its own position, among
    what may stand there: the evidence further right, which marginals take in, is blind to what is open on the left. 0
    does not ask.
    """

    above: float = 0.9
    by: Literal["confidence", "margin"] = "confidence"
    own: float = 0.0

    def __post_init__(self) -> None:
        if self.by not in ("confidence", "margin"):
            raise InputError(f"by={self.by!r}", hint='"confidence" or "margin"', param="by")
        in_range("above", self.above, 0)
        in_range("own", self.own, 0)

    def __call__(self, posterior: Posterior, tokens: Tokens, state: State, step: Step) -> Where:
        eligible = state.open & step.window
        sure = certainty(self.by, posterior, tokens, state) >= self.above
        if self.own > 0:
            sure &= posterior.local(tokens).cpu() >= self.own
        stops = eligible & ~sure & ~leftmost(eligible)
        return eligible & (stops.cumsum(1) == 0)


@dataclass(frozen=True)
class Gaps:
    """Of every gap (a stretch of open positions of one segment) what `Prefix` writes of a row, if its first token is at
    least `begin` certain; of the gap whose first token is the most certain, always.

    So values that are read surely come first, whatever their place, and the others with these in sight.
    """

    begin: float = 0.6
    above: float = 0.9
    own: float = 0.8

    def __post_init__(self) -> None:
        for name in ("begin", "above", "own"):
            in_range(name, getattr(self, name), 0)

    def __call__(self, posterior: Posterior, tokens: Tokens, state: State, step: Step) -> Where:
        eligible = state.open & step.window
        starts = gap_starts(eligible, state.segment)
        scores = certainty("confidence", posterior, tokens, state)
        begins = certain_enough(starts & (scores >= self.begin), scores, starts)
        goes_on = (scores >= self.above) & (posterior.local(tokens).cpu() >= self.own)
        stops = eligible & ~torch.where(starts, begins, goes_on)
        stopped = stops.cumsum(1)
        before = torch.where(starts, stopped - stops.to(stopped.dtype), 0)  # when the gap began
        return eligible & (stopped == before.cummax(1).values)


@dataclass(frozen=True)
class Anchored:
    """The leftmost open position, and every position that is both sure of its token and sure of its place: its
    marginal is at least `above`, and the automaton's state before it is at least `place` likely.

    Structure is committed late, yet fields whose place is known are written side by side: `Prefix` waits for the first
    doubt, this only for doubts that could move what stands behind them.
    """

    above: float = 0.9
    place: float = 0.99

    def __post_init__(self) -> None:
        in_range("above", self.above, 0)
        in_range("place", self.place, 0)

    def __call__(self, posterior: Posterior, tokens: Tokens, state: State, step: Step) -> Where:
        eligible = state.open & step.window
        sure = certainty("confidence", posterior, tokens, state) >= self.above
        return leftmost(eligible) | (eligible & sure & (posterior.anchored().cpu() >= self.place))


@dataclass(frozen=True)
class LeftToRight:
    """Let `inner` choose, but only among the first `block` open positions of the window."""

    inner: CommitPolicy
    block: int = 8

    def __post_init__(self) -> None:
        in_range("block", self.block, 1)

    def __call__(self, posterior: Posterior, tokens: Tokens, state: State, step: Step) -> Where:
        eligible = state.open & step.window
        near = eligible & (eligible.cumsum(1) <= self.block)
        return self.inner(posterior, tokens, state, replace(step, window=near))


@dataclass(frozen=True)
class CertainFree:
    """Write every position whose marginal is at least `above`, and let `inner` choose among the others: what the
    constraint and the context have settled costs nothing of the quota."""

    inner: CommitPolicy
    above: float = 0.9999

    def __post_init__(self) -> None:
        in_range("above", self.above, 0)

    def __call__(self, posterior: Posterior, tokens: Tokens, state: State, step: Step) -> Where:
        eligible = state.open & step.window
        certain = eligible & (certainty("confidence", posterior, tokens, state) >= self.above)
        return certain | self.inner(posterior, tokens, state, replace(step, window=eligible & ~certain))


@dataclass(frozen=True)
class Rewrite:
    """Write all that was cleared, and what `inner` chooses of the noise (token to token, LLaDA2.1)."""

    inner: CommitPolicy

    def __call__(self, posterior: Posterior, tokens: Tokens, state: State, step: Step) -> Where:
        return (state.cleared & step.window) | Renoise(self.inner)(posterior, tokens, state, step)


@dataclass(frozen=True)
class Renoise:
    """Leave all that was cleared to become noise, and write what `inner` chooses of the rest (token to mask,
    arXiv:2604.18738)."""

    inner: CommitPolicy

    def __call__(self, posterior: Posterior, tokens: Tokens, state: State, step: Step) -> Where:
        noise = replace(
            step, window=step.window & ~state.cleared, quota=step.quota - (state.cleared & step.window).sum(dim=1)
        )
        return self.inner(posterior, tokens, state, noise)
