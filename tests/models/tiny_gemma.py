"""A DiffusionGemma of random weights that forwards in milliseconds."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import torch

import ctrldiff as cd
from ctrldiff.models.diffusion_gemma import DiffusionGemma

PAD, EOS, BOS = 0, 1, 2
PIECES = [
    "0",
    "1",
    "2",
    "3",
    "4",
    "5",
    "6",
    "7",
    "8",
    "9",
    "a",
    "b",
    "c",
    "-",
    " ",
    "ab",
    "00",
    "19",
    "é",
    '"',
    "{",
    "}",
]
WORDS = [None] * 6 + [piece.encode() for piece in PIECES] + [b"\xc3", b"\xa9"]
SIZE = len(WORDS)
CANVAS = 12
VOCABULARY = cd.Vocabulary.from_tokens(WORDS, stop_ids=[EOS], pad_id=PAD)
SPEC = cd.ModelSpec(
    stop_ids=(EOS,), n_tokens=SIZE, context=256, noise="uniform", pad_id=PAD, bos_id=BOS, banned_ids=(3, 4, 5)
)


@lru_cache(maxsize=2)
def network(size: int = SIZE) -> Any:
    """The native class, two layers, two experts."""
    from transformers import DiffusionGemmaConfig, DiffusionGemmaForBlockDiffusion

    text = {"vocab_size": size, "hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 2}
    text |= {"num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 16, "global_head_dim": 16}
    text |= {"num_global_key_value_heads": 1, "sliding_window": 8, "num_experts": 2, "top_k_experts": 1}
    text |= {"moe_intermediate_size": 16, "pad_token_id": PAD, "eos_token_id": EOS, "bos_token_id": BOS}
    text |= {"max_position_embeddings": 256, "layer_types": ["sliding_attention", "full_attention"]}
    vision = {"model_type": "gemma4_vision", "hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1}
    vision |= {"num_attention_heads": 1, "num_key_value_heads": 1, "head_dim": 16}
    ids = {"boi_token_id": 3, "eoi_token_id": 4, "image_token_id": 5}
    config = DiffusionGemmaConfig(text_config=text, vision_config=vision, canvas_length=CANVAS, **ids)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        made = DiffusionGemmaForBlockDiffusion(config).eval()
        for parameter in made.parameters():  # its own initialisation is so small that every row is flat
            parameter.data.add_(0.3 * torch.randn_like(parameter))
    return made


def model() -> DiffusionGemma:
    """The network as a denoiser."""
    return DiffusionGemma(network(), SPEC, VOCABULARY, CANVAS)
