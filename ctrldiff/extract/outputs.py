"""A ledger's rows as a file: JSON lines, CSV, Parquet or SQLite, in the order of the input, at once or not at all."""

from __future__ import annotations

import bz2
import contextlib
import csv
import gzip
import itertools
import json
import lzma
import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from ctrldiff.errors import InputError
from ctrldiff.extract.documents import json_line
from ctrldiff.extract.extras import arrow
from ctrldiff.extract.ledger import unwritten
from ctrldiff.extract.streams import PACKED
from ctrldiff.pointer import escaped

ROWS = 500  # of a table that are held at once
KINDS = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".csv": "csv",
    ".parquet": "parquet",
    ".sqlite": "sqlite",
    ".db": "sqlite",
}

Records = Callable[[], Iterator[dict[str, Any]]]  # the rows, as often as they are asked for


def kind_of(path: Path) -> str:
    """How a file is written, by its name; JSON lines where that says nothing. Raises InputError."""
    packed = path.suffix.lower() in PACKED
    kind = KINDS.get((path.with_suffix("") if packed else path).suffix.lower(), "jsonl")
    if packed and (kind in ("parquet", "sqlite") or path.suffix.lower() == ".zst"):
        raise InputError(f"{str(path)!r} is not written packed like that", hint="-o out.parquet, or -o out.jsonl.gz")
    return kind


def check(path: Path) -> None:
    """Raise InputError or ExtraMissing, before there are rows, for a kind of file that cannot be written."""
    if kind_of(path) == "parquet":
        arrow("parquet")


def write(path: Path, records: Records, *, flat: bool = False) -> None:
    """Write rows to a file of the kind that its name says.

    Args:
        flat: a column for every value of the answers, "/" and its JSON pointer, where there is `output` else. CSV is
            always flat.
    Raises: InputError if it cannot be written; the file that was there is there still.
    """
    kind = kind_of(path)
    part = path.with_name(path.name + ".part")
    try:
        with contextlib.suppress(FileNotFoundError):
            part.unlink()
        if kind == "sqlite":
            _sqlite(part, records, flat)
        else:
            with part.open("wb") as stream:
                with _packed(stream, path.suffix.lower()) as out:
                    if kind == "jsonl":
                        for record in records():
                            out.write(json_line(flattened(record) if flat else record))
                    elif kind == "csv":
                        _csv(out, records)
                    else:
                        _parquet(out, records, flat)
                stream.flush()
                os.fsync(stream.fileno())
        os.replace(part, path)
    except (OSError, sqlite3.Error) as error:
        with contextlib.suppress(OSError):
            part.unlink()
        raise unwritten(path, error) from error


@contextmanager
def _packed(stream: BinaryIO, end: str) -> Iterator[Any]:
    """The stream, packed. No time and no name goes into it: equal rows are equal bytes."""
    if end == ".gz":
        with gzip.GzipFile(filename="", fileobj=stream, mode="wb", mtime=0) as packed:
            yield packed
    elif end in (".bz2", ".xz"):
        with (bz2.BZ2File if end == ".bz2" else lzma.LZMAFile)(stream, "wb") as packed:
            yield packed
    else:
        yield stream


def flattened(record: Mapping[str, Any]) -> dict[str, Any]:
    """A row with its answer's values side by side, each under its pointer; an answer that is one value under "/"."""
    found: dict[str, Any] = {}
    for name, value in record.items():
        if name == "output":
            found |= dict(_values(value, ""))
        else:
            found[name] = value
    return found


