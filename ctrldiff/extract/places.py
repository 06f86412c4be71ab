"""Where a run reads and writes; that none of these places is another is known before anything is opened for writing."""

from __future__ import annotations

import os
import stat
import sys
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from ctrldiff.errors import InputError
from ctrldiff.extract import outputs

STREAM = Path("-")
_STREAMS = (
    "/dev/stdin",
    "/dev/stdout",
    "/dev/stderr",
)  # which may lead to a file, and are used as streams all the same


@dataclass(frozen=True)
class Places:
    """The input, the output, the file of what failed, the job's folder. `-` is a standard stream; so is anything that
    is no file.

    Fields:
        file: documents; `-` is standard input.
        out: rows; `-` is standard output.
        failed: documents that failed, with why; `-` is standard error. None of it is written twice.
        job: what is done, and under what plan; None: nothing is kept.
    """

    file: Path
    out: Path
    failed: Path
    job: Path | None = None

    @staticmethod
    def of(
        file: Path | str, out: Path | str, failed: Path | str | None = None, job: Path | str | None = None
    ) -> Places:
        """The places, checked: the input can be read, the folders are there, files are of a kind that can be written,
        and no place is another.

        Args:
            failed: None: `<out>.failed.jsonl`; standard error where `out` is a stream.
            job: None: `<out>.job`; none where `out` is a stream.
        Raises: InputError, ExtraMissing.
        """
        file, out = Path(file), Path(out)
        if failed is None:
            failed = out.with_name(out.name + ".failed.jsonl") if is_file(out) else STREAM
        if job is None and is_file(out):
            job = out.with_name(out.name + ".job")
        places = Places(file, out, Path(failed), None if job is None else Path(job))
        places._check_input()
        written = [path for path in (out, places.failed) if is_file(path)]
        for path in written:
            if path.is_dir():
                raise InputError(f"{str(path)!r} is a folder", hint="name a file in it")
            if not path.parent.is_dir():
                raise InputError(f"{str(path)!r} cannot be written: there is no folder {str(path.parent)!r}")
            outputs.check(path)
        places._check_distinct(written)
        places._check_outside(written)
        return places

    def spare(self, other: str) -> None:
        """Raise InputError if something else that the caller reads would be written over."""
        for path in (self.out, self.failed):
            if is_file(path) and os.path.isfile(other) and _identity(path, 1) == _identity(Path(other), 1):
                raise InputError(f"{str(path)!r} is {other!r}, which is read", hint="name another file with -o")

    def _check_input(self) -> None:
        if not is_file(self.file):
            return
        try:
            if self.file.is_dir():
                os.listdir(self.file)
            else:
                self.file.open("rb").close()
        except OSError as error:
            raise InputError(f"{str(self.file)!r} cannot be read: {error.strerror}") from error
        if self.job is not None and self.job.exists() and not self.job.is_dir():
            raise InputError(f"{str(self.job)!r} is no folder", hint="--job ANOTHER")

    def _check_outside(self, written: list[Path]) -> None:
        """What is written must not be found as an input by the next run."""
        if not self.file.is_dir():
            return
        for path in (*written, *([self.job] if self.job else [])):
            if Path(os.path.realpath(path)).is_relative_to(os.path.realpath(self.file)):
                raise InputError(f"{str(path)!r} is in the folder that is read", hint="name a file elsewhere with -o")

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
        for path in written:
            if self.job is not None and os.path.realpath(path) == os.path.realpath(self.job):
                raise InputError(f"{str(path)!r} is to be the job's folder, too", hint="--job ANOTHER")


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
