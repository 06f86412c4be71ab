"""A file of texts with the objects that they state."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

from ctrldiff.errors import InputError
from ctrldiff.json_schema import JsonSchema

HINT = '{"text": ..., "output": {...}}'
MOST = 64  # right answers of one text, if several keys have several


@dataclass(frozen=True)
class Answer:
    """A text and the object that it states. Keys that `output` lacks are not judged.

    Fields: where, its line, for messages; schema, the line's own; None: the one that all share; also, other right
        values by the key of `output`; id, None if it has none.
    """

    text: str
    output: Any
    where: str
    schema: dict[str, Any] | bool | None = None
    also: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    id: Any = None

    def of(self, key: str) -> tuple[Any, ...]:
        """All right values of a key; "" is the whole of an output that is no object."""
        return (self.output[key] if isinstance(self.output, dict) else self.output, *self.also.get(key, ()))

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys that are judged."""
        return tuple(self.output) if isinstance(self.output, dict) else ("",)

    def outputs(self) -> Iterator[Any]:
        """All right outputs, the first `MOST` of them."""
        if not self.also or not isinstance(self.output, dict):
            yield self.output
            return
        every = product(*(self.of(key) for key in self.output))
        for _, values in zip(range(MOST), every, strict=False):
            yield dict(zip(self.output, values, strict=True))


def by_schema(answers: Sequence[Answer], schema: Any = None) -> list[tuple[JsonSchema, list[int]]]:
    """Every schema with the numbers of the answers that it is the one of: their own, or for those without `schema`.

    Raises: InputError for a line without a schema, ConstraintError for a schema that is refused.
    """
    groups: dict[str, list[int]] = {}
    for n, one in enumerate(answers):
        if one.schema is None and schema is None:
            raise InputError(f"{one.where}: no schema", hint="--schema SCHEMA, or a schema in the line")
        groups.setdefault("" if one.schema is None else json.dumps(one.schema), []).append(n)
    found = []
    for members in groups.values():
        own = answers[members[0]].schema
        wanted = schema if own is None else own
        found.append((wanted if isinstance(wanted, JsonSchema) else JsonSchema(wanted, optional="write"), members))
    return found


def read_answers(file: Path) -> list[Answer]:
    """Read JSON lines {"text", "output"}. Blank lines are skipped.

    A line may have its own "schema", an "id", and in "also" other right values by key: {"name": ["Bob", "Robert"]}.
    Raises: InputError, naming the first line that cannot be used, or if the file cannot be read or holds no line.
    """
    try:
        lines = file.read_bytes().splitlines()
    except OSError as error:
        raise InputError(f"{str(file)!r} cannot be read: {error.strerror}") from error
    out = [_answer(raw, n, f"{file.name} line {n:,}") for n, raw in enumerate(lines, start=1) if raw.strip()]
    if not out:
        raise InputError(f"{str(file)!r} holds no lines", hint=HINT)
    return out


def _answer(raw: bytes, number: int, where: str) -> Answer:
    data = read_object(raw, number, where)
    if not isinstance(data.get("text"), str) or not isinstance(data.get("output"), dict | list):
        raise InputError(f"{where}: no text and output", hint=HINT, line=number)
    also = data.get("also", {})
    known = data["output"] if isinstance(data["output"], dict) else {""}
    if (
        not isinstance(also, dict)
        or not all(isinstance(one, list) for one in also.values())
        or not also.keys() <= set(known)
    ):
        raise InputError(
            f'{where}: "also" is no object of lists, by keys of the output',
            hint='"also": {"name": ["Bob"]}',
            line=number,
        )
    if not isinstance(data.get("schema"), dict | bool | None):
        raise InputError(f'{where}: "schema" is a {type(data["schema"]).__name__}', hint=HINT, line=number)
    others = {key: tuple(values) for key, values in also.items()}
    return Answer(data["text"], data["output"], where, data.get("schema"), others, data.get("id"))


def read_object(raw: bytes, number: int, where: str) -> dict[str, Any]:
    """The object of a line. Raises: InputError."""
    try:
        data = json.loads(raw)
    except UnicodeDecodeError as error:
        raise InputError(f"{where}, byte {error.start}: not UTF-8", line=number) from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{where}: not JSON ({error})", hint="mend the line", line=number) from error
    if not isinstance(data, dict):
        raise InputError(f"{where}: a {type(data).__name__}, not an object", line=number)
    return data
