"""Which held positions to turn back to noise. Reopening is always safe (law X4)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import torch

from ctrldiff.protocols import Ask, Posterior, RevisePolicy
from ctrldiff.sampling.ancestral import Remasking, earlier
from ctrldiff.sampling.commit import best_first, check_count, first, in_range, uniform
from ctrldiff.sampling.passes import hidden, log_probability, only_in_the_loop
from ctrldiff.state import State, Step, Where

__all__ = ["Keep", "LeastConfident", "Remask", "RunningConfidence", "Verified"]


@dataclass(frozen=True)
class Keep:
    """What is written stays."""

    def __call__(self, posterior: Posterior, state: State, step: Step) -> Where:
        return torch.zeros(state.shape, dtype=torch.bool)


@dataclass(frozen=True)
class LeastConfident:
    """Reopen the `count` held positions with the lowest confidence at commit, if below `below`. What this very step
    wrote stays: nothing new is known of it. Fixed-rate schedules need spare steps for it."""

    count: int = 1
    below: float = 0.9

    def __post_init__(self) -> None:
        check_count("count", self.count)
        in_range("below", self.below, 0)

    def __call__(self, posterior: Posterior, state: State, step: Step) -> Where:
        earlier = state.held & (state.held_at < state.step[:, None])
        confidence = torch.where(earlier, state.held_confidence, torch.full_like(state.held_confidence, torch.inf))
        order = confidence.argsort(dim=1, stable=True)
        chosen = torch.zeros(state.shape, dtype=torch.bool).scatter(1, order[:, : self.count], True)
        return chosen & (confidence < self.below)


@dataclass(frozen=True)
class RunningConfidence:
    """Reopen as many as the schedule leaves for later, those of the lowest confidence when they were written, what this
    step wrote among them (RCR of MDPO, arXiv:2508.13148). It goes with `Everything()`: all is written, and the best are
    kept. Ties: the leftmost is reopened.

    block: only positions of the block of that many that is being worked on, as blocks that are finished are.
    """

    block: int | None = None

    def __post_init__(self) -> None:
        if self.block is not None:
            check_count("block", self.block)

    def __call__(self, posterior: Posterior, state: State, step: Step) -> Where:
        later = (step.window.sum(dim=1) - step.quota).masked_fill(step.last, 0)
        among = state.held & around(step.window, self.block)
        return first(later, best_first(-state.held_confidence, among), among)


def around(window: Where, block: int | None) -> Where:
    """(B, T) the blocks of so many positions that the window touches; None: the whole row is one."""
    if block is None:
        return window.any(dim=1, keepdim=True).expand_as(window)
    missing = -window.shape[1] % block
    blocks = torch.nn.functional.pad(window, (0, missing)).unflatten(1, (-1, block)).any(dim=2)
    return blocks.repeat_interleave(block, dim=1)[:, : window.shape[1]]


@dataclass(frozen=True)
class Verified:
    """Reopen held tokens to which the model gives less than `below` when they are hidden from it and all the rest is
    seen: those of the block that were there before this step, on the canvas as this step found it. Only after a step
    that wrote more than one, the least probable first, and fewer than the step before wrote, so that every step gains
    (WINO, arXiv:2507.18578, whose attention to shadow rows hides each token from itself in the step's own pass).

    most: None hides each token alone, a canvas each, all in one call, which is what WINO's shadow rows see; a number
        hides that many together, the least confident when they were written, in one canvas.
    block: only positions of the block of that many that is being worked on.
    """

    below: float = 0.9
    block: int | None = None
    most: int | None = None

    def __post_init__(self) -> None:
        in_range("below", self.below, 0)
        for name in ("block", "most"):
            if getattr(self, name) is not None:
                check_count(name, getattr(self, name))

    def __call__(self, posterior: Posterior, state: State, step: Step) -> Where:
        raise only_in_the_loop(self)

    def asking(self, ask: Ask) -> RevisePolicy:
        return partial(self._revise, ask)

    def _revise(self, ask: Ask, posterior: Posterior, state: State, step: Step) -> Where:
        age = state.step[:, None] - state.held_at
        new = state.held & (age == 0)
        among = state.held & (age > 0) & around(step.window, self.block)
        fresh = (among & (age == 1)).sum(dim=1)
        suspects = among & ((new.sum(dim=1) > 1) & (fresh > 1))[:, None]
        if self.most is not None:
            suspects = first(torch.full_like(fresh, self.most), best_first(-state.held_confidence, suspects), suspects)
        if not suspects.any():
            return suspects
        turns = suspects.cumsum(dim=1) if self.most is None else suspects.to(torch.int64)
        tries = [suspects & (turns == turn) for turn in range(1, int(turns.amax()) + 1)]
        answers = ask([hidden(state, new | one, one.any(dim=1)) for one in tries])
        probability = torch.full(state.shape, torch.inf)
        for one, logits in zip(tries, answers, strict=True):
            probability = torch.where(one, log_probability(logits, state.tokens).exp(), probability)
        failing = suspects & (probability < self.below)
        return first(fresh - 1, best_first(-probability, failing), failing)


@dataclass(frozen=True)
class Remask:
    """Each token that was written before this step becomes noise by the process's own chance (ReMDM, arXiv:2503.00307).
    Goes with `Unmask` of the same rates."""

    rates: Remasking = Remasking()

    def __call__(self, posterior: Posterior, state: State, step: Step) -> Where:
        _, redo = self.rates.rates(state, step)
        now = state.open | (state.held_at == step.index[:, None])  # rows that this step completed draw as well
        return earlier(state, step) & (uniform(state, now.any(dim=1)) < redo)
