"""Texts in, results out, one after the other and without end: what a job asks of a model."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import count
from typing import Any, Protocol

from ctrldiff.decode import decode
from ctrldiff.errors import CtrldiffError, InputError
from ctrldiff.extract.chunks import cut
from ctrldiff.extract.spans import span_places
from ctrldiff.generate import Generator, read
from ctrldiff.json_schema import JsonSchema
from ctrldiff.models.alone import Alone
from ctrldiff.request import Row
from ctrldiff.sampling.plan import check_number


class Decoder(Protocol):
    """What a job asks of a generator. The result of a text does not depend on the texts beside it."""

    @property
    def batch_size(self) -> int:
        """Texts that are decoded together."""

    def split(self, text: Any) -> list[tuple[int, int]]:
        """The parts that a text is decoded in; one, if it fits. Raises what can be said against it beforehand."""

    def stream(self, texts: Iterable[tuple[Any, bool]]) -> Iterator[Any]:
        """A `Result` for every text, or the exception that it was refused for, in order, while they are read.

        Args: texts: each with whether it is a part of a longer one: then how probable each value is matters.
        Raises: what reading the texts raises, when the results of those before are given.
        """

    def spans(self, value: Any, text: str) -> dict[str, list[tuple[int, int]]]:
        """Where the values that stand in the text verbatim stand, by their JSON pointers."""

    def reread(self, value: Any, text: str) -> Any:
        """A value that was put together from the answers to a text's parts, as the type has it. Raises InputError."""


def shares_calls(generator: Generator[Any]) -> bool:
    """Whether documents share the network's calls where nobody says: not on a CPU, which is full with one row."""
    return getattr(generator.model.loaded.denoiser, "device", "cpu") != "cpu"


@dataclass(frozen=True)
class GeneratorDecoder:
    """A generator as a `Decoder`.

    Args:
        together: rows share the calls of the network. That is quicker on a device that is not full with one row, and
            then the last digits of log-probabilities, and what hangs by them, depend on the rows beside.
        chunk: tokens of a text that are decoded at once, at most; None: as many as the context has room for.
        overlap: tokens that a part of a text shares with the one before it, at most half of its own; None: an eighth of
            them.
    Raises: InputError for a number that could not be used.
    """

    generator: Generator[Any]
    together: bool = False
    chunk: int | None = None
    overlap: int | None = None

    def __post_init__(self) -> None:
        for name, value, least in (("chunk", self.chunk, 1), ("overlap", self.overlap, 0)):
            if value is not None:
                check_number(name, value, least)

    @property
    def batch_size(self) -> int:
        """Texts that are decoded together."""
        return self.generator.batch_size

    @cached_property
    def room(self) -> int:
        """Tokens of a text for which the context has room, beside what is said of the type and a usual answer."""
        context = self.generator.model.loaded.spec.context
        try:
            row = self._row("a", False, 0)
        except CtrldiffError:  # no text of one letter is enough for this type
            return context // 2
        return max(context - len(row.ids) - max(row.canvas, row.first), 16)

    def split(self, text: Any) -> list[tuple[int, int]]:
        """The parts that a text is decoded in."""
        if not isinstance(text, str):
            return [(0, 0)]
        most = min(self.chunk or self.room, self.room)
        tokens = self._count(text) if len(text) > most else len(text)  # a token is a character or more, but for bytes
        if tokens <= most and (len(text) > most or self._count(text) <= most):
            return [(0, len(text))]
        if self.chunk is None and tokens < self.generator.model.loaded.spec.context:
            try:
                self.generator.check(text)  # it fits after all, in a canvas that is smaller than usual
            except CtrldiffError:
                pass
            else:
                return [(0, len(text))]
        return cut(text, most, most // 8 if self.overlap is None else self.overlap, self._count)

    def stream(self, texts: Iterable[tuple[Any, bool]]) -> Iterator[Any]:
        """Results in order. An exception of any kind is its text's own: what was at work with it is decoded again, each
        alone."""
        source = iter(texts)
        waiting: deque[Any] = deque()  # read, and not answered
        broken: list[Exception] = []

        def rows() -> Iterator[Any]:
            for n in count():
                try:
                    text = next(source)
                except StopIteration:
                    return
                except Exception as error:  # the reader's own, no text's
                    broken.append(error)
                    return
                waiting.append(text)
                yield self._read(*text, n)

        while True:
            try:
                for result in self._decoded(rows()):
                    waiting.popleft()
                    yield result
                break
            except Exception:
                pass  # some text's: which, shows when each is alone
            while waiting:
                yield self._one(*waiting.popleft())
        if broken:
            raise broken[0]

    def spans(self, value: Any, text: str) -> dict[str, list[tuple[int, int]]]:
        """Where the values of `x-span` stand."""
        return {} if self._schema is None else span_places(self._schema.shape(self.generator.limits), value, text)

    def reread(self, value: Any, text: str) -> Any:
        """The value as the type has it. Raises InputError if it has none such."""
        generator = self.generator
        if not isinstance(generator.type.description, JsonSchema):
            return value
        for at, told in generator.type.description.objections(value):
            raise InputError(f"{at}: {told}")
        return generator.compiled.read(text).read(json.dumps(value))

    @cached_property
    def _schema(self) -> JsonSchema | None:
        """The schema, if values of it stand in the text."""
        description = self.generator.type.description
        return description if isinstance(description, JsonSchema) and description.has_spans else None

    def _count(self, text: str) -> int:
        return len(self.generator.model.loaded.plain_ids(text))

    def _row(self, text: Any, is_part: bool, n: int) -> Row:
        one = self.generator
        request = one.request(text)
        if is_part and one.search is None and not one.wanted.guidance:
            request = replace(request, fields=True)
        return read(one.model, one.compiled, request, n, one.plan, one.search)

    def _read(self, text: Any, is_part: bool, n: int) -> Any:
        try:
            return self._row(text, is_part, n)
        except Exception as error:
            return error

    def _decoded(self, rows: Iterable[Any]) -> Iterator[Any]:
        one = self.generator
        loaded = one.model.loaded
        if not self.together:
            loaded = replace(loaded, denoiser=Alone(loaded.denoiser))
        return decode(loaded, rows, one.plan, one.search, batch_size=one.batch_size, keep=True)

    def _one(self, text: Any, is_part: bool) -> Any:
        row = self._read(text, is_part, 0)
        if isinstance(row, Exception):
            return row
        try:
            return next(self._decoded([row]))
        except Exception as error:
            return error
