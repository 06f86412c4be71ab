"""What is known of families and of one folder, as data: `ctrldiff models`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from ctrldiff.errors import CtrldiffError
from ctrldiff.models.describe import Described, describe
from ctrldiff.models.family import Source
from ctrldiff.models.footprint import footprint
from ctrldiff.models.registry import FAMILIES
from ctrldiff.models.weights import weight_files
from ctrldiff.models.words import table


def families() -> list[dict[str, Any]]:
    """Every family as JSON data, in the order in which they are asked."""
    return [
        {
            "family": family.name,
            "models": family.models,
            "runs": family.runs,
            "architectures": list(family.architectures),
            "model_types": list(family.model_types),
            "checked": family.checked,
        }
        for family in FAMILIES
    ]


def report(path: Path | str, *, weights: bool = False, memory: bool = False, **overrides: Any) -> dict[str, Any]:
    """What a folder was recognised as, why, how it will be read, and what is missing.

    Args:
        weights: build the network too, so that missing and unexpected weights are found.
        memory: say what it takes on a device, see `footprint.py`.
        overrides: fields of `ModelSpec`.
    Returns: JSON data: family, why, runs, checked, spec, files, parameters (if built), memory (if asked), missing:
        a list of {"code", "what", "hint"}, empty if the folder can be used.
    Raises: ModelError for a path that is no model folder, UnknownArchitecture.
    """
    described = describe(path, **overrides)
    family = described.recognised.family
    facts: dict[str, Any] = {
        "path": str(described.folder),
        "family": family.name,
        "why": described.recognised.why,
        "runs": family.runs,
        "checked": family.checked,
        "own_code": sorted(map(str, table(described.config, "auto_map").values())),
        "files": [file.name for file in weight_files(described.folder)],
        "spec": {name: list(v) if isinstance(v, tuple) else v for name, v in described.said.items()},
        "missing": [],
    }
    try:
        facts["spec"] = described.spec.to_dict()
        if memory:
            facts["memory"] = footprint(described).to_json()
        if weights:
            facts["parameters"] = _parameters(described)
    except CtrldiffError as error:
        facts["missing"] = [{"code": error.code, "what": error.message, "hint": error.hint}]
    return facts


def _parameters(described: Described) -> int:
    source = Source(described.folder, described.config, torch.bfloat16, "cpu")
    network = described.recognised.family.build(source, described.spec)
    module = getattr(network, "module", None)
    return 0 if module is None else sum(one.numel() for one in module.parameters())
