"""Imports point one way. This reads them, imports for type checking included."""

import ast
import warnings
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1] / "ctrldiff"
LAYERS = [  # each may import what stands before it, and itself
    "version",
    "pages",
    "errors",
    "text",
    "pointer",
    "limits",
    "report",
    "grounded",
    "state",
    "protocols",
    "likelihood",
    "rewards",
    "kernels",
    "automata",
    "regex",
    "tokens",
    "posterior",
    "constraints",
    "json_schema",
    "layout",
    "sampling",
    "search",
    "guidance",
    "types",
    "calibration",
    "reliability",
    "models",
    "arguments",
    "canvas",
    "doubt",
    "fields",
    "close",
    "grounds",
    "compiled",
    "modules",
    "request",
    "result",
    "answer",
    "decisions",
    "readout",
    "counted",
    "queue",
    "decode",
    "generate",
    "engines",
    "extract",
    "batch",
    "evaluate",
    "calibrate",
    "warm",
    "cli",
    "__main__",
]
# Beside the ladder: what each of these may import, and nothing else of ours.
ASIDE = {
    "kernels": {"kernels"},  # arrays in, arrays out
    "report": {"errors", "limits", "pointer", "report"},  # plain values in, HTML out
    "models": {"pages", "errors", "text", "limits", "state", "protocols", "tokens.vocabulary", "models"},
    "guidance": {
        "errors",
        "text",
        "limits",
        "state",
        "protocols",
        "likelihood",
        "rewards",
        "tokens.vocabulary",
        "guidance",
    },
    "rewards": {"errors", "limits", "state", "protocols", "likelihood", "rewards"},
}
BELOW_MODELS = {
    "posterior",
    "constraints",
    "sampling",
    "search",
    "json_schema",
    "layout",
    "types",
}  # none may know a model
ANNOTATIONS_ONLY = {
    # The protocol of a denoiser names the vocabulary in an annotation; nothing is imported when it runs.
    ("protocols", "tokens.vocabulary"),
}
HEAVY = {  # which layers may import these when they are themselves imported
    "torch": {
        "state",
        "protocols",
        "likelihood",
        "rewards",
        "sampling",
        "search",
        "guidance",
        "models",
        "request",
        "answer",
        "decisions",
        "readout",
        "counted",
        "decode",
        "generate",
        "engines",
    },
    "numba": {"kernels"},
    "triton": set(),
    "transformers": set(),
    "pydantic": {"types"},
    "typer": {"cli"},
}

LATE = {ROOT / "posterior" / "gpu"}  # imported by nobody before there are logits on a device


@cache
def imports(path: Path) -> tuple[tuple[str, bool, bool, int], ...]:
    """Every import of a file: module, is it for annotations only, is it inside a function, line."""

    def walk(node: ast.AST, typing_only: bool, lazy: bool) -> Iterator[tuple[str, bool, bool, int]]:
        for child in ast.iter_child_nodes(node):
            inside = lazy or isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef)
            if isinstance(child, ast.Import):
                yield from ((name.name, typing_only, lazy, child.lineno) for name in child.names)
            elif isinstance(child, ast.ImportFrom):
                assert child.level == 0, f"{path.name}:{child.lineno}: relative import"
                module = child.module or ""
                if (ROOT.parent / module.replace(".", "/")).is_dir():  # from ctrldiff.folder import module
                    yield from ((f"{module}.{name.name}", typing_only, lazy, child.lineno) for name in child.names)
                else:
                    yield module, typing_only, lazy, child.lineno
            elif isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test):
                yield from walk(child, True, lazy)
            else:
                yield from walk(child, typing_only, inside)

    return tuple(walk(ast.parse(path.read_text(encoding="utf-8")), False, False))


FILES = sorted(path for path in ROOT.rglob("*.py") if path != ROOT / "__init__.py")


def layer(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_one_way(path):
    here = layer(path)
    assert here in LAYERS, f"{here} is new: give it a place in LAYERS"
    for module, typing_only, _, line in imports(path):
        if not module.startswith("ctrldiff."):
            continue
        target = module.removeprefix("ctrldiff.")
        top = target.split(".")[0]
        if typing_only and (here, target) in ANNOTATIONS_ONLY:
            continue
        say = f"{path.relative_to(ROOT)}:{line} imports {module}"
        assert LAYERS.index(top) <= LAYERS.index(here), f"{say}: {top} stands above {here}"
        assert not (here in BELOW_MODELS and top == "models"), f"{say}: {here} must not know a model"
        if here in ASIDE:
            assert {top, target} & ASIDE[here], f"{say}: {here} may know only {sorted(ASIDE[here])}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_heavy_packages_are_imported_where_they_are_needed(path):
    for module, typing_only, lazy, line in imports(path):
        allowed = HEAVY.get(module.split(".")[0])
        if allowed is not None and not typing_only and not lazy:
            ok = layer(path) in allowed or path.parent in LATE
            assert ok, f"{path.relative_to(ROOT)}:{line} imports {module} when it is imported"


def test_no_file_imports_itself_in_a_roundabout_way():
    """Imports inside of functions count; those for annotations alone do not."""
    known = {".".join(("ctrldiff", *path.relative_to(ROOT).with_suffix("").parts)): path for path in FILES}
    known = {name.removesuffix(".__init__"): path for name, path in known.items()}
    graph: dict[str, set[str]] = {}
    for name, path in known.items():
        found = {module for module, typing_only, _, _ in imports(path) if not typing_only}
        found |= {module.rpartition(".")[0] for module in found - known.keys()}  # a name of a package's own page
        graph[name] = {one for one in found if one in known and one != name}
    while graph:
        leaves = {name for name, needs in graph.items() if not needs & graph.keys()}
        assert leaves, "a circle: " + ", ".join(sorted(graph))
        graph = {name: needs for name, needs in graph.items() if name not in leaves}


def test_every_exemption_is_used():
    used = {
        (layer(path), module.removeprefix("ctrldiff."))
        for path in FILES
        for module, typing_only, _, _ in imports(path)
        if typing_only
    }
    assert used >= ANNOTATIONS_ONLY


def test_the_loop_fits_on_a_screen():
    tree = ast.parse((ROOT / "sampling" / "loop.py").read_text(encoding="utf-8"))
    (loop,) = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name == "step"]
    assert loop.end_lineno is not None and loop.end_lineno - loop.lineno < 60


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_long_file_is_told_of(path):
    lines = len(path.read_text(encoding="utf-8").splitlines())
    if lines > 450:
        warnings.warn(f"{path.relative_to(ROOT)} has {lines} lines: can a reader still follow it?", stacklevel=1)
