"""What a search is given: one decode whose canvases come in groups, and the steps to drive it with."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, Protocol, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from ctrldiff.errors import InputError, ShapeError, warn
from ctrldiff.protocols import (
    Constraint,
    Denoiser,
    Guidance,
    GuideContext,
    Move,
    Observer,
    Posterior,
    Scored,
)
from ctrldiff.sampling.grow import Fixed
from ctrldiff.sampling.loop import Loop
from ctrldiff.sampling.passes import forward, guided
from ctrldiff.sampling.plan import Plan
from ctrldiff.sampling.propose import Best
from ctrldiff.state import State, Tokens, Where
from ctrldiff.tokens.vocabulary import Vocabulary

Choose: TypeAlias = Literal["draw", "best"]
F64: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True)
class Look:
    """One forward pass: the state with noise in its open positions, the posterior over them, and the (B, T, V) logits
    without guides."""

    state: State
    posterior: Posterior
    unguided: torch.Tensor


@dataclass(frozen=True)
class Run:
    """How the canvases of a search are decoded: a plan at work on all of them.

    Fields: context, for preparing rewards: its rows are the search's canvases. The others as in `Loop`.
    """

    denoiser: Denoiser
    plan: Plan
    constraint: Constraint
    context: GuideContext
    guides: Sequence[Guidance] = ()

    def decode(self, state: State, *observers: Observer) -> State:
        """Every canvas complete. The plan's own observers are told before the search's.

        Raises: InputError for a search that looks on at a canvas that grows.
        """
        if observers:
            self.of_one_length()
        plan = self.plan.but(observers=(*self.plan.observers, *observers))
        return Loop(self.denoiser, plan, self.constraint, self.guides).run(state)

    def of_one_length(self) -> None:
        """Raise InputError if canvases grow: what this search remembers of their positions would be of others."""
        if self.plan.grow != Fixed():
            raise InputError(
                f"this search and grow={self.plan.grow!r} cannot go together",
                why="it goes by positions, and they move",
                hint="BestOfN, Vote or MinimumRisk, or a canvas of one length",
                param="grow",
            )

    def look(self, state: State) -> Look:
        """One forward pass of the canvases with something open."""
        self.of_one_length()
        state = self.denoiser.noise(state.begin(self.plan.schedule.budget(state)))
        step, processors = self.plan.schedule(state), self.plan.processors
        ((own, views, _),) = forward(self.denoiser, [(state, step)], self.guides)
        logits = guided(own, views, state, step, processors, self.guides)
        unguided = guided(own, (), state, step, processors, ()) if self.guides else logits
        return Look(state, self.constraint.bind(logits, state), unguided)

    def scores(self, score: Scored, rows: Sequence[int], tokens: Tokens) -> F64:
        """(N,) rewards of whole canvases (N, T) that stand in these rows; NaN where there is none."""
        return score(rows, self.context.vocabulary.texts(tokens.tolist()))


@dataclass(frozen=True)
class Found:
    """What a search found: B groups of n complete canvases, side by side.

    Fields:
        state: B * n rows; `log_weight` is what each weighs in its group.
        rewards: (B * n,) float64, NaN where there is none.      chosen: (B,) int64, the row that is the answer.
        forwards: (B,) int64, denoiser calls of single canvases that the group took.
        sizes: (K, B) float64, of a search that resamples the effective sample size of each group at every time that it
            might have, before it did; NaN once the group was complete. None for the others.
    """

    state: State
    rewards: F64
    chosen: NDArray[np.int64]
    forwards: torch.Tensor
    sizes: F64 | None = None

    def candidates(self, row: int, vocabulary: Vocabulary) -> tuple[Candidate, ...]:
        """The canvases of one row."""
        n = self.state.shape[0] // len(self.chosen)
        own = self.state.gather(range(row * n, (row + 1) * n))
        texts = vocabulary.texts(own.tokens.tolist())
        rewards = self.rewards[row * n : (row + 1) * n].tolist()
        return tuple(map(Candidate, texts, rewards, own.log_weight.tolist()))

    @property
    def ess(self) -> F64:
        """(B,) float64: the effective sample size of each group, of n canvases; n where all weigh the same."""
        return sizes(self.state, self.state.shape[0] // max(len(self.chosen), 1))

    def ess_path(self, row: int) -> tuple[float, ...]:
        """The effective sample sizes of one row, at each time that it might have been resampled and at the end."""
        before: list[float] = [] if self.sizes is None else self.sizes[:, row].tolist()
        return (*(one for one in before if not math.isnan(one)), float(self.ess[row]))

    @property
    def log_z(self) -> F64:
        """(B,) float64: log of the mean weight. Of exact weights it estimates the log of the target's normaliser (its
        exp is unbiased)."""
        weights = self.state.log_weight.reshape(len(self.chosen), -1)
        return (weights.logsumexp(1) - math.log(max(weights.shape[1], 1))).numpy()


def effective(log_weights: F64) -> float:
    """(sum w)^2 / sum w^2, from 1 to their number; 0 where nothing weighs anything."""
    if not len(log_weights) or log_weights.max() == -np.inf:
        return 0.0
    return float(np.exp(2 * np.logaddexp.reduce(log_weights) - np.logaddexp.reduce(2 * log_weights)))


def sizes(state: State, n: int) -> F64:
    """(B,) the effective sample size of each group of n rows."""
    return np.array([effective(group) for group in state.log_weight.numpy().reshape(-1, n)], np.float64)


def sizes_now(state: State, n: int) -> F64:
    """(B,) the same, NaN where the group is complete."""
    return np.where(state.done.numpy().reshape(-1, n).all(axis=1), np.nan, sizes(state, n))


@dataclass(frozen=True)
class Candidate:
    """One canvas of a search: its text, its reward (NaN: none), its log weight among its rivals."""

    raw: str
    reward: float
    log_weight: float


class Search(Protocol):
    """Many canvases for each row: how they are driven, and which of them is the answer.

    One that chooses among no draws says `draws = False`, and then goes with plans that do not draw.
    """

    @property
    def n(self) -> int:
        """Canvases a row."""

    def __call__(self, run: Run, state: State) -> Found:
        """Search from B * n canvases, the n of a row side by side (`State.fork`)."""


def chosen(choose: Choose, state: State, rewards: F64, n: int) -> NDArray[np.int64]:
    """(B,) the row of each group that is the answer.

    "draw": drawn by weight, with the generator of the group's first row. "best": the highest reward of those that weigh
    something; the first among equals. A group in which nothing has one is warned of and gives its first.
    """
    out = []
    for first in range(0, state.shape[0], n):
        weights = state.log_weight[first : first + n].numpy()
        if choose == "best":
            some = rewards[first : first + n]
            values = np.where(np.isnan(some) | (weights == -np.inf), -np.inf, some)
            pick = int(values.argmax())
            dead = values[pick] == -np.inf
        else:
            dead = bool((weights == -np.inf).all())
            pick = 0 if dead else draw(weights, state.rngs[first].random())
        if dead:
            warn(f"row {first // n}: every candidate has ended; its first is returned as it is")
        out.append(first + (0 if dead else pick))
    return np.array(out, np.int64)


def draw(log_weights: F64, uniform: float) -> int:
    """The index at `uniform` in the cumulated weights. At least one weight is above 0."""
    cumulated = np.exp(log_weights - log_weights.max()).cumsum()
    last = np.flatnonzero(log_weights > -np.inf)[-1]
    return int(min(np.searchsorted(cumulated, uniform * cumulated[-1], side="right"), last))


def finished(score: Scored | None, run: Run, state: State) -> F64:
    """(B * n,) the rewards of complete canvases."""
    if score is None:
        return np.full(state.shape[0], np.nan)
    return run.scores(score, range(state.shape[0]), state.tokens)


def readable(move: Move, tokens: Tokens, new: Where) -> Tokens:
    """The tokens as a posterior may be asked about them: 0 where there is still noise, which may be no token at all."""
    return torch.where(move.before.open & ~new, 0, tokens)


def together(states: Sequence[State]) -> State:
    """Decodes of equal canvases as one batch, in order. Raises: InputError if what they remember differs in shape."""
    try:
        return State.concat(states)
    except ShapeError as error:
        raise InputError(
            "this search decodes a row several times, and something the plan remembers grows with every step",
            hint="leave trace=True out",
            param="search",
        ) from error


def side_by_side(decodes: Sequence[State], used: Sequence[int], answers: State) -> State:
    """Decodes of B rows each as B groups of them. Where a row has used fewer, copies of its answer (B rows) stand in
    for the others, and weigh nothing."""
    rows, n = answers.shape[0], len(decodes)
    index = [i * rows + row if i < count else n * rows + row for row, count in enumerate(used) for i in range(n)]
    weights = [0.0 if i < count else -math.inf for count in used for i in range(n)]
    state = together([*decodes, answers]).gather(index)
    return replace(state, log_weight=torch.tensor(weights, dtype=torch.float64))


def total(state: State, n: int) -> torch.Tensor:
    """(B,) forwards of each group."""
    return state.forwards.reshape(-1, n).sum(1)


def draws(search: Search | None) -> bool:
    """The search chooses among draws."""
    return search is not None and getattr(search, "draws", True)


def searchable(search: Search, plan: Plan) -> None:
    """Raise InputError for what is no search, or a plan that a search cannot use."""
    if isinstance(search, type) or not (callable(search) and hasattr(search, "n")):
        raise InputError("search takes one of ctrldiff.search", hint="search=cd.search.BestOfN(reward, n=4)")
    if isinstance(plan.propose, Best) and draws(search):
        raise InputError("a search chooses among draws, and at temperature 0 there are none", hint="temperature=1.0")


def checked(name: str, n: int, strength: float = 0.0, choose: str = "best", **counts: int) -> None:
    """Raise InputError for a count that is no int of at least 1, an infinite strength, or an unknown choice."""
    for what, value in {"n": n, **counts}.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise InputError(f"{name}: {what}={value!r}, an int of at least 1", param=what)
    if isinstance(strength, bool) or not isinstance(strength, int | float) or not math.isfinite(strength):
        raise InputError(f"{name}: strength={strength} is not finite", param="strength")
    if choose not in ("draw", "best"):
        raise InputError(f"{name}: choose={choose!r}", hint='choose="draw" or choose="best"', param="choose")
