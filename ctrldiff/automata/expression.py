"""What patterns, schemas and templates are parsed into: a small algebra of regular expressions over UTF-8 text.

Every front end builds these values; `ctrldiff.automata.compile` is the only thing that turns them into a `Dfa`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from ctrldiff.text import check_description

if TYPE_CHECKING:
    from ctrldiff.automata.dfa import Dfa

Ranges: TypeAlias = tuple[tuple[int, int], ...]  # sorted, disjoint, inclusive code points


@dataclass(frozen=True)
class Literal:
    """Exactly these bytes; `Literal(b"")` is the empty text."""

    data: bytes


@dataclass(frozen=True)
class Chars:
    """One code point out of `ranges`, written in UTF-8. No ranges: nothing matches. Surrogates are never written."""

    ranges: Ranges


@dataclass(frozen=True)
class Concat:
    """The parts, one after another."""

    parts: tuple[Expression, ...]


@dataclass(frozen=True)
class Alt:
    """Any one of the parts; no parts: nothing matches."""

    parts: tuple[Expression, ...]


@dataclass(frozen=True)
class Repeat:
    """`inner`, from `low` to `high` times; `high=None` is without end."""

    inner: Expression
    low: int
    high: int | None


@dataclass(frozen=True)
class Both:
    """The texts that all the parts accept (intersection)."""

    parts: tuple[Expression, ...]


@dataclass(frozen=True)
class Minus:
    """The texts of `left` that are not in `right`."""

    left: Expression
    right: Expression


@dataclass(frozen=True)
class Language:
    """A ready automaton as a part of something larger."""

    dfa: Dfa


@dataclass(frozen=True)
class Graph:
    """The texts along a way from state 0 to one of `ends`: edges are (from, to, what is read on the way).

    For sequences with a memory (which members came, how many), whose parts it writes once each.
    """

    n_states: int
    edges: tuple[tuple[int, int, Expression], ...]
    ends: tuple[int, ...]


Expression: TypeAlias = Literal | Chars | Concat | Alt | Repeat | Both | Minus | Language | Graph

EMPTY = Literal(b"")
NOTHING = Alt(())
MAX_CODE_POINT = 0x10FFFF
ANY_CHAR = Chars(((0, 0xD7FF), (0xE000, MAX_CODE_POINT)))
ANY_TEXT = Repeat(ANY_CHAR, 0, None)


def text(value: str) -> Literal:
    """The literal text `value`. Raises: ConstraintError for half of a surrogate pair."""
    return Literal(check_description(value, f"the text {value[:40]!r}").encode("utf-8"))


def maybe(inner: Expression) -> Expression:
    """`inner` or nothing at all."""
    return Repeat(inner, 0, 1)


def chars(ranges: list[tuple[int, int]]) -> Chars:
    """One code point out of `ranges`, given in any order and overlapping; surrogates are dropped."""
    merged: list[tuple[int, int]] = []
    pieces = []
    for low, high in ranges:
        pieces += [(low, min(high, 0xD7FF)), (max(low, 0xE000), high)]
    for low, high in sorted(p for p in pieces if p[0] <= p[1]):
        if merged and low <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(merged[-1][1], high))
        else:
            merged.append((low, high))
    return Chars(tuple(merged))
