"""Types compiled beforehand.

Real schemas (the JSONSchemaBench sample) over the 131,072 tokens of Tekken, kernels warm, no cache on the disk.
files: five schemas, compiled and loaded again, processor time, and the size of a file.
many: so many schemas one by one, in threads, in processes: wall time, and processor time of all processes together,
starting them included. latency: `tiny` answers one text again and again, alone and while the schemas are compiled over
its own 2,048 tokens in the background: wall time of an answer, which other work on the machine lengthens too, and
processor time of the thread that decodes.
"""

from __future__ import annotations

import gc
import os
import resource
import threading
import time
from collections.abc import Callable, Iterator
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
from tests.benchmarks.measure import peak_mib
from tests.benchmarks.members import real_schemas
from tests.benchmarks.patterns import tekken_tokens
from tests.benchmarks.record import Record

ROWS, WORKERS = 131_072, 2
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


def times_ms(work: Callable[[], object]) -> list[float]:
    """Five processor times, nothing kept from one to the next."""
    times = []
    for _ in range(5):
        forget()
        began = time.process_time()
        work()
        times.append(1000 * (time.process_time() - began))
    return times


def files(schemas: list[tuple[str, Any]], vocabulary: Vocabulary) -> Iterator[Record]:
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
    for share in (0.1, 0.3, 0.5, 0.7, 0.9):
        _, name, schema = timed[int(share * len(timed))]
        module = Module.of(schema, vocabulary)
        data, where = module.to_bytes(), {"a file of": name}
        yield Record.one("states", max(table.n_states for table in module.held.tables.values()), **where)
        yield Record.one("file", len(data) / 1e3, "kB", **where)
        works = {
            "load": partial(Module.from_bytes, data, vocabulary),
            "compile": partial(Module.of, schema, vocabulary),
        }
        loading = None
        for what, work in works.items():
            times = times_ms(work)
            loading = loading or ("load", median(times))
            forget()
            yield Record.of(what, times, "ms", to=loading, peak_mib=peak_mib(work), **where)


def many(schemas: list[tuple[str, Any]], vocabulary: Vocabulary) -> Iterator[Record]:
    """One by one, in threads, in processes."""
    outputs = [schema for _, schema in schemas]
    ways: dict[str, Callable[[], list[Any]]] = {
        "one by one": lambda: cd.compile_many(outputs, vocabulary, workers=1),
        f"{WORKERS} threads": lambda: cd.compile_many(outputs, vocabulary, workers=WORKERS),
        f"{WORKERS} processes": lambda: cd.compile_many(outputs, vocabulary, workers=WORKERS, processes=True),
    }
    for way, work in ways.items():
        forget()
        began, spent = time.perf_counter(), processor()
        found = work()
        took, spent = time.perf_counter() - began, processor() - spent
        where = {"many": f"{len(outputs)} schemas, {way}"}
        yield Record.one("wall", took, "s", **where)
        yield Record.one("processor", spent, "s", **where)
        yield Record.one("compiled", sum(isinstance(one, Module) for one in found), **where)


def latency(schemas: list[tuple[str, Any]], alone: int) -> Iterator[Record]:
    """Answers, one after the other: so many alone, then while schemas are compiled behind them."""
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

    def told(name: str, times: tuple[list[float], list[float]]) -> Iterator[Record]:
        wall, own = [1000 * one for one in times[0]], [1000 * one for one in times[1]]
        where = {"behind an answer": name}
        yield Record.of("wall", wall, "ms", **where)
        yield Record.one("p95 of the wall", sorted(wall)[int(0.95 * len(wall))], "ms", **where)
        yield Record.one("worst wall", max(wall), "ms", **where)
        yield Record.of("processor", own, "ms", **where)

    yield from told("nothing", answers(lambda n: n >= alone))
    for way, processes in (("a thread", False), ("a process", True)):
        forget()
        how = {"workers": 1, "processes": processes}
        work = threading.Thread(target=model.compile_many, args=(outputs,), kwargs=how)
        work.start()
        yield from told(way, answers(lambda _, work=work: not work.is_alive()))


def records(quick: bool) -> Iterator[Record]:
    """All three parts, on 14 schemas of the sample (5 where it is to be quick)."""
    os.environ["CTRLDIFF_CACHE"] = ""
    count = 5 if quick else 14
    real = [(entry["name"], entry["schema"]) for entry in real_schemas()]
    schemas = real[:: len(real) // count][:count]
    yield from latency(schemas, 5 if quick else 20)
    tokens = tekken_tokens()
    vocabulary = Vocabulary.from_tokens([*tokens, *[None] * (ROWS - len(tokens))], stop_ids=[len(tokens)])
    Module.of(PAID, vocabulary)
    yield from files(schemas, vocabulary)
    yield from many(schemas, vocabulary)
