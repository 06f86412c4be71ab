"""Several passes within a step: part of the proposal is clamped, the network is asked again, and so on."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import get_args

import torch

from ctrldiff.protocols import Ask, Posterior, Proposer
from ctrldiff.sampling.commit import By, best_first, certainty, check_count, first, unknown_order
from ctrldiff.sampling.passes import only_in_the_loop
from ctrldiff.sampling.propose import Draw
from ctrldiff.state import State, Tokens

__all__ = ["Recomputed"]


@dataclass(frozen=True)
class Recomputed:
    """What the step is to write comes of `passes` passes: each settles its share of the quota, by certainty, and the
    next one sees what has been settled. `commit.Proposed` writes it.

    Tokens of one pass do not know of each other; those of several do. With as many passes as positions, in a random
    order and with exact draws, it is a draw from the network's own joint distribution, whatever the schedule. ADJUST
    (arXiv:2509.22738) has a small trained head for the further passes; here they are the network's own, so this is what
    its head is trained to be, at full cost.

    Args:
        passes: at most, the step's own among them; fewer where less is to be written. The first ones settle one more
            where shares are uneven.
        by: which positions first, as in `TopK`.      inner: what each pass proposes.
    """

    passes: int = 4
    by: By = "confidence"
    inner: Proposer = Draw()

    def __post_init__(self) -> None:
        check_count("passes", self.passes)
        if self.by not in get_args(By):
            raise unknown_order(self.by)

    def __call__(self, posterior: Posterior, state: State) -> Tokens:
        raise only_in_the_loop(self)

    def asking(self, ask: Ask) -> Proposer:
        return partial(self._propose, ask)

    def _propose(self, ask: Ask, posterior: Posterior, state: State) -> Tokens:
        window = state.open & ask.step.window
        left = torch.where(ask.step.last, window.sum(dim=1), ask.step.quota.minimum(window.sum(dim=1)))
        tokens, settled = self.inner(posterior, state).cpu(), torch.zeros_like(window)
        for turn in range(self.passes):
            share = -(-left // (self.passes - turn))
            order = best_first(certainty(self.by, posterior, tokens, state), window & ~settled)
            settled = settled | first(share, order, window & ~settled)
            left = left - share
            going = left > 0
            if not going.any():
                break
            # Rows that have settled theirs cost nothing more. The proposal is recalled, as after a step: under a
            # proviso it is the text that is known to be legal.
            state = state.write(settled | ~going[:, None], tokens).recall(tokens)
            (logits,) = ask([state])
            posterior = ask.bind(logits, state)
            tokens = torch.where(going[:, None], self.inner(posterior, state).cpu(), tokens)
        ask.settle(settled)
        return tokens
