"""Documents, decoded, as a ledger says them: an answer or what it failed for, each by itself."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Generator as Steps
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ctrldiff.errors import CtrldiffError, InputError
from ctrldiff.extract.documents import check_id, failure, json_line
from ctrldiff.extract.found import Document, Found
from ctrldiff.extract.ledger import Entry, is_sampled
from ctrldiff.extract.rows import Chunk, plain, row_of

if TYPE_CHECKING:
    from ctrldiff.extract.decoder import Decoder


@dataclass
class _Work:
    """A document on its way: its parts, and what has come of them."""

    n: int
    found: Found
    digest: bytes
    document: Document
    parts: list[tuple[int, int]]
    results: list[Any] = field(default_factory=list)
    error: Exception | None = None


def answered(decoder: Decoder, todo: Iterable[tuple[int, Found, bytes]], *, strict: bool = False) -> Steps[Entry]:
    """What a ledger says of documents (number, document, digest), in order, while they are read.

    Raises: with `strict`, what the first of them was refused for.
    """
    waiting: deque[_Work] = deque()

    def texts() -> Iterator[tuple[Any, bool]]:
        for n, found, digest in todo:
            work = _Work(n, found, digest, Document({}, ""), [])
            try:
                work.document = found.read()
                check_id(work.document.record, f"line {found.line:,}", found.line)
                work.parts = decoder.split(work.document.text)
            except Exception as error:
                if strict:
                    raise _strict(found, error) from error
                work.error = error
            waiting.append(work)
            text = work.document.text
            whole = len(work.parts) == 1
            for start, end in work.parts:
                yield (text if whole else text[start:end]), not whole

    def settled() -> Iterator[Entry]:
        while waiting and (waiting[0].error is not None or len(waiting[0].results) == len(waiting[0].parts)):
            yield _entry(decoder, waiting.popleft(), strict)

    for result in decoder.stream(texts()):
        yield from settled()  # what failed before it was decoded
        waiting[0].results.append(result)
        yield from settled()
    yield from settled()


def _entry(decoder: Decoder, work: _Work, strict: bool) -> Entry:
    """What the ledger says of a document."""
    found, document = work.found, work.document
    about: dict[str, Any] = {"n": work.n, "source": found.source, "line": found.line, "digest": work.digest}
    text = document.text if isinstance(document.text, str) else json.dumps(document.text)
    kept = text if is_sampled(work.n, work.digest) and work.error is None else None
    try:
        if work.error is not None:
            raise work.error
        chunks = [Chunk(*part, result) for part, result in zip(work.parts, work.results, strict=True)]
        record, seconds = row_of(found, document, chunks, decoder.spans, decoder.reread)
        line = json_line(record).decode().rstrip("\n")
    except Exception as error:
        if strict:
            raise _strict(found, error) from error
        beside = document.record or getattr(error, "facts", {}).get("document", {})
        code, record = failure(found.line, found.shown, beside, error)
        line = json_line({"source": found.source} | record if found.source else record).decode().rstrip("\n")
        return Entry(id=_id(record), code=code, record=line, text=kept, **about)
    about |= {name: record["usage"][name] for name in ("forwards", "other_calls")}
    return Entry(id=_id(record), code=None, record=line, seconds=seconds, text=kept, **about)


def _id(record: Mapping[str, Any]) -> str | None:
    return json.dumps(plain(record["id"])) if "id" in record else None


def check(decoder: Decoder, found: Found) -> None:
    """Raise what is wrong with a document before anything is decoded."""
    try:
        document = found.read()
        check_id(document.record, f"line {found.line:,}", found.line)
        decoder.split(document.text)
    except Exception as error:
        raise _strict(found, error) from error


def _strict(found: Found, error: Exception) -> CtrldiffError:
    if isinstance(error, CtrldiffError):
        return error
    return InputError(f"line {found.line:,}: {type(error).__name__}: {error}", line=found.line)
