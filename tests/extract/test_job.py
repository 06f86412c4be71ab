"""Every line of a file has one answer or one reason, whatever happens to the others, the disk or the process."""

import errno
import io
import json
import os
from pathlib import Path

import pytest

from ctrldiff.errors import InputError
from ctrldiff.extract import Places, carry_out, sinks
from ctrldiff.extract import files as ledger
from tests.conftest import few
from tests.extract.fakes import Fake

PLAN = {"schema": "abc", "seed": 0}
TEXTS = ["one", "two", "long", "raise", "five", "nan", "", "eight", "check", "half", "full eleven", "twelve", "last"]


class Death(BaseException):
    """What a killed process does from then on: nothing, clean-up included."""


def write_input(path: Path, texts: list[str]) -> list[int]:
    """Documents, a broken line and a blank one among them. Returns the numbers of the lines that count."""
    lines = [json.dumps({"id": n, "text": text}) for n, text in enumerate(texts)]
    lines[5:5] = ["", "{broken", '{"id": NaN, "text": "a"}', '{"text": "a\\ud83d"}', "  "]
    path.write_text("\n".join(lines), encoding="utf-8")
    return [n for n, line in enumerate(lines, start=1) if line.strip()]


def numbers(path: Path) -> list[int]:
    if not path.exists():
        return []
    data = path.read_bytes()
    assert not data or data.endswith(b"\n")
    return [json.loads(line, parse_constant=pytest.fail)["line"] for line in data.splitlines()]


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def job(tmp_path):
    """A folder with an input, and a way to run it."""
    counted = write_input(tmp_path / "in", TEXTS)

    def run(decoder=None, out="out", plan=PLAN, **how):
        return carry_out(decoder or Fake(), plan, Places.of(tmp_path / "in", tmp_path / out), **how)

    run.folder, run.counted = tmp_path, counted
    return run


@pytest.mark.parametrize("batch_size", [1, 2, 3, 4, 100])
def test_every_line_has_one_row_or_one_failure_and_no_line_takes_another_with_it(job, batch_size):
    told = []
    summary = job(Fake(batch_size), report=lambda done, total: told.append((done, total)))
    rows, failed = numbers(job.folder / "out"), numbers(job.folder / "out.failed.jsonl")
    assert sorted(rows + failed) == job.counted and not set(rows) & set(failed)
    assert rows == sorted(rows) and failed == sorted(failed)
    assert (summary.done, summary.failed) == (len(rows), len(failed)) == (7, 9)
    assert told[0] == (0, 16) and told[-1] == (16, 16)
    reasons = {one["input"]: one["code"] for one in map(json.loads, (job.folder / "out.failed.jsonl").open())}
    codes = sorted(reasons.values())
    assert codes == sorted(["PROMPT_TOO_LONG"] + ["INPUT"] * 4 + ["EXCEPTION"] * 4)
    whole = [json.loads(line) for line in (job.folder / "out").open()]
    assert [row["id"] for row in whole if row.get("full")] == [10] and all(row["tokens"] for row in whole)


def test_memory_does_not_grow_with_the_file_and_rows_come_before_its_end(tmp_path):
    """A decoder that looks: when the second batch is asked for, the first is on the disk."""
    (tmp_path / "in").write_text("\n".join(json.dumps({"text": f"text {n}"}) for n in range(100)))
    seen = []

    class Looking(Fake):
        def each(self, texts):
            seen.append((texts[0], len(numbers(tmp_path / "out"))))
            return super().each(texts)

    carry_out(Looking(10), PLAN, Places.of(tmp_path / "in", tmp_path / "out"))
    assert seen == [(f"text {n}", n) for n in range(0, 100, 10)]


