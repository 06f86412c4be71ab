"""Layers of scores in the loop: a constraint whose logits are (B, T, layers * V), one layer for each kind of place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch

from ctrldiff.errors import InputError, ShapeError
from ctrldiff.posterior.chain import ChainPosterior, bind_rows
from ctrldiff.posterior.layers import LayeredTable
from ctrldiff.protocols import Posterior, Processor
from ctrldiff.sampling.commit import leftmost
from ctrldiff.sampling.constrain import Tables, normalised
from ctrldiff.state import State, Step


@dataclass(frozen=True)
class Layered:
    """A layered table a row. Of each position's logits only the differences count, those between layers included."""

    tables: tuple[LayeredTable, ...]

    @property
    def layers(self) -> int:
        """How many layers of V the logits have side by side."""
        return self.tables[0].layers

    @property
    def ends(self) -> tuple[int, ...]:
        """As without layers."""
        return self._plain.ends

    @property
    def _plain(self) -> Tables:
        return Tables(tuple(table.plain for table in self.tables))

    def bind(self, logits: torch.Tensor, state: State) -> Posterior:
        """The posterior; `logits` has the layers side by side."""
        return self.weigh(normalised(logits, self.layers), state)

    def weigh(self, scores: torch.Tensor, state: State) -> Posterior:
        """As `bind`, by scores that are used as they are."""
        return bind_layers(self.tables, scores, state.written)

    def settle(self, state: State) -> State:
        """As without layers."""
        return self._plain.settle(state)


@dataclass(frozen=True)
class EachLayer:
    """A processor that is shown one layer of logits at a time, each (B, T, V)."""

    processor: Processor
    layers: int

    def __call__(self, logits: torch.Tensor, state: State, step: Step) -> torch.Tensor:
        parts = logits.chunk(self.layers, dim=-1)
        return torch.cat([self.processor(part, state, step) for part in parts], dim=-1)


def bind_layers(tables: Sequence[LayeredTable], scores: torch.Tensor, written: torch.Tensor) -> LayeredPosterior:
    """The posterior by (B, T, layers * V) scores, used as they are; those of written positions are never read.

    A written token weighs the same in every layer. Raises: as `Table.bind`.
    """
    wide = {table.layers * table.plain.size for table in tables}
    if wide != {scores.shape[-1]}:
        raise ShapeError(f"scores speak of {scores.shape[-1]} pairs, the tables of {sorted(wide)}")
    held = (written >= 0).to(scores.device)
    nothing = torch.zeros((), dtype=scores.dtype, device=scores.device)
    level = torch.where(held[..., None], nothing, scores)
    only = _only(level, written.to(scores.device), held, tables[0].layers)
    return LayeredPosterior(tuple(tables), only, written)


def _only(scores: torch.Tensor, tokens: torch.Tensor, keep: torch.Tensor, layers: int) -> torch.Tensor:
    """The scores, with all but `tokens` forbidden where `keep`."""
    V = scores.shape[-1] // layers
    token = torch.arange(V, device=scores.device).repeat(layers)
    other = keep[..., None] & (token != tokens[..., None])
    return scores.masked_fill(other, -torch.inf)


