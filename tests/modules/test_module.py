"""A module means what its type means; its file is what was written, or a typed error."""

import hashlib
import json
import random
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from typing import Literal

import numpy as np
import pydantic
import pytest

import ctrldiff as cd
from ctrldiff.compiled import Compiled, Held
from ctrldiff.constraints.description import Description
from ctrldiff.errors import ConstraintError, ConstraintTooLarge, CtrldiffError, InputError, VocabularyError
from ctrldiff.json_schema import JsonSchema
from ctrldiff.limits import DEFAULT, Limits
from ctrldiff.modules import content, portable
from ctrldiff.modules.module import Module
from ctrldiff.tokens.token_automaton import ARRAYS

PIECES = [*(bytes([byte]) for byte in range(256)), b'":', b'{"', b"null", b"12"]
VOCABULARY = cd.Vocabulary.from_tokens([*PIECES, None, None], stop_ids=[len(PIECES)], pad_id=len(PIECES) + 1)
OTHER = cd.Vocabulary.from_tokens([*PIECES, b"ab", None], stop_ids=[len(PIECES) + 1])
TREE = {"type": "object", "properties": {"of": {"type": "array", "items": {"$ref": "#"}, "maxItems": 1}}}
TREE |= {"additionalProperties": False}
TAGS = {"type": "array", "items": {"type": "string", "maxLength": 2}, "maxItems": 3, "uniqueItems": True}
PAID = {
    "type": "object",
    "properties": {"to": {"type": "string"}, "sum": {"type": "number"}},
    "required": ["to", "sum"],
}
TYPES = {
    "schema": PAID,
    "with options": JsonSchema(PAID, optional="write", whitespace="pretty", digits=(3, 1), strings="any"),
    "recursive": TREE,
    "nothing twice": TAGS,
    "referring": {"$defs": {"n": {"type": "integer", "maximum": 9}}, "type": "array", "items": {"$ref": "#/$defs/n"}},
    "documents": JsonSchema({"$ref": "x:n"}, documents={"x:n": {"enum": [1, "é", None]}}),
    "pattern": cd.Regex("[a-c]{1,3}|é", ascii=True),
    "both": cd.Regex("a+b?") & cd.Regex("b", dialect="ecma", search=True),
    "choice": cd.Choice(["yes", "no", "né"]),
    "score": cd.Score(1, 5),
    "yes or no": cd.YesNo(),
    "text": str,
    "object": type("Paid", (pydantic.BaseModel,), {"__annotations__": {"to": str, "on": date}}),
}
TEXTS = ("", "Paid to Maria", "a: }", "12345678901234567890123 and 0.123456789")


def again(module, output=None, **how):
    return Module.from_bytes(module.to_bytes(), VOCABULARY, output, **how)


def over(output, held=Held()):
    return Compiled(output, None, VOCABULARY, cd.Prior(), DEFAULT, 48, 48, held)


def differs(compiled, other):
    """Where two compiled types are not the same, over some texts and canvases: their language, and what is read."""
    for text in TEXTS:
        for canvas in (None, 60):
            (one, table), (two, like) = compiled.of(text, canvas), other.of(text, canvas)
            arrays = all(np.array_equal(table.automaton.arrays[name], like.automaton.arrays[name]) for name in ARRAYS)
            same = (one.description, one.ask, one.keys, one.labels) == (two.description, two.ask, two.keys, two.labels)
            if not (arrays and same and table.proviso == like.proviso and table.longest == like.longest):
                return text, canvas
    return None


@pytest.mark.parametrize("name", TYPES)
def test_a_module_read_from_its_bytes_is_what_its_type_is(name):
    output = TYPES[name]
    module = Module.of(output, VOCABULARY)
    read = again(module)
    assert read.to_bytes() == module.to_bytes() and read.description == module.description
    assert differs(over(output), over(read.output, read.held)) is None
    assert differs(over(output), over(output, module.held)) is None


def test_a_module_with_the_table_of_another_text_would_be_found_out():
    module = Module.of(PAID, VOCABULARY, texts=["", "a: }"])
    plain, other = module.held.tables
    wrong = replace(module.held, tables={plain: module.held.tables[other], other: module.held.tables[plain]})
    assert differs(over(PAID), over(PAID, module.held)) is None and differs(over(PAID), over(PAID, wrong)) is not None


def test_what_is_held_is_not_compiled_again(monkeypatch):
    modules = {name: again(Module.of(output, VOCABULARY, texts=TEXTS)) for name, output in TYPES.items()}

    def never(*_):
        raise AssertionError("compiled")

    monkeypatch.setattr(Description, "compile", never)
    monkeypatch.setattr(JsonSchema, "reaching", never)
    for module in modules.values():
        for text in TEXTS:
            over(module.output, module.held).of(text)
    with pytest.raises(AssertionError, match="compiled"):
        over(PAID).of("")


