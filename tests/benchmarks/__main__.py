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
import platform
import resource
import time
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from importlib import import_module, metadata
from pathlib import Path

from tests.benchmarks.child import machine
from tests.benchmarks.measure import Absent
from tests.benchmarks.record import Report, Suite
from tests.benchmarks.render import markdown

NAMES = (
    "regex_to_dfa",
    "compile_peers",
    "per_step",
    "default_step",
    "step_sizes",
    "dense",
    "documents",
    "hostile",
    "schemas",
    "schema_tables",
    "compiled_types",
    "span",
    "extract_job",
    "forwarded",
    "cold_start",
)
LONG = ("members", "vllm_reads", "approximate_cache", "active_block")  # by name alone: minutes each
PACKAGES = ("torch", "numpy", "numba", "interegular", "outlines-core", "llguidance", "xgrammar")


def take(name: str, quick: bool) -> Suite:
    """One suite, in this process."""
    before, wall = os.getloadavg()[0], time.perf_counter()
    found, skipped = [], ""
    try:
        for record in import_module(f"tests.benchmarks.{name}").records(quick):
            found.append(record)
    except Absent as absent:
        skipped = str(absent)
    spent = sum(
        used.ru_utime + used.ru_stime
        for used in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    )
    return Suite(
        datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        machine(),
        {"python": platform.python_version(), **{package: _version(package) for package in PACKAGES}},
        (before, os.getloadavg()[0]),
        quick,
        time.perf_counter() - wall,
        spent,
        tuple(found),
        skipped,
    )


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "absent"


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
