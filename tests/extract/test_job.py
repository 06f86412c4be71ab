"""Every document has one answer or one reason, whatever happens to the others, the disk or the process."""

import io
import json
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from ctrldiff.errors import CtrldiffError, InputError
from ctrldiff.extract import (
    Options,
    Places,
    Reading,
    Shard,
    carry_out,
    export,
    extract_file,
    job,
    ledger,
    outputs,
    read_ledgers,
)
from ctrldiff.extract.ledger import Entry, Ledger
from tests.extract.fakes import Fake

PLAN = {"schema": "abc", "seed": 0}
TEXTS = ["one", "two", "long", "raise", "five", "nan", "", "eight", "check", "half", "full eleven", "parts", "last"]


def write_input(path: Path, texts: list[str]) -> list[int]:
    """Documents, broken lines and blank ones among them. Returns the numbers of the lines that count."""
    lines = [json.dumps({"id": n, "text": text}) for n, text in enumerate(texts)]
    lines[5:5] = ["", "{broken", '{"id": NaN, "text": "a"}', '{"text": "a\\ud83d"}', "  "]
    path.write_text("\n".join(lines), encoding="utf-8")
    return [n for n, line in enumerate(lines, start=1) if line.strip()]


def rows(path: Path) -> list[dict]:
    data = path.read_bytes() if path.exists() else b""
    assert not data or data.endswith(b"\n")
    return [json.loads(line, parse_constant=pytest.fail) for line in data.splitlines()]


def numbers(path: Path) -> list[int]:
    return [row["line"] for row in rows(path)]


@pytest.fixture
def work(tmp_path):
    """A folder with an input, and a way to run it."""
    counted = write_input(tmp_path / "in", TEXTS)

    def run(decoder=None, out="out", plan=PLAN, **how):
        return carry_out(decoder or Fake(), plan, Places.of(tmp_path / "in", tmp_path / out), Reading(), Options(**how))

    run.folder, run.counted = tmp_path, counted
    return run


@pytest.mark.parametrize("ahead", [0, 1, 3, 100])
def test_every_document_has_one_row_or_one_failure_and_none_takes_another_with_it(work, ahead):
    told = []
    summary = work(Fake(ahead=ahead), report=lambda progress: told.append((progress.done, progress.failed)))
    answered, failed = numbers(work.folder / "out"), numbers(work.folder / "out.failed.jsonl")
    assert sorted(answered + failed) == work.counted and not set(answered) & set(failed)
    assert answered == sorted(answered) and failed == sorted(failed)
    assert (summary.done, summary.failed, summary.documents) == (7, 9, 16) == (len(answered), len(failed), 16)
    assert told[0] == (0, 0) and told[-1] == (7, 9) and summary.complete
    codes = sorted(row["code"] for row in rows(work.folder / "out.failed.jsonl"))
    assert codes == sorted(["PROMPT_TOO_LONG"] + ["INPUT"] * 4 + ["EXCEPTION"] * 4)
    whole = rows(work.folder / "out")
    assert [row["id"] for row in whole if row["full"]] == [10] and all(row["usage"]["forwards"] for row in whole)
    assert summary.other_calls == sum(row["usage"]["other_calls"] for row in whole) == 2 * summary.forwards > 0


def test_a_row_says_what_made_it_and_where_its_values_stand(work):
    work(plan={"ctrldiff": "1", "model": "m", "weights": "w", "schema": "s", "seed": 5, "steps": 3})
    row = rows(work.folder / "out")[0]
    plan = row["made"].pop("plan")
    assert row["made"] == {"version": "1", "model": "m", "revision": "w", "schema": "s", "seed": 5} and len(plan) == 32
    assert row["spans"] == {"/got": [{"start": 0, "end": 3}]} and row["id"] == 0
    assert set(row["usage"]) == {"prompt_tokens", "answer_tokens", "canvas", "forwards", "other_calls"}


def test_the_parts_of_a_text_are_one_row(work):
    work()
    (row,) = [row for row in rows(work.folder / "out") if "chunks" in row]
    assert row["chunks"] == [{"start": 0, "end": 2}, {"start": 2, "end": 5}]
    assert row["usage"]["forwards"] == 2 and row["usage"]["other_calls"] == 4, "two for each part"
    assert row["output"] == {"got": "str"} and row["log_prob"] == -2.0


