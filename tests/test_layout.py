"""How canvases are laid out: what stands on them, by eye; that no value is lost to a room, by trying every string."""

import json
import math
import string as letters
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import ctrldiff as cd
from ctrldiff.constraints.description import And
from ctrldiff.errors import ConstraintUnsatisfiable, InputError
from ctrldiff.json_schema.counts import Items
from ctrldiff.layout import Layout, Piece, Rooms, Slots
from ctrldiff.sampling.plan import Plan
from ctrldiff.tokens.vocabulary import Vocabulary
from tests.oracles import Case, try_every_string

PIECES = [*letters.ascii_letters, *letters.digits, *'"\\-.,:{}[] é', "\t", "null", "true"]
STOP = len(PIECES)
VOCABULARY = Vocabulary.from_tokens([*(one.encode() for one in PIECES), None], stop_ids=[STOP])
STR, INT = {"type": "string"}, {"type": "integer"}
SMALL = Rooms(strings=4, numbers=6, integers=5, objects=8, items=2)


def encode(text: str) -> list[int]:
    """The longest token that goes on, again and again."""
    ids = []
    while text:
        piece = max((one for one in PIECES if text.startswith(one)), key=len)
        ids.append(PIECES.index(piece))
        text = text[len(piece) :]
    return ids


def record(required: Any = None, **properties: Any) -> dict[str, Any]:
    required = list(properties) if required is None else required
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def array(items: Any, **how: Any) -> dict[str, Any]:
    return {"type": "array", "items": items, **how}


def laid(schema: Any, rooms: Rooms = SMALL, counts: Any = None, **how: Any) -> Layout | None:
    return rooms(cd.JsonSchema(schema, **how), encode, STOP, counts=counts or {})


def seen(schema: Any, rooms: Rooms = SMALL, counts: Any = None, **how: Any) -> str | None:
    """The canvas, a dot for each open position, $ for the end."""
    layout = laid(schema, rooms, counts, **how)
    return None if layout is None else "".join("·" if t < 0 else "$" if t == STOP else PIECES[t] for t in layout.given)


NULL = {"type": "null"}
LAID_OUT: dict[str, tuple[Any, str]] = {
    "scalars": (
        record(s=STR, n={"type": "number"}, i=INT, b={"type": "boolean"}),
        '{"s":····,"n":······,"i":·····,"b":·····}$',  # false is five tokens, and true one
    ),
    "labels": (record(a={"enum": ["x", "yyy"]}, b={"const": 12}), '{"a":·····,"b":··}$'),
    "a label or null": (record(a={"anyOf": [{"const": 1}, NULL]}), '{"a":·}$'),
    "a date": (record(a={"type": ["string", "null"], "format": "date"}), '{"a":············}$'),
    "a date or null": (record(a={"anyOf": [{"type": "string", "format": "date"}, NULL]}), '{"a":············}$'),
    "nested": (record(a=record(b=INT, c=record(d=INT)), e=INT), '{"a":{"b":·····,"c":{"d":·····}},"e":·····}$'),
    "a list": (record(a=array({"enum": [1]}), b=INT), '{"a":[·,·],"b":·····}$'),
    "a list of records": (record(a=array(record(k={"enum": [1]}))), '{"a":[·,·]}$'),
    "a list or null": (record(a=array({"enum": [1]}) | {"type": ["array", "null"]}, b=INT), '{"a":··,·],"b":·····}$'),
    "a list or null, of two": (record(a={"anyOf": [array({"enum": [1]}), NULL]}), '{"a":··,·]}$'),
    "a list or a label": (record(a={"anyOf": [array({"enum": [1]}), {"const": "x"}]}), '{"a":········}$'),
    "a lone list": (array(record(a=INT)), "[·,·]$"),
    "lists": (record(a=array(INT), b=record(c=array(array(INT)))), '{"a":[·,·],"b":{"c":[·,·]}}$'),
    "a list where null may be": (record(a={"anyOf": [record(b=array(INT)), NULL]}), '{"a":········}$'),
    "an object or null": (record(a={"anyOf": [record(b=INT), NULL]}, c=INT), '{"a":········,"c":·····}$'),
    "a long string": (record(a=STR | {"minLength": 7}), '{"a":·········}$'),
    "by reference": (
        {"$defs": {"p": record(b=INT)}, **record(a={"$ref": "#/$defs/p"})},
        '{"a":{"b":·····}}$',
    ),
    "all of them": ({"allOf": [record(a=INT), {"required": ["a"]}]}, '{"a":·····}$'),
    "a list by place": (record(a={"type": "array", "prefixItems": [INT], "items": False}), '{"a":········}$'),
    "of children": (
        {"$defs": {"n": record(v=INT, c=array({"$ref": "#/$defs/n"}))}, "$ref": "#/$defs/n"},
        '{"v":·····,"c":[·,·]}$',
    ),
}


