"""Nothing is opened for writing that is read, whatever it is called."""

import os
import sys
from pathlib import Path

import pytest

from ctrldiff.errors import ExtraMissing, InputError
from ctrldiff.extract import Options, Places, carry_out
from ctrldiff.extract.places import is_file
from tests.extract.fakes import Fake

LINE = b'{"text": "one"}\n'


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in.jsonl").write_bytes(LINE)
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "away").symlink_to("../in.jsonl")
    (tmp_path / "soft").symlink_to("in.jsonl")
    os.link(tmp_path / "in.jsonl", tmp_path / "hard")
    (tmp_path / "loop.failed.jsonl").symlink_to("in.jsonl")
    return tmp_path


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("-", False),
        ("/dev/null", False),
        ("/dev/stdout", False),
        ("/dev/fd/9", False),
        ("/dev/shm/a", True),
        ("pipe", False),
    ],
)
def test_what_is_no_file_is_a_stream(here, name, file):
    os.mkfifo("pipe")
    assert is_file(Path(name)) == file


SAME = ["in.jsonl", "./in.jsonl", "folder/../in.jsonl", "soft", "hard", "folder/away", "ABSOLUTE", "loop"]


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("out", SAME)
def test_the_input_is_never_written_whatever_name_it_goes_by(here, out, overwrite):
    out = str(here / "in.jsonl") if out == "ABSOLUTE" else out
    with pytest.raises(InputError, match="is the input itself"):
        carry_out(Fake(), {}, Places.of("in.jsonl", out), options=Options(overwrite=overwrite))
    assert (here / "in.jsonl").read_bytes() == LINE


@pytest.mark.parametrize("failed", ["in.jsonl", "soft", "hard"])
def test_failures_do_not_go_over_the_input(here, failed):
    with pytest.raises(InputError, match="is the input itself"):
        Places.of("in.jsonl", "out", failed)


@pytest.mark.parametrize("failed", ["out", "./out", "folder/../out"])
def test_rows_and_failures_do_not_go_to_one_file(here, failed):
    with pytest.raises(InputError, match="are one file"):
        Places.of("in.jsonl", "out", failed)


def test_a_standard_stream_that_is_the_input_is_noticed(here, monkeypatch):
    with open("in.jsonl", "r+b") as both, open(os.dup(both.fileno()), "r+") as stream:
        monkeypatch.setattr("sys.stdout", stream)
        with pytest.raises(InputError, match="standard output is the input itself"):
            Places.of("in.jsonl", "-")
        monkeypatch.setattr("sys.stdin", stream)
        with pytest.raises(InputError, match="is the input itself"):
            Places.of("-", "hard")


@pytest.mark.parametrize(
    ("file", "out", "told"),
    [
        ("none", "out", "cannot be read: No such file"),
        ("folder", "folder/out", "is in the folder that is read"),
        ("folder", "folder/new/../out", "no folder"),
        ("in.jsonl", "folder", "is a folder"),
        ("in.jsonl", "nowhere/out", "there is no folder 'nowhere'"),
        ("in.jsonl", "out.parquet.gz", "is not written packed like that"),
        ("in.jsonl", "out.jsonl.zst", "is not written packed like that"),
    ],
)
def test_what_cannot_be_is_said_before_anything_else(here, file, out, told):
    with pytest.raises(InputError, match=told):
        Places.of(file, out)
    assert not Path("out").exists()


def test_the_job_is_beside_the_output_and_outside_the_input(here):
    assert Places.of("in.jsonl", "out").job == Path("out.job") and Places.of("in.jsonl", "-").job is None
    with pytest.raises(InputError, match="is in the folder that is read"):
        Places.of("folder", "out", job="folder/job")
    with pytest.raises(InputError, match="is no folder"):
        Places.of("in.jsonl", "out", job="hard")
    for how in ({"job": "folder/../out"}, {"job": "bad", "failed": "bad"}):
        with pytest.raises(InputError, match="is to be the job's folder, too"):
            Places.of("in.jsonl", "out", **how)


def test_a_library_that_a_kind_of_file_needs_is_missed_before_anything_is_decoded(here, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(ExtraMissing, match="pyarrow is not installed"):
        Places.of("in.jsonl", "out.parquet")
    assert Places.of("in.jsonl", "out.csv").out == Path("out.csv")
