"""The front door: text and type in, a value of that type out."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, overload

import torch

from ctrldiff.arguments import check_arguments, known_names, texts_of
from ctrldiff.automata.vocabulary import Vocabulary
from ctrldiff.canvas import grown
from ctrldiff.compiled import Compiled
from ctrldiff.constraints.basic import Choice
from ctrldiff.constraints.fields import field_table
from ctrldiff.constraints.prior import Prior
from ctrldiff.decode import Decoded, Row
from ctrldiff.errors import (
    BudgetTooSmall,
    CanvasWarning,
    CtrldiffError,
    InputError,
    PromptTooLong,
)
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
    Observer,
    Processor,
    RevisePolicy,
    Schedule,
    StopRule,
)
from ctrldiff.result import Result
from ctrldiff.sampling.absent import NoteNulls
from ctrldiff.sampling.constrain import LeftmostFirst, Tables
from ctrldiff.sampling.decide import decide
from ctrldiff.sampling.edit import Final
from ctrldiff.sampling.layered import EachLayer, Layered
from ctrldiff.sampling.legal import NoteLegal
from ctrldiff.sampling.loop import sample
from ctrldiff.sampling.presets import plan
from ctrldiff.sampling.revise import Keep
from ctrldiff.sampling.stop import Never
from ctrldiff.sampling.trace import Canvases, kept
from ctrldiff.search.run import BLIND, Run, Search, searchable
from ctrldiff.state import State
from ctrldiff.structured import OutputType
from ctrldiff.text import check_text

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
        known_names(how, [field.name for field in fields(Generator)[2:]])
        return Generator(self, output, **how)(text)


def from_pretrained(name: str | Path = "tiny", **overrides: Any) -> Model:
    """Load a model: "tiny", which is in the box, or the path of a folder that a family knows (`docs/models.md`).

    Args:
        overrides: `device`, `dtype`, any field of `ModelSpec`, and what `ctrldiff.models.hf.load` passes on.
    Raises: ModelError, of a kind that says what is wrong; VocabularyError.
    """
    return Model(load(resolve(name), **overrides))


@dataclass(frozen=True)
class Generator:
    """A model and a type, compiled once and called many times; a type with spans, once for every text.

    Args:
        model: from `from_pretrained`.
        output: a type, a JSON Schema dict, or a constraint; see `output_type`.
        ask: the name of a bare value ("total"), or any words for a constraint.
        max_new_tokens: positions of the canvas. None: what the shortest answer needs and the usual room beyond it
            (`ModelSpec.canvas`), but no more than the longest answer needs or the context leaves; and when its end
            binds the answer, the text is decoded again in a larger one. One still bound says so: `result.full`.
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
        unsure: what to do with values that the constraint forced on the model (`result.flags`): "flag" them and no
            more, put "null" where the type allows it, or raise an "error", `Unsure`.
        on_error: for a list of texts: "raise" the first error, or "keep" it in the place of that text's result.
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
    unsure: Literal["flag", "null", "error"] = "flag"
    on_error: Literal["raise", "keep"] = "raise"
    nulls: bool = False
    trace: bool = False
    limits: Limits = DEFAULT

    def __post_init__(self) -> None:
        check_arguments(self)
        checked(self.guidance)
        if self.search is not None:
            others = self.edit, self.revise != Keep(), self.stop != Never(), self.trace, self.nulls
            searchable(self.search, self.temperature, *others)
        if not self.type.has_spans:  # those are compiled over each text
            _ = self.table  # compile now: what cannot be enforced is refused before any text is seen
        if self.nulls:
            self.compiled.nulls(self.compiled.of("").description)

    @cached_property
    def compiled(self) -> Compiled:
        """The wanted type over the model's vocabulary."""
        model, room = self.model, self.model.loaded.spec.canvas
        return Compiled(self.output, self.ask, model.vocabulary, self.prior, self.limits, room, self.max_new_tokens)

    @property
    def type(self) -> OutputType:
        """The wanted type, read."""
        return self.compiled.type

    @property
    def table(self) -> Table:
        """The token table of the type over the model's vocabulary, in a usual canvas and for a plain text."""
        return self.compiled.table(self.compiled.of(""))[1]

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

    def __call__(self, text: Any) -> Any:
        """A result for a text; a list of results for a list of texts."""
        if isinstance(text, str):
            return next(self.each([text]))
        return list(self.each(texts_of(text)))

    def each(self, texts: Sequence[str]) -> Iterator[Result]:
        """Results in the order of the texts, a batch at a time. Every text, and the guidance for it, is checked before
        the first forward pass. With `on_error="keep"` an error stands in the place of its text's result."""
        rows: list[Row] = []
        failed: dict[int, CtrldiffError] = {}
        for n, text in enumerate(texts):
            try:
                rows.append(self._row(text, n))
            except CtrldiffError as error:
                if self.on_error == "raise":
                    raise
                failed[n] = error
        batches = self._batches(rows)
        guides = [self._guides(self._copies(batch)) for batch in batches]
        ready: dict[int, Any] = dict(failed)
        give = 0
        for batch, guide in zip(batches, guides, strict=True):
            ready.update(self._answers(batch, guide))
            while give in ready:
                yield ready.pop(give)
                give += 1
        while give in ready:
            yield ready.pop(give)
            give += 1

    def _batches(self, rows: Sequence[Row]) -> list[list[Row]]:
        """Neighbours with canvases of one length, as many as a forward pass takes."""
        batches: list[list[Row]] = []
        most = max(1, self.batch_size // (self.search.n if self.search else 1))
        for row in rows:
            last = batches[-1][0] if batches else None
            alike = last and last.canvas == row.canvas
            alike = alike and not (self.nulls and last and last.type.description != row.type.description)
            if not alike or len(batches[-1]) == most:
                batches.append([])
            batches[-1].append(row)
        return batches

    def _answers(self, rows: list[Row], guides: list[Guidance]) -> dict[int, Any]:
        """By number: the result of each row, or with `on_error="keep"` its error. What the end of a canvas bound is
        decoded again in a larger one, as long as it may grow."""
        answers: dict[int, Any] = {}
        todo = [(rows, guides)]
        while todo:
            rows, guides = todo.pop()
            again = []
            for one in self._decode(rows, guides):
                larger = grown(one.row.canvas, one.wants, one.row.first, one.row.limit) if one.wants else 0
                if larger > one.row.canvas:
                    again.append(self._larger(one, larger))
                    continue
                try:
                    answers[one.row.n] = self._finished(one)
                except CtrldiffError as error:
                    if self.on_error == "raise":
                        raise
                    answers[one.row.n] = error
            todo += [(batch, self._guides(self._copies(batch))) for batch in self._batches(again)]
        return answers

    def _larger(self, one: Decoded, canvas: int) -> Row:
        """The row in a larger canvas, what it has cost so far remembered."""
        type_, table = self.compiled.table(one.row.type, canvas)
        forwards, seconds = one.row.forwards + one.forwards, one.row.seconds + one.seconds
        return replace(one.row, canvas=canvas, type=type_, table=table, forwards=forwards, seconds=seconds)

    def _finished(self, one: Decoded) -> Result:
        """The answer, with a warning if its canvas bound it. Raises: OutputInvalid, Unsure."""
        result = one.result(unsure=self.unsure)
        if result.full:
            warnings.warn(
                f"text {one.row.n}: the end of its canvas of {one.row.canvas:,} positions bound the answer, so values "
                "may be cut; give it more (max_new_tokens), a shorter text, or a type with bounds",
                CanvasWarning,
                stacklevel=4,
            )
        return result

    def check(self, text: str) -> int:
        """The canvas that a text gets at first. Raises what decoding it would raise, without decoding."""
        return self._row(text, 0).canvas

    def _row(self, text: str, n: int) -> Row:
        """One text, its type and the length of its canvas."""
        check_text(text, f"text {n}", row=n)
        if not text.strip():
            raise InputError(f"text {n} is empty", hint="leave it out, or say what is wanted", row=n)
        spec = self.model.loaded.spec
        wanted_type, table = self.compiled.table(self.compiled.of(text))
        ids = self.model.loaded.prompt_ids(text, self.type.asked(spec.ask))
        room = spec.context - spec.context % spec.round_to - len(ids)
        wanted = self.max_new_tokens
        least = max((branch.shortest for branch in self.branches.values()), default=table.shortest)  # all labels fit
        usual = max(least, table.shortest + self.compiled.room(text, len(ids)))
        limit = room if table.longest is None else max(least, min(room, table.longest + 1))
        if wanted is None:
            wanted = max(least, min(usual, limit))
        else:
            limit = wanted
            if wanted > WIDE * usual and (table.longest is None or table.longest >= wanted):  # else the rest is settled
                warnings.warn(
                    f"a canvas of {wanted:,} positions, where {usual:,} are usual for this type: masks that are not "
                    "needed distract the model and cost time; leave max_new_tokens out, or bound the type",
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
        return Row(n, text, ids, wanted, wanted, limit, wanted_type, table)

    def _decode(self, rows: list[Row], guides: list[Guidance]) -> list[Decoded]:
        began = time.perf_counter()
        state = State.blank([row.ids for row in rows], rows[0].canvas, seed=self.seed)
        probs: Sequence[dict[str, float]] = [{} for _ in rows]
        observers: list[Observer] = [NoteLegal(), *([Canvases()] if self.trace else [])]
        nulls: NoteNulls | None = None
        denoiser = self.model.loaded.denoiser
        tables = tuple(row.table for row in rows)
        if self.branches:
            state, probs = decide(denoiser, state, Tables(tables), self.branches)
            state = kept(state) if self.trace else state
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
                took = time.perf_counter() - began
                return [
                    Decoded(row, found.state, int(found.chosen[n]), took, found=(found, n))
                    for n, row in enumerate(rows)
                ]
            if guides and isinstance(guides[-1], ByField):
                layered = [self._fields(row.type, guides[-1].paths) for row in rows]
                constraint = Layered(tuple(layered), leftmost=isinstance(constraint, LeftmostFirst))
                processors = [EachLayer(one, layered[0].layers) for one in processors]
            if self.nulls:
                nulls = NoteNulls(self.compiled.nulls(rows[0].type.description))
                observers.append(nulls)
            state = sample(
                denoiser,
                state,
                constraint=constraint,
                processors=processors,
                guides=guides,
                schedule=self.schedule or preset.schedule,
                propose=preset.propose,
                edit=self.edit or Final(),
                commit=self.commit or preset.commit,
                revise=self.revise,
                stop=self.stop,
                observers=(*preset.observers, *observers),
            )
        took = time.perf_counter() - began
        return [
            Decoded(row, state, n, took, probs[n], nulls.of(state, n) if nulls else {}) for n, row in enumerate(rows)
        ]

    def _copies(self, rows: list[Row]) -> list[Row]:
        """Every row as often as it has canvases."""
        return rows if self.search is None else [row for row in rows for _ in range(self.search.n)]

    def _guides(self, rows: list[Row]) -> list[Guidance]:
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

    def _context(self, rows: list[Row]) -> GuideContext:
        """What guides and rewards may know of these rows."""
        loaded = self.model.loaded
        return GuideContext(
            vocabulary=self.model.vocabulary,
            denoiser=loaded.denoiser,
            constraint=Tables(tuple(row.table for row in rows)),
            texts=tuple(row.text for row in rows),
            encode=loaded.plain_ids,
            prompt=lambda row, text: loaded.prompt_ids(text, rows[row].type.asked(loaded.spec.ask)),
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
