"""The parts of a plan by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypedDict

from ctrldiff.layout import Rooms
from ctrldiff.protocols import (
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


class Parts(TypedDict, total=False):
    """As `Plan.but` takes them."""

    constrain: Callable[[Any], Constraint]
    schedule: Schedule
    propose: Proposer
    commit: CommitPolicy
    edit: EditPolicy
    revise: RevisePolicy
    stop: StopRule
    finish: Proposer | None
    processors: Sequence[Processor]
    observers: Sequence[Observer]
    grow: Growth
    counts: Counts | None
    layout: Rooms | None
