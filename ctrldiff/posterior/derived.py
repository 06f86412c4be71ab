"""The second storey of a posterior: what follows from its six.

A posterior is six answers: `map, sample, marginals, log_z, log_z_given, clamp`. The others of `protocols.Posterior`
follow from them, more slowly than a posterior that knows better (the chain overrides every one, and is tested against
this page). What speaks of an automaton's states or of a position on its own (`anchored, leading, local, legal,
surprise, forced, ends, branch_probs`) does not follow, and belongs to the chain.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ctrldiff.errors import Infeasible, InputError

CHAIN = ("anchored", "branch_probs", "ends", "forced", "leading", "legal", "local", "surprise")


@dataclass(frozen=True, eq=False)
class Derived:
    """A whole `Posterior` made of one that has the six. Shapes and errors as in `ChainPosterior`."""

    six: Any

    def confidence(self, tokens: Any) -> Any:
        """(B, T) float32: the marginal probability of these tokens."""
        probs = host(self.six.marginals())
        return alike(np.take_along_axis(probs, host(tokens)[..., None], -1)[..., 0].astype(np.float32), tokens)

    def margin(self) -> Any:
        """(B, T) float32: best minus second best marginal."""
        probs = self.six.marginals()
        top = np.sort(host(probs), axis=-1)[..., -2:]
        least = top[..., 0] if top.shape[-1] > 1 else 0.0
        return alike((top[..., -1] - least).astype(np.float32), probs)

    def entropy(self) -> Any:
        """(B, T) float32: entropy of the marginals in nats."""
        probs = self.six.marginals()
        p = host(probs).astype(np.float64)
        return alike(-(p * np.log(np.where(p > 0, p, 1.0))).sum(axis=-1).astype(np.float32), probs)

    def top(self, k: int) -> tuple[Any, Any]:
        """(B, T, k) the likeliest tokens by their marginals, and these. Ties: the smallest id."""
        probs = self.six.marginals()
        p = host(probs)
        best = np.argsort(-p, axis=-1, kind="stable")[..., :k]
        return alike(best, probs), alike(np.take_along_axis(p, best, -1), probs)

    def score(self, tokens: Any) -> Any:
        """(B,) float64: log-probability of whole strings."""
        keep = alike(np.ones(host(tokens).shape, np.bool_), tokens)
        return self.six.log_z_given(tokens, keep) - self.six.log_z()

    def feasible(self, tokens: Any, keep: Any) -> Any:
        """(B,) bool: a legal string of positive weight agrees with `tokens` where `keep`. Row by row, since `clamp`
        raises for a batch of which one row is impossible."""
        where = host(keep)
        out = np.ones(len(where), np.bool_)
        for b in range(len(where)):
            alone = np.zeros_like(where)
            alone[b] = where[b]
            try:
                self.six.clamp(tokens, alike(alone, keep)).log_z()
            except (Infeasible, InputError):  # nothing agrees, or what is written contradicts
                out[b] = False
        return alike(out, tokens)

    def __getattr__(self, name: str) -> Any:
        if name in CHAIN:
            raise InputError(
                f"this posterior has no {name}()",
                why="it speaks of an automaton's states, or of one position's own scores",
                hint="a plug-in that needs it goes with a regular constraint",
            )
        return getattr(self.six, name)


def host(values: Any) -> NDArray[Any]:
    """An array in ordinary memory."""
    return np.asarray(values.detach().cpu() if hasattr(values, "detach") else values)


def alike(values: NDArray[Any], other: Any) -> Any:
    """An array as a caller of `other` expects it: numpy, or torch on the same device."""
    if not hasattr(other, "detach"):
        return values
    import torch

    return torch.from_numpy(np.ascontiguousarray(values)).to(other.device)
