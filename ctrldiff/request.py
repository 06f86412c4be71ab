"""One text and what is wanted of it; and the same, read: its prompt, its canvas, what may be written there."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, Literal, TypeVar

import numpy as np
import torch

from ctrldiff.arguments import check_probability, check_word, is_conversation, messages_of
from ctrldiff.compiled import Compiled, Counted
from ctrldiff.constraints.labels import Labels
from ctrldiff.constraints.prior import Prior
from ctrldiff.errors import (
    BudgetTooSmall,
    CanvasWarning,
    ConstraintTooLarge,
    Infeasible,
    InputError,
    PromptTooLong,
    warn,
)
from ctrldiff.guidance.alone import Alone
from ctrldiff.guidance.guide import Guide, checked
from ctrldiff.json_schema import JsonSchema
from ctrldiff.json_schema.counts import Place
from ctrldiff.json_schema.fields import shallow
from ctrldiff.layout import Layout, Rooms
from ctrldiff.models.hf import Loaded
from ctrldiff.models.prompt import asks, check_template
from ctrldiff.posterior.table import Table
from ctrldiff.protocols import Guidance
from ctrldiff.reliability import Calibration
from ctrldiff.sampling.counts import Count
from ctrldiff.sampling.plan import check_number, within
from ctrldiff.text import check_text
from ctrldiff.types.instruction import words_of
from ctrldiff.types.structured import OutputType

WIDE = 8  # how many times the usual canvas is worth a warning
T = TypeVar("T")

Guidances = Sequence[Guide | Guidance | Callable[..., torch.Tensor]]
Unsures = Literal["flag", "null", "error"]
Readouts = Literal["product", "letters", "elbo"]


@dataclass(frozen=True)
class Request(Generic[T]):
    """One text, and what is wanted of it. Requests of one batch may differ in everything.

    Args:
        text: what the answer is about; or a conversation, [{"role": "user", "content": "..."}, ...], for a model with a
            chat template: its last message is answered.
        output: a type, a JSON Schema dict, or a constraint; see `output_type`.
        ask: the name of a bare value ("total"), or any words for a constraint.
        seed: fixes every draw, together with the prompt and with `draw`; nothing else does.
        draw: which of several independent decodes of the same text this is, from 0.
        max_new_tokens: positions of the canvas; None: see `Generator`.
        guidance: what to lean towards.
        prior: log weights for what a text says.
        unsure: what to do with values that the constraint forced on the model.
        nulls: note how probable null is for every key of an object that may be null.
        fields: say of every value how probable it is, where it stands and what else it might have been (`Field`).
        calibration: what makes of these probabilities ones that are right as often as they say; implies `fields`.
        below: values less probable than this are flagged, as those that were forced on the model; implies `fields`.
        readout: how the labels of a lone choice are read: by the "product" of positions, by "letters", or by the
            "elbo"; `docs/decide.md`.
        against: a text whose label probabilities those of `text` are divided by; None: none.
        retries: how many more answers are tried, the likeliest first, if the type's own rules refuse one.
        prompt: a template in place of the model's own, with the places of `docs/prompts.md`: of what the user says, for
            a model with a chat template, else of the whole prompt.
        examples: (text, value) pairs that are shown before the text, as turns of a chat or as prompts with answers.
    Raises: InputError for an argument that could not be used.
    """

    text: str | Sequence[Mapping[str, Any]]
    output: type[T] | Any = str
    ask: str | None = None
    seed: int = 0
    draw: int = 0
    max_new_tokens: int | None = None
    guidance: Guidances = ()
    prior: Prior = Prior()
    unsure: Unsures = "flag"
    nulls: bool = False
    fields: bool = False
    calibration: Calibration | None = None
    below: float | None = None
    readout: Readouts = "product"
    against: str | None = None
    retries: int = 0
    prompt: str | None = None
    examples: Sequence[tuple[str, Any]] = ()

    def __post_init__(self) -> None:
        check_number("seed", self.seed, 0)
        check_number("draw", self.draw, 0)
        check_number("max_new_tokens", self.max_new_tokens, 1)
        check_number("retries", self.retries, 0)
        check_word("unsure", self.unsure)
        check_word("readout", self.readout)
        if self.against is not None:
            check_text(self.against, "against")
        check_probability("below", self.below)
        if self.calibration is not None and not isinstance(self.calibration, Calibration):
            what = type(self.calibration).__name__
            raise InputError(f"calibration is a {what}", hint="cd.Calibration.load(FILE)", param="calibration")
        if not isinstance(self.prior, Prior):
            raise InputError(f"prior is a {type(self.prior).__name__}", hint="cd.Prior.of(...)", param="prior")
        if self.prompt is not None:
            check_template(self.prompt)
        object.__setattr__(self, "guidance", tuple(checked(self.guidance)))
        object.__setattr__(self, "examples", pairs_of(self.examples))

    @property
    def document(self) -> str:
        """The text; of a conversation all that is said in it, but for system messages."""
        if isinstance(self.text, str):
            return self.text
        return "\n\n".join(content for role, content in messages_of(self.text) if role != "system")

    @property
    def asks_fields(self) -> bool:
        """The result has fields."""
        return self.fields or self.calibration is not None or self.below is not None


@dataclass(frozen=True)
class Row:
    """A request, read.

    Fields: n, its number; ids, its prompt; canvas, how many positions; first, how many it had at first, and limit, how
        many it may have; type and table, what may be written there; shots, the examples with their answers as texts;
        labels, if the answer is one of them, decided in one forward pass; said, how many tokens the text takes; counts,
        how many items its lists have, where that was asked (None: not yet); layout, what stands on its canvas before
        the first step; forwards and seconds, what earlier and smaller canvases have cost.
    """

    n: int
    request: Request[Any]
    compiled: Compiled
    ids: list[int]
    canvas: int
    first: int
    limit: int
    type: OutputType
    table: Table
    labels: Labels | None
    shots: tuple[tuple[str, str], ...] = ()
    said: int = 0
    counts: Mapping[Place, Count] | None = None
    layout: Layout | None = None
    forwards: int = 0
    other_calls: int = 0
    seconds: float = 0.0

    @property
    def tokens(self) -> int:
        """What a network reads of it: prompt and canvas."""
        return len(self.ids) + self.canvas

    @property
    def items(self) -> Counted:
        """The lists that are held to a number of items, and it."""
        known = (self.counts or {}).items()
        return tuple((place, one.number) for place, one in known if one.number is not None)

    def within(self, canvas: int) -> Row:
        """The row in another canvas, its lists held to what was decided."""
        type_, table = self.compiled.table(self.type, canvas, self.items)
        return replace(self, canvas=canvas, type=type_, table=table)

    def in_layout(self, layout: Layout) -> Row:
        """The row in a canvas that is laid out so."""
        return replace(self.within(len(layout)), layout=layout)

    def fits(self, layout: Layout) -> bool:
        """Some text of the row's table has its values in these rooms."""
        try:
            self.table.forced(np.asarray(layout.given))
        except (Infeasible, BudgetTooSmall):
            return False
        return True

    @property
    def text(self) -> str:
        """The request's; of a conversation all that is said in it."""
        return self.request.document


