"""Many types at once, while something else goes on: in threads, or in processes of their own.

Reading a schema is Python, and holds the interpreter; minimising its automaton and reading it through the vocabulary
are kernels, which let it go. So threads share the kernels' part among cores, and processes all of it, at the price of
starting them. A process is told a description in words, and answers with the bytes of a file (`content.py`), which are
checked as any file's.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import asdict
from multiprocessing import get_context
from typing import Any, TypeAlias

from ctrldiff.errors import ConstraintError, CtrldiffError, InputError
from ctrldiff.limits import DEFAULT, Limits
from ctrldiff.models.spec import ModelSpec
from ctrldiff.modules import portable, worker
from ctrldiff.modules.module import Module
from ctrldiff.modules.worker import How
from ctrldiff.tokens.vocabulary import Vocabulary, check_vocabulary
from ctrldiff.types.structured import output_type

Outcome: TypeAlias = Module | CtrldiffError


def compile_many(
    outputs: Sequence[Any],
    vocabulary: Vocabulary,
    *,
    texts: Sequence[str] = ("",),
    room: int = ModelSpec.canvas,
    prose: int | None = None,
    limits: Limits = DEFAULT,
    workers: int | None = None,
    processes: bool = False,
    report: Callable[[int, Outcome], object] | None = None,
) -> list[Outcome]:
    """`Module.of` for many types: the same modules in the same order, and where one is refused its error in its place.

    Args:
        outputs: types, JSON Schema dicts, constraints.
        texts, room, prose, limits: as `Module.of` takes them; the limits hold for each type alone.
        workers: threads or processes; None: one fewer than this process has cores, and at least one.
        processes: compile in processes of their own, which start anew (a script needs `if __name__ == "__main__":`).
            Types are read here; one that no words say all of (a template, an automaton) is compiled here too. One whose
            process dies, for want of memory say, gets a ConstraintError, and the others are compiled all the same.
        report: told of each, its number and what became of it, as they come; in the calling thread.
    Raises: InputError for arguments that are none, or if no process can be started; whatever `report` raises. An error
        that is no CtrldiffError is no type's own, and is raised.
    """
    if isinstance(outputs, str | bytes) or not isinstance(outputs, Sequence):
        raise InputError(f"outputs is a {type(outputs).__name__}, not a list of types", param="outputs")
    if isinstance(texts, str):
        raise InputError("texts is a str, not a list of them", hint="texts=[text]", param="texts")
    if workers is not None and (type(workers) is not int or workers < 1):
        raise InputError(f"workers={workers!r}: an int of at least 1", param="workers")
    check_vocabulary(vocabulary)
    how = How(tuple(texts), room, prose, asdict(limits))
    at_once = min(workers or max(1, _cores() - 1), max(1, len(outputs)))
    found: dict[int, Outcome] = {}

    def came(n: int, outcome: Outcome) -> None:
        found[n] = outcome
        if report is not None:
            report(n, outcome)

    _ = vocabulary.trie, vocabulary.fingerprint  # once, before threads do it each for itself
    (_in_processes if processes else _in_threads)(outputs, vocabulary, how, at_once, came)
    return [found[n] for n in range(len(outputs))]


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def _stopping(pool: Executor) -> Iterator[Executor]:
    """The pool. Where its work is not wanted any more, no more of it is begun."""
    try:
        yield pool
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _in_threads(
    outputs: Sequence[Any], vocabulary: Vocabulary, how: How, workers: int, came: Callable[[int, Outcome], None]
) -> None:
    with _stopping(ThreadPoolExecutor(workers, "ctrldiff-compile")) as pool:
        jobs = {pool.submit(how.compile, output, vocabulary): n for n, output in enumerate(outputs)}
        for job in as_completed(jobs):
            came(jobs[job], job.result())


def _in_processes(
    outputs: Sequence[Any], vocabulary: Vocabulary, how: How, workers: int, came: Callable[[int, Outcome], None]
) -> None:
    """What can be said in words is sent; the rest is compiled here meanwhile."""
    left: dict[int, str] = {}
    here: list[int] = []
    for n, output in enumerate(outputs):
        try:
            left[n] = json.dumps(portable.said(output_type(output).description))
        except CtrldiffError:
            here.append(n)  # what is refused is refused here too, in the words of `Module.of`

    def processes(count: int) -> ProcessPoolExecutor:
        begun_with = (*worker.sent(vocabulary), how)
        return ProcessPoolExecutor(count, get_context("spawn"), worker.begin, begun_with)

    def answered(n: int, job: Future[bytes | CtrldiffError]) -> None:
        answer = job.result()
        if isinstance(answer, bytes):
            limits, name = Limits(**how.limits), f"what was compiled of type {n}"
            came(n, Module.from_bytes(answer, vocabulary, outputs[n], limits=limits, name=name))
        else:
            came(n, answer)
        del left[n]

    if left:
        with _stopping(processes(min(workers, len(left)))) as pool:
            _check_begun(pool)
            try:
                jobs = {pool.submit(worker.compiled, words): n for n, words in left.items()}
                while here:
                    came(n := here.pop(), how.compile(outputs[n], vocabulary))
                for job in as_completed(jobs):
                    answered(jobs[job], job)
            except BrokenProcessPool:
                pass  # one of those that are left ended its process: which, shows when each has its own
    for n in here:
        came(n, how.compile(outputs[n], vocabulary))
    for n, words in list(left.items()):
        with _stopping(processes(1)) as pool:
            try:
                answered(n, pool.submit(worker.compiled, words))
            except BrokenProcessPool:
                hint = "smaller limits=, or fewer workers= if memory was short"
                came(n, ConstraintError(f"type {n}: the process that compiled it died", hint=hint))


def _check_begun(pool: Executor) -> None:
    """Raise InputError if no process starts."""
    try:
        pool.submit(worker.ready).result()
    except BrokenProcessPool as error:
        raise InputError(
            "no process could be started",
            why="a new process imports the script that starts it anew, which must not start another",
            hint='if __name__ == "__main__": around what the script does; or processes=False',
        ) from error
