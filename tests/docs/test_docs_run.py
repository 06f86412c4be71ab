"""Every python block in README and docs is executed, every example is run, every grammar keeps its word."""

import doctest
import importlib
import re
import runpy
from pathlib import Path

import pytest

import ctrldiff
from ctrldiff.constraints.grammar import grammar
from tests.conftest import modules

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
GRAMMARS = sorted((ROOT / "grammars").glob("*.toml"))
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_every_python_block_of_a_page_runs_in_order(page, monkeypatch):
    monkeypatch.chdir(ROOT)
    blocks = BLOCK.findall(page.read_text(encoding="utf-8"))
    namespace: dict[str, object] = {"__name__": "page"}
    for block in blocks:
        exec(compile(block, f"{page.name}", "exec"), namespace)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: p.name)
def test_every_example_runs_and_is_short(path, monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 60
    runpy.run_path(str(path), run_name="__main__")
    assert capsys.readouterr().out.strip(), "an example shows something"


@pytest.mark.parametrize("path", GRAMMARS, ids=lambda p: p.stem)
def test_every_grammar_keeps_its_examples_and_has_some(path):
    import tomllib

    data = tomllib.loads(path.read_text(encoding="utf-8"))
    assert data["description"] and len(data["accepts"]) >= 2 and len(data["rejects"]) >= 3
    regex = grammar(path)  # checks every example
    assert regex.dfa().shortest() is not None


@pytest.mark.parametrize("name", modules())
def test_docstring_examples_run(name):
    result = doctest.testmod(importlib.import_module(name), optionflags=doctest.ELLIPSIS)
    assert result.failed == 0


def test_the_readme_shows_the_invoice_that_make_run_extracts():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert (ROOT / "examples" / "invoice.txt").read_text(encoding="utf-8").strip() in readme
    assert "make run" in readme and "make test" in readme


IMPORT = re.compile(r"^ *(?:from ctrldiff(\.[\w.]+) import|import ctrldiff(\.[\w.]+))", re.MULTILINE)
INSIDE = {  # pages about the inside show it
    "docs/how-it-works.md": {".posterior", ".tokens.vocabulary"},
    "docs/posterior.md": {".tokens.vocabulary"},
}


@pytest.mark.parametrize("path", [*PAGES, *EXAMPLES], ids=lambda p: str(p.relative_to(ROOT)))
def test_pages_and_examples_import_from_public_pages_only(path):
    text = path.read_text(encoding="utf-8")
    blocks = "\n".join(BLOCK.findall(text)) if path.suffix == ".md" else text
    public = {home.removeprefix("ctrldiff") for home in ctrldiff._PAGES.values()}
    used = {a or b for a, b in IMPORT.findall(blocks)}
    assert used - public <= INSIDE.get(str(path.relative_to(ROOT)), set())
