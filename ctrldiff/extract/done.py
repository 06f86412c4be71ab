"""What a job has done so far, row by row: from its ledgers, or from the JSON lines it wrote."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ctrldiff.errors import InputError
from ctrldiff.extract.ledger import Entry, read_ledgers
from ctrldiff.report.rows import JobRow


def read_rows(job: Path) -> Iterator[JobRow]:
    """The rows of a job's folder, in the order of the input, while a run is at work too; or of an output, JSON lines,
    with those that failed beside it (`OUT.failed.jsonl`), which come last.

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
