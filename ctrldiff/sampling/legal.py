"""How much of the model's own belief was legal where something was written: little of it gives a forced answer away."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ctrldiff.protocols import Move, Posterior
from ctrldiff.state import Scores, State, Step, Tokens

LEGAL = "legal"  # the key in `State.memory`


@dataclass(frozen=True)
class NoteLegal:
    """Notes in `state.memory["legal"]`, (B, T) float32, the legal mass at each position when it was written; NaN where
    nothing was chosen: given or forced positions, and those that are open again."""

    def __call__(self, move: Move, state: State, step: Step) -> State:
        known = state.memory.get(LEGAL)
        known = torch.full(state.shape, torch.nan) if known is None else known
        if move.wrote.any():
            known = torch.where(move.wrote, legal_mass(move.posterior, state.tokens), known)
        return state.remember(**{LEGAL: torch.where(state.open, torch.nan, known)})


def legal_mass(posterior: Posterior, tokens: Tokens) -> Scores:
    """(B, T) float32: at each position the probability, by the scores there alone, of all tokens that some legal text
    goes on with after `tokens` before it. 1: the constraint forbids nothing that was likely; near 0: it left nothing
    that was. A position behind an illegal token has 0."""
    own, share = torch.exp(-posterior.surprise(tokens).cpu()), posterior.local(tokens).cpu()
    return torch.where(share > 0, (own / share).clamp(max=1.0), 0.0)
