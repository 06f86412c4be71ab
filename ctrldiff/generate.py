"""The front door: text and type in, a value of that type out."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path
from typing import Any, overload

import torch

from ctrldiff.automata.dfa import Dfa
from ctrldiff.automata.vocabulary import Vocabulary
from ctrldiff.constraints.basic import Choice
from ctrldiff.constraints.branches import null_tables
from ctrldiff.constraints.fields import field_table
from ctrldiff.constraints.json_schema import JsonSchema
from ctrldiff.constraints.prior import Prior
from ctrldiff.errors import BudgetTooSmall, CanvasWarning, InputError, PromptTooLong
from ctrldiff.guidance.guide import ByField, Guide, checked, prepared
from ctrldiff.limits import DEFAULT, Limits
from ctrldiff.models.callable import PlainTokenizer, from_callable
from ctrldiff.models.hf import Loaded, load, resolve
from ctrldiff.models.spec import ModelSpec
from ctrldiff.posterior.layers import LayeredTable
from ctrldiff.posterior.table import Table
from ctrldiff.protocols import (
    CommitPolicy,
    Constraint,
    EditPolicy,
    Guidance,
    GuideContext,
    Processor,
    RevisePolicy,
    Schedule,
    StopRule,
)
from ctrldiff.result import Result, Usage
from ctrldiff.sampling.absent import Noting
from ctrldiff.sampling.constrain import LeftmostFirst, Tables
from ctrldiff.sampling.decide import decide
from ctrldiff.sampling.edit import Final
from ctrldiff.sampling.layered import EachLayer, Layered
from ctrldiff.sampling.loop import sample
from ctrldiff.sampling.presets import plan
from ctrldiff.sampling.revise import Keep
from ctrldiff.sampling.stop import Never
from ctrldiff.sampling.trace import Trace
from ctrldiff.search.run import BLIND, Found, Run, Search, searchable
from ctrldiff.state import State
from ctrldiff.structured import OutputType, output_type

WIDE = 8  # how many times the usual canvas is worth a warning


@dataclass(frozen=True)
class Model:
    """A loaded model. Call it with a text and a type; or make a `Generator` once and call that."""

    loaded: Loaded

    @staticmethod
    def from_callable(
        network: Callable[..., torch.Tensor],
        spec: ModelSpec,
        vocabulary: Vocabulary,
        encode: Callable[[str], Sequence[int]],
        *,
        device: str = "cpu",
    ) -> Model:
        """Any function from (N, L) token ids to (N, L, V) logits as a model.

        Args:
            encode: text to token ids, for prompts. The spec's `prompt` template goes through it too.
        """
        denoiser = from_callable(network, spec, vocabulary, device=device)
        return Model(Loaded("callable", denoiser, PlainTokenizer(encode), spec))

    @property
    def vocabulary(self) -> Any:
        """What each token id spells."""
        return self.loaded.denoiser.vocabulary

    @overload
    def __call__(self, text: str, output: Any = str, **how: Any) -> Result: ...
    @overload
    def __call__(self, text: list[str], output: Any = str, **how: Any) -> list[Result]: ...
    def __call__(self, text: Any, output: Any = str, **how: Any) -> Any:
        """`Generator(self, output, **how)(text)`. Raises: InputError for an argument that it does not take."""
        known = [field.name for field in fields(Generator)[2:]]
        for name in how.keys() - known:
            near = get_close_matches(name, known, n=1)
            raise InputError(
                f"no argument {name!r}", hint=f"{near[0]}=" if near else f"one of {', '.join(known)}", param=name
            )
        return Generator(self, output, **how)(text)


def from_pretrained(name: str | Path = "tiny", **overrides: Any) -> Model:
    """Load a model: "tiny", which is in the box, or the path of a folder that a family knows (`docs/models.md`).

    Args:
        overrides: `device`, `dtype`, any field of `ModelSpec`, and what `ctrldiff.models.hf.load` passes on.
    Raises: ModelError, of a kind that says what is wrong; VocabularyError.
    """
    return Model(load(resolve(name), **overrides))


@dataclass(frozen=True)
class _Row:
    """One text, read: its prompt's ids, the positions of its canvas, and what may be written there."""

    text: str
    ids: list[int]
    canvas: int
    type: OutputType
    table: Table


