"""What is measured, and one suite of it taken in this process."""

from __future__ import annotations

import os
import platform
import resource
import time
from datetime import UTC, datetime
from importlib import import_module, metadata

from tests.benchmarks.child import machine
from tests.benchmarks.measure import Absent
from tests.benchmarks.record import Suite

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
