"""Blocks that are left early: what has been the same for long is written before its block is opened."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

from ctrldiff.errors import InputError
from ctrldiff.protocols import CommitPolicy, Move, Posterior
from ctrldiff.sampling.commit import Threshold, check_count, in_range
from ctrldiff.sampling.stability import divergence, likeliest, noted
from ctrldiff.state import Scores, State, Step, Tokens, Where

__all__ = ["HistoryStable", "NoteHistory"]

IDS, PROBS = "history, ids", "history, probs"  # the keys in `State.memory`, (B, T, steps - 1, kept), newest last


@dataclass(frozen=True)
class HistoryStable:
    """In the block of the first open position what `inner` chooses; in all blocks after it what has settled: the KL
    divergence of its distribution now from those of the last `steps` - 1 steps, weighted by exp(-`decay` age), is below
    `nats` on average (anchor-based history-stable decoding, AHD, arXiv:2604.08964).

    Divergences are of the constrained marginals; a position needs all of that history. The rule is taken from notes on
    the paper, which do not say the published `decay`. Goes with a schedule that opens the whole canvas, and an `inner`
    that asks for no quota. `note` is the observer that goes with it.
    """

    inner: CommitPolicy = Threshold()
    block: int = 32
    nats: float = 0.01
    steps: int = 6
    decay: float = 1.0

    def __post_init__(self) -> None:
        check_count("block", self.block)
        in_range("nats", self.nats, 0)
        in_range("decay", self.decay, 0)
        check_count("steps", self.steps)
        if self.steps < 2:
            raise InputError(f"steps={self.steps}: at least 2, this one and one to compare it with", param="steps")

    @property
    def note(self) -> NoteHistory:
        return NoteHistory(self.steps)

    def __call__(self, posterior: Posterior, tokens: Tokens, state: State, step: Step) -> Where:
        eligible = state.open & step.window
        block = torch.arange(state.shape[1])[None, :] // self.block
        first_open = eligible.to(torch.uint8).argmax(dim=1, keepdim=True)
        current = eligible & (block == first_open // self.block)
        stable = eligible & ~current & (self.unrest(posterior, state) < self.nats)
        return (current & self.inner(posterior, tokens, state, replace(step, window=current))) | stable

    def unrest(self, posterior: Posterior, state: State) -> Scores:
        """(B, T) float64 nats: the mean divergence from the past, by age; inf without all of it."""
        ids, probs = noted(state, IDS, self, self.note), state.memory[PROBS]
        if ids.shape[2] < self.steps - 1:
            why = f"its observer noted {ids.shape[2]}"
            hint = f"observers=[{self.note!r}]"
            raise InputError(f"{self!r} reads {self.steps - 1} steps back", why=why, hint=hint, param="observers")
        marginals, age = posterior.marginals(), torch.arange(self.steps - 1, 0, -1, dtype=torch.float64)
        weights = torch.softmax(-self.decay * age, dim=0)
        past = [divergence(marginals, ids[..., n, :], probs[..., n, :]) for n in range(-len(weights), 0)]
        return (torch.stack(past, dim=-1) * weights).sum(dim=-1)


@dataclass(frozen=True)
class NoteHistory:
    """An observer that notes the distributions of the last `steps` - 1 steps for `HistoryStable`. kept: the tokens of a
    position whose probabilities are remembered, the likeliest; all others count as one."""

    steps: int = 6
    kept: int = 64

    def __post_init__(self) -> None:
        check_count("steps", self.steps)
        check_count("kept", self.kept)

    def begin(self, state: State) -> State:
        shape = (*state.shape, self.steps - 1, self.kept)
        return state.remember(**{IDS: torch.full(shape, -1), PROBS: torch.zeros(shape)})

    def __call__(self, move: Move, state: State, step: Step) -> State:
        going = ~move.before.done[:, None, None, None]
        notes = {}
        for key, now in zip((IDS, PROBS), likeliest(move.posterior, self.kept), strict=True):
            before = state.memory[key]
            notes[key] = torch.where(going, torch.cat([before[:, :, 1:], now[:, :, None]], dim=2), before)
        return state.remember(**notes)
