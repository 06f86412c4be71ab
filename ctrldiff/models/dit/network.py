"""The diffusion transformer of MDLM, SEDD, BD3-LM, Duo, UDLM, GIDD and HDLM, with the names their weights have.

A transformer over tokens with rotary positions, in which the noise level modulates every block: the embedding of sigma
gives each block a shift, a scale and a gate for its attention and for its feed-forward (adaLN, Peebles & Xie 2023,
arXiv:2212.09748; for text: Lou et al. 2023, arXiv:2310.16834; Sahoo et al. 2024, arXiv:2406.07524). With a block length
a token sees its own block and those before it (Arriola et al. 2025, arXiv:2503.09573).

What the rows of logits mean is another question: `outputs.py`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias, cast

import torch
from torch import nn
from torch.nn import functional as F

from ctrldiff.errors import ModelError

KeysValues: TypeAlias = tuple[torch.Tensor, torch.Tensor]  # of one block, (N, heads, positions, width of a head)
FREQUENCIES = 256  # numbers that describe a noise level before it is embedded


@dataclass(frozen=True)
class DiTShape:
    """The sizes of one network.

    Fields: rows (of the embedding and of the logits), width, heads, blocks; condition (width of the noise level's
        embedding; 0 for a network that is told no noise level); block_length (None: every token sees every other).
    """

    rows: int
    width: int
    heads: int
    blocks: int
    condition: int
    block_length: int | None = None

    def __post_init__(self) -> None:
        if self.width % self.heads or (self.width // self.heads) % 2:
            raise ModelError(f"{self.heads} heads do not divide a width of {self.width} into even parts")
        if self.block_length is not None and self.block_length < 1:
            raise ModelError(f"block_length={self.block_length}: at least 1")


class DiT(nn.Module):
    """`(N, L)` int64 ids and `(N,)` noise levels to `(N, L, rows)` logits, as the network gives them."""

    def __init__(self, shape: DiTShape) -> None:
        super().__init__()
        self.shape = shape
        self.vocab_embed = _Embedding(shape)
        if shape.condition:
            self.sigma_map = _NoiseLevel(shape.condition)
        self.blocks = nn.ModuleList(_Block(shape) for _ in range(shape.blocks))
        self.output_layer = _Output(shape)
        self.register_buffer("logit_bias", torch.zeros(1, 1, 1))  # GIDD: added to what a token says of itself

    def forward(self, ids: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
        at = torch.arange(ids.shape[1], device=ids.device)
        return self.onward(ids, sigma, at, [], _sees(ids.shape[1], self.shape.block_length, ids.device))[0]

    def onward(
        self,
        ids: torch.Tensor,
        sigma: torch.Tensor,
        here: torch.Tensor,
        past: Sequence[KeysValues],
        sees: torch.Tensor | None,
        rows: slice = slice(None),
    ) -> tuple[torch.Tensor, list[KeysValues]]:
        """A pass over some positions, given the keys and values of others.

        Args:
            ids: (N, Q).    sigma: (N,).    here: (Q,) the positions.    past: of P others, block by block; [] for none.
            sees: (Q, P + Q) bool; None: everything.    rows: of the Q positions, those whose logits are wanted.
        Returns: (N, R, rows of the embedding) logits; keys and values of all P + Q positions, those before first.
        """
        x = self.vocab_embed.embedding[ids]
        condition = F.silu(self.sigma_map(sigma.to(x.dtype))) if self.shape.condition else None
        turn, kept = _rotation(here, self.shape.width // self.shape.heads, x), []
        for n, block in enumerate(self.blocks):
            x, layer = block(x, condition, turn, sees, past[n] if past else None)
            kept.append(layer)
        logits, ids = self.output_layer(x[:, rows], condition), ids[:, rows]
        bias = cast(torch.Tensor, self.logit_bias).to(logits.dtype)
        return logits.scatter_add(-1, ids[..., None], bias.expand(*ids.shape, 1)), kept


class _Embedding(nn.Module):
    def __init__(self, shape: DiTShape) -> None:
        super().__init__()
        self.embedding = nn.Parameter(torch.empty(shape.rows, shape.width).normal_(std=0.02))


class _NoiseLevel(nn.Module):
    """A noise level as sines and cosines, then as a vector."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.mlp = nn.Sequential(nn.Linear(FREQUENCIES, width), nn.SiLU(), nn.Linear(width, width))

    def forward(self, sigma: torch.Tensor) -> torch.Tensor:
        half = FREQUENCIES // 2
        steps = torch.arange(half, dtype=torch.float32, device=sigma.device) / half
        angles = sigma.to(torch.float32)[:, None] * torch.exp(-math.log(10_000.0) * steps)
        return self.mlp(torch.cat([angles.cos(), angles.sin()], dim=-1).to(sigma.dtype))


