"""Figures are those that one counts by hand, and those of the real set's own scorer."""

import json
import math
import random
from dataclasses import replace

import pytest

from ctrldiff.errors import InputError
from ctrldiff.evaluate.labelled import Answer, read_answers
from ctrldiff.evaluate.score import Score, Tally
from ctrldiff.evaluate.table import Entry, facts, markdown
from ctrldiff.fields import Field
from ctrldiff.json_schema import JsonSchema
from ctrldiff.limits import DEFAULT
from ctrldiff.result import Result, Usage
from examples.train_tiny.real import measure
from examples.train_tiny.real.gold import documents

SCHEMA = {
    "type": "object",
    "properties": {
        "name": {"type": ["string", "null"]},
        "day": {"anyOf": [{"type": "string", "format": "date"}, {"type": "null"}]},
        "size": {"enum": ["S", "M"]},
        "items": {"type": "array", "items": {"type": "string"}},
    },
}
SHAPE = JsonSchema(SCHEMA).shape(DEFAULT)


def result(output, fields=None, forwards=7):
    raw = json.dumps(output, ensure_ascii=False)
    return Result(output, raw, -1.0, Usage(1, 1, 1, forwards, 0.0), (), fields=fields or {})


def test_the_error_of_a_share_is_that_of_a_ratio_over_documents():
    tally = Tally()
    for hits in ([True, True], [], [False, False, False], [True]):
        tally.add(hits)
    assert (tally.yes, tally.asked, tally.share) == (3, 6, 0.5)
    by_hand = math.sqrt(((2 - 1) ** 2 + (0 - 1.5) ** 2 + (1 - 0.5) ** 2) * 3 / 2) / 6
    assert tally.error == pytest.approx(by_hand)
    assert math.isnan(Tally().share) and math.isnan(Tally([(1, 1)]).error)


def test_figures_by_hand():
    score = Score()
    label = {"name": "Ann Lee", "day": None, "size": "M", "items": ["pen", "ink"]}
    text = "Ann Lee bought a pen and ink."
    score.add(
        Answer(text, label, "1"), result({"name": None, "day": "2026-01-01", "size": "M", "items": ["pen"]}), SHAPE
    )
    score.add(Answer(text, label, "2"), result(label | {"items": ["pen", "ink"]}), SHAPE)
    score.add(Answer(text, label, "3"), replace(result(label | {"name": "Bob Roe"}), full=True), SHAPE)
    score.add(Answer(text, label, "4"), InputError("too long"), SHAPE)
    told = facts(Entry("m", "p", score))

    def yes_of(name, part=told):
        return part[name]["yes"], part[name]["asked"]

    assert yes_of("right") == (1 + 4 + 3, 16) and yes_of("objects") == (1, 4)
    assert yes_of("null_for_stated") == (1, 12) and yes_of("invented") == (1, 4)
    assert yes_of("null") == (2 + 4 + 4, 16), "of an answer that is not there nothing is"
    assert yes_of("items") == (1 + 2 + 2, 8)
    assert yes_of("not_in_text") == (1, 1 + 3 + 3), "Bob Roe; labels and dates are not asked"
    assert told["full"] == 1
    assert told["no_answer"] == {"InputError": 1} and told["passes"] == 7 and told["documents"] == 4
    assert yes_of("right", told["fields"]["name"]) == (1, 4) and yes_of("right", told["kinds"]["absent"]) == (2, 4)
    assert set(told["kinds"]) == {"string", "absent", "enum", "list"}
    json.dumps(told, allow_nan=False)


def test_other_right_values_count_and_keys_without_a_label_do_not():
    score = Score()
    labelled = Answer("Bob", {"name": "Bob"}, "1", also={"name": ("Robert", None)})
    for name in ("Robert", None, "Bob"):
        score.add(labelled, result({"name": name, "size": "S"}), SHAPE)
    assert (score.all.right.yes, score.all.right.asked) == (3, 3)
    assert score.all.null_for_stated.asked == score.all.invented.asked == 0, "either is right here"


