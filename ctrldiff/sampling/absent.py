"""How probable it was that a field is null, noted as a decode goes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch

from ctrldiff.posterior.table import Table
from ctrldiff.protocols import Move
from ctrldiff.state import State, Step

NULLS, SETTLED = "nulls", "nulls, settled"  # the keys in `State.memory`


@dataclass(frozen=True)
class NoteNulls:
    """An observer that notes in `state.memory["nulls"]`, (B, K) float64, every branch's exact probability in the last
    step that left it undecided; NaN before the first. `parts`: a table for each branch."""

    parts: Mapping[str, Table]

    def begin(self, state: State) -> State:
        """Nothing is known yet."""
        if NULLS in state.memory:
            return state
        shape = state.shape[0], len(self.parts)
        known = torch.full(shape, torch.nan, dtype=torch.float64)
        return state.remember(**{NULLS: known, SETTLED: torch.zeros(shape, dtype=torch.bool)})

    def __call__(self, move: Move, state: State, step: Step) -> State:
        memory = self.begin(state).memory
        known, settled = memory[NULLS].clone(), memory[SETTLED].clone()
        asking = ~settled & ~move.before.done[:, None]
        asked = [name for name, some in zip(self.parts, asking.any(dim=0).tolist(), strict=True) if some]
        masses = move.posterior.branch_probs({name: self.parts[name] for name in asked})
        for n, name in enumerate(self.parts):
            if name in masses:
                p = torch.as_tensor(masses[name], dtype=torch.float64).cpu()
                sure = (p == 0) | (p == 1)  # by what is written: what it was before that is what is told
                known[:, n] = torch.where(asking[:, n] & (~sure | known[:, n].isnan()), p, known[:, n])
                settled[:, n] |= asking[:, n] & sure
        return state.remember(**{NULLS: known, SETTLED: settled})

    def of(self, state: State, row: int) -> dict[str, float]:
        """What was noted of a row, by name."""
        values = state.memory[NULLS][row].tolist()
        return {name: value for name, value in zip(self.parts, values, strict=True) if value == value}
