"""Where lines go as they come: a standard stream, a pipe, a device, a new file."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Any, BinaryIO

from ctrldiff.errors import InputError
from ctrldiff.extract.places import STREAM


class Sink:
    """Takes whole lines; what is written is gone.

    Args: standard: the stream that "-" stands for.
    """

    def __init__(self, path: Path, standard: Any) -> None:
        self.path = path
        self._owned = path != STREAM
        self._stream: BinaryIO | None = None if self._owned else standard.buffer

    def append(self, data: bytes) -> None:
        """Write lines. Raises InputError."""
        try:
            if self._stream is None:
                self._stream = os.fdopen(os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666), "wb")
            self._stream.write(data)
            self._stream.flush()
        except OSError as error:
            name = repr(str(self.path)) if self._owned else "the standard stream"
            raise InputError(f"{name} cannot be written: {error.strerror or error}") from error

    def close(self) -> None:
        """Let go of the file."""
        if self._owned and self._stream is not None:
            with contextlib.suppress(OSError):  # it was flushed after every line, where an error is told
                self._stream.close()
