"""The front door: text and type in, a value of that type out."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Generic, Literal, TypedDict, TypeVar, Unpack, cast, get_origin, overload

from ctrldiff.arguments import check_word, is_conversation, known_names, texts_of
from ctrldiff.compiled import Compiled
from ctrldiff.constraints.prior import Prior
from ctrldiff.decode import Outcome, check_guidance, decode
from ctrldiff.errors import CtrldiffError, InputError, ModelError
from ctrldiff.limits import DEFAULT, Limits
from ctrldiff.models.callable import PlainTokenizer, from_callable
from ctrldiff.models.hf import Loaded, load, resolve
from ctrldiff.models.spec import ModelSpec
from ctrldiff.modules.many import compile_many
from ctrldiff.modules.module import Module
from ctrldiff.posterior.table import Table
from ctrldiff.reliability import Calibration
from ctrldiff.request import Guidances, Readouts, Request, Row, Unsures, read_row
from ctrldiff.result import Result
from ctrldiff.sampling.parts import Parts
from ctrldiff.sampling.plan import Plan, check_number, listed
from ctrldiff.sampling.trace import Canvases
from ctrldiff.search.run import Search, draws, searchable
from ctrldiff.state import State
from ctrldiff.tokens.vocabulary import Vocabulary
from ctrldiff.types.structured import OutputType

T = TypeVar("T")
TYPES = 64  # that a stream of requests may go back and forth between without reading one anew


class Short(Parts, total=False):
    """Short forms for the parts of a plan: `commit=X` is `plan=Plan.default(steps, temperature).but(commit=X)`.

    Fields: steps, temperature: as `Plan.default` takes them; trace: one more observer, which keeps the canvases of
        every step for `result.trace`, or a function that is told of the state after each, too (`Trace.latest`);
        processors: before those of the plan.
    """

    steps: int | None
    temperature: float
    trace: bool | Callable[[State], object]


class Asked(TypedDict, total=False):
    """What a `Request` has besides its text, its type and its draw."""

    ask: str | None
    max_new_tokens: int | None
    seed: int
    guidance: Guidances
    prior: Prior
    unsure: Unsures
    nulls: bool
    fields: bool
    calibration: Calibration | None
    below: float | None
    readout: Readouts
    against: str | None
    retries: int
    prompt: str | None
    examples: Sequence[tuple[str, Any]]


class Made(Short, Asked, total=False):
    """What a `Generator` is made of besides a model and a type."""

    plan: Plan | None
    batch_size: int
    search: Search | None
    on_error: Literal["raise", "keep"]
    limits: Limits


class How(Made, total=False):
    """What `Model.__call__` takes besides the text and the type."""

    n: int | None


@dataclass(frozen=True)
class Model:
    """A loaded model. Call it with a text and a type; or make a `Generator` once and call that."""

    loaded: Loaded

    @staticmethod
    def from_callable(
        network: Callable[..., Any],
        spec: ModelSpec,
        vocabulary: Vocabulary,
        encode: Callable[[str], Sequence[int]],
        *,
        device: str = "cpu",
        attention: bool = False,
    ) -> Model:
        """Any function from (N, L) token ids to (N, L, V) logits as a model.

        Args:
            encode: text to token ids, for prompts. The spec's `prompt` template goes through it too. What is no list of
                ids of the vocabulary is an InputError, when a text is read.
            attention: the function returns (logits, attention), attention (N, L, L), for policies that ask for it.
        """
        denoiser = from_callable(network, spec, vocabulary, device=device, attention=attention)
        return Model(
            Loaded("callable", denoiser, PlainTokenizer(encode, max(vocabulary.size, spec.n_tokens or 0)), spec)
        )

    @property
    def vocabulary(self) -> Any:
        """What each token id spells."""
        return self.loaded.denoiser.vocabulary

    @overload
    def __call__(self, text: str, output: type[T], **how: Unpack[How]) -> Result[T]: ...
    @overload
    def __call__(self, text: list[str], output: type[T], **how: Unpack[How]) -> list[Result[T]]: ...
    @overload
    def __call__(self, text: list[dict[str, Any]], output: type[T], **how: Unpack[How]) -> Result[T]: ...
    @overload
    def __call__(self, text: str | list[dict[str, Any]], output: Any = ..., **how: Unpack[How]) -> Result[Any]: ...
    @overload
    def __call__(self, text: list[str], output: Any = ..., **how: Unpack[How]) -> list[Result[Any]]: ...
    def __call__(self, text: Any, output: Any = str, **how: Any) -> Any:
        """`Generator(self, output, **how)(text)`. Raises: InputError for an argument that it does not take."""
        known_names(how, [name for name in How.__annotations__ if name != "output"])
        n = how.pop("n", None)
        return Generator(self, output, **how)(text, n=n)

    async def acall(self, text: Any, output: Any = str, **how: Unpack[How]) -> Any:
        """As a call, in a thread of its own: the event loop goes on meanwhile."""
        return await asyncio.to_thread(lambda: self(text, output, **how))

    def compile(self, output: Any, *, texts: Sequence[str] = ("",), limits: Limits = DEFAULT) -> Module:
        """`Module.of` for this model: the type compiled beforehand, to go where the type goes, or into a file."""
        spec = self.loaded.spec
        return Module.of(output, self.vocabulary, texts=texts, room=spec.canvas, prose=spec.prose, limits=limits)

    def compile_many(
        self,
        outputs: Sequence[Any],
        *,
        texts: Sequence[str] = ("",),
        limits: Limits = DEFAULT,
        workers: int | None = None,
        processes: bool = False,
        report: Callable[[int, Module | CtrldiffError], object] | None = None,
    ) -> list[Module | CtrldiffError]:
        """`ctrldiff.compile_many` for this model: many types in threads or processes, errors in their places."""
        how: dict[str, Any] = {"texts": texts, "limits": limits, "workers": workers, "report": report}
        spec = self.loaded.spec
        return compile_many(outputs, self.vocabulary, room=spec.canvas, prose=spec.prose, processes=processes, **how)

    def decode(
        self,
        requests: Iterable[Request[Any]],
        *,
        plan: Plan | None = None,
        search: Search | None = None,
        batch_size: int = 16,
        on_error: Literal["raise", "keep"] = "raise",
        limits: Limits = DEFAULT,
    ) -> Iterator[Outcome]:
        """The results of requests, in order, while they are read: a batch stays full as long as there are more.

        Args:
            requests: a list, or a generator without end. Types, prompts, canvases and seeds may differ from one to the
                next; guided ones share batches with those of the same guidance, canvas and seed.
            plan, search, batch_size, on_error: as `Generator` takes them.
        Raises: what reading or decoding a request raises, before a later one is given; with `on_error="keep"` that
            error stands in the place of its result.
        """
        check_number("batch_size", batch_size, 1)
        check_word("on_error", on_error)
        plan = planned(plan, search, {}, rooms=self.loaded.spec.rooms)
        if isinstance(requests, str | Request) or not isinstance(requests, Iterable):
            raise InputError(f"requests is a {type(requests).__name__}, not a list of them", param="requests")
        known: dict[object, Compiled] = {}

        def rows() -> Iterator[Row | CtrldiffError]:
            for n, request in enumerate(requests):
                if not isinstance(request, Request):
                    raise InputError(f"request {n} is a {type(request).__name__}", hint="cd.Request(text, Type)")
                key = type_key(request)
                try:
                    compiled = known.pop(key, None) or compile_for(self, request, limits)
                    known[key] = compiled
                    for oldest in list(known)[:-TYPES]:
                        del known[oldest]
                    yield read(self, compiled, request, n, plan, search)
                except CtrldiffError as error:
                    if on_error == "raise":
                        raise
                    yield error

        return decode(self.loaded, rows(), plan, search, batch_size=batch_size, keep=on_error == "keep")


def from_pretrained(name: str | Path = "tiny", **overrides: Any) -> Model:
    """Load a model: "tiny", "small" or "puzzles", which are in the box, or the path of a folder that a family knows
    (`docs/models.md`).

    Args:
        overrides: `device`, `dtype`, any field of `ModelSpec`, and what `ctrldiff.models.hf.load` passes on.
    Raises: ModelError, of a kind that says what is wrong; VocabularyError.
    """
    return Model(load(resolve(name), **overrides))


@dataclass(frozen=True, init=False)
class Generator(Generic[T]):
    """A model and a type, compiled once and called many times; a type with spans, once for every text.

    Args:
        model: from `from_pretrained`.
        output: a type, a JSON Schema dict, or a constraint; see `output_type`; or one of these compiled beforehand, a
            `Module`.
        plan: how canvases are written; None: `Plan.default(steps, temperature)`, or for a search `Plan.searching`.
        short: parts of the plan by name, in place of the default's; see `Short`. They change what they name and nothing
            else: `docs/decisions/0012-one-plan.md`.
        ask, prompt, examples: what is said to the model beside the text, as `Request` takes them.
        max_new_tokens: positions of the canvas. None: what the shortest answer needs and the usual room beyond it
            (`ModelSpec.canvas`), but no more than the longest answer needs or the context leaves; and when its end
            binds the answer, the text is decoded again in a larger one. One still bound says so: `result.full`.
        seed: fixes every draw. A row's draws depend on the seed and its own prompt, on nothing else.
        batch_size: rows per forward pass. Results do not depend on it.
        guidance: what to lean towards: guides of `ctrldiff.guide`, plain `Guidance`, or functions
            (logits, state, step) -> logits. The form stays guaranteed whatever their strength.
        search: many canvases for each row, and which of them is the answer: one of `ctrldiff.search`. It needs draws:
            a temperature above 0.
        prior: log weights for what a text says (nulls, items, characters, any language); `docs/priors.md`.
        unsure: what to do with values in doubt, that the constraint forced on the model or that the end of `steps=`
            wrote unsurely (`result.flags`): "flag" them and no more, put "null" where the type allows it, or raise an
            "error", `Unsure`.
        on_error: for a list of texts: "raise" the first error, or "keep" it in the place of that text's result.
        nulls: note how probable null is for every key of an object that may be null; a sweep for each key and step.
        fields: say of every value how probable it is, where it stands and what else it might have been:
            `result.fields`; a row of one more forward pass for each value.
        calibration: a fitted `Calibration`, by which the probabilities of fields are told; implies `fields`.
        below: values less probable than this are flagged like forced ones, and `unsure` says what becomes of them;
            implies `fields`.
        readout: how the labels of a lone choice are read: by the "product" of positions, by "letters" named in the
            prompt, or by the "elbo" of each.
        against: a text without the matter in it, such as "N/A": what labels have by their name alone is taken out.
        retries: how many more complete answers are tried, the likeliest first, if a rule of the type's own (a validator
            of pydantic's, a keyword that is checked) refuses one: exact, by what the model said of each position when
            it was written. Needs (T, V) floats a row. `result.refused` has what was refused.
        limits: what compiling may cost; a `Module` has its own.
    Raises: ConstraintError, and InputError for an example whose value the type does not have, when it is made;
        BudgetTooSmall, PromptTooLong or InputError when called, before any forward pass.
    """

    model: Model
    wanted: Request[T]
    plan: Plan
    search: Search | None
    batch_size: int
    on_error: Literal["raise", "keep"]
    limits: Limits

    @overload
    def __init__(self, model: Model, output: type[T], **how: Unpack[Made]) -> None: ...
    @overload
    def __init__(self: Generator[Any], model: Model, output: Any = ..., **how: Unpack[Made]) -> None: ...
    def __init__(
        self,
        model: Model,
        output: type[T] | Any = str,
        *,
        plan: Plan | None = None,
        search: Search | None = None,
        batch_size: int = 16,
        on_error: Literal["raise", "keep"] = "raise",
        limits: Limits = DEFAULT,
        **how: Any,
    ) -> None:
        known_names(how, [*Asked.__annotations__, *Short.__annotations__])
        check_number("batch_size", batch_size, 1)
        check_word("on_error", on_error)
        asked = {name: how.pop(name) for name in Asked.__annotations__ if name in how}
        given = {
            "model": model,
            "wanted": Request("", output, **asked),
            "plan": planned(plan, search, cast(Short, how), rooms=model.loaded.spec.rooms),
        }
        given |= {"search": search, "batch_size": batch_size, "on_error": on_error, "limits": limits}
        for name, value in given.items():
            object.__setattr__(self, name, value)
        if not self.type.has_spans:  # those are compiled over each text
            _ = self.table  # compile now: what cannot be enforced is refused before any text is seen
        self.compiled.spelled(self.wanted.examples)
        if self.wanted.nulls:
            self.compiled.nulls(self.compiled.of("")[0].description)

    @cached_property
    def compiled(self) -> Compiled:
        """The wanted type over the model's vocabulary."""
        return compile_for(self.model, self.wanted, self.limits)

    @property
    def type(self) -> OutputType:
        """The wanted type, read."""
        return self.compiled.type

    @property
    def table(self) -> Table:
        """The token table of the type over the model's vocabulary, in a usual canvas and for a plain text."""
        return self.compiled.of("", self.wanted.max_new_tokens)[1]

    @overload
    def __call__(self, text: str | list[dict[str, Any]], *, n: None = None) -> Result[T]: ...
    @overload
    def __call__(self, text: str | list[dict[str, Any]], *, n: int) -> list[Result[T]]: ...
    @overload
    def __call__(self, text: list[str], *, n: None = None) -> list[Result[T]]: ...
    @overload
    def __call__(self, text: list[str], *, n: int) -> list[list[Result[T]]]: ...
    @overload
    def __call__(self, text: Any, *, n: int | None = None) -> Any: ...
    def __call__(self, text: Any, *, n: int | None = None) -> Any:
        """A result for a text; a list of results for a list of texts. A conversation, a list of messages, is a text.

        Args:
            n: so many independent answers to each text in place of one, in a list; at a temperature above 0.
        """
        if n is None:
            return next(self.each([text])) if _is_one(text) else list(self.each(texts_of(text)))
        check_number("n", n, 1)
        if self.plan.draws_nothing:
            raise InputError(f"n={n} answers without draws would be {n} times the same", hint="temperature=1.0")
        texts = [text] if _is_one(text) else texts_of(text)
        drawn = list(self._decoded([self.request(one, draw) for one in texts for draw in range(n)]))
        found = [drawn[first : first + n] for first in range(0, len(drawn), n)]
        return found[0] if _is_one(text) else found

    async def acall(self, text: Any, *, n: int | None = None) -> Any:
        """As a call, in a thread of its own: the event loop goes on meanwhile."""
        return await asyncio.to_thread(self, text, n=n)

    def each(self, texts: Sequence[Any]) -> Iterator[Any]:
        """Results in the order of the texts, as they come. Every text, and the guidance for it, is checked before the
        first forward pass. With `on_error="keep"` an error stands in the place of its text's result."""
        return self._decoded([self.request(text) for text in texts])

    def request(self, text: Any, draw: int = 0) -> Request[T]:
        """What this generator asks of a text."""
        return replace(self.wanted, text=text, draw=draw)

    def check(self, text: str) -> int:
        """The canvas that a text gets at first. Raises what decoding it would raise, without decoding."""
        return read(self.model, self.compiled, self.request(text), 0, self.plan, self.search).canvas

    def _decoded(self, requests: list[Request[T]]) -> Iterator[Any]:
        rows: list[Row | CtrldiffError] = []
        for n, request in enumerate(requests):
            try:
                rows.append(read(self.model, self.compiled, request, n, self.plan, self.search))
            except CtrldiffError as error:
                if self.on_error == "raise":
                    raise
                rows.append(error)
        keep = self.on_error == "keep"
        return decode(self.model.loaded, rows, self.plan, self.search, batch_size=self.batch_size, keep=keep)


