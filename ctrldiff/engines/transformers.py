"""Hooks of Hugging Face models' own generation: a `LogitsProcessor`, and Dream's logits hook."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from ctrldiff.engines.block import Keep, rewritten, row_table, solve
from ctrldiff.errors import ShapeError
from ctrldiff.posterior.table import Table


@dataclass(eq=False)
class ConstrainedLogits:
    """A `LogitsProcessor` for `generate(logits_processor=[...])`: scores in, scores that obey the constraint out.

    `input_ids` are the prompt and what is finished; the scores speak of what comes next: (B, V), one token (any
    autoregressive model, or the autoregressive first token of a block), or (B, T, V), a canvas of which nothing is
    written for good (DiffusionGemma). A canvas is solved jointly at every call, since any call may be the last.

    Args:
        tables: one compiled constraint, or one for each prompt.
        prompt_length: positions of `input_ids` before the answer (the width of the padded batch).
        max_new_tokens: positions of the answer, as told to `generate`: it is complete within them.
        keep: for a canvas, see `block.rewritten`. "only" is safe whatever the model does with its scores; "first" keeps
            its sense of certainty and is safe if what it emits in the end is the best token of each row.
        temperature, seed: above 0, a canvas is an exact draw; the model's own temperature belongs at its lowest then.
    Raises (when called): Infeasible, BudgetTooSmall, ShapeError.
    """

    tables: Table | Sequence[Table]
    prompt_length: int
    max_new_tokens: int
    keep: Keep = "only"
    temperature: float = 0.0
    seed: int = 0
    calls: int = field(default=0, init=False)

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        if scores.ndim not in (2, 3) or len(scores) != len(input_ids):
            raise ShapeError(f"scores are {tuple(scores.shape)} for ids {tuple(input_ids.shape)}")
        canvases = scores[:, None] if scores.ndim == 2 else scores
        rows, length, _ = canvases.shape
        keep: Keep = "all" if scores.ndim == 2 else self.keep
        canvas, free = torch.zeros(length, dtype=torch.int64), torch.ones(length, dtype=torch.bool)
        left = self.max_new_tokens - (input_ids.shape[1] - self.prompt_length)
        out = []
        for row in range(rows):
            table = row_table(self.tables, row, rows)
            start = table.walk(input_ids[row, self.prompt_length :])
            solved = solve(
                table,
                start,
                canvases[row],
                canvas,
                free,
                left,
                before=input_ids[row, self.prompt_length :],
                temperature=0.0 if scores.ndim == 2 else self.temperature,  # one token: the model draws it itself
                rng=np.random.default_rng([self.seed, row, self.calls]),
            )
            out.append(rewritten(solved, canvases[row], keep))
        self.calls += 1
        return torch.stack(out).reshape(scores.shape)


@dataclass(eq=False)
class DreamHook:
    """Dream's `generation_logits_hook_func(step, x, logits)`: rows are aligned, `x` holds prompt and canvas.

    Every position of the answer that holds the mask is solved jointly with all others. The proposal leads each row and
    its probability is its constrained marginal, so every `alg` (maskgit_plus, topk_margin, entropy, origin) may write
    any of them, with Dream's own `temperature` at 0. Draws are made here, with `temperature` above 0.

    Args: as `ConstrainedLogits`; the answer takes all positions from `prompt_length` on.
    """

    tables: Table | Sequence[Table]
    prompt_length: int
    mask_id: int
    temperature: float = 0.0
    seed: int = 0

    def __call__(self, step: int | None, x: torch.Tensor, logits: torch.Tensor) -> torch.Tensor:
        if logits.shape[:2] != x.shape:
            raise ShapeError(f"logits are {tuple(logits.shape)} for ids {tuple(x.shape)}")
        out = logits.clone()
        for row in range(len(x)):
            table, answer = row_table(self.tables, row, len(x)), x[row, self.prompt_length :]
            solved = solve(
                table,
                table.start,
                logits[row, self.prompt_length :],
                answer,
                answer == self.mask_id,
                len(answer),
                temperature=self.temperature,
                rng=np.random.default_rng([self.seed, row, step or 0]),
            )
            out[row, self.prompt_length :] = rewritten(solved, out[row, self.prompt_length :], "first")
        return out
