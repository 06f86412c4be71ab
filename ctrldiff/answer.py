"""What comes out of one canvas: the answer, how sure, and what it cost."""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from ctrldiff.canvas import grown, lacking
from ctrldiff.close import closed, closed_fields, closed_flags
from ctrldiff.doubt import Flag, flags_of, with_null
from ctrldiff.errors import CanvasWarning, OutputInvalid, Unsure, warn
from ctrldiff.fields import Field, calibrated, improbable, moved, sourced
from ctrldiff.grounds import grounds_of
from ctrldiff.json_schema import JsonSchema, schemas_in
from ctrldiff.json_schema.counts import pointer
from ctrldiff.json_schema.places import nodes
from ctrldiff.layout import TAB
from ctrldiff.posterior.chain import ChainPosterior
from ctrldiff.posterior.ranked import ranked
from ctrldiff.posterior.table import Table
from ctrldiff.request import Row
from ctrldiff.result import Refused, Result, Usage
from ctrldiff.sampling.decide import BELIEVED
from ctrldiff.sampling.evidence import EVIDENCE
from ctrldiff.sampling.hurried import HURRIED
from ctrldiff.sampling.legal import LEGAL, NEGLIGIBLE
from ctrldiff.sampling.trace import CANVASES, Trace
from ctrldiff.search.run import Found
from ctrldiff.state import State
from ctrldiff.tokens.vocabulary import Vocabulary
from ctrldiff.types.structured import OutputType

WIDER = 2  # how many times its first length a canvas that is laid out may have

T = TypeVar("T")


