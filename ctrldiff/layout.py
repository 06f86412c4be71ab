"""How the canvas of an object is laid out before the first pass: its keys in place, a room for a value behind each.

What a value leaves of its room is filled by tabs, which JSON allows there and in no string. So a network sees at once
where every value stands, all of them can be read in one pass, and in any order; written close together, what is behind
an open value has no place yet, and is read from left to right.

    {"name": [· · · · · · · ·],"total": [· · · ·]}        before the first pass
    {"name": "Ada Li"________,"total": 12______}          at last; _ is a tab

How many items a list has is decided first, on a canvas of its own (`ctrldiff/counted.py`): each item has a slot of one
position there, where it begins or a tab stands. Then the keys of so many items are in place, too, and their values have
rooms like any other.

    {"items":[·,·,·,·,·,·,·,·]}        how many?   " " _ _ _ _ _ _: two
    {"items":[· · · · · · ·,· · · · · · ·]}

The constraint is exact as ever: the language is that of the schema with tabs behind values and items
(`whitespace="padded"`), and the keys are tokens that were given. Scaffolds with slots: S3 (arXiv:2507.04504), with
words that say null in place of tabs. A model has to know the form, as `small` does (`ModelSpec.rooms`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from ctrldiff.errors import InputError
from ctrldiff.json_schema import JsonSchema
from ctrldiff.json_schema.canonical import string_text, value_text
from ctrldiff.json_schema.counts import Place
from ctrldiff.json_schema.keywords import ANNOTATIONS, REFERS, those
from ctrldiff.json_schema.shape import KINDS, Shape, listed
from ctrldiff.limits import DEFAULT, Limits

__all__ = ["Layout", "Piece", "Rooms", "Slots"]

Encode = Callable[[str], list[int]]

OPEN = -1
TAB = b"\t"
DATE = 12  # positions of a day between quotes, in digits of one token each
TRUTH = 2
LEAST = 4  # positions of a room, for null must fit
LESS = {"strings": 8, "numbers": 3, "integers": 3}  # so many fewer have the values of an item
# Behind these a schema need not hold.
FORKS = frozenset(those(lambda row: row.role == "applies" and row.of == "itself" and not row.always))
# By these the keys of an object may depend on what stands in it, or on what is listed.
NOT_SETTLED = FORKS | frozenset(
    those(lambda row: row.family == "object" and row.of not in ("named", "others") and row.holds != "names")
    + those(lambda row: row.role == "asserts" and not row.family and row.name != "type")
)
MEMBERS = those(lambda row: row.of == "itself" and row.holds == "schemas")  # one at least of these holds
ALTERNATIVES = frozenset(those(lambda row: row.alternatives))
WRITTEN = {"null": (None,), "boolean": (False, True)}  # all values of a type


@dataclass(frozen=True)
class Piece:
    """Tokens that are given; or, where there are none, a room of `room` positions. grows: a value may be too long for
    it. of: a slot of the list at this place, bounds: of the number of its items; is_null: the one before its items,
    which says whether it is null."""

    ids: tuple[int, ...] = ()
    room: int = 0
    grows: bool = False
    of: Place | None = None
    bounds: tuple[int, float] = (0, math.inf)
    is_null: bool = False


@dataclass
class Slots:
    """Where on a canvas a list is counted: `at`, a position for each item that there may be; null, the one that says
    whether it is null, None where it may not be; bounds, how many items its schema asks for, and lets be, by the words
    for that."""

    at: list[int] = field(default_factory=list)
    null: int | None = None
    bounds: tuple[int, float] = (0, math.inf)


@dataclass(frozen=True)
class Layout:
    """A canvas: what is given, and rooms; or slots, if there are lists whose items are not counted yet. counted: the
    lists whose items are, or that are null: it is a part of what is given."""

    pieces: tuple[Piece, ...]
    counted: frozenset[Place] = frozenset()

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

    @cached_property
    def slots(self) -> dict[Place, Slots]:
        """Of each list that is not counted yet. While there are some, nothing can be written on the canvas."""
        found: dict[Place, Slots] = {}
        at = 0
        for one in self.pieces:
            if one.of is not None:
                slots = found.setdefault(one.of, Slots(bounds=one.bounds))
                if one.is_null:
                    slots.null = at
                else:
                    slots.at.append(at)
            at += len(one.ids) or one.room
        return found

    @property
    def growing(self) -> list[int]:
        """The rooms that a value may be too long for, by their places among the pieces."""
        return [n for n, one in enumerate(self.pieces) if one.grows]

    def cut(self, spelled: Sequence[bytes]) -> list[int]:
        """The rooms, by their places among the pieces, that are too small: a value fills one to the last position and
        might have gone on.

        spelled: what each token of the canvas writes.
        """
        at, found = 0, []
        for n, one in enumerate(self.pieces):
            at += len(one.ids) or one.room
            if one.grows and not spelled[at - 1].endswith(TAB):
                found.append(n)
        return found

    def wider(self, rooms: Sequence[int], most: int) -> Layout:
        """With these rooms twice as wide; as it is if that takes over `most` positions."""
        pieces = (replace(one, room=2 * one.room) if n in rooms else one for n, one in enumerate(self.pieces))
        larger = replace(self, pieces=tuple(pieces))
        return larger if len(larger) <= most else self


@dataclass(frozen=True)
class Rooms:
    """Every object whose keys its schema settles is laid out, the outermost and those in its properties and lists, and
    so is a list; an answer of another form, a lone value, is not, nor is one whose canvas the caller sizes
    (`max_new_tokens`).

    Fields, in positions: strings; numbers; integers; objects, that may be null. A value whose text is known (labels,
    dates, booleans) has the room that it takes; those of an item have less. items: how many slots a list has at first,
    the last of which no item is expected in; where one is likely, half as many again are asked about. A room that its
    value fills is doubled and read again.
    Raises: InputError for a room that null would not fit.
    """

    strings: int = 24
    numbers: int = 12
    integers: int = 9
    objects: int = 96
    items: int = 8

    def __post_init__(self) -> None:
        for name in ("strings", "numbers", "integers", "objects", "items"):
            least = 1 if name == "items" else LEAST
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                why = ", for null must fit" if least > 1 else ""
                raise InputError(f"{name}={value!r}: an int of at least {least}{why}", param=name)

    def __call__(
        self,
        schema: JsonSchema,
        encode: Encode,
        stop: int,
        limits: Limits = DEFAULT,
        counts: Mapping[Place, int | None] = {},
    ) -> Layout | None:
        """The layout of a schema's texts; None where their form is not settled beforehand.

        Args:
            encode: a text as token ids.   stop: the token that ends a text.
            counts: how many items lists have, None for one that is null; those that are not named have slots.
        """
        root = schema.shape(limits)
        known = _settled(root, schema) or (_kinds(root) == {"array"} and not root.prefix)
        if schema.order != "schema" or not known or len(encode(TAB.decode())) != 1:
            return None
        pieces: list[Piece] = []
        given = ""
        walk = _Walk(self, schema, encode, counts)
        for part in walk.parts(root, (), in_item=False):
            if isinstance(part, str):
                given += part
                continue
            if given:
                pieces.append(Piece(tuple(encode(given))))
            pieces.append(part)
            given = ""
        pieces.append(Piece((*encode(given), stop)))
        return Layout(tuple(pieces), frozenset(walk.counted))

    @cached_property
    def in_items(self) -> Rooms:
        """The rooms of the values of an item."""
        return replace(self, **{name: max(LEAST, getattr(self, name) - less) for name, less in LESS.items()})

    def room(self, shape: Shape, schema: JsonSchema, encode: Encode) -> Piece:
        """The room of a value."""
        kinds, known = _kinds(shape) - {"null"}, _known(shape)
        if known is not None:
            longest = max(len(encode(value_text(value, ascii=schema.ascii))) for value in known)
            return Piece(room=max(TRUTH, longest) if kinds == {"boolean"} else longest)
        if kinds <= {"integer", "number"}:
            return Piece(room=self.numbers if "number" in kinds else self.integers, grows=True)
        if kinds == {"string"}:
            if schema.formats == "enforce" and all(map(_is_date, shape.members)):
                return Piece(room=DATE)
            least = [m["minLength"] + 2 for m in shape.members if isinstance(m.get("minLength"), int)]
            return Piece(room=max([self.strings, *least]), grows=True)
        return Piece(room=self.objects, grows=True)


@dataclass(frozen=True)
class _Walk:
    """A schema's texts from the left: given text, rooms and slots; and what it came by, `counted`."""

    rooms: Rooms
    schema: JsonSchema
    encode: Encode
    counts: Mapping[Place, int | None]
    counted: set[Place] = field(default_factory=set)

    def parts(self, shape: Shape, place: Place, in_item: bool) -> Iterator[str | Piece]:
        kinds = _kinds(shape)
        if _settled(shape, self.schema):
            for n, name in enumerate(shape.names):
                yield f"{',' if n else '{'}{string_text(name, self.schema.ascii)}:"
                yield from self.parts(shape.property(name), (*place, name), in_item)
            yield "}"
        elif kinds - {"null"} != {"array"} or shape.prefix:  # nor a list whose items are told apart by their places
            rooms = self.rooms.in_items if in_item else self.rooms
            yield rooms.room(shape, self.schema, self.encode)
        elif place not in self.counts:
            slot = Piece(room=1, of=place, bounds=_bounds(shape))
            yield replace(slot, is_null=True) if "null" in kinds else "["
            for n in range(max(self.rooms.items, slot.bounds[0] + 1)):
                yield from ("," * bool(n), slot)
            yield "]"
        elif (number := self.counts[place]) is None:
            self.counted.add(place)
            yield "null"
        else:
            self.counted.add(place)
            yield "["
            for n in range(number):
                yield "," * bool(n)
                yield from self.parts(shape.item(n), (*place, n), in_item=True)
            yield "]"


