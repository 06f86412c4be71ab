"""Kill a job again and again, at random moments, and count what was lost, doubled or torn.

    python -m tests.extract.kill [--rows 5000] [--kills 100] [--shards 2]

The decoder is a stand-in that takes a millisecond a document. A process gets SIGKILL, and the next one goes on.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from ctrldiff.extract import Places, carry_out, read_ledgers

ROOT = Path(__file__).parents[2]
CODE = """
import sys, time
from pathlib import Path
from ctrldiff.errors import InputError
from ctrldiff.extract import Options, Places, Shard, carry_out
from tests.extract.fakes import Fake

class Slow(Fake):
    def answer(self, text):
        time.sleep(0.001)
        return super().answer(text)

try:
    # Not even the first transaction waits for the others: there is something to tear at every moment.
    places = Places.of(sys.argv[1], sys.argv[2])
    summary = carry_out(Slow(4, ahead=16), {"seed": 0}, places, options=Options(shard=Shard.read(sys.argv[3])))
except InputError as error:
    sys.exit(str(error))
"""


def start(*arguments: object, code: list[str] | None = None, **environment: str) -> subprocess.Popen:
    """A process at work."""
    command = [sys.executable, *(code or ["-c", CODE]), *map(str, arguments)]
    return subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(ROOT)} | environment,
        text=True,
    )


def texts(rows: int) -> list[str]:
    """Texts, some of which fail before they are decoded, some when they are, and some come in parts."""
    return [
        f"text {n}" + " long" * (n % 7 == 3) + " raise" * (n % 11 == 5) + " parts" * (n % 13 == 1) for n in range(rows)
    ]


def ledger_size(folder: Path) -> int:
    """Bytes of a job's ledgers, those that wait in the log included."""
    sizes = 0
    for path in folder.glob("ledger*"):
        try:
            sizes += path.stat().st_size
        except FileNotFoundError:
            continue
    return sizes


def kill_and_go_on(folder: Path, kills: int, begin: Callable[[], subprocess.Popen], draw: random.Random) -> int:
    """Start, kill after a while of writing, again. Returns how many were killed at work."""
    killed = 0
    for _ in range(kills):
        process = begin()
        size = ledger_size(folder)
        while process.poll() is None and ledger_size(folder) == size:
            time.sleep(0.001)
        time.sleep(draw.random() * 0.1)
        killed += process.poll() is None
        process.send_signal(signal.SIGKILL)
        process.communicate()
    return killed


def trial(folder: Path, rows: int, kills: int, shards: int = 1, seed: int = 7) -> dict[str, int]:
    """A job that is killed, and one that is not: what differs between them."""
    (folder / "in").write_text(
        "".join(json.dumps({"id": n, "text": text}) + "\n" for n, text in enumerate(texts(rows)))
    )
    from tests.extract.fakes import Fake

    carry_out(Fake(), {"seed": 0}, Places.of(folder / "in", folder / "whole"))
    draw, killed = random.Random(seed), 0
    for n in range(1, shards + 1):
        share = kills // shards + (n <= kills % shards)
        killed += kill_and_go_on(
            folder / "out.job", share, lambda n=n: start(folder / "in", folder / "out", f"{n}/{shards}"), draw
        )
        done = [entry.n for entry in read_ledgers(folder / "out.job")]
        process = start(folder / "in", folder / "out", f"{n}/{shards}")
        told = process.communicate(timeout=600)[1]
        if process.returncode:
            raise RuntimeError(told)
        if len(done) > len(set(done)):
            raise RuntimeError("a document is there twice")
    found = [entry.n for entry in read_ledgers(folder / "out.job")]
    return {
        "killed": killed,
        "lost": len(set(range(rows)) - set(found)),
        "doubled": len(found) - len(set(found)),
        "torn": sum(
            (folder / f"out{end}").read_bytes() != (folder / f"whole{end}").read_bytes()
            for end in ("", ".failed.jsonl")
        ),
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, value in (("rows", 5000), ("kills", 100), ("shards", 1), ("seed", 7)):
        parser.add_argument(f"--{name}", type=int, default=value)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        began = time.perf_counter()
        print(json.dumps(trial(Path(made), **vars(asked)) | {"seconds": round(time.perf_counter() - began)}))
