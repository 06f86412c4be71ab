"""A family: the checkpoints that one recipe loads. What the recipe says, and what it is given."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol, TypeAlias

import torch

from ctrldiff.models.caches.drive import drive
from ctrldiff.models.lora import Adapter
from ctrldiff.models.spec import ModelSpec
from ctrldiff.models.words import Only
from ctrldiff.protocols import Denoiser
from ctrldiff.tokens.vocabulary import Vocabulary

Config: TypeAlias = Mapping[str, Any]  # config.json as it stands


@dataclass(frozen=True)
class Source:
    """Where a network comes from and how it is to be held.

    Fields: folder; config (`config.json`); dtype; device; options (for transformers' `from_pretrained`: device_map,
        quantization_config, attn_implementation); adapter (to be merged into the weights).
    """

    folder: Path
    config: Config
    dtype: torch.dtype
    device: str
    options: Mapping[str, Any] = field(default_factory=dict)
    adapter: Adapter | None = None


class Network(Protocol):
    """What `Family.build` returns and `Family.drive` reads. For `CallableDenoiser`: (N, L) ids to (N, L, V) logits."""

    @property
    def rows(self) -> int:
        """V: rows of the embedding, at least as many as the tokenizer has ids."""


Driver: TypeAlias = Callable[[Any, ModelSpec, Vocabulary, str], Denoiser]


@dataclass(frozen=True)
class Family:
    """Checkpoints that are recognised by their config and loaded by one recipe, without code of theirs.

    Fields:
        name: as `ModelSpec.family` and `ctrldiff models` say it.        models: published checkpoints.
        runs: the network that is built.        checked: how the layout was checked.
        architectures, model_types: what their `config.json` says. An architecture is the stronger evidence.
        keys: top-level fields that only their config has, where it says neither of the two.
        facts: the config to those fields of `ModelSpec` that follow from it.
        build: the network, with the weights of the folder in it.
        padding: as in `ModelSpec`.
        drive: network, spec, vocabulary and device to a denoiser.
        when: a further condition on the config, for families that share their names with others.
        tokenizer: the transformers class for a tokenizer that would ask to run code of its own.
        reads, only: words of the config that are computed with, and those that may say only so much; any other that
            is not known to be harmless is refused, see `words.py`. None: all are the network's own class's to read.
    """

    name: str
    models: str
    runs: str
    checked: str
    facts: Callable[[Config], dict[str, Any]]
    build: Callable[[Source, ModelSpec], Network]
    architectures: tuple[str, ...] = ()
    model_types: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    padding: Literal["masked", "none"] = "none"
    drive: Driver = drive
    when: Callable[[Config], bool] = lambda config: True
    tokenizer: str = ""
    reads: frozenset[str] | None = None
    only: Only = field(default_factory=dict)

    def evidence(self, config: Config) -> str:
        """What in the config says that it is one of these; "" if nothing does."""
        if not self.when(config):
            return ""
        for name in config.get("architectures") or ():
            if name in self.architectures:
                return f"architectures: {name}"
        kind = config.get("model_type")
        if kind in self.model_types:
            return f"model_type: {kind}"
        return f"fields: {', '.join(self.keys)}" if self.keys and all(key in config for key in self.keys) else ""


# What `checked` says: their numbers or ours alone. `tests/models/published` has the numbers, and the revisions.
EQUAL = "equal to the published code at toy size"
LAYOUT = "layout only: tiny weights under the published names"
ASSUMED = "assumed_block_length"  # among a family's facts, in the place of a block length that the config says


def blocks(said: int | None, usual: int, *, assumed: bool = False) -> dict[str, Any]:
    """What `ModelSpec` says of a model that writes blocks in order, none of which sees later ones.

    Args:
        said: the length, if the config says one.        usual: else.
        assumed: there are checkpoints of other lengths, whose configs do not say so either: warn of it.
    """
    length = {ASSUMED if assumed and not said else "block_length": said or usual}
    return {"attention": "block_causal", "cache": "prefix", **length}


def published(
    config: Config, *, mask_id: int | None = None, stop_ids: tuple[int, ...] = (), **ids: int
) -> dict[str, Any]:
    """Token ids that a family's checkpoints share and their tokenizers do not say, as fields of `ModelSpec`.

    The mask is the one for a config and a tokenizer that name none. Ids beyond the config's vocabulary (another
    tokenizer) are left out.
    """
    rows = config.get("embedding_size") or config.get("vocab_size") or 0
    said = {"mask_id": mask_id, **ids}
    kept: dict[str, Any] = {name: one for name, one in said.items() if one is not None and one < rows}
    stops = tuple(one for one in stop_ids if one < rows)
    return kept | ({"stop_ids": stops} if stops else {})


def encoder_rename(name: str) -> str:
    """NVIDIA's names for what transformers calls `model.` and `lm_head.`: those of Nemotron-Labs-Diffusion, and of
    Efficient-DLM before it, whose own could not be seen. Qwen's own are read; any other is reported key by key."""
    for theirs, ours in (("encoder.", "model."), ("diffusion_head.", "lm_head.")):
        if name.startswith(theirs):
            return ours + name.removeprefix(theirs)
    return name
