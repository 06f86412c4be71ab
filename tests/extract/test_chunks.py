"""A text in parts is all of the text, and the answers to its parts are one answer."""

import json
import random
from itertools import pairwise
from types import SimpleNamespace

import pytest

import ctrldiff as cd
from ctrldiff.extract.chunks import Part, cut, merge
from ctrldiff.extract.decoder import GeneratorDecoder
from ctrldiff.extract.found import Document, Found
from ctrldiff.extract.rows import Chunk, row_of
from ctrldiff.extract.spans import places, span_places
from ctrldiff.fields import Field


def words(text: str) -> int:
    """Tokens of a tokenizer whose tokens are four characters at most."""
    return (len(text) + 3) // 4


@pytest.mark.parametrize("seed", range(40))
def test_parts_are_all_of_a_text_within_their_length_and_overlap_by_whole_sentences(seed):
    draw = random.Random(seed)
    pieces = [
        draw.choice(["Word", "a b c.", "End! ", "\n\n", "x" * draw.randrange(300), " ", "句子。"]) for _ in range(80)
    ]
    text = "".join(pieces)
    most, overlap = draw.randrange(6, 60), draw.randrange(0, 40)
    parts = cut(text, most, overlap, words)
    assert parts[0][0] == 0 and parts[-1][1] == len(text)
    assert all(words(text[start:end]) <= most for start, end in parts if end - start > 1)
    for (a, b), (c, d) in pairwise(parts):
        assert a < c <= b < d, "each goes on where the one before it ended, or earlier"
        assert words(text[c:b]) <= overlap + 1
    if overlap == 0:
        assert "".join(text[start:end] for start, end in parts) == text


def test_a_text_is_cut_between_sentences():
    text = "First one here. Second one here! Third? " + "Last."
    parts = cut(text, 13, 0, words)
    assert [text[start:end] for start, end in parts] == ["First one here. Second one here! ", "Third? Last."]


def place(start, end):
    return [{"start": start, "end": end}]


def test_values_are_merged_by_their_own_probability_and_null_says_nothing():
    a = Part({"who": "Ann", "total": 5, "due": None}, 0.9, {"/who": 0.6, "/total": 0.9, "/due": 0.99})
    b = Part({"who": "Bob", "total": 7, "due": "May"}, 0.9, {"/who": 0.8, "/total": 0.7, "/due": 0.55})
    c = Part({"who": None, "total": None, "due": "June"}, 0.9, {"/who": 0.99, "/total": 0.99, "/due": 0.3})
    assert merge([a, b, c]).value == {"who": "Bob", "total": 5, "due": "May"}
    assert merge([a, c]).value["due"] is None, "less probable than a coin's side"
    assert merge([Part({"x": "forced"}, 0.9, {}, {}, frozenset({"/x"})), Part({"x": "own"}, 0.5)]).value == {"x": "own"}
    assert merge([Part(3, 0.4), Part(4, 0.6)]).value == 4 and merge([Part("a", 0.5), Part("b", 0.5)]).value == "a"


def test_lists_are_joined_and_what_stands_at_one_place_comes_once():
    a = Part({"items": ["x", "y"]}, 0.9, {}, {"/items/0": place(3, 4), "/items/1": place(9, 10)})
    b = Part({"items": ["y", "x"]}, 0.9, {}, {"/items/0": place(9, 10), "/items/1": place(40, 41)})
    merged = merge([a, b])
    assert merged.value == {"items": ["x", "y", "x"]}
    assert merged.moved([a.spans, b.spans]) == {
        "/items/0": place(3, 4),
        "/items/1": place(9, 10),
        "/items/2": place(40, 41),
    }
    deep = [Part([{"n": "x", "k": 1}], 0.9, {}, {"/0/n": place(n, n + 1)}) for n in (3, 3, 8)]
    assert len(merge(deep).value) == 2
    twice = place(3, 4) + place(9, 10)
    a = Part(["x", "x"], 0.9, {}, {"/0": twice, "/1": twice})
    b = Part(["x", "x"], 0.9, {}, {"/0": place(9, 10) + place(40, 41), "/1": place(40, 41)})
    assert merge([a, Part([], 0.9)]).value == ["x", "x"], "what one part says twice"
    assert merge([a, b]).value == ["x", "x", "x"]
    assert merge([Part([5, 5], 0.9), Part([5], 0.9), Part([5, 5, 5], 0.9)]).value == [5] * 4
    bare = [Part(["a", "b"], 0.9), Part(["b", "c"], 0.9), Part(["a"], 0.9)]
    assert merge(bare).value == ["a", "b", "c", "a"], "only the part before can have shared it"


