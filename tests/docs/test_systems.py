"""The page of systems has a whole row for each, and what it names is there."""

import re
from pathlib import Path

import ctrldiff as cd

PAGE = (Path(__file__).parents[2] / "docs" / "systems.md").read_text(encoding="utf-8").split("## Faults")[0]


def tables() -> list[list[list[str]]]:
    """The cells of each table, without its head."""
    found = []
    for part in PAGE.split("\n## ")[1:]:
        lines = [line.strip("| ").split("|") for line in part.splitlines() if line.startswith("|")]
        found.append([[cell.strip() for cell in line] for line in lines[2:]])
    return found


def test_there_are_forty_six_and_each_says_what_became_of_it():
    ways, families = tables()
    assert len(ways) + len(families) == 46 and len({row[0] for row in ways + families}) == 46
    assert [row[0] for row in ways if len(row) != 6 or not (row[1] and row[2] and row[5])] == []
    assert [row[0] for row in families if len(row) not in (3, 4) or not (row[1] and row[2])] == []


def test_what_is_named_is_there():
    for space, name in re.findall(r"`(commit|edit|guide|propose|revise|schedule|search)\.(\w+)", PAGE):
        assert hasattr(getattr(cd, space), name), f"{space}.{name}"
    presets = [name for row in tables()[0] for name in re.findall(r"`(\w+)(?:\([\w=]*\))?`", row[1])]
    known = {*cd.Plan.presets(), "Annealed", "DynamicBlocking", "CanvasWarning"}
    assert set(presets) <= known
