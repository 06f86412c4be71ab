"""Garbage at a public entrance to a kernel is a typed error, and never the end of the process."""

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_garbage_is_named_and_nothing_crashes(seed):
    done = subprocess.run(
        [sys.executable, "-m", "tests.posterior.garbage", str(seed), "1500"],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, f"exit {done.returncode} in {done.stderr.splitlines()[-1:]}"
    assert done.stdout == ""
