"""The constructed start: an induction circuit that copies before any training.

Layer 0 writes random projections of the three tokens before a position into reserved dimensions. Layer 1 looks for
a place whose left neighbours agree with mine and copies the token that stands there; another of its heads fetches
the token to the right. Without this start no small model learned to copy within minutes (the feasibility table in
README.md); with it the right token is the likeliest one at step 0.
"""

import torch
from torch import Tensor
from transformers import ModernBertForMaskedLM

from examples.train_tiny.tokenizer import MASK

NEIGHBOURS = ((-1, 24), (-2, 16), (-3, 8))  # offset, dimensions of its projection
RIGHT = 16  # dimensions for the token to the right
MASK_DIMS = 4
EMBEDDING_SCALE = 0.06  # so that a copied token's logit is about 10
SHARPNESS = 2.6  # of the match in layer 1
AGAINST_MASKS = 6.0  # how much worse a mask is as a place to copy from
FOCUS = 60.0  # logit gap between the wanted offset and its neighbours


@torch.no_grad()
def construct(model: ModernBertForMaskedLM, seed: int) -> None:
    """Overwrite a fresh model's weights with the constructed start."""
    config, draw = model.config, torch.Generator().manual_seed(seed)
    width, heads = config.hidden_size, config.num_attention_heads
    size = width // heads

    def random(*shape: int, scale: float) -> Tensor:
        return torch.randn(*shape, generator=draw) * scale

    # Residual layout: token identity | left 1 | left 2 | left 3 | right 1 | mask.
    reserved = sum(count for _, count in NEIGHBOURS) + RIGHT + MASK_DIMS
    identity = width - reserved
    starts, place = {}, identity
    for offset, count in (*NEIGHBOURS, (1, RIGHT)):
        starts[offset] = place
        place += count

    for layer in model.model.layers:  # small random everywhere, then the circuit on top
        for matrix in (layer.attn.Wqkv.weight, layer.mlp.Wi.weight):
            matrix.copy_(random(*matrix.shape, scale=matrix.shape[1] ** -0.5))
        for matrix in (layer.attn.Wo.weight, layer.mlp.Wo.weight):
            matrix.copy_(random(*matrix.shape, scale=0.3 * matrix.shape[1] ** -0.5 / len(model.model.layers) ** 0.5))
        layer.attn.Wqkv.bias.zero_()
        layer.attn.Wo.bias.zero_()

    words = torch.zeros(config.vocab_size, width)
    words[:, :identity] = random(config.vocab_size, identity, scale=EMBEDDING_SCALE)
    words[MASK] = 0
    words[MASK, -MASK_DIMS:] = EMBEDDING_SCALE * (width / MASK_DIMS) ** 0.5
    words -= words.mean(1, keepdim=True) * (words != 0)
    model.model.embeddings.tok_embeddings.weight.copy_(words)
    model.decoder.bias.zero_()
    model.decoder.bias[MASK] = -12.0
    model.head.dense.weight.copy_(torch.eye(width))

    first, second = model.model.layers[0].attn, model.model.layers[1].attn
    first.Wo.weight.mul_(0.1)
    for head, (offset, count) in enumerate(NEIGHBOURS):
        look_at(first, head, offset, size, config.rope_parameters["sliding_attention"]["rope_theta"], pairs=size // 2)
        fetch(first, head, starts[offset], count, identity, size, random)

    # Layer 1: all heads but the last match on the left neighbours (in slow RoPE pairs); each copies a part.
    copying = heads - 1
    part = -(-identity // copying)
    if part > size:
        raise ValueError(f"{copying} heads of {size} cannot copy an identity of {identity}")
    for head in range(copying):
        rows = slice(head * size, (head + 1) * size)
        second.Wqkv.weight[rows] = 0
        second.Wqkv.weight[width : 2 * width][rows] = 0
        pair = size // 2 - 1
        # A mask agrees with itself best of all and has nothing to give, so masks are made bad keys.
        second.Wqkv.bias[head * size + pair] = AGAINST_MASKS
        second.Wqkv.weight[width + head * size + pair, -MASK_DIMS:] = -1.0
        for offset, count in NEIGHBOURS:  # the slowest pairs go to the nearest neighbour
            for step in range(count):
                if step % 2 == 0:
                    pair -= 1
                row = head * size + pair + (size // 2) * (step % 2)
                second.Wqkv.weight[row, starts[offset] + step] = SHARPNESS
                second.Wqkv.weight[width + row, starts[offset] + step] = SHARPNESS
        values = second.Wqkv.weight[2 * width :][rows]
        values.zero_()
        second.Wo.weight[:, rows] = 0
        for step in range(min(part, identity - head * part)):
            values[step, head * part + step] = 1.0
            second.Wo.weight[head * part + step, head * size + step] = 1.5
    look_at(second, copying, 1, size, config.rope_parameters["full_attention"]["rope_theta"], pairs=8)
    fetch(second, copying, starts[1], RIGHT, identity, size, random)


def look_at(attention, head: int, offset: int, size: int, theta: float, pairs: int) -> None:
    """Make a head attend to `offset` alone: q and k are constants whose RoPE phases agree only there."""
    width = attention.Wo.weight.shape[0]
    rows = torch.arange(head * size, (head + 1) * size)
    attention.Wqkv.weight[rows] = 0
    attention.Wqkv.weight[width + rows] = 0
    speed = 1.0 / theta ** (torch.arange(0, size, 2, dtype=torch.float) / size)
    amplitude = (FOCUS * size**0.5 / pairs) ** 0.5
    query, key = torch.zeros(size), torch.zeros(size)
    key[:pairs] = amplitude
    query[:pairs] = amplitude * torch.cos(offset * speed[:pairs])
    query[size // 2 : size // 2 + pairs] = amplitude * torch.sin(offset * speed[:pairs])
    attention.Wqkv.bias[rows] = query
    attention.Wqkv.bias[width + rows] = key


def fetch(attention, head: int, start: int, count: int, identity: int, size: int, random) -> None:
    """Make a head write `count` random projections of the attended token's identity at residual dim `start`."""
    width = attention.Wo.weight.shape[0]
    rows = slice(head * size, (head + 1) * size)
    values = attention.Wqkv.weight[2 * width :][rows]
    values.zero_()
    values[:count, :identity] = random(count, identity, scale=identity**-0.5)
    attention.Wo.weight[:, rows] = 0
    for step in range(count):
        attention.Wo.weight[start + step, head * size + step] = 1.0
