"""Spans side by side, each on a clock of its own: a plan first, then all of its spans at once. Public in
`ctrldiff.commit`."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch

from ctrldiff.constraints.template import Template
from ctrldiff.errors import InputError, OutputInvalid
from ctrldiff.json_schema import JsonSchema
from ctrldiff.json_schema.places import places
from ctrldiff.protocols import Move, Posterior
from ctrldiff.sampling.commit import By, best_first, certainty, first, in_range
from ctrldiff.sampling.pace import evenly
from ctrldiff.state import State, Step, Tokens, Where
from ctrldiff.tokens.vocabulary import Vocabulary

BEGUN = "planned: begun"  # the key in `State.memory`, (B,) int64: the step in which the spans' clocks began, -1 not yet


@dataclass(frozen=True)
class Spans:
    """Which span of a text each position is in, read off a whole canvas: a token is in the first span that it has a
    byte of, and in none (-1) if it has none, or is behind the end of the text.

    read: the spans of a text as (start, stop) in its bytes, in order, apart from each other. Of a template or a schema
        it raises OutputInvalid for a text of something else.
    """

    read: Callable[[str], Sequence[tuple[int, int]]]
    vocabulary: Vocabulary

    @staticmethod
    def of(plan: Template | JsonSchema, vocabulary: Vocabulary) -> Spans:
        """The holes of a template, whose holes are constraints (`cd.output_type(template).description` of one of
        types); or the scalars of a schema's object, an empty list or object counted as one.

        Raises: InputError for anything else.
        """
        if isinstance(plan, JsonSchema):
            return Spans(_values, vocabulary)
        if not isinstance(plan, Template):
            raise InputError(f"plan={plan!r}", hint="a Template or a JsonSchema", param="plan")
        return Spans(_Holes(plan), vocabulary)

    def __call__(self, tokens: Sequence[int]) -> list[int]:
        written = self.vocabulary.decode(tokens)
        try:
            spans = self.read(written.decode("utf-8"))
        except UnicodeDecodeError as error:
            raise OutputInvalid("this is no text, and none of the plan", why=repr(written[:200])) from error
        out, at = [], 0
        for token in tokens:
            end = at + len(self.vocabulary[token] or b"")
            out.append(next((n for n, (start, stop) in enumerate(spans) if start < end and at < stop), -1))
            at = end
        return out


def _values(text: str) -> list[tuple[int, int]]:
    """Every scalar of a JSON text. Raises: OutputInvalid for another."""
    try:
        json.loads(text)
    except ValueError as error:
        raise OutputInvalid("this is no text of the schema", why=text[:200], raw=text) from error
    return [(place.start, place.end) for place in places(text)]


@dataclass(frozen=True)
class _Holes:
    template: Template

    def __call__(self, text: str) -> list[tuple[int, int]]:
        return list(self.template.spans_of(text).values())


@dataclass(frozen=True)
class Planned:
    """First the plan: of the proposal all that is in no span, which settles where every span is and how long. Then all
    spans at once, each on its own clock: `rate` of a step for each of its positions, so many at every step as its own
    steps left ask for, the most certain first. A text takes one pass and as many as its longest span does, not as all
    of them do (Planned Diffusion, arXiv:2510.18087, which is trained to write its plan; here a schema or a template is
    the plan, and the lengths are those of the proposal).

    spans: for the tokens of a whole canvas, which span each position is in, from 0; -1 none. `Spans.of` a template or
        schema.
    `note` is the observer that keeps the plan, in `state.segment`; the policy goes with `Linear()`.
    """

    spans: Callable[[Sequence[int]], Sequence[int]]
    rate: float = 1.0
    by: By = "confidence"

    def __post_init__(self) -> None:
        if isinstance(self.spans, type) or not callable(self.spans):
            raise InputError(f"spans={self.spans!r}", hint="Spans.of(template, vocabulary)", param="spans")
        in_range("rate", self.rate, 0, 1)

    @property
    def note(self) -> NotePlan:
        return NotePlan(self)

    def __call__(self, posterior: Posterior, tokens: Tokens, state: State, step: Step) -> Where:
        if BEGUN not in state.memory:
            raise InputError("Planned needs its observer", hint="observers=[policy.note]", param="observers")
        may = state.open & step.window
        segment = torch.where((state.memory[BEGUN] < 0)[:, None], self.planned(tokens, state), state.segment)
        plan = may & (segment < 0)
        where = plan.clone()
        scores = certainty(self.by, posterior, tokens, state)
        spanning = ~plan.any(dim=1)
        taken = torch.where(state.memory[BEGUN] < 0, 0, state.step - state.memory[BEGUN])
        for span in range(int(segment.max()) + 1):
            own = segment == span
            steps = self.steps(own)
            inside = may & own & spanning[:, None]
            where |= first(evenly(inside.sum(dim=1), steps - taken), best_first(scores, inside), inside)
        return where

    def planned(self, tokens: Tokens, state: State) -> torch.Tensor:
        """(B, T) int32, the span that each position is in, by whole canvases; -1 none."""
        out = torch.full(state.shape, -1, dtype=torch.int32)
        for row, length in enumerate(state.lengths.tolist()):
            if state.open[row].any():
                out[row, :length] = torch.tensor(self.spans(tokens[row, :length].tolist()), dtype=torch.int32)
        return out

    def steps(self, where: Where) -> torch.Tensor:
        """(B,) how many steps a span of these positions is given."""
        return (where.sum(dim=1) * self.rate).ceil().to(torch.int64).clamp(min=1)


@dataclass(frozen=True)
class NotePlan:
    """An observer that keeps the plan of each row's first step: its spans in `state.segment`, when their clocks began,
    and how many steps they leave the row."""

    policy: Planned

    def begin(self, state: State) -> State:
        return state.remember(**{BEGUN: torch.full((state.shape[0],), -1)})

    def __call__(self, move: Move, state: State, step: Step) -> State:
        new = (state.memory[BEGUN] < 0) & ~move.before.done
        if not new.any():
            return state
        segment = self.policy.planned(state.history[:, -1].clamp(min=0), move.before)
        outside = (move.before.open & step.window & (segment < 0)).any(dim=1)
        begun = state.step + outside.to(torch.int64)
        longest = torch.zeros_like(begun)
        for span in range(int(segment.max()) + 1):
            own = segment == span
            longest = torch.where(own.any(dim=1), longest.maximum(self.policy.steps(own)), longest)
        ends = (begun + longest).maximum(state.step + 1)
        state = replace(
            state,
            segment=torch.where(new[:, None], segment, state.segment),
            steps=torch.where(new, ends.minimum(state.steps), state.steps),
        )
        return state.remember(**{BEGUN: torch.where(new, begun, state.memory[BEGUN])})
