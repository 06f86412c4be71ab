"""ModernBERT (Warner et al. 2024, arXiv:2412.13663) in plain torch, with the parameter names its weights have.

transformers' class computes the same. Importing it takes longer than all else that a small model does before its first
answer, so the model in the box has this one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from ctrldiff.models.family import Config, Family, Source
from ctrldiff.models.spec import ModelSpec
from ctrldiff.models.transformers import TransformersNetwork, build_masked
from ctrldiff.models.weights import check_keys, read_weights
from ctrldiff.models.words import table

KINDS = ("full_attention", "sliding_attention")
# Fields without which a config leaves the layers to defaults of transformers, as those from before its version 5 do.
SIZES = (
    "vocab_size",
    "hidden_size",
    "intermediate_size",
    "num_attention_heads",
    "num_hidden_layers",
    "local_attention",
)
STATED = """
    layer_types rope_parameters norm_eps hidden_activation classifier_activation tie_word_embeddings
    attention_bias mlp_bias norm_bias classifier_bias decoder_bias
""".split()


def _same(x: torch.Tensor) -> torch.Tensor:
    return x


ACTIVATIONS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {"silu": F.silu, "gelu": F.gelu, "linear": _same}


class ModernBert(nn.Module):
    """`(N, L)` int64 ids to `(N, L, vocab_size)` logits; every token sees every other. For a config that `covers`."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.size = config["hidden_size"] // config["num_attention_heads"]
        self.kinds = config["layer_types"]
        self.bases = {kind: config["rope_parameters"][kind]["rope_theta"] for kind in set(self.kinds)}
        self.reach = config["local_attention"] // 2
        self.model = _Encoder(config)
        self.head = _Head(config)
        self.decoder = _Bias(config["vocab_size"] if config["decoder_bias"] else 0)

    def forward(
        self, ids: torch.Tensor, lengths: torch.Tensor | None = None, rows: slice = slice(None)
    ) -> torch.Tensor:
        """(N, R, V) logits of some rows of ids (N, L). `lengths` (N,): what lies behind them nobody sees."""
        x = self.model.embeddings(ids)
        length = ids.shape[1]
        turns = {kind: _rotation(length, self.size, base, x) for kind, base in self.bases.items()}
        at = torch.arange(length, device=ids.device)
        near = (at[:, None] - at[None, :]).abs() <= self.reach
        sees = {"sliding_attention": near, "full_attention": None}
        if lengths is not None and bool((lengths < length).any()):
            inside = (at < lengths[:, None])[:, None, None, :]
            # Padding sees what is near it too: a row that sees nothing would be NaN.
            sees = {"sliding_attention": near & (inside | (at[:, None] == at)), "full_attention": inside}
        for kind, layer in zip(self.kinds, self.model.layers, strict=True):
            x = layer(x, turns[kind], sees[kind])
        embedding = self.model.embeddings.tok_embeddings.weight
        return F.linear(self.head(self.model.final_norm(x[:, rows])), embedding, self.decoder.bias)


class _Encoder(nn.Module):
    def __init__(self, config: Config) -> None:
        super().__init__()
        self.embeddings = _Embeddings(config)
        self.layers = nn.ModuleList(_Layer(config, first=n == 0) for n in range(len(config["layer_types"])))
        self.final_norm = _norm(config)


class _Embeddings(nn.Module):
    def __init__(self, config: Config) -> None:
        super().__init__()
        self.tok_embeddings = _Rows(config["vocab_size"], config["hidden_size"])
        self.norm = _norm(config)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        return self.norm(F.embedding(ids, self.tok_embeddings.weight))


class _Rows(nn.Module):
    """`nn.Embedding` without its first draw, which on the meta device imports torch's compiler: as long as all else."""

    def __init__(self, rows: int, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(rows, width))


class _Layer(nn.Module):
    """Attention, then a gated feed-forward, each on a norm of what came in; the embeddings are normed already."""

    def __init__(self, config: Config, first: bool) -> None:
        super().__init__()
        self.attn_norm = nn.Identity() if first else _norm(config)
        self.attn = _Attention(config)
        self.mlp_norm = _norm(config)
        self.mlp = _FeedForward(config)

    def forward(self, x: torch.Tensor, turn: torch.Tensor, sees: torch.Tensor | None) -> torch.Tensor:
        x = x + self.attn(self.attn_norm(x), turn, sees)
        return x + self.mlp(self.mlp_norm(x))


