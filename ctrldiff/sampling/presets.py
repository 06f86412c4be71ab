"""Plug-ins that were measured together. The figures behind the default: `docs/decisions/0002-default-preset.md`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from ctrldiff.posterior.table import Table
from ctrldiff.protocols import CommitPolicy, Constraint, Observer, Processor, Proposer, Schedule
from ctrldiff.sampling.commit import Prefix
from ctrldiff.sampling.constrain import LeftmostFirst, Tables
from ctrldiff.sampling.propose import Best, Draw
from ctrldiff.sampling.schedules import Linear
from ctrldiff.state import State, Step


@dataclass(frozen=True)
class Plan:
    """What a preset puts into the loop."""

    constrain: Callable[[tuple[Table, ...]], Constraint]
    schedule: Schedule
    commit: CommitPolicy
    propose: Proposer
    processors: tuple[Processor, ...] = ()
    observers: tuple[Observer, ...] = ()


@dataclass(frozen=True)
class Temperature:
    """Divide logits by `value`."""

    value: float

    def __call__(self, logits: torch.Tensor, state: State, step: Step) -> torch.Tensor:
        return logits / self.value


@dataclass(frozen=True)
class Cooling:
    """Divide logits by a temperature that falls with time, from `high` towards `low` (DiffusionGemma's .8 to .4)."""

    low: float = 0.4
    high: float = 0.8

    def __call__(self, logits: torch.Tensor, state: State, step: Step) -> torch.Tensor:
        value = self.low + (self.high - self.low) * step.time.clamp(min=0.0)
        return logits / value.to(device=logits.device, dtype=logits.dtype)[:, None, None]


def plan(steps: int | None = None, temperature: float = 0.0) -> Plan:
    """The default preset, in at most `steps` passes: the last one writes all that is still open. Above temperature 0
    with exact samples."""
    commit = Prefix(0.99, own=0.9)
    if temperature > 0:
        return Plan(Tables, Linear(steps), commit, Draw(), (Temperature(temperature),))
    return Plan(LeftmostFirst, Linear(steps), commit, Best())
