"""The Llama-like networks again, in plain mathematics: one token at a time, one head at a time, one expert at a time.

RMS norms before attention and before the feed-forward, rotary positions on the first part of each head, keys and
values shared by groups of heads, a gated feed-forward or a mixture of them. In float64, so that what differs from it
is the other side's rounding.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch

from tests.models.tiny_checkpoints import ROWS, random_weights


@dataclass(frozen=True)
class Sizes:
    """One network. `rotary`: the share of a head that turns. `first_dense`: layers before the first mixture."""

    rows: int = ROWS
    width: int = 24
    layers: int = 2
    heads: int = 4
    groups: int = 2
    head: int = 8
    hidden: int = 40
    eps: float = 1e-5
    base: float = 10_000.0
    rotary: float = 1.0
    qkv_bias: bool = False
    head_norms: bool = False
    tied: bool = False
    experts: int = 0
    top: int = 2
    expert_hidden: int = 16
    shared: int = 0
    first_dense: int = 0
    router: str = "softmax"  # or "sigmoid": with a bias for the choice, expert groups and a scale
    normalised: bool = True
    expert_groups: int = 1
    top_groups: int = 1
    scale: float = 1.0
    yarn: tuple[float, int, float, float] | None = None  # factor, positions before, fast, slow
    query_scale: tuple[float, int] | None = None  # beta, and the positions after which it begins


def shapes(s: Sizes) -> dict[str, tuple[int, ...]]:
    """Every weight by our name for it; those of a layer begin with its number."""
    out: dict[str, tuple[int, ...]] = {"embed": (s.rows, s.width), "norm": (s.width,)}
    if not s.tied:
        out["head"] = (s.rows, s.width)
    for n in range(s.layers):
        layer: dict[str, tuple[int, ...]] = {"norm1": (s.width,), "norm2": (s.width,)}
        for part, heads in (("q", s.heads), ("k", s.groups), ("v", s.groups)):
            layer[part] = (heads * s.head, s.width)
            if s.qkv_bias:
                layer[f"{part}.bias"] = (heads * s.head,)
        layer["o"] = (s.width, s.heads * s.head)
        if s.head_norms:
            layer |= {"q_norm": (s.head,), "k_norm": (s.head,)}
        if s.experts and n >= s.first_dense:
            layer["router"] = (s.experts, s.width)
            if s.router == "sigmoid":
                layer["router.bias"] = (s.experts,)
            for e in range(s.experts):
                layer |= gated(f"expert.{e}.", s.width, s.expert_hidden)
            if s.shared:
                layer |= gated("shared.", s.width, s.shared * s.expert_hidden)
        else:
            layer |= gated("", s.width, s.hidden)
        out |= {f"{n}.{part}": shape for part, shape in layer.items()}
    return out


def gated(prefix: str, width: int, hidden: int) -> dict[str, tuple[int, ...]]:
    return {f"{prefix}gate": (hidden, width), f"{prefix}up": (hidden, width), f"{prefix}down": (width, hidden)}


def draw(s: Sizes, seed: int) -> dict[str, torch.Tensor]:
    """Random weights by our names."""
    return random_weights(shapes(s), seed)


def forward(weights: Mapping[str, torch.Tensor], s: Sizes, ids: list[int], sees: torch.Tensor) -> torch.Tensor:
    """(L, rows) logits. `sees`: (L, L) bool, [i, j] if the token at i looks at the one at j."""
    w = {name: tensor.double() for name, tensor in weights.items()}
    x = [w["embed"][token] for token in ids]
    for n in range(s.layers):
        layer = {name.split(".", 1)[1]: tensor for name, tensor in w.items() if name.startswith(f"{n}.")}
        seen = [rms(token, layer["norm1"], s.eps) for token in x]
        x = [token + more for token, more in zip(x, attend(seen, layer, s, sees), strict=True)]
        seen = [rms(token, layer["norm2"], s.eps) for token in x]
        x = [token + feed(one, layer, s) for token, one in zip(x, seen, strict=True)]
    head = w["embed"] if s.tied else w["head"]
    return torch.stack([head @ rms(token, w["norm"], s.eps) for token in x])


def rms(x: torch.Tensor, weight: torch.Tensor, eps: float) -> torch.Tensor:
    return weight * x / torch.sqrt((x * x).mean() + eps)


def attend(x: list[torch.Tensor], w: Mapping[str, torch.Tensor], s: Sizes, sees: torch.Tensor) -> list[torch.Tensor]:
    def heads(part: str, count: int, token: torch.Tensor, at: int) -> list[torch.Tensor]:
        flat = w[part] @ token + w.get(f"{part}.bias", torch.zeros(()))
        cut = [flat[h * s.head : (h + 1) * s.head] for h in range(count)]
        if part == "v":
            return cut
        if s.head_norms:
            cut = [rms(one, w[f"{part}_norm"], s.eps) for one in cut]
        turned = [turn(one, at, s) for one in cut]
        if part == "q" and s.query_scale:
            beta, size = s.query_scale
            turned = [one * (1 + beta * math.log(1 + at // size)) for one in turned]
        return turned

    q = [heads("q", s.heads, token, at) for at, token in enumerate(x)]
    k = [heads("k", s.groups, token, at) for at, token in enumerate(x)]
    v = [heads("v", s.groups, token, at) for at, token in enumerate(x)]
    out = []
    for i in range(len(x)):
        parts = []
        for h in range(s.heads):
            group = h // (s.heads // s.groups)
            seen = [j for j in range(len(x)) if sees[i, j]]
            scores = torch.stack([q[i][h] @ k[j][group] / math.sqrt(s.head) for j in seen])
            share = torch.softmax(scores, 0)
            parts.append(sum(share[m] * v[j][group] for m, j in enumerate(seen)))
        out.append(w["o"] @ torch.cat(parts))
    return out


def turn(x: torch.Tensor, at: int, s: Sizes) -> torch.Tensor:
    """Numbers i and i + size / 2 of the part that turns are a point in a plane, turned by at * base^(-2i / size)."""
    size = int(s.head * s.rotary)
    out = x.clone()
    for i in range(size // 2):
        angle = at * rate(i, size, s)
        a, b = x[i], x[i + size // 2]
        out[i] = a * math.cos(angle) - b * math.sin(angle)
        out[i + size // 2] = b * math.cos(angle) + a * math.sin(angle)
    return out


def rate(i: int, size: int, s: Sizes) -> float:
    """The angle of a pair at position 1. YaRN turns pairs that turn `slow` times in the old context `factor` times more
    slowly, those that turn `fast` times as before, and goes from one to the other in a straight line of the index."""
    plain = s.base ** (-2 * i / size)
    if s.yarn is None:
        return plain
    factor, before, fast, slow = s.yarn

    def pair(turns: float) -> float:
        return size * math.log(before / (turns * 2 * math.pi)) / (2 * math.log(s.base))

    low, high = max(math.floor(pair(fast)), 0), min(math.ceil(pair(slow)), size - 1)
    slower = min(max((i - low) / max(high - low, 0.001), 0), 1)
    return plain / factor * slower + plain * (1 - slower)


def feed(x: torch.Tensor, w: Mapping[str, torch.Tensor], s: Sizes) -> torch.Tensor:
    def one(prefix: str) -> torch.Tensor:
        gate = w[f"{prefix}gate"] @ x
        return w[f"{prefix}down"] @ (gate * torch.sigmoid(gate) * (w[f"{prefix}up"] @ x))

    if "router" not in w:
        return one("")
    scores = w["router"] @ x
    if s.router == "softmax":
        share = torch.softmax(scores, 0)
        chosen = share.topk(s.top).indices.tolist()
    else:
        share = torch.sigmoid(scores)
        choice = share + w["router.bias"]
        each = s.experts // s.expert_groups
        best = [choice[g * each : (g + 1) * each].topk(2).values.sum() for g in range(s.expert_groups)]
        kept = set(torch.stack(best).topk(s.top_groups).indices.tolist())
        allowed = sorted((e for e in range(s.experts) if e // each in kept), key=lambda e: -float(choice[e]))
        chosen = allowed[: s.top]
    total = sum(share[e] for e in chosen) if s.normalised else 1.0
    mixed = sum(s.scale * share[e] / total * one(f"expert.{e}.") for e in chosen)
    return mixed + one("shared.") if s.shared else mixed


def everything(length: int) -> torch.Tensor:
    """Every token sees every other."""
    return torch.ones((length, length), dtype=torch.bool)


def blocks(length: int, size: int) -> torch.Tensor:
    """A token sees its own block and those before it."""
    return torch.tensor([[j // size <= i // size for j in range(length)] for i in range(length)])