def _values(value: Any, at: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        for key, below in value.items():
            yield from _values(below, f"{at}/{escaped(key)}")
    else:  # lists are of any length, and so no columns
        yield at or "/", json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else value


@dataclass(frozen=True)
class _Table:
    """Rows as columns of one kind each: "int", "float", "bool", "text"; or "json", a text that holds whatever comes.
    ("whole" is said of a value alone: an int that no float holds.)
    """

    kinds: dict[str, str]
    rows: Callable[[], Iterator[list[Any]]]

    def batches(self) -> Iterator[list[list[Any]]]:
        """The rows, so many at a time."""
        held: list[list[Any]] = []
        for row in self.rows():
            held.append(row)
            if len(held) == ROWS:
                yield held
                held = []
        if held:
            yield held


def _tabled(records: Records, flat: bool) -> _Table:
    """Two readings: what columns there are and of what kind, then the rows."""

    def rows() -> Iterator[dict[str, Any]]:
        for record in records():
            row = flattened(record) if flat else dict(record)
            made = row.pop("made", {})
            yield row | {f"made_{name}": one for name, one in made.items()}

    kinds: dict[str, set[str]] = {}
    for row in rows():
        for name, value in row.items():
            kinds.setdefault(name, set()).update(() if value is None else (_kind(name, value),))
    chosen = {name: _common(kinds[name]) for name in sorted(kinds, key=_rank)}

    def listed() -> Iterator[list[Any]]:
        for row in rows():
            yield [_cell(name, row.get(name), kind) for name, kind in chosen.items()]

    return _Table(chosen, listed)


_FIRST = ("id", "source", "line")
_JSON = ("output", "flags", "fields", "spans", "chunks", "usage")


def _rank(name: str) -> int:
    """The order of columns: which document, its answer, how sure, what made it."""
    if name in _FIRST:
        return _FIRST.index(name)
    if name == "output" or name.startswith("/"):
        return len(_FIRST)
    return len(_FIRST) + (2 if name.startswith("made_") else 1)


def _kind(name: str, value: Any) -> str:
    if name in _JSON or isinstance(value, dict | list):
        return "json"
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > 2**53:
        return "whole" if abs(value) < 2**63 else "json"
    kinds = {bool: "bool", int: "int", float: "float"}
    return kinds.get(type(value), "text")


def _common(kinds: set[str]) -> str:
    if "whole" in kinds and kinds <= {"int", "whole"}:
        return "int"
    if len(kinds) < 2:
        return next(iter(kinds), "text")
    return "float" if kinds == {"int", "float"} else "json"


def _cell(name: str, value: Any, kind: str) -> Any:
    if value is None and name != "output":
        return None
    if kind == "json":
        return json.dumps(value, ensure_ascii=False)
    return float(value) if kind == "float" else value


def _csv(out: BinaryIO, records: Records) -> None:
    table = _tabled(records, True)
    writer = csv.writer(_Ended(out), lineterminator="\r\n")
    writer.writerow(table.kinds)
    for rows in table.batches():
        writer.writerows([["true" if one is True else "false" if one is False else one for one in row] for row in rows])


@dataclass(frozen=True)
class _Ended:
    """Ends rows in LF. (A writer that ends them so itself leaves a CR in a cell bare, and no reader has it back.)"""

    out: BinaryIO

    def write(self, row: str) -> None:
        """A row, as `csv.writer` hands it on."""
        self.out.write(row.removesuffix("\r\n").encode("utf-8") + b"\n")


def _parquet(out: BinaryIO, records: Records, flat: bool) -> None:
    table, pa = _tabled(records, flat), arrow("")
    types = {"int": pa.int64(), "float": pa.float64(), "bool": pa.bool_()}
    schema = pa.schema([(name, types.get(kind, pa.string())) for name, kind in table.kinds.items()])
    with arrow("parquet").ParquetWriter(out, schema) as writer:
        for rows in table.batches():
            columns = [list(one) for one in zip(*rows, strict=True)]
            writer.write_table(pa.table(dict(zip(table.kinds, columns, strict=True)), schema=schema))


def _sqlite(path: Path, records: Records, flat: bool) -> None:
    table = _tabled(records, flat)
    types = {"int": "INTEGER", "float": "REAL", "bool": "INTEGER"}
    names = map(_quoted, _told_apart(table.kinds))
    columns = ", ".join(f"{name} {types.get(kind, 'TEXT')}" for name, kind in zip(names, table.kinds.values()))
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as out:
        out.execute("PRAGMA synchronous=FULL")
        out.execute("BEGIN")
        out.execute(f"CREATE TABLE rows ({columns or 'line INTEGER'})")
        for rows in table.batches():
            out.executemany(f"INSERT INTO rows VALUES ({', '.join('?' for _ in table.kinds)})", rows)
        out.execute("COMMIT")


def _told_apart(names: Iterable[str]) -> list[str]:
    """Names of columns; of those that SQLite takes for one, as they differ by the case of letters only, all but the
    first with a number behind them."""
    out: dict[bytes, str] = {}
    for name in names:
        ways = itertools.chain([name], (f"{name} ({n})" for n in itertools.count(2)))
        free = next(one for one in ways if one.encode().lower() not in out)
        out[free.encode().lower()] = free  # bytes have small letters in ASCII alone, as SQLite sees it
    return list(out.values())


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""').replace("\0", "\\0") + '"'