@pytest.mark.parametrize("name", LAID_OUT)
def test_what_stands_on_a_canvas_before_the_first_step(name):
    schema, wanted = LAID_OUT[name]
    assert seen(schema) == wanted


# In an item a string has 6 positions here, and a number 7, a whole one 6: `layout.LESS` fewer.
LARGE = Rooms(strings=14, numbers=10, integers=9, objects=9, items=3)
TREE = {"$defs": {"n": record(v=INT, c=array({"$ref": "#/$defs/n"}))}, "$ref": "#/$defs/n"}
COUNTED: dict[str, tuple[Any, Any, str]] = {
    "records": (
        record(a=array(record(s=STR, n={"type": "number"}, i=INT)), s=STR, i=INT),
        {("a",): 2},
        '{"a":[{"s":······,"n":·······,"i":······},{"s":······,"n":·······,"i":······}],'
        '"s":··············,"i":·········}$',
    ),
    "records in records": (
        record(a=array(record(b=record(s=STR), o={"anyOf": [record(c=INT), NULL]}))),
        {("a",): 1},
        '{"a":[{"b":{"s":······},"o":·········}]}$',
    ),
    "scalars": (record(a=array(INT)), {("a",): 3}, '{"a":[······,······,······]}$'),
    "labels and days": (
        record(a=array({"enum": ["x", "yyy"]}), b=array(STR | {"format": "date"}), c=array({"type": "boolean"})),
        {("a",): 2, ("b",): 1, ("c",): 1},
        '{"a":[·····,·····],"b":[············],"c":[·····]}$',
    ),
    "long strings": (record(a=array(STR | {"minLength": 7})), {("a",): 1}, '{"a":[·········]}$'),
    "a lone list": (array(record(s=STR)), {(): 2}, '[{"s":······},{"s":······}]$'),
    "none": (record(a=array(record(s=STR)), b=INT), {("a",): 0}, '{"a":[],"b":·········}$'),
    "one": (record(a=array(INT)), {("a",): 1}, '{"a":[······]}$'),
    "null": (record(a=array(INT) | {"type": ["array", "null"]}), {("a",): None}, '{"a":null}$'),
    "some, not null": (record(a=array(INT) | {"type": ["array", "null"]}), {("a",): 1}, '{"a":[······]}$'),
    "of one list only": (
        record(a=array(INT), b=array(INT) | {"type": ["array", "null"]}),
        {("a",): 1},
        '{"a":[······],"b":··,·,·]}$',
    ),
    "lists of lists, not yet": (record(a=array(array(INT))), {("a",): 2}, '{"a":[[·,·,·],[·,·,·]]}$'),
    "lists of lists": (
        record(a=array(array(INT) | {"type": ["array", "null"]})),
        {("a",): 3, ("a", 0): 2, ("a", 1): None},
        '{"a":[[······,······],null,··,·,·]]}$',
    ),
    "children, not yet": (
        TREE,
        {("c",): 2},
        '{"v":·········,"c":[{"v":······,"c":[·,·,·]},{"v":······,"c":[·,·,·]}]}$',
    ),
    "children": (
        TREE,
        {("c",): 2, ("c", 0, "c"): 0, ("c", 1, "c"): 1, ("c", 1, "c", 0, "c"): 0},
        '{"v":·········,"c":[{"v":······,"c":[]},{"v":······,"c":[{"v":······,"c":[]}]}]}$',
    ),
    "more than there are slots": (record(a=array({"const": 1})), {("a",): 5}, '{"a":[·,·,·,·,·]}$'),
    "what is no list there": (record(a=INT), {("b",): 2}, '{"a":·········}$'),
}


