"""Logits to logits, before the constraint binds."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch

from ctrldiff.errors import InputError
from ctrldiff.protocols import Processor
from ctrldiff.sampling.commit import check_count, in_range, positive
from ctrldiff.sampling.credit import Credit
from ctrldiff.state import State, Step

__all__ = ["Cooling", "Credit", "EachLayer", "MinP", "Temperature", "TopK", "TopP"]

OUTSIDE = 1e4  # nats that a token loses that is not kept: no text of kept ones is as improbable. Kept to .001 nats


@dataclass(frozen=True)
class Temperature:
    """Divide logits by `value`."""

    value: float

    def __post_init__(self) -> None:
        positive("value", self.value)

    def __call__(self, logits: torch.Tensor, state: State, step: Step) -> torch.Tensor:
        return logits / self.value


@dataclass(frozen=True)
class Cooling:
    """Divide logits by a temperature that falls with time, from `high` towards `low` (DiffusionGemma's .8 to .4)."""

    low: float = 0.4
    high: float = 0.8

    def __post_init__(self) -> None:
        positive("low", self.low)
        positive("high", self.high)

    def __call__(self, logits: torch.Tensor, state: State, step: Step) -> torch.Tensor:
        value = self.low + (self.high - self.low) * step.time.clamp(min=0.0)
        return logits / value.to(device=logits.device, dtype=logits.dtype)[:, None, None]


@dataclass(frozen=True)
class TopK:
    """Keep the k likeliest tokens of each position; ties: the smaller ids.

    As `TopP` and `MinP`: a token that is not kept loses `OUTSIDE` nats and is not forbidden, so no legal text vanishes.
    Where the constraint leaves anything that is kept, nothing else is written; where it does not, the texts with the
    fewest such tokens share the probability as they did before. Without a constraint it is the published truncation.
    """

    k: int

    def __post_init__(self) -> None:
        check_count("k", self.k)

    def __call__(self, logits: torch.Tensor, state: State, step: Step) -> torch.Tensor:
        if self.k >= logits.shape[-1]:
            return logits

        def kept(own: torch.Tensor) -> torch.Tensor:
            order = own.argsort(dim=-1, descending=True, stable=True)
            return torch.zeros_like(own, dtype=torch.bool).scatter_(-1, order[..., : self.k], True)

        return _truncated(logits, kept)


@dataclass(frozen=True)
class TopP:
    """Keep the likeliest tokens of each position that make up `p` together (nucleus sampling, arXiv:1904.09751), the
    one that reaches it among them; ties: the smaller ids. What is not kept: as in `TopK`."""

    p: float

    def __post_init__(self) -> None:
        positive("p", self.p)
        in_range("p", self.p, 0, 1)

    def __call__(self, logits: torch.Tensor, state: State, step: Step) -> torch.Tensor:
        if self.p == 1:
            return logits

        def kept(own: torch.Tensor) -> torch.Tensor:
            probs, order = own.softmax(dim=-1).sort(dim=-1, descending=True, stable=True)
            before = probs.to(torch.float64).cumsum(dim=-1) - probs
            return torch.zeros_like(own, dtype=torch.bool).scatter_(-1, order, before < self.p)

        return _truncated(logits, kept)


@dataclass(frozen=True)
class MinP:
    """Keep the tokens of each position with at least `p` times the probability of the likeliest (arXiv:2407.01082).
    What is not kept: as in `TopK`."""

    p: float

    def __post_init__(self) -> None:
        positive("p", self.p)
        in_range("p", self.p, 0, 1)

    def __call__(self, logits: torch.Tensor, state: State, step: Step) -> torch.Tensor:
        return _truncated(logits, lambda own: own >= own.amax(dim=-1, keepdim=True) + math.log(self.p))


def _truncated(logits: torch.Tensor, kept: Callable[[torch.Tensor], torch.Tensor]) -> torch.Tensor:
    """(B, T, V) float32: what `kept` says of the logits of one row (T, V) as it is, the rest less `OUTSIDE`. Row by
    row, as orders of tokens and sums over them take several times the logits' memory."""
    out = torch.empty_like(logits, dtype=torch.promote_types(logits.dtype, torch.float32))
    for row, own in enumerate(logits):
        wide = own.to(out.dtype)
        out[row] = torch.where(kept(own), wide, wide - OUTSIDE)
    return out


@dataclass(frozen=True)
class EachLayer:
    """A processor that is shown one layer of logits at a time, each (B, T, V). Raises: InputError for `Credit`, whose
    books are of one layer."""

    processor: Processor
    layers: int

    def __post_init__(self) -> None:
        if isinstance(self.processor, Credit):
            raise InputError(f"{self.processor!r} does not go with guides of single fields", param="processors")

    def __call__(self, logits: torch.Tensor, state: State, step: Step) -> torch.Tensor:
        parts = logits.chunk(self.layers, dim=-1)
        return torch.cat([self.processor(part, state, step) for part in parts], dim=-1)
