"""The approximate key-value cache of bidirectional models, as a denoiser: the loop does not know of it.

Where all tokens see all others, every token that is written changes every key. The cache keeps what is outside of the
active block as it was with the block still masked (Wu et al. 2025, "Fast-dLLM", arXiv:2505.22618: the prefix cache and
the dual cache). `error` measures what that costs.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from ctrldiff.errors import ModelError
from ctrldiff.models.caches.keys_values import (
    BOOKS,
    GoesOn,
    HasModule,
    Kept,
    Layers,
    check_keeps,
    forward,
    gathered,
    remember,
)
from ctrldiff.models.callable import banned, checked_logits, network_rows, noisy, sequence
from ctrldiff.models.memory import Room
from ctrldiff.models.spec import ModelSpec
from ctrldiff.state import State, Status
from ctrldiff.tokens.vocabulary import Vocabulary


@dataclass(frozen=True)
class CacheError:
    """How far approximate logits are from those of a pass over everything, over the open positions.

    Fields: kl (mean KL divergence of the exact distribution from the approximate one, nats); worst (its maximum);
        same (share of positions whose best token is the same).
    """

    kl: float
    worst: float
    same: float


@dataclass(eq=False)
class ApproximateCached:
    """A `Denoiser` over a bidirectional model that forwards the active block alone. *Approximate.*

    The active block is the one, of the spec's `block_length` counted from the start of the answer, with the first open
    position: use the schedule `Blocks(block_length)`. Keys and values outside of it are those of one pass over
    everything with the block still masked; so are the logits behind it. They follow from the text outside alone, so a
    decode is repeatable, whatever was decoded before it or beside it.

    Args:
        dual: keep what is behind the block too, not only what is before it (else those rows are forwarded as well).
        remember: rows of which keys and values are kept; the least recently used goes.
    """

    network: HasModule | GoesOn
    spec: ModelSpec
    vocabulary: Vocabulary
    device: str = "cpu"
    dual: bool = True
    remember: int = 64
    room: Room = field(default_factory=Room, repr=False)
    forwarded: int = field(default=0, init=False)
    _kept: OrderedDict[tuple[Any, ...], Kept] = field(default_factory=OrderedDict, init=False, repr=False)

    def __post_init__(self) -> None:
        check_keeps(self.network, self.spec.time_input)
        if (self.spec.block_length or 0) < 1:
            raise ModelError(f"an approximate cache with block_length={self.spec.block_length}", hint="at least 1")
        if self.spec.noise != "mask" or self.spec.attention != "full":
            raise ModelError(
                f'noise="{self.spec.noise}", attention="{self.spec.attention}": no approximate cache',
                hint="it is for masked models in which all tokens see all others",
            )

    def noise(self, state: State) -> State:
        """As the model without a cache."""
        return noisy(state, self.spec)

    def observe(self, state: State, logits: torch.Tensor) -> State:
        """Nothing is remembered in the state."""
        return state

    def __call__(self, state: State) -> torch.Tensor:
        jobs = [self._window(state, row) for row in (~state.done).nonzero()[:, 0].tolist()]
        if not jobs:
            raise ModelError("no row has an open position", hint="the loop ends before it asks")
        with BOOKS:
            kept = {job.key: self._kept[job.key] for job in jobs if job.key in self._kept}
        for group in grouped([job for job in {job.key: job for job in jobs}.values() if job.key not in kept]):
            here = torch.arange(len(group[0].ids))
            logits, layers = self._forward(torch.stack([job.masked for job in group]), here, [], here[:0])
            for n, job in enumerate(group):
                part = [(k[n : n + 1, :, job.outside], v[n : n + 1, :, job.outside]) for k, v in layers]
                own = checked_logits(logits[n : n + 1], job.masked[None], self.vocabulary)[0]
                kept[job.key] = Kept(job.masked, part, own.clone())
        rows = {job.row: logits_of(kept[job.key]) for job in jobs}
        for group in grouped([job for job in jobs if not torch.equal(job.ids, job.masked)]):
            past = gathered([kept[job.key] for job in group], slice(None))
            here = group[0].inside
            logits, _ = self._forward(torch.stack([job.ids[here] for job in group]), here, past, group[0].outside)
            for n, job in enumerate(group):
                rows[job.row] = rows[job.row].index_copy(0, here.to(logits.device), logits[n])
        remember(self._kept, kept, self.remember)
        first = next(iter(rows.values()))
        out = first.new_zeros((*state.shape, first.shape[-1]))
        for row, logits in rows.items():
            at = network_rows(len(state.prompt[row]), int(state.lengths[row]), self.spec)
            out[row, : len(at)] = logits[at]
        return banned(out, self.spec)

    def error(self, state: State) -> CacheError:
        """What is lost at this state, whose open positions hold noise: against a pass over everything as it stands."""
        near, exact = self(state).to(torch.float32), torch.zeros(0)
        for row in (~state.done).nonzero()[:, 0].tolist():
            ids = sequence(state, row, self.spec)
            logits, _ = forward(
                self.network,
                ids[None].to(self.device),
                torch.arange(len(ids)),
                [],
                ids[:0],
                None,
                room=self.room,
            )
            at = network_rows(len(state.prompt[row]), int(state.lengths[row]), self.spec)
            exact = torch.zeros_like(near) if not len(exact) else exact
            exact[row, : len(at)] = logits[0, at].to(torch.float32)
        p = banned(exact, self.spec).log_softmax(-1)[state.open]
        q = near.log_softmax(-1)[state.open]
        kl = torch.where(p > -torch.inf, p.exp() * (p - q), 0.0).sum(dim=-1)
        same = (p.argmax(dim=-1) == q.argmax(dim=-1)).to(torch.float32).mean()
        return CacheError(float(kl.mean()), float(kl.max()), float(same))

    def _window(self, state: State, row: int) -> Window:
        ids, prompt, mask = sequence(state, row, self.spec), len(state.prompt[row]), self.spec.mask_id
        size = self.spec.block_length or 1
        start = prompt + int(state.open[row].to(torch.uint8).argmax()) // size * size
        behind = prompt + int(state.lengths[row])
        begin = max(start - self.spec.logit_shift, 0)  # a shifted model speaks of the block's first token before it
        end = min(start + size, behind) if self.dual else len(ids)
        masked = ids.clone()
        where = torch.arange(start, min(start + size, behind))
        masked[where[state.status[row, where - prompt] != int(Status.FIXED)]] = int(mask or 0)
        outside = torch.cat([torch.arange(begin), torch.arange(end, len(ids))])
        return Window(row, ids, masked, torch.arange(begin, end), outside)

    def _forward(
        self, ids: torch.Tensor, here: torch.Tensor, past: Layers, seen: torch.Tensor
    ) -> tuple[torch.Tensor, Layers]:
        self.forwarded += ids.numel()
        return forward(self.network, ids.to(self.device), here, past, seen, None, room=self.room)


@dataclass(frozen=True, eq=False)
class Window:
    """One row's active block: its text, the text with the block masked, the positions inside and outside."""

    row: int
    ids: torch.Tensor
    masked: torch.Tensor
    inside: torch.Tensor
    outside: torch.Tensor

    @property
    def key(self) -> tuple[Any, ...]:
        """What keys, values and logits of the pass with the block masked depend on."""
        return (self.masked.numpy().tobytes(), *self.shape)

    @property
    def shape(self) -> tuple[int, ...]:
        """Windows of one shape can be forwarded together."""
        return (len(self.ids), int(self.inside[0]), len(self.inside))


def grouped(jobs: Sequence[Window]) -> list[list[Window]]:
    """Windows of one shape together."""
    groups: dict[tuple[int, ...], list[Window]] = {}
    for job in jobs:
        groups.setdefault(job.shape, []).append(job)
    return list(groups.values())


def logits_of(kept: Kept) -> torch.Tensor:
    """The rows that are kept with keys and values."""
    assert kept.logits is not None
    return kept.logits