def dying(monkeypatch, at: int, part: float) -> list[int]:
    """Let the process die at the `at`-th call that changes a file; a write gets `part` of its bytes out."""
    calls = [0]

    def deadly(name, real):
        def call(*arguments, **how):
            if calls[0] > at:
                raise Death
            calls[0] += 1
            if calls[0] > at:
                if name == "write":
                    real(arguments[0], bytes(arguments[1])[: int(len(arguments[1]) * part)])
                raise Death
            return real(*arguments, **how)

        return call

    for name in ("write", "fsync", "ftruncate", "replace"):
        real = getattr(os, name)
        monkeypatch.setattr(os, name, deadly(name, real))
    monkeypatch.setattr(Path, "unlink", deadly("unlink", Path.unlink))
    return calls


@pytest.mark.parametrize("part", [0.0, 0.3, 0.999, 1.0])
@pytest.mark.parametrize("batch_size", few([3, 1, 4], 1))
@pytest.mark.parametrize("before", ["nothing", "another run"])
def test_a_run_killed_at_any_write_and_gone_on_with_leaves_the_bytes_of_one_that_was_not(
    tmp_path, monkeypatch, batch_size, part, before
):
    texts = TEXTS[:8]
    whole = tmp_path / "whole"
    whole.mkdir()
    write_input(whole / "in", texts)
    carry_out(Fake(batch_size), PLAN, Places.of(whole / "in", whole / "out"))
    at, deaths = 0, 0
    while True:
        folder = tmp_path / f"{at}"
        folder.mkdir()
        write_input(folder / "in", texts)
        places = Places.of(folder / "in", folder / "out")
        if before == "another run":
            carry_out(Fake(batch_size), {"schema": "old", "seed": 0}, places)
        overwrite = before != "nothing"
        for _ in range(3):  # it dies again in going on, as far in
            with monkeypatch.context() as patch:
                dying(patch, at, part)
                try:
                    carry_out(Fake(batch_size), PLAN, places, overwrite=overwrite)
                    break
                except Death:
                    deaths += 1
                except InputError:  # it died before the old rows were gone: they are not taken for its own
                    assert before != "nothing" and not overwrite
                    overwrite = True
                    continue
            overwrite = False
        survived = not deaths
        try:
            carry_out(Fake(batch_size), PLAN, places)
        except InputError:
            assert before != "nothing" and numbers(places.out)
            carry_out(Fake(batch_size), PLAN, places, overwrite=True)
        names = ("out", "out.failed.jsonl", "out.run.json")
        assert {name: (folder / name).read_bytes() for name in names} == {
            name: (whole / name).read_bytes() for name in names
        }, f"died at {at}"
        at += 1
        if survived:
            break
        deaths = 0
    assert at > 8


def test_going_on_decodes_nothing_twice_but_the_batch_it_was_stopped_in(job):
    class Stopping(Fake):
        def each(self, texts):
            if len(self.batches) == 2:
                raise KeyboardInterrupt
            return super().each(texts)

    with pytest.raises(KeyboardInterrupt):
        job(Stopping(2))
    before = files(job.folder)
    fresh = Fake(2)
    summary = job(fresh)
    assert summary.earlier and fresh.batches[0] != ["one", "two"]
    assert all(files(job.folder)[name].startswith(data) for name, data in before.items())
    again = Fake(2)
    assert job(again).earlier == len(job.counted) and not again.batches


