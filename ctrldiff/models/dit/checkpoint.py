"""Checkpoints of the diffusion transformer: whose they are, what their config says, and how their rows are read.

| family | config | noise | told of the noise level | rows |
|---|---|---|---|---|
| MDLM, BD3-LM | `model_type` mdlm, bd3lm | mask | sigma, or nothing (`time_conditioning`) | logits |
| SEDD | `graph`, `noise`, `model`, `tokens` | mask or uniform (`graph.type`) | sigma | log-scores |
| Duo | `model_type` DUO | uniform | sigma | logits |
| GIDD (small, base) | `p_uniform` | mask, mixed with uniform in training | t | logits |
| HDLM (epsilon) | `model_type` epsilon_hybrid | mask, mixed with uniform in training | nothing | logits |

Sizes are read off the weights; what they cannot say is asked of the config: the number of heads, the block length.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

import torch

from ctrldiff.errors import ModelError
from ctrldiff.models.caches.keys_values import Layers
from ctrldiff.models.dit.network import DiT, DiTShape
from ctrldiff.models.outputs import absorbing_score, sigma_of, uniform_score
from ctrldiff.models.weights import check_keys
from ctrldiff.models.words import table

Family: TypeAlias = Literal["mdlm", "bd3lm", "sedd", "duo", "gidd", "hdlm"]
Weights: TypeAlias = Mapping[str, torch.Tensor]
BUFFERS = re.compile(r"rotary_emb\.|log_gamma$|log_B$|sampling_eps_(min|max)$")  # in some checkpoints; computed here


@dataclass(frozen=True)
class DiTConfig:
    """What the config of a published checkpoint says, in one vocabulary.

    Fields: noise: what stands in open positions.   rows: what the network's rows are.
        level: what it is told: nothing, a time, or sigma by a schedule ("loglinear", "geometric" from `low` to `high`).
        mask_id: None under uniform noise, or if the tokenizer has to say.   context: positions it was trained on.
    """

    family: Family
    heads: int
    context: int
    noise: Literal["mask", "uniform"]
    rows: Literal["logits", "log_score"] = "logits"
    level: Literal["none", "t", "loglinear", "geometric"] = "none"
    low: float = math.nan
    high: float = math.nan
    mask_id: int | None = None
    block_length: int | None = None

    def noise_level(self, t: torch.Tensor) -> torch.Tensor:
        """(N,) what the network is told when a share t (N,) of the canvas is noise."""
        if self.level == "none":
            return torch.zeros_like(t)
        if self.level == "t":  # trained between low and high
            return t.clamp(self.low, self.high)
        return sigma_of(self.level, t, self.low, self.high)


@dataclass(frozen=True, eq=False)
class DiTNetwork:
    """`(N, L)` ids and `(N,)` times to `(N, L, V)` rows: row i is the distribution of position i, as logits."""

    module: DiT
    config: DiTConfig

    def __call__(self, ids: torch.Tensor, t: torch.Tensor | None = None) -> torch.Tensor:
        level = self.config.noise_level(torch.zeros(len(ids), device=ids.device) if t is None else t)
        with torch.inference_mode():
            rows = self.module(ids, level).to(torch.float32)
            if self.config.rows == "logits":
                return rows
            if self.config.mask_id is not None:
                return absorbing_score(rows, ids, self.config.mask_id)
            return uniform_score(rows, ids, level)

    def onward(
        self, ids: torch.Tensor, here: torch.Tensor, past: Layers, sees: torch.Tensor | None, rows: slice
    ) -> tuple[torch.Tensor, Layers]:
        """Logits of some positions of a text whose others are known by keys and values; told no time. See `GoesOn`."""
        if self.config.rows != "logits" or self.config.level != "none":
            raise ModelError(f"{self.config.family}: its rows depend on the time", hint='cache="none"')
        level = self.config.noise_level(torch.zeros(len(ids), device=ids.device))
        sees = None if sees is None else sees.to(ids.device)
        with torch.inference_mode():
            logits, layers = self.module.onward(ids, level, here, past, sees, rows)
        return logits.to(torch.float32), layers

    @property
    def rows(self) -> int:
        """Rows of the embedding."""
        return self.module.shape.rows


def family_of(config: Mapping[str, Any]) -> Family | None:
    """Whose config this is; None if it is none of ours."""
    kind = str(config.get("model_type", "")).lower()
    if "graph" in config and "tokens" in config:
        return "sedd"
    if "p_uniform" in config:
        return "gidd"
    if kind == "epsilon_hybrid":
        return "hdlm"
    return kind if kind in ("mdlm", "bd3lm", "duo") else None  # type: ignore[return-value]


def read_config(config: Mapping[str, Any]) -> DiTConfig:
    """A published config in our words. Raises ModelError for what this network cannot do, and for what is missing."""
    family = family_of(config)
    if family is None:
        raise ModelError(f"no diffusion transformer of ours: model_type {config.get('model_type')!r}")
    if config.get("causal"):
        raise ModelError(f"this {family} checkpoint is autoregressive (causal: true), not a diffusion model")
    sizes = {**config, **table(config, "model")}
    heads, context = (
        _number(sizes, "n_heads", "num_attention_heads"),
        _number(sizes, "model_length", "length", "max_seq_len"),
    )
    if family == "sedd":
        kind = table(config, "graph").get("type")
        if kind not in ("absorb", "uniform"):
            raise ModelError(f'graph.type {kind!r}: "absorb" or "uniform"')
        schedule = table(config, "noise")
        bounds = (float(schedule.get("sigma_min", 1e-4)), float(schedule.get("sigma_max", 20.0)))
        level = schedule.get("type", "loglinear")
        sigma_of(level, torch.zeros(1), *bounds)  # refuse a schedule we do not know before any work
        mask = _number(config, "tokens") if kind == "absorb" else None
        return DiTConfig(
            family, heads, context, "mask" if mask is not None else "uniform", "log_score", level, *bounds, mask
        )
    if family == "gidd":
        eps = float(sizes.get("t_eps", 1e-4))
        return DiTConfig(family, heads, context, "mask", level="t", low=eps, high=1.0 - eps)
    if family == "duo":
        return DiTConfig(family, heads, context, "uniform", level="loglinear")
    if family == "hdlm":
        method = table(config, "annealing").get("sampling_method")
        if method not in ("SAR", "NAR", None):
            raise ModelError(f"this HDLM checkpoint is autoregressive (annealing.sampling_method: {method!r})")
        return DiTConfig(family, heads, context, "mask", mask_id=_number(table(config, "tokenizer"), "tokens"))
    block = _number(config, "block_size") if family == "bd3lm" and config.get("cross_attn", True) else None
    mask = _number(config, "vocab_size") - 1
    told: Literal["none", "loglinear"] = "loglinear" if config.get("time_conditioning") else "none"
    return DiTConfig(family, heads, context, "mask", level=told, mask_id=mask, block_length=block)


def network_of(
    config: DiTConfig, weights: Weights, folder: Path, *, dtype: torch.dtype = torch.float32, device: str = "cpu"
) -> DiTNetwork:
    """The network of a checkpoint.

    Args: weights: by their published names, whatever stands before them ("backbone.", "model.").   folder: for errors.
    Raises: MissingKeys or UnexpectedKeys naming parameters that are missing, of another shape, or left over.
    """
    found = [name for name in weights if name.endswith("vocab_embed.embedding")]
    check_keys(folder, [] if found else ["vocab_embed.embedding"], found[1:])
    prefix = found[0].removesuffix("vocab_embed.embedding")
    ours = {name.removeprefix(prefix): value for name, value in weights.items() if not BUFFERS.search(name)}
    rows, width = ours["vocab_embed.embedding"].shape
    condition = len(ours["sigma_map.mlp.0.bias"]) if "sigma_map.mlp.0.bias" in ours else 0
    blocks = 1 + max((int(m[1]) for name in ours if (m := re.match(r"blocks\.(\d+)\.", name))), default=-1)
    with torch.device("meta"):
        module = DiT(DiTShape(rows, width, config.heads, blocks, condition, config.block_length))
    wanted = module.state_dict()
    ours.setdefault("logit_bias", torch.zeros(1, 1, 1))
    check_keys(
        folder,
        wanted.keys() - ours.keys(),
        ours.keys() - wanted.keys(),
        [(name,) for name, value in wanted.items() if name in ours and value.shape != ours[name].shape],
    )
    module.load_state_dict({name: value.to(device, dtype) for name, value in ours.items()}, assign=True)
    return DiTNetwork(module.eval().requires_grad_(False), config)


def _number(config: Mapping[str, Any], *names: str) -> int:
    for name in names:
        if isinstance(config.get(name), int):
            return int(config[name])
    raise ModelError(f"config.json does not say {' or '.join(names)}")
