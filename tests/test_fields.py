"""How probable a value is: against every legal answer tried, and through the front door."""

import json
import math
import pickle
from itertools import product
from typing import Literal

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

import ctrldiff as cd
from ctrldiff.decisions import fields_of, forced_bytes, json_end
from ctrldiff.errors import InputError, Unsure
from ctrldiff.evaluate.equal import right_at
from ctrldiff.fields import Field, counted_fields
from ctrldiff.models.callable import from_callable
from ctrldiff.models.spec import ModelSpec
from ctrldiff.sampling.counts import Count
from ctrldiff.tokens.vocabulary import Vocabulary
from tests.conftest import few
from tests.counting import counting
from tests.test_doubt import VALUES, leaves

TOKENS = [b'{"a":', b'{"a":"', b"null", b',"b":', b'"', b'","b":', b"x", b"7", b"77", b"[", b"]", b"7,", b"}", b"]}"]
VOCABULARY = Vocabulary.from_tokens([*TOKENS, None, None], stop_ids=[14])
V, MASK, STOP = 16, 15, 14
SCHEMA = cd.JsonSchema(
    {
        "type": "object",
        "properties": {
            "a": {"type": ["string", "null"], "pattern": "^x*$"},
            "b": {"anyOf": [{"type": "array", "items": {"enum": [7, 77]}, "maxItems": 2}, {"type": "null"}]},
        },
        "required": ["a", "b"],
    }
)
T = 7


def network(seed):
    """Logits that depend on all that is written, and on the position."""
    weight = torch.from_numpy(np.random.default_rng(seed).normal(size=(T + 1, V, V))).float()

    def scores(ids):
        canvas = ids[:, 1:]
        seen = torch.stack([weight[t, canvas[:, t]] for t in range(T)], 1).sum(1)
        out = torch.zeros(len(ids), 1 + T, V)
        out[:, 1:] = 2 * torch.sin(seen[:, None, :] + torch.arange(T)[None, :, None] * weight[T, 0])
        return out

    return scores


def model_of(seed):
    spec = ModelSpec(stop_ids=(STOP,), n_tokens=V, context=1 + T, mask_id=MASK)
    return from_callable(network(seed), spec, VOCABULARY)


def canvases():
    """Every legal canvas, and its text."""
    out = []

    def extend(ids, text):
        if len(ids) == T:
            if text in SCHEMA:
                out.append((ids, text))
            return
        if text in SCHEMA:
            out.append((ids + (STOP,) * (T - len(ids)), text))
        for token, spelled in enumerate(TOKENS):
            if alive(text + spelled):
                extend((*ids, token), text + spelled)

    extend((), b"")
    return out


def alive(text, dfa=SCHEMA.dfa()):
    state = 0
    for byte in text:
        state = dfa.table[state, dfa.classes[byte]]
        if state < 0:
            return False
    return True


CANVASES = canvases()


def log_probs(denoiser, written):
    state = cd.State.blank([[0]], T, written=torch.tensor([written]))
    logits = denoiser(denoiser.noise(state))[0].double()
    return (logits - logits.logsumexp(-1, keepdim=True)).numpy()


def leftmost(scores, written):
    """{canvas: probability} by the definition: the first open token on its own evidence, the others given it."""
    return by_first(scores, written, [ids for ids, _ in CANVASES])


def by_first(scores, written, among):
    """`leftmost`, of these canvases."""
    t = written.index(-1)
    agree = [ids for ids in among if all(w in (-1, v) for w, v in zip(written, ids))]
    weight = {ids: math.exp(sum(scores[k, ids[k]] for k in range(T) if written[k] < 0 and k != t)) for ids in agree}
    groups = {u: sum(w for ids, w in weight.items() if ids[t] == u) for u in {ids[t] for ids in agree}}
    own = {u: math.exp(scores[t, u]) for u in groups}
    total = sum(own.values())
    return {ids: own[ids[t]] / total * w / groups[ids[t]] for ids, w in weight.items()}


def text_of(ids):
    return b"".join(TOKENS[v] for v in ids if v < len(TOKENS))


def said(ids):
    """How an answer says "a"."""
    return json.dumps(json.loads(text_of(ids))["a"])


