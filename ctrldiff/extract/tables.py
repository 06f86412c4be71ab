"""Tables of documents, a row each: CSV, Parquet, Arrow streams, and what `datasets` saved."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

from ctrldiff.errors import InputError
from ctrldiff.extract.extras import arrow, datasets
from ctrldiff.extract.found import Document, Found, Place, Reading, of_record
from ctrldiff.extract.streams import LONGEST_LINE, Source, unreadable

ROWS = 64  # of a table that are held at once
_SURROGATE = range(0xDC80, 0xDD00)  # what stands for a byte that is none of the encoding's


def separated(source: Source, place: Place, how: Reading) -> Iterator[Found]:
    """The rows of a CSV file; the first says what the columns are called."""
    held: list[str] = []
    number = 0  # of the last line that was taken
    csv.field_size_limit(LONGEST_LINE)

    def lines() -> Iterator[str]:
        nonlocal number
        for n, line in _text_lines(source):
            number = n
            held.append(line)
            yield line.removeprefix("\ufeff") if n == 1 else line

    names: list[str] | None = None
    left = lines()
    rows = csv.reader(left, delimiter=how.delimiter, strict=True)
    while True:
        held.clear()
        first = number + 1
        row: list[str] = []
        refused = ""
        try:
            row = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            refused = str(error)
            rows = csv.reader(left, delimiter=how.delimiter, strict=True)
        if not refused and not any(cell.strip() for cell in row):
            continue  # a blank line
        if names is None:
            if refused:
                raise InputError(
                    f"{place.where(first)}: {refused}", why="the first line says what the columns are called"
                )
            names = _columns(row, place, how)
            continue
        raw = "".join(held).rstrip("\r\n").encode("utf-8", "surrogateescape")
        yield Found(place.source, first, raw, partial(_csv_row, names, row, first, refused, place, how))


def _columns(row: list[str], place: Place, how: Reading) -> list[str]:
    if how.field not in row:
        told = ", ".join(row)[:200].encode("utf-8", "backslashreplace").decode()
        raise InputError(f'{place.name!r} has no column "{how.field}"', why=f"it has: {told}", hint="--field NAME")
    if len(set(row)) < len(row):
        twice = next(name for name in row if row.count(name) > 1)
        if twice in (how.field, how.id):
            raise InputError(f'{place.name!r} has two columns "{twice}"')
    return row


def _csv_row(names: list[str], row: list[str], line: int, refused: str, place: Place, how: Reading) -> Document:
    where = place.where(line)
    if refused:
        raise InputError(f"{where}: no row of a CSV file ({refused})", hint="a quote that is not closed?", line=line)
    if len(row) != len(names):
        raise InputError(f"{where}: {len(row)} columns, where the first line has {len(names)}", line=line)
    for name, cell in zip(names, row, strict=True):
        bad = next((n for n, char in enumerate(cell) if ord(char) in _SURROGATE), None)
        if bad is not None and name in (how.field, how.id):
            what = f'{where}: not of the stated encoding at character {bad} of column "{name}"'
            raise InputError(what, hint="--encoding latin-1, cp1252, ...", line=line)
    return of_record(dict(zip(names, row, strict=True)), where, line, how)


def _text_lines(source: Source) -> Iterator[tuple[int, str]]:
    """All lines with their ends, blank ones too: a cell may hold some. What is not UTF-8 is half surrogate pairs."""
    number, rest = 0, b""
    while True:
        chunk = source.read()
        data = rest + chunk
        lines = data.splitlines(keepends=True)
        rest = b""
        if chunk and lines and (not lines[-1].endswith(b"\n")):  # a CR may be half of a CRLF
            rest = lines.pop()
            if len(rest) > LONGEST_LINE:
                raise InputError(f"{source.name!r} line {number + 1:,}: over {LONGEST_LINE:,} bytes")
        for line in lines:
            number += 1
            yield number, line.decode("utf-8", "surrogateescape")
        if not chunk:
            return


def table(stream: BinaryIO, place: Place, how: Reading) -> Iterator[Found]:
    """The rows of a Parquet or an Arrow file."""
    first = 1
    broken = (arrow("").ArrowException, OSError, ValueError)
    try:
        for names, rows in _batches(stream, place, how):
            for number, row in enumerate(rows, start=first):
                yield _row(names, row, number, place, how)
            first += len(rows)
    except InputError:
        raise
    except Exception as error:
        if not isinstance(error, broken):
            raise
        raise InputError(f"{place.name!r} cannot be read after row {first - 1:,}: {error}") from error


def _batches(stream: BinaryIO, place: Place, how: Reading) -> Iterator[tuple[list[str], list[dict[str, Any]]]]:
    if place.kind == "arrow":
        for batch in arrow("ipc").open_stream(stream):
            wanted = _wanted(batch.schema.names, place, how)
            for start in range(0, batch.num_rows, ROWS):
                yield wanted, batch.select(wanted).slice(start, ROWS).to_pylist()
        return
    if not stream.seekable():
        raise InputError("Parquet cannot be read from a stream", hint="name the file")
    file = arrow("parquet").ParquetFile(stream)
    wanted = _wanted(file.schema_arrow.names, place, how)
    for batch in file.iter_batches(batch_size=ROWS, columns=wanted):
        yield wanted, batch.to_pylist()


def _wanted(names: list[str], place: Place, how: Reading) -> list[str]:
    top = how.field if how.field in names else how.field.split(".")[0]
    if top not in names:
        raise InputError(
            f'{place.name!r} has no column "{how.field}"', why=f"it has: {', '.join(names)[:200]}", hint="--field NAME"
        )
    return [name for name in names if name in (top, how.id)]


def _row(names: list[str], row: dict[str, Any], number: int, place: Place, how: Reading) -> Found:
    raw = json.dumps(row, ensure_ascii=True, default=str).encode()
    return Found(place.source, number, raw, partial(_record, row, number, place, how))


def _record(row: dict[str, Any], number: int, place: Place, how: Reading) -> Document:
    kept = {name: value for name, value in row.items() if name != how.id or value is not None}
    return of_record(kept, place.where(number, "row"), number, how)


def is_saved(folder: Path) -> bool:
    """A folder that `datasets` wrote."""
    return (folder / "state.json").exists() or (folder / "dataset_dict.json").exists()


def saved(folder: Path, how: Reading) -> Iterator[Found]:
    """A data set as `datasets` saves it. Its Arrow files are read as they are."""
    if not (folder / "state.json").exists():
        splits = sorted(one.parent.name for one in folder.glob("*/state.json"))
        raise InputError(
            f"{str(folder)!r} has several splits", hint=" or ".join(str(folder / one) for one in splits[:3])
        )
    place = Place("", str(folder), folder.name, "datasets")
    try:
        rows = datasets().load_from_disk(str(folder))
    except (OSError, ValueError, KeyError) as error:
        raise unreadable(str(folder), error) from error
    rows = rows.select_columns(wanted := _wanted(rows.column_names, place, how))
    for start in range(0, len(rows), ROWS):
        columns = rows[start : start + ROWS]
        for n in range(len(columns[wanted[0]])):
            yield _row(wanted, {name: columns[name][n] for name in wanted}, start + n + 1, place, how)