@dataclass(frozen=True)
class Generator:
    """A model and a type, compiled once and called many times; a type with spans, once for every text.

    Args:
        model: from `from_pretrained`.
        output: a type, a JSON Schema dict, or a constraint; see `output_type`.
        ask: the name of a bare value ("total"), or any words for a constraint.
        max_new_tokens: positions of the canvas. None: what the shortest answer needs and the model's usual room beyond
            it (`ModelSpec.canvas`), but no more than the longest answer needs or the context leaves.
        steps: forward passes at most; the last of them writes all that is still open. None: as many as the answer
            needs (`docs/decisions/0002-default-preset.md`).
        temperature: 0 writes the most probable completion; above 0 draws exact samples at that temperature.
        seed: fixes every draw. A row's draws depend on the seed and its own prompt, on nothing else.
        batch_size: rows per forward pass. Results do not depend on it.
        guidance: what to lean towards: guides of `ctrldiff.guide`, plain `Guidance`, or functions
            (logits, state, step) -> logits. The form stays guaranteed whatever their strength.
        schedule, commit, edit, revise, stop, processors: plug-ins in place of the preset's.
        search: many canvases for each row, and which of them is the answer: one of `ctrldiff.search`. It needs draws:
            a temperature above 0.
        prior: log weights for what a text says (nulls, items, characters, any language); `docs/priors.md`.
        nulls: note how probable null is for every key of an object that may be null; a sweep for each key and step.
        trace: keep the canvases of every step.
        limits: what compiling may cost.
    Raises: ConstraintError when it is made; BudgetTooSmall, PromptTooLong or InputError when called, before any
        forward pass.
    """

    model: Model
    output: Any = str
    ask: str | None = None
    max_new_tokens: int | None = None
    steps: int | None = None
    temperature: float = 0.0
    seed: int = 0
    batch_size: int = 16
    schedule: Schedule | None = None
    commit: CommitPolicy | None = None
    edit: EditPolicy | None = None
    revise: RevisePolicy = Keep()
    stop: StopRule = Never()
    processors: Sequence[Processor] = ()
    guidance: Sequence[Guide | Guidance | Callable[..., torch.Tensor]] = ()
    search: Search | None = None
    prior: Prior = Prior()
    nulls: bool = False
    trace: bool = False
    limits: Limits = DEFAULT

    def __post_init__(self) -> None:
        for name, least in (("steps", 1), ("max_new_tokens", 1), ("batch_size", 1), ("temperature", 0), ("seed", 0)):
            value = getattr(self, name)
            kind = (int, float) if name == "temperature" else int
            if value is None and name in ("steps", "max_new_tokens"):
                continue
            if not isinstance(value, kind) or not (value >= least and math.isfinite(value)):
                what = "a finite number of" if name == "temperature" else "an int of"
                raise InputError(f"{name}={value!r}: {what} at least {least}", param=name)
        checked(self.guidance)
        if self.search is not None:
            others = self.edit, self.revise != Keep(), self.stop != Never(), self.trace, self.nulls
            searchable(self.search, self.temperature, *others)
        if not self.type.has_spans:  # those are compiled over each text
            _ = self.table  # compile now: what cannot be enforced is refused before any text is seen
        _ = self.null_tables

    @cached_property
    def type(self) -> OutputType:
        """The wanted type, read. An `outlines_core.Index` speaks of token ids: here they are the model's."""
        return self._type(None)

    def _type(self, document: str | None) -> OutputType:
        wanted = self.output
        if type(wanted).__module__.split(".")[0] == "outlines_core":
            wanted = Dfa.from_index(wanted, list(self.model.vocabulary), self.limits)
        return output_type(wanted, ask=self.ask, document=document)

    @cached_property
    def table(self) -> Table:
        """The token table of the type over the model's vocabulary."""
        return self._table(self.type)

    def _table(self, type_: OutputType) -> Table:
        """Compiled to its stated depth, and again if a canvas can hold more of a recursive type."""
        vocabulary = self.model.vocabulary
        table = self.prior.compile(type_.description, vocabulary, self.limits)
        tokens = self.max_new_tokens or table.shortest + self.model.loaded.spec.canvas
        reaching = type_.description.reaching(tokens, vocabulary, self.limits)
        return table if reaching == type_.description else self.prior.compile(reaching, vocabulary, self.limits)

    @cached_property
    def branches(self) -> dict[str, Table]:
        """A table for each label, if answers are decided in one forward pass; else empty.

        They are for a type that is a lone choice, unless draws, more steps or a plug-in are asked for.
        """
        plugged = self.commit or self.schedule or self.edit or self.processors or self.guidance
        if not self.type.labels or self.temperature > 0 or self.steps not in (None, 1) or plugged:
            return {}
        return {
            label: self.prior.compile(Choice([label]), self.model.vocabulary, self.limits) for label in self.type.labels
        }

    @cached_property
    def null_tables(self) -> dict[str, Table]:
        """For every key that may be null the table of the texts in which it is, if they are asked for; else empty."""
        if not self.nulls:
            return {}
        description = self.type.description
        if not isinstance(description, JsonSchema) or self.type.has_spans:
            what = "a type with spans" if self.type.has_spans else "no object"
            raise InputError(
                f"nulls=True with {what}", hint="it is for objects whose fields may be null", param="nulls"
            )
        return null_tables(description, self.model.vocabulary, self.prior, self.limits)

    def __call__(self, text: Any) -> Any:
        """A result for a text; a list of results for a list of texts."""
        if isinstance(text, str):
            return next(self.each([text]))
        if isinstance(text, bytes) or not isinstance(text, Iterable):
            raise InputError(f"a {type(text).__name__} is not a text", hint="pass a str, or a list of them")
        return list(self.each(list(text)))

    def each(self, texts: Sequence[str]) -> Iterator[Result]:
        """Results in the order of the texts, a batch at a time. Every text, and the guidance for it, is checked before
        the first forward pass."""
        rows = [self._row(text, n) for n, text in enumerate(texts)]
        batches: list[list[_Row]] = []
        most = max(1, self.batch_size // (self.search.n if self.search else 1))
        for row in rows:
            if not batches or len(batches[-1]) == most or batches[-1][0].canvas != row.canvas:
                batches.append([])
            batches[-1].append(row)
        for batch, guides in [(batch, self._guides(self._copies(batch))) for batch in batches]:
            yield from self._decode(batch, guides)

    def check(self, text: str) -> int:
        """The canvas that a text gets. Raises what decoding it would raise, without decoding."""
        return self._row(text, 0).canvas

    def _row(self, text: str, n: int) -> _Row:
        """One text, its type and the length of its canvas."""
        if not isinstance(text, str):
            raise InputError(f"text {n} is a {type(text).__name__}, not a str", row=n)
        if not text.strip():
            raise InputError(f"text {n} is empty", hint="leave it out, or say what is wanted", row=n)
        spec, wanted_type = self.model.loaded.spec, self._type(text) if self.type.has_spans else self.type
        table = self._table(wanted_type) if self.type.has_spans else self.table
        ids = self.model.loaded.prompt_ids(text, self.type.ask)
        room = spec.context - spec.context % spec.round_to - len(ids)
        wanted = self.max_new_tokens
        least = max((branch.shortest for branch in self.branches.values()), default=table.shortest)  # all labels fit
        usual = max(least, table.shortest + spec.canvas)
        if wanted is None:
            wanted = max(least, min(usual, room, usual if table.longest is None else table.longest + 1))
        elif wanted > WIDE * usual and (table.longest is None or table.longest >= wanted):  # else the rest is settled
            warnings.warn(
                f"a canvas of {wanted:,} positions, where {usual:,} are usual for this type: masks that are not needed "
                "distract the model and cost time; leave max_new_tokens out, or bound the type",
                CanvasWarning,
                stacklevel=4,
            )
        elif wanted < least:
            what = "longest label" if self.branches else "shortest text of this type"
            raise BudgetTooSmall(
                f"the {what} needs {least} tokens; max_new_tokens is {wanted}",
                hint=f"max_new_tokens>={least}",
                shortest=least,
                budget=wanted,
            )
        if wanted > room:
            raise PromptTooLong(
                f"text {n}: {len(ids):,} prompt + {wanted:,} answer tokens > context {spec.context:,}",
                hint="shorten the text, or split it",
                prompt=len(ids),
                answer=wanted,
                context=spec.context,
                row=n,
            )
        return _Row(text, ids, wanted, wanted_type, table)

    def _decode(self, rows: list[_Row], guides: list[Guidance]) -> list[Result]:
        began = time.perf_counter()
        state = State.blank([row.ids for row in rows], rows[0].canvas, seed=self.seed)
        trace = Trace.start(self.model.vocabulary, state) if self.trace else None
        probs: list[dict[str, float]] = [{} for _ in rows]
        nulls: Sequence[dict[str, float]] = [{} for _ in rows]
        denoiser = self.model.loaded.denoiser
        tables = tuple(row.table for row in rows)
        if self.branches:
            state, probs = decide(denoiser, state, Tables(tables), self.branches)
        else:
            preset = plan(self.steps, self.temperature)
            whole = not (self.commit or self.schedule or self.edit)  # plug-ins of the caller's get the plain posterior
            constraint: Constraint = (preset.constrain if whole else Tables)(tables)
            processors: Sequence[Processor] = (*self.processors, *preset.processors)
            if self.search is not None:
                copies = self._copies(rows)
                run = Run(
                    denoiser=denoiser,
                    constraint=Tables(tuple(row.table for row in copies)),
                    context=self._context(copies),
                    processors=processors,
                    guides=guides,
                    schedule=self.schedule or preset.schedule,
                    commit=self.commit or BLIND,
                )
                found = self.search(run, state.fork(self.search.n))
                seconds = time.perf_counter() - began
                return [self._found(found, n, row.type, seconds) for n, row in enumerate(rows)]
            if guides and isinstance(guides[-1], ByField):
                layered = [self._fields(row.type, guides[-1].paths) for row in rows]
                constraint = Layered(tuple(layered), leftmost=isinstance(constraint, LeftmostFirst))
                processors = [EachLayer(one, layered[0].layers) for one in processors]
            propose = preset.propose
            if self.null_tables:
                propose = noting = Noting.start(preset.propose, self.null_tables, len(rows))
                nulls = noting.found
            state = sample(
                denoiser,
                state,
                constraint=constraint,
                processors=processors,
                guides=guides,
                schedule=self.schedule or preset.schedule,
                propose=propose,
                edit=self.edit or Final(),
                commit=self.commit or preset.commit,
                revise=self.revise,
                stop=self.stop,
                watch=trace.watch if trace else preset.watch,
            )
        seconds = time.perf_counter() - began
        return [self._result(state, n, row.type, seconds, probs[n], nulls[n], trace) for n, row in enumerate(rows)]

    def _copies(self, rows: list[_Row]) -> list[_Row]:
        """Every row as often as it has canvases."""
        return rows if self.search is None else [row for row in rows for _ in range(self.search.n)]

    def _guides(self, rows: list[_Row]) -> list[Guidance]:
        """The guidance made ready for these rows."""
        guides = prepared(self.guidance, self._context(rows))
        if guides and isinstance(guides[-1], ByField):
            if self.search is not None:
                raise InputError(
                    "a search and guidance on a field cannot go together", hint="a reward with field= scores one value"
                )
            for row in rows:
                self._fields(row.type, guides[-1].paths)  # refuse now what cannot be told apart later
        return guides

    def _context(self, rows: list[_Row]) -> GuideContext:
        """What guides and rewards may know of these rows."""
        loaded = self.model.loaded
        return GuideContext(
            vocabulary=self.model.vocabulary,
            denoiser=loaded.denoiser,
            constraint=Tables(tuple(row.table for row in rows)),
            texts=tuple(row.text for row in rows),
            encode=loaded.plain_ids,
            prompt=lambda row, text: loaded.prompt_ids(text, rows[row].type.ask),
            read=lambda row, text: rows[row].type.read(text),
            seed=self.seed,
        )

    def _fields(self, type_: OutputType, paths: tuple[str, ...]) -> LayeredTable:
        """The token table of a type with a layer of scores for each path."""
        if self.prior != Prior():
            raise InputError("a prior and guidance on a field cannot go together", hint="guide the whole text")
        if self.nulls:
            raise InputError("nulls=True and guidance on a field cannot go together", hint="guide the whole text")
        return field_table(type_.description, paths, self.model.vocabulary, self.limits)

    def _found(self, found: Found, n: int, type_: OutputType, seconds: float) -> Result:
        """The answer of a search for row n."""
        row = int(found.chosen[n])
        result = self._result(found.state, row, type_, seconds, {}, {}, None)
        return replace(
            result,
            usage=replace(result.usage, forwards=int(found.forwards[n])),
            reward=float(found.rewards[row]),
            candidates=found.candidates(n, self.model.vocabulary),
        )

    def _result(
        self,
        state: State,
        row: int,
        type_: OutputType,
        seconds: float,
        probs: dict[str, float],
        nulls: dict[str, float],
        trace: Trace | None,
    ) -> Result:
        ids = state.tokens[row].tolist()
        vocabulary = self.model.vocabulary
        data = vocabulary.decode(ids)
        stops = [n for n, token in enumerate(ids) if token in vocabulary.stop_ids]
        raw = data.decode("utf-8")
        if probs:
            log_prob = math.log(max(probs.values()))
        else:
            # A probability that underflows counts as the smallest float32, so that the sum stays a JSON number.
            log_prob = float(state.held_confidence[row].to(torch.float64).clamp(min=1e-45).log().nansum())
        return Result(
            output=type_.read(raw),
            raw=raw,
            log_prob=log_prob,
            usage=Usage(
                prompt_tokens=len(state.prompt[row]),
                answer_tokens=stops[0] if stops else len(ids),
                canvas=len(ids),
                forwards=int(state.forwards[row]),
                seconds=seconds,
            ),
            tokens=tuple(ids),
            probs=probs,
            nulls=nulls,
            trace=trace.row(row) if trace else None,
        )
