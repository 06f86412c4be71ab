"""What a family of keywords asks the driver for: schemas at places, alone or together."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from ctrldiff.automata.expression import Both, Expression
from ctrldiff.json_schema.context import Context
from ctrldiff.json_schema.shape import Shape

Schema: TypeAlias = dict[str, Any]
Walk: TypeAlias = Generator["Sub | Together", Expression, Expression]
NO_NAMES: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Sub:
    """A schema to compile at a place: the driver answers with its expression.

    exact: it may be complemented. kept: names that its siblings in a conjunction speak of. barred: names left out.
    lower: what it accepts is left out of something. Where an automaton cannot hold items apart it is bounded from below
    then, else from above.
    """

    schema: Any
    pointer: str
    shape: Shape
    exact: bool = False
    kept: frozenset[str] = NO_NAMES
    barred: frozenset[str] = NO_NAMES
    lower: bool = False

    def failing(self, context: Context) -> Sub:
        """The same, for what it accepts to be left out."""
        return replace(self, lower=self.lower != context.unique)


@dataclass(frozen=True)
class Together:
    """Schemas of one place that all hold: the driver answers with the expression of what they share."""

    subs: tuple[Sub, ...]

    @property
    def pointer(self) -> str:
        """Where the first of them is."""
        return self.subs[0].pointer


class Merged(dict[str, Any]):
    """The keywords of several schemas for one type as those of one, as far as a family reads them; `of` are those of
    the schemas that speak of parts of the value."""

    of: tuple[Sub, ...] = ()


def key_of(sub: Sub) -> object:
    """What tells schemas of one compilation apart."""
    return (id(sub.schema), id(sub.shape), sub.exact, sub.kept, sub.barred, sub.lower)


def parts_of(schema: Schema, sub: Sub) -> tuple[Sub, ...]:
    """The schemas that a family is given: those that were merged, or the one."""
    return schema.of if isinstance(schema, Merged) else (replace(sub, schema=schema),)


def all_of(context: Context, subs: list[Sub]) -> Walk:
    """What all these schemas of one place accept."""
    if len(subs) == 1:
        return (yield subs[0])
    if not context.apart:
        return (yield Together(tuple(subs)))
    parts = []
    for sub in subs:
        parts.append((yield sub))
    return Both(tuple(parts))


def exactly(sub: Sub, schema: Any, pointer: str) -> Sub:
    """A schema at the same place that may be complemented: nothing of it is narrowed."""
    return Sub(schema, pointer, sub.shape, exact=True, lower=sub.lower)


def size(schema: Schema, keyword: str) -> int | None:
    """A whole number, which may be spelled 3.0, or None when absent."""
    return int(schema[keyword]) if keyword in schema else None
