"""Every kernel lowers to the code of real devices; none is needed for that."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("triton")
ROOT = Path(__file__).parents[3]


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.parametrize("arch", [80, 90])
def test_every_kernel_lowers(arch, tmp_path):
    env = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}
    env |= {"TRITON_CACHE_DIR": str(tmp_path), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "tests.posterior.gpu.compiled", str(arch)]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-4000:]
    told = json.loads(done.stdout)
    assert told["arch"] == arch and min(told["bytes"].values()) > 0


def test_every_kernel_is_among_those():
    from ctrldiff.posterior.gpu import along, given, read, spread, sweep
    from tests.posterior.gpu.compiled import KERNELS

    launched = {
        name
        for module in (along, given, read, spread, sweep)
        for name, value in vars(module).items()
        if hasattr(value, "arg_names") and not name.startswith("_")
    }
    assert {kernel.fn.__name__ for kernel, _ in KERNELS} == launched