@pytest.mark.parametrize("seed", few(range(6), 2))
def test_a_probability_is_that_of_every_answer_that_says_so(seed):
    denoiser, table = model_of(seed), SCHEMA.compile(VOCABULARY)
    for pick in np.random.default_rng(seed).integers(len(CANVASES), size=6):
        ids, text = CANVASES[pick]
        # `{"a":` and `{"a":"` are two tokens: between them is decided with nothing written.
        settled = table.forced(np.full(T, -1)).tolist()
        parts = list(leftmost(log_probs(denoiser, settled), settled).items())
        if ids[0] == 0:  # `{"a":` was written: what follows is told by a pass that sees it
            settled = table.forced(np.array([0] + [-1] * (T - 1))).tolist()
            share = sum(p for other, p in parts if other[0] == 0)
            seen = leftmost(log_probs(denoiser, settled), settled)
            parts = [(other, p) for other, p in parts if other[0]] + [(one, share * p) for one, p in seen.items()]
        want = {}
        for other, p in parts:
            want[said(other)] = want.get(said(other), 0) + p
        fields, _ = fields_of(text.decode(), ids, [0], table, denoiser, SCHEMA)
        got = fields["a"]
        assert got.text == said(ids) and sum(want.values()) == pytest.approx(1)
        assert got.exact == pytest.approx(want.pop(got.text), abs=1e-5)
        assert dict(got.others) == {name: pytest.approx(p, abs=1e-5) for name, p in want.items()}


@pytest.mark.parametrize(
    "pattern", ["x?", "7?", "xx?", "x(7|77?)?", "[x7]{0,2}", "x{2}7?", r"\[7?\]?", r"\{?", "77", "(x|7x|77)"]
)
@pytest.mark.parametrize("seed", few(range(4), 1))
def test_a_text_that_is_no_json_is_as_probable_as_all_its_canvases(pattern, seed):
    denoiser, regex = model_of(seed), cd.Regex(pattern)
    table, extra = regex.compile(VOCABULARY), [v for v, word in enumerate(TOKENS) if set(word) <= set(b"x7[]{}")]
    legal = [ids for n in range(4) for ids in product(extra, repeat=n) if text_of(ids) in regex]
    among = [(*ids, *[STOP] * (T - len(ids))) for ids in legal]
    settled = table.forced(np.full(T, -1)).tolist()
    want = {}
    if -1 in settled:
        for ids, p in by_first(log_probs(denoiser, settled), settled, among).items():
            want[text_of(ids).decode()] = want.get(text_of(ids).decode(), 0.0) + p
    for ids in among:
        text = text_of(ids).decode()
        fields, _ = fields_of(text, ids, [0], table, denoiser, regex, document=f"7 x {text}.")
        others = {name: p for name, p in want.items() if name != text}
        assert list(fields) == [""] and fields[""].exact == pytest.approx(want.get(text, 1.0), abs=1e-5)
        assert fields[""].kind == "string" and (fields[""].source is None) == (not text)
        if len(others) <= 5:
            assert dict(fields[""].others) == {name: pytest.approx(p, abs=1e-5) for name, p in others.items()}


@pytest.mark.parametrize("seed", few(range(4), 2))
def test_what_was_given_stands_in_every_pass(seed):
    denoiser, table = model_of(seed), SCHEMA.compile(VOCABULARY)
    told_apart = 0
    for ids, text in CANVASES[seed::23]:
        at = next(t for t, v in enumerate(ids) if v in (3, 5))  # the key "b", in its place from the beginning
        given = [v if t == at else -1 for t, v in enumerate(ids)]
        settled = table.forced(np.array(given)).tolist()
        parts = list(leftmost(log_probs(denoiser, settled), settled).items()) if -1 in settled else [(ids, 1.0)]
        if ids[0] == 0 and any(v < 0 for v in settled):
            settled = table.forced(np.array([0, *given[1:]])).tolist()
            share = sum(p for other, p in parts if other[0] == 0)
            seen = leftmost(log_probs(denoiser, settled), settled) if -1 in settled else {ids: 1.0}
            parts = [(other, p) for other, p in parts if other[0]] + [(one, share * p) for one, p in seen.items()]
        want = sum(p for other, p in parts if said(other) == said(ids))
        found, _ = fields_of(text.decode(), ids, [0], table, denoiser, SCHEMA, given=given)
        without, _ = fields_of(text.decode(), ids, [0], table, denoiser, SCHEMA)
        assert found["a"].exact == pytest.approx(want, abs=1e-5)
        told_apart += abs(without["a"].exact - want) > 1e-2
    assert told_apart > 2


