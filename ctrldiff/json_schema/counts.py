"""How many items a list of a JSON text has: the lists of a type, and the texts with exactly so many items in one.

place ("orders", 0, "items")        {"id":7,"orders":[{"items":[1,2,3]},{"items":[]}]}        3
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ctrldiff.automata.dfa import Dfa
from ctrldiff.automata.expression import Expression, Language
from ctrldiff.constraints.description import Description
from ctrldiff.errors import ConstraintTooLarge, InputError
from ctrldiff.json_schema import JsonSchema
from ctrldiff.json_schema.canonical import string_text
from ctrldiff.json_schema.fields import DEPTH, shallow
from ctrldiff.json_schema.shape import Shape
from ctrldiff.limits import DEFAULT, Limits
from ctrldiff.pointer import escaped

Place: TypeAlias = tuple[str | int, ...]  # keys of objects and numbers of items, from the outside in
_State: TypeAlias = tuple[object, ...]

MOST_PLACES = 10_000  # of one answer
NO_LIST = -1  # in the place of a number: no list stands there
_SPACE, _QUOTE, _SLASH, _OPENING, _CLOSING = b" \n\r\t", 0x22, 0x5C, b"{[", b"}]"
_OVER = "over"  # ("over", n): what follows is no matter any more
_DATES = {"date", "time", "date-time"}


class Listed(NamedTuple):
    """A list of a type: where it stands, and of what kind each property of its items is, "number", "date", "list",
    "object", or "string" for all else; () where they are no objects."""

    place: Place
    columns: tuple[str, ...]


def lists_in(schema: JsonSchema, known: Mapping[Place, int | None], limits: Limits = DEFAULT) -> list[Listed]:
    """The lists that a type names, from the outside in; inside a list only where the number of its items is known.

    Raises: ConstraintTooLarge for more than `MOST_PLACES`; InputError for a type with lists that nests deeper than
        `DEPTH`.
    """
    found: list[Listed] = []
    todo: list[tuple[Place, Shape]] = [((), schema.shape(limits))]
    looked = 0
    for place, shape in todo:  # grows
        looked += 1
        if looked > MOST_PLACES:
            raise ConstraintTooLarge("places of a type that are looked at for lists", looked, MOST_PLACES)
        if shape.dead:
            continue
        todo += [((*place, name), shape.property(name)) for name in shape.names]
        if "array" in shape.types or shape.implied == "array":
            item = shape.item(shape.prefix)
            found.append(Listed(place, tuple(_kind(item.property(name)) for name in item.names)))
            todo += [((*place, n), shape.item(n)) for n in range(known.get(place) or 0)]
    if found and not shallow(schema, limits):
        hint = "leave counts out"
        raise InputError(f"the type nests deeper than {DEPTH} levels: its lists cannot be counted", hint=hint)
    return found


def pointer(place: Place) -> str:
    """A place as a field is named: "orders/0/items", and "" for the whole."""
    return "/".join(escaped(str(step)) for step in place)


def _kind(shape: Shape) -> str:
    for kind, names in (("number", {"number", "integer"}), ("list", {"array"}), ("object", {"object"})):
        if not names.isdisjoint(shape.types or (shape.implied,)):
            return kind
    return "date" if any(member.get("format") in _DATES for member in shape.members) else "string"


def _pass(d: int, q: int, byte: int) -> tuple[int, int] | None:
    """One byte of a value that is read past: brackets that are open, and 0 outside strings, 1 inside, 2 behind a
    backslash. None: it nests deeper than `DEPTH`, or closes what it never opened."""
    if q:
        return d, 1 if q == 2 else 2 if byte == _SLASH else 0 if byte == _QUOTE else 1
    if byte == _QUOTE:
        return d, 1
    depth = d + (byte in _OPENING) - (byte in _CLOSING)
    return (depth, 0) if 0 <= depth <= DEPTH else None


class _Reader:
    """Reads JSON from the left, and counts. States are tuples: what is being read, and how far.

    ("value", i)        the value behind i steps of the place begins       ("over", n)  n items; NO_LIST
    ("object", i)       between the members of the object that step i enters
    ("key", i, seen)    in a key of it, of which these bytes are those wanted; None: it is another
    ("slash", i)        in an escape of another key
    ("colon", i, hit)   behind a key       ("other", i, d, q)  in the value of another key
    ("array", i, n)     n items before the one that step i enters           ("item", i, n, d, q)  in one of these
    ("first",)          behind the bracket of the list                      ("list", n, d, q)     in its item n
    """

    def __init__(self, place: Place, most: int) -> None:
        self.place, self.most = place, most
        # each as it is, and as it is spelled in ASCII
        self.keys = [
            {string_text(step, ascii).encode()[1:-1] for ascii in (False, True)} if isinstance(step, str) else set()
            for step in place
        ]
        self.bytes = sorted({*b'"\\{}[],:', *_SPACE, *b"".join(set[bytes]().union(*self.keys)), self._another()})

    def _another(self) -> int:
        """A byte that means nothing here, for all the others."""
        meant = b'"\\{}[],:' + _SPACE + b"".join(set[bytes]().union(*self.keys))
        return next(byte for byte in range(256) if byte not in meant)

    def step(self, state: _State, byte: int) -> _State | None:
        return getattr(self, "_" + str(state[0]))(*state[1:], byte)

    def _over(self, n: int, byte: int) -> _State:
        return _OVER, n

    def _value(self, i: int, byte: int) -> _State:
        if byte in _SPACE:
            return "value", i
        if i == len(self.place):
            return ("first",) if byte == 0x5B else (_OVER, NO_LIST)
        step = self.place[i]
        if isinstance(step, str):
            return ("object", i) if byte == 0x7B else (_OVER, NO_LIST)
        return ("array", i, step) if byte == 0x5B else (_OVER, NO_LIST)

    def _object(self, i: int, byte: int) -> _State:
        return ("key", i, b"") if byte == _QUOTE else (_OVER, NO_LIST) if byte == 0x7D else ("object", i)

    def _key(self, i: int, seen: bytes | None, byte: int) -> _State:
        wanted, more = self.keys[i], None if seen is None else seen + bytes([byte])
        if more is not None and any(key.startswith(more) for key in wanted):
            return "key", i, more
        behind_slash = seen is not None and (len(seen) - len(seen.rstrip(b"\\"))) % 2 == 1
        if byte == _QUOTE and not behind_slash:
            return "colon", i, seen in wanted
        return ("slash", i) if byte == _SLASH and not behind_slash else ("key", i, None)

    def _slash(self, i: int, byte: int) -> _State:
        return "key", i, None

    def _colon(self, i: int, hit: bool, byte: int) -> _State:
        if byte != 0x3A:
            return "colon", i, hit
        return ("value", i + 1) if hit else ("other", i, 0, 0)

    def _other(self, i: int, d: int, q: int, byte: int) -> _State | None:
        if not d and not q and byte in b",}":
            return ("object", i) if byte == 0x2C else (_OVER, NO_LIST)
        after = _pass(d, q, byte)
        return None if after is None else ("other", i, *after)

    def _array(self, i: int, n: int, byte: int) -> _State | None:
        if byte in _SPACE:
            return "array", i, n
        if byte == 0x5D:
            return _OVER, NO_LIST
        return self._value(i + 1, byte) if n == 0 else self._item(i, n, 0, 0, byte)

    def _item(self, i: int, n: int, d: int, q: int, byte: int) -> _State | None:
        if not d and not q and byte in b",]":
            return ("array", i, n - 1) if byte == 0x2C else (_OVER, NO_LIST)
        after = _pass(d, q, byte)
        return None if after is None else ("item", i, n, *after)

    def _first(self, byte: int) -> _State | None:
        if byte in _SPACE:
            return ("first",)
        return (_OVER, 0) if byte == 0x5D else self._list(1, 0, 0, byte)

    def _list(self, n: int, d: int, q: int, byte: int) -> _State | None:
        if not d and not q and byte in b",]":
            return ("list", min(n + 1, self.most + 1), 0, 0) if byte == 0x2C else (_OVER, n)
        after = _pass(d, q, byte)
        return None if after is None else ("list", n, *after)


@lru_cache(maxsize=64)
def _read(place: Place, most: int) -> tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.int64]]:
    """The reader as arrays: (S, K) next states, (256,) classes of bytes, and of each state the number of items that a
    text has which ends there; more than `most` are `most` + 1. Where nothing stands at the place it is `NO_LIST`."""
    reader = _Reader(place, most)
    classes = np.full(256, reader.bytes.index(reader._another()), np.int64)
    classes[reader.bytes] = np.arange(len(reader.bytes))
    states: dict[_State, int] = {("value", 0): 0}
    rows = []
    todo: list[_State] = [("value", 0)]
    for state in todo:  # grows
        row = []
        for byte in reader.bytes:
            after = reader.step(state, byte)
            if after is not None and after not in states:
                states[after] = len(states)
                todo.append(after)
            row.append(-1 if after is None else states[after])
        rows.append(row)
    counts = np.array([one[1] if one[0] == _OVER else NO_LIST for one in states], np.int64)
    return np.array(rows, np.int32), classes, counts


@dataclass(frozen=True)
class Items(Description):
    """The texts of JSON in which a list of exactly `count` items stands at `place`, nested up to `DEPTH` brackets deep;
    `NO_LIST`: in which none does.

    What is no JSON may be among them: it is to be met with a schema's texts, `schema & Items(...)`.
    """

    place: Place
    count: int

    def expression(self, limits: Limits = DEFAULT) -> Expression:
        table, classes, counts = _read(self.place, self.count)
        return Language(Dfa.from_arrays(table, classes, counts == self.count, limits=limits))
