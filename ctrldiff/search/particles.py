"""Particles: canvases of one row that are weighed as they are written, and resampled.

    target  p(x) w(x) exp(strength * r(x)) on the language of the constraint

p is the model's own sampler: what it would write, position by position in the same order, without constraint or guide;
w are the weights of a `Prior`. Constraint and guides only propose. A step writes the positions S of a draw from the
step's exact posterior, and the weight takes up what that draw was not:

    log p(x_S) - log p~(x_S)  +  log Z(fresh) - log Z(stale, given x_S)

where p~ is the guided model and Z sums its weight over the legal completions: stale by this step's logits, fresh by the
next one's (law X8). Rewards come in through an estimate of the value of a canvas, psi = the mean of exp(strength * r)
over completions drawn from the stale posterior: the weight gains psi / (the psi before), and at the end exp(strength *
r(x)) itself, so that every estimate cancels out and the weights stay exact whatever was estimated.

Sources: Singhal et al. 2025 (FK steering), arXiv:2501.06848, the "difference" potential; exact weights for constraints
as in SMC steering, arXiv:2306.03081, and for guidance as in arXiv:2502.06079.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass, replace
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from ctrldiff.errors import InputError
from ctrldiff.protocols import Move, Posterior, Reward, Scored
from ctrldiff.rewards.function import as_reward
from ctrldiff.sampling.constrain import Exact, normalised
from ctrldiff.sampling.edit import Final
from ctrldiff.sampling.plan import Plan
from ctrldiff.sampling.propose import Draw
from ctrldiff.sampling.revise import Keep
from ctrldiff.search.run import (
    F64,
    Choose,
    Found,
    Run,
    checked,
    chosen,
    draw,
    effective,
    finished,
    readable,
    sizes_now,
    total,
)
from ctrldiff.state import State, Step, Where

STALE, VALUE = "particles.stale", "particles.value"  # what a particle remembers from one step to the next


@dataclass(frozen=True)
class Weighing:
    """How canvases of a row are weighed while they are written.

    Args:
        reward: a function of a list of texts, or a reward of `ctrldiff.rewards`. None: only the weights of "model".
        strength: lambda, in nats for one unit of reward.
        every: steps between two weighings by reward; resampling happens then.
        completions: drawn for each canvas at a weighing.
        ess: resample when the effective sample size falls below this share of n. 1: whenever weights differ.
        target: "model" is the exact target above. "sampler" leaves constraint and guides out of the weights: what the
            guided sampler writes, times exp(strength * r), which is FK steering as published.
        choose: the answer is drawn by weight, or is the one with the highest reward.
    Exact for commit rules that do not look at the proposed tokens (the default here; TopK by "margin", "entropy",
    "position" or "random"; Everything), to the order they choose. By "confidence" the weights are an approximation.
    What the constraint forces before the first step counts as given.
    """

    reward: Reward | Callable[[list[str]], Any] | None = None
    n: int = 4
    _: KW_ONLY
    strength: float = 1.0
    every: int = 1
    completions: int = 4
    ess: float = 0.5
    target: Literal["model", "sampler"] = "model"
    choose: Choose = "draw"

    def __post_init__(self) -> None:
        name = type(self).__name__
        checked(name, self.n, self.strength, self.choose, every=self.every, completions=self.completions)
        if not 0.0 <= self.ess <= 1.0 or self.target not in ("model", "sampler"):
            raise InputError(
                f"{name}: ess={self.ess}, target={self.target!r}",
                hint='ess from 0 to 1; target="model" or target="sampler"',
            )
        if self.reward is None and (self.target == "sampler" or self.choose == "best"):
            raise InputError(f"{name}: without a reward there is nothing to weigh or to choose by", param="reward")
        if self.reward is not None:
            object.__setattr__(self, "reward", as_reward(self.reward))

    def prepared(self, run: Run, state: State) -> tuple[Scored | None, State]:
        """The reward, and the state before its first step. Raises: InputError for plans that cannot be weighed."""
        if self.target == "model":
            weighable(run.plan)
        zero = torch.zeros(state.shape[0], dtype=torch.float64)
        score = None if self.reward is None else as_reward(self.reward).prepare(run.context)
        return score, state.remember(**{STALE: zero, VALUE: zero})

    def weighed(self, run: Run, score: Scored | None, move: Move, state: State, step: Step) -> tuple[State, bool]:
        """The state after a step with what the step weighs, and whether resampling is due."""
        new = move.before.open & ~state.open
        going = ~move.before.done
        stale = move.posterior.clamp(state.tokens, new)
        if self.target == "model":
            state = corrected(move, state, new, going, stale)
        weighing = int(step.index[going][0] + 1) % self.every == 0  # the rows of a search began together
        if score is not None:
            state = self._valued(run, score, state, going & (state.done | weighing), stale)
        return state, weighing

    def _valued(self, run: Run, score: Scored, state: State, due: Where, stale: Posterior) -> State:
        """The state weighed by what its due rows are worth."""
        before, value = state.memory[VALUE], state.memory[VALUE].clone()
        done = (due & state.done).nonzero()[:, 0].tolist()
        if done:
            exact = self.strength * run.scores(score, done, state.tokens[done])
            value[done] = torch.from_numpy(np.where(np.isnan(exact), -np.inf, exact))
        opened = (due & ~state.done).nonzero()[:, 0].tolist()
        if opened:
            rngs = state.drawing(due & ~state.done)
            drawn = stale.sample(self.completions, rngs=rngs)[opened].cpu().flatten(0, 1)
            rows = [row for row in opened for _ in range(self.completions)]
            exponents = self.strength * run.scores(score, rows, drawn).reshape(len(opened), -1)
            for row, some in zip(opened, exponents):
                some = some[~np.isnan(some)]
                if len(some) and some.max() > -np.inf:  # else nothing was learnt: the estimate before stands
                    value[row] = float(np.logaddexp.reduce(some) - np.log(len(some)))
        weight = torch.where(due, state.log_weight + value - before, state.log_weight)
        return replace(state, log_weight=weight).remember(**{VALUE: value})


@dataclass(frozen=True)
class Particles(Weighing):
    """Sequential Monte Carlo over `n` canvases a row, weighed as `Weighing` says."""

    def __call__(self, run: Run, state: State) -> Found:
        score, state = self.prepared(run, state)
        seen: list[F64] = []

        def weigh(move: Move, state: State, step: Step) -> State:
            state, weighing = self.weighed(run, score, move, state, step)
            if not weighing:
                return state
            seen.append(sizes_now(state, self.n))
            return resampled(state, self.n, self.ess, move)[0]

        state = run.decode(state, weigh)
        rewards, forwards = finished(score, run, state), total(state, self.n)
        pick = chosen(self.choose, state, rewards, self.n)
        return Found(state, rewards, pick, forwards, np.array(seen).reshape(-1, len(pick)))


def weighable(plan: Plan) -> None:
    """Raise InputError for a plan under which exact weights have no meaning."""
    usual = {"constrain": Exact(), "propose": Draw(), "edit": Final(), "revise": Keep(), "finish": None}
    for name, value in usual.items():
        if getattr(plan, name) != value:
            raise InputError(
                f"exact weights and {name}={getattr(plan, name)!r}",
                why="what was drawn has to be what the weights count, once, and to stay",
                hint='leave it out, or target="sampler"',
                param=name,
            )


def corrected(move: Move, state: State, new: Where, going: torch.Tensor, stale: Posterior) -> State:
    """The state weighed by what the proposal of this step was not: see the top of this page."""
    tokens = readable(move, state.tokens, new)
    own = normalised(move.unguided()).cpu().gather(2, tokens[..., None])[..., 0].to(torch.float64)
    proposed = -move.posterior.surprise(tokens).cpu().to(torch.float64)
    ratio = torch.where(own == -torch.inf, own, own - proposed)  # forced, and forbidden by the model: it weighs nothing
    fresh, now = move.posterior.log_z().cpu(), stale.log_z().cpu()
    gain = torch.where(new, ratio, 0.0).sum(1) + fresh - state.memory[STALE]
    weight = torch.where(going, state.log_weight + gain, state.log_weight)
    return replace(state, log_weight=weight).remember(**{STALE: torch.where(going, now, state.memory[STALE])})


def resampled(
    state: State, n: int, ess: float, move: Move, retained: torch.Tensor | None = None
) -> tuple[State, NDArray[np.int64]]:
    """Each group of n rows drawn anew by weight, where its effective sample size is below `ess` * n; its mean weight is
    kept. Generators and counts of forwards belong to the place, not to the canvas that is copied into it.

    retained: (B,) bool, of which groups the first canvas stays and the others are drawn independently of each other, as
        conditional SMC has it; in the others all are drawn systematically.
    Returns: the state, and (B * n,) the row that each came from.
    """
    index, weights = np.arange(state.shape[0]), state.log_weight.numpy().copy()
    for first in range(0, state.shape[0], n):
        group, rng = slice(first, first + n), state.rngs[first]
        some = weights[group]
        if state.done[group].all() or some.max() == -np.inf or effective(some) >= ess * n * (1 - 1e-9):
            continue
        if retained is not None and retained[first // n]:
            kept = np.array([0, *(draw(some, rng.random()) for _ in range(n - 1))])
        else:
            kept = systematic(some, float(rng.random()))
        index[group] = first + kept
        weights[group] = np.logaddexp.reduce(some) - np.log(n)
    moved, going = state.gather(torch.from_numpy(index)), (~move.before.done).to(torch.int64)
    after = (state.step + going)[index] - going  # the loop moves on the clocks of the places that were going
    moved = replace(moved, rngs=state.rngs, forwards=state.forwards, log_weight=torch.from_numpy(weights), step=after)
    return moved, index


def systematic(log_weights: F64, uniform: float) -> NDArray[np.int64]:
    """(n,) ascending indices, each taken floor or ceil of n times its share (systematic resampling)."""
    n = len(log_weights)
    shares = np.exp(log_weights - log_weights.max())
    edges = shares.cumsum() / shares.sum()
    last = np.flatnonzero(log_weights > -np.inf)[-1]
    return np.minimum(np.searchsorted(edges, (np.arange(n) + uniform) / n, side="right"), last)
