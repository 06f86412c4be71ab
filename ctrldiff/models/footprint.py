"""What a model takes of a device's memory, from its config and the headers of its weights: nothing is loaded."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch

from ctrldiff.models.describe import Described
from ctrldiff.models.devices import dtype_of
from ctrldiff.models.family import Config
from ctrldiff.models.weights import shapes
from ctrldiff.models.words import table

CARDS = (16, 24, 32, 48, 80, 141)  # GiB
USABLE = 0.9  # of a card: activations and what the posterior works on take the rest
PROMPT, CANVAS = 1000, 128  # tokens, of the table


@dataclass(frozen=True)
class Footprint:
    """Bytes, for weights held as `dtype`.

    Fields: weights; logits (of a position of a canvas, as the network gives them and as they are read); kept (keys and
        values of a position of a text; 0 for a model without a cache).
    """

    dtype: str
    weights: int
    logits: int
    kept: int

    def rows(self, room: float, prompt: int, canvas: int) -> int:
        """How many rows share a pass in so many bytes."""
        each = canvas * self.logits + (prompt + canvas) * self.kept
        return max(0, math.floor((room - self.weights) / each))

    def to_json(self) -> dict[str, Any]:
        """The figures, and the rows that fit each of `CARDS`."""
        fits = {str(card): self.rows(USABLE * card * 2**30, PROMPT, CANVAS) for card in CARDS}
        figures = {"dtype": self.dtype, "weights": self.weights, "logits": self.logits, "kept": self.kept}
        return {**figures, "prompt": PROMPT, "canvas": CANVAS, "rows": fits}


def footprint(described: Described, *, dtype: torch.dtype | str = "auto", device: str = "cuda") -> Footprint:
    """What a folder takes on such a device. The device need not be there."""
    held = dtype_of(dtype, described.config, device)
    sizes = [math.prod(shape) for shape in shapes(described.folder).values()]
    kept = 0 if described.spec.cache == "none" else kept_numbers(described.config) * held.itemsize
    name = str(held).removeprefix("torch.")
    return Footprint(name, sum(sizes) * held.itemsize, vocabulary_rows(described) * 2 * held.itemsize, kept)


def kept_numbers(config: Config) -> int:
    """Numbers of the keys and values of one position, in transformers' words or those of the diffusion transformer."""
    if "n_blocks" in config:
        return 2 * config["n_blocks"] * config["hidden_dim"]
    heads = config.get("num_key_value_heads") or config["num_attention_heads"]
    width = config.get("head_dim") or config["hidden_size"] // config["num_attention_heads"]
    return 2 * config["num_hidden_layers"] * heads * width


def vocabulary_rows(described: Described) -> int:
    """Rows of the embedding, as far as the config says."""
    config = described.config
    said = config.get("embedding_size") or config.get("vocab_size") or table(config, "text_config").get("vocab_size")
    return int(said or described.spec.n_tokens)