class _Attention(nn.Module):
    def __init__(self, config: Config) -> None:
        super().__init__()
        width, bias = config["hidden_size"], config["attention_bias"]
        self.heads = config["num_attention_heads"]
        self.Wqkv = nn.Linear(width, 3 * width, bias=bias)
        self.Wo = nn.Linear(width, width, bias=bias)

    def forward(self, x: torch.Tensor, turn: torch.Tensor, sees: torch.Tensor | None) -> torch.Tensor:
        n, length, width = x.shape
        q, k, v = self.Wqkv(x).view(n, length, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        seen = F.scaled_dot_product_attention(_turned(q, turn), _turned(k, turn), v, attn_mask=sees)
        return self.Wo(seen.transpose(1, 2).reshape(n, length, width))


class _FeedForward(nn.Module):
    def __init__(self, config: Config) -> None:
        super().__init__()
        width, hidden, bias = config["hidden_size"], config["intermediate_size"], config["mlp_bias"]
        self.act = ACTIVATIONS[config["hidden_activation"]]
        self.Wi = nn.Linear(width, 2 * hidden, bias=bias)
        self.Wo = nn.Linear(hidden, width, bias=bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        value, gate = self.Wi(x).chunk(2, dim=-1)
        return self.Wo(self.act(value) * gate)


class _Head(nn.Module):
    def __init__(self, config: Config) -> None:
        super().__init__()
        self.act = ACTIVATIONS[config["classifier_activation"]]
        self.dense = nn.Linear(config["hidden_size"], config["hidden_size"], bias=config["classifier_bias"])
        self.norm = _norm(config)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.norm(self.act(self.dense(x)))


class _Bias(nn.Module):
    """What the decoder adds to the logits; its weight is that of the embedding."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(size)) if size else None


def _norm(config: Config) -> nn.LayerNorm:
    return nn.LayerNorm(config["hidden_size"], eps=config["norm_eps"], bias=config["norm_bias"])


def _rotation(length: int, size: int, base: float, like: torch.Tensor) -> torch.Tensor:
    """(2, L, size): cosine and sine of position * base^(-2i / size), of each pair twice."""
    rates = 1.0 / base ** (torch.arange(0, size, 2, dtype=torch.float32, device=like.device) / size)
    angles = torch.arange(length, dtype=torch.float32, device=like.device)[:, None] * rates
    angles = torch.cat([angles, angles], dim=-1)
    return torch.stack([angles.cos(), angles.sin()]).to(like.dtype)


def _turned(x: torch.Tensor, turn: torch.Tensor) -> torch.Tensor:
    """Rotate the pairs (i, i + size / 2), in float32 whatever comes in."""
    cos, sin = turn
    wide = x.to(torch.float32)
    left, right = wide.chunk(2, dim=-1)
    return (wide * cos + torch.cat([-right, left], dim=-1) * sin).to(x.dtype)


@dataclass(frozen=True, eq=False)
class ModernBertNetwork:
    """`(N, L)` ids, and lengths `(N,)` where rows are padded, to `(N, L, V)` logits."""

    module: ModernBert

    def __call__(self, ids: torch.Tensor, lengths: torch.Tensor | None = None) -> torch.Tensor:
        return self.picked(slice(None), ids, lengths)

    def picked(self, rows: slice, ids: torch.Tensor, lengths: torch.Tensor | None = None) -> torch.Tensor:
        """(N, R, V) logits of these rows alone: the head is not run on the others."""
        with torch.inference_mode():
            return self.module(ids, lengths, rows)

    @property
    def rows(self) -> int:
        """Rows of the embedding."""
        return self.module.model.embeddings.tok_embeddings.weight.shape[0]


def covers(config: Config) -> bool:
    """Whether the network above is all that the config asks for, and nothing in it is left to defaults."""
    sizes = [config.get(name) for name in SIZES]
    if config.get("auto_map") or any(type(size) is not int or size < 1 for size in sizes):
        return False
    if any(name not in config for name in STATED) or config["hidden_size"] % config["num_attention_heads"]:
        return False
    kinds, turns = config["layer_types"], config["rope_parameters"]
    if not isinstance(kinds, list) or not isinstance(turns, dict):
        return False
    return (
        len(kinds) == config["num_hidden_layers"]
        and all(kind in KINDS and table(turns, kind).get("rope_type") == "default" for kind in kinds)
        and all(str(config[name]) in ACTIVATIONS for name in ("hidden_activation", "classifier_activation"))
        and config["tie_word_embeddings"] is True
    )


def _build(source: Source, spec: ModelSpec) -> ModernBertNetwork | TransformersNetwork:
    if source.options or spec.ntk != 1 or not covers(source.config):  # what transformers' class takes, or refuses
        return build_masked(source, spec)
    with torch.device("meta"):
        module = ModernBert(source.config)
    own = read_weights(source.folder, adapter=source.adapter)
    weights = {name: value for name, value in own.items() if name != "decoder.weight"}  # it is the embedding
    wanted = module.state_dict()
    shapes = [(name,) for name, value in wanted.items() if name in weights and value.shape != weights[name].shape]
    check_keys(source.folder, wanted.keys() - weights.keys(), weights.keys() - wanted.keys(), shapes)
    placed = {name: value.to(source.device, source.dtype) for name, value in weights.items()}
    module.load_state_dict(placed, assign=True)
    return ModernBertNetwork(module.eval().requires_grad_(False))


def _facts(config: Config) -> dict[str, Any]:
    return {"context": config.get("max_position_embeddings", 512)}


MODERN_BERT = Family(
    name="ModernBERT",
    models="the tiny model in the box, and what is trained from it",
    runs="our ModernBERT",
    checked="on weights: the model in the box",
    architectures=("ModernBertForMaskedLM",),
    model_types=("modernbert",),
    when=covers,
    facts=_facts,
    build=_build,
    padding="masked",
)
