"""Models in a folder: `config.json`, `*.safetensors`, a tokenizer; loaded without remote code or pickle."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from ctrldiff.errors import TokenizerMismatch
from ctrldiff.models.describe import describe
from ctrldiff.models.devices import dtype_of, usable
from ctrldiff.models.family import Source
from ctrldiff.models.spec import ModelSpec
from ctrldiff.models.threads import settle
from ctrldiff.models.tokenizer import without
from ctrldiff.models.weights import weight_files, weights_digest
from ctrldiff.protocols import Denoiser
from ctrldiff.text import check_text
from ctrldiff.tokens.vocabulary import Vocabulary

TINY = Path(__file__).parent / "tiny"
OPTIONS = ("device_map", "quantization_config", "attn_implementation")  # passed through to transformers


@dataclass(frozen=True)
class Loaded:
    """A denoiser and the words it reads: everything `ctrldiff.generate` needs of a model."""

    name: str
    denoiser: Denoiser
    tokenizer: Any
    spec: ModelSpec
    folder: Path | None = None

    @property
    def digest(self) -> str:
        """What tells these weights from others, read in samples; empty for a model that came from no folder."""
        return "" if self.folder is None else weights_digest(self.folder)

    def prompt_ids(self, text: str, ask: str) -> list[int]:
        """The prompt's token ids. `text` and `ask` are encoded as plain text: a "<mask>" in them stays five characters
        and a word, never the special token. With nothing to ask, the lines before `{ask}` that lead to it are left out.
        """
        ids: list[int] = []
        template = self.spec.prompt if ask else re.sub(r"\n+[^\n{}]*\{ask\}", "", self.spec.prompt)
        for piece in re.split(r"(\{text\}|\{ask\})", template):
            if piece == "{text}":
                ids += self.plain_ids(text)
            elif piece == "{ask}":
                ids += self.plain_ids(ask)
            elif piece:
                ids += self.tokenizer.encode(piece, add_special_tokens=False)
        return ids

    def plain_ids(self, text: str) -> list[int]:
        """A text as tokens, none of them special. Raises: InputError for what cannot be written in UTF-8."""
        check_text(text, "the text")
        # verbose: transformers warns of lengths that are checked, and refused by name, where the prompt is made.
        ids = self.tokenizer.encode(text, add_special_tokens=False, split_special_tokens=True, verbose=False)
        if self._meaning.isdisjoint(ids):
            return ids
        return self._letters.encode(text, add_special_tokens=False).ids

    @cached_property
    def _meaning(self) -> frozenset[int]:
        """Added tokens that mean something to the model, among them those that the tokenizer calls ordinary. A mask
        that is a word of the vocabulary (DiffuLLaMA's) is none: a text may hold the word."""
        added = getattr(self.tokenizer, "added_tokens_decoder", {})
        return frozenset({*self.spec.never_written, *self.spec.stop_ids} & added.keys())

    @cached_property
    def _letters(self) -> Any:
        """The tokenizer to which those are letters."""
        return without(self.tokenizer, self._meaning)


def load(
    path: Path | str,
    *,
    device: str = "cpu",
    dtype: torch.dtype | str = "auto",
    threads: int | None = None,
    **overrides: Any,
) -> Loaded:
    """Load a model folder.

    Args:
        dtype: a torch dtype or its name, "bfloat16". "auto": the config's; where it says none, bfloat16 on an
            accelerator and float32 on the CPU.
        threads: how many torch uses on the CPU, in all of this process. None: what `models/threads.py` says.
        overrides: fields of `ModelSpec` that `config.json` does not say, or says wrongly; and device_map,
            quantization_config, attn_implementation for transformers; and trust_remote_code with revision (40 hex
            digits), to run a checkpoint's own code instead of a family's.
    Raises: ModelError for a path that is no model folder, UnknownArchitecture, LoadError (MissingKeys,
        UnexpectedKeys), TokenizerMismatch, NoMaskId, NoEndToken, VocabularyError.
    """
    device = usable(device)
    options = {name: overrides.pop(name) for name in OPTIONS if overrides.get(name) is not None}
    described = describe(path, **overrides)
    spec = described.spec
    source = Source(described.folder, described.config, dtype_of(dtype, described.config, device), device, options)
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
    if str(device) == "cpu" and not options.get("device_map"):
        settle(sum(file.stat().st_size for file in weight_files(described.folder)), threads)
    return Loaded(described.folder.name, denoiser, described.tokenizer, spec, described.folder)


def resolve(name: str | Path) -> Path:
    """The folder of a model name: "tiny" is in the box."""
    return TINY if str(name) == "tiny" else Path(name)
