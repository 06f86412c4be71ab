"""Held tokens that are doubted once they are seen: token to mask."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

import torch

from ctrldiff.errors import InputError
from ctrldiff.protocols import Move
from ctrldiff.sampling.commit import best_first, check_count, first, in_range
from ctrldiff.sampling.passes import log_probability
from ctrldiff.sampling.revise import around
from ctrldiff.sampling.stability import noted
from ctrldiff.state import State, Step, Where

__all__ = ["NoteDoubts", "TokenToMask"]

Sign: TypeAlias = Literal["probability", "rival", "drop"]

THRESHOLDS: dict[Sign, float] = {"probability": 0.1, "rival": 0.9, "drop": 0.3}  # the published ones
TIMES, SEEN = "doubts, times", "doubts, seen"  # the keys in `State.memory`


@dataclass(frozen=True)
class TokenToMask:
    """Held tokens of the block that the model doubts, by this step's own logits, which saw them (T2M,
    arXiv:2604.18738). With `Renoise` they become noise, and a later step writes them in the light of the rest.

    Args:
        by: the sign of doubt. "probability": the held token has less than `threshold` (LowProb). "rival": another one
            is the model's best and has more (T2T-Remask, the trigger of `Disagree`). "drop": it has lost more than
            that since the step before (LogitDiff; the released code takes a rise for doubt as well).
        threshold: None is the published one of each, .1, .9 and .3.
        share: of the block's held tokens, no more than this share in a step, but one in any case; the most doubted.
        most: how often one position may become noise.      block: None: the whole row is one.
    The network has to have been trained on tokens that it sees (`ModelSpec.edits`). `note` is the observer that counts.
    """

    by: Sign = "probability"
    threshold: float | None = None
    share: float = 0.25
    most: int = 3
    block: int | None = 32

    def __post_init__(self) -> None:
        if self.by not in get_args(Sign):
            raise InputError(f"by={self.by!r}", hint=f"one of {', '.join(get_args(Sign))}", param="by")
        if self.threshold is not None:
            in_range("threshold", self.threshold, 0, 1)
        in_range("share", self.share, 0, 1)
        check_count("most", self.most)
        if self.block is not None:
            check_count("block", self.block)

    @property
    def note(self) -> NoteDoubts:
        return NoteDoubts(self.block)

    def __call__(self, logits: torch.Tensor, state: State, step: Step) -> Where:
        times = noted(state, TIMES, self, self.note)
        held = state.held & around(step.window, self.block)
        threshold = THRESHOLDS[self.by] if self.threshold is None else self.threshold
        if self.by == "rival":
            doubt, best = (found.cpu() for found in logits.softmax(dim=-1, dtype=torch.float32).max(dim=-1))
            doubted = (best != state.tokens) & (doubt > threshold)
        else:
            own = log_probability(logits, state.tokens).exp()
            doubt = -own if self.by == "probability" else state.memory[SEEN] - own  # NaN, no doubt, without a before
            doubted = doubt > (-threshold if self.by == "probability" else threshold)
        doubted = doubted & held & (times < self.most)
        count = (held.sum(dim=1) * self.share).to(torch.int64).maximum(torch.ones_like(state.step))
        return first(count, best_first(doubt, doubted), doubted)


@dataclass(frozen=True)
class NoteDoubts:
    """An observer that counts how often a position was cleared, and notes how probable held tokens were in steps that
    found some in the block, for `TokenToMask`."""

    block: int | None = 32

    def begin(self, state: State) -> State:
        times = torch.zeros(state.shape, dtype=torch.int64)
        return state.remember(**{TIMES: times, SEEN: torch.full(state.shape, torch.nan)})

    def __call__(self, move: Move, state: State, step: Step) -> State:
        before = move.before
        here = around(step.window, self.block)
        some = ((before.held | before.cleared) & here).any(dim=1, keepdim=True)
        seen = log_probability(move.logits, state.tokens).exp()
        seen = torch.where(here & some & state.held, seen, torch.nan)
        return state.remember(**{TIMES: state.memory[TIMES] + before.cleared.to(torch.int64), SEEN: seen})
