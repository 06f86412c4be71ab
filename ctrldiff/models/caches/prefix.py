"""The exact key-value cache of block-causal models, as a denoiser: the loop does not know of it.

The keys and values of a block depend on the tokens up to its end and on nothing else, so those of the blocks before the
first open position may be kept. What is kept carries the tokens it was computed from and is compared with the tokens at
hand before it is used, so it cannot be stale: a block that is reopened is simply another text.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field

import torch

from ctrldiff.errors import ModelError
from ctrldiff.models.caches.keys_values import BOOKS, GoesOn, HasModule, Kept, check_keeps, forward, gathered
from ctrldiff.models.callable import banned, checked_logits, network_rows, noisy, sequence
from ctrldiff.models.memory import Room
from ctrldiff.models.spec import ModelSpec
from ctrldiff.state import State
from ctrldiff.tokens.vocabulary import Vocabulary

IDLE = 16  # calls; guides and searches ask about other texts in between


@dataclass(eq=False)
class PrefixCached:
    """A `Denoiser` over a block-causal model that forwards from the first open block on. Exact: the logits
    of open positions are those of a pass over everything, to rounding; those of positions before are 0 and not read.
    Threads may share it.

    Args:
        network: its module takes 4D masks and a `DynamicCache`, as transformers' causal language models do; or it
                `GoesOn` by itself.
        spec: with `block_length`, `attention="block_causal"`, and `first_token_ar` if the first token of a block is
            read from the row before the block. `ahead`: blocks behind the active one (the one with the first open
            position) that are forwarded too; None: all of them, so that the whole canvas is believed or doubted at
            every step. Rows behind are flat: the constraint sees them, the model does not speak of them. For loops
            that write in order: the default plan, or `Blocks(block_length, aligned=True)`.
        remember: texts of which keys and values are kept at most; the least recently used goes. One that is the
            beginning of another is kept as part of it, and one that `IDLE` calls did not use is let go.
    """

    network: HasModule | GoesOn
    spec: ModelSpec
    vocabulary: Vocabulary
    device: str = "cpu"
    remember: int = 64
    room: Room = field(default_factory=Room, repr=False)
    forwarded: int = field(default=0, init=False)  # positions, so that what is saved can be counted
    _kept: OrderedDict[bytes, Kept] = field(default_factory=OrderedDict, init=False, repr=False)
    _used: dict[bytes, int] = field(default_factory=dict, init=False, repr=False)  # the last call that did
    _calls: int = field(default=0, init=False, repr=False)

    def __post_init__(self) -> None:
        check_keeps(self.network, self.spec.time_input)
        if self.spec.attention != "block_causal":
            raise ModelError(
                f'attention="{self.spec.attention}" has no exact prefix cache',
                why="a written token changes the keys of every other position that sees it",
                hint="ApproximateCached, which says that it is approximate",
            )

    def noise(self, state: State) -> State:
        """As the model without a cache."""
        return noisy(state, self.spec)

    def observe(self, state: State, logits: torch.Tensor) -> State:
        """Nothing is remembered in the state."""
        return state

    def __call__(self, state: State) -> torch.Tensor:
        block, groups = self.spec.block_length or 1, dict[tuple[int, int], list[Job]]()
        before = int(self.spec.logit_shift or self.spec.first_token_ar)  # the row that speaks of a block's first token
        texts = {row: sequence(state, row, self.spec) for row in (~state.done).nonzero()[:, 0].tolist()}
        for row, ids in texts.items():
            first = len(state.prompt[row]) + int(state.open[row].to(torch.uint8).argmax())
            begin = first // block * block  # the whole blocks before it, of which keys and values are settled
            end = len(ids) if self.spec.ahead is None else min(begin + block * (1 + self.spec.ahead), len(ids))
            kept, known = self._longest(ids[:begin], block)
            start = max(min(known, first - before), 0)
            groups.setdefault((start, end), []).append(Job(row, begin, begin > known, kept if start else None))
        out: torch.Tensor | None = None
        for (start, end), jobs in groups.items():
            past = gathered([job.kept for job in jobs], slice(0, start))
            ids = torch.stack([texts[job.row][start:end] for job in jobs])
            seen, here = torch.arange(start), torch.arange(start, end)
            rows = [network_rows(len(state.prompt[job.row]), int(state.lengths[job.row]), self.spec) for job in jobs]
            part = slice(max(min(int(one[0]) for one in rows) - start, 0), None)
            logits, layers = forward(self.network, ids.to(self.device), here, past, seen, block, part, room=self.room)
            logits = checked_logits(logits, ids[:, part], self.vocabulary)
            self.forwarded += ids.numel()
            if out is None:
                out = logits.new_zeros((*state.shape, logits.shape[-1]))
            for n, job in enumerate(jobs):
                at = rows[n] - start - part.start
                given = (at >= 0) & (at < logits.shape[1])
                out[job.row, : len(at)][given] = logits[n, at[given]]
                if job.news:
                    own = [
                        (k[n : n + 1, :, : job.begin].clone(), v[n : n + 1, :, : job.begin].clone()) for k, v in layers
                    ]
                    self._keep(Kept(texts[job.row][: job.begin], own))  # cloned: not the whole batch with it
        if out is None:
            raise ModelError("no row has an open position", hint="the loop ends before it asks")
        self._let_go()
        return banned(out, self.spec)

    def _longest(self, ids: torch.Tensor, block: int) -> tuple[Kept | None, int]:
        """What is kept of the longest beginning of these tokens, in whole blocks."""
        best, known = b"", 0
        with BOOKS:
            for key, kept in self._kept.items():
                same = shared(kept.ids, ids) // block * block
                if same > known:
                    best, known = key, same
            if not known:
                return None, 0
            self._kept.move_to_end(best)
            self._used[best] = self._calls
            return self._kept[best], known

    def _keep(self, kept: Kept) -> None:
        """Keep a row's beginning, in the place of what is its own beginning."""
        with BOOKS:
            for key, other in list(self._kept.items()):
                if shared(other.ids, kept.ids) == len(other.ids):
                    del self._kept[key], self._used[key]
            key = kept.ids.numpy().tobytes()
            self._kept[key], self._used[key] = kept, self._calls

    def _let_go(self) -> None:
        """Rows that are done are asked about no more: what no call has used for a while goes, and what is too much."""
        with BOOKS:
            self._calls += 1
            for key in list(self._kept):
                if self._calls - self._used[key] > IDLE or len(self._kept) > self.remember:
                    del self._kept[key], self._used[key]


@dataclass(frozen=True, eq=False)
class Job:
    """One row's pass. Fields: begin (tokens of the whole blocks before the first open position); news (their keys and
    values are not all kept yet); kept (what is)."""

    row: int
    begin: int
    news: bool
    kept: Kept | None


def shared(one: torch.Tensor, other: torch.Tensor) -> int:
    """How many tokens two texts begin with alike."""
    length = min(len(one), len(other))
    differ = one[:length] != other[:length]
    return int(differ.to(torch.uint8).argmax()) if bool(differ.any()) else length
