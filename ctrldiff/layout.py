"""How the canvas of an object is laid out before the first pass: its keys in place, a room for a value behind each.

What a value leaves of its room is filled by tabs, which JSON allows there and in no string. So a network sees at once
where every value stands, all of them can be read in one pass, and in any order; written close together, what is behind
an open value has no place yet, and is read from left to right.

    {"name": [· · · · · · · ·],"total": [· · · ·]}        before the first pass
    {"name": "Ada Li"________,"total": 12______}          at last; _ is a tab

A list has a room for each item that there may be, and those behind its last item hold blanks alone: how many items
there are is read in the same pass. The constraint is exact as ever: the language is that of the schema with blanks
behind values and items (`whitespace="padded"`), and the keys are tokens that were given. Scaffolds with slots: S3
(arXiv:2507.04504), with words that say null in place of blanks. A model has to know the form, as `small` does
(`ModelSpec.rooms`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from ctrldiff.errors import InputError
from ctrldiff.json_schema import JsonSchema
from ctrldiff.json_schema.canonical import value_text
from ctrldiff.json_schema.shape import Shape, listed
from ctrldiff.limits import DEFAULT, Limits

__all__ = ["Layout", "Piece", "Rooms"]

Encode = Callable[[str], list[int]]

OPEN = -1
BLANK = "\t"
DATES = {"date": 12}  # positions of a day between quotes, in digits of one token each
TRUTH = 2
FORK = 2  # positions for `[` or null, and for `]` or nothing, of a list that may be null
IN_ITEMS = {"strings": 10, "numbers": 7, "integers": 4}
NOT_SETTLED = frozenset(
    (
        *("anyOf oneOf not if then else dependentSchemas dependentRequired dependencies patternProperties".split()),
        *("propertyNames minProperties maxProperties unevaluatedProperties enum const".split()),
    )
)  # keywords by which the keys of an object may depend on what stands in it


BRANCHING = frozenset("anyOf oneOf allOf not if contains uniqueItems".split())


@dataclass(frozen=True)
class Piece:
    """Tokens that are given; or, where there are none, a room of `room` positions. grows: a value may be too long for
    it. more: of the last room of a list, how many the list has, and is given again if it is used."""

    ids: tuple[int, ...] = ()
    room: int = 0
    grows: bool = False
    more: int = 0


@dataclass(frozen=True)
class Layout:
    """A canvas: what is given, and rooms. blank: the token that fills them."""

    pieces: tuple[Piece, ...]
    blank: int

    @property
    def given(self) -> list[int]:
        """Token ids, `OPEN` in the rooms."""
        return [token for one in self.pieces for token in one.ids or (OPEN,) * one.room]

    def __len__(self) -> int:
        return sum(len(one.ids) or one.room for one in self.pieces)

    @property
    def segments(self) -> list[int]:
        """The number of the room that each position belongs to, -1 where it is given."""
        return [-1 if one.ids else n for n, one in enumerate(self.pieces) for _ in range(len(one.ids) or one.room)]

    def cut(self, tokens: Sequence[int]) -> list[int]:
        """The rooms, by their places among the pieces, that are too small: a value fills one to the last position and
        might have gone on, or an item stands in the last one of its list."""
        at, found = 0, []
        for n, one in enumerate(self.pieces):
            first, at = at, at + (len(one.ids) or one.room)
            if (one.grows and tokens[at - 1] != self.blank) or (one.more and tokens[first] != self.blank):
                found.append(n)
        return found

    def wider(self, rooms: Sequence[int], most: int) -> Layout:
        """With these rooms twice as wide, or their lists twice as long; as it is if that takes over `most`
        positions."""
        pieces: list[Piece] = []
        for n, one in enumerate(self.pieces):
            if n in rooms and one.more:
                pieces += [replace(one, more=0)] * one.more + [replace(one, more=2 * one.more)]
            else:
                pieces.append(replace(one, room=2 * one.room) if n in rooms else one)
        larger = replace(self, pieces=tuple(pieces))
        return larger if len(larger) <= most else self


@dataclass(frozen=True)
class Rooms:
    """Every object whose keys its schema settles is laid out, the outermost and those in its properties; an answer of
    another form, a list or a lone value, is not, nor is one whose canvas the caller sizes (`max_new_tokens`).

    Fields, in positions: strings; numbers; integers; objects, that may be null. A value whose text is known (labels,
    dates, booleans) has the room that it takes. items: how many rooms a list has; in one item values are given less,
    for they share its room. A room that its value fills is doubled, a list whose last room is used, too, and read
    again. Raises: InputError for a room that null would not fit.
    """

    strings: int = 24
    numbers: int = 12
    integers: int = 9
    objects: int = 96
    items: int = 8

    def __post_init__(self) -> None:
        for name in ("strings", "numbers", "integers", "objects", "items"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 4:
                raise InputError(f"{name}={value!r}: an int of at least 4, for null must fit", param=name)

    def __call__(self, schema: JsonSchema, encode: Encode, stop: int, limits: Limits = DEFAULT) -> Layout | None:
        """The layout of a schema's texts; None where their form is not settled beforehand.

        encode: a text as token ids.   stop: the token that ends a text.
        """
        root, blank = schema.shape(limits), encode(BLANK)
        if schema.order != "schema" or not _settled(root, schema) or len(blank) != 1:
            return None
        pieces: list[Piece] = []
        given = ""
        for text, place in self._walk(root, schema):
            given += text
            if place is None:
                continue
            rooms = self._list(place, encode)
            if rooms is None:
                rooms = [self._room(place, encode)]
            elif "null" not in (place.types or place.kinds):
                given += "["
            else:  # `[` or null, and `]` or nothing
                rooms = [Piece(room=FORK), *rooms, Piece(room=FORK)]
            pieces += [Piece(tuple(encode(given))), *rooms]
            given = "]" if rooms[-1].more else ""
        pieces.append(Piece((*encode(given), stop)))
        return Layout(tuple(pieces), blank[0])

    def _walk(self, shape: Shape, schema: JsonSchema) -> Iterator[tuple[str, Shape | None]]:
        """Given text, and the place of the value that stands behind it."""
        for n, name in enumerate(shape.names):
            inner = shape.property(name)
            key = f"{',' if n else '{'}{json.dumps(name, ensure_ascii=schema.ascii)}:"
            if _settled(inner, schema):
                yield key, None
                yield from self._walk(inner, schema)
            else:
                yield key, inner
        yield "}", None

    def _list(self, shape: Shape, encode: Encode) -> list[Piece] | None:
        """The rooms of a list; None for what is none, or one whose items are told apart by their places."""
        kinds = set(shape.types or shape.kinds) - {"null"}
        if kinds != {"array"} or shape.prefix or any(BRANCHING & member.keys() for member in shape.members[1:]):
            return None
        room = Piece(room=self._item(shape.item(0), encode), grows=True)
        return [*[room] * (self.items - 1), replace(room, more=self.items)]

    def _item(self, shape: Shape, encode: Encode) -> int:
        """Positions of an item and a comma."""
        if not shape.names:
            return 2 + self._room(shape, encode).room
        inner = replace(self, **IN_ITEMS)
        keys = [len(encode(f',"{name}":')) + inner._room(shape.property(name), encode).room for name in shape.names]
        return 3 + sum(keys)

    def _room(self, shape: Shape, encode: Encode) -> Piece:
        values = [value for member in shape.members for value in listed(member)]
        kinds = set(shape.types or shape.kinds) - {"null"}
        if values and not any(isinstance(value, dict | list) for value in values):
            return Piece(room=max(len(encode(value_text(value))) for value in values))
        if kinds == {"boolean"}:
            return Piece(room=TRUTH)
        if kinds <= {"integer", "number"}:
            return Piece(room=self.numbers if "number" in kinds else self.integers, grows=True)
        if kinds == {"string"}:
            formats = {member.get("format") for member in shape.members}
            if formats & DATES.keys():
                return Piece(room=DATES["date"])
            longest = [m["minLength"] + 2 for m in shape.members if isinstance(m.get("minLength"), int)]
            return Piece(room=max([self.strings, *longest]), grows=True)
        return Piece(room=self.objects, grows=True)


def _settled(shape: Shape, schema: JsonSchema) -> bool:
    """It is an object, and every one of its keys is always there."""
    if set(shape.types or shape.kinds) != {"object"} or shape.open or not shape.names or shape.dead:
        return False
    if any(NOT_SETTLED & member.keys() for member in shape.members):
        return False
    return schema.optional == "write" or set(shape.names) <= shape.required
