"""Locks in a job's folder: who writes which ledger, and who writes what belongs to all of them."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path

try:
    import fcntl
except ImportError:  # not on this system: two runs on one ledger wait for each other's transactions there
    fcntl = None  # type: ignore[assignment]

_NO_LOCKS = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS)  # what a file system without them says


def lock(path: Path, *, wait: bool = False) -> int:
    """A descriptor of a file, which is locked until it is closed, where there are locks.

    Raises: BlockingIOError if another process has it and it is not to be waited for; OSError.
    """
    found = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        if fcntl is not None:
            fcntl.flock(found, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BaseException as error:
        if not isinstance(error, OSError) or error.errno not in _NO_LOCKS:
            os.close(found)
            raise
    return found


@contextlib.contextmanager
def one_at_a_time(path: Path) -> Iterator[None]:
    """Of the processes that name this file one is in here, and the others wait. Raises: OSError."""
    held = lock(path, wait=True)
    try:
        yield
    finally:
        os.close(held)
