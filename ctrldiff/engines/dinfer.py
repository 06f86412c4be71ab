"""dInfer's decoders with a constraint in front. dInfer is read from its repository; nothing of it is imported here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from ctrldiff.engines.block import Keep, never, rewritten, solve
from ctrldiff.posterior.table import Table


@dataclass
class ConstrainedDecoder:
    """Any of dInfer's `ParallelDecoder`s, given scores in which a jointly legal block leads.

    For its loops in place of the decoder (`BlockWiseDiffusionLLM(model, decoder, ...)`); one object serves one prompt
    length. What is written when stays the decoder's decision, by the constrained marginals; its own temperature belongs
    at 0. Every row obeys the same table, since dInfer hands over the rows that are not finished without saying which.

    Fields: prompt_length, tokens before the answer; gen_length, positions of the answer, which is whole within them;
    keep, see `block.rewritten`: "only" for a decoder that changes scores before it picks, as dInfer's
    `CreditThresholdParallelDecoder` does.
    """

    inner: Any
    table: Table
    prompt_length: int
    gen_length: int
    keep: Keep = "first"

    def decode(self, logits: torch.Tensor, block_start: int, block_end: int, x: Any, *more: Any) -> Any:
        """As the decoder's: `x` holds prompt and answer, and is written in place.

        Args: logits, (B, block_end - block_start, V).
        Raises: Infeasible or BudgetTooSmall.
        """
        given = max(0, self.prompt_length - block_start)  # of the first block, where blocks are aligned
        before = x[:, self.prompt_length : max(block_start, self.prompt_length)]
        block = x[:, block_start:block_end]
        left = self.gen_length - before.shape[1]
        scores = torch.full_like(logits, never(logits.dtype))
        for row in range(len(logits)):
            scores[row, :given].scatter_(1, block[row, :given, None], 0.0)
            canvas = block[row, given:]
            free = canvas == self.inner.mask_id
            start = self.table.walk(before[row])
            own = logits[row, given:, : self.table.size]
            solved = solve(self.table, start, own, canvas, free, left, before=before[row])
            scores[row, given:, : self.table.size] = rewritten(solved, own, self.keep)
        return self.inner.decode(scores, block_start, block_end, x, *more)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)
