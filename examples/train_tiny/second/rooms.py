"""Answers laid out in rooms: the keys of an object in place, and behind each so many positions for its value.

    {"name": [· · · · · · · ·],"total": [· · · ·]}        what a network sees first
    {"name": "Ada Li"________,"total": 12______}        what stands there at last: tabs, as JSON allows, fill a room

Every field can then be read in the first pass, and in any order; `ctrldiff.layout` lays out what is decoded in the same
way.
"""

import json
from dataclasses import dataclass, replace
from random import Random

from ctrldiff.types.ask import Asked
from examples.train_tiny.second.asking import Example
from examples.train_tiny.tokenizer import Encoder

BLANK = "\t"  # which JSON allows between values and in no string, so that it is never taken for a part of one
TEXTS = (16, 20, 24, 24, 24, 28, 32)  # positions that a text is given, one of these for a whole document
ITEMS = (4, 6, 8, 8, 8, 10, 12)  # rooms of a list, one an item
IN_ITEMS = 10, 7, 4  # positions of texts, numbers and whole numbers in an item, whose values share its room
OBJECTS = 96  # positions of an object that may be null
DATE, NUMBER, WHOLE, TRUTH = 12, 12, 9, 2
FORKS = 2  # positions for `[` or null, and for `]` or nothing, of a list that may be null


@dataclass(frozen=True)
class Piece:
    """A part of an answer as it is written: its first sign in the answer, its text, and what was asked; None: given."""

    start: int
    text: str
    place: Asked | None = None


def pieces(example: Example, rng: Random) -> list[Piece] | None:
    """What is given and what is asked, in turn; None for an answer whose form is not settled beforehand."""
    place = example.place
    if place is None or not place.is_object or place.nullable or not example.answer.startswith("{"):
        return None
    found: list[tuple[str, Asked | None]] = []
    if not _walk(json.loads(example.answer), place, rng.choice(ITEMS), found):
        return None
    out, at = [], 0
    for text, asked in found:
        if out and asked is None and out[-1].place is None:
            out[-1] = Piece(out[-1].start, out[-1].text + text)
        else:
            out.append(Piece(at, text, asked))
        at += len(text)
    if "".join(one.text for one in out) != example.answer:
        return None
    return out


def _walk(value: dict, place: Asked, rooms: int, out: list[tuple[str, Asked | None]]) -> bool:
    """Whether every key is there."""
    if place.alternatives or not place.keys or any(optional for _, optional, _ in place.keys):
        return False
    if list(value) != [key for key, _, _ in place.keys]:
        return False
    for n, (key, _, inner) in enumerate(place.keys):
        out.append((("," if n else "{") + json.dumps(key, ensure_ascii=False) + ":", None))
        if inner.is_object and not inner.nullable:
            if not _walk(value[key], inner, rooms, out):
                return False
        elif inner.items is not None:
            _list(value[key], inner, rooms, out)
        else:
            out.append((json.dumps(value[key], ensure_ascii=False, separators=(",", ":")), inner))
    out.append(("}", None))
    return True


def _list(value: list | None, place: Asked, rooms: int, out: list[tuple[str, Asked | None]]) -> None:
    """A list: a room for each item that there may be, those behind the last of blanks alone."""
    fork = Asked("fork") if place.nullable else None
    texts = [json.dumps(one, ensure_ascii=False, separators=(",", ":")) for one in value or ()]
    out.append(("null" if value is None else "[", fork))
    for n in range(max(rooms, len(texts))):
        item = replace(place.items[0], kinds="item")
        out.append((("," if n else "") + texts[n] if n < len(texts) else "", item))
    out.append(("" if value is None else "]", fork))


def width(place: Asked, encoder: Encoder, texts: int, numbers: int = NUMBER, whole: int = WHOLE) -> int:
    """Positions of a value of the type."""
    if place.kinds == "item":
        if not place.is_object:
            return 2 + width(replace(place, kinds=""), encoder, texts)
        keys = [len(encoder(f',"{key}":')) + width(inner, encoder, *IN_ITEMS) for key, _, inner in place.keys]
        return 3 + sum(keys)
    if place.items is not None or place.is_object:
        return OBJECTS
    if place.labels:
        return max(len(encoder(json.dumps(label, ensure_ascii=False))) for label in place.labels)
    own = {"fork": FORKS, "date": DATE, "number": numbers, "int": whole, "bool": TRUTH}
    return own.get(place.word, texts)


@dataclass(frozen=True)
class LaidOut:
    """Tokens; of each the signs of the answer it stands for; its room's number, -1 where it is given; and that of the
    first room of its list, for a single value its own."""

    ids: list[int]
    offsets: list[tuple[int, int]]
    rooms: list[int]
    lists: list[int]


def laid_out(found: list[Piece], encoder: Encoder, rng: Random) -> LaidOut:
    """An answer in rooms of some widths."""
    texts = rng.choice(TEXTS)
    (blank,) = encoder(BLANK)
    out = LaidOut([], [], [], [])
    number = begun = 0
    widest: dict[int, int] = {}  # of the items of a list, by its type
    for one in found:
        if one.place is not None and one.place.kinds == "item":
            widest[id(one.place.keys)] = max(widest.get(id(one.place.keys), 0), len(encoder(one.text)))
    last: Piece | None = None  # the room before, if nothing is given between
    for one in found:
        encoded = encoder.tokenizer.encode(one.text, add_special_tokens=False)
        out.ids.extend(encoded.ids)
        out.offsets.extend((one.start + a, one.start + b) for a, b in encoded.offsets)
        if one.place is None:
            out.rooms.extend([-1] * len(encoded.ids))
            out.lists.extend([-1] * len(encoded.ids))
            last = None
            continue
        wide = width(one.place, encoder, texts)
        needed = len(encoded.ids)
        if one.place.kinds == "item":
            needed = widest[id(one.place.keys)]
        if needed > wide:  # it was doubled
            wide = 2 * wide if needed <= 2 * wide else needed
        short = wide - len(encoded.ids)
        if last is None:
            begun = number
        last = one
        out.ids.extend([blank] * short)
        out.offsets.extend([(one.start + len(one.text),) * 2] * short)
        out.rooms.extend([number] * (len(encoded.ids) + short))
        out.lists.extend([begun] * (len(encoded.ids) + short))
        number += 1
    return out
