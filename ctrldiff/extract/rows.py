"""A result, or the results of a text's parts, to the row that is written of it."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ctrldiff.errors import InputError
from ctrldiff.extract.chunks import Part, merge
from ctrldiff.extract.documents import json_line
from ctrldiff.extract.found import Document, Found
from ctrldiff.pointer import name_of, pointer_of

DIGITS = 6  # of log-probabilities and probabilities that are written

Spans = Callable[[Any, str], dict[str, list[tuple[int, int]]]]  # an answer and its text to places in it, by pointer
Reread = Callable[[Any, str], Any]  # a merged value and its text to what the type makes of it


@dataclass(frozen=True)
class Chunk:
    """A part of a text, start <= n < end, and its result: or the exception that it was refused for."""

    start: int
    end: int
    result: Any


def row_of(
    found: Found, document: Document, chunks: Sequence[Chunk], spans: Spans, reread: Reread
) -> tuple[dict[str, Any], float]:
    """The row of a document, and the seconds that it took.

    Raises: what its only part was refused for, or the first, if all were; what making the merged value one of the type
        raises; ValueError for what cannot be written as JSON.
    """
    good = [one for one in chunks if not isinstance(one.result, Exception)]
    if not good:
        raise chunks[0].result
    record: dict[str, Any] = {"id": document.record["id"]} if "id" in document.record else {}
    if found.source:
        record["source"] = found.source
    record["line"] = found.line
    parts = [_read(one, document, spans) for one in good]
    if len(chunks) == 1:
        record |= parts[0].record
    else:
        record |= _together(parts, document, reread)
        record["chunks"] = [
            {"start": one.start, "end": one.end}
            | ({"failed": getattr(one.result, "code", "EXCEPTION")} if isinstance(one.result, Exception) else {})
            for one in chunks
        ]
    usages = [one.result.usage for one in good]
    record["usage"] = {
        name: sum(getattr(one, name) for one in usages)
        for name in ("prompt_tokens", "answer_tokens", "canvas", "forwards", "other_calls")
    }
    return record, sum(one.seconds for one in usages)


@dataclass(frozen=True)
class _Read:
    record: dict[str, Any]
    part: Part
    flags: dict[str, Any]
    fields: dict[str, Any]


def _read(chunk: Chunk, document: Document, spans: Spans) -> _Read:
    """One result as what is written of it."""
    result, text = chunk.result, document.text
    if isinstance(text, str):
        text = text[chunk.start : chunk.end]
    value = plain(result.output)
    record: dict[str, Any] = {"output": value, "log_prob": round(result.log_prob, DIGITS), "full": result.full}
    flags = {one.where: _flag(one) for one in result.flags}
    if flags:
        record["flags"] = list(flags.values())
    stands: dict[str, Any] = {}
    if isinstance(text, str):
        for at, places in spans(value, text).items():
            stands[at] = [_place(document, chunk, start, end) for start, end in places]
    for at, stated in result.grounded.items():
        stands[at] = [_place(document, chunk, one.start, one.end) | {"spelling": one.spelling} for one in stated]
    if stands:
        record["spans"] = stands
    told = {pointer_of(name): _field(one, document, chunk) for name, one in result.fields.items()}
    if told:
        record["fields"] = {name: told[pointer_of(name)] for name in result.fields}
    sure = math.exp(result.log_prob / max(result.usage.answer_tokens, 1))
    probs = {at: one["prob"] for at, one in told.items()}
    return _Read(record, Part(value, sure, probs, stands, frozenset(flags)), flags, told)


def _flag(one: Any) -> dict[str, Any]:
    told = {"where": one.where, "text": one.text, "legal": one.legal, "nulled": one.nulled}
    reasons = {"prob": one.prob, "hurried": one.hurried}
    return told | {name: round(value, DIGITS) for name, value in reasons.items() if value is not None}


def _field(one: Any, document: Document, chunk: Chunk) -> dict[str, Any]:
    """A `Field` as a row says it."""
    told: dict[str, Any] = {"prob": round(one.prob, DIGITS), "kind": one.kind, "where": list(one.where)}
    if one.legal_mass is not None:
        told["legal_mass"] = round(one.legal_mass, DIGITS)
    if one.source is not None:
        told["source"] = _place(document, chunk, *one.source)
    if one.others:
        told["alternatives"] = [[other.text, round(other.prob, DIGITS)] for other in one.alternatives()]
    return told


def _together(parts: Sequence[_Read], document: Document, reread: Reread) -> dict[str, Any]:
    """The answers to the parts of a text as one; where the type does not have what they make together, the surest."""
    merged = merge([one.part for one in parts])
    value = merged.value
    try:
        value = plain(reread(value, document.text))
    except InputError:
        best = max(range(len(parts)), key=lambda n: (parts[n].part.sure, -n))
        merged.taken = {"": (best, "")}
        value = parts[best].part.value
    record: dict[str, Any] = {
        "output": value,
        "log_prob": round(sum(one.record["log_prob"] for one in parts), DIGITS),
        "full": any(one.record["full"] for one in parts),
    }
    flags = merged.moved([one.flags for one in parts])
    if flags:
        record["flags"] = [one | {"where": at} for at, one in flags.items()]
    if told := merged.moved([one.fields for one in parts]):
        # The text in which they stood was a part's.
        record["fields"] = {name_of(at): {k: v for k, v in one.items() if k != "where"} for at, one in told.items()}
    if stands := merged.moved([one.part.spans for one in parts]):
        record["spans"] = stands
    return record


def _place(document: Document, chunk: Chunk, start: int, end: int) -> dict[str, Any]:
    return document.origin.place(chunk.start + start, chunk.start + end)


def plain(value: Any) -> Any:
    """A value of any type as JSON has it. Raises ValueError for what JSON has not."""
    return json.loads(json_line({"": value}))[""]
