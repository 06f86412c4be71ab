"""`ctrldiff extract` and `export`, as a stranger meets them."""

import json
from pathlib import Path

import pytest

from tests.cli.test_run import SCHEMA


def test_extract_keeps_what_it_can_and_says_what_it_cannot(tmp_path, ctrldiff):
    docs, out = tmp_path / "docs.jsonl", tmp_path / "out.jsonl"
    lines = [
        '{"id": "a", "text": "Total 3 EUR, paid"}',
        '{"id": "b"',
        '{"text": ""}',
        '{"body": "x"}',
        "",
        '{"text": "' + "word " * 500 + '"}',
        "[1]",
        '{"text": "Total 5 EUR"}',
    ]
    docs.write_text("\n".join(lines) + "\n")
    status, printed, _ = ctrldiff("extract", docs, "--schema", json.dumps(SCHEMA), "-o", out, "--json", "--steps", 2)
    summary = json.loads(printed)
    assert status == 1 and summary["done"] == 3 and summary["failed"] == 4
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert [row["line"] for row in rows] == [1, 6, 8] and rows[0]["id"] == "a"
    assert len(rows[1]["chunks"]) > 1 and "chunks" not in rows[0], "what is too long is read in parts"
    assert all(set(row["output"]) == {"total", "paid"} for row in rows)
    failed = [json.loads(line) for line in Path(summary["failed_file"]).read_text().splitlines()]
    assert [(row["line"], row["code"]) for row in failed] == [
        (2, "INPUT"),
        (3, "INPUT"),
        (4, "INPUT"),
        (7, "INPUT"),
    ]
    assert "line 2" in failed[0]["error"] and failed[0]["input"] == lines[1]


def test_extract_goes_on_where_it_was_and_starts_anew_only_when_told(tmp_path, ctrldiff):
    docs, out = tmp_path / "docs.jsonl", tmp_path / "out.jsonl"
    docs.write_text("".join(json.dumps({"text": f"Total {n} EUR"}) + "\n" for n in range(4)))
    described = json.dumps(SCHEMA | {"description": "longer than any name of a file " * 200})
    command = ("extract", docs, "--schema", described, "-o", out, "--steps", 2, "--batch-size", 2, "--json")
    assert ctrldiff(*command)[0] == 0
    whole = out.read_bytes()
    with docs.open("a") as stream:
        stream.write('{"text": "Total 4 EUR"}\n')
    status, printed, _ = ctrldiff(*command)
    assert status == 0 and out.read_bytes().startswith(whole) and json.loads(printed)["earlier"] == 4
    whole = out.read_bytes()
    status, _, told = ctrldiff(*command, "--seed", 3)
    assert status == 2 and "seed: 0 there, 3 now" in told and "--overwrite" in told and out.read_bytes() == whole
    assert ctrldiff(*command, "--seed", 3, "--overwrite")[0] == 0
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert [row["line"] for row in rows] == [1, 2, 3, 4, 5] and all(row["usage"]["answer_tokens"] > 5 for row in rows)


