"""Constraints as the loop sees them: a table for each row, or nothing at all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from ctrldiff.posterior.chain import bind_rows
from ctrldiff.posterior.free import bind_free
from ctrldiff.posterior.table import Table
from ctrldiff.protocols import Posterior
from ctrldiff.state import State


@dataclass(frozen=True)
class Free:
    """No constraint: positions are independent of each other, and a text may end anywhere."""

    def bind(self, logits: torch.Tensor, state: State) -> Posterior:
        return bind_free(normalised(logits), state.written)

    def settle(self, state: State) -> State:
        return state


@dataclass(frozen=True)
class Tables:
    """One table a row; rows may have different ones."""

    tables: tuple[Table, ...]

    @staticmethod
    def same(table: Table, rows: int) -> Tables:
        """The same table for every row."""
        return Tables((table,) * rows)

    def bind(self, logits: torch.Tensor, state: State) -> Posterior:
        return bind_rows(self.tables, normalised(logits), state.written)

    def settle(self, state: State) -> State:
        written = state.written
        forced = forced_tokens(self.tables, written)
        return state.write((forced >= 0) & (written < 0), forced)


FREE = Free()


def normalised(logits: torch.Tensor) -> torch.Tensor:
    """Log-probabilities in float32. A row of a written position may hold anything: nobody reads it."""
    return logits.to(torch.float32).log_softmax(dim=-1)


def forced_tokens(tables: Sequence[Table], written: torch.Tensor) -> torch.Tensor:
    """(B, T) the only token possible at each position, whatever the logits; -1 where there is a choice."""
    return torch.stack([table.forced(row) for table, row in zip(tables, written, strict=True)])