def read_row(
    loaded: Loaded,
    compiled: Compiled,
    request: Request[Any],
    n: int,
    *,
    decided: bool,
    layout: Rooms | None = None,
) -> Row:
    """A request's prompt and canvas.

    Args:
        decided: a type that is a lone choice is decided in one forward pass, in a canvas that holds all its labels.
        layout: how canvases of objects are laid out, where they are and the context has room for it.
    Raises: BudgetTooSmall, PromptTooLong, InputError; and what compiling raises.
    """
    if not is_conversation(request.text):
        check_text(request.text, f"text {n}", row=n)
    text = request.document
    spec, wanted = loaded.spec, request.max_new_tokens
    if not text.strip() and asks(
        request.prompt or spec.prompt
    ):  # a model that is asked nothing may well continue nothing
        raise InputError(f"text {n} is empty", hint="leave it out, or say what is wanted", row=n)
    type_, table = compiled.of(text, wanted)
    labels = compiled.labels if decided and not request.guidance else None
    if labels is None and (request.readout != "product" or request.against is not None):
        raise InputError(
            f"readout={request.readout!r}, and the answer is no lone choice decided in one pass",
            hint="it is for a Choice, Literal, Enum, bool, YesNo or Score under the default plan, unguided",
            param="readout",
        )
    least = int(labels.needs.max()) if labels else table.shortest  # all labels fit
    context = _context(loaded)
    shots = compiled.spelled(request.examples)
    ids = _prompt(loaded, compiled.type, request, shots, context - (wanted or least))
    room = context - len(ids)
    # `tiny` was measured with its short prompts in the count; a schema and examples are no part of the text.
    tokens = len(ids) if loaded.chat is None and not shots else len(loaded.plain_ids(text))
    usual = max(least, table.shortest + compiled.room(table, text, tokens))
    limit = room if table.longest is None else max(least, min(room, table.longest + 1))
    if wanted is None:
        wanted = max(least, min(usual, limit))
    else:
        limit = wanted
        if wanted > WIDE * usual and (table.longest is None or table.longest >= wanted):  # else the rest is settled
            warn(
                f"a canvas of {wanted:,} positions, where {usual:,} are usual for this type: masks that are not "
                "needed distract the model and cost time; leave max_new_tokens out, or bound the type",
                CanvasWarning,
            )
        elif wanted < least:
            what = "longest label" if labels else "shortest text of this type"
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
    row = Row(n, request, compiled, ids, wanted, wanted, limit, type_, table, labels, shots, tokens)
    if request.against is not None:
        about(loaded, row, request.against)  # raises now what it would raise once others have been decoded
    if layout is None or request.max_new_tokens is not None or labels is not None:
        return row
    return laid_out(row, loaded, layout)


