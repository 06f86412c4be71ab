"""A job: documents into rows, in a ledger that survives whatever ends the process; then the ledger into files."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ctrldiff.arguments import known_names
from ctrldiff.errors import InputError
from ctrldiff.extract.answered import answered, check
from ctrldiff.extract.documents import json_line
from ctrldiff.extract.found import Found, Reading
from ctrldiff.extract.inputs import Input
from ctrldiff.extract.ledger import (
    Done,
    Entry,
    Ledger,
    Shard,
    at_one_moment,
    digest_of,
    exported,
    note_export,
    read_manifest,
    writing,
)
from ctrldiff.extract.outputs import write
from ctrldiff.extract.places import STREAM, Places, is_file
from ctrldiff.extract.plan import made_by, plan_of
from ctrldiff.extract.sinks import Sink

if TYPE_CHECKING:
    from ctrldiff.extract.decoder import Decoder
    from ctrldiff.generate import Generator

BLOCK = 1024  # documents whose state is looked up at once
KEPT = 64  # results that are written in one transaction, at most
WAIT = 0.5  # seconds that a result waits for others, at most: a transaction takes 3 ms of waiting for the disk


@dataclass(frozen=True)
class Progress:
    """How far a run has come. Fields: done, failed (answers and failures, earlier runs included); share (of the input
    that is read, 0 to 1; None for a stream)."""

    done: int
    failed: int
    share: float | None


Report = Callable[[Progress], None]


@dataclass(frozen=True)
class Summary:
    """What became of an input.

    Fields: done, failed (answers and failures, earlier runs included); earlier (how many of both were there before);
        here (how many this run has done, what failed before and was done again among them); documents (that the input
        has; of other shards too); complete (all of them are done, by whatever shard); forwards, other_calls (of models
        beside the network), seconds (all three of this run); out, failed_file, job (where things are; "" for what is
        not there).
    """

    done: int
    failed: int
    earlier: int
    here: int
    documents: int
    complete: bool
    forwards: int
    other_calls: int
    seconds: float = 0.0
    out: str = ""
    failed_file: str = ""
    job: str = ""


@dataclass(frozen=True)
class Options:
    """How a job is carried out; none of it decides the bytes of a row.

    Fields:
        shard: which documents this process takes.
        retry_failed: decode again what failed before.
        strict: raise at the first document that cannot be used.
        overwrite: write over the job, `out` and `failed`, whatever they are. Never over the input.
        flat: see `outputs.write`.
        report: called after every result.
        stop: asked after every result; once it says True no more documents are begun, and those at work are finished.
        arguments: the command, for the manifest.
    """

    shard: Shard = Shard()
    retry_failed: bool = False
    strict: bool = False
    overwrite: bool = False
    flat: bool = False
    report: Report = lambda progress: None
    stop: Callable[[], bool] = lambda: False
    arguments: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not isinstance(self.shard, Shard):
            raise InputError(f"shard={self.shard!r}", hint='Shard(2, 4), or Shard.read("2/4")')


def extract_file(
    generator: Generator[Any],
    file: Path | str,
    out: Path | str,
    *,
    job: Path | str | None = None,
    failed: Path | str | None = None,
    reading: Reading = Reading(),
    options: Options = Options(),
    together: bool | None = None,
    chunk: int | None = None,
    overlap: int | None = None,
    **short: Any,
) -> Summary:
    """Decode every document of `file`, and write a row for each to `out`, in order (`docs/extract.md`).

    A document that fails, for whatever reason, is written with that reason to `failed`, and the others go on. What is
    done is kept in the folder `job` as it comes; the same call goes on with it, to the bytes of a run that was never
    stopped. The files are written from it at the end.

    Args:
        file, out: "-" for the standard streams.
        job: None: `<out>.job`; none at all where `out` is a stream: rows go out as they come.
        failed: None: `<out>.failed.jsonl`, or standard error where `out` is a stream.
        together: documents share the calls of the network (`GeneratorDecoder`); None: on a CPU they do not.
        chunk, overlap: of a long text, in tokens: see `GeneratorDecoder`.
        short: fields of `Reading` and `Options` by name: `field="body"`, `strict=True`.
    Raises: InputError for an argument that could not be used, if `file` cannot be read, if the job is another run's or
        cannot be written, and with `strict`.
    """
    # It brings torch along, which what is mistyped can do without.
    from ctrldiff.extract.decoder import GeneratorDecoder, shares_calls

    ours = [one.name for one in fields(Reading)]
    known_names(short, [*ours, *(one.name for one in fields(Options))])
    reading = replace(reading, **{name: value for name, value in short.items() if name in ours})
    options = replace(options, **{name: value for name, value in short.items() if name not in ours})
    if together is None:
        together = shares_calls(generator)
    decoder = GeneratorDecoder(generator, together, chunk, overlap)
    plan = plan_of(generator, reading, together, chunk, overlap)
    return carry_out(decoder, plan, Places.of(file, out, failed, job), reading, options)


def carry_out(
    decoder: Decoder,
    plan: Mapping[str, Any],
    places: Places,
    reading: Reading = Reading(),
    options: Options = Options(),
) -> Summary:
    """`extract_file` with any decoder. `plan` says all that decides its results, as JSON."""
    began = time.perf_counter()
    source = Input(places.file, reading)
    if options.strict and is_file(places.file):
        for found in Input(places.file, reading):
            check(decoder, found)
    refuse_foreign(places, options.overwrite)
    if places.job is None:
        return _streamed(decoder, plan, places, source, options, began)
    with Ledger(
        places.job, plan, arguments=options.arguments, shard=options.shard, overwrite=options.overwrite
    ) as ledger:
        todo = _Todo(source, ledger, options)
        keeper = _Keeper(ledger, source, options, todo.again)
        earlier = keeper.done + keeper.failed
        _run(decoder, todo, keeper, options)
        answers, failures, last = ledger.counts()
        if not todo.stopped and last >= todo.documents:
            raise InputError(
                f"{str(places.file)!r} has {todo.documents:,} documents, and the job has done {last + 1:,}",
                why="the input has lost some since",
                hint="--overwrite starts anew; --job ANOTHER keeps what is there",
            )
        complete = not todo.stopped and answers + failures == todo.documents
        summary = Summary(
            done=answers,
            failed=failures,
            earlier=earlier,
            here=keeper.here,
            documents=todo.documents,
            complete=complete,
            forwards=keeper.forwards,
            other_calls=keeper.other_calls,
            job=str(places.job),
        )
        if complete:
            with at_one_moment(places.job) as entries:
                out, failed_file = _written(places, plan, options.flat, failures, entries)
            summary = replace(summary, out=out, failed_file=failed_file)
    return replace(summary, seconds=time.perf_counter() - began)


def export(
    job: Path, out: Path, failed: Path | None = None, *, flat: bool = False, overwrite: bool = False
) -> tuple[int, int]:
    """Write what a job has done so far to files, in the order of the input. Returns how many answers and failures.

    Raises: InputError for a folder that is no job's, and for a file that is there and was not written from it.
    """
    plan = read_manifest(job)["plan"]
    places = replace(Places.of(STREAM, out, failed), job=job)
    refuse_foreign(places, overwrite)
    with at_one_moment(job) as entries:
        codes = [one.code is None for one in entries()]
        answers = sum(codes)
        _written(places, plan, flat, len(codes) - answers, entries)
    return answers, len(codes) - answers


class _Todo:
    """The documents of an input that are this run's to do, in order. `again`: those of them that failed before."""

    def __init__(self, source: Input, ledger: Ledger | None, options: Options) -> None:
        self._source, self._ledger, self._options = source, ledger, options
        self.documents = 0
        self.stopped = False
        self.again: set[int] = set()

    def __iter__(self) -> Iterator[tuple[int, Found, bytes]]:
        done: dict[int, Done] = {}
        for n, found in enumerate(self._source):
            if self._options.stop():
                self.stopped = True
                return
            self.documents = n + 1
            if self._ledger is not None and n % BLOCK == 0:
                done = self._ledger.done(n, n + BLOCK)
            digest = digest_of(found.raw)
            if n in done:
                self._check(n, found, digest, done[n])
            again = n in done and done[n].failed and self._options.retry_failed
            if (n not in done or again) and self._options.shard.has(n):
                if again:
                    self.again.add(n)
                yield n, found, digest

    def _check(self, n: int, found: Found, digest: bytes, before: Done) -> None:
        if (found.source, digest) != (before.source, before.digest):
            where = f"{found.source} line {found.line:,}" if found.source else f"line {found.line:,}"
            raise InputError(
                f"the input is another: document {n + 1:,} ({where}) is not the one that was done",
                hint="--overwrite starts anew; -o ANOTHER or --job ANOTHER keeps what is there",
            )


