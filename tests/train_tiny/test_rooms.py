"""What the second model is trained on is laid out as what it decodes."""

import json
from pathlib import Path
from random import Random

import pytest
from tokenizers import Tokenizer

import ctrldiff
from ctrldiff import layout
from ctrldiff.json_schema import JsonSchema
from ctrldiff.layout import Rooms
from ctrldiff.types.ask import asked
from examples.train_tiny.second import rooms
from examples.train_tiny.second.asking import Example
from examples.train_tiny.second.batches import COUNT_WEIGHT, Encoded, _open_rooms, _weight_in_room
from examples.train_tiny.second.rooms import SLOTS, TEXTS, LaidOut, laid_out, pieces
from examples.train_tiny.tokenizer import EOS, Encoder

STR, INT, NUMBER = {"type": "string"}, {"type": "integer"}, {"type": "number"}


def record(**properties):
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


LINE = record(name=STR, sum=NUMBER, count=INT)
CASES = {
    "scalars": (
        record(
            s=STR, n=NUMBER, i=INT, b={"type": "boolean"}, d=STR | {"format": "date"}, e={"enum": ["credit", "paid"]}
        ),
        {"s": "Ada", "n": 12.5, "i": 3, "b": False, "d": "2026-03-01", "e": "paid"},
    ),
    "null": (
        record(
            s={"type": ["string", "null"]},
            d={"type": ["string", "null"], "format": "date"},
            i={"type": ["integer", "null"]},
        ),
        {"s": None, "d": None, "i": None},
    ),
    "nested": (record(a=record(b=STR, c=record(d=INT)), e=INT), {"a": {"b": "x", "c": {"d": 1}}, "e": 2}),
    "lists": (
        record(a={"type": "array", "items": STR}, b={"type": "array", "items": LINE}, c=INT),
        {"a": ["tea", "milk"], "b": [{"name": "tea", "sum": 1.5, "count": 2}], "c": 7},
    ),
    "no items": (record(a={"type": "array", "items": INT}, b=INT), {"a": [], "b": 1}),
    "a list or null": (record(a={"type": ["array", "null"], "items": INT}, b=INT), {"a": None, "b": 1}),
    "an object or null": (record(a=LINE | {"type": ["object", "null"]}, b=INT), {"a": None, "b": 1}),
    "a lone list": ({"type": "array", "items": LINE}, [{"name": "tea", "sum": 1.5, "count": 2}]),
    "some, or null": (record(a={"type": ["array", "null"], "items": STR}), {"a": ["tea", "milk"]}),
    "lists in lists": (
        record(a={"type": "array", "items": record(n=STR, of={"type": ["array", "null"], "items": INT})}, b=INT),
        {"a": [{"n": "x", "of": [1, 22]}, {"n": "y", "of": None}, {"n": "z", "of": []}], "b": 1},
    ),
    "records in records": (
        record(
            a={"type": "array", "items": record(p=record(q=NUMBER, d=STR | {"format": "date"}), t={"type": "boolean"})}
        ),
        {"a": [{"p": {"q": 1.5, "d": "2026-03-01"}, "t": True}]},
    ),
}


class Usual(Random):
    """Chooses what is laid out where nothing else is said; and of lists, in their order, which are in slots."""

    slotted: tuple[bool, ...] = ()

    def choice(self, among):
        return {SLOTS: Rooms().items, TEXTS: Rooms().strings}[among]

    def random(self):
        is_slotted, *rest = (*self.slotted, False)
        self.slotted = tuple(rest)
        return 0.0 if is_slotted else 1.0


def lists_in(value, place=()):
    """The lists of a value, from the left, and how many items each has."""
    if isinstance(value, list) or value is None:
        yield place, None if value is None else len(value)
    for key, one in value.items() if isinstance(value, dict) else enumerate(value if isinstance(value, list) else ()):
        yield from lists_in(one, (*place, key))


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return Encoder(Tokenizer.from_file(str(Path(ctrldiff.__file__).parent / "models" / "small" / "tokenizer.json")))


def trained_and_decoded(name, slotted, counts, encoder) -> tuple[LaidOut, layout.Layout]:
    """An answer as it is laid out for training, and its type for decoding; both say the same of what is given."""
    schema, value = CASES[name]
    answer = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    usual = Usual(0)
    usual.slotted = slotted
    found = pieces(Example("", "", answer, place=asked(JsonSchema(schema))), usual)
    assert found is not None
    trained = laid_out(found, encoder, usual)
    decoded = Rooms()(JsonSchema(schema), encoder, EOS, counts=counts)
    assert decoded is not None
    given = [-1 if room >= 0 else token for token, room in zip(trained.ids, trained.rooms, strict=True)]
    assert [*given, EOS] == decoded.given
    widths = [[rooms.count(n) for n in dict.fromkeys(rooms) if n >= 0] for rooms in (trained.rooms, decoded.segments)]
    assert widths[0] == widths[1]
    slots = [at for one in decoded.slots.values() for at in [*one.at, *([] if one.null is None else [one.null])]]
    assert [at for at, counts in enumerate(trained.counts) if counts] == sorted(slots)
    return trained, decoded


