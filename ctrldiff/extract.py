"""A file of documents into a file of objects."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from ctrldiff.errors import CtrldiffError, InputError
from ctrldiff.generate import Generator


@dataclass(frozen=True)
class Summary:
    """What became of a file. `failed_file` is empty when every line was used."""

    done: int
    failed: int
    forwards: int
    seconds: float
    failed_file: str


def extract_file(
    generator: Generator,
    file: Path,
    out: Path,
    *,
    field: str = "text",
    strict: bool = False,
    report: Callable[[int, int], None] = lambda done, total: None,
) -> Summary:
    """Decode `field` of every JSON line of `file`, and write one JSON line for each to `out`, in order.

    A line of the output holds `line` (from 1), the input's `id` if it has one, `output` and `log_prob`. A line that
    cannot be used (no JSON, no text, too long) is written with its reason to `<out>.failed.jsonl` and the others go
    on; with `strict` it raises before any document is decoded. Every batch is flushed as it ends.

    Raises: InputError if `file` cannot be read, `out` cannot be written, or (strict) at the first unusable line.
    """
    began = time.perf_counter()
    good: list[tuple[int, dict[str, Any]]] = []
    bad: list[tuple[int, str, CtrldiffError]] = []
    try:
        lines = file.read_bytes().splitlines()
    except OSError as error:
        raise InputError(f"{str(file)!r} cannot be read: {error.strerror}") from error
    for number, raw in enumerate(lines, start=1):
        if not raw.strip():
            continue
        try:
            document = _document(raw, number, file.name, field)
            generator.check(document[field])
            good.append((number, document))
        except CtrldiffError as error:
            if strict:
                raise
            bad.append((number, raw.decode("utf-8", errors="replace"), error))
    failed_file = out.with_name(out.name + ".failed.jsonl")
    forwards = done = 0
    total = len(good)
    report(0, total)
    try:
        with out.open("w", encoding="utf-8") as sink:
            for start in range(0, total, generator.batch_size):
                rows = good[start : start + generator.batch_size]
                done_here, cost, refused = _batch(generator, rows, field, sink)
                if strict and refused:
                    raise refused[0][2]
                bad += refused
                done += done_here
                forwards += cost
                sink.flush()
                report(start + len(rows), total)
    except OSError as error:
        raise InputError(f"{str(out)!r} cannot be written: {error.strerror}") from error
    if bad:
        with failed_file.open("w", encoding="utf-8") as sink:
            for number, line, reason in sorted(bad, key=lambda item: item[0]):
                _write(sink, {"line": number, "code": reason.code, "error": str(reason), "input": line})
    return Summary(done, len(bad), forwards, time.perf_counter() - began, str(failed_file) if bad else "")


def _batch(
    generator: Generator, rows: list[tuple[int, dict[str, Any]]], field: str, sink: IO[str]
) -> tuple[int, int, list[tuple[int, str, CtrldiffError]]]:
    """Write one batch. If a row's answer is refused by its type, the rows are decoded one by one."""
    try:
        results: list[Any] = list(generator.each([document[field] for _, document in rows]))
    except CtrldiffError as error:
        if len(rows) == 1:
            return 0, 0, [(rows[0][0], json.dumps(rows[0][1], ensure_ascii=False), error)]
        parts = [_batch(generator, [row], field, sink) for row in rows]
        return sum(p[0] for p in parts), sum(p[1] for p in parts), [bad for p in parts for bad in p[2]]
    for (number, document), result in zip(rows, results, strict=True):
        record = {"line": number, "output": result.output, "log_prob": round(result.log_prob, 6)}
        _write(sink, ({"id": document["id"]} if "id" in document else {}) | record)
    return len(rows), sum(result.usage.forwards for result in results), []


def _write(sink: IO[str], record: dict[str, Any]) -> None:
    sink.write(json.dumps(record, ensure_ascii=False) + "\n")


def _document(raw: bytes, number: int, name: str, field: str) -> dict[str, Any]:
    where = f"{name} line {number:,}"
    try:
        document = json.loads(raw)
    except UnicodeDecodeError as error:
        raise InputError(f"{where}, byte {error.start}: not UTF-8", line=number) from error
    except ValueError as error:
        at = getattr(error, "pos", 0)
        raise InputError(f"{where}, character {at}: not JSON ({error})", hint="mend the line", line=number) from error
    if not isinstance(document, dict) or not isinstance(document.get(field), str):
        keys = ", ".join(map(str, document)) if isinstance(document, dict) else type(document).__name__
        raise InputError(
            f'{where}: no text under "{field}"', why=f"it has: {keys}"[:200], hint="--field NAME", line=number
        )
    if not document[field].strip():
        raise InputError(f'{where}: the text under "{field}" is empty', line=number)
    return document