class _Keeper:
    """Puts results into the ledger, some at a time, and tells of them."""

    def __init__(self, ledger: Ledger, source: Input, options: Options, again: set[int]) -> None:
        self._ledger, self._source, self._options, self._again = ledger, source, options, again
        self.done, self.failed, _ = ledger.counts()
        self.here = self.forwards = self.other_calls = 0
        self._held: list[Entry] = []
        self._since = time.monotonic()
        self._tell()

    def add(self, entry: Entry) -> None:
        """A result."""
        if not self._held:
            self._since = time.monotonic()
        self._held.append(entry)
        self.here += 1
        if entry.n in self._again:
            self._again.remove(entry.n)
            self.failed -= 1
        self.done += entry.code is None
        self.failed += entry.code is not None
        self.forwards += entry.forwards
        self.other_calls += entry.other_calls
        if len(self._held) >= KEPT or time.monotonic() - self._since > WAIT:
            self.flush()
        self._tell()

    def flush(self) -> None:
        """All of them are on the disk. Raises InputError."""
        held, self._held = self._held, []
        if held:
            try:
                self._ledger.keep(held)
            finally:
                self._tell()  # a signal may come while they are kept

    def _tell(self) -> None:
        self._options.report(Progress(self.done, self.failed, self._source.share))