def test_what_passed_the_limits_is_not_tried_again(monkeypatch):
    lift = Description.compile

    def narrow(self, *how):
        if isinstance(self, JsonSchema) and self.strings == "plain":
            raise ConstraintTooLarge("states", 2, 1)
        return lift(self, *how)

    monkeypatch.setattr(Description, "compile", narrow)
    module = again(Module.of(PAID, VOCABULARY))
    assert [one.strings for one in module.held.refused] == ["plain"] and [*module.held.tables] == [JsonSchema(PAID)]
    monkeypatch.setattr(Description, "compile", lambda *_: pytest.fail("compiled"))
    assert over(PAID, module.held).of("")[0].description == JsonSchema(PAID)


@pytest.fixture(scope="module")
def model():
    return cd.from_pretrained("tiny")


class Paid(pydantic.BaseModel):
    """What a test reads."""

    customer: str
    total: float | None


def test_a_module_answers_as_its_type_does(model, tmp_path):
    text = "Order 5512 for Maria Jensen, total due: EUR 308.80."
    asked = model(text, Paid)
    module = model.compile(Paid)
    module.save(tmp_path / "paid")
    for given, output in ((module, asked.output), (None, asked.output.model_dump()), (Paid, asked.output)):
        given = given if given is module else Module.load(tmp_path / "paid", model.vocabulary, given)
        told = model(text, given)
        assert told.output == output and type(told.output) is type(output)
        assert (told.raw, told.log_prob, told.usage.forwards) == (asked.raw, asked.log_prob, asked.usage.forwards)
    weighed = {"prior": cd.Prior.null(3.0, "total"), "temperature": 1.0, "seed": 3}
    assert model(text, module, **weighed).raw == model(text, Paid, **weighed).raw
    results = model.decode([cd.Request(text, module), cd.Request(text, Paid)])
    assert [one.raw for one in results] == [asked.raw, asked.raw]


def test_a_module_of_another_vocabulary_is_refused_where_it_is_used(model):
    with pytest.raises(VocabularyError, match="another vocabulary") as error:
        model("a text", Module.of(PAID, VOCABULARY))
    assert VOCABULARY.fingerprint in error.value.why and model.vocabulary.fingerprint in error.value.why


def test_a_file_says_what_it_belongs_to():
    data = Module.of(cd.Regex("ab?"), VOCABULARY).to_bytes()
    with pytest.raises(VocabularyError, match="another vocabulary") as error:
        Module.from_bytes(data, OTHER)
    assert (error.value.theirs, error.value.ours) == (VOCABULARY.fingerprint, OTHER.fingerprint)
    assert all(mark in str(error.value) for mark in (VOCABULARY.fingerprint, OTHER.fingerprint))
    with pytest.raises(InputError, match=rf"by ctrldiff 9\.8\.7; this is ctrldiff {cd.__version__}"):
        Module.from_bytes(resealed(data, version=b"9.8.7"), VOCABULARY)
    with pytest.raises(InputError, match=r"format 7; ctrldiff .+ reads format 1"):
        Module.from_bytes(data[:16] + b"\7" + data[17:], VOCABULARY)


def test_a_file_of_other_limits_is_refused_unless_they_are_given():
    limits = Limits(max_states=777)
    data = Module.of(PAID, VOCABULARY, limits=limits).to_bytes()
    with pytest.raises(InputError, match="within other limits: max_states=777"):
        Module.from_bytes(data, VOCABULARY)
    assert Module.from_bytes(data, VOCABULARY, limits=limits).limits == limits


def test_a_type_that_alone_reads_its_values_is_asked_for():
    for output in (date, bool, Literal[1, 2]):
        module = Module.of(output, VOCABULARY)
        with pytest.raises(InputError, match="alone says how its values are read") as raised:
            again(module)
        assert f"vocabulary, {output if output not in (date, bool) else output.__name__})" in str(raised.value)
        assert differs(over(output), over(output, again(module, output).held)) is None
    with pytest.raises(InputError, match="another type"):
        again(Module.of(date, VOCABULARY), bool)
    with pytest.raises(InputError, match="another type"):
        again(Module.of(Paid, VOCABULARY), PAID)