ROOM = [b'{"a":', b'"', b"x", b"y", b"\t", b"}", *(bytes([n]) for n in range(65, 73))]
IN_ROOM = Vocabulary.from_tokens([*ROOM, None, None], stop_ids=[STOP])
WORD = cd.JsonSchema(
    {"type": "object", "properties": {"a": {"type": "string", "pattern": "^[xy]{0,2}$"}}, "required": ["a"]},
    whitespace="padded",
)
FILLED = [
    (0, 1, *word, 1, *[4] * (2 - len(word)), 5, STOP)
    for word in [(), (2,), (3,), *((a, b) for a in (2, 3) for b in (2, 3))]
]


@pytest.mark.parametrize("seed", few(range(6), 3))
def test_a_value_in_a_room_is_asked_about_token_by_token(seed):
    spec = ModelSpec(stop_ids=(STOP,), n_tokens=V, context=1 + T, mask_id=MASK)
    denoiser, table = from_callable(network(seed), spec, IN_ROOM), WORD.compile(IN_ROOM)
    given = [0, -1, -1, -1, -1, 5, STOP]
    at_once = 0
    for ids in FILLED:
        want, share, written = dict.fromkeys(FILLED, 0.0), 1.0, list(given)
        for t in range(1, 2 + ids.index(1, 2)):  # from the first token of the value to the one that ends it
            if written[t] >= 0 or -1 not in (written := table.forced(np.array(written)).tolist()) or written[t] >= 0:
                continue
            parts = by_first(log_probs(denoiser, written), written, FILLED)
            rest = sum(p for other, p in parts.items() if other[t] == ids[t])
            for other, p in parts.items():
                want[other] += share * p if other[t] != ids[t] else 0.0
            written, share = [*written[:t], ids[t], *written[t + 1 :]], share * rest
        want[ids] += share
        text = b"".join(ROOM[v] for v in ids if v < len(ROOM)).decode()
        found, _ = fields_of(text, ids, [0], table, denoiser, WORD, given=given)
        assert sum(want.values()) == pytest.approx(1)
        assert found["a"].exact == pytest.approx(want[ids], abs=1e-5)
        spelled = {b"".join(ROOM[v] for v in one[1:5]).decode().strip("\t"): p for one, p in want.items()}
        for name, p in found["a"].others:
            assert p == pytest.approx(spelled[name], abs=1e-5) and name != found["a"].text
        settled = table.forced(np.array(given)).tolist()
        at_once += abs(by_first(log_probs(denoiser, settled), settled, FILLED)[ids] - want[ids]) > 1e-2
    assert at_once > 0, "one pass with all of it open would say something else"


@pytest.mark.parametrize("seed", few(range(4), 1))
def test_a_list_is_as_probable_as_all_that_was_decided_in_it(seed):
    denoiser, table = model_of(seed), SCHEMA.compile(VOCABULARY)
    for ids, text in CANVASES[seed::17]:
        fields, rows = fields_of(text.decode(), ids, [0], table, denoiser, SCHEMA, batch_size=2)
        again, _ = fields_of(text.decode(), ids, [0], table, denoiser, SCHEMA, batch_size=64)
        assert fields == again and rows >= 1
        assert list(fields)[:2] == ["", "a"]
        assert fields[""].exact == pytest.approx(fields["a"].exact * fields["b"].exact, abs=1e-6)
        assert fields[""].text.encode() == text
        for one in fields.values():
            assert one.text == text.decode()[slice(*one.where)] and 0 <= one.exact <= 1
            assert not one.counts or sum(one.counts) == pytest.approx(1)
        if b"7" in text:
            items = [one.exact for name, one in fields.items() if name.startswith("b/")]
            assert len(fields["b"].counts) == len(items) + 2
            assert fields["b"].exact <= min(items) + 1e-9


@given(VALUES, st.sampled_from([b"", b",", b"}", b" ]"]))
def test_a_value_ends_where_json_says(value, rest):
    text = json.dumps(value).encode()
    assert json_end(text + rest, over=True) == len(text)
    assert json_end(text + rest, over=False) == (None if not rest and text[:1] not in b'"[{' else len(text))
    assert all(json_end(text[:n], over=False) is None for n in range(len(text)))
    assert json_end(b",", over=True) == -1