def test_places_are_whole_words_if_they_are_that_anywhere():
    assert places("art", "party art art.") == [(6, 9), (10, 13)] and places("art", "party") == [(1, 4)]
    assert places("a.b", "axb a.b") == [(4, 7)] and places("", "a") == [] and len(places("a", "a " * 99)) == 20


def test_spans_are_found_wherever_a_schema_has_them():
    schema = {
        "$defs": {"name": {"anyOf": [{"type": "string", "x-span": True}, {"type": "null"}]}},
        "properties": {
            "a/b": {"$ref": "#/$defs/name"},
            "list": {"items": {"properties": {"n": {"$ref": "#/$defs/name"}, "m": {"type": "string"}}}},
            "self": {"$ref": "#"},
        },
        "anyOf": [{"$ref": "#"}],
    }
    value = {"a/b": "Ann", "list": [{"n": None, "m": "Ann"}, {"n": "Bob"}], "self": {"a/b": "Bob"}}
    found = span_places(cd.JsonSchema(schema).shape(), value, "Ann, Bob")
    assert found == {"/a~1b": [(0, 3)], "/list/1/n": [(5, 8)], "/self/a~1b": [(5, 8)]}


def test_what_is_said_of_a_value_under_an_empty_key_is_kept():
    usage = SimpleNamespace(prompt_tokens=1, answer_tokens=1, canvas=1, forwards=1, other_calls=0, seconds=0.0)

    def result(value, prob):
        told = Field("x", (0, 1), prob, prob, None, "string")
        fields = {"/": told, "//a": told, "b": told}
        shared = {"usage": usage, "log_prob": -1.0, "full": False, "flags": (), "grounded": {}, "fields": fields}
        return SimpleNamespace(output={"": {"a": value}, "b": value}, **shared)

    document = Document({}, "one two")
    for chunks, names in (([(0, 7, 0.5)], ["/", "//a", "b"]), ([(0, 3, 0.2), (3, 7, 0.9)], ["//a", "b"])):
        parts = [Chunk(start, end, result(str(prob), prob)) for start, end, prob in chunks]
        record, _ = row_of(
            Found("", 1, b"", lambda: document), document, parts, lambda *of: {}, lambda value, text: value
        )
        assert list(record["fields"]) == names
        assert {one["prob"] for one in record["fields"].values()} == {chunks[-1][2]}


SPAN = {"type": "string", "x-span": True}
BOTH = {"type": "object", "properties": {"k": {"const": 1}, "n": {"type": "string"}}, "required": ["k", "n"]}


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"patternProperties": {"^n": SPAN}}, {"n": "Ann"}),
        ({"additionalProperties": SPAN}, {"n": "Ann"}),
        ({"properties": {"m": {}}, "unevaluatedProperties": SPAN}, {"n": "Ann"}),
        (BOTH | {"if": {"properties": {"k": {"const": 1}}}, "then": {"properties": {"n": SPAN}}}, {"k": 1, "n": "Ann"}),
        (BOTH | {"dependentSchemas": {"k": {"properties": {"n": SPAN}}}}, {"k": 1, "n": "Ann"}),
        ({"properties": {"n": {"$ref": "#s"}}, "$defs": {"s": SPAN | {"$anchor": "s"}}}, {"n": "Ann"}),
        ({"properties": {"n": {"$ref": "#/$defs/a%20b"}}, "$defs": {"a b": SPAN}}, {"n": "Ann"}),
        ({"properties": {"m": {"anyOf": [SPAN]}, "n": {"$ref": "#/properties/m/anyOf/0"}}}, {"n": "Ann"}),
        ({"properties": {"n": {"$ref": "other"}}, "$defs": {"x": SPAN | {"$id": "other"}}}, {"n": "Ann"}),
        ({"$schema": "http://json-schema.org/draft-07/schema#", "items": [SPAN]}, ["Ann"]),
        ({"prefixItems": [SPAN]}, ["Ann"]),
        ({"contains": SPAN}, ["Ann"]),
    ],
)
def test_a_span_is_found_under_every_keyword_that_holds_schemas(schema, value):
    at = "/n" if isinstance(value, dict) else "/0"
    assert span_places(cd.JsonSchema(schema).shape(), value, "Dear Ann") == {at: [(5, 8)]}
    assert span_places(cd.JsonSchema({"properties": {"m": SPAN}, "prefixItems": []}).shape(), value, "Dear Ann") == {}


