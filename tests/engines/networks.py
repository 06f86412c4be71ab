"""A tiny random Qwen3 over the toy vocabulary, for engines that want a transformers model."""

import torch
from transformers import Qwen3Config, Qwen3ForCausalLM

from tests.conftest import SIZE


def qwen3(seed: int, **told) -> Qwen3ForCausalLM:
    """Two layers, two groups of two heads."""
    torch.manual_seed(seed)
    config = Qwen3Config(
        vocab_size=SIZE,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=8,
        **told,
    )
    return Qwen3ForCausalLM(config).eval()
