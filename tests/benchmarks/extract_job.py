"""What a job costs apart from its model: documents a second, memory, start-up and resume time.

python -m tests.benchmarks.extract_job [10000]
"""

from __future__ import annotations

import json
import resource
import sys
import tempfile
import time
from pathlib import Path

from ctrldiff.extract import Places, carry_out
from tests.extract.fakes import Fake


def main(rows: int) -> None:
    """Print the figures."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        with (folder / "in").open("w") as stream:
            for n in range(rows):
                stream.write(json.dumps({"id": n, "text": f"text {n} " + "word " * 200}) + "\n")
        for name in ("all of it", "again, nothing to do"):
            began, wall = time.process_time(), time.perf_counter()
            summary = carry_out(Fake(), {}, Places.of(folder / "in", folder / "out"))
            took = time.process_time() - began
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            print(
                f"{name}: {summary.documents:,} documents, {1e6 * took / rows:.0f} µs of processor time each, "
                f"{time.perf_counter() - wall:.2f} s, {peak:.0f} MiB"
            )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
