"""The network: a ModernBERT like `tiny`, all layers of which see everything, and a token for each byte."""

from __future__ import annotations

from tokenizers import Tokenizer
from transformers import ModernBertConfig

from examples.train_tiny.network import make_config
from examples.train_tiny.tokenizer import SPECIALS, train_tokenizer

LAYERS, WIDTH, INNER, HEADS = 6, 128, 192, 4
CONTEXT = 96
BASE = 1000.0  # of the rotary angles
BYTES = 256


def byte_tokenizer() -> Tokenizer:
    """The special tokens of `tiny`, then one for each byte."""
    return train_tokenizer(iter(()), len(SPECIALS) + BYTES)


def puzzle_config() -> ModernBertConfig:
    told = make_config(len(SPECIALS) + BYTES, LAYERS, WIDTH, CONTEXT, BASE).to_dict()
    told |= {"intermediate_size": INNER, "num_attention_heads": HEADS, "max_position_embeddings": CONTEXT}
    told |= {"layer_types": ["full_attention"] * LAYERS}
    told["ctrldiff"] |= {"prompt": "<bos>{text}<answer>", "round_to": 1, "canvas": 1}
    return ModernBertConfig(**told)
