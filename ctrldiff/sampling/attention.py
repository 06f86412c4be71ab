"""Which positions lean on each other, as the network's attention says: they are not written in one step."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ctrldiff.errors import InputError
from ctrldiff.protocols import Posterior
from ctrldiff.sampling.commit import best_first, certain_enough, certainty, in_range
from ctrldiff.sampling.pace import unfixed
from ctrldiff.state import ATTENTION, Scores, State, Step, Tokens, Where

__all__ = ["Independent"]


@dataclass(frozen=True)
class Independent:
    """Positions that do not attend to each other, found greedily: those on which most depends come first, by confidence
    times the attention exchanged with all others that may be written, and a position is left out where it exchanges
    more than a bar with one that was taken. Exchanged is the mean of both directions. The bar rises from `low` to
    `high` with what is written. Once less than `late` of the row is open: all that are more certain than `above`, at
    least one (dependency-aware parallel decoding, DAPD, arXiv:2603.12996).

    It needs a denoiser that gives its attention: see `protocols.Attends`. Ties: the leftmost. The rule is taken from
    notes on the paper, the bar from a reimplementation; its authors' code was not at hand.
    """

    low: float = 0.01
    high: float = 0.05
    late: float = 0.5
    above: float = 0.9

    attends = True

    def __post_init__(self) -> None:
        in_range("low", self.low, 0)
        in_range("high", self.high, self.low)
        in_range("late", self.late, 0, 1)
        in_range("above", self.above, 0)

    def __call__(self, posterior: Posterior, tokens: Tokens, state: State, step: Step) -> Where:
        eligible = state.open & step.window
        sure = certainty("confidence", posterior, tokens, state)
        exchanged = between(attention_of(state, self), eligible)
        order = best_first(exchanged.sum(dim=-1) * sure, eligible)
        share = state.open.sum(dim=1) / unfixed(state).sum(dim=1).clamp(min=1)
        bar = self.low + (self.high - self.low) * (1 - share)
        apart = exchanged <= bar[:, None, None]
        taken = torch.zeros_like(eligible)
        for at in order.split(1, dim=1):
            rivals = apart.gather(1, at[:, :, None].expand(-1, -1, state.shape[1]))[:, 0]
            free = eligible.gather(1, at) & (rivals | ~taken).all(dim=1, keepdim=True)
            taken = taken.scatter(1, at, free)
        certain = certain_enough(eligible & (sure > self.above), sure, eligible)
        return torch.where((share < self.late)[:, None], certain, taken)


def attention_of(state: State, policy: object) -> torch.Tensor:
    """(B, T, T) what a step's pass attended to. Raises: InputError where it was not asked for."""
    if ATTENTION not in state.memory:
        raise InputError(
            f"{policy!r} reads attention, which nobody asked for",
            hint="the loop asks for a plan in which a plug-in, or one in a field of it, has `attends = True`",
        )
    return state.memory[ATTENTION]


def between(attention: torch.Tensor, where: Where) -> Scores:
    """(B, T, T) the mean of both directions between two different positions of `where`; 0 elsewhere."""
    both = where[:, :, None] & where[:, None, :] & ~torch.eye(where.shape[1], dtype=torch.bool)
    return torch.where(both, (attention + attention.transpose(1, 2)) / 2, 0.0)
