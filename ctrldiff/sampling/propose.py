"""Posterior to one legal completion a row."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ctrldiff.protocols import Posterior, Proposer
from ctrldiff.state import State, Tokens

__all__ = ["Best", "Draw", "Kept"]


@dataclass(frozen=True)
class Best:
    """The most probable completion (Viterbi; DINGO's objective made canvas-wide, arXiv:2505.23061)."""

    def __call__(self, posterior: Posterior, state: State) -> Tokens:
        return posterior.map()


@dataclass(frozen=True)
class Draw:
    """An exact sample, drawn with each row's own generator; a complete row draws nothing."""

    def __call__(self, posterior: Posterior, state: State) -> Tokens:
        return posterior.sample(rngs=state.drawing(~state.done))


@dataclass(frozen=True)
class Kept:
    """What `inner` proposes with every cleared token in its place: an edit policy then says which tokens compete with
    the noise, and none of them changes. For rules that route tokens, as RDM (arXiv:2302.05737) and P2
    (arXiv:2502.03540).

    Where the cleared tokens cannot stand together any more, the row is proposed without them.
    """

    inner: Proposer = Best()

    def __call__(self, posterior: Posterior, state: State) -> Tokens:
        fits = torch.as_tensor(posterior.feasible(state.tokens, state.cleared)).cpu()
        return self.inner(posterior.clamp(state.tokens, state.cleared & fits[:, None]), state)
