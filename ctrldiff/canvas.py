"""How many positions an answer is given: as many as its type and its text ask for, and more when they were too few."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from ctrldiff.json_schema import JsonSchema
from ctrldiff.json_schema.counts import Place
from ctrldiff.json_schema.shape import Shape, listed
from ctrldiff.limits import DEFAULT, Limits
from ctrldiff.posterior.table import Table

GROWTH = 1.5  # a canvas that bound its answer grows by half at least
MOST = 8  # and ends at this many times what it began with

ITEMS = 3  # of a list, when its canvas is laid out
PLACES = 1_000  # of a type that are looked at
SHARE = 2 / 3  # of the longest candidates: values took at most so much of them on 200 held-out documents of `tiny`
LONGEST = 60  # characters of a value, when its canvas is laid out: more is prose, which grows as it goes

_BREAK = re.compile(r"[\n\t,;:|]|\s{2,}|[.!?]\s")  # what ends a value in a text
_DIGITS = re.compile(r"[\d.,]+")


def candidates(
    schema: JsonSchema, limits: Limits = DEFAULT, items: Mapping[Place, int] | None = None
) -> list[tuple[bool, int]]:
    """What a value of the type leaves open, a pair for each: whether it is a number, and its most characters.

    A list is laid out for `ITEMS` items, an optional property with its name, a recursion once.
    items: how many outer lists (those inside no other) have, where that is known.
    """
    found: list[tuple[bool, int]] = []
    root = schema.shape(limits)
    todo: list[tuple[Shape, int]] = [(root, 1)]
    known = {id(_at(root, place)): number for place, number in (items or {}).items() if _outer(place)}
    seen: set[int] = set()
    while todo and len(found) < PLACES:
        shape, times = todo.pop()
        kinds = shape.types or shape.kinds
        values = [value for member in shape.members for value in listed(member)]
        if values:
            found += [(False, max(len(str(value)) for value in values))] * times
        elif shape.names:
            if id(shape) not in seen and not shape.dead:
                seen.add(id(shape))
                todo += [(shape.property(name), times) for name in shape.names]
                optional = [name for name in shape.names if schema.optional == "omit" and name not in shape.required]
                found += [(False, len(name) + 4) for name in optional] * times
        elif "string" in kinds:
            lengths = [m["maxLength"] for m in shape.members if isinstance(m.get("maxLength"), int)]
            found += [(False, min([LONGEST, *lengths]))] * times
        elif "array" in kinds:
            if id(shape) not in seen and not shape.dead:
                seen.add(id(shape))
                todo.append((shape.item(0), min(known.get(id(shape), ITEMS) * times, PLACES)))
        elif "number" in kinds or "integer" in kinds:
            found += [(True, LONGEST)] * times
    return found[:PLACES]


def _outer(place: Place) -> bool:
    return all(isinstance(step, str) for step in place)


def _at(shape: Shape, place: Place) -> Shape:
    for step in place:
        shape = shape.property(str(step))
    return shape


def room_for(open_values: Sequence[tuple[bool, int]], text: str, tokens: int) -> int:
    """How many positions values out of this text take: the longest candidates that it holds, one for each.

    Args: open_values: as `candidates` gives them.   tokens: how many the text itself takes.
    """
    if not open_values or not text:
        return 0
    characters = 0
    parts = [len(part.strip()) for part in _BREAK.split(text)]
    for number, found in ((True, [len(part) for part in _DIGITS.findall(text)]), (False, parts)):
        bounds = sorted((most for is_number, most in open_values if is_number == number), reverse=True)
        characters += sum(map(min, bounds, sorted(found, reverse=True)))
    return math.ceil(SHARE * characters * tokens / len(text))


def lacking(table: Table, tokens: Sequence[int]) -> NDArray[np.int64]:
    """How many positions more a whole canvas would have needed, before each token of its text and at its end, for every
    legal token to leave room enough to finish behind it.

    Nowhere above 0 says that the end of the canvas decided nothing. Elsewhere some token was out of reach, and a value
    may be cut, a list ended, a choice taken for its shortness. What fills its canvas to the last position and might
    have gone on lacks at least 1 there.

        {"n":"Mar·······        at `r` another letter and `"}` need 2 positions, and 7 are left
        {"n":"Maria Jens"}      at `s` they need 2, and 1 is left: 1 is lacking
    """
    states = table.states(tokens)
    states = states[states != table.tail]
    needed: NDArray[np.int64] = np.arange(len(states)) + table.needs[states] - len(tokens)
    return needed


def grown(canvas: int, lacks: int, first: int, limit: int) -> int:
    """The next length of a canvas that bound its answer; the same if it may not grow."""
    return max(canvas, min(max(math.ceil(GROWTH * canvas), canvas + lacks), MOST * first, limit))