def test_null_that_is_right_twice_and_labels_that_ask_nothing_are_counted():
    score = Score()
    for name in (None, "Bob"):
        score.add(Answer("x", {"name": None}, "1", also={"name": (None,)}), result({"name": name}), SHAPE)
    assert (score.all.invented.yes, score.all.invented.asked, list(score.kinds)) == (1, 2, ["absent"])
    score.add(Answer("x", {}, "2"), result({"name": None}), SHAPE)
    score.add(Answer("x", {}, "3"), InputError("too long"), SHAPE)
    assert score.objects.pairs == [(1, 1), (0, 1), (1, 1), (0, 1)], "a document without an answer is wrong"


def test_probabilities_are_held_against_labels():
    def field(text, prob, kind="string"):
        return Field(text, (0, 1), prob, prob, 1.0, kind)

    score = Score()
    fields = {"": field("{}", 0.5, "object"), "name": field('"Ann"', 0.9), "day": field("null", 0.6, "null")}
    score.add(
        Answer("Ann", {"name": "Ann", "day": "2026-01-01"}, "1"), result({"name": "Ann", "day": None}, fields), SHAPE
    )
    assert [(one.prob, one.right) for one in score.all.probs] == [(0.9, True), (0.6, False)]
    error, chance = score.calibration
    assert error == pytest.approx((0.1 + 0.6) / 2) and chance > 0
    assert score.fields["name"].probs and score.kinds["date"].probs
    assert math.isnan(Score().calibration[0])


def test_the_real_sets_own_scorer_counts_the_same():
    """On answers that are right, wrong, null and missing by chance."""
    rng = random.Random(0)
    ours, theirs = Score(), measure.Score()
    for gold in documents("documents") + documents("items"):
        output = {}
        for one in gold.fields:
            wrong = [] if one.schema.get("type") == "array" else [0, True, "nobody said so"]
            output[one.key] = rng.choice([rng.choice(one.answers), rng.choice(one.answers), None, [], *wrong])
        line = measure.labelled(gold)
        labelled = Answer(
            gold.text, line["output"], "", also={key: tuple(v) for key, v in line.get("also", {}).items()}
        )
        missing = rng.random() < 0.1
        theirs.add(gold, None if missing else output)
        ours.add(labelled, InputError("none") if missing else result(output), JsonSchema(gold.schema).shape(DEFAULT))
    pairs = [
        (ours.all.right, theirs.fields),
        (ours.objects, theirs.objects),
        (ours.all.null_for_stated, theirs.null_for_stated),
        (ours.all.invented, theirs.invented),
        (ours.items, theirs.items),
        (ours.kinds["absent"].right, theirs.by_type["absent"]),
    ]
    for mine, other in pairs:
        assert mine.pairs == [pair for pair in other.pairs if pair[1]]
        assert 0 < mine.yes < mine.asked or mine is ours.objects


def test_the_table_has_a_row_for_each_and_no_cell_breaks_it():
    score = Score()
    score.add(Answer("Ann", {"a|b\nc": "Ann"}, "1"), result({"a|b\nc": "Ann"}), None)
    table = markdown([Entry("tiny", "default", score), Entry("tiny", "llada:block=8", Score())])
    widths = {line.replace("\\|", "").count("|") for line in table.splitlines()[:4]}
    assert len(widths) == 1 and "| a\\|b c | 1 | 100.0 |" in table and "llada:block=8" in table


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("{}", "no text and output"),
        ('{"text": "a", "output": 3}', "no text and output"),
        ('{"text": "a", "output": {"b": 1}, "also": {"c": [1]}}', "by keys of the output"),
        ('{"text": "a", "output": {"b": 1}, "also": {"b": 1}}', "by keys of the output"),
        ("[", "not JSON"),
        ("", "no lines"),
    ],
)
def test_a_line_that_cannot_be_used_is_named(tmp_path, line, why):
    file = tmp_path / "labelled.jsonl"
    file.write_text(line, encoding="utf-8")
    with pytest.raises(InputError, match=why):
        read_answers(file)