@pytest.mark.parametrize("name", CASES)
def test_an_answer_is_laid_out_for_training_as_its_type_is_for_decoding(name, encoder):
    _, value = CASES[name]
    trained, decoded = trained_and_decoded(name, (), dict(lists_in(value)), encoder)
    assert not decoded.slots and not any(trained.counts)
    assert encoder.decode(trained.ids).replace("\t", "") == json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def first(text, encoder):
    return encoder(text)[0]


def aims(trained, decoded, place, encoder):
    """What is learned in the slots of a list: as texts, "" for a tab."""
    (tab,) = encoder("\t")
    slots = decoded.slots[place]
    told = ["" if trained.ids[at] == tab else encoder.decode([trained.ids[at]]) for at in slots.at]
    return (None if slots.null is None else trained.ids[slots.null]), told


@pytest.mark.parametrize("name", CASES)
def test_an_answer_whose_lists_are_in_slots_is_laid_out_as_its_type_is_at_first(name, encoder):
    _, value = CASES[name]
    trained, decoded = trained_and_decoded(name, (True,) * 9, {}, encoder)
    for place, slots in decoded.slots.items():
        items = value[place[0]] if place else value
        null, told = aims(trained, decoded, place, encoder)
        assert len(slots.at) == Rooms().items
        texts = [json.dumps(one, ensure_ascii=False, separators=(",", ":")) for one in items or ()]
        assert told == [encoder.decode([first(text, encoder)]) for text in texts] + [""] * (8 - len(texts))
        assert null == (None if slots.null is None else first("null" if items is None else "[", encoder))
        assert not any(trained.fills[at] for at in slots.at)


def test_lists_inside_lists_are_in_slots_when_the_outer_ones_are_counted(encoder):
    trained, decoded = trained_and_decoded("lists in lists", (False, True, True, True), {("a",): 3}, encoder)
    (tab,) = encoder("\t")
    null, bracket = first("null", encoder), first("[", encoder)
    assert [aims(trained, decoded, ("a", n, "of"), encoder)[0] for n in range(3)] == [bracket, null, bracket]
    numbers = [sum(trained.ids[at] != tab for at in decoded.slots[("a", n, "of")].at) for n in range(3)]
    assert numbers == [2, 0, 0]
    mixed = {("a",): 3, ("a", 0, "of"): 2, ("a", 2, "of"): 0}
    trained_and_decoded("lists in lists", (False, False, True, False), mixed, encoder)


def test_a_list_has_a_slot_more_than_items(encoder):
    """So that what is learned has an end."""
    value = {"a": list(range(9)), "b": 1}
    usual = Usual(0)
    usual.slotted = (True,)
    place = asked(JsonSchema(CASES["no items"][0]))
    found = pieces(Example("", "", json.dumps(value, separators=(",", ":")), place=place), usual)
    assert found is not None
    trained = laid_out(found, encoder, usual)
    (tab,) = encoder("\t")
    assert [trained.ids[at] == tab for at, counts in enumerate(trained.counts) if counts] == [False] * 9 + [True]


def test_nothing_is_learned_where_all_is_given():
    usual, place = Usual(0), asked(JsonSchema(record(a={"type": "array", "items": INT})))
    assert pieces(Example("", "", '{"a":[]}', place=place), usual) is None
    usual.slotted = (True,)
    assert pieces(Example("", "", '{"a":[]}', place=place), usual) is not None


def test_widths_are_those_of_rooms():
    assert dict(zip(("strings", "numbers", "integers"), rooms.LESS, strict=True)) == layout.LESS
    assert (rooms.NUMBER, rooms.WHOLE, rooms.OBJECTS) == (Rooms().numbers, Rooms().integers, Rooms().objects)
    assert (rooms.DATE, rooms.TRUTH) == (layout.DATE, layout.TRUTH)
    assert Rooms().strings in TEXTS and Rooms().items in SLOTS and min(TEXTS) - rooms.LESS[0] >= layout.LEAST


def encoded(trained: LaidOut) -> Encoded:
    size = len(trained.ids)
    flags = [False] * size
    return Encoded(
        [1, 2], trained.ids, flags, flags, flags, [()] * size, "", trained.rooms, trained.fills, trained.counts
    )


def test_while_lists_are_counted_nothing_is_written(encoder):
    slotted, _ = trained_and_decoded("lists", (True, True), {}, encoder)
    one, _ = trained_and_decoded("lists", (True, False), {("b",): 1}, encoder)
    for trained in (slotted, one):
        every = [at for at, room in enumerate(trained.rooms) if room >= 0]
        assert all(_open_rooms(encoded(trained), Random(seed)) == every for seed in range(50))
        for at, counts in enumerate(trained.counts):
            if counts:
                assert _weight_in_room(encoded(trained), at) == COUNT_WEIGHT
    counted, _ = trained_and_decoded("lists", (), {("a",): 2, ("b",): 1}, encoder)
    every = [at for at, room in enumerate(counted.rooms) if room >= 0]
    opened = [_open_rooms(encoded(counted), Random(seed)) for seed in range(50)]
    assert every in opened and any(one != every for one in opened) and all(set(one) <= set(every) for one in opened)
