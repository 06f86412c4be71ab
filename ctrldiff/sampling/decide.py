"""A decision in one forward pass: every label's exact probability, and the most probable label written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch

from ctrldiff.posterior.table import Table
from ctrldiff.protocols import Constraint, Denoiser
from ctrldiff.sampling.constrain import Tables
from ctrldiff.state import State


def decide(
    denoiser: Denoiser, state: State, constraint: Constraint, branches: Mapping[str, Table]
) -> tuple[State, list[dict[str, float]]]:
    """Choose a branch in each row.

    The probability of a branch sums over every way to spell its texts in tokens, end included; branches that share
    prefixes share nothing else. Ties go to the branch named first.

    What does not fit the canvas is refused before the forward pass; a branch that does not fit has probability 0.
    Returns: the state with the best branch's most probable spelling written, and {name: probability} for each row.
    """
    state = state.snapshot()
    constraint.settle(state)  # raises if nothing fits; what it would write is not needed here
    state = denoiser.noise(state)
    logits = denoiser(state)
    posterior = constraint.bind(logits, state)
    masses = {name: value.tolist() for name, value in posterior.branch_probs(branches).items()}
    rows = [{name: values[row] for name, values in masses.items()} for row in range(state.shape[0])]
    best = tuple(branches[max(row, key=lambda name: row[name])] for row in rows)
    tokens = Tables(best).bind(logits, state).map().cpu()
    state = replace(state, forwards=state.forwards + 1)
    return state.write(torch.ones(state.shape, dtype=torch.bool), tokens, posterior.confidence(tokens).cpu()), rows
