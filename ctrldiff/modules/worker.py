"""A process that compiles: told descriptions in words, it answers with the bytes of files."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np

from ctrldiff.errors import CtrldiffError
from ctrldiff.limits import Limits
from ctrldiff.modules import portable
from ctrldiff.modules.module import Module
from ctrldiff.tokens.vocabulary import Vocabulary


@dataclass(frozen=True)
class How:
    """What `Module.of` takes besides a type and a vocabulary."""

    texts: tuple[str, ...]
    room: int
    prose: int | None
    limits: dict[str, int]

    def compile(self, output: Any, vocabulary: Vocabulary) -> Module | CtrldiffError:
        """The module, or the error that refuses it."""
        texts, limits = self.texts, Limits(**self.limits)
        try:
            return Module.of(output, vocabulary, texts=texts, room=self.room, prose=self.prose, limits=limits)
        except CtrldiffError as error:
            return error


def sent(vocabulary: Vocabulary) -> tuple[bytes, bytes, bytes, tuple[int, ...], int | None]:
    """A vocabulary as plain values."""
    parts = (vocabulary.data, vocabulary.offsets, vocabulary.written)
    data, offsets, written = (part.tobytes() for part in parts)
    return data, offsets, written, vocabulary.stop_ids, vocabulary.pad_id


_here: dict[str, Any] = {}  # what this process was begun with: its vocabulary, and how it compiles


def begin(data: bytes, offsets: bytes, written: bytes, stop_ids: tuple[int, ...], pad_id: int | None, how: How) -> None:
    """Called once in a new process, with what `sent` gave."""
    arrays = (np.frombuffer(data, np.uint8), np.frombuffer(offsets, np.int64), np.frombuffer(written, np.bool_))
    _here.update(vocabulary=Vocabulary(*arrays, stop_ids, pad_id), how=how)


def ready() -> bool:
    """Whether the process has begun."""
    return bool(_here)


def compiled(words: str) -> bytes | CtrldiffError:
    """The bytes of a module of the description that these words tell, or the error that refuses it."""
    made = _here["how"].compile(portable.read(json.loads(words)), _here["vocabulary"])
    return made.to_bytes() if isinstance(made, Module) else made