@pytest.mark.parametrize("batch_size", [1, 3, 7])
def test_a_size_of_batches_may_change_on_the_way(job, batch_size):
    class Stopping(Fake):
        def each(self, texts):
            if self.batches:
                raise KeyboardInterrupt
            return super().each(texts)

    with pytest.raises(KeyboardInterrupt):
        job(Stopping(4))
    job(Fake(batch_size))
    assert sorted(numbers(job.folder / "out") + numbers(job.folder / "out.failed.jsonl")) == job.counted


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda job: job(plan=PLAN | {"schema": "xyz"}), "schema: abc there, xyz now"),
        (lambda job: job(plan=PLAN | {"seed": 7}), "seed: 0 there, 7 now"),
        (lambda job: job(plan={"schema": "abc"}), "seed: 0 there, nothing now"),
        (lambda job: ((job.folder / "in").write_text('{"text": "other"}'), job()), "input: .* there, .* now"),
        (lambda job: ((job.folder / "out.run.json").unlink(), job()), "would say which run it is of"),
        (lambda job: ((job.folder / "out.run.json").write_text("{}"), job()), "no record of a run"),
        (lambda job: ((job.folder / "out.run.json").write_text('{"format": 2, "run": {}}'), job()), "no record"),
        (lambda job: ((job.folder / "out.failed.jsonl").unlink(), job()), "a line before it is in neither file"),
        (lambda job: (swap_rows(job.folder / "out"), job()), "line 2"),
        (lambda job: (twice(job.folder / "out"), job()), "not what a run has written: see its line 2"),
        (lambda job: (middle(job.folder / "out"), job()), "not what a run has written: see its line 2"),
        (lambda job: (more(job.folder / "out", 1000), job()), "line 1,000"),
        (lambda job: (more(job.folder / "out.failed.jsonl", 6, 2), job()), "there is no document"),
        (
            lambda job: ((job.folder / "out").write_text('{"a": 1}\n'), job()),
            "not what a run has written: see its line 1",
        ),
    ],
)
def test_an_output_that_is_not_this_runs_is_refused_with_what_differs_and_left_as_it_is(job, change, told):
    job()
    kept = {}
    real = Places.of

    def noting(*arguments):
        kept.update(files(job.folder))
        return real(*arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Places, "of", staticmethod(noting))
        with pytest.raises(InputError, match=told) as refused:
            change(job)
    assert "--overwrite" in refused.value.hint
    assert files(job.folder) == kept


def swap_rows(path):
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([lines[1], lines[0], *lines[2:]]))


def twice(path):
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([lines[0], *lines]))


def middle(path):
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([lines[0], lines[1][:-9] + b"\n", *lines[2:]]))


def more(path, number, at=None):
    lines = path.read_bytes().splitlines(keepends=True)
    extra = (
        json.dumps({"line": number, "output": 1, "log_prob": 0, "code": "", "error": "", "input": ""}).encode() + b"\n"
    )
    lines.insert(len(lines) if at is None else at, extra)
    path.write_bytes(b"".join(lines))


@pytest.mark.parametrize("data", [b"a shopping list", b"a\nb\n", b"{}\n", b"\x00"])
def test_a_file_of_anybody_elses_is_not_touched_without_being_told_to(job, data):
    (job.folder / "out").write_bytes(data)
    with pytest.raises(InputError, match="there already"):
        job()
    assert (job.folder / "out").read_bytes() == data and len(files(job.folder)) == 2
    job(overwrite=True)
    assert numbers(job.folder / "out")


@pytest.mark.parametrize("torn", [b"{", b'{"line": 99, "out', b"\x00" * 50, b"{}\x00\n", b'{"line": 3}'])
def test_a_torn_last_line_is_cut_off_and_nothing_else(job, torn):
    job()
    before = files(job.folder)
    for name in ("out", "out.failed.jsonl"):
        (job.folder / name).write_bytes(before[name] + torn)
    job()
    assert files(job.folder) == before


def test_no_failures_of_an_earlier_run_stand_beside_the_rows_of_another(job):
    job()
    assert numbers(job.folder / "out.failed.jsonl")
    (job.folder / "in").write_text('{"text": "clean"}\n')
    with pytest.raises(InputError, match=r"of another run\n.*input: "):
        job()
    assert job(overwrite=True).failed_file == ""
    assert not (job.folder / "out.failed.jsonl").exists() and numbers(job.folder / "out") == [1]
    (job.folder / "out").unlink()
    assert job().done == 1


def test_two_runs_do_not_write_to_one_file(job):
    pytest.importorskip("fcntl")

    class Twice(Fake):
        def each(self, texts):
            with pytest.raises(InputError, match="another run is writing"):
                job(overwrite=True)
            return super().each(texts)

    job(Twice())
    assert numbers(job.folder / "out")


