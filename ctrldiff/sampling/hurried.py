"""What was written because the steps were over, and how sure it was: the price of a budget, by position."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ctrldiff.protocols import Move
from ctrldiff.state import State, Step

HURRIED = "hurried"  # the key in `State.memory`
SURE = 0.99  # what the default plan calls sure, `Plan.commit`


@dataclass(frozen=True)
class NoteHurried:
    """Notes in `state.memory["hurried"]`, (B, T) float32, the marginal of each token that the commit policy had not
    chosen and that was written all the same: the steps of its row or its window were over, or its stop rule ended the
    row. NaN everywhere else, and where it is open again."""

    def begin(self, state: State) -> State:
        """Nothing is written yet."""
        return state if HURRIED in state.memory else state.remember(**{HURRIED: torch.full(state.shape, torch.nan)})

    def __call__(self, move: Move, state: State, step: Step) -> State:
        known = self.begin(state).memory[HURRIED].masked_fill(move.before.open, torch.nan)
        if move.chosen is not None:
            known = torch.where(move.wrote & ~move.chosen, state.held_confidence, known)
        return state.remember(**{HURRIED: torch.where(state.open, torch.nan, known)})
