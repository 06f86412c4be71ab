"""Tiny random checkpoints in published layouts: a folder with config.json, safetensors and a tokenizer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

# Ids of the tokenizer below. Rows of the networks beyond N_TOKENS are the tail that may never win.
MASK, STOP, PAD, BOS = 256, 257, 258, 259
N_TOKENS, ROWS = 260, 272
SPECIAL = ("<|mask|>", "<|end|>", "<|pad|>", "<|begin|>")


def save_tokenizer(folder: Path, *, chat_template: str | None = None) -> None:
    """A byte-level tokenizer: 256 letters, one for each byte, and the specials."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    from ctrldiff.tokens.tokenizer_bytes import byte_alphabet

    tokenizer = Tokenizer(models.BPE(byte_alphabet(), []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(one, special=True) for one in SPECIAL])
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|end|>", pad_token="<|pad|>")
    if chat_template is not None:
        fast.chat_template = chat_template
    fast.save_pretrained(folder)


def save_checkpoint(
    folder: Path, config: Mapping[str, Any], weights: Mapping[str, torch.Tensor], *, shards: int = 1, **how: Any
) -> Path:
    """A model folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config))
    save_tokenizer(folder, **how)
    names = sorted(weights)
    if shards == 1:
        save_file({name: weights[name].contiguous() for name in names}, folder / "model.safetensors")
        return folder
    files = [f"model-{n + 1:05}-of-{shards:05}.safetensors" for n in range(shards)]
    for n, file in enumerate(files):
        save_file({name: weights[name].contiguous() for name in names[n::shards]}, folder / file)
    index = {name: files[k % shards] for k, name in enumerate(names)}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": index}))
    return folder


def random_weights(shapes: Mapping[str, tuple[int, ...]], seed: int) -> dict[str, torch.Tensor]:
    """Seeded weights: norms near one, the rest of a size at which every part of the network matters."""
    rng = torch.Generator().manual_seed(seed)
    weights = {}
    for name, shape in shapes.items():
        drawn = torch.randn(shape, generator=rng)
        near_one = len(shape) == 1 and not name.endswith("bias")
        weights[name] = 1 + 0.2 * drawn if near_one else drawn * (0.5 if len(shape) == 1 else shape[-1] ** -0.5)
    return weights