@pytest.mark.parametrize("name", ["out", "out.failed.jsonl", "out.run.json.part"])
@pytest.mark.parametrize("room", [0, 1, 40, 100, 155, 170, 300])
def test_a_full_disk_is_a_typed_error_that_leaves_whole_lines_and_can_be_gone_on_from(job, monkeypatch, name, room):
    real, left = os.write, [room]

    def write(file, data):
        if Path(f"/proc/self/fd/{file}").resolve().name != name:
            return real(file, data)
        if not left[0]:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        done = real(file, bytes(data)[: left[0]])
        left[0] -= done
        return done

    with monkeypatch.context() as patch:
        patch.setattr(sinks.os, "write", write)
        with pytest.raises(InputError, match="cannot be written: No space left on device") as error:
            while True:
                job(Fake(3), overwrite=not (job.folder / "out").exists())
                left[0] = max(0, left[0] - 1)  # there was room for all
                for path in job.folder.glob("out*"):
                    path.unlink()
        assert "goes on" in error.value.hint
    assert set(numbers(job.folder / "out") + numbers(job.folder / "out.failed.jsonl")) <= set(job.counted)
    job(Fake(3))
    assert sorted(numbers(job.folder / "out") + numbers(job.folder / "out.failed.jsonl")) == job.counted


@pytest.mark.parametrize("text", ["long", "raise", "nan", "check"])
def test_strict_stops_at_the_first_line_and_before_a_row_where_that_can_be(tmp_path, text):
    (tmp_path / "in").write_text("".join(json.dumps({"text": one}) + "\n" for one in ["a", "b", text, "c"]))
    with pytest.raises(InputError if text != "long" else Exception, match=r"line 3|too long"):
        carry_out(Fake(2), PLAN, Places.of(tmp_path / "in", tmp_path / "out"), strict=True)
    assert (tmp_path / "out").exists() == (text in ("raise", "nan"))


def test_streams_are_used_as_they_come_and_failures_go_to_standard_error(monkeypatch):
    texts = b'{"text": "one"}\n{"text": "long"}\n{"text": "three"}'
    out, err = io.TextIOWrapper(io.BytesIO()), io.TextIOWrapper(io.BytesIO())
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(texts)))
    monkeypatch.setattr("sys.stdout", out)
    monkeypatch.setattr("sys.stderr", err)
    summary = carry_out(Fake(1), PLAN, Places.of("-", "-"))
    assert [json.loads(line)["line"] for line in out.buffer.getvalue().splitlines()] == [1, 3]
    assert [json.loads(line)["line"] for line in err.buffer.getvalue().splitlines()] == [2]
    assert summary.failed_file == "standard error"


def test_a_stream_cannot_be_gone_on_with_and_leaves_no_record(tmp_path, monkeypatch):
    for overwrite in (False, True):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b'{"text": "one"}')))
        carry_out(Fake(), PLAN, Places.of("-", tmp_path / "out"), overwrite=overwrite)
        assert [path.name for path in tmp_path.iterdir()] == ["out"]
    with pytest.raises(InputError, match="there already"):
        carry_out(Fake(), PLAN, Places.of("-", tmp_path / "out"))


def test_a_device_is_a_stream(tmp_path):
    (tmp_path / "in").write_text('{"text": "one"}\n')
    places = Places.of(tmp_path / "in", "/dev/null")
    assert str(places.failed) == "-" and not places.continuable
    assert carry_out(Fake(), PLAN, places).done == 1


def test_an_object_without_words_of_its_own_cannot_be_gone_on_with(job):
    plan = PLAN | {"commit": repr(object())}
    job(plan=plan)
    with pytest.raises(InputError, match="commit: "):
        job(plan=plan)


def test_the_record_is_written_before_the_first_row(job, monkeypatch):
    seen = []
    real = ledger.Ledger.keep

    def keep(self, *lines):
        seen.append((job.folder / "out.run.json").exists())
        return real(self, *lines)

    monkeypatch.setattr(ledger.Ledger, "keep", keep)
    job()
    assert seen and all(seen)
