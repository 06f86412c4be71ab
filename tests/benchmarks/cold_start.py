"""What a process does before its first answer: `ctrldiff run` of the README's invoice, and its parts, caches warm.

Each figure is of whole processes, one after another, with one thread: medians of wall time and of processor time. A
row is a whole process, so the difference of two is what one adds to the other.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.benchmarks.record import Record

ROOT = Path(__file__).parents[2]
RUN = ("-m", "ctrldiff", "run", "-s", "examples/invoice.schema.json", (ROOT / "examples" / "invoice.txt").read_text())
LOAD = "import ctrldiff as cd; model = cd.from_pretrained('tiny')"
COMMANDS = {
    "python": ("-c", "pass"),
    "import torch": ("-c", "import torch"),
    "from_pretrained('tiny')": ("-c", LOAD),
    "from_pretrained('tiny', family='MaskedLM'), through transformers": (
        "-c",
        LOAD.replace("'tiny'", "'tiny', family='MaskedLM'"),
    ),
    "from_pretrained('tiny') and a first answer": ("-c", f"{LOAD}; model('Total due: EUR 308.80', float)"),
    "ctrldiff run, the README's invoice": RUN,
    "ctrldiff run, a mistyped schema": ("-m", "ctrldiff", "run", "-s", "none.json", "a"),
    "ctrldiff warm": ("-m", "ctrldiff", "warm"),
    "ctrldiff --help": ("-m", "ctrldiff", "--help"),
}


def seconds(arguments: tuple[str, ...]) -> tuple[float, float, float]:
    """Wall and processor seconds of one process of this Python, and the most MiB it held."""
    began, env = time.perf_counter(), {**os.environ, "OMP_NUM_THREADS": "1"}
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen([sys.executable, *arguments], cwd=ROOT, env=env, stdout=said, stderr=said)
        _, status, used = os.wait4(process.pid, 0)
        wall, process.returncode = time.perf_counter() - began, os.waitstatus_to_exitcode(status)
        if process.returncode not in (0, 2):  # 2: refused, which is one of the things measured
            said.seek(0)
            raise RuntimeError(said.read().decode())
    return wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def records(quick: bool) -> Iterator[Record]:
    """One row per command."""
    commands = {name: COMMANDS[name] for name in list(COMMANDS)[:3]} if quick else COMMANDS
    for name, arguments in commands.items():
        seconds(arguments)  # fills the caches
        taken = [seconds(arguments) for _ in range(1 if quick else 3)]
        yield Record.of("processor time", [processor for _, processor, _ in taken], "s", process=name)
        peak = max(mib for _, _, mib in taken)
        yield Record.of("wall time", [wall for wall, _, _ in taken], "s", peak_mib=peak, process=name)
