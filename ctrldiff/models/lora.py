"""A LoRA adapter, as peft saves it, merged into the weights that it was trained beside: W + scale * B A.

Hu et al. 2021, arXiv:2106.09685. `adapter_config.json` says rank and scale, `adapter_model.safetensors` holds A (rank,
in) and B (out, rank) under the name of the published weight, so the merge is before any renaming.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from ctrldiff.errors import LoadError, ModelError

PREFIX = "base_model.model."
OFF: Mapping[str, tuple[Any, ...]] = {  # what changes the product, and is not computed here, and when it is off
    "use_dora": (False, None),
    "alpha_pattern": ({}, None),
    "modules_to_save": ([], None),
    "bias": ("none", None),
    "lora_bias": (False, None),
    "megatron_config": (None,),
    "layer_replication": (None,),
    "trainable_token_indices": (None,),
    "target_parameters": ([], None),
    "alora_invocation_tokens": ([], None),
    "use_qalora": (False, None),
    "use_bdlora": (False, {}, None),
    "arrow_config": ({}, None),
    # Other ways to begin (PiSSA, OLoRA, CorDA, LoftQ) take their first product out of the weights beside it.
    "init_lora_weights": (True, False, "gaussian", "eva", "orthogonal", None),
}


@dataclass
class Adapter:
    """The products to be added, by the published name of the weight.

    Fields: folder; pairs (A and B); alpha, rooted (the scale is alpha / rank, or alpha / sqrt(rank)); turned (weights
        lie the other way round, as GPT-2's do); merged (names that were found so far).
    """

    folder: Path
    pairs: Mapping[str, tuple[torch.Tensor, torch.Tensor]]
    alpha: float
    rooted: bool = False
    turned: bool = False
    merged: set[str] = field(default_factory=set)

    def into(self, name: str, weight: torch.Tensor) -> torch.Tensor:
        """The weight with its product added, in its own numbers; itself where there is none.

        Raises: ModelError for a product of another shape.
        """
        if name not in self.pairs:
            return weight
        a, b = (one.to(torch.float32) for one in self.pairs[name])
        rank = a.shape[0]
        product = b @ a * (self.alpha / (math.sqrt(rank) if self.rooted else rank))
        product = product.T if self.turned else product
        if product.shape != weight.shape:
            raise ModelError(
                f"the adapter's {name} is {tuple(product.shape)}, the weight {tuple(weight.shape)}",
                hint="is it an adapter of another model? its adapter_config.json says of which",
                name=name,
            )
        self.merged.add(name)
        return (weight.to(torch.float32) + product).to(weight.dtype)

    def check(self) -> None:
        """Raise ModelError for products whose weight was not met."""
        rest = sorted(self.pairs.keys() - self.merged)
        if rest:
            raise ModelError(
                f"{len(rest):,} of {len(self.pairs):,} weights of the adapter have no weight to go into",
                why=", ".join(rest[:5]),
                hint="is it an adapter of another model? its adapter_config.json says of which",
                missing=tuple(rest),
            )


def read_adapter(path: Path | str) -> Adapter:
    """An adapter's folder. Raises: ModelError for what is no LoRA adapter of the plain kind, LoadError for files that
    cannot be read."""
    from safetensors import SafetensorError, safe_open

    folder = Path(path)
    config, file = folder / "adapter_config.json", folder / "adapter_model.safetensors"
    for one in (config, file):
        if not one.is_file():
            raise ModelError(f"{str(folder)!r} is no adapter: no {one.name}", hint="a folder as peft saves it")
    try:
        said = json.loads(config.read_text(encoding="utf-8"))
        with safe_open(file, framework="pt") as tensors:
            parts = {name: tensors.get_tensor(name) for name in tensors.keys()}
    except (OSError, ValueError, SafetensorError) as error:
        raise LoadError(f"{str(folder)!r} cannot be read: {error}") from error
    if not isinstance(said, dict):
        raise LoadError(f"{str(config)!r} is not a JSON object")
    if said.get("peft_type") != "LORA" or not isinstance(said.get("lora_alpha"), int | float):
        raise ModelError(f"{str(config)!r} is of the kind {said.get('peft_type')!r}", hint="LoRA adapters are merged")
    more = sorted(name for name, off in OFF.items() if said.get(name) not in off)
    if more:
        told = ", ".join(f"{name}={said[name]!r}"[:80] for name in more)
        raise ModelError(
            f"the adapter says what is not computed here: {told}", hint="merge it with peft, and save that"
        )
    turned = bool(said.get("fan_in_fan_out"))
    return Adapter(folder, _pairs(parts), float(said["lora_alpha"]), bool(said.get("use_rslora")), turned)


def _pairs(parts: Mapping[str, torch.Tensor]) -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
    """A and B of every weight, by its published name. Raises: ModelError for a half, and for other tensors."""
    halves: dict[str, dict[str, torch.Tensor]] = {}
    for name, tensor in parts.items():
        module, found, half = name.removeprefix(PREFIX).partition(".lora_")
        if not found or half not in ("A.weight", "B.weight") or tensor.ndim != 2:
            raise ModelError(f"the adapter has a tensor {name!r}", hint="merge it with peft, and save that", name=name)
        halves.setdefault(f"{module}.weight", {})[half[0]] = tensor
    for name, both in halves.items():
        if both.keys() != {"A", "B"} or both["A"].shape[0] != both["B"].shape[1]:
            shapes = {half: tuple(tensor.shape) for half, tensor in both.items()}
            raise ModelError(f"the adapter's {name} has no two factors that fit: {shapes}", name=name)
    return {name: (both["A"], both["B"]) for name, both in halves.items()}
