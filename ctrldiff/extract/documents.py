"""JSON lines, read as they come: bytes into lines, a line into a document, a document into its text and its id."""

from __future__ import annotations

import codecs
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

from ctrldiff.arguments import is_conversation
from ctrldiff.errors import InputError

LONGEST_LINE = 64 << 20  # bytes; a longer line is counted and not held, so that memory is bounded
_HEAD = 1000  # bytes that are kept of such a line
_CHUNK = 1 << 20
_BOM = codecs.BOM_UTF8
_WIDE = {  # the longer mark first: UTF-32's begins with UTF-16's
    codecs.BOM_UTF32_LE: "UTF-32",
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}


@dataclass(frozen=True)
class Line:
    """A line that is not blank. `number` counts every line from 1; `raw` has no line end; `size` is in bytes.

    Of a line over `LONGEST_LINE` only the beginning is in `raw`.
    """

    number: int
    raw: bytes
    size: int

    @property
    def shown(self) -> str:
        """The line as text; bytes that are not UTF-8 as `\\xff`."""
        return self.raw.removeprefix(_BOM).decode("utf-8", "backslashreplace")


def read_lines(stream: BinaryIO, name: str, seen: Callable[[bytes], object] = lambda chunk: None) -> Iterator[Line]:
    """The lines of a stream, which end in LF, CRLF or CR. `seen` gets every byte on the way.

    Raises: InputError for what is UTF-16 or UTF-32, and for a stream that cannot be read.
    """
    number = held = 0
    parts: list[bytes] = []
    first, behind_cr = True, b""
    while True:
        chunk = _read(stream, name)
        seen(chunk)
        if first:
            check_encoding(chunk[:4], name)
            first = False
        last = not chunk
        chunk = behind_cr + chunk
        # A CR that ends the chunk may be half of a CRLF: it waits.
        behind_cr = b"\r" if chunk.endswith(b"\r") and not last else b""
        pieces = chunk.removesuffix(behind_cr).splitlines(keepends=True)
        for piece in pieces:
            held += len(piece)
            if held <= LONGEST_LINE:
                parts.append(piece)
            else:
                parts = [b"".join((*parts, piece))[:_HEAD]]
            if piece.endswith((b"\n", b"\r")):
                number += 1
                yield from _line(number, parts, held)
                parts, held = [], 0
        if last:
            yield from _line(number + 1, parts, held)
            return


def _line(number: int, parts: list[bytes], held: int) -> Iterator[Line]:
    raw = b"".join(parts).rstrip(b"\r\n")
    if raw.removeprefix(_BOM).strip():
        yield Line(number, raw, held if held > LONGEST_LINE else len(raw))


def _read(stream: BinaryIO, name: str) -> bytes:
    try:
        # read1 does not wait for a whole chunk: lines of a pipe are used as they come.
        return stream.read1(_CHUNK) if hasattr(stream, "read1") else stream.read(_CHUNK)
    except OSError as error:
        raise InputError(f"{name!r} cannot be read: {error.strerror}") from error


def check_encoding(head: bytes, name: str) -> None:
    """Raise InputError if a file begins like UTF-16 or UTF-32, with a mark or with every second byte zero."""
    wide = next((kind for mark, kind in _WIDE.items() if head.startswith(mark)), "")
    zeros = [byte == 0 for byte in head]
    if not wide and zeros in ([True, False] * 2, [False, True] * 2):
        wide = "UTF-16"
    if wide:
        raise InputError(f"{name!r} is {wide}, not UTF-8", hint=f"iconv -f {wide} -t UTF-8 FILE")


