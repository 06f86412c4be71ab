"""Processes that are really killed, and disks that are really full."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CODE = """
import sys, time
from ctrldiff.errors import InputError
from ctrldiff.extract import Places, carry_out
from tests.extract.fakes import Fake

class Slow(Fake):
    def each(self, texts):
        time.sleep(0.002)
        return super().each(texts)

if len(sys.argv) > 3:
    import resource
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]), resource.RLIM_INFINITY))
try:
    carry_out(Slow(4), {"seed": 0}, Places.of(sys.argv[1], sys.argv[2]))
except InputError as error:
    sys.exit(str(error))
"""
pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL here")


def start(*arguments: object, code: list[str] | None = None) -> subprocess.Popen:
    command = [sys.executable, *(code or ["-c", CODE]), *map(str, arguments)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment, text=True)


def lines_of(*paths: Path) -> list[int]:
    lines = [line for path in paths if path.exists() for line in path.read_bytes().splitlines(keepends=True)]
    assert all(line.endswith(b"\n") for line in lines)
    return sorted(json.loads(line)["line"] for line in lines)


def kill_and_go_on(out: Path, kills: int, begin, seed: int) -> int:
    """Start, kill after a while of writing, again; then let it end. Returns how many were killed at work."""
    draw, killed = random.Random(seed), 0
    for _ in range(kills):
        process = begin()
        size = out.stat().st_size if out.exists() else 0
        while process.poll() is None and (out.stat().st_size if out.exists() else 0) == size:
            time.sleep(0.001)
        time.sleep(draw.random() * 0.05)
        killed += process.poll() is None
        process.send_signal(signal.SIGKILL)
        process.communicate()
    return killed


def test_a_process_killed_again_and_again_loses_doubles_and_tears_nothing(tmp_path):
    texts = [f"text {n}" + " long" * (n % 7 == 3) + " raise" * (n % 11 == 5) for n in range(600)]
    (tmp_path / "in").write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    for name, kills in (("whole", 0), ("out", 8)):
        out = tmp_path / name
        killed = kill_and_go_on(out, kills, lambda out=out: start(tmp_path / "in", out), seed=7)
        assert killed >= min(kills, 1)
        process = start(tmp_path / "in", out)
        assert process.communicate(timeout=120)[1] == "" and process.returncode == 0
    for end in ("", ".failed.jsonl", ".run.json"):
        assert (tmp_path / f"out{end}").read_bytes() == (tmp_path / f"whole{end}").read_bytes()
    assert lines_of(tmp_path / "out", tmp_path / "out.failed.jsonl") == list(range(1, 601))


@pytest.mark.parametrize("bytes_left", [700, 1500, 4000])
def test_a_file_that_may_not_grow_ends_typed_with_whole_lines_and_is_gone_on_with(tmp_path, bytes_left):
    pytest.importorskip("resource")
    (tmp_path / "in").write_text("".join(json.dumps({"text": f"text {n}"}) + "\n" for n in range(100)))
    process = start(tmp_path / "in", tmp_path / "out", bytes_left)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 1 and "cannot be written: File too large" in told and "Traceback" not in told
    done = lines_of(tmp_path / "out")
    assert done == list(range(1, len(done) + 1)) and len(done) < 100
    assert start(tmp_path / "in", tmp_path / "out").wait(60) == 0
    assert lines_of(tmp_path / "out") == list(range(1, 101))


@pytest.mark.slow
def test_the_command_killed_at_work_leaves_the_bytes_of_one_that_was_not(tmp_path):
    documents = [{"id": n, "text": f"Total {n} EUR, paid." if n % 9 else ""} for n in range(60)]
    (tmp_path / "in").write_text("".join(json.dumps(one) + "\n" for one in documents))
    schema = {"type": "object", "properties": {"total": {"type": "number"}}, "required": ["total"]}
    options = ["-s", json.dumps(schema), "--batch-size", "3", "--json"]
    for name, kills in (("whole", 0), ("out", 3)):
        out = tmp_path / name

        def begin(out=out):
            return start("extract", tmp_path / "in", "-o", out, *options, code=["-m", "ctrldiff"])

        assert kill_and_go_on(out, kills, begin, seed=3) == kills
        process = begin()
        process.communicate(timeout=300)
        assert process.returncode == 1  # the empty documents
    for end in ("", ".failed.jsonl", ".run.json"):
        assert (tmp_path / f"out{end}").read_bytes() == (tmp_path / f"whole{end}").read_bytes()
    assert lines_of(tmp_path / "out", tmp_path / "out.failed.jsonl") == list(range(1, 61))
