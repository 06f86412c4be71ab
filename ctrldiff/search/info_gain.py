"""Several sets of positions to write, each tried, and the one taken that leaves the least to be uncertain of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from ctrldiff.protocols import Move, Posterior
from ctrldiff.sampling.commit import best_first, check_count, first, gumbel, in_range
from ctrldiff.sampling.loop import Loop
from ctrldiff.sampling.passes import Passed, guided, hidden
from ctrldiff.search.ahead import Bill, among, asked, mixed
from ctrldiff.search.run import Found, Run, checked
from ctrldiff.state import State, Step, Tokens, Where

COST, WROTE = "info gain: cost", "info gain: wrote"  # what a canvas that is tried remembers of the step to it


@dataclass(frozen=True)
class InfoGain:
    """At each step `candidates` sets of positions are tried, as many positions in each as the schedule asks for, and
    all the canvases that they lead to are forwarded in one call. The step goes to the one with the highest

        - cost * (entropies of what it wrote, added up, before)  -  (mean entropy of what it leaves open, after)

    in nats, the first among equals. The first set are the most confident positions; the others are drawn in proportion
    to exp(confidence / temperature), one position after the other, each with a proposal of its own. Sets that come
    twice are forwarded once. Where the best token of every open position in the window is as probable as `above`, all
    of the window is written.

    The search says where to write, so the plan's commit rule is not asked; its other parts are. It chooses among no
    draws of its own, so plans at temperature 0 take it.

    cost: 1 as published; 0 is its variant LookUM, which looks at what is left alone.
    Source: Info-Gain (arXiv:2602.18176), its released sampler, with confidences and entropies of the exact posterior.
    """

    candidates: int = 8
    temperature: float = 0.2
    above: float = 0.8
    cost: float = 1.0

    draws = False

    def __post_init__(self) -> None:
        checked("InfoGain", 1, candidates=self.candidates)
        check_count("candidates", self.candidates)
        in_range("temperature", self.temperature, 1e-6)
        in_range("above", self.above, 0)
        in_range("cost", self.cost, 0)

    @property
    def n(self) -> int:
        """Canvases a row: one."""
        return 1

    def __call__(self, run: Run, state: State) -> Found:
        run.of_one_length()
        plan = run.plan.but(observers=(*run.plan.observers, _Noted()))
        loop = Loop(run.denoiser, plan, run.constraint, run.guides)
        state = loop.begin(state)
        bill = Bill.of(state)
        tries = [state]
        while not state.done.all():
            bill.forwarded(tries)
            passed = asked(loop, tries)
            state, found = self._best(loop, passed)
            tries = self._tried(loop, state, found, bill)
            if all(one.done.all() for one in tries):  # nothing is left to be uncertain of
                state = _picked(tries, torch.stack([self._score(one, None) for one in tries]).argmax(dim=0))
        nothing = np.full(state.shape[0], np.nan)
        return Found(bill.on(state), nothing, np.arange(state.shape[0]), bill.forwards)

    def _best(self, loop: Loop, passed: Sequence[tuple[State, Passed]]) -> tuple[State, Passed]:
        """Of each row the canvas that scores best, and what the network said of it."""
        scores, best = [], passed[0][1]
        for state, found in passed:
            logits = guided(
                found.logits, found.views, state, loop.plan.schedule(state), loop.plan.processors, loop.guides
            )
            scores.append(self._score(state, loop.constraint.bind(logits, state)))
        pick = torch.stack(scores).argmax(dim=0)
        for n, (_, its) in enumerate(passed[1:], start=1):
            best = mixed(pick == n, its, best)
        return _picked([state for state, _ in passed], pick), best

    def _score(self, state: State, posterior: Posterior | None) -> torch.Tensor:
        """(B,) float64; -inf for canvases that were tried already. Nothing open: no posterior is needed."""
        left = torch.zeros(state.shape[0], dtype=torch.float64)
        if posterior is not None:
            entropy = torch.where(state.open, posterior.entropy().cpu().to(torch.float64), 0.0)
            left = entropy.sum(dim=1) / state.open.sum(dim=1).clamp(min=1)
        cost = state.memory[COST]
        return torch.where(cost.isinf(), -torch.inf, -left - self.cost * cost)

    def _tried(self, loop: Loop, state: State, found: Passed, bill: Bill) -> list[State]:
        """The canvases to try next. One that was tried already costs infinitely much, and is not forwarded."""
        out: list[State] = []
        for n in range(self.candidates):
            own = (replace(state, rngs=out[-1].rngs) if out else state).snapshot()
            noise = gumbel(own) if n else torch.zeros(own.shape, dtype=torch.float64)
            trying = replace(loop, plan=loop.plan.but(commit=_Set(self.temperature, self.above, noise)))
            one = bill.written(trying, own, found)
            again = torch.zeros(own.shape[0], dtype=torch.bool)
            for other in out:
                again |= (one.memory[WROTE] == other.memory[WROTE]).all(dim=1)
            cost = torch.where(again, torch.inf, one.memory[COST])
            out.append(hidden(one.remember(**{COST: cost}), torch.zeros_like(one.open), ~again))
        return out


def _picked(tries: Sequence[State], pick: torch.Tensor) -> State:
    """Row by row the canvas `pick` (B,) says. Generators are the last one's, who has drawn what all have."""
    state = tries[0]
    for n, other in enumerate(tries[1:], start=1):
        state = among(pick == n, other, state)
    return replace(state, rngs=tries[-1].rngs)


@dataclass(frozen=True)
class _Set:
    """As many as the schedule asks for, in the order of confidence and noise; all where all are certain."""

    temperature: float
    above: float
    noise: torch.Tensor

    def __call__(self, posterior: Posterior, tokens: Tokens, state: State, step: Step) -> Where:
        eligible = state.open & step.window
        scores = posterior.confidence(tokens).cpu().to(torch.float64) / self.temperature + self.noise
        where = first(step.quota.clamp(min=1), best_first(scores, eligible), eligible)
        certain = (posterior.top(1)[1][..., 0].cpu() >= self.above) | ~eligible
        return where | (eligible & certain.all(dim=1, keepdim=True))


@dataclass(frozen=True)
class _Noted:
    """Notes what a step wrote, (B, T) bool, and the entropies it had, (B,) float64 nats, added up."""

    def begin(self, state: State) -> State:
        nothing = torch.zeros(state.shape[0], dtype=torch.float64)
        return state.remember(**{COST: nothing, WROTE: torch.zeros(state.shape, dtype=torch.bool)})

    def __call__(self, move: Move, state: State, step: Step) -> State:
        entropy = move.posterior.entropy().cpu().to(torch.float64)
        return state.remember(**{COST: torch.where(move.wrote, entropy, 0.0).sum(dim=1), WROTE: move.wrote})
