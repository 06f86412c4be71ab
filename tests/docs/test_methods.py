"""The page of methods lists every preset with its numbers, and every rule that has a name."""

import inspect
import re
from pathlib import Path

import ctrldiff as cd
from ctrldiff.sampling.presets import PRESETS

PAGE = (Path(__file__).parents[2] / "docs" / "methods.md").read_text(encoding="utf-8")
SAMPLING = (Path(__file__).parents[2] / "docs" / "sampling.md").read_text(encoding="utf-8")


def rows() -> list[list[str]]:
    """The cells of the table of presets."""
    part = PAGE.split("## Presets")[1].split("`cd.edit.self_correct`")[0]
    return [[cell.strip() for cell in line.split(" | ")] for line in part.splitlines() if line.startswith("| `")]


def test_every_preset_has_a_row_and_every_knob_in_it_is_one():
    named = [name for first, *_ in rows() for name in re.findall(r"`(\w+)`", first)]
    assert sorted(named) == sorted(cd.Plan.presets())
    for first, _, _, knobs, _ in rows():
        for name in re.findall(r"`(\w+)`", first):
            known = inspect.signature(PRESETS[name]).parameters
            for one in re.sub(r"\(.*?\)", "", knobs.strip("`").replace("`", "")).split(","):
                knob, _, value = one.strip().partition("=")
                assert knob in known, (name, knob)
                if value.strip():
                    default = known[knob].default
                    said = value.strip().strip('"')
                    assert said == default or float(said) == default, (name, one)


def test_every_plug_in_is_named_on_a_page():
    for page in (cd.commit, cd.revise, cd.edit, cd.stop, cd.schedule, cd.propose, cd.grow):
        for name in page.__all__:
            if inspect.isclass(getattr(page, name)):
                assert re.search(rf"\b{name}\b", PAGE + SAMPLING), name
