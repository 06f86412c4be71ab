"""Guides: descriptions of what to lean towards, and the algebra on them.

A guide is a frozen value that says *what*. `prepare` makes it a `Tilt` for one decode: scores in nats that are added to
the logits of every open position. Tilts are all worked out from the same unguided logits, so sums commute, and a
constraint that binds afterwards is exact for p(x) exp(sum of tilts): see `docs/guidance.md`.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise
from typing import Any, TypeAlias

import torch

from ctrldiff.errors import InputError
from ctrldiff.protocols import Guidance, GuideContext
from ctrldiff.state import State, Step

Branches: TypeAlias = Sequence[torch.Tensor]  # (B, T, V) logits of each state that `branches` asked for


def no_branches(state: State, step: Step) -> Sequence[State]:
    """Nothing has to be forwarded beside the state itself."""
    return ()


@dataclass(frozen=True)
class Tilt:
    """A prepared guide, which is a `Guidance`: scores that are added to the logits.

    Fields:
        scores: (logits, branches, state, step) -> (B, T, V) nats to add. `logits` are the unguided ones; the scores of
            tokens that are forbidden there (-inf) are not read, whatever they are.
        branches: (state, step) -> states of B rows to forward together with the main one.
        count: how many those are at a step.
        field: the path of the JSON field that it is confined to, or None for the whole text.
        level: (logits, branches, state, step) -> (B,), what the scores add to: a text is worth this and the sum of its
            open tokens' scores. None where that has no meaning.
        outside: of a guide that is confined to a field, nats to add where a token lies outside of it, as `scores`;
            None: nothing.
    """

    scores: Callable[[torch.Tensor, Branches, State, Step], torch.Tensor]
    branches: Callable[[State, Step], Sequence[State]] = no_branches
    count: Callable[[Step], int] = lambda step: 0
    field: str | None = None
    level: Callable[[torch.Tensor, Branches, State, Step], torch.Tensor] | None = None
    outside: Callable[[torch.Tensor, Branches, State, Step], torch.Tensor] | None = None

    def combine(self, logits: torch.Tensor, branches: Branches, state: State, step: Step) -> torch.Tensor:
        """The logits with the scores added; -inf stays -inf."""
        return tilted(logits, self.scores(logits, branches, state, step))


class Guide(ABC):
    """What to lean towards. Guides add up (`a + b`, `a - b`) and scale (`2.0 * a`)."""

    @abstractmethod
    def prepare(self, context: GuideContext) -> Tilt:
        """Check it against the model and make it ready for one decode. Raises before any forward pass is spent."""

    def parts(self) -> tuple[Guide, ...]:
        """The guides whose sum this is."""
        return (self,)

    def __add__(self, other: Guide) -> Guide:
        return Sum((self, other)) if isinstance(other, Guide) else NotImplemented

    def __mul__(self, factor: float) -> Guide:
        return Scaled(self, factor) if isinstance(factor, int | float) else NotImplemented

    __rmul__ = __mul__

    def __sub__(self, other: Guide) -> Guide:
        return self + -other if isinstance(other, Guide) else NotImplemented

    def __neg__(self) -> Guide:
        return Scaled(self, -1.0)


@dataclass(frozen=True)
class Sum(Guide):
    """Several guides at once: their scores added up, their branches in one forward pass."""

    guides: tuple[Guide, ...]

    def parts(self) -> tuple[Guide, ...]:
        return tuple(part for guide in self.guides for part in guide.parts())

    def prepare(self, context: GuideContext) -> Tilt:
        return added([part.prepare(context) for part in self.parts()])


def portions(tilts: Sequence[Tilt], views: Branches, step: Step) -> list[Branches]:
    """The views that each tilt asked for, of those of all in order."""
    ends = list(accumulate((tilt.count(step) for tilt in tilts), initial=0))
    return [views[first:last] for first, last in pairwise(ends)]


def added(tilts: Sequence[Tilt]) -> Tilt:
    """The sum of tilts of one field, or of none, as one. Raises InputError if their fields differ."""
    fields = {tilt.field for tilt in tilts}
    if len(fields) > 1:
        told = ", ".join(sorted("the whole text" if field is None else repr(field) for field in fields))
        raise InputError(
            f"guides of {told} cannot be one guide here", hint="put on_field outermost, or list them apart"
        )

    def branches(state: State, step: Step) -> Sequence[State]:
        return [view for tilt in tilts for view in tilt.branches(state, step)]

    def scores(logits: torch.Tensor, views: Branches, state: State, step: Step) -> torch.Tensor:
        parts = zip(tilts, portions(tilts, views, step), strict=True)
        return sum((tilt.scores(logits, part, state, step) for tilt, part in parts), torch.zeros_like(logits))

    def outside(logits: torch.Tensor, views: Branches, state: State, step: Step) -> torch.Tensor:
        parts = zip(tilts, portions(tilts, views, step), strict=True)
        told = [tilt.outside(logits, part, state, step) for tilt, part in parts if tilt.outside]
        return sum(told, torch.zeros_like(logits))

    def level(logits: torch.Tensor, views: Branches, state: State, step: Step) -> torch.Tensor:
        parts = zip(tilts, portions(tilts, views, step), strict=True)
        told = [(tilt.level, part) for tilt, part in parts if tilt.level]
        return sum((one(logits, part, state, step) for one, part in told), torch.zeros(state.shape[0]).double())

    return Tilt(
        scores,
        branches,
        lambda step: sum(tilt.count(step) for tilt in tilts),
        next(iter(fields), None),
        level if all(tilt.level for tilt in tilts) else None,
        outside if any(tilt.outside for tilt in tilts) else None,
    )


@dataclass(frozen=True)
class Scaled(Guide):
    """A guide whose scores are multiplied by a finite factor."""

    guide: Guide
    factor: float

    def __post_init__(self) -> None:
        finite("factor", self.factor)

    def parts(self) -> tuple[Guide, ...]:
        return tuple(Scaled(part, self.factor) for part in self.guide.parts())

    def prepare(self, context: GuideContext) -> Tilt:
        if len(self.guide.parts()) > 1:
            return added([part.prepare(context) for part in self.parts()])
        inner = self.guide.prepare(context)
        level, outside = inner.level, inner.outside
        return replace(
            inner,
            scores=lambda *now: self.factor * inner.scores(*now),
            level=None if level is None else lambda *now: self.factor * level(*now),
            outside=None if outside is None else lambda *now: self.factor * outside(*now),
        )


@dataclass(frozen=True)
class During(Guide):
    """A guide for a part of the time: see `during`."""

    guide: Guide
    start: float
    stop: float

    def __post_init__(self) -> None:
        check_guide("during", self.guide)
        if not 0.0 <= self.stop < self.start <= 1.0:
            raise InputError(f"during {self.start} to {self.stop}: time runs from 1 down to 0", hint="start > stop")

    def parts(self) -> tuple[Guide, ...]:
        return tuple(During(part, self.start, self.stop) for part in self.guide.parts())

    def prepare(self, context: GuideContext) -> Tilt:
        inner = self.guide.prepare(context)

        def active(step: Step) -> torch.Tensor:
            return (step.time <= self.start) & (step.time > self.stop)

        def branches(state: State, step: Step) -> Sequence[State]:
            return inner.branches(state, step) if bool(active(step).any()) else ()

        def only(told: Callable[..., torch.Tensor]) -> Callable[..., torch.Tensor]:
            def scores(logits: torch.Tensor, views: Branches, state: State, step: Step) -> torch.Tensor:
                now = active(step)
                if not bool(now.any()):
                    return torch.zeros_like(logits)
                drawing = replace(state, rngs=tuple(state.drawing(now)))  # a row draws nothing while others are active
                value = told(logits, views, drawing, step)
                return torch.where(now[:, None, None].to(value.device), value, torch.zeros_like(value))

            return scores

        return Tilt(
            only(inner.scores),
            branches,
            lambda step: inner.count(step) if bool(active(step).any()) else 0,
            inner.field,
            outside=only(inner.outside) if inner.outside else None,
        )


def during(guide: Guide, start: float, stop: float) -> Guide:
    """`guide`, but only while stop < time <= start. Time runs from 1 (nothing written) down to 0.

    Outside of it the guide costs nothing. Raises: InputError unless 0 <= stop < start <= 1.
    """
    return During(guide, start, stop)


@dataclass(frozen=True)
class Applied:
    """A function (logits, state, step) -> logits as a `Guidance` without branches."""

    function: Callable[[torch.Tensor, State, Step], torch.Tensor]

    def branches(self, state: State, step: Step) -> Sequence[State]:
        return ()

    def combine(self, logits: torch.Tensor, branches: Branches, state: State, step: Step) -> torch.Tensor:
        return self.function(logits, state, step)


def prepared(guidance: Sequence[Any], context: GuideContext) -> list[Guidance]:
    """Plain `Guidance` and functions in the order given, and then all guides as one; ready for the loop.

    Guides on fields make the last one a `ByField`, whose logits are (B, T, layers * V).
    Raises: InputError for what is none of these, and whatever a guide refuses.
    """
    tilts: list[Tilt] = []
    others: list[Guidance] = []
    for one in checked(guidance):
        if isinstance(one, Guide):
            tilts += [part.prepare(context) for part in one.parts()]
        else:
            others.append(one if hasattr(one, "combine") else Applied(one))
    fields = {tilt.field: None for tilt in tilts}  # in the order in which they were named
    if not tilts:
        return others
    sums = {field: added([tilt for tilt in tilts if tilt.field == field]) for field in fields}
    if set(fields) == {None}:
        return [*others, sums[None]]
    everywhere = sums.pop(None, Tilt(lambda logits, views, state, step: torch.zeros_like(logits)))
    return [*others, ByField(everywhere, tuple(sums.values()))]


@dataclass(frozen=True)
class OnField(Guide):
    """A guide for the tokens inside one value: see `on_field`."""

    path: str
    guide: Guide

    def __post_init__(self) -> None:
        check_guide("on_field", self.guide)
        if not isinstance(self.path, str):
            raise InputError(f"on_field({self.path!r}) is no path", hint='on_field("review.text", guide)', param="path")

    def parts(self) -> tuple[Guide, ...]:
        return tuple(OnField(self.path, part) for part in self.guide.parts())

    def prepare(self, context: GuideContext) -> Tilt:
        inner = self.guide.prepare(replace(context, field=self.path))
        if inner.field is not None:
            raise InputError(f"on_field({self.path!r}) of a guide that is on {inner.field!r} already")
        return replace(inner, field=self.path)


def on_field(path: str, guide: Guide) -> Guide:
    """`guide`, but only for the tokens that lie wholly inside one JSON value, wherever on the canvas that stands.

    What is inside is a matter of the automaton's state, so it is exact though no position is settled yet. Inside, the
    token distribution of each position is the guided one, normalised; everywhere else it is the model's own.

    Args:
        path: keys with dots between them, "[]" for every item of an array: "review.text", "items[].name". The value
            is a string, a number, a boolean or null; paths may not overlap.
    """
    return OnField(path, guide)


@dataclass(frozen=True)
class ByField:
    """Guidance that is another one in each field. Its logits have a layer of V for each, layer 0 for all the rest.

    Layers are log-probabilities over V, so that being inside a field is neither rewarded nor punished.
    """

    everywhere: Tilt
    fields: tuple[Tilt, ...]

    @property
    def paths(self) -> tuple[str, ...]:
        """The path of each layer after layer 0."""
        return tuple(str(tilt.field) for tilt in self.fields)

    def branches(self, state: State, step: Step) -> Sequence[State]:
        """Those of all guides."""
        return [view for tilt in (self.everywhere, *self.fields) for view in tilt.branches(state, step)]

    def combine(self, logits: torch.Tensor, branches: Branches, state: State, step: Step) -> torch.Tensor:
        """(B, T, layers * V)."""
        first, *rest = portions((self.everywhere, *self.fields), branches, step)
        base = outside = self.everywhere.scores(logits, first, state, step)
        inside = []
        for tilt, own in zip(self.fields, rest, strict=True):
            inside.append(base + tilt.scores(logits, own, state, step))
            if tilt.outside:
                outside = outside + tilt.outside(logits, own, state, step)
        return torch.cat([tilted(logits, scores).log_softmax(-1) for scores in (outside, *inside)], dim=-1)


def check_guide(name: str, guide: Any) -> None:
    """Raise InputError that names who was given what is no guide."""
    if not isinstance(guide, Guide):
        what = f"the class {guide.__name__}" if isinstance(guide, type) else f"a {type(guide).__name__}"
        raise InputError(
            f"{name} takes a guide, not {what}",
            hint="a guide of cd.guide, or one of your own: docs/guidance.md says how;\n"
            "a function of logits stands in guidance=[...] as it is",
        )


def checked(guidance: Sequence[Any]) -> Sequence[Any]:
    """The argument, if each is a guide, a `Guidance` or a function. Raises InputError."""
    if isinstance(guidance, Guide) or not isinstance(guidance, Sequence):
        raise InputError(f"guidance is a {type(guidance).__name__}, not a list", hint="guidance=[...]")
    for one in guidance:
        plain = hasattr(one, "branches") and hasattr(one, "combine")
        if isinstance(one, type) or not (isinstance(one, Guide) or plain or callable(one)):
            name = f"the class {one.__name__}" if isinstance(one, type) else f"a {type(one).__name__}"
            raise InputError(f"{name} is not guidance", hint="use a guide of cd.guide, or a function of logits")
    return guidance


def tilted(logits: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
    """Logits plus scores; what is forbidden stays so."""
    forbidden = logits == -torch.inf
    return torch.where(forbidden, logits, logits + torch.where(forbidden, torch.zeros_like(scores), scores))


def finite(name: str, value: float) -> float:
    """The value, if it is a finite number. Raises InputError that names it."""
    if not isinstance(value, int | float) or not math.isfinite(value):
        raise InputError(f"{name}={value!r} is not a finite number", hint="strengths are in nats: 1.0, say", param=name)
    return float(value)
