"""Answers laid out in rooms: the keys of an object in place, and behind each so many positions for its value.

    {"name": [· · · · · · · ·],"total": [· · · ·]}        what a network sees first
    {"name": "Ada Li"________,"total": 12______}        what stands there at last: tabs, as JSON allows, fill a room

Every field can then be read in the first pass, and in any order; `ctrldiff.layout` lays out what is decoded in the same
way. Of a list a first canvas asks how many items it has, by slots of one position for the beginning of each; the next
one has their keys, and their values have rooms like any other.

    "items":[·,·,·,·,·,·,·,·]        {" {" _ _ _ _ _ _        two items
    "items":[{"name":[· · · · ·]},{"name":[· · · · ·]}]
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from ctrldiff.types.ask import Asked
from examples.train_tiny.second.asking import Example
from examples.train_tiny.tokenizer import Encoder

BLANK = "\t"  # which JSON allows between values and in no string, so that it is never taken for a part of one
TEXTS = (16, 20, 24, 24, 24, 28, 32)  # positions that a text is given, one of these for a whole document
SLOTS = (4, 6, 8, 8, 8, 10, 12)  # of a list whose items are not counted yet
COUNTING = 0.65  # the share of lists that are not
OBJECTS = 96  # positions of an object that may be null, and of a list in one that is not laid out
DATE, NUMBER, WHOLE, TRUTH = 12, 12, 9, 2
LESS = 8, 3, 3  # so many fewer have texts, numbers and whole numbers in an item
SLOT = Asked("slot")


@dataclass(frozen=True)
class Piece:
    """A part of an answer as it is written: its first sign in the answer, its text, and what was asked; None: given.

    in_item: it stands in an item of a list. points: of a slot, the sign of the answer that says which item it is.
    """

    start: int
    text: str
    place: Asked | None = None
    in_item: bool = False
    points: int | None = None


def pieces(example: Example, rng: Random) -> list[Piece] | None:
    """What is given and what is asked, in turn; None for an answer whose form is not settled beforehand."""
    place = example.place
    if place is None or place.nullable or not (_is_settled(place) or place.items is not None):
        return None
    walk = _Walk(example, rng, rng.choice(SLOTS))
    if not walk.any(json.loads(example.answer), place, in_item=False):
        return None
    assert walk.at == len(example.answer)
    return walk.pieces if any(one.place is not None for one in walk.pieces) else None


class _Walk:
    """An answer, piece by piece; `at` is the sign that comes next."""

    def __init__(self, example: Example, rng: Random, slots: int) -> None:
        self.example, self.rng, self.slots = example, rng, slots
        self.pieces: list[Piece] = []
        self.at = 0

    def given(self, text: str, advance: bool = True) -> None:
        last = self.pieces[-1] if self.pieces else None
        if last is not None and last.place is None:
            self.pieces[-1] = Piece(last.start, last.text + text)
        else:
            self.pieces.append(Piece(self.at, text))
        self.at += len(text) * advance

    def value(self, value: object, place: Asked, in_item: bool) -> None:
        text = _text(value)
        self.pieces.append(Piece(self.at, text, place, in_item))
        self.at += len(text)

    def object(self, value: dict, place: Asked, in_item: bool) -> bool:
        """Whether every key is there."""
        if not _is_settled(place) or list(value) != [key for key, _, _ in place.keys]:
            return False
        for n, (key, _, inner) in enumerate(place.keys):
            self.given(("," if n else "{") + json.dumps(key, ensure_ascii=False) + ":")
            if not self.any(value[key], inner, in_item):
                return False
        self.given("}")
        return True

    def any(self, value: object, place: Asked, in_item: bool) -> bool:
        if _is_settled(place) and not place.nullable:
            return self.object(value, place, in_item)
        if place.items is None:
            self.value(value, place, in_item)
            return True
        if self.rng.random() < COUNTING:
            self.count(value, place)
            return True
        if value is None:
            self.given("null")
            return True
        self.given("[")
        for n, one in enumerate(value):
            if n:
                self.given(",")
            if not self.any(one, place.items[0], in_item=True):
                return False
        self.given("]")
        return True

    def count(self, value: list | None, place: Asked) -> None:
        """A list whose items are not counted yet."""
        begun, end = self.at, self.at + len(_text(value))
        if place.nullable:
            self.pieces.append(Piece(begun, "null" if value is None else "[", SLOT))
        else:
            self.given("[", advance=False)
        self.at += 1
        for n in range(max(self.slots, len(value or ()) + 1)):
            if n:
                self.given(",", advance=False)
            text = _text(value[n]) if n < len(value or ()) else BLANK
            self.pieces.append(Piece(self.at, text, SLOT, points=self._said(self.at, len(text))))
            self.at += (len(text) + 1) * (text != BLANK)  # and a comma, or the bracket
        self.at = end
        self.given("]", advance=False)

    def _said(self, start: int, size: int) -> int | None:
        """Where in the answer the first value of an item stands that the text says."""
        for a, b, leaf in self.example.leaves:
            if start <= a and b <= start + size and a < b and leaf.spans:
                return a
        return None


def _text(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _is_settled(place: Asked) -> bool:
    """It is an object with all of its keys."""
    return place.is_object and not place.alternatives and bool(place.keys) and not any(one[1] for one in place.keys)


def width(place: Asked, encoder: Encoder, texts: int, in_item: bool) -> int:
    """Positions of a value of the type."""
    if place is SLOT:
        return 1
    if place.items is not None or place.is_object:
        return OBJECTS
    if place.labels:
        return max(len(encoder(json.dumps(label, ensure_ascii=False))) for label in place.labels)
    less = LESS if in_item else (0, 0, 0)
    own = {"date": DATE, "number": NUMBER - less[1], "int": WHOLE - less[2], "bool": TRUTH}
    return own.get(place.word, texts - less[0])


@dataclass(frozen=True)
class LaidOut:
    """Tokens; of each the signs of the answer it stands for; its room's number, -1 where it is given; whether it fills
    a room behind a value, or decides how many items there are."""

    ids: list[int]
    offsets: list[tuple[int, int]]
    rooms: list[int]
    fills: list[bool]
    counts: list[bool]


def laid_out(found: list[Piece], encoder: Encoder, rng: Random) -> LaidOut:
    """An answer in rooms of some widths."""
    texts = rng.choice(TEXTS)
    (blank,) = encoder(BLANK)
    out = LaidOut([], [], [], [], [])
    for number, one in enumerate(found):
        for token, offsets, fills in _tokens(one, encoder, texts, blank):
            out.ids.append(token)
            out.offsets.append(offsets)
            out.rooms.append(-1 if one.place is None else number)
            out.fills.append(fills)
            out.counts.append(one.place is SLOT)
    return out


def _tokens(one: Piece, encoder: Encoder, texts: int, blank: int) -> Iterator[tuple[int, tuple[int, int], bool]]:
    """Of a piece: each token, its signs, and whether it is a blank that fills the room."""
    encoded = encoder.tokenizer.encode(one.text, add_special_tokens=False)
    if one.place is SLOT:
        said = one.start if one.points is None else one.points
        yield encoded.ids[0], (said, said + (one.points is not None)), False
        return
    for token, (a, b) in zip(encoded.ids, encoded.offsets):
        yield token, (one.start + a, one.start + b), False
    if one.place is None:
        return
    wide, needed = width(one.place, encoder, texts, one.in_item), len(encoded.ids)
    if needed > wide:  # it was doubled
        wide = 2 * wide if needed <= 2 * wide else needed
    for _ in range(wide - needed):
        yield blank, (one.start + len(one.text),) * 2, True