def test_memory_does_not_grow_with_the_file_and_results_are_kept_before_its_end(tmp_path, monkeypatch):
    monkeypatch.setattr(job, "KEPT", 10)
    (tmp_path / "in").write_text("\n".join(json.dumps({"text": f"text {n}"}) for n in range(100)))
    seen = []

    class Looking(Fake):
        def answer(self, text):
            seen.append(sum(1 for _ in read_ledgers(tmp_path / "out.job")))
            return super().answer(text)

    carry_out(Looking(), PLAN, Places.of(tmp_path / "in", tmp_path / "out"))
    assert seen == [n // 10 * 10 for n in range(100)]


class Death(BaseException):
    """What a killed process does from then on: nothing."""


@pytest.mark.parametrize("at", range(0, 16, 2))
def test_a_run_that_dies_anywhere_is_gone_on_with_to_the_same_bytes(work, at, monkeypatch):
    work(out="whole")
    real = Ledger.keep
    monkeypatch.setattr(job, "KEPT", 3)
    kept = []

    def keep(self, entries):
        if len(kept) + len(entries) > at:
            raise Death
        kept.extend(entries)
        real(self, entries)

    monkeypatch.setattr(Ledger, "keep", keep)
    with pytest.raises(Death):
        work()
    monkeypatch.setattr(Ledger, "keep", real)
    decoder = Fake()
    assert work(decoder).earlier == len(kept) and len(decoder.texts) <= len(TEXTS) + 1 - len(kept) + 5
    for end in ("", ".failed.jsonl"):
        assert (work.folder / f"out{end}").read_bytes() == (work.folder / f"whole{end}").read_bytes()


def test_what_is_done_is_not_done_again(work):
    work()
    decoder = Fake()
    summary = work(decoder)
    assert summary.earlier == 16 and decoder.texts == [] and (summary.forwards, summary.other_calls) == (0, 0)
    assert summary.complete


def test_what_failed_is_done_again_only_when_asked(work):
    work()
    decoder = Fake()
    summary = work(decoder, retry_failed=True)
    assert len(decoder.texts) == 3 and summary.failed == 9, "three were refused when they were decoded"
    assert (summary.earlier, summary.here) == (16, 9)
    whole = (work.folder / "out").read_bytes()

    class Mended(Fake):
        def answer(self, text):
            return super().answer(text.replace("raise", "fine!"))

    told = []
    summary = work(Mended(), retry_failed=True, report=lambda one: told.append((one.done, one.failed)))
    assert (summary.done, summary.failed, summary.here) == (8, 8, 9)
    assert told[0] == (7, 9) and told[-1] == (8, 8) and {sum(one) for one in told} == {16}
    assert numbers(work.folder / "out") == sorted([*numbers(work.folder / "out")]) and len(whole) > 0
    assert {row["id"]: row["output"]["got"] for row in rows(work.folder / "out")}[3] == "!enif"


def test_another_plan_is_refused_with_what_differs_and_an_input_that_grew_is_gone_on_with(work):
    work()
    before = (work.folder / "out").read_bytes()
    with pytest.raises(InputError, match="seed: 0 there, 1 now"):
        work(plan=PLAN | {"seed": 1})
    with pytest.raises(InputError, match="steps: nothing there, 3 now"):
        work(plan=PLAN | {"steps": 3})
    assert (work.folder / "out").read_bytes() == before
    with (work.folder / "in").open("a") as stream:
        stream.write('\n{"text": "new"}')
    assert work().done == 8 and rows(work.folder / "out")[-1]["output"] == {"got": "wen"}


def test_another_input_is_refused_and_starts_anew_only_when_told(work):
    work()
    before = (work.folder / "out").read_bytes()
    text = (work.folder / "in").read_text()
    (work.folder / "in").write_text(text.replace("five", "six"))
    with pytest.raises(InputError, match=r"document 5 \(line 5\) is not the one that was done"):
        work()
    (work.folder / "in").write_text("\n".join(text.splitlines()[:3]))
    with pytest.raises(InputError, match="has 3 documents, and the job has done 16"):
        work()
    assert (work.folder / "out").read_bytes() == before
    assert work(overwrite=True).documents == 3 and numbers(work.folder / "out") == [1, 2]


def test_a_file_of_another_name_is_another_document(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.txt").write_text("one")
    places = Places.of(tmp_path / "in", tmp_path / "out")
    carry_out(Fake(), PLAN, places)
    (tmp_path / "in").rename(tmp_path / "moved")
    assert carry_out(Fake(), PLAN, replace(places, file=tmp_path / "moved")).earlier == 1, "the folder's own may change"
    (tmp_path / "moved" / "a.txt").rename(tmp_path / "moved" / "b.txt")
    with pytest.raises(InputError, match=r"document 1 \(b.txt line 1\) is not the one that was done"):
        carry_out(Fake(), PLAN, replace(places, file=tmp_path / "moved"))


def test_files_of_others_are_never_written_over_unasked(work):
    (work.folder / "out").write_text("mine\n")
    with pytest.raises(InputError, match="is there already"):
        work()
    assert (work.folder / "out").read_text() == "mine\n" and not (work.folder / "out.job").exists()
    (work.folder / "other.failed.jsonl").write_text("mine\n")
    with pytest.raises(InputError, match="is there already"):
        work(out="other")
    work(overwrite=True)
    (work.folder / "more").write_text("mine\n")
    with pytest.raises(InputError, match="is there already"):
        export(work.folder / "out.job", work.folder / "more")


@pytest.mark.parametrize("end", [".jsonl", ".csv", ".sqlite"])
def test_an_export_is_of_one_moment_whatever_comes_meanwhile(work, end, monkeypatch):
    left = [2]

    def stop() -> bool:
        left[0] -= 1
        return left[0] < 0

    work(stop=stop)
    before = sum(1 for one in read_ledgers(work.folder / "out.job") if one.code is None)
    real, came = outputs.json_line if end == ".jsonl" else outputs._kind, []

    def meanwhile(*args):
        if not came:
            came.append(None)
            came[0] = work()
        return real(*args)

    monkeypatch.setattr(outputs, real.__name__, meanwhile)
    export(work.folder / "out.job", work.folder / f"part{end}", overwrite=True)
    assert came[0].complete and came[0].done > before > 0
    if end == ".sqlite":
        (count,) = sqlite3.connect(work.folder / "part.sqlite").execute("SELECT COUNT(*) FROM rows").fetchone()
    else:
        count = len((work.folder / f"part{end}").read_text().splitlines()) - (end == ".csv")
    assert count == before


@pytest.mark.parametrize("of", [1, 2, 3, 5])
def test_shards_make_the_bytes_of_one_run_in_whatever_order_they_end(work, of):
    work(out="whole")
    for n in reversed(range(1, of + 1)):
        summary = work(shard=Shard(n, of))
        assert summary.complete == (n == 1) and (work.folder / "out").exists() == (n == 1)
    for end in ("", ".failed.jsonl"):
        assert (work.folder / f"out{end}").read_bytes() == (work.folder / f"whole{end}").read_bytes()


def test_shards_may_be_cut_anew_between_two_runs(work):
    work(out="whole")
    work(shard=Shard(2, 3))
    decoder = Fake()
    work(decoder, shard=Shard(1, 2))
    assert len(decoder.texts) < 8
    assert work().complete and (work.folder / "out").read_bytes() == (work.folder / "whole").read_bytes()


@pytest.mark.parametrize("text", ["0/2", "3/2", "a", "1/", "-1/2"])
def test_a_shard_that_is_none_is_refused(text):
    with pytest.raises(InputError, match="--shard"):
        Shard.read(text)


def test_arguments_that_could_not_be_used_are_named_before_anything_is_read(tmp_path):
    for n, of in ((0, 2), (3, 2), (1, 0)):
        with pytest.raises(InputError, match=f"shard {n} of {of}"):
            Shard(n, of)
    with pytest.raises(InputError, match=r"shard='2/4'\n.*Shard.read"):
        Options(shard="2/4")
    with pytest.raises(InputError, match=r"no argument 'filed'\n.*field="):
        extract_file(None, tmp_path / "none", tmp_path / "out", filed="body")


def test_two_runs_do_not_write_one_ledger(work):
    work()
    with Ledger(work.folder / "out.job", PLAN), pytest.raises(InputError, match="another run is writing"):
        work()
    assert work().earlier == 16


def test_nothing_is_started_anew_under_a_run_that_is_at_work(work):
    seen = []

    class Looking(Fake):
        def answer(self, text):
            if not seen:
                seen.append(True)
                with pytest.raises(InputError, match=r"another run is writing .*ledger-1-of-2.sqlite'"):
                    work(shard=Shard(2, 2), overwrite=True)
                work(shard=Shard(2, 2))
            return super().answer(text)

    assert work(Looking(), shard=Shard(1, 2), overwrite=True).complete and seen


def test_shards_that_begin_or_end_at_once_wait_for_each_other(work, monkeypatch):
    """Both would write one file of the same name, which the first to end moves away from the other."""
    inside, most = [], []

    def alone(real):
        def call(path, *args, **how):
            inside.append(path)
            most.append(inside.count(path))
            time.sleep(0.02)
            inside.remove(path)
            return real(path, *args, **how)

        return call

    monkeypatch.setattr(job, "write", alone(job.write))
    monkeypatch.setattr(ledger, "write_whole", alone(ledger.write_whole))
    with ThreadPoolExecutor(4) as pool:
        runs = [pool.submit(work, shard=Shard(n, 4)) for n in (1, 2, 3, 4)]
        assert any(one.result().complete for one in runs)
    first = list(most)
    with ThreadPoolExecutor(4) as pool:
        runs = [pool.submit(work, shard=Shard(n, 4)) for n in (1, 2, 3, 4)]
        assert all(one.result().complete for one in runs)
    assert set(most) == {1} and len(most) - len(first) == 8, "an output and a file of failures each"


def test_a_run_that_is_to_stop_finishes_what_is_at_work_and_is_gone_on_with(work):
    work(out="whole")
    decoder = Fake(batch_size=2, ahead=3)
    summary = work(decoder, stop=lambda: len(decoder.texts) >= 2)
    assert not summary.complete and 2 < summary.done + summary.failed < 12 and not (work.folder / "out").exists()
    answers, failures = export(work.folder / "out.job", work.folder / "so-far")
    assert (answers, failures) == (summary.done, summary.failed)
    assert (work.folder / "whole").read_bytes().startswith((work.folder / "so-far").read_bytes())
    assert work().complete and (work.folder / "out").read_bytes() == (work.folder / "whole").read_bytes()


@pytest.mark.parametrize("text", ["", "long", "check", "raise", "nan"])
def test_strict_raises_at_the_first_and_before_anything_is_decoded_if_it_can(tmp_path, text):
    write_input(tmp_path / "in", ["one", "two", "three", "four", "five"])
    lines = (tmp_path / "in").read_text().splitlines()
    good = [line for line in lines if "t" in line and "NaN" not in line and "ud83d" not in line]
    (tmp_path / "in").write_text("\n".join([*good, json.dumps({"text": text})]))
    decoder = Fake()
    with pytest.raises(CtrldiffError, match=r"line 6|empty|too long"):
        carry_out(decoder, PLAN, Places.of(tmp_path / "in", tmp_path / "out"), options=Options(strict=True))
    assert bool(decoder.texts) == (text in ("raise", "nan"))


def test_streams_are_used_as_they_come_and_failures_go_to_standard_error(monkeypatch):
    texts = b'{"text": "one"}\n{"text": "long"}\n{"text": "three"}'
    out, err = io.TextIOWrapper(io.BytesIO()), io.TextIOWrapper(io.BytesIO())
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(texts)))
    monkeypatch.setattr("sys.stdout", out)
    monkeypatch.setattr("sys.stderr", err)
    summary = carry_out(Fake(1), PLAN, Places.of("-", "-"))
    assert [json.loads(line)["line"] for line in out.buffer.getvalue().splitlines()] == [1, 3]
    assert [json.loads(line)["line"] for line in err.buffer.getvalue().splitlines()] == [2]
    assert summary.failed_file == "standard error" and summary.job == ""


