"""The index names every page, and its map of the code is the ladder that the imports keep."""

import re
from pathlib import Path

import pytest

from tests.test_layers import LAYERS
from tests.test_layers import ROOT as PACKAGE

ROOT = Path(__file__).parents[2]
INDEX = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
LINK = re.compile(r"\]\(([\w./-]+)(?:#([\w-]+))?\)")


def test_every_page_has_one_line():
    named = [target for target, _ in LINK.findall(INDEX)]
    pages = {path.name for path in (ROOT / "docs").glob("*.md")} - {"index.md"}
    assert not pages - set(named), "pages without a line in docs/index.md"
    assert len(named) == len(set(named))


def test_the_map_of_the_code_is_the_ladder_of_the_imports():
    mapped = re.findall(r"^\| `(\w+)(/?)` \|", INDEX, re.MULTILINE)
    assert [name for name, _ in mapped] == LAYERS
    assert all((PACKAGE / name).is_dir() == bool(slash) for name, slash in mapped)


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    titles = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_to_a_file_and_a_heading_of_it(page):
    for target, heading in LINK.findall(page.read_text(encoding="utf-8")):
        there = page.parent / target
        assert there.exists(), f"{page.name}: {target}"
        assert not heading or heading in anchors(there), f"{page.name}: {target}#{heading}"
