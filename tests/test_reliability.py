"""Fitted probabilities are right as often as they say, on answers that the fit has not seen too."""

import json
import math

import numpy as np
import pytest

import ctrldiff as cd
from ctrldiff.calibrate import judge
from ctrldiff.calibration import equal_width
from ctrldiff.errors import InputError
from ctrldiff.evaluate.labelled import Answer, read_answers
from ctrldiff.reliability import Calibration, Outcome, Scale, held_out, logit, thresholds, worth


def drawn(count=4000, seed=0):
    """Values of two kinds whose probabilities are told too sharply, null with a shift: what a fit has to find."""
    rng = np.random.default_rng(seed)
    out = []
    for n in range(count):
        kind = "null" if n % 2 else "string"
        true = rng.normal() * 1.5
        said = (true + 1 if kind == "null" else true) * 2
        out.append(Outcome(kind, 1 / (1 + math.exp(-said)), bool(rng.random() < 1 / (1 + math.exp(-true))), n // 4))
    return out


def test_a_fit_finds_the_temperature_and_the_shift():
    fitted = Calibration.fit(drawn())
    assert fitted.scales["string"].temperature == pytest.approx(2, rel=0.1)
    assert fitted.scales["string"].shift == pytest.approx(0, abs=0.15)
    assert fitted.scales["null"].temperature == pytest.approx(2, rel=0.1)
    assert fitted.scales["null"].shift == pytest.approx(-1, abs=0.15)
    before, after = worth(drawn()), worth(held_out(drawn()))
    assert before.ece > 0.1 and after.ece < 0.03
    assert after.surer_half > before.surer_half > after.accuracy
    assert fitted.prob("enum", 0.9) == fitted.scales["others"](0.9)


def test_a_kind_with_few_values_goes_with_the_others():
    few = [Outcome("date", 0.9, True)] * 4
    alone = Calibration.fit(drawn(100) + few)
    assert set(alone.scales) == {"others", "null", "string"}
    date = Calibration.fit(drawn(100) + few * 2).scales["date"]
    assert abs(date.shift - alone.scales["others"].shift) < 1  # eight say little
    right = Calibration.fit([Outcome("string", 1.0, True)] * 30)  # nothing wrong: no fit runs away
    assert 0.9 < right.prob("string", 1.0) <= 1 and math.isfinite(right.scales["string"].shift)


def test_a_threshold_is_the_least_probability_from_which_on_enough_is_right():
    some = [
        Outcome("string", p, right) for p, right in [(0.9, True), (0.8, True), (0.7, False), (0.7, True), (0.2, False)]
    ]
    found = {one.accuracy: one for one in thresholds(some, least=1)}
    assert (found[0.99].prob, found[0.99].coverage) == (0.8, 0.4)
    assert (found[0.7].prob, found[0.7].coverage) == (0.7, 0.8)
    assert (found[0.6].prob, found[0.6].coverage) == (0.2, 1.0)
    assert thresholds(some) == ()  # five values prove nothing
    fitted = Calibration({"others": Scale()}, thresholds(some, least=1))
    assert [fitted.threshold(wanted) for wanted in (0.7, 0.75, 0.99)] == [0.7, 0.8, 0.8]  # of those that are kept
    with pytest.raises(InputError, match="no probability"):
        Calibration({"others": Scale()}, thresholds([Outcome("string", 0.9, False)] * 20)).threshold(0.5)


def test_what_is_written_is_read(tmp_path):
    fitted = Calibration.fit(drawn(200))
    fitted.save(tmp_path / "c.json")
    assert Calibration.load(tmp_path / "c.json") == fitted
    for text in ("{}", "[]", '{"scales": {}, "thresholds": []}', "no"):
        (tmp_path / "d.json").write_text(text)
        with pytest.raises(InputError):
            Calibration.load(tmp_path / "d.json")
    with pytest.raises(InputError, match="cannot be read"):
        Calibration.load(tmp_path / "none.json")
    assert Scale()(0.3) == pytest.approx(0.3) and logit(0.0) == pytest.approx(-logit(1.0)) and logit(0.0) < -9


def test_labelled_objects_are_judged_value_by_value(tmp_path):
    file = tmp_path / "docs.jsonl"
    schema = {"type": "object", "properties": {"total": {"type": ["number", "null"]}, "tags": {"type": "array"}}}
    lines = [
        {"text": "Invoice for Maria Jensen, total due: EUR 300.", "output": {"total": 300.0}},
        {"text": "Invoice for Maria Jensen, total due: EUR 12.50.", "output": {"total": 13, "tags": []}},
    ]
    file.write_text("\n".join(json.dumps(line) for line in lines))
    model = cd.from_pretrained("tiny")
    outcomes = judge(model, read_answers(file), schema)
    assert [(one.right, one.document) for one in outcomes if one.kind == "number"] == [(True, 0), (False, 1)]
    assert sum(one.kind == "object" for one in outcomes) == 2
    with pytest.raises(InputError, match="schema"):
        judge(model, [Answer("a", {}, "line 1")])
    file.write_text('{"text": "a"}')
    with pytest.raises(InputError, match="line 1"):
        read_answers(file)


@pytest.mark.parametrize("right", [0.05, 0.1, 0.3, 0.6])
def test_a_kind_that_is_mostly_wrong_where_it_is_sure_is_fitted_as_well_as_can_be(right):
    """Against a grid: nothing in it is likelier, under the same prior, than what the fit found."""
    rng = np.random.default_rng(5)
    sure = [Outcome("null", float(p), bool(n < right * 300)) for n, p in enumerate(np.full(300, 0.999))]
    # The surer the less often right: a slope of its own would turn the order round, and is at its bound.
    turned = [Outcome("null", float(p), bool(rng.random() > p)) for p in rng.uniform(0.9, 0.9999, 300)]
    for some in (sure, turned):
        scale = Calibration.fit(some).scales["null"]
        x, y = np.array([logit(one.prob) for one in some]), np.array([one.right for one in some])

        def loss(slope, shift, x=x, y=y):
            z = slope * x + shift
            return float((np.logaddexp(0, z) - y * z).sum() + ((slope - 1) ** 2 + shift**2) / 2)

        grid = min(loss(slope, shift) for slope in np.geomspace(0.01, 2, 40) for shift in np.linspace(-8, 4, 121))
        assert loss(1 / scale.temperature, scale.shift) < grid + 0.01


@pytest.mark.parametrize(
    "scale, thresholds",
    [
        ({"temperature": 0}, []),
        ({"temperature": -1.0}, []),
        ({"temperature": "x"}, []),
        ({"temperature": None}, []),
        ({"temperature": math.nan}, []),
        ({"shift": [1]}, []),
        ({"shift": math.inf}, []),
        ({"temperature": True}, []),
        ({}, [{"accuracy": "a", "prob": 0.5, "coverage": 0.5}]),
        ({}, [{"accuracy": 0.9, "prob": None, "coverage": 0.5}]),
        ({}, [{"accuracy": 0.9, "prob": 1.5, "coverage": 0.5}]),
    ],
)
def test_a_file_of_no_numbers_is_no_calibration(tmp_path, scale, thresholds):
    file = tmp_path / "fit.json"
    file.write_text(json.dumps({"scales": {"others": scale}, "thresholds": thresholds}))
    with pytest.raises(InputError, match="no calibration"):
        Calibration.load(file)


@pytest.mark.parametrize("scales", [{}, {"string": Scale()}, None, [Scale()]])
def test_a_calibration_has_a_scale_for_every_kind(tmp_path, scales):
    with pytest.raises(InputError, match="no scale for 'others'"):
        Calibration(scales)
    (tmp_path / "fit.json").write_text('{"scales": {}, "thresholds": []}')
    with pytest.raises(InputError, match=r"fit\.json' has no scale"):
        Calibration.load(tmp_path / "fit.json")


def test_a_sum_that_is_a_little_above_1_stands_in_the_last_bin():
    (one,) = equal_width([Outcome("string", 1.0 + 1e-15, True), Outcome("string", 1.0, True)])
    assert one.count == 2 and one.confidence == one.high == 1.0 and worth([Outcome("a", 1.0 + 1e-15, True)]).ece == 0.0


def test_a_scale_is_a_probability_however_far_it_goes():
    assert Scale(1e-9, 0.0)(0.9) == 1.0 and Scale(1e-9, 0.0)(0.1) < 1e-300 and 0 <= Scale(1.0, -1e4)(0.5) < 1e-300


def test_lines_that_cannot_be_judged_are_named_before_anything_is_decoded(tmp_path):
    file = tmp_path / "lines.jsonl"
    rows = [{"text": "one", "output": {"a": "x"}}, {"text": " ", "output": {"a": "x"}}]
    file.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    schema = {"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": False}
    with pytest.raises(InputError, match=r"lines.jsonl line 2: .* is empty"):
        judge(cd.from_pretrained("tiny"), read_answers(file), schema)
    for bad in ("x.json", 3, []):
        file.write_text(json.dumps(rows[0] | {"schema": bad}))
        with pytest.raises(InputError, match=r'lines.jsonl line 1: "schema" is a'):
            read_answers(file)
