"""Several next canvases tried in one call, and the one gone on with that leaves the network most certain."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from ctrldiff.protocols import Posterior
from ctrldiff.sampling.commit import best_first, check_count, first, in_range
from ctrldiff.sampling.loop import Loop
from ctrldiff.sampling.passes import Passed, guided, hidden
from ctrldiff.search.ahead import Bill, among, asked, mixed
from ctrldiff.search.anew import noted, written
from ctrldiff.search.run import Found, Run, checked
from ctrldiff.state import Scores, State


@dataclass(frozen=True)
class Branches:
    """After each step of the plan `branches` canvases beside its own are tried, each with one more token of the same
    proposal, those of the most certain open positions in the window. All are forwarded in one call, and the next step
    is taken from the one that scores best: `own` times the confidence of the token that it added (1 of the plan's own
    canvas) and the rest times the mean of the lowest `share` of the confidences at what is open in it.

    It chooses among no draws. A call holds up to 1 + branches canvases a row, and a sweep is made for each.

    Source: LoPA (arXiv:2512.16229), its released scores, with confidences of the exact posterior.
    """

    branches: int = 3
    own: float = 0.5
    share: float = 0.5

    draws = False

    def __post_init__(self) -> None:
        checked("Branches", 1, branches=self.branches)
        check_count("branches", self.branches)
        in_range("own", self.own, 0, 1)
        in_range("share", self.share, 0, 1)

    @property
    def n(self) -> int:
        """Canvases a row: one."""
        return 1

    def __call__(self, run: Run, state: State) -> Found:
        run.of_one_length()
        loop = Loop(run.denoiser, run.plan, run.constraint, run.guides)
        state = loop.begin(state)
        bill = Bill.of(state)
        tries = [(state, torch.ones(state.shape[0]))]
        while not state.done.all():
            passed = asked(loop, [one for one, _ in tries])
            bill.forwarded([one for one, _ in tries])
            state, found, posterior = self._best(loop, passed, [added for _, added in tries])
            state = bill.written(loop, state, found)
            tries = self._tried(loop, state, posterior)
        nothing = np.full(state.shape[0], np.nan)
        return Found(bill.on(state), nothing, np.arange(state.shape[0]), bill.forwards)

    def _best(
        self, loop: Loop, passed: list[tuple[State, Passed]], added: list[Scores]
    ) -> tuple[State, Passed, Posterior]:
        """Of each row the try that scores best, the first among equals; and the posterior over all of them."""
        scores = [self._score(loop, *one, sure) for one, sure in zip(passed, added, strict=True)]
        pick = torch.stack(scores).argmax(dim=0)
        state, found = passed[0]
        for n, (other, its) in enumerate(passed[1:], start=1):
            state, found = among(pick == n, other, state), mixed(pick == n, its, found)
        return state, found, self._posterior(loop, state, found)

    def _score(self, loop: Loop, state: State, found: Passed, added: Scores) -> Scores:
        """(B,) float64; -inf where nothing was added."""
        posterior = self._posterior(loop, state, found)
        sure = posterior.confidence(posterior.map()).cpu().to(torch.float64)
        ranked = torch.where(state.open, sure, torch.inf).sort(dim=1).values
        opened = state.open.sum(dim=1)
        counted = (opened * self.share).to(torch.int64).clamp(min=1)
        lowest = torch.where(torch.arange(state.shape[1])[None, :] < counted[:, None], ranked, 0.0).sum(dim=1) / counted
        return self.own * added.to(torch.float64) + (1 - self.own) * torch.where(opened > 0, lowest, 1.0)

    def _tried(self, loop: Loop, state: State, posterior: Posterior) -> list[tuple[State, Scores]]:
        """The canvases to try next, the plan's own the last, each with the confidence of what it added."""
        tokens, window = state.history[:, -1], state.open & loop.plan.schedule(state).window
        told = written(state, posterior, tokens.clamp(min=0), window)  # all that may be tried
        sure, out = told.held_confidence, []
        order = best_first(sure, window)
        for n in range(min(self.branches, int(window.sum(dim=1).max()))):
            new = first(torch.full_like(state.step, n + 1), order, window)
            new = new & ~first(torch.full_like(state.step, n), order, window)
            some = new.any(dim=1)
            more = loop.constraint.settle(noted(state.write(new, tokens, sure), told, new))
            added = torch.where(some, torch.where(new, sure, 0.0).sum(dim=1), -torch.inf)
            out.append((hidden(more, torch.zeros_like(new), some), added))
        return [*out, (state, torch.ones(state.shape[0]))]

    def _posterior(self, loop: Loop, state: State, found: Passed) -> Posterior:
        step, processors = loop.plan.schedule(state), loop.plan.processors
        logits = guided(found.logits, found.views, state, step, processors, loop.guides)
        return loop.constraint.bind(logits, state)
