"""How canvases are laid out: what stands on them, by eye; that no value is lost to a room, by trying every string."""

import json
import string as letters
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import ctrldiff as cd
from ctrldiff.errors import InputError
from ctrldiff.layout import Layout, Piece, Rooms
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


def laid(schema: Any, rooms: Rooms = SMALL, **how: Any) -> Layout | None:
    return rooms(cd.JsonSchema(schema, **how), encode, STOP)


def seen(schema: Any, rooms: Rooms = SMALL, **how: Any) -> str | None:
    """The canvas, a dot for each open position, $ for the end."""
    layout = laid(schema, rooms, **how)
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
    "a list": (record(a={"type": "array", "items": {"enum": [1]}}, b=INT), '{"a":[······],"b":·····}$'),
    "a list of records": (record(a={"type": "array", "items": record(k={"enum": [1]})}), '{"a":[··················]}$'),
    "a list or null": (
        record(a={"type": ["array", "null"], "items": {"enum": [1]}}, b=INT),
        '{"a":··········,"b":·····}$',
    ),
    "a list or null, of two": (
        record(a={"anyOf": [{"type": "array", "items": {"enum": [1]}}, NULL]}),
        '{"a":··········}$',
    ),
    "an object or null": (record(a={"anyOf": [record(b=INT), NULL]}, c=INT), '{"a":········,"c":·····}$'),
    "a long string": (record(a=STR | {"minLength": 7}), '{"a":·········}$'),
    "by reference": (
        {"$defs": {"p": record(b=INT)}, **record(a={"$ref": "#/$defs/p"})},
        '{"a":{"b":·····}}$',
    ),
    "all of them": ({"allOf": [record(a=INT), {"required": ["a"]}]}, '{"a":·····}$'),
    "a list by place": (record(a={"type": "array", "prefixItems": [INT], "items": False}), '{"a":········}$'),
    "of children": (
        {"$defs": {"n": record(v=INT, c={"type": "array", "items": {"$ref": "#/$defs/n"}})}, "$ref": "#/$defs/n"},
        '{"v":·····,"c":[' + "·" * 2 * (3 + 5 + 4 + 5 + 8) + "]}$",
    ),
}


@pytest.mark.parametrize("name", LAID_OUT)
def test_what_stands_on_a_canvas_before_the_first_step(name):
    schema, wanted = LAID_OUT[name]
    assert seen(schema) == wanted


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
    "a list": {"type": "array", "items": record(a=INT)},
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
    "a list": (record(a={"type": "array", "items": BIT, "maxItems": 2}), {}),
    "a list of one or two": (
        record(a={"type": "array", "items": {"type": "boolean"}, "minItems": 1, "maxItems": 2}),
        {},
    ),
    "a list or null": (record(a={"type": ["array", "null"], "items": {"const": 1}, "maxItems": 2}), {}),
    "distinct": (record(a={"type": "array", "items": BIT, "uniqueItems": True}), {}),
    "nested": (record(a=record(b=BIT, c=record(d=BIT)), e={"anyOf": [record(f=BIT), NULL]}), {}),
    "whole numbers": (record(a=INT | {"minimum": -12, "maximum": 9}), {}),
    "in escapes": (record(a={"enum": ["é", "x"]}), {"ascii": True}),
    "always written": (record([], a=BIT, b={"type": ["boolean", "null"]}), {"optional": "write"}),
    "not always": (record(["a"], a=BIT, b=record(["c"], c=BIT, d=BIT)) | {"required": ["a", "b"]}, {}),
}


@pytest.mark.parametrize("name", FINITE)
def test_no_value_is_lost_to_a_room(name):
    schema, how = FINITE[name]
    compact = cd.JsonSchema(schema, **how)
    layout = replace(SMALL, objects=16)(compact, encode, STOP)
    assert layout is not None
    dfa = compact.but(whitespace="padded").dfa()
    step = dfa.table[:, dfa.classes].astype(np.int32)
    nothing = np.zeros((len(layout), VOCABULARY.size), np.float32)
    strings = try_every_string(Case(step, dfa.accept, VOCABULARY, nothing, np.array(layout.given))).strings
    found = {json.dumps(json.loads(VOCABULARY.decode(row.tolist())), sort_keys=True) for row in strings}
    assert compact.dfa().is_finite
    wanted = {json.dumps(json.loads(one), sort_keys=True) for one in compact.dfa().members(500)}
    assert found == wanted and len(found) > 1


def spelled(text: str) -> list[bytes]:
    return [one.encode() for one in text]


def test_a_room_that_is_full_and_a_list_whose_last_room_is_used_are_told():
    layout = laid(record(a=STR, b={"type": "boolean"}, c={"type": "array", "items": {"const": 1}}))
    assert layout is not None and len(layout) == len(layout.given) == len(layout.segments)
    assert seen(record(a=STR, b={"type": "boolean"}, c={"type": "array", "items": {"const": 1}})) == (
        '{"a":····,"b":·····,"c":[······]}$'
    )
    for room, number in (("x", 1), ("b", 3), ("first", 5), ("last", 6)):
        assert layout.segments.count(number) == {"x": 4, "b": 5, "first": 3, "last": 3}[room]
    canvas = '{{"a":{},"b":{},"c":[{}]}}$'

    def cut(a: str, b: str, c: str) -> list[int]:
        return layout.cut(spelled(canvas.format(a, b, c)))

    assert cut('"x"\t', "false", "1\t\t\t\t\t") == [], "what is known beforehand has its room"
    assert cut('"xx"', "true\t", "1\t\t\t\t\t") == [1]
    assert cut('"x"\t', "true\t", "1\t\t,1\t") == [6]
    assert cut('"x"\t', "true\t", "1\t,1,1") == [5, 6]


def test_rooms_are_doubled_and_lists_go_on():
    layout = Layout(
        (Piece((1, 2)), Piece(room=4, grows=True), Piece((3,)), Piece(room=3, grows=True, more=1), Piece((4,)))
    )
    assert len(layout) == 11
    wider = layout.wider([1], 99)
    assert wider.pieces[1].room == 8 and len(wider) == 15 and wider.given[:11] == [1, 2, *[-1] * 8, 3]
    assert layout.wider([1], 15) == wider and layout.wider([1], 14) == layout and layout.wider([], 99) == layout
    longer = layout.wider([3], 99)
    assert [one.room for one in longer.pieces] == [0, 4, 0, 3, 3, 0]
    assert [one.more for one in longer.pieces] == [0, 0, 0, 0, 2, 0]
    again = longer.wider([4], 99)
    assert [one.room for one in again.pieces] == [0, 4, 0, 3, 3, 3, 3, 0] and again.pieces[6].more == 4
    assert longer.segments == [-1, -1, 1, 1, 1, 1, -1, 3, 3, 3, 4, 4, 4, -1]


@pytest.mark.parametrize("bad", [0, 3, -1, 4.0, True, None, "8"])
@pytest.mark.parametrize("name", ["strings", "numbers", "integers", "objects", "items"])
def test_rooms_that_are_none_are_refused(name, bad):
    if name == "items" and bad == 3:
        assert Rooms(items=3).items == 3
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
