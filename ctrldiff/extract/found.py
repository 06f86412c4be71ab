"""A document as it stands in an input, and how it is read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ctrldiff.errors import InputError
from ctrldiff.extract.documents import text_of
from ctrldiff.extract.origin import Origin
from ctrldiff.extract.streams import BOM

FORMATS = ("jsonl", "json", "csv", "tsv", "parquet", "arrow", "text", "html")


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


@dataclass(frozen=True)
class Place:
    """A file: source, as rows name it; name, as messages about the file do; told, as those about its lines do."""

    source: str
    name: str
    told: str
    kind: str

    def where(self, line: int, word: str = "line") -> str:
        """A line of it, as messages name it."""
        return f"{self.told} {word} {line:,}"


def of_record(record: dict[str, Any], where: str, number: int, how: Reading) -> Document:
    """The document that an object or a row is. Raises: InputError, with its id among the facts."""
    beside = {"id": record[how.id]} if how.id in record else {}
    try:
        return Document(beside, text_of(record, where, number, how.field))
    except InputError as error:
        error.facts["document"] = beside
        raise
