"""Constraints as the loop sees them: a table for each row, or nothing at all."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ctrldiff.posterior.chain import bind_rows
from ctrldiff.posterior.free import bind_free, free_table
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
        nothing = free_table(logits.shape[-1])  # for complete rows, of which nothing more is asked: it costs least
        tables = [nothing if done else table for table, done in zip(self.tables, state.done.tolist(), strict=True)]
        return bind_rows(tables, normalised(logits), state.written)

    def settle(self, state: State) -> State:
        rows = zip(self.tables, state.written, strict=True)
        forced = [table.forced(written) for table, written in rows]
        return state.write(torch.stack(forced) >= 0, torch.stack(forced)) if forced else state


FREE = Free()


def normalised(logits: torch.Tensor) -> torch.Tensor:
    """Log-probabilities in float32; a row of nothing but -inf stays as it is, so that the posterior can say so."""
    logits = logits.to(torch.float32)
    total = logits.logsumexp(dim=-1, keepdim=True)
    return logits - torch.where(total == -torch.inf, torch.zeros_like(total), total)
