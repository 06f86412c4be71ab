"""Where a run reads and writes; that none of these places is another is known before anything is opened for writing."""

from __future__ import annotations

import os
import stat
import sys
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import BinaryIO

from ctrldiff.errors import InputError
from ctrldiff.extract.documents import check_encoding

STREAM = Path("-")
_STREAMS = (
    "/dev/stdin",
    "/dev/stdout",
    "/dev/stderr",
)  # which may lead to a file, and are used as streams all the same


@dataclass(frozen=True)
class Places:
    """The input, the output and the file of failed lines. `-` is a standard stream; so is anything that is no file.

    Fields:
        file: documents; `-` is standard input.
        out: rows; `-` is standard output.
        failed: lines that failed, with why; `-` is standard error. None of it is written twice.
    """

    file: Path
    out: Path
    failed: Path

    @staticmethod
    def of(file: Path | str, out: Path | str, failed: Path | str | None = None) -> Places:
        """The places, checked: the input can be read, the folders are there, and no place is another.

        Args:
            failed: None: `<out>.failed.jsonl`; standard error where `out` is a stream.
        Raises: InputError.
        """
        file, out = Path(file), Path(out)
        if failed is None:
            failed = out.with_name(out.name + ".failed.jsonl") if is_file(out) else STREAM
        places = Places(file, out, Path(failed))
        places._check_input()
        written = [path for path in (out, places.failed, places.record) if is_file(path)]
        for path in written:
            if path.is_dir():
                raise InputError(f"{str(path)!r} is a folder", hint="name a file in it")
            if not path.parent.is_dir():
                raise InputError(f"{str(path)!r} cannot be written: there is no folder {str(path.parent)!r}")
        places._check_distinct(written)
        return places

    @property
    def record(self) -> Path:
        """The file beside the output that says what run it is of."""
        return self.out.with_name(self.out.name + ".run.json") if is_file(self.out) else STREAM

    @property
    def continuable(self) -> bool:
        """All three are files, so that a later run can see what has been done."""
        return is_file(self.file) and is_file(self.out) and is_file(self.failed)

    def open_input(self) -> BinaryIO:
        """The input, to be read once from its start. Raises InputError."""
        if self.file == STREAM:
            return sys.stdin.buffer
        try:
            return self.file.open("rb")
        except OSError as error:
            raise InputError(f"{str(self.file)!r} cannot be read: {error.strerror}") from error

    def spare(self, other: str) -> None:
        """Raise InputError if something else that the caller reads would be written over."""
        for path in (self.out, self.failed, self.record):
            if is_file(path) and os.path.isfile(other) and _identity(path, 1) == _identity(Path(other), 1):
                raise InputError(f"{str(path)!r} is {other!r}, which is read", hint="name another file with -o")

    def _check_input(self) -> None:
        if not is_file(self.file):
            return
        with self.open_input() as stream:
            try:
                check_encoding(stream.read(4), str(self.file))
            except OSError as error:
                raise InputError(f"{str(self.file)!r} cannot be read: {error.strerror}") from error

    def _check_distinct(self, written: list[Path]) -> None:
        read = _identity(self.file, 0)
        for path in {self.out: None} | dict.fromkeys(written):
            if read is not None and read == _identity(path, 1):
                name = "standard output" if path == STREAM else repr(str(path))
                raise InputError(
                    f"{name} is the input itself", why="the documents would be lost", hint="name another file with -o"
                )
        for one, other in combinations(written, 2):
            if _identity(one, 1) == _identity(other, 1):
                raise InputError(f"{str(one)!r} and {str(other)!r} are one file", hint="--failed ANOTHER")


def is_file(path: Path) -> bool:
    """It is a regular file, or none yet. Pipes, terminals and what the system names its streams by are not."""
    if path == STREAM or str(path) in _STREAMS or path.is_relative_to("/dev/fd") or path.is_relative_to("/proc"):
        return False
    try:
        mode = path.stat().st_mode
    except OSError:
        return True
    return stat.S_ISREG(mode) or stat.S_ISDIR(mode)


def _identity(path: Path, stream: int) -> tuple[int, int] | Path | None:
    """What is the same for two names of one file, links included; None for what is no regular file."""
    try:
        if path == STREAM:
            found = os.fstat((sys.stdin, sys.stdout)[stream].fileno())
        else:
            found = path.stat()
    except FileNotFoundError:
        return Path(os.path.realpath(path))
    except (OSError, ValueError):  # a stream of Python's own, without a file
        return None
    return (found.st_dev, found.st_ino) if stat.S_ISREG(found.st_mode) else None
