"""Chance decides where: the reverse processes of masked diffusion, and of ReMDM, which turns written tokens to
noise."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, TypeAlias, get_args

import numpy as np
import torch

from ctrldiff.errors import InputError
from ctrldiff.protocols import Move, Posterior
from ctrldiff.sampling.commit import check_count, in_range, uniform
from ctrldiff.sampling.stability import noted
from ctrldiff.state import State, Step, Tokens, Where

__all__ = ["Bernoulli", "Kind", "NoteTurns", "Remasking", "Resume", "Unmask"]

TURN = "turn"  # the key in `State.memory`, (B, T) int64
Kind: TypeAlias = Literal["cap", "rescale", "conf", "loop"]


@dataclass(frozen=True)
class Bernoulli:
    """Every position at a time of its own, drawn before the first step and whatever the model says: MDLM's ancestral
    sampler (arXiv:2406.07524). Of `steps` times those in which nothing is written cost no pass, as with its cache.

    In law that is a position written from time t to s with probability (t - s)/t, by a time that falls from 1 to `eps`;
    all that is left on the last one. `note` is the observer that goes with it.
    """

    steps: int = 128
    eps: float = 1e-5

    def __post_init__(self) -> None:
        check_count("steps", self.steps)
        in_range("eps", self.eps, 1e-12, 1)

    @property
    def note(self) -> NoteTurns:
        return NoteTurns(self.steps, self.eps)

    def __call__(self, posterior: Posterior, tokens: Tokens, state: State, step: Step) -> Where:
        eligible = state.open & step.window
        turns = torch.where(eligible, noted(state, TURN, self, self.note), self.steps)
        return eligible & (turns == turns.amin(dim=1, keepdim=True))


@dataclass(frozen=True)
class NoteTurns:
    """An observer that draws for `Bernoulli` of the same numbers when each position is written."""

    steps: int = 128
    eps: float = 1e-5

    def begin(self, state: State) -> State:
        after = 1 - (1 - self.eps) * torch.arange(1, self.steps) / self.steps  # still noise after a step: time itself
        turns = (uniform(state).to(torch.float64)[..., None] < after).sum(dim=-1)
        return state.remember(**{TURN: turns})

    def __call__(self, move: Move, state: State, step: Step) -> State:
        return state


@dataclass(frozen=True)
class Remasking:
    """How probably, in a step, noise is written and written tokens become noise (ReMDM, arXiv:2503.00307).

    kind: "cap": at most `eta`; "rescale": `eta` of what the process allows; "conf": what it allows, shared out over the
        tokens by how little sure they were; "loop": MDLM's rates until time `on`, then `eta` at a constant share
        `alpha` of written tokens until time `off`, then MDLM's again.
    A decode of n + 1 steps has n of the process and one that writes what is left.
    """

    kind: Kind = "cap"
    eta: float = 0.008
    eps: float = 1e-5
    on: float = 0.55
    off: float = 0.05
    alpha: float = 0.9

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise InputError(f"kind={self.kind!r}", hint=f"one of {', '.join(get_args(Kind))}", param="kind")
        in_range("eta", self.eta, 0, 1)
        in_range("alpha", self.alpha, 0, 0.999999)
        in_range("on", self.on, self.off, 0.999999)
        in_range("off", self.off, 1e-6)

    def rates(self, state: State, step: Step) -> tuple[torch.Tensor, torch.Tensor]:
        """((B, 1), (B, T)) float64: probabilities of noise to be written, of written tokens to become noise. By the
        tokens that were written before this step."""
        n = (step.steps - 1).clamp(min=1).to(torch.float64)
        dt = (1 - self.eps) / n
        t = (1 - step.index * dt).clamp(min=self.eps)
        s = (t - dt).clamp(min=0.0)
        if self.kind == "loop":
            write, redo = self._looping(t, s)
        else:
            most = torch.where(t < 1, s / (1 - t).clamp(min=1e-12), 1.0).clamp(max=1.0)
            redo = {"cap": most.clamp(max=self.eta), "rescale": self.eta * most, "conf": torch.zeros_like(most)}[
                self.kind
            ]
            write = (1 - s - (1 - redo) * (1 - t)) / t
        again = redo[:, None].expand(state.shape)
        if self.kind == "conf":
            again = most[:, None] * earlier_shares(state, step)
        return write[:, None].clamp(0.0, 1.0), again

    def _looping(self, t: torch.Tensor, s: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        before, after = t > self.on, t <= self.off
        noisy = [
            torch.where(before, 1 - (1 - x) * self.alpha / (1 - self.on), x * (1 - self.alpha) / self.off)
            for x in (t, s)
        ]
        redo = torch.where(before | after, 0.0, self.eta)
        within = torch.full_like(t, self.eta * self.alpha / (1 - self.alpha))
        return torch.where(before | after, 1 - noisy[1] / noisy[0], within), redo


def earlier(state: State, step: Step) -> Where:
    """(B, T) what was written before this step."""
    return state.held & (state.held_at < step.index[:, None])


def earlier_shares(state: State, step: Step) -> torch.Tensor:
    """(B, T) float64: softmax of minus the confidence at commit, over what was written before this step."""
    where = earlier(state, step)
    scores = torch.where(where, -state.held_confidence.to(torch.float64), -torch.inf)
    return torch.where(where, scores.softmax(dim=1), 0.0)


@dataclass(frozen=True)
class Unmask:
    """Each open position by the process's own chance, independent of each other: a step may write nothing. Goes with
    `Remask` of the same rates; with `Remasking("cap", eta=0)` and no `Remask` it is MDLM's sampler step by step."""

    rates: Remasking = Remasking()

    def __call__(self, posterior: Posterior, tokens: Tokens, state: State, step: Step) -> Where:
        write, _ = self.rates.rates(state, step)
        return state.open & step.window & (uniform(state) < write)


@dataclass(frozen=True)
class Resume:
    """An observer by which rows that are complete before the process is over go on: the steps in which nothing is lost
    cost no pass, and their clock passes them over; at the first one in which chance takes tokens, these become noise.
    Goes with `Remask` of the same rates, and not with a stop rule, which ends rows for good."""

    rates: Remasking = Remasking()

    def begin(self, state: State) -> State:
        return state

    def __call__(self, move: Move, state: State, step: Step) -> State:
        pending = set((state.done & ~move.before.done).nonzero()[:, 0].tolist())
        lost, passed = torch.zeros(state.shape, dtype=torch.bool), torch.zeros_like(state.step)
        held, lengths = state.held, state.lengths.tolist()
        for more in range(1, int((step.steps - 1 - step.index).max())):
            pending = {row for row in pending if int(step.index[row]) + more < int(step.steps[row]) - 1}
            if not pending:
                break
            _, redo = self.rates.rates(state, replace(step, index=step.index + more))
            for row in sorted(pending):
                own = lengths[row]
                draws = torch.from_numpy(state.rngs[row].random(own, dtype=np.float32))
                lost[row, :own] = held[row, :own] & (draws < redo[row, :own])
                passed[row] = more
            pending -= set(lost.any(dim=1).nonzero()[:, 0].tolist())
        return replace(state.reopen(lost), step=state.step + torch.where(lost.any(dim=1), passed, 0))