def test_a_byte_is_forced_where_no_other_may_stand():
    forced = forced_bytes(SCHEMA.dfa(), b'{"a":null,"b":[7]}')
    assert forced.tolist() == [True] * 5 + [False] + [True] * 8 + [False, False, False, True, True]


class Order(BaseModel):
    customer: str | None
    total: float | None
    state: Literal["paid", "open"] | None


TEXTS = ["Order 7 from Ana Silva, 12.50 EUR, to be paid.", "Invoice: 120 EUR, paid. Customer: Bo Li."]


@pytest.fixture(scope="module")
def model():
    return cd.from_pretrained("tiny")


def test_a_result_says_how_probable_each_value_is(model):
    results = cd.Generator(model, Order, fields=True)(TEXTS)
    for text, result in zip(TEXTS, results):
        assert list(result.fields) == ["", "customer", "total", "state"]
        for one in result.fields.values():
            assert result.raw[slice(*one.where)] == one.text and one.prob == one.exact
            assert 0 < one.prob <= 1 and 0 <= one.legal_mass <= 1
            assert one.prob + sum(other.prob for other in one.others) <= 1 + 1e-4
            assert one.text not in {other.text for other in one.others} and one.alternatives(2) == one.others[:2]
            if one.source is not None:
                assert text[slice(*one.source)] == one.text.strip('"')
        assert pickle.loads(pickle.dumps(result.fields)) == result.fields
        assert {"null", "string", "number", "enum"} >= {one.kind for name, one in result.fields.items() if name}
        assert dict(leaves(result.output.model_dump())).keys() == {"/" + name for name in result.fields if name}
    alone = cd.Generator(model, Order, fields=True, batch_size=1)(TEXTS[0])
    assert alone.fields == results[0].fields and alone.usage.forwards == results[0].usage.forwards
    plain = cd.Generator(model, Order)(TEXTS[0])
    assert plain.raw == alone.raw and plain.fields == {} and plain.usage.forwards < alone.usage.forwards


def test_the_figures_are_the_same_whatever_wrote_the_answer(model):
    default = model(TEXTS[0], Order, fields=True)
    other = model(TEXTS[0], Order, fields=True, plan=cd.Plan.preset("fast_dllm", block=8))
    searched = model(
        TEXTS[0],
        Order,
        fields=True,
        search=cd.search.BestOfN(lambda texts: [len(text) for text in texts], 2),
        temperature=0.01,
    )
    for result in (other, searched):
        if result.tokens == default.tokens:
            assert {name: one.exact for name, one in result.fields.items()} == {
                name: one.exact for name, one in default.fields.items()
            }
        assert set(result.fields) == set(default.fields)


def test_a_grounded_value_stands_where_the_text_states_it(model):
    text = "Invoice 7 of 3 March 2025 for Maria Jensen. Total EUR 308.80."
    schema = {"type": "object", "properties": {"day": {"x-from-text": "date"}}, "required": ["day"]}
    result = model(text, schema, fields=True)
    assert result.fields["day"].text == '"2025-03-03"'
    assert text[slice(*result.fields["day"].source)] == "3 March 2025"


def test_what_is_not_json_is_one_field(model):
    result = model(TEXTS[0], cd.Regex("[0-9]+|none"), fields=True)
    assert list(result.fields) == [""] and result.fields[""].text == result.raw
    choice = model(TEXTS[1], cd.Choice(["paid", "open", "not paid"]), fields=True)
    assert choice.fields[""].prob == pytest.approx(choice.prob) and 0 < choice.fields[""].legal_mass <= 1
    assert model(TEXTS[1], cd.Choice(["paid", "open"]), fields=True, readout="elbo").fields[""].legal_mass is None
    assert {one.text: one.prob for one in choice.fields[""].others} == {
        name: pytest.approx(p) for name, p in choice.probs.items() if name != choice.output
    }


def test_an_empty_answer_has_a_field_and_a_label_with_a_bracket_a_place(model):
    empty = model(TEXTS[0], cd.Text(empty=True) & cd.Length(characters=0), fields=True)
    assert empty.raw == "" and empty.fields[""].prob == 1.0 and empty.fields[""].where == (0, 0)
    assert model(TEXTS[0], cd.Regex("a?"), below=1.0, unsure="null").raw in ("", "a")
    label = model("Put it in [12] or {a}.", cd.Choice(["[12]"]), fields=True).fields[""]
    assert label.source == (10, 14)


