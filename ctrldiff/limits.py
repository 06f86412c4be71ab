"""Every bound in one place. A hostile constraint costs bounded time and memory, then a typed error."""

from __future__ import annotations

from dataclasses import dataclass, field

from ctrldiff.errors import ConstraintTooLarge


@dataclass(frozen=True)
class Limits:
    """What compiling one constraint may cost.

    Kernels receive the numbers they need and stop when one is passed; their wrappers turn that into
    `ConstraintTooLarge`, naming what grew. The defaults end every hostile constraint we know within two
    seconds and 256 MB on one core.
    """

    max_pattern: int = 200_000  # characters of one pattern, bytes of one schema's JSON text
    max_nodes: int = 1_000_000  # nodes of a syntax tree, after bounded repeats are unrolled
    max_parts: int = 50_000  # schemas at a place of the instance, each read in some 50 microseconds of Python
    max_properties: int = 300_000  # looked up, each in every schema of an object that is merged, some 5 microseconds
    max_object_states: int = 100_000  # places between the properties of objects, by what was written before
    max_nfa_states: int = 1_000_000
    max_states: int = 200_000  # states of any byte DFA, before or after minimising
    max_steps: int = 50_000_000  # elementary steps of one determinise, product or minimise call
    max_lift_steps: int = 200_000_000  # (state, next state) pairs read while lifting; 7 ns each
    max_edges: int = 20_000_000  # (state, token class) pairs while lifting onto a vocabulary
    max_bytes: int = 200 << 20  # bytes of working memory one kernel may hold

    def fuel(self) -> Fuel:
        """A fresh tank for one compilation."""
        return Fuel(self)


@dataclass
class Fuel:
    """A running count against `Limits.max_nodes`: the one mutable thing a compilation shares."""

    limits: Limits
    spent: dict[str, int] = field(default_factory=dict)

    def spend(self, what: str, amount: int, limit: int) -> None:
        """Count `amount` of `what`; raise `ConstraintTooLarge` once the total passes `limit`."""
        total = self.spent.get(what, 0) + amount
        self.spent[what] = total
        if total > limit:
            raise ConstraintTooLarge(what, total, limit)


DEFAULT = Limits()
