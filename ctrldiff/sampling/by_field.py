"""Where a token stands inside a value of a JSON text, before the text is written: exact, by the automaton."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from ctrldiff.posterior.chain import bind_rows
from ctrldiff.posterior.table import Table
from ctrldiff.sampling.constrain import normalised
from ctrldiff.state import State


def by_field(tables: Sequence[Table], logits: torch.Tensor, state: State) -> torch.Tensor:
    """(B, T, 2, V) float32: how probable it is that a token stands at a position and is read in this layer of its row's
    table, under the exact posterior by (B, T, V) logits that are the same in both layers. Of what is written too.

    A written position is bound as an open one at which only its token is possible, so that its layer is asked like any
    other's. Raises: Infeasible if nothing legal agrees with what is written.
    """
    scores = normalised(logits)
    known = torch.full_like(scores, -torch.inf).scatter(-1, state.tokens.to(scores.device)[..., None], 0.0)
    both = torch.where(state.open.to(scores.device)[..., None], scores, known)
    bound = bind_rows(tables, torch.cat([both, both], dim=-1), torch.full_like(state.tokens, -1))
    return torch.as_tensor(bound.by_layer()).cpu()
