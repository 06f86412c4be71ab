"""Bytes of a file as they are to be read: unpacked, in UTF-8, cut into lines."""

from __future__ import annotations

import bz2
import codecs
import gzip
import lzma
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from ctrldiff.errors import InputError

LONGEST_LINE = 64 << 20  # bytes; a longer line is counted and not held, so that memory is bounded
PACKED = (".gz", ".bz2", ".xz", ".zst")
_HEAD = 1000  # bytes that are kept of such a line
_CHUNK = 1 << 20
BOM = codecs.BOM_UTF8
_WIDE = {  # the longer mark first: UTF-32's begins with UTF-16's
    codecs.BOM_UTF32_LE: "UTF-32",
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}
_BROKEN = (OSError, EOFError, zlib.error, lzma.LZMAError)  # what unpacking raises; zstd's own errors are looked up


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
        return self.raw.removeprefix(BOM).decode("utf-8", "backslashreplace")


def _located(error: UnicodeError) -> tuple[str, int]:
    """Bytes that are none of an encoding's as half surrogate pairs, which no UTF-8 holds: the line that has them says
    where."""
    assert isinstance(error, UnicodeDecodeError)
    return "".join(chr(0xDC00 + byte) for byte in error.object[error.start : error.end]), error.end


codecs.register_error("ctrldiff-located", _located)


class Source:
    """The bytes of an open file, unpacked and in UTF-8. `read` raises InputError for what cannot be read or unpacked.

    Args:
        encoding: of texts; None: UTF-8, or what a byte-order mark says.
        name: for messages; its end says how the file is packed.
    Raises: InputError for an unknown encoding, and for UTF-16 or UTF-32 without a mark that nobody stated.
    """

    def __init__(self, stream: BinaryIO, name: str, encoding: str | None = None) -> None:
        self.name = name
        self._stream: Any = unpacked(stream, name)
        self._held = self._raw(4)
        if encoding is None:
            encoding = _marked(self._held, name)
        self.encoding = "utf-8" if encoding is None else _known(encoding)
        decoder = codecs.getincrementaldecoder(self.encoding)
        self._decoder = None if self.encoding == "utf-8" else decoder("ctrldiff-located")

    def read(self, size: int = _CHUNK) -> bytes:
        """Some bytes, as they come; none at the end."""
        while True:
            data, self._held = self._held or self._raw(size), b""
            if self._decoder is None:
                return data
            try:
                text = self._decoder.decode(data, final=not data)
            except UnicodeError as error:  # not of some bytes: those are located
                hint = "another --encoding: utf-16-le, cp1252, ..."
                raise InputError(f"{self.name!r} cannot be read as {self.encoding}: {error}", hint=hint) from error
            if text or not data:
                return text.encode("utf-8", "surrogatepass")

    def whole(self) -> bytes:
        """All of it, up to a little over `LONGEST_LINE`."""
        parts: list[bytes] = []
        size = 0
        while size <= LONGEST_LINE and (part := self.read()):
            parts.append(part)
            size += len(part)
        return b"".join(parts)

    def _raw(self, size: int) -> bytes:
        try:
            # read1 does not wait for a whole chunk: lines of a pipe are used as they come.
            read = getattr(self._stream, "read1", self._stream.read)
            return bytes(read(size))
        except _BROKEN as error:
            raise unreadable(self.name, error) from error
        except Exception as error:  # zstd's
            if type(error).__name__ not in ("ZstdError", "ArrowInvalid"):
                raise
            raise unreadable(self.name, error) from error


def unreadable(name: str, error: Exception) -> InputError:
    """The error for a file that cannot be read (on)."""
    return InputError(f"{name!r} cannot be read: {getattr(error, 'strerror', None) or error}")


def unpacked(stream: BinaryIO, name: str) -> Any:
    """The stream that is packed in this one, by the end of its name. Raises ExtraMissing."""
    end = Path(name).suffix.lower()
    if end == ".gz":
        return gzip.GzipFile(fileobj=stream)
    if end == ".bz2":
        return bz2.BZ2File(stream)
    if end == ".xz":
        return lzma.LZMAFile(stream)
    if end == ".zst":
        from ctrldiff.extract.extras import arrow

        return arrow("").CompressedInputStream(stream, "zstd")
    return stream


def read_lines(stream: Any, name: str) -> Iterator[Line]:
    """The lines of a stream, which end in LF, CRLF or CR; blank ones are counted and left out.

    Raises: InputError for what is UTF-16 or UTF-32 without a mark, and for a stream that cannot be read.
    """
    source = stream if isinstance(stream, Source) else Source(stream, name)
    number = held = 0
    parts: list[bytes] = []
    behind_cr = b""
    while True:
        chunk = source.read(_CHUNK)
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
    if raw.removeprefix(BOM).strip():
        yield Line(number, raw, held if held > LONGEST_LINE else len(raw))


def _marked(head: bytes, name: str) -> str | None:
    """The encoding that a byte-order mark states. Raises InputError for every second byte zero and no mark."""
    for mark, kind in _WIDE.items():
        if head.startswith(mark):
            return kind
    zeros = [byte == 0 for byte in head]
    if zeros in ([True, False] * 2, [False, True] * 2):
        wide = "utf-16-be" if zeros[0] else "utf-16-le"
        raise InputError(f"{name!r} is UTF-16, not UTF-8", hint=f"--encoding {wide}")
    return None


def _known(encoding: str) -> str:
    try:
        found = codecs.lookup(encoding)
    except LookupError as error:
        raise InputError(f"--encoding {encoding} is unknown", hint="utf-8, utf-16, latin-1, cp1252, ...") from error
    if not found._is_text_encoding:
        raise InputError(f"--encoding {encoding} is no encoding of texts")
    return "utf-8" if found.name in ("utf-8", "utf-8-sig", "ascii") else found.name
