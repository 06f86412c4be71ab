"""Models whose attention depends on what is written: one pass over everything, with a mask for each row.

Two such models were born causal and stay so for what is finished. In WeDLM a token sees what is written, wherever it
stands, and the open positions before its own: its loop moves written tokens to the front and keeps their positions,
which is that mask. In Nemotron-Labs-Diffusion finished tokens see those before them, and the active block sees all of
itself too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import torch

from ctrldiff.errors import ModelError
from ctrldiff.models.callable import banned, checked_logits, noisy
from ctrldiff.models.heads import headed
from ctrldiff.models.memory import Room, within_memory
from ctrldiff.models.spec import ModelSpec
from ctrldiff.state import State
from ctrldiff.tokens.vocabulary import Vocabulary

# (prompt's length, (L,) which positions of prompt and canvas are open) to what each position sees, (L, L), and the row
# that speaks of each position, (L,).
Seeing: TypeAlias = Callable[[int, torch.Tensor], tuple[torch.Tensor, torch.Tensor]]


def written_first(prompt: int, is_open: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Written tokens in their order, then open ones in theirs; each sees itself and what comes before it."""
    at = torch.arange(len(is_open))
    rank = torch.empty_like(at)
    rank[torch.cat([at[~is_open], at[is_open]])] = at
    return rank[None, :] <= rank[:, None], at


def active_block(length: int) -> Seeing:
    """Blocks of a length, counted from the end of the prompt. Before the first open one tokens see those before them;
    that one sees all of itself, and its first token is the one that the row before the block predicts. Later blocks see
    what is before them and themselves, so that the whole canvas is spoken of."""

    def seeing(prompt: int, is_open: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        at = torch.arange(len(is_open))
        first = int(is_open[prompt:].to(torch.uint8).argmax()) if bool(is_open[prompt:].any()) else 0
        begin = prompt + first // length * length
        block = torch.div(at - begin, length, rounding_mode="floor")
        sees = (at[None, :] <= at[:, None]) | ((at[:, None] >= begin) & (block[None, :] <= block[:, None]))
        rows = torch.where((at == begin) & (at > 0), at - 1, at)
        return sees, rows

    return seeing


@dataclass(eq=False)
class Seen:
    """A `Denoiser` over a transformers network that is told, row by row, what each position sees.

    Rows of unequal length share a call; what lies behind a row's own length is seen by itself alone.

    Fields: seeing: see `Seeing`.        forwarded: positions, so that what is spent can be counted.
    """

    network: Any
    spec: ModelSpec
    vocabulary: Vocabulary
    seeing: Seeing
    device: str = "cpu"
    forwarded: int = 0
    room: Room = field(default_factory=Room, repr=False)

    def noise(self, state: State) -> State:
        """As every model with a mask."""
        return noisy(state, self.spec)

    def observe(self, state: State, logits: torch.Tensor) -> State:
        """Nothing is remembered in the state."""
        return state

    def __call__(self, state: State) -> torch.Tensor:
        rows = (~state.done).nonzero()[:, 0].tolist()
        if not rows:
            raise ModelError("no row has an open position", hint="the loop ends before it asks")
        prompts, own = [len(state.prompt[row]) for row in rows], [int(state.lengths[row]) for row in rows]
        longest = max(p + n for p, n in zip(prompts, own, strict=True))
        ids = torch.full((len(rows), longest), self.spec.stop_ids[0])
        sees = torch.eye(longest, dtype=torch.bool).repeat(len(rows), 1, 1)
        told = []
        for n, (row, prompt, length) in enumerate(zip(rows, prompts, own, strict=True)):
            whole = prompt + length
            ids[n, :whole] = torch.cat([state.prompt[row], state.tokens[row, :length]])
            is_open = torch.cat([torch.zeros(prompt, dtype=torch.bool), state.open[row, :length]])
            sees[n, :whole, :whole], speaks = self.seeing(prompt, is_open)
            told.append(speaks[prompt:])
        self.forwarded += ids.numel()
        least = min(int(one.min()) for one in told)
        part = slice(least, None)
        logits = within_memory(self._picked(part), ids.to(self.device), sees.to(self.device), room=self.room)
        logits = checked_logits(logits, ids[:, part], self.vocabulary)
        out = torch.zeros((*state.shape, logits.shape[-1]), dtype=logits.dtype, device=logits.device)
        for n, row in enumerate(rows):
            out[row, : own[n]] = logits[n, told[n].to(logits.device) - least]
        return banned(out, self.spec)

    def _picked(self, part: slice) -> Callable[[torch.Tensor, torch.Tensor], torch.Tensor]:
        """Ids (N, L) and what they see (N, L, L) to the logits of a part of the rows."""

        def run(ids: torch.Tensor, sees: torch.Tensor) -> torch.Tensor:
            module = self.network.module
            low = torch.finfo(module.dtype).min
            mask = torch.zeros(sees.shape, dtype=module.dtype, device=ids.device).masked_fill(~sees, low)[:, None]
            with torch.inference_mode():
                return headed(module, part, input_ids=ids, attention_mask=mask, use_cache=False)[0]

        return run
