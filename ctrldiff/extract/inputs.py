"""What can be read: a file of many documents, one of a single document, a folder of either, standard input.

Documents are found one after the other, so that memory does not grow with the file, and each is read only when it is
wanted: what is done already costs no more than its bytes' digest.
"""

from __future__ import annotations

import csv
import json
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

from ctrldiff.errors import InputError
from ctrldiff.extract.docling import is_docling, read_docling
from ctrldiff.extract.documents import check_text, parse, text_of
from ctrldiff.extract.extras import arrow, datasets
from ctrldiff.extract.hypertext import read_html
from ctrldiff.extract.origin import Origin
from ctrldiff.extract.places import STREAM
from ctrldiff.extract.streams import BOM, LONGEST_LINE, PACKED, Line, Source, read_lines, unreadable

ROWS = 64  # of a table that are held at once
KINDS = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
    ".csv": "csv",
    ".tsv": "tsv",
    ".parquet": "parquet",
    ".arrow": "arrow",
    ".txt": "text",
    ".md": "text",
    ".markdown": "text",
    ".html": "html",
    ".htm": "html",
}
FORMATS = ("jsonl", "json", "csv", "tsv", "parquet", "arrow", "text", "html")
_SURROGATE = range(0xDC80, 0xDD00)  # what stands for a byte that is none of the encoding's


@dataclass(frozen=True)
class Reading:
    """How an input is read.

    Fields:
        field: the key or column of the text ("a.b" is b in a); id: that of a document's id.
        encoding: of texts; None: UTF-8, or what a byte-order mark says.
        format: one of `FORMATS`; None: what the file's name says, and JSON lines where it says nothing.
        delimiter: between the columns of a CSV file.
    """

    field: str = "text"
    id: str = "id"
    encoding: str | None = None
    format: str | None = None
    delimiter: str = ","

    def __post_init__(self) -> None:
        if self.format is not None and self.format not in FORMATS:
            raise InputError(f"--format {self.format}", hint=f"one of {', '.join(FORMATS)}")
        if len(self.delimiter) != 1 or self.delimiter in '"\r\n':
            raise InputError(f"--delimiter {self.delimiter!r} is no single character")


@dataclass(frozen=True)
class Document:
    """A document that was read: what stands beside its text ("id", if it has one), the text, and where that is from."""

    record: dict[str, Any]
    text: Any
    origin: Origin = Origin()


@dataclass(frozen=True)
class Found:
    """A document as it stands in the input.

    Fields: source, the file where the input is a folder, else ""; line, the line or row in it, from 1; raw, the bytes
        that it is told by; shown, as a text; read gives the document, or raises InputError for what is none.
    """

    source: str
    line: int
    raw: bytes
    read: Callable[[], Document]

    @property
    def shown(self) -> str:
        """The bytes as text; those that are not UTF-8 as `\\xff`."""
        return self.raw.removeprefix(BOM).decode("utf-8", "backslashreplace")


@dataclass
class Input:
    """An input, to be read once. `size` and `at` are bytes of its files, as far as they are known: 0 for a stream."""

    path: Path
    how: Reading = Reading()
    size: int = 0
    _before: int = field(default=0, repr=False)
    _open: BinaryIO | None = field(default=None, repr=False)

    @property
    def share(self) -> float | None:
        """How much of it is read, 0 to 1; None if nobody can say."""
        if not self.size:
            return None
        at = self._before
        if self._open is not None and not self._open.closed:
            at += self._open.tell()
        return min(at / self.size, 1.0)

    def __iter__(self) -> Iterator[Found]:
        """The documents in order. Raises InputError for what cannot be read (on)."""
        if self.path == STREAM:
            kind = self.how.format or "jsonl"
            yield from _documents(sys.stdin.buffer, _Place("", "standard input", "standard input", kind), self.how)
            return
        if self.path.is_dir() and _is_saved(self.path):
            yield from _saved(self.path, self.how)
            return
        files = [(self.path, "")] if not self.path.is_dir() else _files(self.path)
        if not self.path.is_dir():
            self.size = _size(self.path)
        for path, source in files:
            name = str(path)
            kind = self.how.format or kind_of(path) or ("" if source else "jsonl")
            place = _Place(source, name, source or path.name, kind)
            if not kind:
                yield _unread(place)
                continue
            try:
                self._open = path.open("rb")
            except OSError as error:
                raise unreadable(name, error) from error
            with self._open as stream:
                try:
                    yield from _documents(stream, place, self.how)
                except InputError as error:
                    if not source or kind not in _WHOLE:
                        raise
                    yield _broken(place, error)
            self._before += _size(path)