def laid_out(row: Row, loaded: Loaded, rooms: Rooms, counts: Mapping[Place, int | None] = {}) -> Row:
    """A row that is not laid out yet in a canvas that is, if its texts have a settled form, the context holds it, and
    the limits its table. While lists are not counted (`counts`) it has slots, and its table is still its own.
    """
    compiled, description = row.compiled.padded, row.type.description
    from_the_left = any(isinstance(one, Alone) for one in within(row.request.guidance))  # it is made for no other order
    if compiled is None or not isinstance(description, JsonSchema) or from_the_left:
        return row
    most = _context(loaded) - len(row.ids)
    made = rooms(description, loaded.plain_ids, loaded.spec.stop_ids[0], compiled.limits, counts)
    if made is not None and made.slots:
        # Nulls are weighed against all answers, not those of so many items.
        fits = len(made) <= most and not row.request.nulls and shallow(description, compiled.limits)
        return replace(row, canvas=len(made), layout=made) if fits else row
    while made is not None and len(made) <= most:
        size = len(made)
        try:
            type_, table = compiled.of(row.text, size)
            if row.items:
                type_, table = compiled.table(type_, size, row.items)
        except ConstraintTooLarge:  # written close together it was within them
            return row
        there = replace(
            row, compiled=compiled, canvas=size, first=size, limit=most, type=type_, table=table, layout=made
        )
        if there.fits(made):
            return there
        wider = made.wider(made.growing, most)
        made = None if wider == made else wider
    return row


def _context(loaded: Loaded) -> int:
    """How many positions a prompt and its canvas may have."""
    return loaded.spec.context - loaded.spec.context % loaded.spec.round_to


