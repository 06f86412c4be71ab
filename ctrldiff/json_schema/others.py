"""Properties that the schema does not name.

An automaton cannot remember every name. So they are written in any order and as often as one likes, and that no name
comes twice is what texts are held to when they are decoded (`unique.py`). Names that are few each get a place of their
own, in the order of `order`: that is exact by itself.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from ctrldiff.automata.dfa import Dfa
from ctrldiff.automata.expression import NOTHING, Alt, Concat, Expression, Language, Literal
from ctrldiff.json_schema.canonical import string_text
from ctrldiff.json_schema.context import Context

FEW = 78  # names with a place of their own
ROOM = 2_000  # states that these may take: beyond it a loop is smaller


def order(name: str) -> tuple[bytes, bytes]:
    """What names without a place in the schema are sorted by, in whatever spelling they are written."""
    spelled = string_text(name).encode("utf-8", "surrogatepass")
    return spelled[-2:-1] if spelled[-2:-1].isdigit() else b"", spelled


@dataclass(frozen=True)
class Others:
    """The properties without a name. at_most_one: of each of these, in this order; loop: any number of these."""

    at_most_one: tuple[Expression, ...] = ()
    loop: Expression = NOTHING


def others(
    context: Context, kinds: list[tuple[Dfa, Expression]], colon: Expression, *, copies: int, ordered: bool, one: bool
) -> Others:
    """The properties without a name.

    Args:
        kinds: disjoint sets of spelled names, each with its value.
        copies: how often each is written.
        ordered: names may be held to an order.
        one: at most one is written.
    """
    any_of = Alt(tuple(Concat((Language(names), colon, value)) for names, value in kinds))
    if not kinds or one:
        return Others((any_of,) if kinds else ())
    if ordered and all(names.is_finite for names, _ in kinds):
        few = sorted(
            ((name, value) for names, value in kinds for name in names.members(FEW + 1)),
            key=lambda one: order(json.loads(one[0])),
        )
        size = sum(len(name) + context.compiled(value).n_states for name, value in few[: FEW + 1])
        if len(few) <= FEW and copies * size <= ROOM:
            return Others(tuple(Concat((Literal(name), colon, value)) for name, value in few))
    context.loose.keys = True
    return Others(loop=any_of)