def test_standard_input_is_gone_on_with_by_the_same_documents(tmp_path, monkeypatch):
    for data, done in ((b'{"text": "one"}', 1), (b'{"text": "one"}\n{"text": "two"}', 2)):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data)))
        assert carry_out(Fake(), PLAN, Places.of("-", tmp_path / "out")).done == done
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b'{"text": "other"}')))
    with pytest.raises(InputError, match="is not the one that was done"):
        carry_out(Fake(), PLAN, Places.of("-", tmp_path / "out"))


def test_an_object_without_words_of_its_own_cannot_be_gone_on_with(work):
    plan = PLAN | {"commit": repr(object())}
    work(plan=plan)
    with pytest.raises(InputError, match="commit: "):
        work(plan=plan)


def test_a_ledger_without_a_manifest_is_nobodys(work):
    work()
    (work.folder / "out.job" / "manifest.json").unlink()
    with pytest.raises(InputError, match="no manifest"):
        work()


def test_of_two_results_for_a_document_the_answer_counts(tmp_path):
    one = Entry(0, "", 1, None, b"d" * 16, None, "{}")
    for shard, entry in ((Shard(1, 2), replace(one, code="INPUT")), (Shard(2, 2), one), (Shard(1, 3), one)):
        with Ledger(tmp_path / "job", PLAN, shard=shard) as ledger:
            ledger.keep([entry])
    assert [entry.code for entry in read_ledgers(tmp_path / "job")] == [None]
    with Ledger(tmp_path / "job", PLAN) as ledger:
        assert ledger.counts() == (1, 0, 0) and ledger.done(0, 5) == {0: ("", b"d" * 16, False)}


@pytest.mark.parametrize("pages", range(5, 12))
def test_a_full_disk_ends_typed_and_the_run_is_gone_on_with(work, pages, monkeypatch):
    work(out="whole")
    real = sqlite3.connect

    def small(*arguments, **how):
        opened = real(*arguments, **how)
        opened.execute(f"PRAGMA max_page_count={pages}")
        return opened

    monkeypatch.setattr(sqlite3, "connect", small)
    try:
        work()
    except InputError as error:
        assert "cannot be written: database or disk is full" in str(error) and "goes on where" in str(error)
    monkeypatch.setattr(sqlite3, "connect", real)
    assert work().complete and (work.folder / "out").read_bytes() == (work.folder / "whole").read_bytes()
