"""Part of a complete canvas written anew by one pass, and what is noted of its positions with it."""

from __future__ import annotations

from dataclasses import replace

import torch

from ctrldiff.protocols import Posterior
from ctrldiff.sampling.hurried import HURRIED
from ctrldiff.sampling.legal import LEGAL
from ctrldiff.search.run import Look
from ctrldiff.state import State, Tokens, Where

NOTED = (LEGAL, HURRIED)  # memories of how a token was written, (B, T) float32, NaN where that says nothing


def forgotten(state: State, where: Where) -> State:
    """The state with these held positions noise, and nothing noted of them."""
    lost = where & state.held
    notes = {name: state.memory[name].masked_fill(lost, torch.nan) for name in NOTED if name in state.memory}
    return state.reopen(where).remember(**notes)


def rewritten(look: Look, tokens: Tokens) -> State:
    """The state with these tokens in all that the pass found open, and the legal mass there as the pass saw it."""
    return written(look.state, look.posterior, tokens, look.state.open)


def written(state: State, posterior: Posterior, tokens: Tokens, where: Where) -> State:
    """The state with some of a legal completion written where it is open, and the legal mass there by its posterior."""
    new = where & state.open
    after = state.write(new, tokens, torch.as_tensor(posterior.confidence(tokens)).cpu())
    if LEGAL not in state.memory:
        return after
    legal = torch.as_tensor(posterior.legal(tokens)).cpu()
    return after.remember(**{LEGAL: torch.where(new, legal, state.memory[LEGAL])})


def taken(where: torch.Tensor, those: State, these: State) -> State:
    """Rows of `those` where `where` (B,), else of `these`; generators and counts are `these`'s."""
    rows = where[:, None]
    return replace(
        noted(these, those, rows),
        tokens=torch.where(rows, those.tokens, these.tokens),
        status=torch.where(rows, those.status, these.status),
        held_at=torch.where(rows, those.held_at, these.held_at),
        held_confidence=torch.where(rows, those.held_confidence, these.held_confidence),
    )


def noted(these: State, those: State, where: Where) -> State:
    """`these` with what `those` have noted where `where`, (B, T) or (B, 1)."""
    notes = {name: torch.where(where, those.memory[name], old) for name, old in these.memory.items() if name in NOTED}
    return these.remember(**notes)
