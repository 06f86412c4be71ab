"""Commit policies made of others. Like all of them, they leave no row that can move as it is."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import torch

from ctrldiff.errors import InputError
from ctrldiff.protocols import Ask, Asks, CommitPolicy, Posterior
from ctrldiff.sampling.commit import TopK, best_first, certain_enough, certainty, check_count, first, in_range
from ctrldiff.sampling.passes import only_in_the_loop
from ctrldiff.state import State, Step, Tokens, Where

__all__ = ["And", "AtLeastOne", "ButOne", "Cap", "Or", "Proposed", "Spacing"]


@dataclass(frozen=True, init=False)
class And:
    """What all of them choose; where they have nothing in common, the most confident position."""

    inner: tuple[CommitPolicy, ...]

    def __init__(self, *inner: CommitPolicy) -> None:
        object.__setattr__(self, "inner", several(inner))

    def __call__(self, posterior: Posterior, tokens: Tokens, state: State, step: Step) -> Where:
        where = torch.stack([one(posterior, tokens, state, step) for one in self.inner]).all(dim=0)
        return certain_enough(where, certainty("confidence", posterior, tokens, state), state.open & step.window)


@dataclass(frozen=True, init=False)
class Or:
    """What any of them chooses."""

    inner: tuple[CommitPolicy, ...]

    def __init__(self, *inner: CommitPolicy) -> None:
        object.__setattr__(self, "inner", several(inner))

    def __call__(self, posterior: Posterior, tokens: Tokens, state: State, step: Step) -> Where:
        return torch.stack([one(posterior, tokens, state, step) for one in self.inner]).any(dim=0)


@dataclass(frozen=True)
class AtLeastOne:
    """What `inner` chooses; where that is nothing, the most confident position. For rules of one's own."""

    inner: CommitPolicy

    def __call__(self, posterior: Posterior, tokens: Tokens, state: State, step: Step) -> Where:
        where = self.inner(posterior, tokens, state, step)
        return certain_enough(where, certainty("confidence", posterior, tokens, state), state.open & step.window)


@dataclass(frozen=True)
class Proposed:
    """What the proposer stands behind: what a judge let pass (`propose.Judged`, `Mixture`), what was settled in several
    passes (`propose.Recomputed`). What `inner` chooses in rows where that is nothing of the window, and of proposers
    that stand behind all alike. It is a plan's own commit, and no part of another rule."""

    inner: CommitPolicy = TopK()

    def __call__(self, posterior: Posterior, tokens: Tokens, state: State, step: Step) -> Where:
        raise only_in_the_loop(self)

    def asking(self, ask: Ask) -> CommitPolicy:
        return partial(self._commit, ask)

    def _commit(self, ask: Ask, posterior: Posterior, tokens: Tokens, state: State, step: Step) -> Where:
        may = state.open & step.window
        settled = torch.zeros_like(may) if ask.settled is None else ask.settled & may
        silent = ~settled.any(dim=1) & may.any(dim=1)
        if not silent.any():
            return settled
        inner = self.inner.asking(ask) if isinstance(self.inner, Asks) else self.inner
        return torch.where(silent[:, None], inner(posterior, tokens, state, step), settled)


@dataclass(frozen=True)
class ButOne:
    """What `inner` chooses, but the least confident position where that is all of the window: a row goes on, and what
    is emitted is settled by its stop rule or its last step, with the plan's `finish`. With acceptance that does not
    last (`Reconsider`) a row must not be complete because once everything was accepted. It may choose nothing."""

    inner: CommitPolicy

    def __call__(self, posterior: Posterior, tokens: Tokens, state: State, step: Step) -> Where:
        eligible = state.open & step.window
        where = self.inner(posterior, tokens, state, step) & eligible
        everything = (where == eligible).all(dim=1) & ~step.last
        order = best_first(-certainty("confidence", posterior, tokens, state), eligible)
        return where & ~first(everything.to(torch.int64), order, eligible)


@dataclass(frozen=True)
class Cap:
    """No more than the `most` most confident of what `inner` chooses; None: than the schedule asks for, but one.

    share: nor more than this share of what may be written, or `least` if that is more. `Cap(Threshold(.6), 20, .7, 5)`
        is WINO's draft (arXiv:2507.18578).
    """

    inner: CommitPolicy
    most: int | None = None
    share: float = 1.0
    least: int = 1

    def __post_init__(self) -> None:
        if self.most is not None:
            check_count("most", self.most)
        in_range("share", self.share, 0, 1)
        check_count("least", self.least)

    def __call__(self, posterior: Posterior, tokens: Tokens, state: State, step: Step) -> Where:
        where = self.inner(posterior, tokens, state, step)
        count = step.quota.clamp(min=1) if self.most is None else torch.full_like(step.quota, self.most)
        part = ((state.open & step.window).sum(dim=1).to(torch.float64) * self.share).to(torch.int64)
        count = count.minimum(part.clamp(min=self.least))
        return first(count, best_first(certainty("confidence", posterior, tokens, state), where), where)


@dataclass(frozen=True)
class Spacing:
    """Of what `inner` chooses, positions that are far from each other, the most confident first; what leaves no choice
    costs nothing and is no neighbour (the filter of DUS, arXiv:2506.19037).

    apart: the least distance.   start: the distance while all of the row is open; it shrinks with what is open.
    """

    inner: CommitPolicy
    apart: int = 2
    start: int = 8

    def __post_init__(self) -> None:
        check_count("apart", self.apart)
        check_count("start", self.start)

    def __call__(self, posterior: Posterior, tokens: Tokens, state: State, step: Step) -> Where:
        where = self.inner(posterior, tokens, state, step)
        forced = torch.as_tensor(posterior.forced()).cpu() & where
        order = best_first(certainty("confidence", posterior, tokens, state), where & ~forced)
        counts = (where & ~forced).sum(dim=1).tolist()
        unfixed = (state.open | state.held).sum(dim=1).clamp(min=1)
        far = (state.open.sum(dim=1) * self.start // unfixed).clamp(min=self.apart).tolist()
        out = forced
        for row, count in enumerate(counts):
            taken: list[int] = []
            for t in order[row, :count].tolist():
                if all(abs(t - other) >= far[row] for other in taken):
                    taken.append(t)
            out[row, taken] = True
        return out


def several(inner: tuple[CommitPolicy, ...]) -> tuple[CommitPolicy, ...]:
    """The policies of a combination. Raises: InputError for none, or for what is no policy."""
    if not inner or not all(callable(one) for one in inner):
        raise InputError(f"a combination of {inner!r}", hint="cd.commit.Or(cd.commit.TopK(), cd.commit.Threshold(.9))")
    return inner
