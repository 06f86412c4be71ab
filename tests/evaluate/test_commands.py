"""`ctrldiff eval`, `report`, `trace` and `run --stream`, as a stranger meets them."""

import json
from typing import Literal

import pytest

from ctrldiff.evaluate.labelled import read_answers
from ctrldiff.extract import Places, carry_out
from tests.extract.fakes import Fake

SCHEMA = {
    "type": "object",
    "properties": {"customer": {"type": ["string", "null"]}, "total": {"type": ["number", "null"]}},
    "required": ["customer", "total"],
}
Size = Literal["S", "M"]
LINES = [
    {
        "id": "a",
        "text": "Invoice for Maria Jensen, total due: EUR 308.80.",
        "output": {"customer": "Maria Jensen", "total": 308.8},
    },
    {
        "id": "b",
        "text": "Receipt for Ivan Petrov, total due: EUR 12.50.",
        "output": {"customer": "Ivan Petrov", "total": 12.5},
    },
    {"id": "c", "text": "x " * 5000, "output": {"customer": None, "total": None}},
]


def written(folder):
    file = folder / "labelled.jsonl"
    file.write_text("".join(json.dumps(line) + "\n" for line in LINES))
    return file


def test_plans_are_compared_in_one_table(ctrldiff, tmp_path):
    file = written(tmp_path)
    assert len(read_answers(file)) == 3
    command = ("eval", file, "--schema", json.dumps(SCHEMA), "--plan", "default", "--plan", "llada:block=16,steps=4")
    status, out, err = ctrldiff(*command)
    assert status == 0, err
    rows = [line for line in out.splitlines() if line.startswith("| tiny |")]
    assert len(rows) == 2 and "llada:block=16,steps=4" in rows[1] and all("PromptTooLong 1" in row for row in rows)
    status, out, _ = ctrldiff(*command[:4], "--json", "--no-fields")
    (told,) = json.loads(out)
    assert f"| {told['passes']:.1f} + " in rows[0], "probabilities of values are told apart"
    assert told["documents"] == 3 and told["right"]["asked"] == 6 and told["no_answer"] == {"PromptTooLong": 1}
    assert told["ece"] is None and told["passes"] > 0 and told["seconds"] > 0


def test_a_file_without_a_schema_is_refused(ctrldiff, tmp_path):
    status, _, err = ctrldiff("eval", written(tmp_path))
    assert status == 2 and "line 1: no schema" in err


def test_an_extraction_is_reported_with_and_without_labels(ctrldiff, tmp_path):
    file, out, page = written(tmp_path), tmp_path / "out.jsonl", tmp_path / "report.html"
    docs = tmp_path / "docs.jsonl"
    docs.write_text("".join(json.dumps(line) + "\n" for line in [*LINES[:2], {"id": "d", "text": 3}]))
    status, _, _ = ctrldiff("extract", docs, "--schema", json.dumps(SCHEMA), "-o", out, "--fields", "--json")
    assert status == 1
    status, told, _ = ctrldiff("report", out, "-o", page, "--labelled", file, "--json")
    facts = json.loads(told)
    assert status == 0 and (facts["done"], facts["failed"]) == (2, 1) and facts["codes"] == {"INPUT": 1}
    assert 0 <= facts["ece"] <= 1 and 0 < facts["mean_prob"] <= 1
    whole = page.read_text(encoding="ascii")
    assert "4 labelled values" in whole and "INPUT" in whole and "customer" in whole
    status, told, _ = ctrldiff("report", tmp_path / "out.jsonl.job", "-o", page)
    assert status == 0 and "3 documents, 1 failed" in told
    whole = page.read_text(encoding="ascii")
    assert "labelled values" not in whole and "308.8</mark>" in whole and "Slowest documents" in whole
    status, _, err = ctrldiff("report", tmp_path / "nothing", "-o", page)
    assert status == 2 and "cannot be read" in err


@pytest.mark.parametrize("place", ["out.jsonl", "out.jsonl.job"])
@pytest.mark.parametrize("ids", [(), (0, 1, 2), (1,)])
def test_labels_go_with_rows_by_id_and_those_without_by_the_number_of_the_document(ctrldiff, tmp_path, ids, place):
    docs, file, page = tmp_path / "docs.csv", tmp_path / "labelled.jsonl", tmp_path / "report.html"
    docs.write_text("id,text\n\na,one\nb,raise\n\nc,three\n")
    carry_out(Fake(), {}, Places.of(docs, tmp_path / "out.jsonl"))
    lines = [{"id": id, "text": text, "output": {"got": text[::-1]}} for id, text in zip("abc", ("one", "x", "three"))]
    for n in {0, 1, 2}.difference(ids):
        del lines[n]["id"]
    file.write_text("\n\n".join(map(json.dumps, lines)))
    assert ctrldiff("report", tmp_path / place, "-o", page, "--labelled", file)[0] == 0
    assert "<td class=n>2</td><td class=n>0.0%</td><td class=n>100.0%</td>" in page.read_text(encoding="ascii")
    file.write_text("\n".join(json.dumps(line | {"id": 7}) for line in lines))
    status, _, err = ctrldiff("report", tmp_path / place, "-o", page, "--labelled", file)
    assert status == 2 and "line 2: id 7 is that of labelled.jsonl line 1, too" in err


def test_a_trace_is_one_file(ctrldiff, tmp_path):
    page = tmp_path / "trace.html"
    status, told, err = ctrldiff("trace", LINES[0]["text"], "--schema", json.dumps(SCHEMA), "-o", page, "--json")
    assert status == 0, err
    facts = json.loads(told)
    assert facts["steps"] > 0 and facts["output"]["total"] == 308.8
    whole = page.read_text(encoding="ascii")
    assert whole.count('"pieces"') == facts["steps"] + 1 and "308.8</mark>" in whole
    status, _, err = ctrldiff("trace", "x", "--regex", "a", "-o", tmp_path / "no" / "such.html")
    assert status == 2 and "cannot be written" in err
    for named, steps in (("date", 1), ("tests.evaluate.test_commands:Size", 0)):
        status, told, err = ctrldiff("trace", "S, of 3 March 2026", "--type", named, "-o", page, "--json")
        assert status == 0 and json.loads(told)["steps"] >= steps, err
    status, _, err = ctrldiff("trace", "x", "--type", "no_such_type")
    assert status == 2 and "no_such_type" in err
    status, _, err = ctrldiff("trace", "x", "--regex", "a", "--choice", "a,b")
    assert status == 2 and "cannot go together" in err


def test_a_decode_is_streamed_to_standard_error(ctrldiff):
    command = ("run", "The code is AB-1234.", "--regex", "[A-Z]{2}-[0-9]{4}", "--max-new-tokens", 8)
    status, out, err = ctrldiff(*command, "--stream", "--json")
    assert status == 0
    lines = [line for line in err.splitlines() if line.strip()]
    answer = json.loads(out)["output"]
    assert len(lines) > 1 and lines[-1].endswith(answer) and "\u00b7" in lines[0]
    status, plain, _ = ctrldiff(*command, "--json")
    assert json.loads(plain)["output"] == answer, "looking on changes nothing"


def test_a_choice_that_is_streamed_is_decided_as_it_would_be(ctrldiff):
    command = ("run", "I loved it", "--choice", "good,bad", "--json")
    _, plain, _ = ctrldiff(*command)
    _, streamed, _ = ctrldiff(*command, "--stream")
    assert json.loads(plain)["probs"] == json.loads(streamed)["probs"]
