"""Models in a folder: `config.json`, `*.safetensors`, a tokenizer; loaded without remote code or pickle."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ctrldiff.automata.vocabulary import Vocabulary
from ctrldiff.errors import LoadError, ModelError, NoEndToken, TokenizerMismatch, UnknownArchitecture
from ctrldiff.models.family import Config, Family, Source
from ctrldiff.models.registry import Recognised, recognise
from ctrldiff.models.spec import ModelSpec
from ctrldiff.models.transformers import quiet
from ctrldiff.models.weights import weight_files
from ctrldiff.protocols import Denoiser

TINY = Path(__file__).parent / "tiny"
OPTIONS = ("device_map", "quantization_config", "attn_implementation")  # passed through to transformers


@dataclass(frozen=True)
class Loaded:
    """A denoiser and the words it reads: everything `ctrldiff.generate` needs of a model."""

    name: str
    denoiser: Denoiser
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


@dataclass(frozen=True)
class Described:
    """A folder, read but for its weights.

    Fields: folder; config; recognised (the family, and why); tokenizer; said (spec fields, as they are found in the
        tokenizer, the config, the family, `config.json` under "ctrldiff" and the keywords; the later wins).
    """

    folder: Path
    config: Config
    recognised: Recognised
    tokenizer: Any
    said: Mapping[str, Any]

    @property
    def spec(self) -> ModelSpec:
        """The spec. Raises NoMaskId, NoEndToken or ModelError for what nobody says."""
        if not self.said["stop_ids"]:
            raise NoEndToken(
                f"{str(self.folder)!r}: neither the config nor the tokenizer names an end token",
                hint="pass stop_ids=[...]",
            )
        return ModelSpec.from_dict(dict(self.said))


def describe(path: Path | str, **overrides: Any) -> Described:
    """Read everything of a model folder but its weights. Overrides are fields of `ModelSpec`."""
    folder = Path(path)
    config = read_config(folder)
    weight_files(folder)
    try:
        recognised = recognise(config, overrides.get("family", ""))
    except UnknownArchitecture as error:
        if not config.get("auto_map"):
            raise
        raise UnknownArchitecture(
            f"{str(folder)!r} asks to run its own Python ({', '.join(sorted(config['auto_map'].values())[:3])})",
            why=f"and {error.message}",
            hint=error.hint,
            **error.facts,
        ) from error
    tokenizer = _tokenizer(folder, recognised.family)
    return Described(folder, config, recognised, tokenizer, _said(config, tokenizer, recognised.family, overrides))


def load(
    path: Path | str, *, device: str = "cpu", dtype: torch.dtype | str = torch.float32, **overrides: Any
) -> Loaded:
    """Load a model folder.

    Args:
        dtype: a torch dtype or its name, "bfloat16".
        overrides: fields of `ModelSpec` that `config.json` does not say, or says wrongly; and device_map,
            quantization_config, attn_implementation for transformers.
    Raises: ModelError for a path that is no model folder, UnknownArchitecture, LoadError (MissingKeys,
        UnexpectedKeys), TokenizerMismatch, NoMaskId, NoEndToken, VocabularyError.
    """
    options = {name: overrides.pop(name) for name in OPTIONS if overrides.get(name) is not None}
    described = describe(path, **overrides)
    spec = described.spec
    source = Source(described.folder, described.config, _dtype(dtype), device, options)
    network = described.recognised.family.build(source, spec)
    if len(described.tokenizer) > network.rows:
        raise TokenizerMismatch(
            f"the tokenizer has {len(described.tokenizer):,} tokens, the embedding {network.rows:,} rows",
            hint="use the tokenizer that belongs to the weights",
            tokens=len(described.tokenizer),
            rows=network.rows,
        )
    vocabulary = Vocabulary.from_tokenizer(
        described.tokenizer,
        stop_ids=spec.stop_ids,
        pad_id=spec.pad_id,
        banned_ids=spec.never_written,
        size=network.rows,
    )
    denoiser = described.recognised.family.drive(network, spec, vocabulary, device)
    return Loaded(described.folder.name, denoiser, described.tokenizer, spec)


def read_config(folder: Path) -> dict[str, Any]:
    """`config.json` as data. Raises ModelError for a path that is no model folder."""
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
    if not isinstance(config, dict):
        raise ModelError(f"{str(folder / 'config.json')!r} is not a JSON object")
    return config


def _tokenizer(folder: Path, family: Family) -> Any:
    """The folder's fast tokenizer; code of its own is never asked for."""
    import transformers

    named = ["AutoTokenizer", *(["PreTrainedTokenizerFast"] if (folder / "tokenizer.json").is_file() else [])]
    errors = []
    for name in [*named, *([family.tokenizer] if family.tokenizer else [])]:
        try:
            with quiet():
                kind = getattr(transformers, name)
                return kind.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            errors.append(f"{name}: {str(error).splitlines()[0][:200] if str(error) else type(error).__name__}")
    raise LoadError(
        f"{str(folder)!r} has no tokenizer that can be read",
        why="\n".join(errors),
        hint="a folder with tokenizer.json, the fast tokenizer of the model",
    )


def _said(config: Config, tokenizer: Any, family: Family, overrides: Mapping[str, Any]) -> dict[str, Any]:
    stops = config.get("eos_token_id", tokenizer.eos_token_id)
    return {
        "mask_id": config.get("mask_token_id", tokenizer.mask_token_id),
        "stop_ids": tuple(stops) if isinstance(stops, list) else (() if stops is None else (stops,)),
        "pad_id": config.get("pad_token_id", tokenizer.pad_token_id),
        "bos_id": config.get("bos_token_id", tokenizer.bos_token_id),
        "banned_ids": sorted(one for one, token in tokenizer.added_tokens_decoder.items() if token.special),
        "n_tokens": len(tokenizer),
        "context": config.get("max_position_embeddings", 512),
        "family": family.name,
        **family.facts(config),
        **config.get("ctrldiff", {}),
        **overrides,
    }


def _dtype(dtype: torch.dtype | str) -> torch.dtype:
    found = getattr(torch, dtype, None) if isinstance(dtype, str) else dtype
    if not isinstance(found, torch.dtype):
        raise ModelError(f"dtype={dtype!r} is none of torch's", hint='"float32", "bfloat16" or "float16"')
    return found


def resolve(name: str | Path) -> Path:
    """The folder of a model name: "tiny" is in the box."""
    return TINY if str(name) == "tiny" else Path(name)