@dataclass(frozen=True)
class Decoded:
    """One canvas, complete, and what was noted on the way; `result` reads it."""

    row: Row
    state: State
    at: int  # the row of `state`
    seconds: float
    probs: Mapping[str, float] = field(default_factory=dict)
    nulls: Mapping[str, float] = field(default_factory=dict)
    found: tuple[Found, int] | None = None  # a search, and which of its groups
    fields: Mapping[str, Field] = field(default_factory=dict)
    weighed: Table | None = None  # what its evidence is weighed by, if that is not the row's table
    score: float | None = None  # the log-probability of an answer that is not the one which was decoded
    refused: tuple[Refused, ...] = ()
    field_forwards: int = 0  # which `row.forwards` has too

    @property
    def tokens(self) -> list[int]:
        """The canvas, ids."""
        return self.state.tokens[self.at, : self.row.canvas].tolist()

    @property
    def forwards(self) -> int:
        """Denoiser calls of this canvas."""
        return int(self.found[0].forwards[self.found[1]] if self.found else self.state.forwards[self.at])

    @property
    def other_calls(self) -> int:
        """Calls of models beside the denoiser for this canvas; of a search, for all of the row's."""
        calls = self.state.other_calls
        if self.found is None:
            return int(calls[self.at])
        found, group = self.found
        return int(found.state.other_calls.reshape(len(found.chosen), -1)[group].sum())

    @cached_property
    def raw(self) -> str:
        """The text of the canvas, with the tabs that fill its rooms; of all here `told` alone has none."""
        return self.vocabulary.decode(self.tokens).decode("utf-8")

    @property
    def vocabulary(self) -> Vocabulary:
        """What each token id spells."""
        assert self.row.table.vocabulary is not None
        return self.row.table.vocabulary

    @cached_property
    def _lacking(self) -> NDArray[np.int64]:
        """What `canvas.lacking` says; of a lone choice, and of a canvas that was laid out, nothing."""
        if self.probs or self.row.layout is not None:
            return np.zeros(0, np.int64)
        return lacking(self.row.table, self.tokens)

    @cached_property
    def _cut(self) -> list[int]:
        """The rooms that bound their values."""
        if self.row.layout is None:
            return []
        return self.row.layout.cut([self.vocabulary[token] or b"" for token in self.tokens])

    @property
    def full(self) -> bool:
        """The end of the canvas bound the answer, or that of a room its value."""
        return bool(self._cut) or bool((self._lacking > 0).any())

    @cached_property
    def flags(self) -> tuple[Flag, ...]:
        """The values that the constraint forced on the model, and those that the end of the steps wrote unsurely."""
        if LEGAL not in self.state.memory:
            return ()
        is_json = bool(schemas_in(self.row.type.description))
        legal, hurried = (self.state.memory[name][self.at, : self.row.canvas].tolist() for name in (LEGAL, HURRIED))
        return flags_of(self.raw, self.tokens, legal, self.vocabulary, is_json=is_json, hurried=hurried)

    @property
    def wants(self) -> int:
        """How many positions more would serve the answer. Within a value that was forced none would: the model does not
        believe in it, and more room is only more of it."""
        lacks = self._lacking.copy()
        if self.flags:
            at = np.cumsum([0, *(len(self.vocabulary[token] or b"") for token in self.tokens)])[: len(lacks)]
            for flag in self.flags:
                if flag.legal >= NEGLIGIBLE:
                    continue
                lacks[(at > flag.start) & (at <= flag.end)] = 0
        return int(lacks.max(initial=0))

    def larger(self) -> Row | None:
        """The row in a larger canvas, what it has cost so far remembered; None if it has room or may not grow."""
        row = self.row
        if row.layout is not None:
            layout = row.layout.wider(self._cut, min(row.limit, WIDER * row.first))
            return None if layout == row.layout else replace(row.in_layout(layout), **self._cost)
        canvas = grown(row.canvas, self.wants, row.first, row.limit) if self.wants else row.canvas
        if canvas <= row.canvas:
            return None
        return replace(row.within(canvas), **self._cost)

    @property
    def _cost(self) -> dict[str, Any]:
        """What the row has cost, this canvas with it."""
        return {name: getattr(self.row, name) + getattr(self, name) for name in ("forwards", "other_calls", "seconds")}

    def accepted(self) -> Decoded:
        """This answer, or the likeliest one that the type's own rules do not refuse, of as many more as may be tried.

        Raises: OutputInvalid with all that was tried.
        """
        retries = self.row.request.retries
        if not retries:
            return self
        refused: list[Refused] = []
        answers = self._answers()
        one: Decoded | None = next(answers)
        while one is not None and len(refused) <= retries:
            try:
                _ = one.output
                return replace(one, refused=tuple(refused))
            except OutputInvalid as error:
                refused.append(Refused(one.told[0], error.why))
                one = _sent(answers, one.blamed(error))
        raise OutputInvalid(
            f"text {self.row.n}: the type's own rules refused "
            + (f"{len(refused)} answers, the likeliest first" if len(refused) > 1 else "the only answer there is"),
            why="\n".join(f"{one.raw[:100]}: {' '.join(one.why.split())[-100:]}" for one in refused[:5]),
            hint="say the rule in the schema (Field(...)), or more retries=" if len(refused) > retries else "",
            raw=refused[0].raw,
            tried=tuple(refused),
            row=self.row.n,
        )

    def blamed(self, error: OutputInvalid) -> int | None:
        """How many bytes of the text hold all that a rule refused: whatever begins so is refused, too. None: all of it.

        A rule of a value sees that value, and those before it: so keys have to stand in the order of the type's fields.
        """
        description, where = self.row.type.description, getattr(error, "where", ())
        if not isinstance(description, JsonSchema) or description.order != "schema":
            return None
        if any(flag.nulled for flag in self.told[1]):
            return None
        ends = [place.end for place, _ in nodes(self.raw) if place.where in where]
        return min(ends) + 1 if ends else None  # with the byte that shows that a number is over

    def _answers(self) -> Generator[Decoded, int | None, None]:
        """This answer, and then the likeliest others. It is sent how much of each was to blame."""
        length = yield self
        if self.probs:
            for other in self._other_labels():
                if other.raw != self.raw:
                    yield other
            return
        bad = [self._beginning(length)]
        evidence = self.state.memory[EVIDENCE][self.at, : self.row.canvas]
        given = None if self.row.layout is None else np.asarray(self.row.layout.given)
        posterior = (self.weighed or self.row.table).bind(evidence.numpy(), given)
        walk = ranked(posterior.rows[0])
        tokens: NDArray[np.int64] | None = next(walk, None)
        while tokens is not None:
            one = self._other(posterior, tokens)
            begun = one._beginning(None)
            known = next((some for some in bad if begun.startswith(some)), None)
            if known is None:
                length = yield one
                bad.append(known := one._beginning(length))
            tokens = _sent(walk, one._until(known))

    def _beginning(self, length: int | None) -> bytes:
        """So many bytes of the text, and what shows that a value is over, without the tabs that pad it; all of it, and
        what shows that it is over, for None."""
        text = self.raw.encode("utf-8") + b"\0"
        if self._pads and length is not None:  # a tab shows it, and is taken out
            length += len(text[length - 1 :]) - len(text[length - 1 :].lstrip(TAB))
        text = text if length is None else text[:length]
        return text.replace(TAB, b"") if self._pads else text

    def _until(self, beginning: bytes) -> int:
        """How many bytes of the text begin so."""
        if not self._pads:
            return len(beginning)
        text = self.raw.encode("utf-8") + b"\0"
        return next(n for n, _ in enumerate(text, 1) if text[:n].replace(TAB, b"") == beginning)

    @property
    def _pads(self) -> bool:
        """Tabs in the text are no part of its value."""
        description = self.row.type.description
        return isinstance(description, JsonSchema) and description.whitespace == "padded"

    def _other_labels(self) -> Iterator[Decoded]:
        """The labels of a lone choice, the most probable first; of equal ones the one named first."""
        assert self.row.labels is not None
        memory = {name: noted for name, noted in self.state.memory.items() if name != BELIEVED}  # of the best label
        for name, p in sorted(self.probs.items(), key=lambda one: -one[1]):
            if p > 0:
                other = self._instead(self.row.labels.shortest(name, self.row.canvas), math.log(p))
                yield replace(other, state=replace(other.state, memory=memory))

    def _other(self, posterior: ChainPosterior, tokens: NDArray[np.int64]) -> Decoded:
        """Another whole answer, by all that the model said."""
        one = self._instead(tokens, float(posterior.score(tokens)))
        legal = one.state.memory[LEGAL].clone()
        legal[self.at, : self.row.canvas] = torch.from_numpy(posterior.legal(tokens))
        marginal = one.state.memory[HURRIED]  # of another token there it was at most the rest
        hurried = torch.where(one.state.tokens == self.state.tokens, marginal, marginal.minimum(1 - marginal))
        return replace(one, state=one.state.remember(**{LEGAL: legal, HURRIED: hurried}))

    def _instead(self, tokens: NDArray[np.int64], score: float) -> Decoded:
        """Another answer in the place of this one."""
        whole = self.state.tokens.clone()
        whole[self.at, : self.row.canvas] = torch.from_numpy(tokens)
        return replace(self, state=replace(self.state, tokens=whole), score=score)

    @cached_property
    def told(self) -> tuple[str, tuple[Flag, ...], dict[str, Field]]:
        """The text that is told, its flags and its fields: null stands for a flagged value if that is asked for, and
        none of the tabs that filled rooms is left."""
        request, raw, flags = self.row.request, self.raw, self.flags
        fields = calibrated(self.fields, request.calibration)
        if request.below is not None:
            flags = improbable(raw, flags, fields, request.below)
        if request.unsure == "null":
            nulled, flags = _nulled(raw, flags, self.row.type)
            if nulled != raw:
                raw, fields = nulled, moved(fields, nulled)
        if self.row.layout is not None:
            raw, flags, fields = closed(raw), closed_flags(flags, self.raw), closed_fields(fields, raw)
        return raw, flags, fields

    @cached_property
    def output(self) -> Any:
        """The value. Raises: OutputInvalid if the type has a rule of its own that it breaks."""
        return self.row.type.read(self.told[0])

    @property
    def log_prob(self) -> float:
        """As `Result.log_prob`."""
        if self.score is not None:
            return self.score
        if self.probs:
            return math.log(max(self.probs.values()))
        # A probability that underflows counts as the smallest float32, so that the sum stays a JSON number.
        held = self.state.held_confidence[self.at, : self.row.canvas].to(torch.float64)
        return float(held.clamp(min=1e-45).log().nansum())

    def result(self) -> Result[Any]:
        """The answer, with a warning if its canvas bound it.

        Raises: OutputInvalid if the type has a rule of its own that it breaks; Unsure if there are flags and the
            request's `unsure` is "error".
        """
        tokens, row, (raw, flags, fields) = self.tokens, self.row, self.told
        stops = [t for t, token in enumerate(tokens) if token in self.vocabulary.stop_ids]
        if flags and row.request.unsure == "error":
            worst = ", ".join(f"{flag.where or 'the answer'} ({flag.doubt})" for flag in flags[:5])
            raise Unsure(
                f"text {row.n}: the model did not believe in {worst}",
                why=raw[:200],
                hint='let the type say null there, or take unsure="flag" and read result.flags',
                raw=raw,
                flags=flags,
                row=row.n,
            )
        if self.full:
            warn(
                f"text {row.n}: the end of its canvas of {row.canvas:,} positions bound the answer, so values "
                "may be cut; give it more (max_new_tokens), a shorter text, or a type with bounds",
                CanvasWarning,
            )
        found, group = self.found or (None, 0)
        grounded = grounds_of(row.type.description, raw)
        return Result(
            output=self.output,
            raw=raw,
            log_prob=self.log_prob,
            usage=Usage(
                prompt_tokens=len(self.state.prompt[self.at]),
                answer_tokens=stops[0] if stops else len(tokens),
                canvas=len(tokens),
                forwards=self.forwards + row.forwards,
                seconds=self.seconds + row.seconds,
                fields=self.field_forwards,
                other_calls=self.other_calls + row.other_calls,
            ),
            tokens=tuple(tokens),
            probs=dict(self.probs),
            nulls=dict(self.nulls),
            trace=Trace.of(self.state, self.vocabulary, self.at) if CANVASES in self.state.memory else None,
            reward=None if found is None else float(found.rewards[self.at]),
            candidates=() if found is None else found.candidates(group, self.vocabulary),
            ess_path=() if found is None else found.ess_path(group),
            full=self.full,
            flags=flags,
            fields=sourced(fields, grounded),
            grounded=grounded,
            refused=self.refused,
            counts={pointer(place): one for place, one in (row.counts or {}).items()},
        )


def _sent(answers: Generator[T, int | None, None], length: int | None) -> T | None:
    """What a generator gives when it is sent this; None if it is over."""
    try:
        return answers.send(length)
    except StopIteration:
        return None


def _nulled(raw: str, flags: tuple[Flag, ...], type_: OutputType) -> tuple[str, tuple[Flag, ...]]:
    """The answer with null for each flagged value that the type allows to be null, given all that stands beside it.
    Of a type that bounds tokens no text says whether it is allowed, and null is put for nothing."""
    kept, wanted = [], type_.description
    known = bool(schemas_in(wanted)) and not wanted.over_tokens()[1]
    for flag in flags:
        if known and flag.text != "null":
            other = with_null(raw, flag.where)
            if other in wanted:
                raw, flag = other, replace(flag, nulled=True)
        kept.append(flag)
    return raw, tuple(kept)
