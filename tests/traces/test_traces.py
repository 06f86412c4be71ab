"""Whole decodes as text, one canvas a line: a change in behaviour is a readable diff.

`pytest tests/traces --update` rewrites the golden files.
"""

from pathlib import Path

import pytest

from ctrldiff.constraints.basic import Choice, Regex
from ctrldiff.constraints.description import Description
from ctrldiff.json_schema import JsonSchema
from ctrldiff.sampling.commit import CertainFree, EntropyBound, Everything, LeftToRight, Threshold, TopK
from ctrldiff.sampling.constrain import FREE, Tables
from ctrldiff.sampling.loop import Loop, sample
from ctrldiff.sampling.plan import Plan
from ctrldiff.sampling.propose import Draw
from ctrldiff.sampling.revise import LeastConfident
from ctrldiff.sampling.schedules import Blocks, Cosine, Linear
from ctrldiff.sampling.trace import Canvases, Trace
from tests.conftest import VOCABULARY, blank, toy

HERE = Path(__file__).parent
YEAR_MONTH = Regex(r"\d{4}-\d{2}")
DECODES: dict[str, tuple[Description | None, str, dict | None]] = {
    "year_month": (YEAR_MONTH, "mask", {"schedule": Linear(3)}),
    "year_month_cosine": (YEAR_MONTH, "mask", {"schedule": Cosine(4)}),
    "year_month_at_once": (YEAR_MONTH, "mask", {"commit": Everything(), "schedule": Linear(1)}),
    "year_month_uniform_noise": (YEAR_MONTH, "uniform", {"commit": TopK("margin")}),
    "year_month_drawn": (YEAR_MONTH, "mask", {"propose": Draw(), "commit": TopK("random")}),
    "blocks": (Regex(r"[ab]+-[ab]+"), "mask", {"schedule": Blocks(3)}),
    "default": (Regex(r"(19|20)\d\d(-\d\d)?"), "mask", None),
    "left_16_certain_free": (
        Regex(r"(19|20)\d\d(-\d\d)?"),
        "mask",
        {"commit": LeftToRight(CertainFree(TopK()), block=16)},
    ),
    "threshold": (Regex(r"\d+(-\d+)*"), "mask", {"commit": Threshold(0.5)}),
    "entropy_bound": (Choice(["19-00", "aa-bb", "ab-ab"]), "mask", {"commit": EntropyBound(0.3)}),
    "reopened": (Regex(r"(\d|a|b)+"), "mask", {"revise": LeastConfident(1, 0.8), "schedule": Linear(10)}),
    "integer": (JsonSchema({"type": "integer", "minimum": -120, "maximum": 1999}), "mask", {}),
    "free": (None, "mask", {"schedule": Linear(4)}),
}


def decode(name: str) -> str:
    description, noise, how = DECODES[name]
    start = blank(2, 8, seed=1)
    constraint = FREE if description is None else Tables.same(description.compile(VOCABULARY), 2)
    if how is None:  # the front door's
        plan = Plan().but(observers=[Canvases()])
        how, state = {}, Loop(toy(noise, seed=2), plan, plan.constrain(constraint)).run(start)
    else:
        state = sample(toy(noise, seed=2), start, constraint=constraint, observers=[Canvases()], **how)
    trace = Trace.of(state, VOCABULARY)
    head = f"# {description or 'no constraint'}, {noise} noise" + "".join(f", {k}={v}" for k, v in how.items())
    rows = [f"{trace.row(row)}\n# row {row}: {int(state.forwards[row])} forwards" for row in range(2)]
    return "\n".join([head, *rows, ""])


@pytest.mark.parametrize("name", DECODES)
def test_a_decode_is_what_it_was(name, request):
    path, now = HERE / f"{name}.txt", decode(name)
    if request.config.getoption("--update"):
        path.write_text(now, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == now


def test_every_golden_file_belongs_to_a_decode():
    assert {path.stem for path in HERE.glob("*.txt")} == set(DECODES)