@pytest.mark.parametrize(
    "wanted",
    [str, cd.Regex("[a-z]{3}"), cd.YesNo(), Literal["good", "bad"], cd.Template("x {a}", a=int), cd.Choice(["a b"])],
)
def test_what_is_not_json_is_left_alone_where_null_is_put_for_doubt(model, wanted):
    plain = model(TEXTS[0], wanted)
    assert model(TEXTS[0], wanted, unsure="null").raw == plain.raw
    assert model(TEXTS[0], wanted, unsure="null", below=1.0).raw == plain.raw


def test_keys_that_are_empty_or_digits_have_fields_of_their_own(model):
    day = {"type": "string", "format": "date"}
    keys = {"": {"type": ["string", "null"]}, "²": {"type": "string"}, "12": day, "a": {"properties": {"": day}}}
    keys["a"] |= {"type": "object", "required": [""], "additionalProperties": False}
    schema = {"type": "object", "properties": keys, "required": list(keys), "additionalProperties": False}
    found = model(TEXTS[0], schema, fields=True)
    assert set(found.fields) == {"", "/", "²", "12", "a", "a/"}
    assert found.fields[""].kind == "object" and found.fields["/"].text == json.dumps(found.output[""])
    assert found.fields["12"].kind == found.fields["a/"].kind == "date"
    for name in ("/", "²", "12", "a/"):
        assert right_at(name, json.loads(found.fields[name].text), [found.output])
    lone = {"type": "object", "properties": {"": keys[""]}, "required": [""], "additionalProperties": False}
    assert model(TEXTS[0], lone, below=1.0, unsure="null").output == {"": None}
    number = {"type": "object", "properties": {"": {"enum": [1, 2]}}, "required": [""]}
    (value,) = model(TEXTS[0], number, below=1.0).values
    assert value.flagged and value.name == "/"
    dated = {"type": "object", "properties": {"": {"x-from-text": "date"}}, "required": [""]}
    found = model("On 3 March 2025.", dated, fields=True)
    (value,) = found.values
    assert value.name == "/" and value.source == ((3, 15),)
    (value,) = model("On 3 March 2025.", dated).values
    assert value.name == "/" and value.text == "3 March 2025"


def test_an_empty_list_says_how_many_items_it_might_have_had(model):
    tree = {"type": "object", "properties": {"of": {"type": "array", "items": {"$ref": "#"}, "maxItems": 0}}}
    tree |= {"required": ["of"], "additionalProperties": False}
    tree["properties"]["more"] = {"type": "array", "items": {"enum": [1]}, "maxItems": 1}
    for text in TEXTS:
        found = model(text, tree, fields=True).fields["of"]
        assert found.text == "[]" and found.counts == pytest.approx((1.0, 0.0)) and found.others == ()


@pytest.mark.parametrize("bound", [cd.Length(characters=(1, 60)), cd.Length(tokens=(1, 40))])
def test_values_of_a_schema_that_is_met_with_something_have_fields_of_their_own(model, bound):
    keys = {"a": {"type": ["string", "null"], "maxLength": 5}, "day": {"x-from-text": "date"}, "n": {"enum": [1, 2]}}
    schema = {"type": "object", "properties": keys, "required": list(keys)}
    text = "Order of 3 March 2025."
    alone = model(text, schema, fields=True)
    met = model(text, cd.JsonSchema(schema) & bound, fields=True, below=1.0, unsure="null")
    assert list(met.fields) == list(alone.fields) == ["", "a", "day", "n"]
    assert [one.kind for one in met.fields.values()] == [one.kind for one in alone.fields.values()]
    assert met.grounded == alone.grounded and met.fields["day"].source == (9, 21)
    assert {flag.where for flag in met.flags} <= {"/a", "/day", "/n"} and met.flags
    nulled = [flag.where for flag in met.flags if flag.nulled]
    if bound.tokens is None:
        assert met.output["a"] is None and set(nulled) <= {"/a"}
    else:
        assert not nulled