@pytest.mark.parametrize("name", COUNTED)
def test_a_list_that_is_counted_has_the_keys_of_its_items_and_rooms_for_their_values(name):
    schema, counts, wanted = COUNTED[name]
    assert seen(schema, LARGE, counts) == wanted
    layout = laid(schema, LARGE, counts)
    assert layout is not None and layout.counted == counts.keys() - (
        {("b",)} if name == "what is no list there" else set()
    )
    assert not layout.counted & layout.slots.keys() and len(layout) == len(layout.given) == len(layout.segments)


def test_rooms_in_items_are_less_wide_and_null_fits_them():
    assert Rooms().in_items == Rooms(strings=16, numbers=9, integers=6)
    assert Rooms(strings=5, numbers=4, integers=6).in_items == Rooms(strings=4, numbers=4, integers=4)
    text = record(a=array(record(s=STR)))
    assert seen(text, Rooms(strings=9), {("a",): 1}) == '{"a":[{"s":····}]}$'


def test_slots_are_told_where_they_stand():
    schema = record(a=array(INT), s=STR, b=array(INT) | {"type": ["array", "null"]})
    layout = laid(schema)
    assert layout is not None and seen(schema) == '{"a":[·,·],"s":····,"b":··,·]}$'
    assert layout.slots == {("a",): Slots([6, 8], None), ("b",): Slots([25, 27], 24)}
    assert [layout.given[at] for at in (6, 8, 24, 25, 27)] == [-1] * 5
    told = laid(schema, counts={("a",): 1, ("b",): 0})
    assert told is not None and told.slots == {} and told.counted == {("a",), ("b",)}
    inner = laid(record(a=array(record(c=array(INT)))), counts={("a",): 2})
    assert inner is not None and list(inner.slots) == [("a", 0, "c"), ("a", 1, "c")]
    assert all(inner.segments.count(inner.segments[at]) == 1 for one in inner.slots.values() for at in one.at)


LIST = {"type": "array", "items": INT}
BOUNDS: dict[str, tuple[Any, tuple[int, float]]] = {
    "of no word": (LIST, (0, math.inf)),
    "least": (LIST | {"minItems": 5}, (5, math.inf)),
    "most": (LIST | {"maxItems": 1}, (0, 1)),
    "both, or null": (LIST | {"type": ["array", "null"], "minItems": 1, "maxItems": 4}, (1, 4)),
    "of all": ({"allOf": [LIST | {"minItems": 1}, {"minItems": 3, "maxItems": 9}, {"maxItems": 7}]}, (3, 7)),
    "by reference": ({"$ref": "#/$defs/xs", "maxItems": 4}, (2, 4)),
    "of one or null": ({"anyOf": [LIST | {"minItems": 1, "maxItems": 3}, NULL]}, (1, 3)),
    "of either": ({"anyOf": [LIST | {"minItems": 3, "maxItems": 4}, LIST | {"maxItems": 1}]}, (0, 4)),
    "of one, or any": ({"oneOf": [LIST | {"minItems": 3}, LIST | {"maxItems": 1}], "minItems": 1}, (1, math.inf)),
    "denied": (LIST | {"not": {"type": "array", "maxItems": 2}}, (0, math.inf)),
    "if": (LIST | {"if": LIST | {"maxItems": 2}, "then": LIST | {"minItems": 2}}, (0, math.inf)),
    "of none": (LIST | {"type": ["array", "null"], "minItems": 3, "maxItems": 2}, (0, math.inf)),
}


@pytest.mark.parametrize("name", BOUNDS)
def test_slots_are_bounded_by_what_every_list_obeys(name):
    """And no more is true of them than of the values that are: by trying lists of each length."""
    schema, (least, most) = BOUNDS[name]
    whole = {"$defs": {"xs": LIST | {"minItems": 2}}, **record(a=schema)}
    layout = laid(whole)
    assert layout is not None
    (slots,) = layout.slots.values()
    assert slots.bounds == (least, most) and len(slots.at) == max(SMALL.items, least + 1)
    obey = [n for n in range(12) if json.dumps({"a": [0] * n}, separators=(",", ":")).encode() in cd.JsonSchema(whole)]
    assert all(least <= n <= most for n in obey) and bool(obey) == (name != "of none")
    if name not in ("denied", "if", "of none"):
        assert obey[0] == least and (obey[-1] == most if most < math.inf else obey[-1] == 11)


