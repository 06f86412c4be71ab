"""How probable it was that a field is null, noted as a decode goes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ctrldiff.posterior.table import Table
from ctrldiff.protocols import Posterior, Proposer
from ctrldiff.state import State, Tokens


@dataclass(frozen=True)
class Noting:
    """`inner`, and a note of every branch's exact probability in the last step that left it undecided.

    Fields: parts, a table for each branch; found, what was noted, a dict a row; decided, branches that are 0 or 1.
    """

    inner: Proposer
    parts: Mapping[str, Table]
    found: tuple[dict[str, float], ...]
    decided: tuple[set[str], ...] = field(repr=False)

    @staticmethod
    def start(inner: Proposer, parts: Mapping[str, Table], rows: int) -> Noting:
        """Nothing noted yet."""
        return Noting(inner, parts, tuple({} for _ in range(rows)), tuple(set() for _ in range(rows)))

    def __call__(self, posterior: Posterior, state: State) -> Tokens:
        rows = (~state.done).nonzero()[:, 0].tolist()
        asked = {name: part for name, part in self.parts.items() if any(name not in self.decided[b] for b in rows)}
        for name, masses in posterior.branch_probs(asked).items():
            for b in rows:
                p = float(masses[b])
                if 0.0 < p < 1.0 or name not in self.found[b]:
                    self.found[b][name] = p
                if not 0.0 < p < 1.0:
                    self.decided[b].add(name)
        return self.inner(posterior, state)