SCHEMA = {
    "type": "object",
    "properties": {"customer": {"type": "string", "x-span": True}, "total": {"type": "number"}},
    "required": ["customer", "total"],
}


@pytest.fixture(scope="module")
def generator():
    return cd.Generator(cd.from_pretrained("tiny"), SCHEMA)


def test_what_fits_is_read_whole_and_what_does_not_in_parts_that_fit(generator):
    decoder = GeneratorDecoder(generator)
    text = "Invoice for Maria Jensen, total due: EUR 308.80. "
    assert decoder.split(text) == [(0, len(text))] and decoder.split([{"role": "user", "content": "x"}]) == [(0, 0)]
    assert len(GeneratorDecoder(generator, chunk=8).split(text)) > 1
    long = text * 60
    for one in (decoder, GeneratorDecoder(generator, chunk=10_000), GeneratorDecoder(generator, overlap=0)):
        parts = one.split(long)
        assert len(parts) > 3 and all(generator.check(long[start:end]) for start, end in parts[:2])
    assert sum(end - start for start, end in parts) == len(long)


@pytest.mark.parametrize(("name", "value"), [("chunk", 0), ("chunk", 2.5), ("chunk", True), ("overlap", -1)])
def test_tokens_of_a_part_that_could_not_be_are_refused(generator, name, value):
    with pytest.raises(cd.errors.InputError, match=f"{name}={value}: an int"):
        GeneratorDecoder(generator, **{name: value})


@pytest.mark.parametrize("limit", [1, 3])
def test_what_parts_make_together_obeys_the_schema(tmp_path, generator, limit):
    schema = {"type": "array", "items": {"type": "string", "x-span": True}, "maxItems": limit}
    made = cd.Generator(generator.model, schema, steps=2)
    decoder = GeneratorDecoder(made)
    assert decoder.reread(["a"] * limit, "a") == ["a"] * limit
    with pytest.raises(cd.errors.InputError):
        decoder.reread(["a"] * (limit + 1), "a")


def test_what_a_schema_leads_to_in_another_document_holds_for_parts_too(generator):
    name = {"$id": "http://names/name", "type": "string", "x-span": True, "maxLength": 3}
    schema = cd.JsonSchema(
        {"items": {"$ref": "http://names/name"}, "type": "array"}, documents={"http://names/name": name}
    )
    decoder = GeneratorDecoder(cd.Generator(generator.model, schema))
    assert decoder.spans(["Ann", "Bob"], "Ann, Bob") == {"/0": [(0, 3)], "/1": [(5, 8)]}
    assert decoder.reread(["Ann"], "Ann, Bob") == ["Ann"]
    with pytest.raises(cd.errors.InputError, match="/0"):
        decoder.reread(["Ann, Bob"], "Ann, Bob")


@pytest.mark.slow
def test_a_long_document_has_its_values_its_places_and_says_what_was_done(tmp_path, generator):
    filler = "Nothing of note happened on that day. " * 40
    text = f"{filler}Invoice for Maria Jensen, total due: EUR 308.80. {filler}"
    (tmp_path / "in").write_text(json.dumps({"text": text}) + "\n")
    for size in (1, 5):
        one = cd.Generator(generator.model, SCHEMA, batch_size=size)
        cd.extract.extract_file(one, tmp_path / "in", tmp_path / f"out{size}")
    assert (tmp_path / "out1").read_bytes() == (tmp_path / "out5").read_bytes()
    (row,) = map(json.loads, (tmp_path / "out1").open())
    assert row["output"]["total"] == 308.8 and len(row["chunks"]) > 3 and row["fields"]["total"]["prob"] > 0.5
    assert all(text[one["start"] : one["end"]] == row["output"]["customer"] for one in row["spans"]["/customer"])
