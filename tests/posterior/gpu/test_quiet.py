"""What a step waits for: nothing but what is written, and once to see that nothing is wrong."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest
import torch

pytest.importorskip("triton")

from ctrldiff.constraints.basic import Regex
from ctrldiff.posterior import chain
from ctrldiff.posterior.device import DeviceLogits
from ctrldiff.posterior.gpu.swept import ReadLogits, Swept
from ctrldiff.sampling.constrain import Tables
from ctrldiff.sampling.loop import Loop
from ctrldiff.sampling.passes import Passed
from ctrldiff.sampling.plan import Plan
from tests.cases import PRIORS
from tests.conftest import SIZE, VOCABULARY, blank, toy
from tests.posterior.gpu.quiet import Allocates, Fetches, Told, WholeStep, launches

LENGTH = 6
TABLES = tuple(Regex(pattern, ascii=True).compile(VOCABULARY) for pattern in (r"\d{2}-(a|b)", "[ab]{1,4}", "19(-|a)*b"))


@pytest.fixture
def swept(monkeypatch):
    """Rows on `meta` are bound as rows on a CUDA device are."""

    def there(tables, logits, written, raw):
        if not isinstance(logits, DeviceLogits):
            return None, logits
        found = Swept.of(tables, logits.x, written, raw)
        return found, ReadLogits(logits, found, tables)

    monkeypatch.setattr(chain, "_swept", there)


def a_step(plan: Plan, tables=TABLES) -> Told:
    """What happens between the logits and the state that is written, in order."""
    denoiser, told = toy(), []
    loop = Loop(denoiser, plan, plan.constrain(Tables(tables)))
    state = loop.begin(blank(len(tables), LENGTH))
    step, legal = plan.schedule(state), Tables(tables).bind(torch.zeros(*state.shape, SIZE), state).map()
    logits = torch.empty((*state.shape, SIZE), device="meta")
    with launches(told), Fetches(told, legal):
        loop.write(state, step, Passed(logits, []))
    return told


def test_a_default_step_waits_for_what_is_written_alone(swept):
    told = a_step(Plan())
    first = next(i for i, (what, _) in enumerate(told) if what != "launch")
    assert told[first] == ("look", "()")  # that nothing is wrong: before it all is launched, marginals too
    assert {"walk_best", "walk_first", "write_first", "spread_classes"} <= {name for _, name in told[:first]}
    waits = [one for one in told if one[0] != "launch"]
    line = ("fetch", str((len(TABLES), LENGTH)))
    assert waits == [
        ("look", "()"),
        line,
        line,
        line,
        line,
    ]  # tokens, confidence, and what the commit policy reads: both


def test_a_prior_is_not_asked_of_the_host(swept):
    weighted = PRIORS["weighted"].compile(Regex("[ab1]{2,6}(-1?)?"), VOCABULARY)
    plain, told = (a_step(Plan(), (table,)) for table in (TABLES[0], weighted))
    assert [one for one in told if one[0] != "launch"] == [("look", "()"), *[("fetch", str((1, LENGTH)))] * 4]
    assert len(told) > len(plain)  # sums with weights and without


def test_one_that_asks_in_the_middle_is_found_out(swept, monkeypatch):
    """The wrong way: to look whether the first choice is believed before anything follows from it."""
    led = Swept.led

    def asking(self, believed):
        found = led(self, believed)
        (found.mass < believed).any().cpu()
        return found

    monkeypatch.setattr(Swept, "led", asking)
    assert a_step(Plan()).count(("fetch", "()")) == 1
    monkeypatch.setattr(Swept, "led", lambda self, believed: (led(self, believed).mass < believed).any().item())
    with pytest.raises(RuntimeError, match="meta"):
        a_step(Plan())


def test_the_launches_of_a_step_allocate_nothing_the_second_time(swept, monkeypatch):
    written = torch.full((len(TABLES), LENGTH), -1, device="meta")
    step = WholeStep.of(TABLES, torch.empty((*written.shape, SIZE), device="meta"), written)
    first: Told = []
    again: Told = []
    with launches(first):
        step()
    with launches(again), Fetches(again), Allocates(again):
        step()
    assert again == first
    assert [name for what, name in first if what == "launch"].count("sweep_edges") == 3


DOCS = (Path(__file__).parents[3] / "docs" / "posterior.md").read_text(encoding="utf-8")
LISTED = re.findall(r"^(\| `(\w+)` \| \d+ \| \d+ \| .* \|)$", DOCS, re.MULTILINE)


def test_what_presets_wait_for_is_what_the_docs_say(swept):
    letters = {f"({len(TABLES)},)": "(B,)", str((len(TABLES), LENGTH)): "(B, T)"}
    assert "default" in [name for _, name in LISTED]
    lines = []
    for _, name in LISTED:
        told = a_step(Plan.preset(name))
        fetched = Counter(letters.get(what, "(B, T, K)") for how, what in told if how == "fetch")
        launched, looks = (sum(how == one for how, _ in told) for one in ("launch", "look"))
        whats = ", ".join(f"{n} {what}" for what, n in sorted(fetched.items()))
        lines.append(f"| `{name}` | {launched} | {looks} | {whats} |")
    assert lines == [line for line, _ in LISTED]


def test_one_that_allocates_is_found_out():
    told: Told = []
    with Allocates(told):
        torch.empty(3, device="meta").mul_(2).view(3)
    assert told == [("allocate", "aten.empty.memory_format")]