NOT_LAID_OUT: dict[str, Any] = {
    "a key that may be left out": record(["a"], a=INT, b=INT),
    "one inside": record(a=INT) | {"required": []},
    "either of two": {"anyOf": [record(a=INT), record(b=INT)]},
    "one of two": {"oneOf": [record(a=INT), record(b=INT)]},
    "if": record(a=INT) | {"if": {"properties": {"a": {"const": 1}}}, "then": {}},
    "listed": {"enum": [{"a": 1}]},
    "const": {"const": {"a": 1}},
    "of any name": {"type": "object", "additionalProperties": INT},
    "of a pattern": {"type": "object", "patternProperties": {"^a": INT}, "properties": {"a": INT}, "required": ["a"]},
    "others beside": {"type": "object", "properties": {"a": INT}, "required": ["a"], "additionalProperties": INT},
    "no key": {"type": "object", "additionalProperties": False},
    "or null": record(a=INT) | {"type": ["object", "null"]},
    "a list by place": {"type": "array", "prefixItems": [INT], "items": False},
    "a list or null": {"type": ["array", "null"], "items": INT},
    "a value": INT,
}


@pytest.mark.parametrize("name", NOT_LAID_OUT)
def test_a_form_that_is_not_settled_is_written_close_together(name):
    assert laid(NOT_LAID_OUT[name]) is None


def test_how_a_schema_is_read_counts():
    optional = record(["a"], a=INT, b=INT)
    assert seen(optional, optional="write") == '{"a":·····,"b":·····}$'
    assert laid(record(a=INT), order="any") is None and laid(record(a=INT), additional="any") is None
    assert seen(record(é={"const": "é"})) == '{"é":···}$'
    assert seen(record(é={"const": "é"}), ascii=True) == '{"\\u00e9":········}$'
    date = record(a={"type": "string", "format": "date"})
    assert seen(date, formats="annotate") == '{"a":····}$', "any string then"
    assert SMALL(cd.JsonSchema(record(a=INT)), lambda text: encode(text) * 2, STOP) is None, "no token is a tab"


BIT = {"enum": [0, 12]}
WORD = {"type": "string", "pattern": "^[xy]{0,2}$"}
FINITE: dict[str, tuple[Any, dict[str, Any]]] = {
    "labels and flags": (record(a={"enum": ["x", "yyy", None]}, b={"type": ["boolean", "null"]}), {}),
    "a label or null": (record(a={"anyOf": [{"const": "x"}, NULL]}, b={"oneOf": [BIT, NULL]}), {}),
    "a label or a word": (record(a={"anyOf": [{"enum": ["y"]}, WORD]}), {}),
    "a label or anything": (record(a={"anyOf": [{"enum": ["y"]}, True], "enum": ["y", "xxxxxxx"]}), {}),
    "a flag or a long label": (record(a={"anyOf": [{"type": "boolean"}, {"const": "xxxxxxxx"}]}), {}),
    "a number or a long label": (record(a={"anyOf": [BIT, {"const": "xxxxxxxx"}]}), {}),
    "all but one": (record(a=WORD | {"not": {"const": "x"}}), {}),
    "a list or a long label": (
        record(a={"anyOf": [{"type": "array", "items": BIT, "maxItems": 1}, {"const": "xx"}]}),
        {},
    ),
    "an object or a label": (record(a={"anyOf": [record(b=BIT), {"const": "x"}]}), {}),
    "nested": (record(a=record(b=BIT, c=record(d=BIT)), e={"anyOf": [record(f=BIT), NULL]}), {}),
    "whole numbers": (record(a=INT | {"minimum": -12, "maximum": 9}), {}),
    "in escapes": (record(a={"enum": ["é", "x"]}), {"ascii": True}),
    "always written": (record([], a=BIT, b={"type": ["boolean", "null"]}), {"optional": "write"}),
    "not always": (record(["a"], a=BIT, b=record(["c"], c=BIT, d=BIT)) | {"required": ["a", "b"]}, {}),
}


def written(layout: Layout, description: cd.JsonSchema | And) -> list[str]:
    """All texts of a description with what the layout gives where it gives it."""
    dfa = description.dfa()
    step = dfa.table[:, dfa.classes].astype(np.int32)
    nothing = np.zeros((len(layout), VOCABULARY.size), np.float32)
    strings = try_every_string(Case(step, dfa.accept, VOCABULARY, nothing, np.array(layout.given))).strings
    return [VOCABULARY.decode(row.tolist()).decode() for row in strings]


