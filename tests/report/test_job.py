"""A job's page says what the ledger says."""

import json
import re

import pytest

from ctrldiff import fields
from ctrldiff.json_schema.places import places
from ctrldiff.report.job import job_page, values_of
from ctrldiff.report.rows import JobRow
from ctrldiff.report.tally import NAMES, OTHERS, SAMPLE, JobTally, leaves


def answer(n, output, probs=(), **more):
    fields = {name: {"prob": p, "kind": "string", "where": [0, 1]} for name, p in dict(probs).items()}
    return {
        "line": n + 1,
        "output": output,
        "log_prob": -1.0,
        "usage": {"answer_tokens": 4},
        "full": False,
        "fields": fields,
    } | more


def row(n, output, probs=(), text=None, seconds=1.0, **more):
    return JobRow(n, "", n + 1, f"d{n}", None, answer(n, output, probs, **more), 5, seconds, text)


FAILED = {"line": 1, "code": "INPUT", "error": "no JSON"}


def test_values_have_the_names_that_fields_have():
    value = {"a": [1, {"b/c": None}], "d": {}, "e": []}
    assert list(leaves(value)) == [("a/0", 1), ("a/1/b~1c", None), ("d", {}), ("e", [])]
    assert list(leaves("x")) == [("", "x")]
    empty = {"": 1, "a": {"": 2}}
    assert list(leaves(empty)) == [("/", 1), ("a/", 2)] and list(leaves({"": {"b": 3}})) == [("//b", 3)]
    for one in (value, "x", empty, {"": {"b": 3}}):
        assert [name for name, _ in leaves(one)] == [fields.name_of(at) for at, *_ in places(json.dumps(one))]


def test_places_in_lists_are_counted_together_and_keys_of_digits_apart():
    tally = JobTally()
    output = {"2023": 1, "2024": None, "²": [[5], [{"7": 6}]], "": 8}
    flags = [{"where": "/2024"}, {"where": "/²/1/0/7"}, {"where": "/"}]
    tally.add(row(0, output, {"2023": 0.5, "/": 0.25}, flags=flags), {"2023": True, "²/0/0": False})
    assert {name: one.count for name, one in tally.fields.items()} == {
        "2024": 1, "²/*/*/7": 1, "/": 1, "2023": 1, "²/*/*": 1,
    }  # fmt: skip
    assert [tally.fields[name].flagged for name in ("2024", "²/*/*/7", "/", "2023")] == [1, 1, 1, 0]
    assert (tally.fields["2023"].right, tally.fields["²/*/*"].judged, tally.fields["/"].bins.mean) == (1, 1, 0.25)
    by_name = {one.name: one for one in values_of(answer(0, output, {"/": 0.25}, flags=flags))}
    assert by_name["/"].prob == 0.25 and by_name["/"].flagged and by_name["2024"].flagged


def test_figures_are_those_of_the_rows():
    tally = JobTally()
    tally.add(
        row(0, {"a": None, "b": [1, 2]}, {"a": 0.9, "b/0": 0.2, "b/1": 0.7}, full=True), {"a": True, "b/0": False}
    )
    calls = {"answer_tokens": 4, "other_calls": 3}
    tally.add(row(1, {"a": "x"}, {"a": 0.5}, seconds=9.0, flags=[{"where": "/a", "nulled": True}], usage=calls))
    tally.add(JobRow(2, "f.txt", 1, None, "INPUT", FAILED, 0, 0.0))
    assert (tally.done, tally.failed, tally.full, tally.flagged, tally.nulled) == (2, 1, 1, 1, 1)
    assert (tally.forwards, tally.other_calls) == (10, 3)
    assert "<b>1.5</b><span>calls of other models a document" in job_page(tally)
    a, b = tally.fields["a"], tally.fields["b/*"]
    assert (a.count, a.nulls, a.flagged, a.judged, a.right) == (2, 1, 1, 1, 1)
    assert (b.count, b.judged, b.right, b.unsure) == (2, 1, 0, 1)
    assert tally.values.mean == pytest.approx((0.9 + 0.2 + 0.7 + 0.5) / 4)
    assert tally.values.error == pytest.approx((abs(1 - 0.9) + abs(0 - 0.2)) / 2)
    assert [one.n for _, _, one in sorted(tally.slowest, reverse=True)] == [1, 0], (
        "what is refused at once costs nothing"
    )
    assert tally.errors == {"INPUT": [("f.txt line 1", "no JSON")]}


def test_memory_does_not_grow_with_rows_or_names():
    tally = JobTally()
    for n in range(2000):
        tally.add(row(n, {f"key {n}": "x"}, {f"key {n}": n / 2000}, text="t", seconds=n))
    assert len(tally.fields) == NAMES + 1 and tally.fields[OTHERS].count == 2000 - NAMES
    assert len(tally.sample) == SAMPLE and len(tally.doubtful) == SAMPLE and len(tally.slowest) <= 20
    least = {one.n for *_, one in tally.doubtful}
    assert least == set(range(SAMPLE, 2 * SAMPLE)), "the least sure of those that are not shown already"


def test_the_page_shows_what_is_there_and_marks_the_spans():
    text = "Total <b>12.50</b> EUR"
    fields = {"total": {"prob": 0.25, "kind": "number", "where": [0, 4], "source": {"start": 9, "end": 13}}}
    one = JobRow(0, "", 1, "<i>", None, answer(0, {"total": 12.5}) | {"fields": fields}, 5, 1.0, text)
    tally = JobTally()
    tally.add(one, {"total": True})
    tally.add(JobRow(1, "", 2, "y", "INPUT", FAILED, 0, 0.0))
    whole = job_page(tally, name="my <job>", plan={"schema": "<x>"})
    assert '<mark data-v="0" tabindex="0">12.5</mark>' in whole and "&lt;b&gt;" in whole
    for words in ("my &lt;job&gt;", "no JSON", "Calibration", "&lt;i&gt;", "&lt;x&gt;"):
        assert words in whole, words
    assert (
        "<b>12.50" not in whole and "<script" not in whole and "<i>" not in re.sub(r'<i style="[^"]*"></i>', "", whole)
    )


def test_a_job_without_rows_or_probabilities_has_a_page():
    assert "<h1>" in job_page(JobTally())
    tally = JobTally()
    tally.add(JobRow(0, "", 1, None, None, {"line": 1, "output": {"a": 1}, "log_prob": -1}))
    assert "extract --fields" in job_page(tally)


def test_values_are_marked_wherever_they_are_stated():
    record = answer(0, {"total": {"amount": 5, "currency": "EUR"}, "day": "2026-03-03", "name": "Ann"})
    text = "To 5 EUR, 3 March, 3 March & Ann"
    record["spans"] = {
        "/total": [{"start": 3, "end": 8, "spelling": "5 EUR"}],
        "/day": [{"start": 10, "end": 17, "spelling": "3 March"}, {"start": 19, "end": 26, "spelling": "3 March"}],
        "/name": [{"start": 33, "end": 36}],  # in the original, which had &amp; there
    }
    record["flags"] = [{"where": "/total/amount"}]
    values = values_of(record, text)
    assert [one.name for one in values if one.flagged] == ["total/amount"]
    sources = {one.name: [text[a:b] for a, b in one.source] for one in values}
    assert sources == {
        "total/amount": [],
        "total/currency": [],
        "day": ["3 March", "3 March"],
        "name": ["Ann"],
        "total": ["5 EUR"],
    }
