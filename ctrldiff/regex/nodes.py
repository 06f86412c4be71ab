"""What stands among the parts of an expression while a pattern is being read, and places in patterns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ctrldiff.automata.expression import ANY_TEXT, Expression, Minus
from ctrldiff.automata.widths import children, children_first


@dataclass(frozen=True, eq=False)
class Assert:
    """At this position all the text after it (`ahead`), or before it, is in `rest`. Equal only to itself.

    It stands among the parts of expressions while a pattern is being read, and never leaves `resolve`.
    `reach` is how many characters away it looks; None is without bound.
    """

    ahead: bool
    rest: Expression
    reach: int | None

    def negated(self) -> Assert:
        """The opposite, at the same place."""
        rest = self.rest
        opposite = rest.right if isinstance(rest, Minus) and rest.left is ANY_TEXT else Minus(ANY_TEXT, rest)
        return Assert(self.ahead, opposite, self.reach)


@dataclass(frozen=True)
class Where:
    """The place in a pattern that an error points at."""

    pattern: str
    position: int
    length: int


def bearing_nodes(tree: Expression) -> set[int]:
    """The nodes, by identity, that hold an assertion or are one."""
    bearing: set[int] = set()
    for node in children_first(tree):
        if isinstance(node, Assert) or any(id(part) in bearing for part in children(node)):
            bearing.add(id(node))
    return bearing


def rebuilt(tree: Expression, change: Callable[[Expression, tuple[Expression, ...]], Expression]) -> Expression:
    """The tree after `change(node, new parts)` of every node, parts first."""
    new: dict[int, Expression] = {}
    for node in children_first(tree):
        new[id(node)] = change(node, tuple(new[id(part)] for part in children(node)))
    return new[id(tree)]
