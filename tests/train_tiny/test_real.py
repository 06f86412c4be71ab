"""The real set: it reads, its answers fit their schemas and stand in the texts, and right ones are counted as right."""

from pathlib import Path

import pytest

from ctrldiff.json_schema import JsonSchema
from examples.train_tiny.real.gold import documents, reviews
from examples.train_tiny.real.measure import FOREIGN, SPELLINGS, Score, Tally, padded, same, spelled

ROOT = Path(__file__).parents[2] / "examples/train_tiny"
SETS = [(name, gold) for name in ("documents", "items") for gold in documents(name)]


def test_the_set_is_as_large_as_it_says():
    assert [gold.number for gold in documents()] == list(range(1, 81))
    assert [gold.number for gold in documents("items")] == list(range(1, 13))
    assert [one.label for one in reviews()] == ["positive"] * 10 + ["negative"] * 10
    assert [one.label for one in reviews("plain_reviews")] == ["positive"] * 60 + ["negative"] * 60


@pytest.mark.parametrize(("name", "gold"), SETS, ids=lambda one: one if isinstance(one, str) else str(one.number))
def test_answers_fit_their_schema_and_stand_in_the_text(name, gold):
    constraint = JsonSchema(gold.schema)
    text = " ".join(gold.text.split()).casefold()
    answer = {field.key: field.answers[0] for field in gold.fields}
    assert constraint.canonical(answer) in constraint
    for field in gold.fields:
        for value in field.answers:
            assert constraint.canonical(answer | {field.key: value}) in constraint
        if field.schema == {"type": "string"} and not field.absent:
            assert any(str(value).casefold() in text for value in field.answers), field


def test_no_review_is_a_sentence_that_is_trained_on():
    told = (ROOT / "second/happened.txt").read_text(encoding="utf-8").splitlines()
    judged = {one.text for part in ("reviews", "plain_reviews") for one in reviews(part)}
    assert len(judged) == 140 and judged.isdisjoint(told)


def test_nothing_that_trains_reads_the_set():
    names = ("train_tiny.real", "documents.txt", "reviews.txt", "items.txt")
    for file in {*ROOT.glob("*.py"), *ROOT.glob("second/*.py")} - {ROOT / "second/measure.py"}:
        assert not any(name in file.read_text() for name in names), file


def test_right_answers_score_full_marks_and_wrong_ones_none():
    good, bad = Score(), Score()
    for _, gold in SETS:
        good.add(gold, {field.key: field.answers[-1] for field in gold.fields})
        bad.add(gold, {field.key: "no such answer" if field.absent else None for field in gold.fields})

    def shares(tally):
        return sum(r for r, _ in tally.pairs) / sum(a for _, a in tally.pairs)

    assert (shares(good.fields), shares(good.objects), shares(good.items)) == (1, 1, 1)
    assert (shares(good.null_for_stated), shares(good.invented)) == (0, 0)
    assert (shares(bad.null_for_stated), shares(bad.invented), shares(bad.items)) == (1, 1, 0)
    assert shares(bad.fields) < 0.05


def test_no_answer_is_wrong_but_not_null():
    score = Score()
    score.add(documents()[0], None)
    assert score.fields.pairs == [(0, 6)] and score.null_for_stated.pairs == [(0, 5)]


def test_true_is_not_one_and_outer_signs_do_not_count():
    assert same(2, 2.0) and not same(True, 1) and same(' "Moss". ', "Moss") and not same("Moss", "moss")


def test_keys_in_every_spelling_differ_within_a_document():
    for spelling in SPELLINGS:
        for _, gold in SETS:
            assert len({field.key for field in spelled(gold, spelling).fields}) == len(gold.fields)
    assert spelled(documents()[1], "SHOUTING").fields[0].key == "INVOICE_NUMBER"


def test_foreign_keys_are_spread_and_absent():
    gold = padded(documents()[0], 15)
    assert len(gold.fields) == 15 and sum(field.key in FOREIGN and field.absent for field in gold.fields) == 9


def test_an_error_is_that_of_documents_not_of_fields():
    together, apart = Tally([(4, 4), (0, 4)] * 8), Tally([(2, 4)] * 16)
    assert "50.0% ± 12.9%" in str(together) and "50.0% ±  0.0%" in str(apart)