@dataclass(frozen=True, eq=False)
class LayeredPosterior:
    """A distribution over whole canvases, see `protocols.Posterior`; exact for scores by layer. Torch only.

    Fields: tables, one a row; scores (B, T, layers * V); written (B, T), -1 where open.
    """

    tables: tuple[LayeredTable, ...]
    scores: torch.Tensor
    written: torch.Tensor

    @property
    def size(self) -> int:
        """V."""
        return self.tables[0].plain.size

    @cached_property
    def chain(self) -> ChainPosterior:
        """The posterior over (layer, token) pairs."""
        return bind_rows([table.pairs for table in self.tables], self.scores)

    def map(self, n: int | None = None) -> torch.Tensor:
        """As `ChainPosterior.map`. Ties go by layer before token."""
        best = self.chain.map(n)
        return torch.where(best < 0, best, best % self.size)

    def sample(
        self, n: int | None = None, *, seed: int | None = None, rngs: Sequence[np.random.Generator] | None = None
    ) -> torch.Tensor:
        """As `ChainPosterior.sample`."""
        return self.chain.sample(n, seed=seed, rngs=rngs) % self.size

    @cached_property
    def _marginals(self) -> torch.Tensor:
        wide = self.chain.marginals()
        return wide.reshape(*wide.shape[:2], -1, self.size).sum(2)

    def marginals(self) -> torch.Tensor:
        """(B, T, V) float32."""
        return self._marginals

    def layer_marginals(self) -> torch.Tensor:
        """(B, T, layers) float32: how probable each position is to be read by each layer. Written ones count too."""
        wide = self.chain.marginals()
        return wide.reshape(*wide.shape[:2], -1, self.size).sum(3)

    def log_z(self) -> torch.Tensor:
        """(B,) float64. Raises: Infeasible."""
        return self.chain.log_z()

    def log_z_given(self, tokens: torch.Tensor, keep: torch.Tensor) -> torch.Tensor:
        """(B,) float64: as `ChainPosterior.log_z_given`."""
        keep, device = keep.to(torch.bool), self.scores.device
        part = _only(self.scores, tokens.to(device), keep.to(device), self.tables[0].layers)
        out = torch.full((len(self.tables),), -torch.inf, dtype=torch.float64)
        for row, table in enumerate(self.tables):
            if bool((part[row] > -torch.inf).any(-1).all()):  # else a kept token is forbidden or contradicts
                out[row] = bind_rows([table.pairs], part[row : row + 1]).rows[0].log_z
        return out.to(device)

    def clamp(self, tokens: torch.Tensor, keep: torch.Tensor) -> LayeredPosterior:
        """The posterior with `tokens` written where `keep`; their scores are not read again.

        Raises: Infeasible, naming the first position that cannot be.
        """
        agreed = torch.where(keep.cpu(), tokens.cpu(), self.written)
        clash = (self.written >= 0) & (agreed != self.written)
        for row, table in enumerate(self.tables):  # the plain table names the place best
            table.plain.bind(torch.zeros(*self.written[row].shape, self.size), agreed[row])
        if bool(clash.any()):
            row, position = clash.nonzero()[0].tolist()
            raise InputError(f"row {row} position {position} is written already, with another token")
        return bind_layers(self.tables, self.scores, agreed)

    def feasible(self, tokens: torch.Tensor, keep: torch.Tensor) -> torch.Tensor:
        """(B,) bool: some text of positive weight agrees; what is kept counts as written."""
        kept = keep.to(self.scores.device)
        free = torch.where(kept[..., None], torch.zeros_like(self.scores), self.scores)
        agrees = ((self.written < 0) | ~keep.cpu() | (tokens.cpu() == self.written)).all(1).to(kept.device)
        return replace(self, scores=free).log_z_given(tokens, keep).isfinite() & agrees

    def score(self, tokens: torch.Tensor) -> torch.Tensor:
        """(B,) float64: log-probability of whole strings; -inf for one that is not legal."""
        return self.log_z_given(tokens, torch.ones_like(self.written, dtype=torch.bool)) - self.log_z()

    def confidence(self, tokens: torch.Tensor) -> torch.Tensor:
        """(B, T) float32: marginals of these tokens."""
        return self._marginals.gather(2, tokens.to(self._marginals.device)[..., None])[..., 0]

    def surprise(self, tokens: torch.Tensor) -> torch.Tensor:
        """(B, T) float32 nats: minus the score of these tokens in layer 0; 0 where written."""
        own = -self.scores[..., : self.size].gather(2, tokens.to(self.scores.device)[..., None])[..., 0]
        return torch.where((self.written < 0).to(own.device), own, torch.zeros_like(own))

    def local(self, tokens: torch.Tensor) -> torch.Tensor:
        """(B, T) float32: as `ChainPosterior.local`, by the scores of layer 0."""
        plain = bind_rows([table.plain for table in self.tables], self.scores[..., : self.size], self.written)
        return plain.local(tokens)

    def legal(self, tokens: torch.Tensor) -> torch.Tensor:
        """(B, T) float32: as `ChainPosterior.legal`, by the scores of layer 0."""
        plain = bind_rows([table.plain for table in self.tables], self.scores[..., : self.size], self.written)
        return plain.legal(tokens)

    def leading(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """As `ChainPosterior.leading`; the layer that the position is read by is known, since all before is written."""
        first = leftmost(self.written < 0).to(self.scores.device)
        level = torch.where(self.scores == -torch.inf, self.scores, torch.zeros_like(self.scores))
        alone = replace(self, scores=torch.where(first[..., None], self.scores, level))
        pairs = alone.chain.map()
        one = torch.ones((), device=first.device)
        sure = torch.where(first, self.scores.gather(2, pairs[..., None])[..., 0].exp(), one).amin(1)
        tokens = torch.where(first, pairs % self.size, -1)
        mass = torch.where(first, self.legal(pairs % self.size).to(first.device), one).amin(1)
        return tokens, sure, mass

    def anchored(self) -> torch.Tensor:
        """(B, T) float32: the probability of the likeliest state before each position."""
        return self.chain.anchored()

    def margin(self) -> torch.Tensor:
        """(B, T) float32: best minus second best marginal."""
        top = self._marginals.topk(min(2, self.size), dim=-1).values
        return top[..., 0] - top[..., 1:].sum(-1)

    def entropy(self) -> torch.Tensor:
        """(B, T) float32, in nats."""
        return torch.special.entr(self._marginals).sum(-1)

    def forced(self) -> torch.Tensor:
        """(B, T) bool: one token is possible there whatever the logits."""
        rows = [table.plain.forced(row) >= 0 for table, row in zip(self.tables, self.written)]
        return torch.stack(rows).to(self.scores.device)

    def branch_probs(self, tables: Mapping[str, Any]) -> dict[str, Any]:
        """Not here: other tables know nothing of the layers. Raises InputError."""
        raise InputError("branches cannot be weighed by layers of scores", hint="guide the whole text, not a field")