def _run(decoder: Decoder, todo: _Todo, keeper: Any, options: Options) -> None:
    """Decode what is to do. Whatever ends it, what has come by then is kept."""
    entries = answered(decoder, todo, strict=options.strict)
    left = decoder.batch_size  # once it is to stop: so many are at work
    try:
        for entry in entries:
            keeper.add(entry)
            if options.stop():
                todo.stopped = True
                left -= 1
                if left < 0:
                    break
    finally:
        entries.close()
        keeper.flush()


def refuse_foreign(places: Places, overwrite: bool) -> None:
    """Raise InputError if there are files that were not written from the job."""
    for path in (places.out, places.failed):
        if overwrite or not is_file(path) or not path.exists() or not path.stat().st_size:
            continue
        if places.job is None or not exported(places.job, path):
            why = "nothing is kept of a run whose rows go to a stream" if places.job is None else "no job wrote it"
            hint = "--overwrite starts anew; -o ANOTHER keeps what is there"
            raise InputError(f"{str(path)!r} is there already", why=why, hint=hint)


def _written(
    places: Places, plan: Mapping[str, Any], flat: bool, failed: int, entries: Callable[[], Iterator[Entry]]
) -> tuple[str, str]:
    """Write the files. Returns where they are."""
    assert places.job is not None
    job, made = places.job, made_by(plan)

    def answers() -> Iterator[dict[str, Any]]:
        return (json.loads(one.record) | {"made": made} for one in entries() if one.code is None)

    def failures() -> Iterator[dict[str, Any]]:
        return (json.loads(one.record) for one in entries() if one.code is not None)

    if is_file(places.failed) and not failed:
        places.failed.unlink(missing_ok=True)
    for path, records, standard in ((places.failed, failures, sys.stderr), (places.out, answers, sys.stdout)):
        if records is failures and not failed:
            continue
        if is_file(path):
            with writing(job, path):
                note_export(job, path)
                write(path, records, flat=flat)
        else:
            _send(Sink(path, standard), map(json_line, records()))
    return str(places.out), _told(places) if failed else ""


def _told(places: Places) -> str:
    return str(places.failed) if is_file(places.failed) else "standard error"


def _send(sink: Sink, lines: Iterable[bytes]) -> None:
    try:
        for line in lines:
            sink.append(line)
    finally:
        sink.close()


def _streamed(
    decoder: Decoder, plan: Mapping[str, Any], places: Places, source: Input, options: Options, began: float
) -> Summary:
    """Rows to standard output as they come, and nothing kept."""
    keeper = _Sender(places, made_by(plan), options)
    todo = _Todo(source, None, options)
    try:
        _run(decoder, todo, keeper, options)
    finally:
        keeper.close()
    return Summary(
        done=keeper.done,
        failed=keeper.failed,
        earlier=0,
        here=keeper.done + keeper.failed,
        documents=todo.documents,
        complete=not todo.stopped,
        forwards=keeper.forwards,
        other_calls=keeper.other_calls,
        seconds=time.perf_counter() - began,
        out=str(places.out),
        failed_file=_told(places) if keeper.failed else "",
    )


class _Sender:
    """Sends results on as they come."""

    def __init__(self, places: Places, made: Mapping[str, Any], options: Options) -> None:
        self.done = self.failed = self.forwards = self.other_calls = 0
        self._made, self._options = made, options
        self._out = Sink(places.out, sys.stdout)
        self._failed = Sink(places.failed, sys.stderr)

    def add(self, entry: Entry) -> None:
        """A result."""
        self.forwards += entry.forwards
        self.other_calls += entry.other_calls
        if entry.code is None:
            self.done += 1
            self._out.append(json_line(json.loads(entry.record) | {"made": self._made}))
        else:
            self.failed += 1
            self._failed.append(entry.record.encode() + b"\n")
        self._options.report(Progress(self.done, self.failed, None))

    def flush(self) -> None:
        """Everything was sent when it came."""

    def close(self) -> None:
        """Let go of the files."""
        self._out.close()
        self._failed.close()
