"""Calibration figures by hand, and of predictions that are calibrated by construction."""

from __future__ import annotations

import json
import math
import random
import sys
from xml.etree import ElementTree

import pytest

from ctrldiff.calibrate import Question, predict, read_lines
from ctrldiff.calibration import (
    Prediction,
    calibration_error,
    equal_mass,
    equal_width,
    error_by_chance,
    report,
    svg,
)
from ctrldiff.cli import main
from ctrldiff.errors import InputError


def said(confidence: float, right: bool) -> Prediction:
    """A prediction of "a" between two labels."""
    return Prediction({"a": confidence, "b": 1 - confidence}, "a" if right else "b")


def calibrated(seed: int, count: int, sharpen: float = 1.0) -> list[Prediction]:
    """Labels drawn from the probabilities; `sharpen` > 1 then says probabilities that are too sure."""
    rng = random.Random(seed)
    out = []
    for _ in range(count):
        weights = [rng.random() ** 2 + 1e-3 for _ in range(3)]
        label = rng.choices("abc", weights)[0]
        sharp = [w**sharpen for w in weights]
        out.append(Prediction({k: w / sum(sharp) for k, w in zip("abc", sharp, strict=True)}, label))
    return out


def test_overconfidence_by_hand():
    measured = report([said(0.9, n < 70) for n in range(100)])
    assert measured.accuracy == pytest.approx(0.7) and measured.confidence == pytest.approx(0.9)
    assert measured.ece_mass == pytest.approx(0.2) and measured.ece_width == pytest.approx(0.2)
    assert measured.brier == pytest.approx(0.7 * 2 * 0.1**2 + 0.3 * 2 * 0.9**2)
    assert measured.log_loss == pytest.approx(-0.7 * math.log(0.9) - 0.3 * math.log(0.1))
    assert len(measured.mass) == len(measured.width) == 1, "equal confidences are never parted"
    assert measured.chance_mass == pytest.approx(math.sqrt(2 * 0.09 * 100 / math.pi) / 100)


def test_two_bins_by_hand():
    """60 at 0.95 of which 48 right, 40 at 0.55 of which 26 right: gaps of 0.15 and 0.10."""
    predictions = [said(0.95, n < 48) for n in range(60)] + [said(0.55, n < 26) for n in range(40)]
    measured = report(predictions)
    assert measured.ece_width == pytest.approx(0.6 * 0.15 + 0.4 * 0.10)
    assert [(round(one.low, 9), one.count) for one in measured.width] == [(0.5, 40), (0.9, 60)]
    assert [round(one.gap, 9) for one in measured.width] == [0.1, -0.15]
    assert report(predictions, bins=1).ece_mass == pytest.approx(abs(0.74 - 0.79)), "one bin: the gaps cancel"


@pytest.mark.parametrize("seed", range(5))
def test_calibrated_predictions_have_no_error_beyond_sampling(seed):
    measured = report(calibrated(seed, 4000))
    for error, chance in ((measured.ece_mass, measured.chance_mass), (measured.ece_width, measured.chance_width)):
        assert error < 2 * chance < 0.04
    assert measured.accuracy == pytest.approx(measured.confidence, abs=0.03)


def test_chance_is_the_mean_error_of_calibrated_predictions():
    draws = [equal_mass(calibrated(seed, 300)) for seed in range(200)]
    mean = sum(map(calibration_error, draws)) / len(draws)
    assert mean == pytest.approx(sum(map(error_by_chance, draws)) / len(draws), rel=0.1)


def test_too_sure_is_found_and_its_proper_scores_are_worse():
    true, sure = report(calibrated(1, 4000)), report(calibrated(1, 4000, sharpen=3))
    assert sure.accuracy == true.accuracy and sure.confidence > sure.accuracy + 0.1
    assert min(sure.ece_mass, sure.ece_width) > 5 * sure.chance_mass
    assert sure.brier > true.brier and sure.log_loss > true.log_loss


