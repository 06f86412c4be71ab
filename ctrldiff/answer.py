"""What comes out of one canvas: the answer, how sure, and what it cost."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ctrldiff.canvas import grown, lacking
from ctrldiff.doubt import Flag, flags_of, with_null
from ctrldiff.errors import CanvasWarning, Unsure, warn
from ctrldiff.fields import Field, calibrated, improbable, moved, sourced
from ctrldiff.grounds import grounds_of
from ctrldiff.json_schema import JsonSchema
from ctrldiff.request import Row
from ctrldiff.result import Result, Usage
from ctrldiff.sampling.legal import LEGAL
from ctrldiff.sampling.trace import CANVASES, Trace
from ctrldiff.search.run import Found
from ctrldiff.state import State
from ctrldiff.tokens.vocabulary import Vocabulary
from ctrldiff.types.structured import OutputType


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

    @property
    def tokens(self) -> list[int]:
        """The canvas, ids."""
        return self.state.tokens[self.at, : self.row.canvas].tolist()

    @property
    def forwards(self) -> int:
        """Denoiser calls of this canvas."""
        return int(self.found[0].forwards[self.found[1]] if self.found else self.state.forwards[self.at])

    @cached_property
    def raw(self) -> str:
        """The text."""
        return self.vocabulary.decode(self.tokens).decode("utf-8")

    @property
    def vocabulary(self) -> Vocabulary:
        """What each token id spells."""
        assert self.row.table.vocabulary is not None
        return self.row.table.vocabulary

    @cached_property
    def _lacking(self) -> NDArray[np.int64]:
        """What `canvas.lacking` says; of a lone choice, nothing."""
        return np.zeros(0, np.int64) if self.probs else lacking(self.row.table, self.tokens)

    @property
    def full(self) -> bool:
        """The end of the canvas bound the answer."""
        return bool((self._lacking > 0).any())

    @cached_property
    def flags(self) -> tuple[Flag, ...]:
        """The values that the constraint forced on the model."""
        if LEGAL not in self.state.memory:
            return ()
        is_json = isinstance(self.row.type.description, JsonSchema)
        legal = self.state.memory[LEGAL][self.at, : self.row.canvas].tolist()
        return flags_of(self.raw, self.tokens, legal, self.vocabulary, is_json=is_json)

    @property
    def wants(self) -> int:
        """How many positions more would serve the answer. Within a flagged value none would: the model does not believe
        in it, and more room is only more of it."""
        lacks = self._lacking.copy()
        if self.flags:
            at = np.cumsum([0, *(len(self.vocabulary[token] or b"") for token in self.tokens)])[: len(lacks)]
            for flag in self.flags:
                lacks[(at > flag.start) & (at <= flag.end)] = 0
        return int(lacks.max(initial=0))

    def larger(self) -> Row | None:
        """The row in a larger canvas, what it has cost so far remembered; None if it has room or may not grow."""
        row = self.row
        canvas = grown(row.canvas, self.wants, row.first, row.limit) if self.wants else row.canvas
        if canvas <= row.canvas:
            return None
        type_, table = row.compiled.table(row.type, canvas)
        forwards, seconds = row.forwards + self.forwards, row.seconds + self.seconds
        return replace(row, canvas=canvas, type=type_, table=table, forwards=forwards, seconds=seconds)

    def result(self) -> Result[Any]:
        """The answer, with a warning if its canvas bound it.

        Raises: OutputInvalid if the type has a rule of its own that it breaks; Unsure if there are flags and the
            request's `unsure` is "error".
        """
        tokens, row, raw = self.tokens, self.row, self.raw
        unsure, fields = row.request.unsure, calibrated(self.fields, row.request.calibration)
        flags = self.flags if row.request.below is None else improbable(raw, self.flags, fields, row.request.below)
        stops = [t for t, token in enumerate(tokens) if token in self.vocabulary.stop_ids]
        if self.probs:
            log_prob = math.log(max(self.probs.values()))
        else:
            # A probability that underflows counts as the smallest float32, so that the sum stays a JSON number.
            held = self.state.held_confidence[self.at, : row.canvas].to(torch.float64)
            log_prob = float(held.clamp(min=1e-45).log().nansum())
        if flags and unsure == "error":
            worst = ", ".join(f"{flag.where or 'the answer'} ({flag.doubt})" for flag in flags[:5])
            raise Unsure(
                f"text {row.n}: the model did not believe in {worst}",
                why=raw[:200],
                hint='let the type say null there, or take unsure="flag" and read result.flags',
                raw=raw,
                flags=flags,
                row=row.n,
            )
        if unsure == "null":
            raw, flags = _nulled(raw, flags, row.type)
            fields = moved(fields, raw)
        if self.full:
            warn(
                f"text {row.n}: the end of its canvas of {row.canvas:,} positions bound the answer, so values "
                "may be cut; give it more (max_new_tokens), a shorter text, or a type with bounds",
                CanvasWarning,
            )
        found, group = self.found or (None, 0)
        grounded = grounds_of(row.type.description, raw)
        return Result(
            output=row.type.read(raw),
            raw=raw,
            log_prob=log_prob,
            usage=Usage(
                prompt_tokens=len(self.state.prompt[self.at]),
                answer_tokens=stops[0] if stops else len(tokens),
                canvas=len(tokens),
                forwards=self.forwards + row.forwards,
                seconds=self.seconds + row.seconds,
            ),
            tokens=tuple(tokens),
            probs=dict(self.probs),
            nulls=dict(self.nulls),
            trace=Trace.of(self.state, self.vocabulary, self.at) if CANVASES in self.state.memory else None,
            reward=None if found is None else float(found.rewards[self.at]),
            candidates=() if found is None else found.candidates(group, self.vocabulary),
            full=self.full,
            flags=flags,
            fields=sourced(fields, grounded),
            grounded=grounded,
        )


def _nulled(raw: str, flags: tuple[Flag, ...], type_: OutputType) -> tuple[str, tuple[Flag, ...]]:
    """The answer with null for each flagged value that the type allows to be null, given all that stands beside it."""
    kept = []
    for flag in flags:
        if isinstance(type_.description, JsonSchema) and flag.text != "null":
            other = with_null(raw, flag.where)
            if other in type_.description:
                raw, flag = other, replace(flag, nulled=True)
        kept.append(flag)
    return raw, tuple(kept)
