"""The diffusion transformer once more, position by position in numpy, from its papers: the oracle of `models/dit.py`.

Rotary positions as multiplication by complex numbers, attention as a sum over the positions that are seen, nothing
batched, everything in float64.
"""

from __future__ import annotations

import math

import numpy as np
import torch


def random_weights(rows: int, width: int, blocks: int, condition: int, seed: int) -> dict[str, torch.Tensor]:
    """Every parameter of a published checkpoint, by its published name, drawn at random."""
    shapes = {"vocab_embed.embedding": (rows, width), "output_layer.norm_final.weight": (width,)}
    shapes |= {"output_layer.linear.weight": (rows, width), "output_layer.linear.bias": (rows,)}
    if condition:
        shapes |= {"sigma_map.mlp.0.weight": (condition, 256), "sigma_map.mlp.0.bias": (condition,)}
        shapes |= {"sigma_map.mlp.2.weight": (condition, condition), "sigma_map.mlp.2.bias": (condition,)}
        shapes |= {"output_layer.adaLN_modulation.weight": (2 * width, condition)}
        shapes |= {"output_layer.adaLN_modulation.bias": (2 * width,)}
    for n in range(blocks):
        block = {"norm1.weight": (width,), "norm2.weight": (width,), "attn_qkv.weight": (3 * width, width)}
        block |= {"attn_out.weight": (width, width), "mlp.0.weight": (4 * width, width), "mlp.0.bias": (4 * width,)}
        block |= {"mlp.2.weight": (width, 4 * width), "mlp.2.bias": (width,)}
        if condition:
            block |= {"adaLN_modulation.weight": (6 * width, condition), "adaLN_modulation.bias": (6 * width,)}
        shapes |= {f"blocks.{n}.{name}": shape for name, shape in block.items()}
    rng = np.random.default_rng(seed)
    return {name: torch.from_numpy(np.float32(0.3 * rng.normal(size=shape))) for name, shape in shapes.items()}


def logits(
    weights: dict[str, torch.Tensor], heads: int, ids: list[int], sigma: float, block_length: int | None = None
) -> np.ndarray:
    """(L, rows) for one sequence."""
    w = {name: value.double().numpy() for name, value in weights.items()}
    x = [w["vocab_embed.embedding"][token] for token in ids]
    level = None
    if "sigma_map.mlp.0.weight" in w:
        waves = np.array([sigma * math.exp(-math.log(10000) * k / 128) for k in range(128)])
        hidden = silu(
            w["sigma_map.mlp.0.weight"] @ np.concatenate([np.cos(waves), np.sin(waves)]) + w["sigma_map.mlp.0.bias"]
        )
        level = silu(w["sigma_map.mlp.2.weight"] @ hidden + w["sigma_map.mlp.2.bias"])
    for n in range(sum(name.endswith("norm1.weight") for name in w)):
        b = {name.removeprefix(f"blocks.{n}."): v for name, v in w.items() if name.startswith(f"blocks.{n}.")}
        x = block(b, x, level, heads, block_length)
    b = {name.removeprefix("output_layer."): v for name, v in w.items() if name.startswith("output_layer.")}
    shift, scale = np.split(modulation(b, level, 2, len(x[0])), 2)
    return np.stack(
        [b["linear.weight"] @ (norm(v, b["norm_final.weight"]) * (1 + scale) + shift) + b["linear.bias"] for v in x]
    )


def block(b, x, level, heads, block_length):
    width = len(x[0])
    if level is None:
        shift_a = scale_a = shift_m = scale_m = np.zeros(width)
        gate_a = gate_m = np.ones(width)
    else:
        shift_a, scale_a, gate_a, shift_m, scale_m, gate_m = np.split(modulation(b, level, 6, width), 6)
    seen = [norm(v, b["norm1.weight"]) * (1 + scale_a) + shift_a for v in x]
    q, k, v = zip(*(np.split(b["attn_qkv.weight"] @ s, 3) for s in seen))
    size = width // heads
    after = []
    for i in range(len(x)):
        js = [j for j in range(len(x)) if block_length is None or j // block_length <= i // block_length]
        mixed = []
        for h in range(heads):
            part = slice(h * size, (h + 1) * size)
            # A dot product of rotated vectors is the real part of a product of complex ones.
            score = np.array([np.real(turned(q[i][part], i) @ np.conj(turned(k[j][part], j))) for j in js]) / math.sqrt(
                size
            )
            weight = np.exp(score - score.max())
            mixed.append(sum(a * v[j][part] for a, j in zip(weight / weight.sum(), js)))
        after.append(x[i] + gate_a * (b["attn_out.weight"] @ np.concatenate(mixed)))
    out = []
    for value in after:
        hidden = gelu(b["mlp.0.weight"] @ (norm(value, b["norm2.weight"]) * (1 + scale_m) + shift_m) + b["mlp.0.bias"])
        out.append(value + gate_m * (b["mlp.2.weight"] @ hidden + b["mlp.2.bias"]))
    return out


def modulation(b, level, parts, width):
    if level is None:
        return np.zeros(parts * width)
    return b["adaLN_modulation.weight"] @ level + b["adaLN_modulation.bias"]


def turned(x, position):
    """Numbers i and i + size / 2 as one complex number, turned by position / 10000^(2i / size)."""
    half = len(x) // 2
    angle = np.array([position / 10000 ** (2 * i / len(x)) for i in range(half)])
    return (x[:half] + 1j * x[half:]) * np.exp(1j * angle)


def norm(x, weight):
    return (x - x.mean()) / np.sqrt(x.var() + 1e-5) * weight


def silu(x):
    return x / (1 + np.exp(-x))


def gelu(x):
    return 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
