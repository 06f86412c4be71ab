"""What a job has done so far is read from its ledgers, or from its output."""

import json
import sqlite3

import pytest

from ctrldiff.errors import InputError
from ctrldiff.extract import Places, carry_out
from ctrldiff.extract.done import read_plan, read_rows
from tests.extract.fakes import Fake
from tests.report.test_job import FAILED, answer

TABLE = """CREATE TABLE document (n INTEGER PRIMARY KEY, source TEXT NOT NULL, line INTEGER NOT NULL, id TEXT,
digest BLOB NOT NULL, code TEXT, record TEXT NOT NULL, forwards INTEGER NOT NULL,
other_calls INTEGER NOT NULL, seconds REAL NOT NULL, text TEXT)"""


def ledger(path, entries):
    with sqlite3.connect(path) as file:
        file.execute("PRAGMA journal_mode=WAL")
        file.execute(TABLE)
        for n, code, record in entries:
            told = json.dumps(record)
            file.execute(
                "INSERT INTO document VALUES (?,'',?,?,'',?,?,3,0,.5,NULL)", (n, n + 1, json.dumps(f"d{n}"), code, told)
            )
    file.close()


def test_the_ledgers_of_all_shards_are_read_in_order_and_an_answer_counts_more_than_a_failure(tmp_path):
    ledger(tmp_path / "ledger-1-of-2.sqlite", [(0, None, answer(0, {"a": 1})), (2, "INPUT", FAILED)])
    ledger(tmp_path / "ledger-2-of-2.sqlite", [(1, "INPUT", FAILED), (2, None, answer(2, {"a": 2}))])
    (tmp_path / "manifest.json").write_text('{"format": 3, "plan": {"model": "tiny"}}')
    rows = list(read_rows(tmp_path))
    assert [(one.n, one.code, one.id) for one in rows] == [(0, None, "d0"), (1, "INPUT", "d1"), (2, None, "d2")]
    assert read_plan(tmp_path) == {"model": "tiny"}


def test_the_lines_of_an_output_are_a_job_too(tmp_path):
    (tmp_path / "out.jsonl").write_text(json.dumps(answer(0, {"a": 1})) + "\n")
    (tmp_path / "out.jsonl.failed.jsonl").write_text(json.dumps(FAILED | {"line": 2}) + "\n")
    assert [(one.n, one.code) for one in read_rows(tmp_path / "out.jsonl")] == [(0, None), (1, "INPUT")]


@pytest.mark.parametrize("end", ["", ".gz"])
@pytest.mark.parametrize("folder", [False, True])
def test_the_lines_of_an_output_are_numbered_and_placed_as_the_ledger_has_them(tmp_path, folder, end):
    (tmp_path / "in").mkdir()
    for name in ("b.csv", "a.csv", "a/b.csv"):
        (tmp_path / "in" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "in" / name).write_text(f"id,text\n1,{name}\n\n2,raise\n3,last\n")
    file, out = tmp_path / "in" / ("" if folder else "b.csv"), tmp_path / f"out.jsonl{end}"
    carry_out(Fake(), {}, Places.of(file, out))
    told = [
        [(one.n, one.source, one.line, one.id, one.code) for one in read_rows(job)]
        for job in (out, tmp_path / f"{out}.job")
    ]
    assert told[0] == told[1] and [one[0] for one in told[0]] == list(range(9 if folder else 3))
    assert [one[4] for one in told[0][:3]] == [None, "EXCEPTION", None]


@pytest.mark.parametrize("content", [None, b"{}\n", b"not json\n", b"\xff\n", b"[" * 100_000])
def test_what_is_no_job_is_named(tmp_path, content):
    if content is not None:
        (tmp_path / "out.jsonl").write_bytes(content)
    with pytest.raises(InputError, match=r"out\.jsonl"):
        list(read_rows(tmp_path / "out.jsonl"))
    with pytest.raises(InputError, match="no job's folder"):
        list(read_rows(tmp_path))


def test_a_ledger_that_is_none_is_named(tmp_path):
    (tmp_path / "ledger.sqlite").write_bytes(b"not a database" * 100)
    with pytest.raises(InputError, match="cannot be read"):
        list(read_rows(tmp_path))
