"""How far a schema is written that goes on without end, or further than a canvas does.

A recursive schema, values that no schema speaks of, and strings and arrays of up to thousands are cut off somewhere;
what is written is whole up to there and says so (`report()`). Where that passes the limits it is cut off sooner, in
steps.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ctrldiff.limits import Fuel

# Characters of a string and items of an array, step by step: a larger maxLength or maxItems is cut to these.
LONGEST, MOST_ITEMS = (1_024, 256, 64), (1_024, 64, 16)

SHARES = (0.5, 0.5)  # of the steps that are left, which a step of these may take; the last takes the rest
# What grows with what is cut off; what else may grow is counted while a schema is read, reading it again is no help.
SIZES = ("steps", "states before determinising", "automaton states", "working memory (bytes)")
READ_AGAIN = 6_000  # sub-schemas; real schemas have up to some 2,500


@dataclass(eq=False)
class Reach:
    """One step. Fields:

    number: of the step. depth: as `Options.depth`.
    cuts: something was cut off, or would be by the next step. tanks: what was spent on it.
    """

    number: int
    depth: int
    cuts: bool = False
    tanks: list[Fuel] = field(default_factory=list)

    @property
    def steps(self) -> int:
        """The steps that were spent."""
        return sum(tank.spent.get("steps", 0) for tank in self.tanks)

    @property
    def light(self) -> bool:
        """The schema was read so quickly that it may be read again."""
        return sum(tank.spent.get("sub-schemas", 0) for tank in self.tanks) <= READ_AGAIN

    def bounded(self, high: int, least: int, longest: tuple[int, ...]) -> int:
        """Up to how many are written of at most `high` and at least `least`."""
        self.cuts = self.cuts or high > max(least, longest[-1])
        return min(high, max(least, longest[self.number]))


def reaches(depth: int) -> list[Reach]:
    """The steps, the farthest first."""
    return [Reach(0, depth), Reach(1, depth // 2), Reach(2, 0)]
