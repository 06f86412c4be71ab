"""What can be read: a file of many documents, one of a single document, a folder of either, standard input.

Documents are found one after the other, so that memory does not grow with the file, and each is read only when it is
wanted: what is done already costs no more than its bytes' digest.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

from ctrldiff.errors import InputError
from ctrldiff.extract.docling import is_docling, read_docling
from ctrldiff.extract.documents import check_text, parse
from ctrldiff.extract.found import Document, Found, Place, Reading, of_record
from ctrldiff.extract.hypertext import read_html
from ctrldiff.extract.places import STREAM
from ctrldiff.extract.streams import BOM, LONGEST_LINE, PACKED, Line, Source, read_lines, unreadable
from ctrldiff.extract.tables import is_saved, saved, separated, table

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
            yield from _documents(sys.stdin.buffer, Place("", "standard input", "standard input", kind), self.how)
            return
        if self.path.is_dir() and is_saved(self.path):
            yield from saved(self.path, self.how)
            return
        files = [(self.path, "")] if not self.path.is_dir() else _files(self.path)
        if not self.path.is_dir():
            self.size = _size(self.path)
        for path, source in files:
            name = str(path)
            kind = self.how.format or kind_of(path) or ("" if source else "jsonl")
            place = Place(source, name, source or path.name, kind)
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


_WHOLE = ("text", "html", "json")  # a file that is one document: what is wrong with it is that document's own


def _documents(stream: BinaryIO, place: Place, how: Reading) -> Iterator[Found]:
    if place.kind in ("parquet", "arrow"):
        yield from table(stream, place, how)
        return
    source = Source(stream, place.name, how.encoding)
    if place.kind == "jsonl":
        for line in read_lines(source, place.name):
            yield Found(place.source, line.number, line.raw, partial(_json_line, line, place, how))
    elif place.kind in ("csv", "tsv"):
        yield from separated(source, place, replace(how, delimiter="\t") if place.kind == "tsv" else how)
    elif place.kind == "json":
        yield from _json_file(source, place, how)
    else:
        raw = source.whole()
        yield Found(place.source, 1, raw, partial(_whole_file, raw, place))


def _json_line(line: Line, place: Place, how: Reading) -> Document:
    where = place.where(line.number)
    return of_record(parse(line, where), where, line.number, how)


def _whole_file(raw: bytes, place: Place) -> Document:
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


def _json_file(source: Source, place: Place, how: Reading) -> Iterator[Found]:
    """A JSON file: a DoclingDocument, an object with a text, or a list of such objects."""
    raw = source.whole()
    line = Line(1, raw, len(raw))
    try:
        value = json.loads(_decoded(raw.removeprefix(BOM), place.told, 1)) if len(raw) <= LONGEST_LINE else None
    except (InputError, ValueError, RecursionError):
        value = None  # said by `parse`, with where
    if isinstance(value, list):
        for number, one in enumerate(value, start=1):
            data = json.dumps(one).encode()
            yield Found(place.source, number, data, partial(_element, one, number, place, how))
    elif isinstance(value, dict) and is_docling(value):
        yield Found(place.source, 1, raw, partial(_docling, value, place))
    else:
        yield Found(place.source, 1, raw, partial(_json_line, line, place, how))


def _element(value: Any, number: int, place: Place, how: Reading) -> Document:
    where = place.where(number, "element")
    if is_docling(value):
        return _docling(value, place)
    if not isinstance(value, dict):
        raise InputError(f"{where} is no object", hint='[{"text": "..."}, ...]', line=number)
    return of_record(value, where, number, how)


def _docling(value: dict[str, Any], place: Place) -> Document:
    text, origin = read_docling(value, place.told, 1)
    return Document({"id": value.get("name") or place.told}, check_text(text, place.told, 1, "texts"), origin)


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


def _unread(place: Place) -> Found:
    """A file of a kind that is not read, as a document that is refused."""

    def refuse() -> Document:
        raise InputError(
            f"{place.told}: a kind of file that is not read", hint=f"{', '.join(KINDS)}; or --format", line=1
        )

    return Found(place.source, 1, place.told.encode(), refuse)


def _broken(place: Place, error: InputError) -> Found:
    """A file that cannot be read, as a document that is refused."""

    def refuse() -> Document:
        raise error

    return Found(place.source, 1, place.told.encode(), refuse)
