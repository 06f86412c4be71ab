"""Where lines go: a file that ends after a whole line whatever happens, or a stream."""

from __future__ import annotations

import contextlib
import errno
import os
from pathlib import Path
from typing import Any, BinaryIO

from ctrldiff.errors import InputError
from ctrldiff.extract.places import STREAM

try:
    import fcntl
except ImportError:  # not on this system: two runs on one output are not noticed there
    fcntl = None  # type: ignore[assignment]


def remove(path: Path) -> None:
    """No file there. Raises InputError."""
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise unwritten(path, error) from error


def unwritten(path: Path, error: OSError) -> InputError:
    """The error for a file that cannot be written."""
    return InputError(
        f"{str(path)!r} cannot be written: {error.strerror or error}",
        why="every line that is in it is whole",
        hint="once it can be, the same command goes on where this one stopped",
    )


class Sink:
    """Takes whole lines."""

    def append(self, data: bytes) -> None:
        """Write lines. Raises InputError."""
        raise NotImplementedError

    def close(self) -> None:
        """Let go of the file."""


class FileSink(Sink):
    """A file that grows by whole lines, each of them on the disk before the next batch begins."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = -1

    def open(self) -> None:
        """Make the file if there is none; what is in it stays."""
        if self._file < 0:
            try:
                self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o666)
            except OSError as error:
                raise unwritten(self.path, error) from error

    def lock(self) -> None:
        """Raise InputError if another run has the file."""
        if fcntl is None:
            return
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise InputError(f"another run is writing {str(self.path)!r}", hint="wait for it, or -o ANOTHER") from error
        except OSError as error:  # a file system without locks; what stands in the files is checked all the same
            if error.errno not in (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS):
                raise unwritten(self.path, error) from error

    def cut(self, size: int) -> None:
        """Let the file end there, if there is one."""
        if self._file < 0 and not self.path.exists():
            return
        self.open()
        try:
            os.ftruncate(self._file, size)
        except OSError as error:
            raise unwritten(self.path, error) from error

    def append(self, data: bytes) -> None:
        self.open()
        start = os.lseek(self._file, 0, os.SEEK_END)
        try:
            left = memoryview(data)
            while left:
                left = left[os.write(self._file, left) :]
            os.fsync(self._file)
        except BaseException as error:
            # Whatever got out, the file ends after a whole line. If not even that works, the next run cuts it.
            with contextlib.suppress(OSError):
                out = os.fstat(self._file).st_size - start
                os.ftruncate(self._file, start + data.rfind(b"\n", 0, out) + 1)
            if isinstance(error, OSError):
                raise unwritten(self.path, error) from error
            raise

    def close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def remove(self) -> None:
        """No file."""
        self.close()
        remove(self.path)


class StreamSink(Sink):
    """A pipe, a terminal, a device: what is written is gone."""

    def __init__(self, path: Path, standard: Any) -> None:
        self.path = path
        self._owned = path != STREAM
        self._stream: BinaryIO | None = None if self._owned else standard.buffer

    def append(self, data: bytes) -> None:
        try:
            if self._stream is None:
                self._stream = os.fdopen(os.open(self.path, os.O_WRONLY), "wb")
            self._stream.write(data)
            self._stream.flush()
        except OSError as error:
            name = repr(str(self.path)) if self._owned else "the standard stream"
            raise InputError(f"{name} cannot be written: {error.strerror or error}") from error

    def close(self) -> None:
        if self._owned and self._stream is not None:
            with contextlib.suppress(OSError):  # it was flushed after every batch, where an error is told
                self._stream.close()