def values(texts: Any) -> set[str]:
    """Of JSON texts, each written in one way."""
    return {json.dumps(json.loads(one), sort_keys=True) for one in texts}


@pytest.mark.parametrize("name", FINITE)
def test_no_value_is_lost_to_a_room(name):
    schema, how = FINITE[name]
    compact = cd.JsonSchema(schema, **how)
    layout = replace(SMALL, objects=16)(compact, encode, STOP)
    assert layout is not None
    found = values(written(layout, compact.but(whitespace="padded")))
    assert compact.dfa().is_finite
    assert found == values(compact.dfa().members(500)) and len(found) > 1


# ---- lists that are counted


def number_of(value: Any, place: Any) -> int | None:
    """How many items stand at a place; None for null. Raises LookupError if nothing stands there."""
    for step in place:
        value = value[step]
    return None if value is None else len(value)


LISTS: dict[str, tuple[Any, list[Any]]] = {
    "labels": (record(a=array(BIT, maxItems=2)), [{("a",): n} for n in (0, 1, 2, 3)]),
    "of one or two": (
        record(a=array({"type": "boolean"}, minItems=1, maxItems=2)),
        [{("a",): n} for n in (0, 1, 2)],
    ),
    "null": (
        record(a=array({"const": 1}, maxItems=2) | {"type": ["array", "null"]}),
        [{("a",): n} for n in (None, 0, 1, 2)],
    ),
    "distinct": (record(a=array(BIT, uniqueItems=True)), [{("a",): n} for n in (0, 1, 2, 3)]),
    "records": (
        record(a=array(record(b=BIT, c={"type": ["boolean", "null"]}), maxItems=2)),
        [{("a",): n} for n in (0, 1)],
    ),
    "lists of lists": (
        record(a=array(array(BIT, maxItems=2), maxItems=2)),
        [{("a",): 2, ("a", 0): 1, ("a", 1): 2}, {("a",): 1, ("a", 0): 0}, {("a",): 0}],
    ),
    "short words": (record(a=array(STR | {"pattern": "^[xy]?$"}, maxItems=3)), [{("a",): n} for n in (0, 1, 2)]),
    "of labels or lists": (
        record(a=array({"anyOf": [BIT, array({"const": 1}, maxItems=2)]}, maxItems=2)),
        [{("a",): n} for n in (0, 1)],
    ),
    "labels of very different lengths": (record(a=array({"enum": [1, 10101]}, maxItems=4)), [{("a",): 2}]),
    "words with commas": (record(a=array({"enum": ["x", "y,", ",x", "x,y"]}, maxItems=3)), [{("a",): 2}]),
}


def narrowed(description: cd.JsonSchema, counts: Any) -> cd.JsonSchema | And:
    items = [Items(place, number) for place, number in counts.items() if number is not None]
    return And((description, *items)) if items else description


@pytest.mark.parametrize("name", LISTS)
def test_of_the_values_with_so_many_items_none_is_lost_and_no_other_is_written(name):
    schema, cases = LISTS[name]
    compact, some = cd.JsonSchema(schema), 0
    for counts in cases:
        layout = replace(SMALL, objects=5)(compact, encode, STOP, counts=counts or {})
        assert layout is not None and not layout.slots

        def has_them(text: str, counts: Any = counts) -> bool:
            try:
                return all(number_of(json.loads(text), place) == number for place, number in counts.items())
            except LookupError:
                return False

        wanted = values(text for one in compact.dfa().members(500) if has_them(text := one.decode()))
        if not wanted:
            with pytest.raises(ConstraintUnsatisfiable):
                narrowed(compact, counts).compile(VOCABULARY)
            continue
        some += 1
        found = written(layout, narrowed(compact.but(whitespace="padded"), counts))
        assert values(found) == wanted and all(map(has_them, found))
    assert compact.dfa().is_finite and some


