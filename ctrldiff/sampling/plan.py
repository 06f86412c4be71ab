"""How canvases are written, in one value: every plug-in of the loop. Public as `ctrldiff.Plan`."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, fields, is_dataclass, replace
from functools import cached_property
from typing import Any

from ctrldiff.errors import InputError
from ctrldiff.layout import Rooms
from ctrldiff.protocols import (
    Asks,
    CommitPolicy,
    Constraint,
    Counts,
    EditPolicy,
    Growth,
    Observer,
    Processor,
    Proposer,
    RevisePolicy,
    Schedule,
    StopRule,
)
from ctrldiff.sampling.commit import Gaps, Prefix
from ctrldiff.sampling.constrain import Exact, GapsFirst, LeftmostFirst
from ctrldiff.sampling.edit import Final
from ctrldiff.sampling.grow import Fixed
from ctrldiff.sampling.presets import PRESETS, parts_of
from ctrldiff.sampling.processors import Temperature
from ctrldiff.sampling.propose import Best, Draw
from ctrldiff.sampling.revise import Keep
from ctrldiff.sampling.schedules import Linear
from ctrldiff.sampling.stop import Never
from ctrldiff.sampling.trace import Canvases

BLIND = Prefix(0.98, "margin")  # where to write is settled before what: exact weights need that

EXAMPLES = {  # of each part, for messages
    "constrain": "constrain.LeftmostFirst",
    "schedule": "schedule.Linear(16)",
    "propose": "propose.Draw()",
    "commit": "commit.Threshold(0.9)",
    "edit": "edit.Disagree()",
    "revise": "revise.Keep()",
    "stop": "stop.Settled(0.1)",
    "finish": "propose.Best()",
    "processors": "processors.Temperature(0.5)",
    "observers": "observers.Canvases()",
    "grow": "grow.Fixed()",
    "counts": "counts.Rows()",
    "layout": "layout.Rooms()",
}


@dataclass(frozen=True)
class Plan:
    """How canvases are written: `Plan()` is the default, in as many passes as the answer needs, without draws.

    Fields:
        constrain: what becomes of the constraint before it binds: `LeftmostFirst`, `LengthFirst` or `Exact()`.
        schedule: when, where and how much may be written.        propose: one legal completion for each row.
        commit: which part of it is written.                      edit: what is written anew in a step.
        revise: what is turned back to noise after it.            stop: when the rest of a row is filled at once.
        finish: how it is filled then, on a row's last step too; None: from the proposal of that step.
        processors: logits to logits, in this order, after guidance and before the constraint.
        observers: told of every step; what they remember lives in the state. One that comes twice is told once.
        grow: how many positions a row has, while it is written.
        counts: how many items lists have, decided before the first step; None: as they are written, and with a layout
            the likeliest number.
        layout: what stands on a canvas before the first step, `layout.Rooms()`; None: nothing.
    Raises: InputError for a part that is none.
    """

    constrain: Callable[[Any], Constraint] = LeftmostFirst
    schedule: Schedule = Linear()
    propose: Proposer = Best()
    commit: CommitPolicy = Prefix(0.99, own=0.9)
    edit: EditPolicy = Final()
    revise: RevisePolicy = Keep()
    stop: StopRule = Never()
    finish: Proposer | None = None
    processors: tuple[Processor, ...] = ()
    observers: tuple[Observer, ...] = ()
    grow: Growth = Fixed()
    counts: Counts | None = None
    layout: Rooms | None = None

    def __post_init__(self) -> None:
        for name in ("processors", "observers"):
            object.__setattr__(self, name, listed(name, getattr(self, name)))
        object.__setattr__(self, "observers", once(self.observers))
        for one in fields(self):
            value = getattr(self, one.name)
            if one.name in ("finish", "counts", "layout") and value is None:
                continue
            for part in value if isinstance(value, tuple) else (value,):
                check_part(one.name, part)
            for asks in unheard(value, one.name in ("propose", "commit", "edit", "revise")):
                raise InputError(
                    f"{asks!r} asks for more than its step, and stands where it cannot: in {one.name}={value!r}",
                    hint="as the plan's own propose, commit, edit or revise, not within another rule",
                    param=one.name,
                )

    @staticmethod
    def default(steps: int | None = None, temperature: float = 0.0) -> Plan:
        """The plan behind the figures of `docs/decisions/0002-default-preset.md`.

        Args:
            steps: forward passes at most, the last of which writes all that is open; None: as many as are needed.
            temperature: 0 writes the most probable completion; above it exact samples are drawn at that temperature.
        Raises: InputError for steps below 1 or a negative temperature.
        """
        check_number("steps", steps, 1)
        check_number("temperature", temperature, 0)
        if temperature > 0:
            return Plan(Exact(), Linear(steps), Draw(), processors=(Temperature(temperature),))
        return Plan(schedule=Linear(steps))

    @staticmethod
    def rooms(steps: int | None = None, temperature: float = 0.0, layout: Rooms = Rooms()) -> Plan:
        """The default of models that read objects laid out (`ModelSpec.rooms`): every value in its room, those that are
        read surely first. What is not laid out is written from the left, as far as `commit.Gaps` is sure of it.

        Args, errors: as of `default`.
        """
        plain = Plan.default(steps, temperature).but(layout=layout)
        return plain if temperature > 0 else plain.but(constrain=GapsFirst, commit=Gaps())

    @staticmethod
    def searching(steps: int | None = None, temperature: float = 1.0) -> Plan:
        """The default for a search: draws, and where to write is settled before what, as exact weights need it."""
        return Plan.default(steps, temperature).but(commit=BLIND)

    @staticmethod
    def preset(name: str, **knobs: Any) -> Plan:
        """A published decoder by name, with its own numbers but for those that are given: `docs/methods.md` lists them.

        Raises: InputError for a name or a knob that there is not, naming those that there are.
        """
        return Plan(**parts_of(name, knobs))  # type: ignore[arg-type]

    @staticmethod
    def presets() -> tuple[str, ...]:
        """The names that `preset` knows."""
        return tuple(PRESETS)

    @property
    def draws_nothing(self) -> bool:
        """The same canvas every time, whatever the seed."""
        return isinstance(self.propose, Best) and self.finish in (None, Best())

    @cached_property
    def decides(self) -> bool:
        """A lone choice may be decided in one forward pass: the plan asks for nothing but the most probable label."""
        seen = tuple(one for one in self.observers if not isinstance(one, Canvases))
        bare = self.but(observers=seen, counts=None)  # a label has no lists
        plans = (make(steps) for make in (Plan.default, Plan.rooms) for steps in (None, 1))
        return bare.but(layout=None) in [one.but(layout=None) for one in plans]

    @cached_property
    def attends(self) -> bool:
        """Whether a plug-in, or one inside another, reads the network's attention."""
        return any(getattr(one, "attends", False) is True for one in within(self) if one is not self)

    def but(self, **parts: Any) -> Plan:
        """The plan with these parts in place of its own, and nothing else changed. Raises: InputError."""
        known = [one.name for one in fields(self)]
        for name in parts.keys() - known:
            raise InputError(f"a plan has no part {name!r}", hint=f"one of {', '.join(known)}", param=name)
        return replace(self, **parts)