def test_what_cannot_be_kept_is_refused_by_name():
    template = Module.of(cd.Template("a {n}", n=int), VOCABULARY)
    for module in (template, Module.of(cd.Regex("ab").dfa(), VOCABULARY)):
        with pytest.raises(InputError, match="cannot be kept in a file"):
            module.to_bytes()
    with pytest.raises(InputError, match=r"^INPUT: Avoids.* cannot be kept in a file"):  # of two parts the one
        Module.of(cd.Regex("[ab]{3}") & cd.Avoids("ab", words=False, ascii=True), VOCABULARY).to_bytes()
    with pytest.raises(ConstraintError, match="compiled over each text"):
        Module.of({"type": "object", "properties": {"a": {"type": "string", "x-span": True}}}, VOCABULARY)
    with pytest.raises(InputError, match="texts is a str"):
        Module.of(PAID, VOCABULARY, texts="abc")


def test_files_that_are_none(tmp_path):
    module = Module.of(cd.Regex("ab?"), VOCABULARY)
    with pytest.raises(InputError, match="cannot be written"):
        module.save(tmp_path / "no" / "folder")
    module.save(tmp_path / "it")
    module.save(tmp_path / "it")
    assert [path.name for path in tmp_path.iterdir()] == ["it"]
    assert Module.load(tmp_path / "it", VOCABULARY).to_bytes() == module.to_bytes()
    with ThreadPoolExecutor(4) as threads:  # one file from many threads: each writes its own part
        list(threads.map(lambda _: module.save(tmp_path / "it"), range(200)))
    assert [path.name for path in tmp_path.iterdir()] == ["it"]
    (tmp_path / "huge").touch()
    with (tmp_path / "huge").open("r+b") as file:
        file.truncate(content.LARGEST + 1)  # a hole: it takes no place on the disk
    for name, why in (("none", "cannot be read"), (".", "no file of up to"), ("huge", "no file of up to")):
        with pytest.raises(InputError, match=why):
            Module.load(tmp_path / name, VOCABULARY)


SMALL = Module.of(TREE, VOCABULARY, texts=["", "}"])
DATA = SMALL.to_bytes()


def test_a_flipped_byte_anywhere_is_a_typed_error():
    """Every byte of the head and of the JSON text, and one in 97 of the tables."""
    words = content._HEAD.size + content._HEAD.unpack_from(DATA)[6]
    for at in [*range(words + 200), *range(words + 200, len(DATA) - 40, 97), *range(len(DATA) - 40, len(DATA))]:
        damaged = bytearray(DATA)
        damaged[at] ^= 0x41
        with pytest.raises((InputError, VocabularyError)):
            Module.from_bytes(bytes(damaged), VOCABULARY)


def test_a_cut_or_longer_file_is_a_typed_error():
    for data in [*(DATA[:n] for n in range(0, len(DATA), 211)), DATA + b"\0", DATA * 2]:
        with pytest.raises(InputError):
            Module.from_bytes(data, VOCABULARY)


def resealed(data, **head):
    """Data with these fields of its head, under a good checksum."""
    names = ("magic", "form", "version", "mark", "size", "tables", "words", "body")
    fields = dict(zip(names, content._HEAD.unpack_from(data), strict=True)) | head
    whole = content._HEAD.pack(*fields.values()) + data[content._HEAD.size : -32]
    return whole + hashlib.blake2b(whole, digest_size=32).digest()


def with_words(change):
    """The file with another JSON text, told by a head that fits, under a good checksum."""
    n_words = content._HEAD.unpack_from(DATA)[6]
    start = content._HEAD.size
    words = change(json.loads(DATA[start : start + n_words]))
    words = words if isinstance(words, bytes) else json.dumps(words).encode()
    return resealed(DATA[:start] + words + DATA[start + n_words :], words=len(words))


def lies(tmp_path):
    (tmp_path / "secret.json").write_text('{"type": "null"}')
    path = {"kind": "JsonSchema", "schema": str(tmp_path / "secret.json"), "options": {}}
    beside = {"kind": "JsonSchema", "schema": "{}", "options": {"documents": [["a:b", path["schema"]]]}}
    folder = {"kind": "JsonSchema", "schema": "{}", "options": {"documents": str(tmp_path)}}
    deep = b'{"descriptions":' + b"[" * 200_000
    first = [path, beside, folder, {"kind": "JsonSchema", "schema": "{}", "options": {"given": 1}}, {"kind": "Dfa"}]
    first += [{"kind": "Regex", "pattern": 5}, {"kind": "Text", "empty": 1}, {"but": {}}, 7, None, {"kind": []}]
    first += [{"kind": "Regex", "pattern": "a", "dialect": "perl", "search": False, "ascii": False}]
    first += [
        {"kind": "Choice", "labels": [1]},
        {"kind": "Score", "low": 1, "high": 10**9},
        {"kind": "And", "parts": 3},
    ]
    first += [{"kind": "JsonSchema", "schema": '{"a": NaN}', "options": {}}, {"kind": "JsonSchema", "schema": "["}]
    yield from (lambda head, one=one: head | {"descriptions": [one, *head["descriptions"][1:]]} for one in first)
    yield lambda head: deep
    yield lambda head: b"\xff\xfe"
    yield lambda head: []
    for name in SMALL_HEAD:
        yield lambda head, name=name: {key: value for key, value in head.items() if key != name}
        yield lambda head, name=name: head | {name: 3}
    yield lambda head: head | {"tables": head["tables"][1:]}
    yield lambda head: head | {"tables": head["tables"][::-1]}  # each under the name of another
    yield lambda head: head | {"tables": [[n, "none"] for n, _ in head["tables"]]}
    yield lambda head: head | {"tables": [[n, "own"] for n, _ in head["tables"]]}  # which would compile
    yield lambda head: head | {"tables": [[-1, None] for _ in head["tables"]]}
    yield lambda head: head | {"reached": [[0, 5, 99]]}
    yield lambda head: head | {"limits": head["limits"] | {"max_states": 10**12}}
    yield lambda head: head | {"limits": {}}