def test_given_commas_alone_do_not_say_how_many_items_there_are():
    """What is wrong: a room may hold several, and only the table says that it does not."""
    compact = cd.JsonSchema(record(a=array({"enum": [1, 10101]}, maxItems=4)))
    layout = SMALL(compact, encode, STOP, counts={("a",): 2})
    assert layout is not None
    padded = compact.but(whitespace="padded")
    numbers = {len(json.loads(text)["a"]) for text in written(layout, padded)}
    assert numbers == {2, 3, 4}
    assert {len(json.loads(text)["a"]) for text in written(layout, narrowed(padded, {("a",): 2}))} == {2}


def spelled(text: str) -> list[bytes]:
    return [one.encode() for one in text]


def test_a_string_that_goes_on_behind_a_given_comma_has_filled_its_room():
    compact = cd.JsonSchema(record(a=array(STR | {"pattern": "^[xy,]{0,4}$"}, maxItems=3)))
    layout = SMALL(compact, encode, STOP, counts={("a",): 2})
    assert layout is not None and seen(compact.schema, counts={("a",): 2}) == '{"a":[····,····]}$'
    found = written(layout, narrowed(compact.but(whitespace="padded"), {("a",): 2}))
    over = [text for text in found if text[6:10].count('"') % 2]  # an odd number: the comma behind it is in a string
    told = [text for text in found if layout.cut(spelled(text + "$"))]
    assert over and set(over) <= set(told) < set(found)


def test_a_room_that_is_full_is_told():
    schema = record(a=STR, b={"type": "boolean"}, c=array(INT), d=array({"const": 1}))
    layout = laid(schema, counts={("c",): 2, ("d",): 2})
    assert layout is not None and len(layout) == len(layout.given) == len(layout.segments)
    assert seen(schema, counts={("c",): 2, ("d",): 2}) == '{"a":····,"b":·····,"c":[····,····],"d":[·,·]}$'
    rooms = {"a": (1, 4), "b": (3, 5), "first": (5, 4), "second": (7, 4), "third": (9, 1), "fourth": (11, 1)}
    for number, wide in rooms.values():
        assert layout.segments.count(number) == wide
    assert layout.growing == [1, 5, 7]
    canvas = '{{"a":{},"b":{},"c":[{},{}],"d":[1,1]}}$'

    def cut(a: str, b: str, *c: str) -> list[int]:
        return layout.cut(spelled(canvas.format(a, b, *c)))

    assert cut('"x"\t', "false", "1\t\t\t", "22\t\t") == [], "what is known beforehand has its room"
    assert cut('"xx"', "true\t", "1\t\t\t", "22\t\t") == [1]
    assert cut('"x"\t', "true\t", "1\t\t\t", "2222") == [7]
    assert cut('"xx"', "true\t", "1111", "2222") == [1, 5, 7]


def test_rooms_are_doubled():
    layout = Layout(
        (Piece((1, 2)), Piece(room=4, grows=True), Piece((3,)), Piece(room=3, grows=True), Piece((4,))),
        frozenset({("a",)}),
    )
    assert len(layout) == 11
    wider = layout.wider([1], 99)
    assert wider.pieces[1].room == 8 and len(wider) == 15 and wider.given[:11] == [1, 2, *[-1] * 8, 3]
    assert layout.wider([1], 15) == wider and layout.wider([1], 14) == layout and layout.wider([], 99) == layout
    assert [one.room for one in layout.wider([1, 3], 99).pieces] == [0, 8, 0, 6, 0]
    assert wider.counted == layout.counted
    assert layout.segments == [-1, -1, 1, 1, 1, 1, -1, 3, 3, 3, -1]


@pytest.mark.parametrize("bad", [0, 3, -1, 4.0, True, None, "8"])
@pytest.mark.parametrize("name", ["strings", "numbers", "integers", "objects", "items"])
def test_rooms_that_are_none_are_refused(name, bad):
    if name == "items" and bad == 3:
        assert Rooms(items=3).items == 3 and Rooms(items=1).items == 1
        return
    with pytest.raises(InputError, match=name) as caught:
        Rooms(**{name: bad})
    assert caught.value.param == name


def test_a_plan_takes_a_layout_and_nothing_else():
    assert Plan.rooms().layout == Rooms() and Plan.default().layout is None
    assert Plan.rooms(layout=SMALL).layout is SMALL and Plan.rooms(temperature=1.0).layout == Rooms()
    for bad in ("x", Rooms, 8):
        with pytest.raises(InputError, match="layout") as caught:
            Plan(layout=bad)  # type: ignore[arg-type]
        assert caught.value.param == "layout"