def inside(part: Any) -> Iterable[Any]:
    """What a plug-in is made of: values in the fields of dataclasses, and in tuples."""
    if isinstance(part, tuple):
        return part
    made = is_dataclass(part) and not isinstance(part, type)
    return [getattr(part, one.name) for one in fields(part)] if made else ()


def within(part: Any) -> Iterator[Any]:
    """A plug-in, and those that it is made of."""
    yield part
    for one in inside(part):
        yield from within(one)


def unheard(part: Any, heard: bool) -> Iterator[Any]:
    """The plug-ins that ask for more than their step (`protocols.Asks`) and stand where nobody hands that on: only the
    loop does, and a plug-in that asks itself."""
    asks = isinstance(part, Asks)
    if asks and not heard:
        yield part
    for one in inside(part):
        yield from unheard(one, asks)


def listed(name: str, given: Any) -> tuple[Any, ...]:
    """The plug-ins of a list. Raises: InputError for what is no list."""
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise InputError(f"{name}={given!r} is no list", hint=f"{name}=[cd.{EXAMPLES[name]}]", param=name)
    return tuple(given)


def once(observers: tuple[Observer, ...]) -> tuple[Observer, ...]:
    """Each of them the first time it comes: two policies may have the same notes."""
    out: list[Observer] = []
    for one in observers:
        if not any(one is other or (type(one) is type(other) and one == other) for other in out):
            out.append(one)
    return tuple(out)


def check_part(name: str, value: Any) -> None:
    """Raise InputError for what cannot be called, a class in place of its value, or one that lacks a method."""
    hint = f"{name}=cd.{EXAMPLES[name]}, or a function of your own: ctrldiff/protocols.py says of what"
    if isinstance(value, type) and name != "constrain":
        raise InputError(f"{name} is the class {value.__name__}, not one of its values", hint=hint, param=name)
    asked = {"schedule": "budget", "grow": "begin", "counts": "most"}.get(name)
    lacks = asked is not None and not hasattr(value, asked)
    if not callable(value) or lacks:
        why = f"it has no {asked}" if callable(value) else ""
        raise InputError(f"{name}={value!r} is no plug-in", why=why, hint=hint, param=name)


def check_number(name: str, value: Any, least: int) -> None:
    """Raise InputError for an argument that is no number of at least this. Only what has a default of its own may be
    None."""
    kind = (int, float) if name == "temperature" else int
    if value is None and name in ("steps", "max_new_tokens"):
        return
    if isinstance(value, bool) or not isinstance(value, kind) or not (value >= least and math.isfinite(value)):
        what = "a finite number of" if name == "temperature" else "an int of"
        hint = f"{name}=int(...)" if hasattr(value, "__index__") and not isinstance(value, int) else ""
        raise InputError(f"{name}={value!r}: {what} at least {least}", hint=hint, param=name)
