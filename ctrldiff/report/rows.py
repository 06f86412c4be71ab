"""What a job has done so far, row by row: from its ledger, or from the JSON lines it wrote."""

from __future__ import annotations

import heapq
import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from ctrldiff.errors import InputError

_NAMES = "n, source, line, id, code, record, forwards, seconds, text"


@dataclass(frozen=True)
class JobRow:
    """A document that is done.

    Fields: n, which one, from 0; source and line, where it stands in the input; id, None if it has none; code, what it
        failed for, None: it has an answer; record, its line of the output or of the failed file; forwards, seconds,
        what it cost, None if not known; text, what the model read, None if it was not kept.
    """

    n: int
    source: str
    line: int
    id: Any
    code: str | None
    record: dict[str, Any]
    forwards: int | None = None
    seconds: float | None = None
    text: str | None = None

    @property
    def name(self) -> str:
        """The document, for people."""
        where = f"{self.source} line {self.line:,}".strip()
        return where if self.id is None else f"{self.id} ({where})"


def read_rows(job: Path) -> Iterator[JobRow]:
    """The rows of a job's folder, in the order of the input, while a run is at work too; or of an output, JSON lines,
    with those that failed beside it (`OUT.failed.jsonl`), which come last.

    Raises: InputError if it is neither, or cannot be read.
    """
    return _ledgers(job) if job.is_dir() else _lines(job)


def read_plan(job: Path) -> dict[str, Any]:
    """What decided the rows, as the job's manifest or the record beside an output has it; nothing if there is none."""
    for file in (job / "manifest.json", job.with_name(job.name + ".run.json")):
        try:
            found = json.loads(file.read_bytes())
        except (OSError, ValueError):
            continue
        plan = found.get("plan") if isinstance(found, dict) else None
        return plan if isinstance(plan, dict) else {}
    return {}


def _ledgers(folder: Path) -> Iterator[JobRow]:
    paths = sorted(folder.glob("ledger*.sqlite"))
    if not paths:
        raise InputError(f"{str(folder)!r} is no job's folder", why="there is no ledger in it")
    opened: list[sqlite3.Connection] = []
    try:
        for path in paths:
            opened.append(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True))
        found = [one.execute(f"SELECT {_NAMES} FROM document ORDER BY n") for one in opened]
        for _, same in groupby(heapq.merge(*found, key=lambda row: row[0]), key=lambda row: row[0]):
            n, source, line, told, code, record, forwards, seconds, text = min(same, key=lambda row: row[4] is not None)
            yield JobRow(
                n,
                source,
                line,
                None if told is None else json.loads(told),
                code,
                json.loads(record),
                forwards,
                seconds,
                text,
            )
    except sqlite3.Error as error:
        raise InputError(f"{str(folder)!r} cannot be read: {error}") from error
    finally:
        for one in opened:
            one.close()


def _lines(output: Path) -> Iterator[JobRow]:
    failed = output.with_name(output.name + ".failed.jsonl")
    for file in (output, failed):
        if file == failed and not failed.exists():
            return
        try:
            with file.open("rb") as stream:
                for number, raw in enumerate(stream, start=1):
                    yield _row(raw, f"{file.name} line {number:,}")
        except OSError as error:
            raise InputError(f"{str(file)!r} cannot be read: {error.strerror}") from error


def _row(raw: bytes, where: str) -> JobRow:
    try:
        record = json.loads(raw)
        code = None if "output" in record else str(record["code"])
        return JobRow(int(record["line"]) - 1, "", int(record["line"]), record.get("id"), code, record)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        hint = "a folder of `ctrldiff extract`, or a file that it wrote"
        raise InputError(f"{where} is no row of an extraction", hint=hint) from error
