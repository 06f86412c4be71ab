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
    """Numbers of the keys and values of one position, in the words of any family's config. Raises: ModelError for one
    that does not say them."""

    def said(*names: str, other: int | None = None) -> int:
        return next((config[name] for name in names if config.get(name)), other) or config[names[0]]

    heads = said("num_attention_heads", "n_heads", "n_head")
    groups = said("num_key_value_heads", "n_kv_heads", "n_query_groups", other=heads)
    width = config.get("head_dim") or said("hidden_size", "hidden_dim", "d_model", "n_embd") // heads
    return 2 * said("num_hidden_layers", "n_blocks", "n_layers", "n_layer") * groups * width


def vocabulary_rows(described: Described) -> int:
    """Rows of the embedding, as far as the config says."""
    config = described.config
    said = config.get("embedding_size") or config.get("vocab_size") or table(config, "text_config").get("vocab_size")
    return int(said or described.spec.n_tokens)
