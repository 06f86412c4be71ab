"""The command that measures steering: it resumes, and its judge can judge."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.long
def test_measuring_resumes_where_it_ended(tmp_path):
    out = tmp_path / "steer"
    command = [sys.executable, "-m", "examples.steer.measure", "--rows", "1", "--forms", "text"]
    command += ["--out", str(out)]
    seen = []
    for seconds in ("4", "0"):
        run = subprocess.run(
            [*command, "--seconds", seconds],
            capture_output=True,
            text=True,
            check=True,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        seen.append(out.with_suffix(".jsonl").read_text() if out.with_suffix(".jsonl").exists() else "")
        assert "time is up" in run.stderr and "| form | method |" in run.stdout
        assert float(run.stderr.split("judge: ")[1].split("%")[0]) > 85
    assert seen[0] == seen[1]
    for line in map(json.loads, seen[0].splitlines()):
        assert line["valid"] == 1.0 and line["rows"] == 1 and line["forwards"] > 0
    assert out.with_suffix(".svg").read_text().startswith("<svg")