@pytest.mark.parametrize("bins", [1, 2, 7, 10, 50])
def test_bins_hold_everything_once_whatever_the_order(bins):
    predictions = [said(0.5 + random.Random(n).randrange(20) / 40, n % 3 > 0) for n in range(200)]
    shuffled = random.Random(3).sample(predictions, len(predictions))
    for cut in (equal_mass, equal_width):
        found = cut(predictions, bins)
        assert found == cut(shuffled, bins) and len(found) <= bins
        assert sum(one.count for one in found) == 200
        assert all(one.low <= one.confidence + 1e-9 and one.confidence <= one.high + 1e-9 for one in found)
        assert all(one.interval[0] <= one.accuracy + 1e-9 and one.accuracy <= one.interval[1] + 1e-9 for one in found)
    distinct = [said(0.5 + n / 1000, True) for n in range(100)]
    assert {one.count for one in equal_mass(distinct, 10)} == {10}


def test_an_edge_belongs_to_the_bin_below():
    assert [(one.low, one.high) for one in equal_width([said(0.8, True)], 5)] == [(0.6, 0.8)]
    assert [(one.low, one.high) for one in equal_width([said(1.0, True)], 5)] == [(0.8, 1.0)]


def test_wilson_by_hand():
    (one,) = equal_mass([said(0.9, n < 9) for n in range(10)])
    assert one.interval == pytest.approx((0.5958, 0.9821), abs=1e-3)  # a textbook's 9 of 10


def test_ruled_out_and_right_is_an_infinite_loss():
    assert report([Prediction({"a": 1.0, "b": 0.0}, "b")]).log_loss == math.inf


@pytest.mark.parametrize(
    ("probs", "label", "words"),
    [
        ({"a": 0.5, "b": 0.4}, "a", "add up to 0.9"),
        ({"a": 1.5, "b": -0.5}, "a", "no number from 0 to 1"),
        ({"a": float("nan")}, "a", "no number"),
        ({"a": "1"}, "a", "no number"),
        ({"a": True}, "a", "no number"),
        ({}, "a", "add up"),
        ([0.5, 0.5], "a", "are a list"),
        ({"a": 1.0}, "b", "right label 'b'"),
    ],
)
def test_predictions_that_are_none_are_refused(probs, label, words):
    with pytest.raises(InputError, match=words):
        Prediction(probs, label)


def test_nothing_cannot_be_measured():
    with pytest.raises(InputError, match="no predictions"):
        report([])
    with pytest.raises(InputError, match="bins=0"):
        report([said(0.9, True)], 0)
    with pytest.raises(InputError, match=r"bins=2\.5"):
        report([said(0.9, True)], 2.5)


def test_the_plot_is_xml_with_a_dot_for_every_bin():
    measured = report(calibrated(2, 500))
    root = ElementTree.fromstring(svg(measured, title="<a> & b"))
    space = "{http://www.w3.org/2000/svg}"
    dots = root.findall(f"{space}circle")
    assert len(dots) == len(measured.mass) and root.find(f"{space}title").text == "<a> & b"
    for dot, one in zip(dots, measured.mass, strict=True):
        assert float(dot.get("cx")) == pytest.approx(60 + 320 * one.confidence, abs=0.06)
        assert float(dot.get("cy")) == pytest.approx(360 - 320 * one.accuracy, abs=0.06)


GOOD = '{"text": "I love it.", "label": "good", "labels": ["good", "bad"]}'


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("{", "not JSON"),
        ("[1]", "not an object"),
        ('{"text": "x", "labels": ["a"]}', '"label" has to be'),
        ('{"text": "x", "labels": [true], "label": true}', '"label" has to be'),
        ('{"text": " ", "labels": ["a"], "label": "a"}', '"text" has to be'),
        ('{"text": "x", "labels": [], "label": "a"}', '"labels" has to be'),
        ('{"text": "x", "labels": "a", "label": "a"}', '"labels" has to be'),
        ('{"text": "x", "labels": ["b"], "label": "a"}', "none of the labels"),
        ('{"text": "x", "labels": ["a"], "choices": ["a"], "label": "a"}', "say the same"),
        (r'{"text": "x", "labels": ["a", "b\ud800"], "label": "a"}', "surrogate"),
        (r'{"text": "x\udfff", "labels": ["a", "b"], "label": "a"}', "surrogate"),
        ('{"probs": [1], "label": "a"}', '"probs" has to be'),
        ('{"probs": {"a": 0.4}, "label": "a"}', "add up to 0.4"),
        ('{"probs": {"a": NaN}, "label": "a"}', "no number"),
        ("[" * 100_000, "not JSON"),
        (b'{"text": "\xff"}', "not UTF-8"),
    ],
    ids=range(16),
)
def test_a_bad_line_is_named(tmp_path, line, words):
    file = tmp_path / "in.jsonl"
    file.write_bytes(GOOD.encode() + b"\n\n" + (line if isinstance(line, bytes) else line.encode()) + b"\n")
    with pytest.raises(InputError, match=r"in\.jsonl line 3") as refused:
        read_lines(file)
    assert words in str(refused.value) and refused.value.line == 3


