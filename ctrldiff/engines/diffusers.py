"""diffusers' schedulers of discrete diffusion with a constraint inside. Needs diffusers 0.42 or later."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import torch
from diffusers import BlockRefinementScheduler, DiscreteDDIMScheduler, EntropyBoundScheduler

from ctrldiff.engines.block import Solved, edited, never, rewritten, row_table, solve
from ctrldiff.errors import InputError
from ctrldiff.posterior.table import Table


class _Answers:
    """The answers of one call of a pipeline, block by block."""

    _tables: Table | Sequence[Table] | None = None
    _best: torch.Tensor | None  # (B, T) the last step's legal block
    _shown: torch.Tensor  # (B, T) the block as the last step left it

    def constrain(self, tables: Table | Sequence[Table], *, prompt_length: int, gen_length: int, seed: int = 0) -> Self:
        """Begin an answer of `gen_length` positions behind `prompt_length` prompt tokens, whole within them.

        Args:
            tables: one compiled constraint, or one for each prompt.
            seed: of the draws when the pipeline's temperature is above 0 and it has no generator.
        """
        self._tables, self._gen_length, self._prompt_length = tables, gen_length, prompt_length
        self._answers: list[list[int]] = []
        self._best = None
        self._given = 0  # positions of the block that belong to the prompt
        self._draws = torch.Generator().manual_seed(seed)
        return self

    def _begin_block(self, sample: torch.Tensor, prompt_mask: torch.Tensor | None) -> None:
        if self._best is None:
            self._answers = [[] for _ in range(len(sample))]
            self._given = 0 if prompt_mask is None else int(prompt_mask.sum())
            return
        if len(sample) != len(self._answers):
            raise InputError(
                f"a block of {len(sample)} rows follows one of {len(self._answers)}",
                hint="call constrain(...) before each call of the pipeline",
            )
        for answer, block in zip(self._answers, self._best[:, self._given :].tolist()):
            answer += block
        self._given = 0

    def _solve(
        self,
        row: int,
        logits: torch.Tensor,
        sample: torch.Tensor,
        free: torch.Tensor,
        edits: float | None,
        temperature: float,
        generator: torch.Generator | None,
    ) -> Solved:
        assert self._tables is not None
        table, answer, given = row_table(self._tables, row, len(self._answers)), self._answers[row], self._given
        start, left = table.walk(answer), self._gen_length - len(answer)
        logits, canvas, free = logits[given:], sample[given:], free[given:]
        if edits is not None and not free.all():
            canvas = edited(table, start, logits, canvas, free, left, threshold=edits, before=answer).to(canvas.device)
        rng = None
        if temperature > 0:
            source = generator if generator is not None else self._draws
            rng = np.random.default_rng(int(torch.randint(2**62, (1,), generator=source, device=source.device)))
        return solve(table, start, logits, canvas, free, left, before=answer, temperature=temperature, rng=rng)

    def _settled(self, sample: torch.Tensor) -> torch.Tensor:
        """(B,) bool: rows that a pipeline takes for final. It puts their best tokens in the place of what was left."""
        assert self._best is not None
        best = torch.eq(sample, self._best.to(sample.device)).all(dim=1)
        return best | torch.ne(sample, self._shown).any(dim=1)

    def _scores(
        self,
        model_output: torch.Tensor,
        timestep: int | torch.Tensor,
        sample: torch.Tensor,
        temperature: float = 0.0,
        generator: torch.Generator | None = None,
    ) -> torch.Tensor:
        """(B, T, V) constrained log-marginals of a block in which everything may change, a legal block leading.

        For uniform noise, where no step settles a position; what the pipeline has settled stays.
        """
        if int(timestep) == 0:
            self._begin_block(sample, None)
            settled = [False] * len(sample)
        else:
            settled = self._settled(sample).tolist()
        scores = torch.empty_like(model_output)
        for row in range(len(sample)):
            free = torch.full_like(sample[row], not settled[row], dtype=torch.bool)
            solved = self._solve(row, model_output[row], sample[row], free, None, temperature, generator)
            scores[row] = rewritten(solved, model_output[row], "first")
        self._best = scores.argmax(dim=-1).cpu()
        return scores


class ConstrainedBlockRefinement(_Answers, BlockRefinementScheduler):
    """A scheduler for `LLaDA2Pipeline` and `DiffusionGemmaPipeline` whose every block obeys a constraint.

    `constrain` before each call of the pipeline; without it this is the scheduler it derives from. What is written,
    when and how often stays the base class's decision: it is given scores in which the jointly best legal completion
    leads, with its constrained marginals as confidences. Edits of committed tokens are made jointly legal first. The
    best tokens of a step's scores are a legal block at every step, so a pipeline may also stop early and take those.
    """

    def step(
        self,
        model_output: torch.Tensor,
        timestep: int | torch.Tensor,
        sample: torch.Tensor,
        *,
        mask_token_id: int | None = None,
        temperature: float = 0.0,
        threshold: float | None = None,
        editing_threshold: float | None = None,
        prompt_mask: torch.Tensor | None = None,
        generator: torch.Generator | None = None,
        **rest: Any,
    ) -> Any:
        """As the base class; `top_p`, `top_k` and `sampling_method` do not apply to what is solved jointly."""
        common = {
            "mask_token_id": mask_token_id,
            "threshold": threshold,
            "editing_threshold": editing_threshold,
            "prompt_mask": prompt_mask,
            "generator": generator,
            **rest,
        }
        if self._tables is None:
            return super().step(model_output, timestep, sample, temperature=temperature, **common)
        first = int(timestep) == 0
        if first:
            self._begin_block(sample, prompt_mask)
        if mask_token_id is not None:
            free = sample == mask_token_id
        elif first or self._committed is None or self._committed.shape != sample.shape:
            free = torch.ones_like(sample, dtype=torch.bool)
        else:
            free = ~self._committed & ~self._settled(sample)[:, None]
        if editing_threshold is None:
            editing_threshold = self.config.editing_threshold
        edits = editing_threshold if editing_threshold is not None and editing_threshold > 0 else None
        scores = torch.full_like(model_output, never(model_output.dtype))
        for row in range(len(sample)):
            solved = self._solve(row, model_output[row], sample[row], free[row], edits, temperature, generator)
            given, tokens = self._given, sample[row, : self._given, None]
            scores[row, :given].scatter_(1, tokens, 0.0)
            scores[row, given:] = rewritten(solved, model_output[row, given:], "first")
        common |= {"top_p": None, "top_k": None, "sampling_method": "greedy"}
        out = super().step(scores, timestep, sample, temperature=0.0, **common)
        self._shown = out.prev_sample if hasattr(out, "prev_sample") else out[0]
        self._best = scores.argmax(dim=-1).cpu()
        return out


class ConstrainedEntropyBound(_Answers, EntropyBoundScheduler):
    """`EntropyBoundScheduler` for `DiffusionGemmaPipeline`, whose every block obeys a constraint.

    The entropies that decide what is accepted are those of the constrained marginals. What is accepted before the last
    step is a canvas for the model to read and may change; the last step leaves the jointly best legal block, where the
    base class leaves noise in what it did not accept. A pipeline that stops early takes the same from `pred_logits`.
    """

    def step(
        self,
        model_output: torch.Tensor,
        timestep: int | torch.Tensor,
        sample: torch.Tensor,
        *,
        entropy_bound: float | None = None,
        generator: torch.Generator | None = None,
        return_dict: bool = True,
    ) -> Any:
        """As the base class."""
        if self._tables is not None:
            model_output = self._scores(model_output, timestep, sample)
        out = super().step(model_output, timestep, sample, entropy_bound=entropy_bound, generator=generator)
        if self._tables is not None:
            if int(timestep) == self.num_inference_steps - 1:
                out.prev_sample = model_output.argmax(dim=-1)
            self._shown = out.prev_sample
        return out if return_dict else out.to_tuple()


class ConstrainedDiscreteDDIM(_Answers, DiscreteDDIMScheduler):
    """`DiscreteDDIMScheduler` for `DiffusionGemmaPipeline`, whose every block obeys a constraint.

    Clean tokens are those of one jointly legal block a step: the best one, or an exact draw above temperature 0. The
    last step commits it whole. Corrector sweeps resample by the constrained marginals.
    """

    def step(
        self,
        model_output: torch.Tensor,
        timestep: int | torch.Tensor,
        sample: torch.Tensor,
        *,
        temperature: float = 0.0,
        generator: torch.Generator | None = None,
        return_dict: bool = True,
    ) -> Any:
        """As the base class."""
        if self._tables is not None:
            model_output, temperature = self._scores(model_output, timestep, sample, temperature, generator), 0.0
        out = super().step(model_output, timestep, sample, temperature=temperature, generator=generator)
        self._shown = out.prev_sample
        return out if return_dict else out.to_tuple()

    def step_correct(
        self,
        model_output: torch.Tensor,
        timestep: int | torch.Tensor,
        sample: torch.Tensor,
        *,
        generator: torch.Generator | None = None,
        return_dict: bool = True,
    ) -> Any:
        """As the base class."""
        if self._tables is not None:
            best = self._best  # the step's, which a sweep is part of
            model_output = self._scores(model_output, int(timestep) + 1, sample)
            self._best = best
        out = super().step_correct(model_output, timestep, sample, generator=generator)
        self._shown = out.prev_sample
        return out if return_dict else out.to_tuple()
