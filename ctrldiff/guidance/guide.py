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
    """

    scores: Callable[[torch.Tensor, Branches, State, Step], torch.Tensor]
    branches: Callable[[State, Step], Sequence[State]] = no_branches
    count: Callable[[Step], int] = lambda step: 0

    def combine(self, logits: torch.Tensor, branches: Branches, state: State, step: Step) -> torch.Tensor:
        """The logits with the scores added; -inf stays -inf."""
        return tilted(logits, self.scores(logits, branches, state, step))


class Guide(ABC):
    """What to lean towards. Guides add up (`a + b`, `a - b`) and scale (`2.0 * a`)."""

    @abstractmethod
    def prepare(self, context: GuideContext) -> Tilt:
        """Check it against the model and make it ready for one decode. Raises before any forward pass is spent."""

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

    parts: tuple[Guide, ...]

    def prepare(self, context: GuideContext) -> Tilt:
        return added([part.prepare(context) for part in self.parts])


def added(tilts: Sequence[Tilt]) -> Tilt:
    """The sum of tilts as one."""

    def branches(state: State, step: Step) -> Sequence[State]:
        return [view for tilt in tilts for view in tilt.branches(state, step)]

    def scores(logits: torch.Tensor, views: Branches, state: State, step: Step) -> torch.Tensor:
        total, first = torch.zeros_like(logits), 0
        for tilt in tilts:
            own = views[first : first + tilt.count(step)]
            total, first = total + tilt.scores(logits, own, state, step), first + len(own)
        return total

    return Tilt(scores, branches, lambda step: sum(tilt.count(step) for tilt in tilts))


@dataclass(frozen=True)
class Scaled(Guide):
    """A guide whose scores are multiplied by a finite factor."""

    guide: Guide
    factor: float

    def __post_init__(self) -> None:
        finite("factor", self.factor)

    def prepare(self, context: GuideContext) -> Tilt:
        inner = self.guide.prepare(context)
        return replace(inner, scores=lambda *now: self.factor * inner.scores(*now))


@dataclass(frozen=True)
class During(Guide):
    """A guide for a part of the time: see `during`."""

    guide: Guide
    start: float
    stop: float

    def __post_init__(self) -> None:
        if not 0.0 <= self.stop < self.start <= 1.0:
            raise InputError(f"during {self.start} to {self.stop}: time runs from 1 down to 0", hint="start > stop")

    def prepare(self, context: GuideContext) -> Tilt:
        inner = self.guide.prepare(context)

        def active(step: Step) -> torch.Tensor:
            return (step.time <= self.start) & (step.time > self.stop)

        def branches(state: State, step: Step) -> Sequence[State]:
            return inner.branches(state, step) if bool(active(step).any()) else ()

        def scores(logits: torch.Tensor, views: Branches, state: State, step: Step) -> torch.Tensor:
            now = active(step)
            if not bool(now.any()):
                return torch.zeros_like(logits)
            value = inner.scores(logits, views, state, step)
            return torch.where(now[:, None, None].to(value.device), value, torch.zeros_like(value))

        return Tilt(scores, branches, lambda step: inner.count(step) if bool(active(step).any()) else 0)


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
    """Guides, plain `Guidance` and functions, ready for the loop, in the order given; all guides become one tilt.

    Raises: InputError for what is none of these, and whatever a guide refuses.
    """
    tilts: list[Tilt] = []
    others: list[Guidance] = []
    for one in checked(guidance):
        if isinstance(one, Guide):
            tilts.append(one.prepare(context))
        else:
            others.append(one if hasattr(one, "combine") else Applied(one))
    return [*([added(tilts)] if len(tilts) > 1 else tilts), *others]


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