def test_choices_is_another_name_for_labels(tmp_path):
    file = tmp_path / "in.jsonl"
    file.write_text(GOOD + "\n" + GOOD.replace("labels", "choices") + "\n" + GOOD.replace("love", r"\ud83d\ude00"))
    one, two, smile = read_lines(file)
    assert one == Question("I love it.", ("good", "bad"), "good", "in.jsonl line 1")
    assert two == Question("I love it.", ("good", "bad"), "good", "in.jsonl line 2")
    assert smile.text == "I \N{GRINNING FACE} it.", "a whole surrogate pair is a character"


@pytest.fixture
def ctrldiff(capsys, monkeypatch):
    """Run `ctrldiff calibrate` in this process; (status, output, errors)."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["ctrldiff", "calibrate", *map(str, arguments)])
        with pytest.raises(SystemExit) as done:
            main()
        captured = capsys.readouterr()
        return int(done.value.code or 0), captured.out, captured.err

    return run


def test_predictions_are_measured_without_a_model(tmp_path, ctrldiff):
    file, plot = tmp_path / "in.jsonl", tmp_path / "out.svg"
    file.write_text("".join(json.dumps(vars(said(0.9, n < 7))) + "\n" for n in range(10)))
    status, out, _ = ctrldiff(file, "--svg", plot, "--model", "no/such/model", "--json")
    facts = json.loads(out)
    assert status == 0 and facts["ece_mass"] == pytest.approx(0.2) and facts["mass"][0]["count"] == 10
    assert ElementTree.parse(plot).getroot().tag.endswith("svg")
    status, out, _ = ctrldiff(file)
    assert status == 0 and "equal mass" in out and "equal width" in out and "0.2000" in out and "-0.200" in out


def test_an_infinite_loss_is_null_in_json(tmp_path, ctrldiff):
    file = tmp_path / "in.jsonl"
    file.write_text('{"probs": {"a": 1, "b": 0}, "label": "b"}')
    status, out, _ = ctrldiff(file, "--json")
    assert status == 0 and json.loads(out)["log_loss"] is None


def test_lines_are_read_before_the_model(tmp_path, ctrldiff):
    file = tmp_path / "in.jsonl"
    file.write_text(GOOD + "\n{\n")
    status, _, err = ctrldiff(file, "--model", "no/such/model")
    assert status == 2 and "in.jsonl line 2" in err and "no/such/model" not in err
    for missing, words in ((tmp_path / "none", "cannot be read"), (tmp_path, "cannot be read")):
        status, _, err = ctrldiff(missing)
        assert status == 2 and words in err
    (tmp_path / "empty").write_text("\n")
    assert "holds no lines" in ctrldiff(tmp_path / "empty")[2]
    file.write_text('{"probs": {"a": 1}, "label": "a"}')
    assert "cannot be written" in ctrldiff(file, "--svg", tmp_path / "no" / "x.svg")[2]


def test_texts_are_decided_by_the_model_in_the_order_of_the_lines(tmp_path):
    import ctrldiff as cd

    model = cd.from_pretrained("tiny")
    lines = [
        Question("I love it.", ("good", "bad"), "good", "line 1"),
        said(0.9, True),
        Question("It broke. A waste of money.", ("positive", "negative"), "negative", "line 3"),
        Question("A waste of money. I want a refund.", ("good", "bad"), "bad", "line 4"),
    ]
    found = predict(model, lines)
    assert found[1] is lines[1]
    for n in (0, 2, 3):
        alone = model(lines[n].text, cd.Choice(lines[n].labels))
        assert found[n].label == lines[n].label and found[n].probs == pytest.approx(alone.probs, abs=1e-5)
    with pytest.raises(InputError, match="line 9"):
        predict(model, [*lines, Question("word " * 2000, ("a", "b"), "a", "line 9")])