def test_extract_reads_and_writes_the_standard_streams(ctrldiff):
    lines = '{"text": "Total 3 EUR", "id": "é"}\n{"text": 5}\n'
    status, out, err = ctrldiff("extract", "-", "-s", json.dumps(SCHEMA), "-o", "-", "--steps", 2, stdin=lines)
    row, failure = json.loads(out), json.loads(err.splitlines()[0])
    assert status == 1 and (row["id"], row["line"]) == ("é", 1) and failure["line"] == 2
    assert "1 answers, 1 failed (see standard error)" in " ".join(err.split())


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("none.jsonl", "-s", '{"const": 1}', "-o", "OUT"), "cannot be read"),
        (("DOCS", "-s", "no/such.json", "-o", "OUT"), "SCHEMA_INVALID"),
        (("DOCS", "-s", '{"type": "strin"}', "-o", "OUT"), "SCHEMA_INVALID"),
        (("DOCS", "-s", '{"type": "string", "format": "regex"}', "-o", "OUT"), "SCHEMA_UNSUPPORTED"),
        (("DOCS", "-s", '{"type": "string", "x-span": "yes"}', "-o", "OUT"), "SCHEMA_INVALID"),
        (("DOCS", "-s", '{"const": 1}', "-o", "DOCS", "--overwrite"), "is the input itself"),
        (("DOCS", "-s", '{"const": 1}', "-o", "OTHER"), "is there already"),
        (("DOCS", "-s", "SCHEMA", "-o", "SCHEMA", "--overwrite"), "which is read"),
        (("DOCS", "-s", '{"const": 1}', "-o", "nowhere/out"), "there is no folder"),
    ],
)
def test_what_is_mistyped_is_told_before_the_model_is_looked_at(tmp_path, ctrldiff, arguments, told):
    names = {name: tmp_path / name for name in ("DOCS", "OUT", "OTHER", "SCHEMA")}
    names["DOCS"].write_text('{"text": "Total 3 EUR"}\n')
    names["OTHER"].write_text("mine\n")
    names["SCHEMA"].write_text('{"const": 1}')
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    # The model is not there either, and is not what is told of.
    status, _, err = ctrldiff("extract", *(names.get(one, one) for one in arguments), "--model", "no/such/model")
    assert status == 2 and told in err and "Traceback" not in err
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize(("number", "status"), [("SIGINT", 130), ("SIGTERM", 143)])
def test_a_stopped_extraction_keeps_what_it_has_and_says_how_to_go_on(tmp_path, ctrldiff, monkeypatch, number, status):
    import os
    import signal

    from ctrldiff.extract import job
    from ctrldiff.extract.ledger import Ledger

    docs, out = tmp_path / "docs.jsonl", tmp_path / "out.jsonl"
    docs.write_text("".join(json.dumps({"text": f"Total {n} EUR"}) + "\n" for n in range(12)))
    command = ("extract", docs, "--schema", json.dumps(SCHEMA), "-o", out, "--steps", 2, "--batch-size", 2, "--json")
    monkeypatch.setattr(signal, "_ours", signal.signal(signal.SIGINT, signal.default_int_handler), raising=False)
    real, handlers = Ledger.keep, [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)]

    def keep(self, entries):
        real(self, entries)
        if entries[0].n == 2:
            os.kill(os.getpid(), getattr(signal, number))

    with monkeypatch.context() as patch:
        patch.setattr(job, "KEPT", 1)
        patch.setattr(Ledger, "keep", keep)
        done, printed, err = ctrldiff(*command)
    assert done == status and "documents are done; the same command goes on" in err and "Traceback" not in err
    assert f"--resume {out}.job" in err and not out.exists()
    if number == "SIGINT":
        assert "finishing the documents at work" in err and json.loads(printed)["done"] == 5
    else:
        assert "stopped: 3 documents are done" in err and printed == ""
    assert [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)] == handlers
    assert ctrldiff("export", f"{out}.job", "-o", tmp_path / "some.csv")[0] == 0
    assert 4 <= len((tmp_path / "some.csv").read_text().splitlines()) <= 6
    status, printed, _ = ctrldiff("extract", "--resume", f"{out}.job", "--json")
    assert status == 0 and json.loads(printed)["earlier"] >= 3 and len(out.read_text().splitlines()) == 12


def test_a_job_is_gone_on_with_by_its_folder_in_shards_and_what_failed_is_tried_again(tmp_path, ctrldiff):
    docs, out = tmp_path / "docs.csv", tmp_path / "out.parquet"
    docs.write_text("id,body\n" + "".join(f"{n},Total {n} EUR\n" for n in range(4)) + "9,\n")
    described = tmp_path / "schema.json"
    described.write_text(json.dumps(SCHEMA))
    command = ("extract", docs, "-s", described, "-o", out, "--field", "body", "--steps", 2, "--json", "--flat")
    status, printed, _ = ctrldiff(*command, "--shard", "1/2")
    assert status == 3 and json.loads(printed)["done"] == 2 and not out.exists()
    status, printed, _ = ctrldiff("extract", "--resume", f"{out}.job", "--shard", "2/2", "--json")
    assert status == 1 and json.loads(printed)["done"] == 4 and json.loads(printed)["failed"] == 1
    import pyarrow.parquet

    table = pyarrow.parquet.read_table(out)
    assert table.column_names[:4] == ["id", "line", "/total", "/paid"] and table["id"].to_pylist() == list("0123")
    status, printed, _ = ctrldiff("extract", "--resume", f"{out}.job", "--retry-failed", "--json")
    assert status == 1 and json.loads(printed)["failed"] == 1
    status, _, err = ctrldiff("extract", docs, "--resume", f"{out}.job")
    assert status == 2 and "--resume says what is read" in err
    for wrong in (("extract", "--resume", tmp_path), ("export", tmp_path, "-o", "-")):
        status, _, err = ctrldiff(*wrong)
        assert status == 2 and "is no job's folder" in err
    status, _, err = ctrldiff("extract", docs)
    assert status == 2 and "FILE, --schema or --compiled, and -o are needed" in err


def test_strict_extraction_stops_before_anything_is_written(tmp_path, ctrldiff):
    docs, out = tmp_path / "docs.jsonl", tmp_path / "out.jsonl"
    docs.write_text('{"text": "Total 3 EUR"}\n{"broken\n')
    status, _, err = ctrldiff("extract", docs, "--schema", json.dumps(SCHEMA), "-o", out, "--strict")
    assert status == 2 and "docs.jsonl line 2" in err and not out.exists()


def test_the_summary_tells_of_other_models_only_where_there_are_any(capsys):
    from ctrldiff.cli.show import show_summary
    from ctrldiff.extract import Summary

    for other, said in ((0, False), (6, True)):
        counts = {"done": 4, "failed": 0, "earlier": 1, "here": 3, "documents": 4, "complete": True, "forwards": 9}
        show_summary(Summary(**counts, other_calls=other))
        told = " ".join(capsys.readouterr().err.split())
        assert "3.0 forwards each" in told and ("2.0 calls of other models each" in told) == said