def kind_of(path: Path) -> str:
    """How a file is read, by its name; "" if that says nothing."""
    while path.suffix.lower() in PACKED:
        path = path.with_suffix("")
    return KINDS.get(path.suffix.lower(), "")


@dataclass(frozen=True)
class _Place:
    """A file: source, as rows name it; name, as messages about the file do; told, as those about its lines do."""

    source: str
    name: str
    told: str
    kind: str

    def where(self, line: int, word: str = "line") -> str:
        return f"{self.told} {word} {line:,}"


_WHOLE = ("text", "html", "json")  # a file that is one document: what is wrong with it is that document's own


def _documents(stream: BinaryIO, place: _Place, how: Reading) -> Iterator[Found]:
    if place.kind in ("parquet", "arrow"):
        yield from _table(stream, place, how)
        return
    source = Source(stream, place.name, how.encoding)
    if place.kind == "jsonl":
        for line in read_lines(source, place.name):
            yield Found(place.source, line.number, line.raw, partial(_json_line, line, place, how))
    elif place.kind in ("csv", "tsv"):
        yield from _separated(source, place, replace(how, delimiter="\t") if place.kind == "tsv" else how)
    elif place.kind == "json":
        yield from _json_file(source, place, how)
    else:
        raw = source.whole()
        yield Found(place.source, 1, raw, partial(_whole_file, raw, place))


def _json_line(line: Line, place: _Place, how: Reading) -> Document:
    where = place.where(line.number)
    return _of_record(parse(line, where), where, line.number, how)


def _of_record(record: dict[str, Any], where: str, number: int, how: Reading) -> Document:
    beside = {"id": record[how.id]} if how.id in record else {}
    try:
        return Document(beside, text_of(record, where, number, how.field))
    except InputError as error:
        error.facts["document"] = beside
        raise


def _whole_file(raw: bytes, place: _Place) -> Document:
    """A text, a Markdown or an HTML file: one document."""
    if len(raw) > LONGEST_LINE:
        raise InputError(f"{place.told}: over {LONGEST_LINE:,} bytes, more than are read", line=1)
    text = _decoded(raw.removeprefix(BOM), place.told, 1)
    beside = {"id": place.told}
    if place.kind == "html":
        read, origin = read_html(text)
        return Document(beside, check_text(read, place.told, 1, "file"), origin)
    return Document(beside, check_text(text, place.told, 1, "file"))


def _decoded(raw: bytes, where: str, number: int) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        what = f"{where}, byte {error.start} (line {line:,}): not of the stated encoding"
        raise InputError(what, hint="--encoding latin-1, cp1252, ...", line=number) from error


def _json_file(source: Source, place: _Place, how: Reading) -> Iterator[Found]:
    """A JSON file: a DoclingDocument, an object with a text, or a list of such objects."""
    raw = source.whole()
    line = Line(1, raw, len(raw))
    try:
        value = json.loads(_decoded(raw.removeprefix(BOM), place.told, 1)) if len(raw) <= LONGEST_LINE else None
    except (ValueError, RecursionError):
        value = None  # said by `parse`, with where
    if isinstance(value, list):
        for number, one in enumerate(value, start=1):
            data = json.dumps(one).encode()
            yield Found(place.source, number, data, partial(_element, one, number, place, how))
    elif isinstance(value, dict) and is_docling(value):
        yield Found(place.source, 1, raw, partial(_docling, value, place))
    else:
        yield Found(place.source, 1, raw, partial(_json_line, line, place, how))


def _element(value: Any, number: int, place: _Place, how: Reading) -> Document:
    where = place.where(number, "element")
    if is_docling(value):
        return _docling(value, place)
    if not isinstance(value, dict):
        raise InputError(f"{where} is no object", hint='[{"text": "..."}, ...]', line=number)
    return _of_record(value, where, number, how)


def _docling(value: dict[str, Any], place: _Place) -> Document:
    text, origin = read_docling(value, place.told, 1)
    return Document({"id": value.get("name") or place.told}, check_text(text, place.told, 1, "texts"), origin)


def _separated(source: Source, place: _Place, how: Reading) -> Iterator[Found]:
    """The rows of a CSV file; the first says what the columns are called."""
    held: list[str] = []
    number = 0  # of the last line that was taken
    csv.field_size_limit(LONGEST_LINE)

    def lines() -> Iterator[str]:
        nonlocal number
        for n, line in _text_lines(source):
            number = n
            held.append(line)
            yield line

    names: list[str] | None = None
    rows = csv.reader(lines(), delimiter=how.delimiter, strict=True)
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
            rows = csv.reader(lines(), delimiter=how.delimiter, strict=True)
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


