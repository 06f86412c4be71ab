"""Models in a folder: `config.json`, `*.safetensors`, `tokenizer.json`, loaded without remote code or pickle."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ctrldiff.automata.vocabulary import Vocabulary
from ctrldiff.errors import ModelError, VocabularyError
from ctrldiff.models.callable import CallableDenoiser
from ctrldiff.models.spec import ModelSpec

TINY = Path(__file__).parent / "tiny"


@dataclass(frozen=True)
class Loaded:
    """A denoiser and the words it reads: everything `ctrldiff.generate` needs of a model."""

    name: str
    denoiser: CallableDenoiser
    tokenizer: Any
    spec: ModelSpec

    def prompt_ids(self, text: str, ask: str) -> list[int]:
        """The prompt's token ids. `text` and `ask` are encoded as plain text: a "<mask>" in them stays five characters
        and a word, never the special token."""
        ids: list[int] = []
        for piece in re.split(r"(\{text\}|\{ask\})", self.spec.prompt):
            if piece == "{text}":
                ids += self.plain_ids(text)
            elif piece == "{ask}":
                ids += self.plain_ids(ask)
            elif piece:
                ids += self.tokenizer.encode(piece, add_special_tokens=False)
        return ids

    def plain_ids(self, text: str) -> list[int]:
        """A text as tokens, none of them special."""
        return self.tokenizer.encode(text, add_special_tokens=False, split_special_tokens=True)


def load(path: Path | str, *, device: str = "cpu", dtype: torch.dtype = torch.float32, **overrides: Any) -> Loaded:
    """Load a masked-LM folder.

    Args:
        overrides: fields of `ModelSpec` that `config.json` does not say, or says wrongly.
    Raises: ModelError for a path that is no model folder, weights that are not safetensors, an architecture that
        `AutoModelForMaskedLM` does not know, or a spec that cannot be completed.
    """
    folder = Path(path)
    config = _config(folder)
    from safetensors import SafetensorError
    from transformers import AutoModelForMaskedLM, AutoTokenizer
    from transformers.utils import logging

    logging.disable_progress_bar()
    try:
        network = AutoModelForMaskedLM.from_pretrained(
            folder, dtype=dtype, local_files_only=True, trust_remote_code=False, use_safetensors=True
        )
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        raise ModelError(
            f"{str(folder)!r} cannot be loaded: {error}".splitlines()[0][:400],
            hint="it has to load through AutoModelForMaskedLM and AutoTokenizer; for other networks use from_callable",
        ) from error
    spec = _spec(config, tokenizer, overrides)
    rows = network.get_input_embeddings().weight.shape[0]
    if len(tokenizer) > rows:
        raise ModelError(f"the tokenizer has {len(tokenizer):,} tokens, the embedding {rows:,} rows")
    network = network.eval().to(device)
    vocabulary = Vocabulary.from_tokenizer(
        tokenizer, stop_ids=spec.stop_ids, pad_id=spec.pad_id, banned_ids=spec.never_written, size=rows
    )
    denoiser = CallableDenoiser(_read(network), spec, vocabulary, device)
    return Loaded(folder.name, denoiser, tokenizer, spec)


def _read(network: Any) -> Callable[[torch.Tensor], torch.Tensor]:
    def logits(ids: torch.Tensor) -> torch.Tensor:
        with torch.inference_mode():
            return network(input_ids=ids, attention_mask=torch.ones_like(ids)).logits.clone()

    return logits


def _config(folder: Path) -> dict[str, Any]:
    """`config.json` as data, after the checks that need no library."""
    if not folder.is_dir():
        near = sorted(p.parent.name for p in folder.parent.glob("*/config.json")) if folder.parent.is_dir() else []
        raise ModelError(
            f"{str(folder)!r} is not a folder",
            hint=(f"near: {', '.join(near[:5])}\n" if near else "") + 'use "tiny", or the path of a model folder',
        )
    if not (folder / "config.json").is_file():
        raise ModelError(
            f"{str(folder)!r} has no config.json",
            hint="a model folder holds config.json, *.safetensors, tokenizer.json",
        )
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except ValueError as error:
        raise ModelError(f"{str(folder / 'config.json')!r} is not JSON: {error}") from error
    if not list(folder.glob("*.safetensors")):
        others = sorted(p.name for p in [*folder.glob("*.bin"), *folder.glob("*.pt"), *folder.glob("*.pth")])
        raise ModelError(
            f"{str(folder)!r} has no safetensors weights" + (f", only {', '.join(others[:3])}" if others else ""),
            why="pickle files can run code when they are read" if others else "",
            hint="convert the weights to safetensors where you trust them",
        )
    if config.get("auto_map"):
        raise ModelError(
            f"{str(folder)!r} asks to run its own Python ({', '.join(sorted(config['auto_map'].values())[:3])})",
            hint="drive it through from_callable after reading that code",
        )
    return config


def _spec(config: dict[str, Any], tokenizer: Any, overrides: dict[str, Any]) -> ModelSpec:
    told = dict(config.get("ctrldiff", {}))
    mask = config.get("mask_token_id", tokenizer.mask_token_id)
    eos = config.get("eos_token_id", tokenizer.eos_token_id)
    found: dict[str, Any] = {
        "mask_id": mask,
        "stop_ids": tuple(eos) if isinstance(eos, list) else (() if eos is None else (eos,)),
        "pad_id": config.get("pad_token_id", tokenizer.pad_token_id),
        "bos_id": config.get("bos_token_id", tokenizer.bos_token_id),
        "n_tokens": len(tokenizer),
        "context": config.get("max_position_embeddings", 512),
        **told,
        **overrides,
    }
    if not found["stop_ids"]:
        raise VocabularyError("neither the config nor the tokenizer names an end token", hint="pass stop_ids=[...]")
    return ModelSpec.from_dict(found)


def resolve(name: str | Path) -> Path:
    """The folder of a model name: "tiny" is in the box."""
    return TINY if str(name) == "tiny" else Path(name)
