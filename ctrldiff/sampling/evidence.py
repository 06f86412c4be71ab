"""What the model said of each position when it was written: all of it together weighs every whole canvas."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ctrldiff.protocols import Move
from ctrldiff.sampling.constrain import normalised
from ctrldiff.state import State, Step

EVIDENCE = "evidence"  # the key in `State.memory`


@dataclass(frozen=True)
class NoteEvidence:
    """Notes in `state.memory["evidence"]`, (B, T, layers * V) float32, the log-probabilities by which each position was
    written: those of the last step that found it open. All 0 where none did: one token may stand there, whatever else.

    A table bound to a row of it has the posterior over whole canvases that the decode ended with.
    """

    size: int
    layers: int = 1

    def begin(self, state: State) -> State:
        """Nothing is written yet."""
        if EVIDENCE in state.memory:
            return state
        return state.remember(**{EVIDENCE: torch.zeros(*state.shape, self.layers * self.size)})

    def __call__(self, move: Move, state: State, step: Step) -> State:
        written = move.before.open & ~state.open
        known = self.begin(state).memory[EVIDENCE].clone()
        known[written] = normalised(move.logits[written.to(move.logits.device)], self.layers).cpu()
        return state.remember(**{EVIDENCE: known})