def _bounds(shape: Shape) -> tuple[int, float]:
    """Of the number of items of a list, as far as they are said outright; none where they let no list be."""
    least, most = _meet(_lengths(shape, seed, frozenset()) for seed in shape.seeds)
    return (int(least), most) if least <= most else (0, math.inf)


def _lengths(shape: Shape, schema: Any, within: frozenset[int]) -> tuple[float, float]:
    """Of all lists that a schema lets be: those that hold together bound it together, and alternatives by the widest of
    them; what is denied or depends on more, not at all. The least is above the most where it lets no list be."""
    if not isinstance(schema, dict) or id(schema) in within:
        return 0, math.inf
    references, within = shape.context.references, within | {id(schema)}
    targets = [shape.context.resolve(schema, name, references.place(schema))[0] for name in REFERS if name in schema]
    if references.alone(schema):
        return _meet(_lengths(shape, one, within) for one in targets)
    if _types(schema) and "array" not in _types(schema):
        return math.inf, -math.inf
    least, most = schema.get("minItems"), schema.get("maxItems")
    own = least if isinstance(least, int) else 0, most if isinstance(most, int) else math.inf
    found: list[tuple[float, float]] = [own]
    found += [_lengths(shape, one, within) for one in (*targets, *schema.get("allOf", ()))]
    for word in ALTERNATIVES & schema.keys():
        lows, highs = zip(*(_lengths(shape, one, within) for one in schema[word]), strict=True)
        found.append((min(lows), max(highs)))
    return _meet(found)


