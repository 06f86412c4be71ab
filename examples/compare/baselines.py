"""Decoders as others published them, by name, so that ours can be compared under the same loop and the same model.

They keep their weaknesses on purpose: `dingo` and `position-wise` may end in half a text, `unconstrained` in none.
Nothing here is what `ctrldiff` does by default; slots and scaffolds are in `slots.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from types import MappingProxyType
from typing import Any, cast

import numpy as np
import torch

from ctrldiff.errors import Infeasible, InputError
from ctrldiff.posterior.table import Table
from ctrldiff.protocols import CommitPolicy, Constraint, Posterior
from ctrldiff.sampling.commit import TopK, best_first, first
from ctrldiff.sampling.constrain import FREE, Chosen, Exact, Tables, normalised
from ctrldiff.sampling.plan import Plan
from ctrldiff.sampling.propose import Best
from ctrldiff.sampling.schedules import Blocks, Linear
from ctrldiff.state import State


@dataclass(frozen=True)
class PositionWise:
    """Forbid at each position what no legal text has there, then let positions choose alone.

    What autoregressive masking becomes on a canvas ("greedy constrained" in arXiv:2505.23061). Choices that are legal
    one by one need not be legal together (law X2): once they are not, the row goes on without a constraint.
    """

    inner: Tables

    def bind(self, logits: torch.Tensor, state: State) -> Posterior:
        rows = []
        for table, row, written in zip(self.inner.tables, logits, state.written, strict=True):
            try:
                possible = table.bind(torch.zeros_like(row), written=written).marginals() > 0
            except Infeasible:  # the choices so far fit no legal text: the published method has nothing left to mask
                rows.append(row)
                continue
            rows.append(torch.where(possible, row, torch.full_like(row, -torch.inf)))
        return FREE.bind(torch.stack(rows), state)

    def settle(self, state: State) -> State:
        return state


@dataclass(frozen=True)
class Dingo:
    """DINGO's objective as published (Suresh et al. 2025, arXiv:2505.23061, algorithms 2 and 5).

    Block by block; which positions are written is settled by the unconstrained confidences before the programme runs;
    then the best string *of those positions*: what stays masked counts nothing, whatever the model says of it. A block
    has to end where the language can still go on, with no regard to the positions left, so the canvas may end in half a
    text. `schedule` has to be the loop's.
    """

    inner: Tables
    schedule: Blocks

    def settle(self, state: State) -> State:
        return state

    def bind(self, logits: torch.Tensor, state: State) -> Posterior:
        step = self.schedule(state)
        log_probs = normalised(logits)
        sure = log_probs.amax(dim=-1).exp()
        may = state.open & step.window
        now = first(step.quota, best_first(sure.cpu(), may), may) | (may & step.last[:, None])
        scores = torch.where(now.to(logits.device)[..., None], log_probs, torch.zeros_like(log_probs))
        prefixes = Tables(tuple(prefixes_of(table) for table in self.inner.tables))
        everywhere = torch.ones(state.shape, dtype=torch.bool, device=logits.device)
        posterior = prefixes.weigh(scores, state)
        return cast(Posterior, Chosen(posterior, posterior, everywhere, sure, torch.ones_like(sure)))


@lru_cache(maxsize=256)
def prefixes_of(table: Table) -> Table:
    """The table whose texts are the beginnings of this one's."""
    n = table.n_states
    automaton = replace(table.automaton, accept=np.ones(n, np.bool_), distance=np.zeros(n, np.int32), longest=None)
    return replace(table, automaton=automaton)


@dataclass(frozen=True)
class Dropped:
    """No constraint, whatever was to be obeyed."""

    def __call__(self, constraint: Constraint) -> Constraint:
        return FREE


def _rate(constrain: Callable[[Any], Constraint], steps: int | None, commit: CommitPolicy = TopK()) -> Plan:
    return Plan(constrain, Linear(steps), Best(), commit)


def _dingo(steps: int | None) -> Plan:
    blocks = Blocks(16, steps)
    return Plan(partial(Dingo, schedule=blocks), blocks, Best(), TopK())


BASELINES: Mapping[str, Callable[[int | None], Plan]] = MappingProxyType(
    {
        "unconstrained": lambda steps: _rate(Dropped(), steps),
        "unconstrained left to right": lambda steps: _rate(Dropped(), steps, TopK("position")),
        "position-wise": lambda steps: _rate(PositionWise, steps),
        "dingo": _dingo,
        "exact MAP": lambda steps: _rate(Exact(), steps),
    }
)


def baseline(name: str, steps: int | None = None) -> Plan:
    """A published decoder: top-k by confidence at a fixed rate of `steps` passes, or one token a pass.

    Args:
        name: "unconstrained"; "unconstrained left to right"; "position-wise"; "dingo" (in
            blocks of 16); "exact MAP" (the exact posterior of the whole canvas, from the first step).
    Raises: InputError, naming what there is.
    """
    if name not in BASELINES:
        raise InputError(f"no baseline is called {name!r}", hint=f"one of: {', '.join(BASELINES)}", param="name")
    return BASELINES[name](steps)