def compile_for(model: Model, request: Request[Any], limits: Limits) -> Compiled:
    """The type of a request over the model's vocabulary; a module has limits of its own."""
    spec = model.loaded.spec
    prose = spec.canvas if spec.prose is None else spec.prose
    if isinstance(request.output, Module):
        return request.output.over(model.vocabulary, request.ask, request.prior, spec.canvas, prose)
    return Compiled(request.output, request.ask, model.vocabulary, request.prior, limits, spec.canvas, prose)


def _is_one(text: Any) -> bool:
    """Whether this is one text, and no list of them."""
    return isinstance(text, str) or is_conversation(text)


def read(model: Model, compiled: Compiled, request: Request[Any], n: int, plan: Plan, search: Search | None) -> Row:
    """A request as `decode` takes it. Raises: what is wrong with it, before any forward pass."""
    if search is not None and request.nulls:
        raise InputError("a search goes without nulls=True", hint="leave it out", param="nulls")
    if search is not None and request.retries:
        hint = "leave it out; a reward sees every candidate, and may refuse what the type would"
        raise InputError(f"a search goes without retries={request.retries}", hint=hint, param="retries")
    if plan.counts is not None and request.nulls:
        hint = "fields=True says how probable each value is, nulls among them"
        raise InputError("counts= and nulls=True cannot go together", hint=hint, param="counts")
    layout = None if search is not None else plan.layout
    row = read_row(model.loaded, compiled, request, n, decided=search is None and plan.decides, layout=layout)
    reads = row.labels or request.asks_fields or request.nulls or plan.counts is not None
    if model.loaded.spec.ahead is not None and reads:
        raise ModelError(
            f"ahead={model.loaded.spec.ahead}: probabilities of labels, nulls, values and counts need every position",
            hint="load the model without ahead=",
        )
    check_guidance(model.loaded, row, search, plan)
    return row