def _meet(bounds: Iterable[tuple[float, float]]) -> tuple[float, float]:
    lows, highs = zip((0, math.inf), *bounds, strict=True)
    return max(lows), min(highs)


def _settled(shape: Shape, schema: JsonSchema) -> bool:
    """It is an object, and every one of its keys is always there."""
    if any(NOT_SETTLED & member.keys() for member in shape.members):
        return False
    if _kinds(shape) != {"object"} or shape.open or not shape.names or shape.dead:
        return False
    return schema.optional == "write" or set(shape.names) <= shape.required


def _kinds(shape: Shape) -> set[str]:
    """The JSON types of the values at a place; more of them where that is not plain."""
    if not any(FORKS & member.keys() for member in shape.members):
        return set(shape.types or shape.kinds)
    found: set[str] = set()
    for member in shape.members:
        if "type" in member:
            found |= _types(member)
        elif listed(member):
            found |= {_kind(value) for value in listed(member)}
        elif not _passes_on(shape, member):
            return set(KINDS)
    for seed in shape.seeds:
        if isinstance(seed, dict) and "type" in seed and not shape.context.references.alone(seed):
            found &= _types(seed)
    return found


def _known(shape: Shape) -> list[Any] | None:
    """All values that may stand at a place, and maybe more; None where they are not listed, or some hold others."""
    values: list[Any] = []
    for member in shape.members:
        types = _types(member)
        if listed(member):
            values += listed(member)
        elif types and types <= WRITTEN.keys():
            values += [value for one in sorted(types) for value in WRITTEN[one]]
        elif not _passes_on(shape, member):
            return None
    return None if not values or any(isinstance(value, dict | list) for value in values) else values


def _is_date(member: dict[str, Any]) -> bool:
    """It lets be days, null and nothing else; or is no more than a name for schemas beside it."""
    if "format" in member:
        return member["format"] == "date"
    return _types(member) == {"null"} or not member.keys() - {*MEMBERS, *REFERS, *ANNOTATIONS}


def _passes_on(shape: Shape, member: dict[str, Any]) -> bool:
    """Whatever it lets be, one of the schemas that it names lets be, and these speak of the place, too."""
    at = shape.context.references.place(member)
    named = [shape.context.resolve(member, name, at)[0] for name in REFERS if name in member]
    return any(bool(one) and one is not True for one in named) or any(
        bool(member.get(name)) and all(isinstance(one, dict) and bool(one) for one in member[name]) for name in MEMBERS
    )


def _types(member: dict[str, Any]) -> set[str]:
    names = member.get("type", [])
    return {names} if isinstance(names, str) else set(names)


def _kind(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return "null" if value is None else "boolean"
    if isinstance(value, str):
        return "string"
    return "array" if isinstance(value, list) else "object" if isinstance(value, dict) else "number"
