"""Types compiled beforehand: `python -m tests.benchmarks.compiled_types [--only files many latency]`.

    [--schemas 100] [--workers 2]

Real schemas (the JSONSchemaBench sample) over the 131,072 tokens of Tekken, kernels warm, no cache on the disk.
files: five schemas, compiled and loaded again, processor time (the best of five), and the size of a file.
many: so many schemas one by one, in threads, in processes: wall time, and processor time of all processes together,
starting them included. latency: `tiny` answers one text again and again, alone and while the schemas are compiled over
its own 2,048 tokens in the background: wall time of an answer, which other work on the machine lengthens too, and
processor time of the thread that decodes.
"""

from __future__ import annotations

import argparse
import gc
import os
import resource
import threading
import time
from collections.abc import Callable
from functools import partial
from statistics import median
from typing import Any

import ctrldiff as cd
from ctrldiff import json_schema
from ctrldiff.constraints import description
from ctrldiff.errors import CtrldiffError
from ctrldiff.modules.module import Module
from ctrldiff.tokens.cache import shared_cache
from ctrldiff.tokens.vocabulary import Vocabulary
from tests.benchmarks.child import machine
from tests.benchmarks.members import real_schemas
from tests.benchmarks.patterns import tekken_tokens

ROWS = 131_072
TEXT = "Order 5512 for Maria Jensen, total due: EUR 308.80, paid on 3 March 2026."
PAID = {"type": "object", "properties": {"customer": {"type": "string"}, "total": {"type": "number"}}}
PAID |= {"required": ["customer", "total"], "additionalProperties": False}


def forget() -> None:
    """Let go of everything that was compiled."""
    shared_cache().clear_memory()
    description._recent.clear()
    json_schema._reach.cache_clear()
    json_schema._loose.cache_clear()
    gc.collect()


def processor() -> float:
    """Seconds of processor time of this process and of those that it started and that have ended."""
    mine, theirs = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return mine.ru_utime + mine.ru_stime + theirs.ru_utime + theirs.ru_stime


def best(work: Callable[[], object]) -> float:
    """The least processor time of five."""
    times = []
    for _ in range(5):
        forget()
        began = time.process_time()
        work()
        times.append(time.process_time() - began)
    return min(times)


def files(schemas: list[tuple[str, Any]], vocabulary: Vocabulary) -> None:
    """Five schemas of the sample, by how long they take: from quick to slow."""
    timed = []
    for name, schema in schemas:
        forget()
        began = time.process_time()
        try:
            Module.of(schema, vocabulary)
        except CtrldiffError:
            continue
        timed.append((time.process_time() - began, name, schema))
    timed.sort(key=lambda one: one[:2])
    print("| schema | states | file | compile | load | ratio |\n|---|---:|---:|---:|---:|---:|")
    for share in (0.1, 0.3, 0.5, 0.7, 0.9):
        _, name, schema = timed[int(share * len(timed))]
        module = Module.of(schema, vocabulary)
        data = module.to_bytes()
        compiling, loading = (
            best(partial(Module.of, schema, vocabulary)),
            best(partial(Module.from_bytes, data, vocabulary)),
        )
        states = max(table.n_states for table in module.held.tables.values())
        row = f"| {name} | {states:,} | {len(data) / 1e3:,.0f} kB | {compiling * 1e3:.1f} ms | {loading * 1e3:.1f} ms "
        print(f"{row}| {compiling / loading:.0f} |")


def many(schemas: list[tuple[str, Any]], vocabulary: Vocabulary, workers: int) -> None:
    """One by one, in threads, in processes."""
    outputs = [schema for _, schema in schemas]
    ways: dict[str, Callable[[], list[Any]]] = {
        "one by one": lambda: cd.compile_many(outputs, vocabulary, workers=1),
        f"{workers} threads": lambda: cd.compile_many(outputs, vocabulary, workers=workers),
        f"{workers} processes": lambda: cd.compile_many(outputs, vocabulary, workers=workers, processes=True),
    }
    print("| way | wall | processor | compiled | refused |\n|---|---:|---:|---:|---:|")
    for way, work in ways.items():
        forget()
        began, spent = time.perf_counter(), processor()
        found = work()
        took, spent = time.perf_counter() - began, processor() - spent
        good = sum(isinstance(one, Module) for one in found)
        print(f"| {way} | {took:.1f} s | {spent:.1f} s | {good} | {len(found) - good} |")


def latency(schemas: list[tuple[str, Any]]) -> None:
    """Answers, one after the other, alone and while schemas are compiled behind them."""
    model = cd.from_pretrained("tiny")
    generator = cd.Generator(model, PAID)
    generator(TEXT)
    outputs = [schema for _, schema in schemas]

    def answers(until: Callable[[int], bool]) -> tuple[list[float], list[float]]:
        wall, own = [], []
        while not until(len(wall)):
            began, spent = time.perf_counter(), time.thread_time()
            generator(TEXT)
            wall.append(time.perf_counter() - began)
            own.append(time.thread_time() - spent)
        return wall, own

    print("| behind it | answers | median wall | p95 wall | worst wall | median processor | compiled in |")
    print("|---|---:|---:|---:|---:|---:|---:|")

    def row(name: str, times: tuple[list[float], list[float]], took: float | None) -> None:
        wall, own = sorted(times[0]), times[1]
        shown = [median(wall), wall[int(0.95 * len(wall))], wall[-1], median(own)]
        cells = " | ".join(f"{one * 1e3:.0f} ms" for one in shown)
        print(f"| {name} | {len(wall)} | {cells} | {'-' if took is None else f'{took:.1f} s'} |")

    row("nothing", answers(lambda n: n >= 60), None)
    for way, processes in (("a thread", False), ("a process", True)):
        forget()
        began = time.perf_counter()
        how = {"workers": 1, "processes": processes}
        work = threading.Thread(target=model.compile_many, args=(outputs,), kwargs=how)
        work.start()
        times = answers(lambda _, work=work: not work.is_alive())
        row(way, times, time.perf_counter() - began)


def main() -> None:
    """Print the tables that were asked for."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parts = ("files", "many", "latency")
    arguments.add_argument("--only", nargs="+", choices=parts, default=parts)
    arguments.add_argument("--schemas", type=int, default=100)
    arguments.add_argument("--workers", type=int, default=2)
    given = arguments.parse_args()
    os.environ["CTRLDIFF_CACHE"] = ""
    real = [(entry["name"], entry["schema"]) for entry in real_schemas()]
    schemas = real[:: max(1, len(real) // given.schemas)][: given.schemas]
    print(f"{machine()}; {len(schemas)} schemas\n")
    if "latency" in given.only:
        latency(schemas)
        print()
    if {"files", "many"} & {*given.only}:
        tokens = tekken_tokens()
        vocabulary = Vocabulary.from_tokens([*tokens, *[None] * (ROWS - len(tokens))], stop_ids=[len(tokens)])
        Module.of(PAID, vocabulary)
        if "files" in given.only:
            files(schemas, vocabulary)
            print()
        if "many" in given.only:
            many(schemas, vocabulary, given.workers)


if __name__ == "__main__":
    main()