class _Norm(nn.Module):
    """Layer norm with a weight and no bias, in float32 whatever comes in."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return (F.layer_norm(x.to(torch.float32), x.shape[-1:]) * self.weight.to(torch.float32)).to(x.dtype)


class _Block(nn.Module):
    """Attention, then a feed-forward, each on what the noise level has shifted, scaled and gated."""

    def __init__(self, shape: DiTShape) -> None:
        super().__init__()
        width = shape.width
        self.heads = shape.heads
        self.norm1, self.norm2 = _Norm(width), _Norm(width)
        self.attn_qkv = nn.Linear(width, 3 * width, bias=False)
        self.attn_out = nn.Linear(width, width, bias=False)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU("tanh"), nn.Linear(4 * width, width))
        if shape.condition:
            self.adaLN_modulation = nn.Linear(shape.condition, 6 * width)

    def forward(
        self,
        x: torch.Tensor,
        condition: torch.Tensor | None,
        turn: torch.Tensor,
        sees: torch.Tensor | None,
        past: KeysValues | None,
    ) -> tuple[torch.Tensor, KeysValues]:
        moves = [None] * 6 if condition is None else self.adaLN_modulation(condition)[:, None].chunk(6, dim=-1)
        shift, scale, gate, shift_mlp, scale_mlp, gate_mlp = moves
        mixed, kept = self._attend(_moved(self.norm1(x), shift, scale), turn, sees, past)
        x = x + _times(gate, self.attn_out(mixed))
        return x + _times(gate_mlp, self.mlp(_moved(self.norm2(x), shift_mlp, scale_mlp))), kept

    def _attend(
        self, x: torch.Tensor, turn: torch.Tensor, sees: torch.Tensor | None, past: KeysValues | None
    ) -> tuple[torch.Tensor, KeysValues]:
        n, length, width = x.shape
        q, k, v = self.attn_qkv(x).view(n, length, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        q, k = _turned(q, turn), _turned(k, turn)
        if past is not None:
            k, v = torch.cat([past[0], k], dim=2), torch.cat([past[1], v], dim=2)
        mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=sees)
        return mixed.transpose(1, 2).reshape(n, length, width), (k, v)


class _Output(nn.Module):
    def __init__(self, shape: DiTShape) -> None:
        super().__init__()
        self.norm_final = _Norm(shape.width)
        self.linear = nn.Linear(shape.width, shape.rows)
        if shape.condition:
            self.adaLN_modulation = nn.Linear(shape.condition, 2 * shape.width)

    def forward(self, x: torch.Tensor, condition: torch.Tensor | None) -> torch.Tensor:
        moves = [None] * 2 if condition is None else self.adaLN_modulation(condition)[:, None].chunk(2, dim=-1)
        return self.linear(_moved(self.norm_final(x), *moves))


def _moved(x: torch.Tensor, shift: torch.Tensor | None, scale: torch.Tensor | None) -> torch.Tensor:
    return x if shift is None or scale is None else x * (1 + scale) + shift


def _times(gate: torch.Tensor | None, x: torch.Tensor) -> torch.Tensor:
    return x if gate is None else gate * x


def _rotation(at: torch.Tensor, size: int, like: torch.Tensor) -> torch.Tensor:
    """(2, L, size / 2): cosine and sine of position * 10000^(-2i / size), of the positions `at` (L,)."""
    rates = 1.0 / 10_000.0 ** (torch.arange(0, size, 2, dtype=torch.float32, device=like.device) / size)
    angles = at.to(like.device, torch.float32)[:, None] * rates
    return torch.stack([angles.cos(), angles.sin()]).to(like.dtype)


def _turned(x: torch.Tensor, turn: torch.Tensor) -> torch.Tensor:
    """Rotate the pairs (i, i + size / 2)."""
    cos, sin = turn
    left, right = x.chunk(2, dim=-1)
    return torch.cat([left * cos - right * sin, right * cos + left * sin], dim=-1)


def _sees(length: int, block_length: int | None, device: torch.device) -> torch.Tensor | None:
    """(L, L) bool, [i, j]: i sees j. Blocks are counted from the start of the sequence."""
    if block_length is None:
        return None
    block = torch.arange(length, device=device) // block_length
    return block[:, None] >= block[None, :]