def planned(plan: Plan | None, search: Search | None, short: Short, *, rooms: bool = False) -> Plan:
    """The plan that was given, or the default, of models that read `rooms` theirs; with the parts that were named in
    place of its own."""
    named: dict[str, Any] = dict(short)
    trace = named.pop("trace", False)
    clock = [name for name in ("steps", "temperature") if name in named]
    steps, temperature = named.pop("steps", None), named.pop("temperature", 0.0)
    if plan is None:
        plan = (Plan.searching if draws(search) else Plan.rooms if rooms else Plan.default)(steps, temperature)
    elif not isinstance(plan, Plan):
        raise InputError(f"plan is a {type(plan).__name__}", hint="cd.Plan.default().but(...)", param="plan")
    elif clock:
        what = " and ".join(clock)
        raise InputError(f"a plan, and {what} beside it", hint="cd.Plan.default(steps, temperature)", param="plan")
    if "processors" in named:
        own = listed("processors", named["processors"])
        named["processors"] = (*(one for one in own if one not in plan.processors), *plan.processors)
    plan = plan.but(**named)
    if search is not None:
        searchable(search, plan)
    if not trace:
        return plan
    return plan.but(observers=(*plan.observers, Canvases(trace if callable(trace) else None)))


def type_key(request: Request[Any]) -> object:
    """What tells the types of two requests apart: of unions and literals, the order that their parts are named in, too,
    which their equality leaves out."""
    try:
        hash(request.output)
        output: object = request.output
    except TypeError:
        output = repr(request.output)
    order = "" if get_origin(request.output) is None else repr(request.output)
    return type(request.output), output, order, request.ask, request.prior
