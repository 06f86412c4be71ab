"""A denoiser whose rows do not share a call."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import torch

from ctrldiff.protocols import Attends, Denoiser, can_attend
from ctrldiff.state import State
from ctrldiff.tokens.vocabulary import Vocabulary


@dataclass(frozen=True)
class Alone:
    """A denoiser that forwards every row in a call of its own.

    A product of matrices adds up in another order when it has more rows, so the last bits of a row's logits depend on
    how many share its call, and a choice that hangs by them with it. In calls of its own a row's bytes are a matter of
    the row alone, whatever the batch.
    """

    inner: Denoiser

    @property
    def vocabulary(self) -> Vocabulary:
        """What each token id spells."""
        return self.inner.vocabulary

    def noise(self, state: State) -> State:
        """As the inner one."""
        return self.inner.noise(state)

    def observe(self, state: State, logits: torch.Tensor) -> State:
        """As the inner one."""
        return self.inner.observe(state, logits)

    @property
    def attends(self) -> bool:
        """As the inner one."""
        return can_attend(self.inner)

    def attended(self, state: State) -> tuple[torch.Tensor, torch.Tensor]:
        """As the inner one, every row in a call of its own."""
        rows = [row for row in range(state.shape[0]) if bool(state.open[row].any())]
        found = {row: cast(Attends, self.inner).attended(state.gather([row])) for row in rows}
        logits, seen = next(iter(found.values()))
        both = (logits.new_zeros((*state.shape, logits.shape[-1])), seen.new_zeros((*state.shape, state.shape[1])))
        for row, parts in found.items():
            for whole, part in zip(both, parts, strict=True):
                whole[row] = part[0]
        return both

    def __call__(self, state: State) -> torch.Tensor:
        """(B, T, V) logits; zeros for a row that is complete, as nobody reads them."""
        rows = [row for row in range(state.shape[0]) if bool(state.open[row].any())]
        if len(rows) < 2:
            return self.inner(state)
        found = [self.inner(state.gather([row])) for row in rows]
        out = torch.zeros((*state.shape, found[0].shape[-1]), dtype=found[0].dtype, device=found[0].device)
        for row, logits in zip(rows, found, strict=True):
            out[row] = logits[0]
        return out
