"""Every benchmark, each in a process of its own, into one JSON: `make bench`, or

    python -m tests.benchmarks [--only NAMES] [--quick] [--out out/bench.json]

A suite is a module with `records(quick)`. Those that are run replace theirs in the file, others stay as they are: each
suite says when, where and under which load it was taken. `python -m tests.benchmarks.render` makes the tables and plots
of the docs from `docs/benchmarks.json`. Figures to look at, never to assert on.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from tests.benchmarks.record import Report
from tests.benchmarks.render import markdown
from tests.benchmarks.suites import LONG, NAMES, take


def main() -> None:
    """Run what was asked for, show each suite as it ends, keep what is done."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=[*NAMES, *LONG], default=NAMES, metavar="NAME")
    parser.add_argument("--quick", action="store_true", help="fewer rounds and smaller sizes")
    parser.add_argument("--out", type=Path, default=Path("out/bench.json"))
    given = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    report = Report.read(given.out) if given.out.exists() else Report()
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), max_tasks_per_child=1) as fresh:
        for name in given.only:
            suite = fresh.submit(take, name, given.quick).result()
            report = report.but(name, suite)
            report.write(given.out)
            print(f"\n## {name}: {suite.processor_s:.0f} s of processor time\n\n{markdown(suite)}", flush=True)


if __name__ == "__main__":
    main()
