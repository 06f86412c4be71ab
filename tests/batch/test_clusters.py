"""Two workers of Ray and of Daft that die, and a driver that dies: the rows are those of one process."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import ctrldiff as cd
from tests.batch.cluster import SCHEMA

ROOT = Path(__file__).parents[2]
ROWS, KILL_EVERY = 300, 100


def start(engine: str, folder: Path) -> subprocess.Popen:
    environment = os.environ | {"PYTHONPATH": str(ROOT), "RAY_USAGE_STATS_ENABLED": "0", "DO_NOT_TRACK": "1"}
    command = [sys.executable, "-m", "tests.batch.cluster", engine, str(folder), str(KILL_EVERY)]
    with (folder / "told").open("ab") as told:
        return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=told, stderr=told)


def lines(folder: Path) -> list[str]:
    out = folder / "out.jsonl"
    return out.read_text(encoding="utf-8").splitlines() if out.exists() else []


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.parametrize("engine", ["ray", "daft"])
def test_workers_that_die_and_a_driver_that_dies_make_the_rows_of_one_process(tmp_path, engine):
    pytest.importorskip(engine)
    documents = [{"id": n, "text": f"Total {n}.50 EUR, paid." * (n % 3 + 1)} for n in range(ROWS)]
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(one) + "\n" for one in documents), encoding="utf-8")
    whole = cd.batch.Extract(schema=SCHEMA)({"id": list(range(ROWS)), "text": [one["text"] for one in documents]})

    runs, driver_killed = 0, False
    while len(lines(tmp_path)) < ROWS and runs < 10:  # Daft gives up when a worker dies, and is started again
        before, process = len(lines(tmp_path)), start(engine, tmp_path)
        runs += 1
        while process.poll() is None:
            if not driver_killed and len(lines(tmp_path)) > before:
                driver_killed = True
                process.send_signal(signal.SIGKILL)
            time.sleep(0.05)
    print(f"{engine}: {runs} runs, driver killed: {driver_killed}")
    assert len(list(tmp_path.glob("killed-*"))) == ROWS // KILL_EVERY, (tmp_path / "told").read_text()[-3000:]
    assert driver_killed and sorted(lines(tmp_path)) == sorted(whole["row"])
