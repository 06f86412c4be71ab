"""Credit for what a position was going to be all along: a processor, and the observer that keeps its books."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ctrldiff.protocols import Move
from ctrldiff.sampling.commit import check_count, in_range
from ctrldiff.sampling.stability import noted
from ctrldiff.state import State, Step, Where

__all__ = ["Credit", "NoteCredit"]

IDS, TRACE = "credit, ids", "credit, trace"  # the keys in `State.memory`


@dataclass(frozen=True)
class Credit:
    """Add `weight` log(1 + trace) to logits: the trace of a token grows by p^`power` in every step in which it is the
    likeliest of its position, with probability p, this step included, and is multiplied by `decay` before each (trace
    credit, arXiv:2510.06133, as released in dInfer, arXiv:2510.08666).

    Open positions of the window have traces, and lose them when they are written. Probabilities are those that the
    processor is given, before any constraint; ties: the smallest id. kept: tokens of a position that have one; the
    least goes first, which is less than decay^kept / (1 - decay). `note` is the observer that goes with it.
    """

    weight: float = 0.7
    decay: float = 0.8
    power: float = 0.2
    kept: int = 64

    def __post_init__(self) -> None:
        in_range("weight", self.weight, 0)
        in_range("decay", self.decay, 0, 1)
        in_range("power", self.power, 0)
        check_count("kept", self.kept)

    @property
    def note(self) -> NoteCredit:
        return NoteCredit(self)

    def __call__(self, logits: torch.Tensor, state: State, step: Step) -> torch.Tensor:
        ids, trace = self.grown(logits, state, step)
        credit = torch.where(earning(state, step)[..., None], self.weight * torch.log1p(trace), 0.0)
        wide = logits.to(torch.float32)
        return wide.scatter_add(-1, ids.clamp(min=0).to(wide.device), credit.to(wide.device))

    def grown(self, logits: torch.Tensor, state: State, step: Step) -> tuple[torch.Tensor, torch.Tensor]:
        """((B, T, kept) int64, (B, T, kept) float32) ids and traces, this step's likeliest tokens among them; -1 and 0
        where there are none."""
        ids, trace = noted(state, IDS, self, self.note), state.memory[TRACE]
        probs, likeliest = (one.cpu() for one in logits.to(torch.float32).softmax(dim=-1).max(dim=-1))
        decayed = self.decay * trace
        known = ids == likeliest[..., None]
        at = torch.where(known.any(dim=-1), known.to(torch.uint8).argmax(dim=-1), decayed.argmin(dim=-1))[..., None]
        before = torch.where(known.any(dim=-1, keepdim=True), decayed.gather(-1, at), 0.0)
        here = earning(state, step)[..., None]
        more = before + probs.pow(self.power)[..., None]
        return (
            torch.where(here, ids.scatter(-1, at, likeliest[..., None]), ids),
            torch.where(here, decayed.scatter(-1, at, more), trace),
        )


@dataclass(frozen=True)
class NoteCredit:
    """An observer that notes the traces of `Credit`, by the logits that it was given."""

    credit: Credit = Credit()

    def begin(self, state: State) -> State:
        shape = (*state.shape, self.credit.kept)
        return state.remember(**{IDS: torch.full(shape, -1), TRACE: torch.zeros(shape)})

    def __call__(self, move: Move, state: State, step: Step) -> State:
        ids, trace = self.credit.grown(move.given(self.credit), move.before, step)
        left = state.open[..., None]
        return state.remember(**{IDS: torch.where(left, ids, -1), TRACE: torch.where(left, trace, 0.0)})


def earning(state: State, step: Step) -> Where:
    """(B, T) noise that may be written now."""
    return state.open & ~state.cleared & step.window