def parse(line: Line, where: str) -> dict[str, Any]:
    """The object on a line. Raises InputError."""
    if line.size > LONGEST_LINE:
        raise InputError(
            f"{where}: {line.size:,} bytes, and {LONGEST_LINE:,} at most are read",
            hint="one document a line; split this one",
            line=line.number,
        )
    try:
        document = json.loads(line.raw.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise InputError(f"{where}, byte {error.start}: not UTF-8", line=line.number) from error
    except ValueError as error:
        at = getattr(error, "pos", 0)
        raise InputError(
            f"{where}, character {at}: not JSON ({error})", hint="mend the line", line=line.number
        ) from error
    except RecursionError as error:
        raise InputError(f"{where}: nested too deep to be read", line=line.number) from error
    if not isinstance(document, dict):
        raise InputError(
            f"{where}: a JSON {_KINDS[type(document)]}, not an object", hint='{"text": "..."}', line=line.number
        )
    return document


_KINDS = {list: "array", str: "string", int: "number", float: "number", bool: "boolean", type(None): "null"}


def text_of(document: dict[str, Any], where: str, number: int, field: str) -> Any:
    """The text under `field`, or the conversation. Raises InputError for none, for an empty one, and for half of a
    surrogate pair in it."""
    if field not in document:
        raise InputError(
            f'{where}: no text under "{field}"',
            why=f"it has: {', '.join(document) or 'nothing'}"[:200],
            hint="--field NAME",
            line=number,
        )
    text = document[field]
    if is_conversation(text):
        return text
    if not isinstance(text, str):
        kind = _KINDS.get(type(text), "object")
        raise InputError(f'{where}: what is under "{field}" is a JSON {kind}, not a text', line=number)
    if not text.strip():
        raise InputError(f'{where}: the text under "{field}" is empty', line=number)
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise InputError(
            f'{where}: the text under "{field}" has half of a surrogate pair at character {error.start}',
            why=f"\\u{ord(text[error.start]):04x} alone is no character, and cannot be written in UTF-8",
            hint="mend the line: a cut emoji, most likely",
            line=number,
        ) from error
    return text


def check_id(document: dict[str, Any], where: str, number: int) -> None:
    """Raise InputError if the document's id cannot be written again as JSON in UTF-8."""
    if "id" not in document:
        return
    try:
        json_line({"id": document["id"]})
    except UnicodeEncodeError as error:
        why = f"half of a surrogate pair, {_ascii(error.object[error.start])}, is no character"
    except ValueError:
        why = "NaN and the infinities are not JSON, and numbers beyond 1.8e308 are read as one"
    except RecursionError:
        why = "it is nested too deep"
    else:
        return
    raise InputError(f'{where}: the "id" cannot be written again as JSON', why=why, line=number)


def failed_line(line: Line, document: dict[str, Any], error: Exception) -> bytes:
    """The line of the failed file that says what a line was refused for."""
    code, told = getattr(error, "code", "EXCEPTION"), str(error)
    if not hasattr(error, "code"):
        told = f"{type(error).__name__}: {error}"
    elif hasattr(error, "row"):
        # The generator counts the texts it was given; a reader counts lines.
        told = told.replace(f"text {error.row}", f"line {line.number}", 1)
    record: dict[str, Any] = {"line": line.number, "code": code, "error": _ascii(told), "input": line.shown}
    if "id" in document:
        try:
            return json_line({"line": line.number, "id": document["id"]} | record)
        except (ValueError, RecursionError):
            pass  # an id that cannot be written stands in the input as it was
    return json_line(record)


def json_line(record: dict[str, Any]) -> bytes:
    """One line of strict JSON in UTF-8. Raises ValueError (NaN, infinity, half of a surrogate pair), RecursionError."""
    return json.dumps(record, ensure_ascii=False, allow_nan=False, default=_plain).encode("utf-8") + b"\n"


def _plain(value: Any) -> Any:
    """A value of any type that pydantic writes as JSON: models, dates, decimals, sets. Raises ValueError for others."""
    from pydantic_core import to_jsonable_python

    return to_jsonable_python(value)


def _ascii(text: str) -> str:
    """A text with half surrogate pairs spelled out."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
