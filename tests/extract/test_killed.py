"""Processes that are really killed, and disks that are really full."""

import errno
import json
import random
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from tests.conftest import few
from tests.extract.kill import kill_and_go_on, start, trial

HERE = Path(__file__).parent
pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL here")
FAULTS = """
import ctypes, json, shutil, sys
from pathlib import Path
from ctrldiff.errors import InputError
from ctrldiff.extract import Places, carry_out, job
from tests.extract.fakes import Fake

folder, number, stays, step = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
libc = ctypes.CDLL(None)
libc.fault_calls.restype = ctypes.c_long
job.KEPT = 7
faulty = folder / "faulty"

def run():
    return carry_out(Fake(), {"seed": 0}, Places.of(folder / "in", faulty / "out"))

def files():
    return [(faulty / name).read_bytes() for name in ("out", "out.failed.jsonl")]

faulty.mkdir()
libc.fault_arm(ctypes.c_long(-1), 0, 0)
assert run().complete
whole, calls = files(), libc.fault_calls()
ended = 0
for n in range(0, calls, step):
    shutil.rmtree(faulty)
    faulty.mkdir()
    libc.fault_arm(ctypes.c_long(n), number, stays)
    try:
        complete = run().complete
    except InputError as error:
        assert "cannot be written" in str(error) or "cannot be read" in str(error), error
        ended += 1
        complete = False
    libc.fault_arm(ctypes.c_long(-1), 0, 0)
    before = [path.read_bytes() for path in (faulty / "out", faulty / "out.failed.jsonl") if path.exists()]
    assert all(one in whole for one in before), f"a file by halves after call {n}"
    assert run().complete and files() == whole, n
print(json.dumps({"calls": calls, "ended": ended}))
"""


@pytest.mark.parametrize(("rows", "kills", "shards"), [(300, 5, 1), pytest.param(600, 8, 2, marks=pytest.mark.slow)])
def test_a_process_killed_again_and_again_loses_doubles_and_tears_nothing(tmp_path, rows, kills, shards):
    found = trial(tmp_path, rows, kills, shards)
    assert found.pop("killed") >= 1 and found == {"lost": 0, "doubled": 0, "torn": 0}


@pytest.fixture(scope="module")
def shim(tmp_path_factory):
    """A library that makes the calls fail which change files."""
    compiler = shutil.which("cc")
    if compiler is None or not Path("/proc/self/fd").exists():
        pytest.skip("no C compiler, or no /proc")
    library = tmp_path_factory.mktemp("shim") / "faults.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-o", library, HERE / "faults.c", "-ldl"], check=True)
    return library


@pytest.mark.parametrize(
    "fault",
    few([(errno.ENOSPC, 1, 5), (errno.EIO, 0, 5), (errno.ENOSPC, 1, 1), (errno.EIO, 0, 1), (errno.EIO, 1, 1)], 2),
)
def test_whatever_write_fails_the_run_ends_typed_and_is_gone_on_with(tmp_path, shim, fault):
    number, stays, step = fault
    texts = [f"text {n}" + " raise" * (n % 5 == 0) for n in range(40)]
    (tmp_path / "in").write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    process = start(tmp_path, number, stays, step, code=["-c", FAULTS], LD_PRELOAD=str(shim))
    out, told = process.communicate(timeout=300)
    assert process.returncode == 0, told
    facts = json.loads(out)
    assert facts["calls"] > 20 and facts["ended"] > facts["calls"] // step // 3


@pytest.mark.slow
def test_the_command_killed_at_work_leaves_the_bytes_of_one_that_was_not(tmp_path):
    documents = [{"id": n, "text": f"Total {n} EUR, paid." if n % 9 else ""} for n in range(60)]
    (tmp_path / "in").write_text("".join(json.dumps(one) + "\n" for one in documents))
    schema = {"type": "object", "properties": {"total": {"type": "number"}}, "required": ["total"]}
    for name, kills, size in (("whole", 0, 16), ("out", 3, 3)):
        out = tmp_path / name
        options = ["-s", json.dumps(schema), "--batch-size", size, "--json"]

        def begin(out=out, options=options):
            return start("extract", tmp_path / "in", "-o", out, *options, code=["-m", "ctrldiff"])

        assert kill_and_go_on(tmp_path / f"{name}.job", kills, begin, random.Random(3)) == kills
        process = begin()
        process.communicate(timeout=300)
        assert process.returncode == 1  # the empty documents
    for end in ("", ".failed.jsonl"):
        assert (tmp_path / f"out{end}").read_bytes() == (tmp_path / f"whole{end}").read_bytes()
