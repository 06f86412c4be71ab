"""Particle Gibbs: a decode is kept, and canvases are weighed and resampled around it, again and again.

A sweep is `Particles` with one of its canvases told what to do: step by step it goes the way that the retained decode
went, with the weights that it had then, and is never lost in resampling; the others are drawn, and weighed, and
resampled with it. At the end one of all is drawn by weight, and the way it came is retained for the next sweep. That
leaves the target of `Particles` as it is, for any number of canvases from two on (Andrieu, Doucet and Holenstein 2010,
"Particle Markov chain Monte Carlo methods", JRSS B 72): sweeps take it where canvases alone would have to be many.

The estimates of what a canvas is worth are drawn too, so they are retained with the way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from ctrldiff.protocols import Move, Scored
from ctrldiff.search.particles import Weighing, resampled
from ctrldiff.search.run import F64, Found, Run, checked, chosen, finished, sizes_now, together, total
from ctrldiff.state import State, Step


@dataclass(frozen=True)
class ParticleGibbs(Weighing):
    """`sweeps` rounds of `n` canvases a row: the first is that of `Particles`, the others are conditional.

    Everything but `sweeps` is as in `Particles`, the conditions of exact weights too. choose: "draw" is the state of
    the chain after the last sweep; "best" the canvas with the highest reward in it.

    The log weights of the candidates are those of the last sweep. Of a conditional sweep their mean is no unbiased
    estimate of the normaliser, since one canvas was there before.
    Source: PG-DLM (arXiv:2507.08390), with exact weights.
    """

    sweeps: int = 4

    def __post_init__(self) -> None:
        checked("ParticleGibbs", self.n, sweeps=self.sweeps)
        super().__post_init__()

    def __call__(self, run: Run, state: State) -> Found:
        score, begin = self.prepared(run, state)
        state, pick, way = self._sweep(run, score, begin, None)
        for _ in range(1, self.sweeps):
            begin = replace(begin, rngs=state.rngs, forwards=state.forwards)
            state, pick, way = self._sweep(run, score, begin, way)
        rewards = finished(score, run, state)
        if self.choose == "best":
            pick = chosen("best", state, rewards, self.n)
        return Found(state, rewards, pick, total(state, self.n), way.sizes)

    def _sweep(
        self, run: Run, score: Scored | None, state: State, way: _Way | None
    ) -> tuple[State, NDArray[np.int64], _Way]:
        """The canvases, complete; one of each group, drawn by weight; and the way it came."""
        steps: list[State] = []
        came: list[NDArray[np.int64]] = []
        seen: list[F64] = []

        def weigh(move: Move, state: State, step: Step) -> State:
            before = state.log_weight
            state, weighing = self.weighed(run, score, move, state, step)
            gain = torch.where(before == -torch.inf, 0.0, state.log_weight - before)
            state = replace(state, log_weight=gain)
            if way is not None and len(steps) < len(way.steps):
                state = _told(state, way.steps[len(steps)], way.alive, self.n)
            steps.append(state)
            state, index = replace(state, log_weight=before + state.log_weight), np.arange(state.shape[0])
            if weighing:
                seen.append(sizes_now(state, self.n))
                state, index = resampled(state, self.n, self.ess, move, None if way is None else way.alive)
            came.append(index)
            return state

        state = run.decode(state, weigh)
        pick = chosen("draw", state, np.full(state.shape[0], np.nan), self.n)
        alive = state.log_weight[pick] > -torch.inf
        return state, pick, _Way(_traced(steps, came, pick), alive, np.array(seen).reshape(-1, len(pick)))


@dataclass(frozen=True)
class _Way:
    """How one canvas of each group came about.

    Fields: steps, its state (B rows) after each step, with what that step weighed as its log weight; alive, (B,) bool,
        whether it weighs anything: what does not is not retained; sizes, as in `Found`, of the sweep that it is from.
    """

    steps: tuple[State, ...]
    alive: torch.Tensor
    sizes: F64


def _traced(steps: Sequence[State], came: Sequence[NDArray[np.int64]], rows: NDArray[np.int64]) -> tuple[State, ...]:
    """The states that these final rows came through; `came` is the row that each row was before a resampling."""
    out = []
    for state, index in zip(reversed(steps), reversed(came), strict=True):
        rows = index[rows]
        out.append(state.gather(torch.from_numpy(rows)))
    return tuple(reversed(out))


def _told(state: State, retained: State, alive: torch.Tensor, n: int) -> State:
    """The state with the retained canvas as the first of each group that has one. Generators and counts of forwards
    belong to the place."""
    index = torch.arange(state.shape[0])
    index[::n] = torch.where(alive, state.shape[0] + torch.arange(len(alive)), index[::n])
    return replace(together([state, retained]).gather(index), rngs=state.rngs, forwards=state.forwards)
