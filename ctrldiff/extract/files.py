"""What a run has written: whole lines, kept as they come, so that a run that was killed can be gone on with.

Three files: the rows, the failed lines, and a record of the run that they are of. The lines themselves are the ledger:
each says which line of the input it answers, both files are in the order of the input, and the failed lines of a batch
are on the disk before its rows are. So what has been done can be read back from them, and anything else is refused.
"""

from __future__ import annotations

import hashlib
import heapq
import json
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

from ctrldiff.errors import InputError
from ctrldiff.extract.documents import read_lines
from ctrldiff.extract.places import Places, is_file
from ctrldiff.extract.sinks import FileSink, Sink, StreamSink, remove, unwritten

ROW = {"line", "output", "log_prob"}
FAILURE = {"line", "code", "error", "input"}
FORMAT = 1
ANEW = "--overwrite starts anew; -o ANOTHER keeps what is there"


@dataclass(frozen=True)
class Standing:
    """What earlier runs have done of an input, blank lines aside.

    Fields: total (lines; None for a stream); done, failed (lines in the two files); first (so many lines from the start
        are done); ahead (numbers of lines behind those that are done too: the beginning of a batch).
    """

    total: int | None = None
    done: int = 0
    failed: int = 0
    first: int = 0
    ahead: frozenset[int] = frozenset()

    def has(self, ordinal: int, number: int) -> bool:
        """The line is done."""
        return ordinal < self.first or number in self.ahead


@dataclass
class Ledger:
    """The files of one run, held open. Use it as a context.

    Args:
        plan: what decides the rows, besides the input; a run is gone on with only under the same.
        overwrite: start anew, whatever is there.
    Raises: InputError if the output is another run's, no run's or in use, or cannot be written.
    """

    places: Places
    plan: Mapping[str, Any]
    overwrite: bool = False
    standing: Standing = field(default=Standing(), init=False)

    def __post_init__(self) -> None:
        refuse_foreign(self.places, self.overwrite)

    def __enter__(self) -> Self:
        places = self.places
        self._out: Sink = FileSink(places.out) if is_file(places.out) else StreamSink(places.out, sys.stdout)
        self._failed: Sink = (
            FileSink(places.failed) if is_file(places.failed) else StreamSink(places.failed, sys.stderr)
        )
        try:
            self._open()
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def keep(self, failures: list[bytes], rows: list[bytes]) -> None:
        """Write the lines of a batch, in the order of the input. Raises InputError; what was whole by then stays."""
        if failures:  # first, so that a row on the disk says that all that failed before it is there too
            self._failed.append(b"".join(failures))
        if rows:
            self._out.append(b"".join(rows))

    def finish(self) -> None:
        """The run is done. A file of failed lines that holds none is removed."""
        failed = self.places.failed
        if isinstance(self._failed, FileSink) and failed.exists() and not failed.stat().st_size:
            self._failed.remove()

    def _close(self) -> None:
        self._out.close()
        self._failed.close()

    def _open(self) -> None:
        places = self.places
        if isinstance(self._out, FileSink):
            self._out.open()
            self._out.lock()
        if self.overwrite:
            # In this order, a run that dies in between leaves nothing that could be taken for its own.
            if isinstance(self._failed, FileSink):
                self._failed.remove()
            if isinstance(self._out, FileSink):
                self._out.cut(0)
        if is_file(places.out) and not places.continuable:
            remove(places.record)
        if not is_file(places.file):
            return
        old_rows, old_failures = _Written(places.out, ROW), _Written(places.failed, FAILURE)
        going_on = places.continuable and bool(old_rows.size or old_failures.size)
        if going_on:
            _check_same(places, self.plan)  # before the lines are looked at: what the user changed is what he is told
        digest = hashlib.blake2b(digest_size=16)
        with places.open_input() as stream:
            standing, wrong = _survey(stream, places, digest, old_rows, old_failures)
        if not places.continuable:
            self.standing = Standing(total=standing.total)
            return
        run = {"input": digest.hexdigest(), **self.plan}
        if going_on:
            _check_same(places, run)
            if wrong:
                files = f"{str(places.out)!r} and {str(places.failed)!r}"
                raise InputError(f"{files} are not of one run over {str(places.file)!r}", why=wrong, hint=ANEW)
            for sink, old in ((self._out, old_rows), (self._failed, old_failures)):
                if isinstance(sink, FileSink) and old.whole < old.size:
                    sink.cut(old.whole)
        else:
            _write_record(places.record, run)
        self.standing = standing


