"""`ctrldiff compare`: the figures are those of `evaluate`, and what is known is not asked again."""

import json
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest

import ctrldiff as cd
from ctrldiff.errors import InputError
from ctrldiff.evaluate import curve
from ctrldiff.evaluate.curve import Measured, read_measured, tabled, write_measured
from ctrldiff.report.plot import Point, curves
from tests.evaluate.test_commands import LINES, SCHEMA, written

ONE = Measured("m", "a", "p|q", 4, 250, 1, 0.5, 0.01, 0.25, None, 3.5)


def test_rows_are_those_of_evaluate_and_known_ones_are_not_measured_again(ctrldiff, tmp_path, monkeypatch):
    file, out, svg = written(tmp_path), tmp_path / "out.json", tmp_path / "out.svg"
    command = ("compare", file, "--schema", json.dumps(SCHEMA), "--passes", "1,4", "--out", out, "--svg", svg)
    command += ("--plan", "default", "--plan", "fast_dllm:block=16", "--plan", "llada:steps=2")
    status, table, err = ctrldiff(*command)
    assert status == 0, err
    found = {(one.plan, one.told): one for one in read_measured(out)}
    assert list(found) == [("default", 1), ("default", 4), ("fast_dllm:block=16", None), ("llada:steps=2", None)]
    answers = cd.evaluate.read_answers(file)
    model, schema = cd.from_pretrained("tiny"), cd.JsonSchema(SCHEMA, optional="write")
    for (_, steps), one in list(found.items())[:2]:
        score = cd.evaluate.evaluate(model, answers, schema, fields=False, steps=steps)
        assert one.fields == pytest.approx(score.all.right.share, abs=1e-6)
        assert one.objects == pytest.approx(score.objects.share, abs=1e-6)
        assert one.passes == pytest.approx(sum(score.passes) / 2) and (one.documents, one.failed) == (3, 1)
        assert one.passes <= steps and f"| default | {steps} | 3 | {100 * one.fields:.1f}" in table
    assert ET.fromstring(svg.read_text(encoding="ascii")).tag.endswith("svg")

    def measured_again(*args, **how):
        raise AssertionError("it is known")

    monkeypatch.setattr(curve, "evaluate", measured_again)
    assert ctrldiff(*command)[:2] == (0, table)
    for changed in (("--seed", 1), ("--max-new-tokens", 40), ("--temperature", 0.5)):
        with pytest.raises(AssertionError, match="known"):
            ctrldiff(*command, *changed)
    file.write_text(json.dumps(LINES[0]) + "\n")
    with pytest.raises(AssertionError, match="known"):
        ctrldiff(*command)


def test_what_cannot_be_gone_on_with_is_refused_before_a_model_is_loaded(ctrldiff, tmp_path):
    file, out = written(tmp_path), tmp_path / "out.json"
    for wrong in ("0", "1,,2", "many", "1.5"):
        status, _, err = ctrldiff("compare", file, "--schema", json.dumps(SCHEMA), "--passes", wrong)
        assert status == 2 and "--passes" in err
    for text in ("{", "[]", '{"measured": [{"plan": 1}]}'):
        out.write_text(text)
        status, _, err = ctrldiff("compare", file, "--schema", json.dumps(SCHEMA), "--out", out)
        assert (status == 2 and "gone on with" in err) or "another kind" in err
    with pytest.raises(InputError, match="written"):
        write_measured(tmp_path / "nowhere" / "out.json", [ONE])


def test_a_table_says_what_is_not_known():
    write = tabled([ONE, replace(ONE, told=None, passes=None)]).splitlines()
    assert (
        write[2] == "| p\\|q | 4 | 250 | 50.0 ± 1.0 | 25.0 | 3.5 | 1 |"
        and "| - | 250 |" in write[3]
        and "| - | 1 |" in write[3]
    )


def test_a_mark_stands_where_its_figures_say():
    points = [Point("a <b>", 4, 0.75, 0.0), Point("b", 2, 0.5, 0.0), Point("a <b>", 1, 0.25, 0.1)]
    text = curves(points, "t — é", "right")
    assert text.isascii() and "a &lt;b&gt;" in text
    marks = [(float(one.get("cx")), float(one.get("cy"))) for one in ET.fromstring(text).iter() if one.get("cx")]
    (x1, y1), (x4, y4), (x2, y2) = marks
    assert x2 == pytest.approx((x1 + x4) / 2, abs=0.2) and y2 == pytest.approx((y1 + y4) / 2, abs=0.2) and y4 < y1
    assert len(curves([Point(str(n), 3, 0.1 * n, 0) for n in range(11)], "", "").split("stroke-dasharray")) == 3
    assert "svg" in curves([], "nothing")