SMALL_HEAD = ("named", "limits", "descriptions", "tables", "reached", "refused")


def test_a_lie_with_a_good_checksum_is_a_typed_error(tmp_path):
    assert Module.from_bytes(with_words(lambda head: head), VOCABULARY).to_bytes() == DATA
    for lie in lies(tmp_path):
        with pytest.raises(InputError):
            Module.from_bytes(with_words(lie), VOCABULARY)
    for head in ({"words": 2**60}, {"body": 2**63}, {"tables": 2**31}, {"words": 0}, {"tables": 1}, {"tables": 60}):
        with pytest.raises(InputError):
            Module.from_bytes(resealed(DATA, **head), VOCABULARY)


def test_small_parts_that_grow_in_memory_are_refused_before_they_are_read():
    start = content._HEAD.size
    nothing = DATA[:start] + b"{}" + bytes(8_000_000) + DATA[-32:]  # a million tables of no bytes
    lists = DATA[:start] + b"[" + b"[]," * (content.MOST_WORDS // 3) + b"[]]" + DATA[-32:]
    for data, head in (
        (nothing, {"words": 2, "tables": 1_000_000, "body": 8_000_000}),
        (nothing, {"words": 2, "tables": 64, "body": 8_000_000}),
        (lists, {"words": len(lists) - start - 32, "tables": 0, "body": 0}),
    ):
        data = resealed(data, **head)
        tracemalloc.start()
        with pytest.raises(InputError):
            Module.from_bytes(data, VOCABULARY)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
        tracemalloc.stop()
    label = "x" * content.MOST_WORDS
    with pytest.raises(InputError, match="too many for a file"):
        replace(SMALL, description=cd.Choice([label]), held=Held()).to_bytes()


def test_tables_that_lie_under_good_checksums_are_errors_or_sound():
    """Whoever can write a file can make it say another language, but no state, edge, token or length that is none."""
    rng = random.Random(5)
    automaton = SMALL.held.tables[next(iter(SMALL.held.tables))].automaton
    refused = accepted = 0
    for _ in range(400):
        name = rng.choice([*ARRAYS, "longest", "tail", "n_classes"])
        changed = {}
        if name in ARRAYS:
            array = automaton.arrays[name].copy()
            at = rng.randrange(len(array))
            array[at] = rng.choice([0, 1, 2, array[at] + 1 if name != "accept" else not array[at]])
            changed[name] = array
        else:
            changed[name] = rng.choice([0, 1, 5, (getattr(automaton, name) or 0) + 1])
        try:
            lied = replace(automaton, **changed)
        except CtrldiffError:
            continue
        lied_tables = {
            of: replace(table, automaton=lied) if table.automaton is automaton else table
            for of, table in SMALL.held.tables.items()
        }
        data = replace(SMALL, held=replace(SMALL.held, tables=lied_tables)).to_bytes()
        try:
            read = Module.from_bytes(data, VOCABULARY)
        except InputError:
            refused += 1
            continue
        accepted += 1
        for table in read.held.tables.values():
            scores = np.random.default_rng(0).normal(size=(table.shortest + 3, VOCABULARY.size)).astype(np.float32)
            tokens = table.bind(scores).map()
            assert table.shortest <= len(tokens) and VOCABULARY.decode(tokens) is not None
    assert refused > 100 and accepted


def test_descriptions_are_told_and_read_back():
    for output in TYPES.values():
        description = cd.output_type(output).description
        assert portable.read(json.loads(json.dumps(portable.said(description)))) == description
    plain = JsonSchema(PAID).plain("")
    assert set(portable.said(plain, JsonSchema(PAID))) == {"but"}
    assert portable.read(portable.said(plain, JsonSchema(PAID)), JsonSchema(PAID)) == plain
