"""Decisions that are not between names: an ordered score, and yes or no."""

from __future__ import annotations

from dataclasses import dataclass

from ctrldiff.automata.expression import Alt, Expression, text
from ctrldiff.constraints.description import Description
from ctrldiff.errors import ConstraintError, ConstraintTooLarge
from ctrldiff.limits import DEFAULT, Limits

MOST = 1_000  # labels of a score: each is a part of its own that is summed over
FEW = 20  # labels that a prompt spells out


@dataclass(frozen=True)
class Score(Description):
    """A whole number from `low` to `high`, both included: ordered labels, so that a result has an expected value.

    Raises: ConstraintError if the ends are no integers or in the wrong order, ConstraintTooLarge above 1,000 labels.
    """

    low: int
    high: int

    def __post_init__(self) -> None:
        for name, value in (("low", self.low), ("high", self.high)):
            if not isinstance(value, int) or isinstance(value, bool):
                raise ConstraintError(f"Score: {name}={value!r} is not an integer", hint="Score(1, 5)")
        if self.low > self.high:
            raise ConstraintError(
                f"Score({self.low}, {self.high}) has no values", hint=f"Score({self.high}, {self.low})"
            )
        if self.high - self.low >= MOST:
            raise ConstraintTooLarge("labels of a Score", self.high - self.low + 1, MOST)

    @property
    def labels(self) -> tuple[str, ...]:
        """The numbers as they are written, ascending."""
        return tuple(str(value) for value in range(self.low, self.high + 1))

    @property
    def asked(self) -> str:
        """How a prompt names it: every label while they are few, else the ends."""
        return "|".join(self.labels) if self.high - self.low < FEW else f"{self.low}..{self.high}"

    def expression(self, limits: Limits = DEFAULT) -> Expression:
        return Alt(tuple(text(label) for label in self.labels))


@dataclass(frozen=True)
class YesNo(Description):
    """Yes or no ("yes", "no"), read as True or False. `bool` writes "true" and "false" instead."""

    @property
    def labels(self) -> tuple[str, ...]:
        """("yes", "no")."""
        return ("yes", "no")

    @property
    def asked(self) -> str:
        """How a prompt names it."""
        return "yes|no"

    def expression(self, limits: Limits = DEFAULT) -> Expression:
        return Alt(tuple(text(label) for label in self.labels))


def read_yes(text: str) -> bool:
    """What a `YesNo` says."""
    return text == "yes"
