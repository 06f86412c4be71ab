"""How much of the model's own belief was legal where something was written: little of it gives a forced answer away."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ctrldiff.protocols import Move
from ctrldiff.state import State, Step

LEGAL = "legal"  # the key in `State.memory`
NEGLIGIBLE = (
    1e-3  # a legal mass below this: the model believes in nothing that may stand there; measured: docs/guide.md
)


@dataclass(frozen=True)
class NoteLegal:
    """Notes in `state.memory["legal"]`, (B, T) float32, the legal mass at each position when it was written; NaN where
    nothing was chosen: given or forced positions, and those that are open again."""

    def begin(self, state: State) -> State:
        """Nothing is chosen yet."""
        return state if LEGAL in state.memory else state.remember(**{LEGAL: torch.full(state.shape, torch.nan)})

    def __call__(self, move: Move, state: State, step: Step) -> State:
        known = self.begin(state).memory[LEGAL].masked_fill(move.before.open, torch.nan)
        if move.wrote.any():
            # What is legal at a place is told of a whole string: what is open to its left stands as it was proposed.
            whole = torch.where(state.open, state.history[:, -1], state.tokens)
            known = torch.where(move.wrote, move.posterior.legal(whole).cpu(), known)
        return state.remember(**{LEGAL: torch.where(state.open, torch.nan, known)})
