"""What is known of families and of one folder, as data and as tables: `ctrldiff models`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from ctrldiff.errors import CtrldiffError
from ctrldiff.models.describe import Described, describe
from ctrldiff.models.family import Source
from ctrldiff.models.registry import FAMILIES
from ctrldiff.models.weights import weight_files


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


def report(path: Path | str, *, weights: bool = False, **overrides: Any) -> dict[str, Any]:
    """What a folder was recognised as, why, how it will be read, and what is missing.

    Args:
        weights: build the network too, so that missing and unexpected weights are found.
        overrides: fields of `ModelSpec`.
    Returns: JSON data: family, why, runs, checked, spec, files, parameters (if built), missing: a list of
        {"code", "what", "hint"}, empty if the folder can be used.
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
        "own_code": sorted(map(str, described.config.get("auto_map", {}).values())),
        "files": [file.name for file in weight_files(described.folder)],
        "spec": {name: list(v) if isinstance(v, tuple) else v for name, v in described.said.items()},
        "missing": [],
    }
    try:
        facts["spec"] = described.spec.to_dict()
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


def show_families(rows: list[dict[str, Any]]) -> None:
    """Print the registry."""
    from rich.console import Console
    from rich.table import Table

    table = Table("family", "models", "runs", "checked", box=None, pad_edge=False)
    for row in rows:
        table.add_row(row["family"], row["models"], row["runs"], row["checked"])
    Console().print(table)


def show_report(facts: dict[str, Any]) -> None:
    """Print a folder's report."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from ctrldiff.models.spec import ModelSpec

    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="bold")
    grid.add_column()
    grid.add_row("family", escape(f"{facts['family']}, because of {facts['why']}"))
    grid.add_row("runs", escape(facts["runs"]))
    grid.add_row("checked", escape(facts["checked"]))
    if facts["own_code"]:
        grid.add_row("own code", escape(f"not run: {', '.join(facts['own_code'])}"))
    grid.add_row("weights", escape(", ".join(facts["files"][:3]) + (" ..." if len(facts["files"]) > 3 else "")))
    if "parameters" in facts:
        grid.add_row("parameters", f"{facts['parameters']:,}")
    usual = {name: one.default for name, one in ModelSpec.__dataclass_fields__.items()}
    for name, value in facts["spec"].items():
        if name != "family" and value != usual.get(name) and value != []:
            grid.add_row(name, escape(repr(value)))
    for one in facts["missing"]:
        grid.add_row("[red]missing[/red]", escape(f"{one['code']}: {one['what']}"))
        grid.add_row("", escape(f"-> {one['hint']}"))
    Console().print(grid)
