"""A file of documents into a file of objects, a batch at a time; a line that fails takes no other with it."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from ctrldiff.errors import CtrldiffError, InputError
from ctrldiff.extract.documents import Line, check_id, failed_line, json_line, parse, read_lines, text_of
from ctrldiff.extract.ledger import Ledger
from ctrldiff.extract.places import Places, is_file
from ctrldiff.version import VERSION

if TYPE_CHECKING:
    from ctrldiff.generate import Generator

Report = Callable[[int, int | None], None]


class Decoder(Protocol):
    """What a run asks of a generator. The results of a text do not depend on the texts beside it."""

    @property
    def batch_size(self) -> int:
        """Texts that are decoded together."""

    def check(self, text: str) -> Any:
        """Raise what decoding the text would raise, where that can be known."""

    def each(self, texts: list[str]) -> Iterable[Any]:
        """A `Result` for every text."""


@dataclass(frozen=True)
class Summary:
    """What became of a file.

    Fields: done, failed (lines in the two files, earlier runs included); earlier (how many of both were there before);
        forwards, seconds (of this run); failed_file (empty when no line failed).
    """

    done: int
    failed: int
    earlier: int
    forwards: int
    seconds: float
    failed_file: str


def extract_file(
    generator: Generator,
    file: Path | str,
    out: Path | str,
    *,
    field: str = "text",
    failed: Path | str | None = None,
    strict: bool = False,
    overwrite: bool = False,
    report: Report = lambda done, total: None,
) -> Summary:
    """Decode `field` of every JSON line of `file`, and write one JSON line for each to `out`, in order.

    A line of the output holds `line` (from 1), the input's `id` if it has one, `output`, `log_prob`, `tokens`, `full`,
    and `flags` and `fields` where there are any. A line that fails, for whatever reason, is written with that reason to
    `failed`, and the others go on. An `out` of the same run is gone on with after its last line, to the bytes of a run
    that was never stopped (`docs/extract.md`).

    Args:
        file, out: "-" for the standard streams, which cannot be gone on with.
        failed: None: `<out>.failed.jsonl`, or standard error where `out` is a stream.
        strict: raise at the first line that cannot be used; for a file, before any is decoded.
        overwrite: write over `out` and `failed` whatever they are. Never over the input.
        report: called with the lines done and the lines in all (None for a stream) after every batch.
    Raises: InputError if `file` cannot be read, if `out` is another run's or cannot be written, and with `strict`.
    """
    return carry_out(
        generator,
        plan_of(generator, field),
        Places.of(file, out, failed),
        field=field,
        strict=strict,
        overwrite=overwrite,
        report=report,
    )


def carry_out(
    decoder: Decoder,
    plan: Mapping[str, Any],
    places: Places,
    *,
    field: str = "text",
    strict: bool = False,
    overwrite: bool = False,
    report: Report = lambda done, total: None,
) -> Summary:
    """`extract_file` with any decoder. `plan` says all that decides its results, as JSON."""
    began = time.perf_counter()
    reader = _Reader(decoder, places.file.name, field, strict)
    if strict and is_file(places.file):
        with places.open_input() as stream:
            for line in read_lines(stream, str(places.file)):
                reader.check(line)
    with Ledger(places, plan, overwrite) as ledger, places.open_input() as stream:
        standing = ledger.standing
        done, failed, forwards, seen = standing.done, standing.failed, 0, standing.done + standing.failed
        report(seen, standing.total)
        ordinal = 0
        for batch in _batches(read_lines(stream, str(places.file)), decoder.batch_size):
            wanted = {line.number for n, line in enumerate(batch, ordinal) if not standing.has(n, line.number)}
            ordinal += len(batch)
            if not wanted:
                continue
            # All of the batch, though some of it be done: beside the same texts a text gets the same bytes.
            kept = [one for one in reader.batch(batch) if one.number in wanted]
            rows = [one.data for one in kept if one.good]
            failures = [one.data for one in kept if not one.good]
            ledger.keep(failures, rows)
            done, failed, seen = done + len(rows), failed + len(failures), seen + len(kept)
            forwards += sum(one.forwards for one in kept)
            report(seen, standing.total)
        ledger.finish()
    where = str(places.failed) if is_file(places.failed) else "standard error"
    earlier = standing.done + standing.failed
    return Summary(done, failed, earlier, forwards, time.perf_counter() - began, where if failed else "")


def plan_of(generator: Generator, field: str) -> dict[str, Any]:
    """All that decides the rows of a run, besides its input, as JSON. Long words are told by their digest."""
    loaded, wanted = generator.model.loaded, generator.type
    plan: dict[str, Any] = {"ctrldiff": VERSION, "field": field}
    plan |= {"model": loaded.name, "weights": loaded.digest, "spec": _digest(str(loaded.spec.to_dict()))}
    plan |= {"schema": _digest(wanted.description.name or repr(wanted.description)), "ask": wanted.ask}
    # Results do not depend on the size of a batch, nor on what is kept to look at.
    left_out = ("model", "output", "ask", "batch_size", "plan", "observers")
    for holder in (generator, generator.plan):
        for name in (one.name for one in fields(holder) if one.name not in left_out):
            value = getattr(holder, name)
            plain = value is None or isinstance(value, bool | int | float | str)
            plan[name] = value if plain else _short(repr(value))
    return plan


def _told(one: Any) -> dict[str, Any]:
    """A `Field` as a row of the output says it."""
    told = {"prob": round(one.prob, 6), "kind": one.kind, "where": one.where}
    if one.legal_mass is not None:
        told["legal_mass"] = round(one.legal_mass, 6)
    if one.source is not None:
        told["source"] = one.source
    if one.others:
        told["alternatives"] = [[other.text, round(other.prob, 6)] for other in one.alternatives()]
    return told


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def _short(text: str) -> str:
    return text if len(text) <= 200 else f"{text[:60]}... {_digest(text)}" + (" at 0x" if " at 0x" in text else "")


def _batches(lines: Iterable[Line], size: int) -> Iterator[list[Line]]:
    """Lines in groups, good and bad alike: where a batch begins does not depend on what becomes of its lines."""
    batch: list[Line] = []
    for line in lines:
        batch.append(line)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


@dataclass(frozen=True)
class _Kept:
    """The line that is written for a line of the input: a row, or a failure."""

    number: int
    good: bool
    data: bytes
    forwards: int = 0


@dataclass(frozen=True)
class _Reader:
    """Lines to what is written for them. An exception of any kind is the line's own, unless `strict`."""

    decoder: Decoder
    name: str
    field: str
    strict: bool

    def batch(self, lines: list[Line]) -> list[_Kept]:
        """What is written for each of these lines, in order."""
        kept: dict[int, _Kept] = {}
        good: list[tuple[Line, dict[str, Any], str]] = []
        for line in lines:
            document: dict[str, Any] = {}
            try:
                good.append((line, document, self.text(line, document)))
            except Exception as error:
                kept[line.number] = self._failed(line, document, error)
        for one, result in zip(good, self._results(good), strict=True):
            kept[one[0].number] = self._row(one[0], one[1], result)
        return [kept[line.number] for line in lines]

    def check(self, line: Line) -> None:
        """Raise what is wrong with a line."""
        try:
            self.text(line, {})
        except Exception as error:
            self._failed(line, {}, error)

    def text(self, line: Line, document: dict[str, Any]) -> str:
        """The text of a line, which the decoder will take; `document` is filled with what stands beside it."""
        where = f"{self.name} line {line.number:,}"
        document.update(parse(line, where))
        text = text_of(document, where, line.number, self.field)
        check_id(document, where, line.number)
        self.decoder.check(text)
        return text

    def _results(self, good: list[tuple[Line, dict[str, Any], str]]) -> list[Any]:
        """A result or an exception for each. If the batch raises, its rows are decoded one by one."""
        texts = [text for _, _, text in good]
        if not texts:
            return []
        try:
            return list(self.decoder.each(texts))
        except Exception as error:
            if len(texts) == 1:
                return [error]
        return [found for one in good for found in self._results([one])]

    def _row(self, line: Line, document: dict[str, Any], result: Any) -> _Kept:
        if isinstance(result, Exception):
            return self._failed(line, document, result)
        try:
            record: dict[str, Any] = {"id": document["id"]} if "id" in document else {}
            record |= {"line": line.number, "output": result.output, "log_prob": round(result.log_prob, 6)}
            record["tokens"] = result.usage.answer_tokens
            record["full"] = result.full
            if result.flags:
                record["flags"] = [
                    {"where": one.where, "text": one.text, "legal": one.legal, "nulled": one.nulled}
                    | ({} if one.prob is None else {"prob": round(one.prob, 6)})
                    for one in result.flags
                ]
            if result.fields:
                record["fields"] = {name: _told(one) for name, one in result.fields.items()}
            if result.grounded:
                record["grounded"] = {at: [one.place for one in places] for at, places in result.grounded.items()}
            return _Kept(line.number, True, json_line(record), result.usage.forwards)
        except Exception as error:
            return self._failed(line, document, error)

    def _failed(self, line: Line, document: dict[str, Any], error: Exception) -> _Kept:
        if self.strict:
            if isinstance(error, CtrldiffError):
                raise error
            where = f"{self.name} line {line.number:,}"
            raise InputError(f"{where}: {type(error).__name__}: {error}", line=line.number) from error
        return _Kept(line.number, False, failed_line(line, document, error))
