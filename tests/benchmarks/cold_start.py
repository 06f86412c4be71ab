"""What a process does before its first answer: `ctrldiff run` of the README's invoice, and its parts, caches warm.

    python -m tests.benchmarks.cold_start [--rounds 5]

Each figure is of whole processes, one after another, with one thread: medians of wall time and of processor time. A
row is a whole process, so the difference of two is what one adds to the other.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

from tests.benchmarks.child import machine

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


def seconds(arguments: tuple[str, ...]) -> tuple[float, float]:
    """Wall and processor seconds of one process of this Python."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    env = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, *arguments], cwd=ROOT, env=env, capture_output=True, check=False)
    wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode not in (0, 2):  # 2: refused, which is one of the things measured
        raise SystemExit(done.stderr.decode())
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Print a markdown table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    for arguments in COMMANDS.values():  # fill the caches
        seconds(arguments)
    print(f"{machine()}, one thread, medians of {rounds}\n")
    print("| process | wall s | processor s |\n|---|---|---|")
    for name, arguments in COMMANDS.items():
        taken = [seconds(arguments) for _ in range(rounds)]
        print(f"| {name} | {median(one[0] for one in taken):.2f} | {median(one[1] for one in taken):.2f} |")


if __name__ == "__main__":
    main()