def test_a_list_that_was_surely_null_says_nothing_of_its_items():
    fields = {"": Field("{}", (0, 2), 0.5, 0.5, 1.0, "object"), "a": Field("[1]", (0, 2), 0.5, 0.5, 1.0, "list")}
    found = counted_fields(fields, {("a",): Count(1, (0.0, 1e-20))})
    assert found["a"].counts == () and found["a"].exact == found[""].exact == pytest.approx(0.5e-20)
    assert counted_fields(fields, {("a",): Count(1, (0.25, 0.5))})["a"].counts == pytest.approx((1 / 3, 2 / 3, 0.0))


def test_improbable_values_are_flagged_nulled_or_refused(model):
    sure = model(TEXTS[0], Order, below=0.0)
    assert sure.flags == () and sure.fields
    flagged = model(TEXTS[0], Order, below=1.0)
    assert [flag.where for flag in flagged.flags] == [f"/{name}" for name in flagged.fields if name]
    assert all(flag.prob == flagged.fields[flag.where[1:]].prob for flag in flagged.flags)
    nulled = model(TEXTS[0], Order, below=1.0, unsure="null")
    assert nulled.output == Order(customer=None, total=None, state=None)
    assert all(nulled.raw[slice(*one.where)] == "null" for name, one in nulled.fields.items() if name)
    with pytest.raises(Unsure, match="p 0"):
        model(TEXTS[0], Order, below=1.0, unsure="error")
    with pytest.raises(InputError, match="below"):
        cd.Generator(model, Order, below=1.5)


def test_rows_of_a_file_say_it_too(model, tmp_path):
    (tmp_path / "in.jsonl").write_text(json.dumps({"text": TEXTS[0]}))
    generator = cd.Generator(model, Order, fields=True)
    cd.extract.extract_file(generator, tmp_path / "in.jsonl", tmp_path / "out.jsonl")
    row = json.loads((tmp_path / "out.jsonl").read_text())
    want = generator(TEXTS[0]).fields
    assert list(row["fields"]) == list(want)
    for name, told in row["fields"].items():
        assert told["prob"] == pytest.approx(want[name].prob, abs=1e-6) and told["where"] == list(want[name].where)
        assert told["kind"] == want[name].kind and ("source" in told) == (want[name].source is not None)
        assert told.get("alternatives", []) == [
            [a.text, pytest.approx(a.prob, abs=1e-6)] for a in want[name].others[:3]
        ]


def test_a_calibration_says_what_the_probabilities_are(model):
    from ctrldiff.reliability import Scale

    doubtful = cd.Calibration({"others": Scale(shift=-3.0)})
    plain, told = (model(TEXTS[0], Order, fields=True, calibration=one) for one in (None, doubtful))
    for name, one in told.fields.items():
        assert one.exact == plain.fields[name].exact
        assert one.prob < one.exact
    with pytest.raises(InputError, match="calibration"):
        model(TEXTS[0], Order, calibration="f.json")


@pytest.mark.parametrize("plan", [cd.Plan.default(), cd.Plan.rooms()], ids=["close together", "in rooms"])
@pytest.mark.parametrize("likes", [0.0, 7.0])
def test_a_number_that_another_begins_with_is_not_forced(plan, likes):
    labels = {
        "type": "object",
        "properties": {"a": {"enum": [1, 12]}},
        "required": ["a"],
        "additionalProperties": False,
    }
    one = counting(0, tabs=0.0, favour={"2": likes})("x", labels, plan=plan, fields=True).fields["a"]
    (other,) = one.others
    assert {one.text, other.text} == {"1", "12"} and one.exact + other.prob == pytest.approx(1) and other.prob > 0


@pytest.mark.parametrize("seed", range(3))
def test_in_rooms_an_object_is_as_probable_as_its_values_and_the_numbers_of_items_together(seed):
    number, label = {"type": "number"}, {"enum": [1, 12, None]}
    kinds = {"a": number, "b": {"type": "boolean"}, "xs": {"type": "array", "items": number}, "c": label}
    wanted = {"type": "object", "properties": kinds, "required": [*kinds], "additionalProperties": False}
    result = counting(seed)("xs=2", wanted, plan=cd.Plan.rooms(), fields=True)
    assert len(result.output["xs"]) == 2
    values = [one.exact for one in result.fields.values() if one.text[0] not in "{["]
    assert result.fields[""].exact == pytest.approx(math.prod(values) * result.counts["xs"].probs[2])
