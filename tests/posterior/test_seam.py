"""A backend for a device has two files to stand in for: what reads logits, and what sweeps automata."""

import ast
from pathlib import Path

import ctrldiff.posterior.chain

FOLDER = Path(ctrldiff.posterior.chain.__file__).parent
# The walk of one prefix and the shape of a chain: a table is a value of the host, and knows no scores.
TABLE = {"table": {"ctrldiff.kernels": {"walk"}}, "lifted": {"ctrldiff.kernels.chain": {"NO_CLASS", "Chain"}}}


def kernels_of(path: Path) -> dict[str, set[str]]:
    """What a file imports from the kernels, by module."""
    found: dict[str, set[str]] = {}
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("ctrldiff.kernels"):
            found.setdefault(node.module or "", set()).update(name.name for name in node.names)
        assert not (isinstance(node, ast.Import) and any("kernels" in name.name for name in node.names))
    return found


def test_kernels_are_reached_through_the_seam_alone():
    used = {path.stem: kernels_of(path) for path in FOLDER.glob("*.py")}
    assert {name for name, kernels in used.items() if kernels} == {"read", "sweeps", *TABLE}
    assert {name: used[name] for name in TABLE} == TABLE
    assert used["read"] == {"ctrldiff.kernels": {"reduce"}}
    assert used["sweeps"] == {"ctrldiff.kernels": {"chain", "sums", "walk"}}
