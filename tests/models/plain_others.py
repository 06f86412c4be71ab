"""GPT-2 and BERT again, in plain mathematics: one token at a time, one head at a time, in float64."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch

from tests.models.tiny_checkpoints import ROWS


@dataclass(frozen=True)
class Sizes:
    """Learned positions, layer norms with biases, as many keys as queries."""

    rows: int = ROWS
    width: int = 16
    layers: int = 2
    heads: int = 2
    hidden: int = 24
    positions: int = 64
    eps: float = 1e-5


Weights = Mapping[str, torch.Tensor]


def norm(x: torch.Tensor, w: Weights, name: str, eps: float) -> torch.Tensor:
    centred = x - x.mean()
    return centred / torch.sqrt((centred * centred).mean() + eps) * w[f"{name}.weight"] + w[f"{name}.bias"]


def linear(x: torch.Tensor, w: Weights, name: str) -> torch.Tensor:
    return w[f"{name}.weight"] @ x + w[f"{name}.bias"]


def attend(qs: list[torch.Tensor], ks: list[torch.Tensor], vs: list[torch.Tensor], heads: int) -> list[torch.Tensor]:
    """Every token looks at every other."""
    size = len(qs[0]) // heads
    out = []
    for q in qs:
        parts = []
        for h in range(heads):
            at = slice(h * size, (h + 1) * size)
            share = torch.softmax(torch.stack([q[at] @ k[at] / math.sqrt(size) for k in ks]), 0)
            parts.append(sum(share[j] * v[at] for j, v in enumerate(vs)))
        out.append(torch.cat(parts))
    return out


def gelu(x: torch.Tensor) -> torch.Tensor:
    return x * 0.5 * (1 + torch.erf(x / math.sqrt(2)))


def gelu_by_tanh(x: torch.Tensor) -> torch.Tensor:
    return 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


# ---- GPT-2 under DiffuGPT's names: matrices stand the other way round, queries, keys and values in one


def gpt2_shapes(s: Sizes) -> dict[str, tuple[int, ...]]:
    out: dict[str, tuple[int, ...]] = {
        "embed_tokens.weight": (s.rows, s.width),
        "denoise_model.wpe.weight": (s.positions, s.width),
        "denoise_model.ln_f.weight": (s.width,),
        "denoise_model.ln_f.bias": (s.width,),
    }
    for n in range(s.layers):
        at = f"denoise_model.h.{n}"
        for name, (a, b) in {
            "attn.c_attn": (s.width, 3 * s.width),
            "attn.c_proj": (s.width, s.width),
            "mlp.c_fc": (s.width, s.hidden),
            "mlp.c_proj": (s.hidden, s.width),
        }.items():
            out |= {f"{at}.{name}.weight": (a, b), f"{at}.{name}.bias": (b,)}
        for name in ("ln_1", "ln_2"):
            out |= {f"{at}.{name}.weight": (s.width,), f"{at}.{name}.bias": (s.width,)}
    return out


def gpt2(weights: Weights, s: Sizes, ids: list[int]) -> torch.Tensor:
    """(L, rows) logits; the head is the embedding."""
    w = {name: tensor.double() for name, tensor in weights.items()}
    w |= {name: w[name].T for name in w if ".c_" in name and name.endswith("weight")}
    x = [w["embed_tokens.weight"][token] + w["denoise_model.wpe.weight"][at] for at, token in enumerate(ids)]
    for n in range(s.layers):
        at = f"denoise_model.h.{n}"
        three = [linear(norm(one, w, f"{at}.ln_1", s.eps), w, f"{at}.attn.c_attn").chunk(3) for one in x]
        seen = attend(*map(list, zip(*three, strict=True)), s.heads)
        x = [one + linear(more, w, f"{at}.attn.c_proj") for one, more in zip(x, seen, strict=True)]
        fed = [gelu_by_tanh(linear(norm(one, w, f"{at}.ln_2", s.eps), w, f"{at}.mlp.c_fc")) for one in x]
        x = [one + linear(more, w, f"{at}.mlp.c_proj") for one, more in zip(x, fed, strict=True)]
    return torch.stack([w["embed_tokens.weight"] @ norm(one, w, "denoise_model.ln_f", s.eps) for one in x])


# ---- BERT


def bert_shapes(s: Sizes) -> dict[str, tuple[int, ...]]:
    out: dict[str, tuple[int, ...]] = {
        "bert.embeddings.word_embeddings.weight": (s.rows, s.width),
        "bert.embeddings.position_embeddings.weight": (s.positions, s.width),
        "bert.embeddings.token_type_embeddings.weight": (2, s.width),
        "cls.predictions.bias": (s.rows,),
        "cls.predictions.transform.dense.weight": (s.width, s.width),
        "cls.predictions.transform.dense.bias": (s.width,),
    }
    norms = ["bert.embeddings.LayerNorm", "cls.predictions.transform.LayerNorm"]
    for n in range(s.layers):
        at = f"bert.encoder.layer.{n}"
        for name, (a, b) in {
            "attention.self.query": (s.width, s.width),
            "attention.self.key": (s.width, s.width),
            "attention.self.value": (s.width, s.width),
            "attention.output.dense": (s.width, s.width),
            "intermediate.dense": (s.hidden, s.width),
            "output.dense": (s.width, s.hidden),
        }.items():
            out |= {f"{at}.{name}.weight": (a, b), f"{at}.{name}.bias": (a,)}
        norms += [f"{at}.attention.output.LayerNorm", f"{at}.output.LayerNorm"]
    return out | {f"{name}.{part}": (s.width,) for name in norms for part in ("weight", "bias")}


def bert(weights: Weights, s: Sizes, ids: list[int]) -> torch.Tensor:
    """(L, rows) logits; the head is the embedding, after one more layer."""
    w = {name: tensor.double() for name, tensor in weights.items()}
    base = "bert.embeddings"
    places, kind = w[f"{base}.position_embeddings.weight"], w[f"{base}.token_type_embeddings.weight"][0]
    words = w[f"{base}.word_embeddings.weight"]
    x = [norm(words[token] + places[at] + kind, w, f"{base}.LayerNorm", s.eps) for at, token in enumerate(ids)]
    for n in range(s.layers):
        at = f"bert.encoder.layer.{n}"
        q, k, v = ([linear(one, w, f"{at}.attention.self.{part}") for one in x] for part in ("query", "key", "value"))
        seen = [linear(one, w, f"{at}.attention.output.dense") for one in attend(q, k, v, s.heads)]
        x = [norm(a + b, w, f"{at}.attention.output.LayerNorm", s.eps) for a, b in zip(x, seen, strict=True)]
        fed = [linear(gelu(linear(one, w, f"{at}.intermediate.dense")), w, f"{at}.output.dense") for one in x]
        x = [norm(a + b, w, f"{at}.output.LayerNorm", s.eps) for a, b in zip(x, fed, strict=True)]
    head = "cls.predictions.transform"
    x = [norm(gelu(linear(one, w, f"{head}.dense")), w, f"{head}.LayerNorm", s.eps) for one in x]
    return torch.stack([words @ one + w["cls.predictions.bias"] for one in x])
