"""Posterior to one legal completion a row."""

from __future__ import annotations

from dataclasses import dataclass

from ctrldiff.protocols import Posterior
from ctrldiff.state import State, Tokens

__all__ = ["Best", "Draw"]


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
