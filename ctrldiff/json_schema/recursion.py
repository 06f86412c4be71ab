"""The mark that stands where a recursion goes deeper than it is unrolled; `reaching.py` looks for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ctrldiff.automata.expression import Chars, Concat, Expression, Literal, Repeat
from ctrldiff.errors import ConstraintTooLarge

if TYPE_CHECKING:
    from ctrldiff.json_schema.context import Context
    from ctrldiff.json_schema.shape import Shape

MARK = 0xFF
SCHEMAS = 16  # that may speak of one marked place
_BIT = Chars(((ord("0"), ord("1")),))


def marked(context: Context, schema: object, shape: Shape) -> Expression:
    """What stands for the texts of `schema` at a place that is not unrolled."""
    context.marks = True
    if schema is True:
        return Concat((Literal(bytes([MARK])), Repeat(_BIT, SCHEMAS, SCHEMAS)))
    numbers = context.marked.setdefault(id(shape), {})
    bit = numbers.setdefault(id(schema), len(numbers))
    if bit >= SCHEMAS:
        raise ConstraintTooLarge("schemas of a recursive place", bit + 1, SCHEMAS)
    before, after = Repeat(_BIT, bit, bit), Repeat(_BIT, SCHEMAS - bit - 1, SCHEMAS - bit - 1)
    return Concat((Literal(bytes([MARK])), before, Literal(b"1"), after))