def written(rows: Sequence[Row], length: int) -> dict[str, torch.Tensor]:
    """What `State.blank` is told of canvases of `length` that are laid out: `written` and `segments`, (B, T) each, -1
    for nothing."""
    layouts = [row.layout for row in rows]
    if not any(layouts):
        return {}

    def wide(known: list[list[int]]) -> torch.Tensor:
        return torch.tensor([one + [-1] * (length - len(one)) for one in known])

    given = wide([[] if one is None else one.given for one in layouts])
    return {"written": given, "segments": wide([[] if one is None else one.segments for one in layouts])}


def _prompt(
    loaded: Loaded, type_: OutputType, request: Request[Any], shots: Sequence[tuple[str, str]], room: int
) -> list[int]:
    """A prompt's token ids. Where a long list of labels would leave no room for the answer, its beginning is said: the
    text is what must be read, and the labels are what may be written in any case."""
    text: Any = request.text if isinstance(request.text, str) else messages_of(request.text)
    most: int | None = None
    while True:
        words = words_of(type_, loaded.spec.ask, most)
        ids = loaded.prompt_ids(text, words, template=request.prompt, shots=shots)
        most = (type_.place.longest if most is None else most) // 2
        if len(ids) <= room or most < 1:
            return ids


def about(loaded: Loaded, row: Row, text: str) -> Row:
    """A row with another text in the place of its own: of a conversation's last message. With its own it is itself.

    Raises: InputError for half of a surrogate pair; PromptTooLong where that prompt and the row's first canvas do not
        fit the context.
    """
    if text == row.text:
        return row
    check_text(text, f"what text {row.n} is asked besides", row=row.n)
    said: Any = text
    if not isinstance(row.request.text, str):
        *before, last = row.request.text
        said = [*before, {**last, "content": text}]
    request = replace(row.request, text=said)
    ids = _prompt(loaded, row.compiled.type, request, row.shots, _context(loaded) - row.first)
    return replace(row, request=request, ids=_fitting(loaded, row, ids))


def prompt_alone(loaded: Loaded, row: Row, text: str) -> list[int]:
    """The prompt of a row as if nothing were asked but what this text says. Raises: as `about`."""
    check_text(text, f"what text {row.n} is asked alone", row=row.n)
    return _fitting(loaded, row, loaded.prompt_ids(text, "", template=row.request.prompt))


def _fitting(loaded: Loaded, row: Row, ids: list[int]) -> list[int]:
    """The ids of another prompt, if they leave the row the canvas that it had at first. Raises: PromptTooLong."""
    if len(ids) + row.first > _context(loaded):
        raise PromptTooLong(
            f"text {row.n}: {len(ids):,} tokens of another prompt that it is asked by + {row.first:,} answer tokens > "
            f"context {loaded.spec.context:,}",
            hint="shorten that text",
            prompt=len(ids),
            answer=row.first,
            context=loaded.spec.context,
            row=row.n,
        )
    return ids


def pairs_of(examples: Any) -> tuple[tuple[str, Any], ...]:
    """Examples, looked at: what may be said of them without the type. Raises: InputError for what is no pair."""
    if isinstance(examples, tuple) and all(isinstance(one, tuple) and len(one) == 2 for one in examples):
        pairs = examples
    elif isinstance(examples, str | bytes | Mapping) or not isinstance(examples, Sequence):
        raise InputError(f"examples is a {type(examples).__name__}", hint="[(text, value), ...]", param="examples")
    else:
        pairs = tuple(tuple(one) if isinstance(one, list | tuple) else (one,) for one in examples)
    for n, pair in enumerate(pairs):
        if len(pair) != 2 or not isinstance(pair[0], str):
            raise InputError(f"example {n} is no pair of a text and a value", hint="[(text, value)]", param="examples")
        check_text(pair[0], f"the text of example {n}")
    return pairs