def _columns(row: list[str], place: _Place, how: Reading) -> list[str]:
    row = [row[0].removeprefix("\ufeff"), *row[1:]]
    if how.field not in row:
        told = ", ".join(row)[:200].encode("utf-8", "backslashreplace").decode()
        raise InputError(f'{place.name!r} has no column "{how.field}"', why=f"it has: {told}", hint="--field NAME")
    if len(set(row)) < len(row):
        twice = next(name for name in row if row.count(name) > 1)
        if twice in (how.field, how.id):
            raise InputError(f'{place.name!r} has two columns "{twice}"')
    return row


def _csv_row(names: list[str], row: list[str], line: int, refused: str, place: _Place, how: Reading) -> Document:
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
    return _of_record(dict(zip(names, row, strict=True)), where, line, how)


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


def _table(stream: BinaryIO, place: _Place, how: Reading) -> Iterator[Found]:
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


def _batches(stream: BinaryIO, place: _Place, how: Reading) -> Iterator[tuple[list[str], list[dict[str, Any]]]]:
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


def _wanted(names: list[str], place: _Place, how: Reading) -> list[str]:
    top = how.field if how.field in names else how.field.split(".")[0]
    if top not in names:
        raise InputError(
            f'{place.name!r} has no column "{how.field}"', why=f"it has: {', '.join(names)[:200]}", hint="--field NAME"
        )
    return [name for name in names if name in (top, how.id)]


def _row(names: list[str], row: dict[str, Any], number: int, place: _Place, how: Reading) -> Found:
    raw = json.dumps(row, ensure_ascii=True, default=str).encode()
    return Found(place.source, number, raw, partial(_record, row, number, place, how))


def _record(row: dict[str, Any], number: int, place: _Place, how: Reading) -> Document:
    kept = {name: value for name, value in row.items() if name != how.id or value is not None}
    return _of_record(kept, place.where(number, "row"), number, how)


def _is_saved(folder: Path) -> bool:
    return (folder / "state.json").exists() or (folder / "dataset_dict.json").exists()


def _saved(folder: Path, how: Reading) -> Iterator[Found]:
    """A data set as `datasets` saves it. Its Arrow files are read as they are."""
    if not (folder / "state.json").exists():
        splits = sorted(one.parent.name for one in folder.glob("*/state.json"))
        raise InputError(
            f"{str(folder)!r} has several splits", hint=" or ".join(str(folder / one) for one in splits[:3])
        )
    place = _Place("", str(folder), folder.name, "datasets")
    try:
        rows = datasets().load_from_disk(str(folder))
    except (OSError, ValueError, KeyError) as error:
        raise unreadable(str(folder), error) from error
    rows = rows.select_columns(wanted := _wanted(rows.column_names, place, how))
    for start in range(0, len(rows), ROWS):
        columns = rows[start : start + ROWS]
        for n in range(len(columns[wanted[0]])):
            yield _row(wanted, {name: columns[name][n] for name in wanted}, start + n + 1, place, how)


def _files(folder: Path) -> Iterator[tuple[Path, str]]:
    """The files below a folder in the order of their names; what begins with a dot is left out."""
    waiting = _listed(folder)[::-1]
    while waiting:
        path = waiting.pop()
        if path.is_dir() and not path.is_symlink():
            waiting += _listed(path)[::-1]
        elif path.is_file():
            yield path, str(path.relative_to(folder)).encode("utf-8", "backslashreplace").decode()


def _listed(folder: Path) -> list[Path]:
    try:
        names = sorted(name for name in os.listdir(folder) if not name.startswith("."))
    except OSError as error:
        raise unreadable(str(folder), error) from error
    return [folder / name for name in names]


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _unread(place: _Place) -> Found:
    """A file of a kind that is not read, as a document that is refused."""

    def refuse() -> Document:
        raise InputError(
            f"{place.told}: a kind of file that is not read", hint=f"{', '.join(KINDS)}; or --format", line=1
        )

    return Found(place.source, 1, place.told.encode(), refuse)


def _broken(place: _Place, error: InputError) -> Found:
    """A file that cannot be read, as a document that is refused."""

    def refuse() -> Document:
        raise error

    return Found(place.source, 1, place.told.encode(), refuse)