def refuse_foreign(places: Places, overwrite: bool) -> None:
    """Raise InputError if there are files that a run may neither go on with nor write over."""
    if overwrite:
        return
    for path in (places.out, places.failed):
        if is_file(path) and path.exists() and path.stat().st_size:
            if not places.continuable:
                raise InputError(
                    f"{str(path)!r} is there already",
                    why="a run between streams cannot be gone on with: nothing says how far it came",
                    hint=ANEW,
                )
            if not places.record.exists():
                raise InputError(
                    f"{str(path)!r} is there already",
                    why=f"{str(places.record)!r} would say which run it is of, and is not there",
                    hint=ANEW,
                )


def _check_same(places: Places, run: Mapping[str, Any]) -> None:
    """Raise InputError, with what differs, unless the record is of this run."""
    try:
        record = json.loads(places.record.read_bytes())
        old = record["run"] if record["format"] == FORMAT else None
    except (OSError, ValueError, KeyError, TypeError):
        old = None
    if not isinstance(old, dict):
        raise InputError(f"{str(places.record)!r} is no record of a run", hint=ANEW)
    names = [*run, *(name for name in old if name not in run and name != "input")]
    # An object without words of its own shows its address, which says nothing about the next process.
    told = [
        f"{name}: {_short(old.get(name))} there, {_short(run.get(name))} now"
        for name in names
        if old.get(name) != run.get(name) or " at 0x" in str(run.get(name))
    ]
    if told:
        raise InputError(f"{str(places.out)!r} is of another run", why="\n".join(told), hint=ANEW)


def _short(value: Any) -> str:
    told = "nothing" if value is None else str(value)
    return told if len(told) <= 80 else told[:77] + "..."


def _survey(
    stream: BinaryIO, places: Places, digest: Any, old_rows: _Written, old_failures: _Written
) -> tuple[Standing, str]:
    """Read the input and both files beside each other: what has been done, and what is wrong with that, if anything."""
    marks = heapq.merge(((number, 0) for number in old_rows), ((number, 1) for number in old_failures))
    mark = next(marks, None)
    first, ahead, total, wrong = None, set(), 0, ""
    for line in read_lines(stream, str(places.file), digest.update):
        if mark is not None and mark[0] == line.number:
            before, failed = mark
            if first is not None:
                ahead.add(before)
                if not failed and not wrong:
                    wrong = f"line {before:,} has a row, and a line before it is in neither file"
            mark = next(marks, None)
            if mark is not None and mark[0] == before:
                wrong = wrong or f"line {before:,} is in both files"
                mark = next(marks, None)
        elif first is None:
            first = total
        if mark is not None and mark[0] < line.number:
            wrong = wrong or f"they speak of line {mark[0]:,}, and there is no document"
            mark = next(marks, None)
        total += 1
    if mark is not None:
        wrong = wrong or f"they speak of line {mark[0]:,}, and there is no document"
    done = total if first is None else first
    return Standing(total, old_rows.count, old_failures.count, done, frozenset(ahead)), wrong


class _Written:
    """The line numbers in a file of ours, in order. `whole` is where its last whole line ends, once all are read.

    Raises: InputError for a line that is not ours, other than a torn last one.
    """

    def __init__(self, path: Path, keys: set[str]) -> None:
        self.path, self.keys = path, keys
        self.count = self.whole = 0
        self.size = path.stat().st_size if is_file(path) and path.exists() else 0

    def __iter__(self) -> Iterator[int]:
        if not self.size:
            return
        before = 0
        with self.path.open("rb") as stream:
            for raw in stream:
                end = self.whole + len(raw)
                try:
                    row = json.loads(raw) if raw.endswith(b"\n") else None
                except (ValueError, RecursionError):
                    row = None
                if row is None and end == self.size:
                    return  # torn: the writer was killed in it
                number = row.get("line") if isinstance(row, dict) and set(row) >= self.keys else None
                if type(number) is not int or number <= before:
                    raise InputError(
                        f"{str(self.path)!r} is not what a run has written: see its line {self.count + 1:,}", hint=ANEW
                    )
                before, self.whole, self.count = number, end, self.count + 1
                yield number


def _write_record(path: Path, run: Mapping[str, Any]) -> None:
    """At once or not at all."""
    part = path.with_name(path.name + ".part")
    data = json.dumps({"format": FORMAT, "run": run}, indent=1).encode() + b"\n"
    try:
        sink = FileSink(part)
        sink.open()
        try:
            sink.cut(0)
            sink.append(data)
        finally:
            sink.close()
        os.replace(part, path)
    except OSError as error:
        raise unwritten(path, error) from error
