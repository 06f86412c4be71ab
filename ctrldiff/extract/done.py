"""What a job has done so far, row by row: from its ledgers, or from the JSON lines it wrote."""

from __future__ import annotations

import heapq
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ctrldiff.errors import InputError
from ctrldiff.extract.ledger import Entry, read_ledgers
from ctrldiff.extract.streams import Source, read_lines
from ctrldiff.report.rows import JobRow


def read_rows(job: Path) -> Iterator[JobRow]:
    """The rows of a job's folder, in the order of the input, while a run is at work too; or of an output, JSON lines,
    packed or not, with those that failed beside it (`OUT.failed.jsonl`): numbered as if the input had no others.

    Raises: InputError if it is neither, or cannot be read.
    """
    return map(_row_of, read_ledgers(job)) if job.is_dir() else _lines(job)


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


def _row_of(one: Entry) -> JobRow:
    told = None if one.id is None else json.loads(one.id)
    return JobRow(
        one.n, one.source, one.line, told, one.code, json.loads(one.record), one.forwards, one.seconds, one.text
    )


def _lines(output: Path) -> Iterator[JobRow]:
    failed = output.with_name(output.name + ".failed.jsonl")
    files = (output, failed) if failed.exists() else (output,)
    for n, one in enumerate(heapq.merge(*map(_records, files), key=_place)):
        code = None if "output" in one else str(one["code"])
        yield JobRow(n, str(one.get("source", "")), int(one["line"]), one.get("id"), code, one)


def _place(record: Mapping[str, Any]) -> tuple[list[str], int]:
    """Where a row stands in the input: a folder is read in the order of its names."""
    return str(record.get("source", "")).split("/"), int(record["line"])


def _records(file: Path) -> Iterator[dict[str, Any]]:
    try:
        with file.open("rb") as stream:
            for line in read_lines(Source(stream, file.name), file.name):
                yield _record(line.raw, f"{file.name} line {line.number:,}")
    except OSError as error:
        raise InputError(f"{str(file)!r} cannot be read: {error.strerror}") from error


def _record(raw: bytes, where: str) -> dict[str, Any]:
    try:
        record: dict[str, Any] = json.loads(raw)
        int(record["line"]), "output" in record or record["code"]
        return record
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        hint = "a folder of `ctrldiff extract`, or JSON lines that it wrote (without --flat)"
        raise InputError(f"{where} is no row of an extraction", hint=hint) from error
