"""How many items a list has, decided first: what is counted is what a reader of JSON counts, the marginal is that of
trying every canvas, and what was decided is what is written."""

import itertools
import json
from collections import Counter
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
import torch

import ctrldiff as cd
from ctrldiff.canvas import ITEMS, candidates
from ctrldiff.counted import counted
from ctrldiff.errors import InputError
from ctrldiff.generate import read
from ctrldiff.json_schema.counts import Items, lists_in, pointer
from ctrldiff.protocols import Listing
from tests.cases import COUNTS

# ---- what is counted


def number_of(text, place):
    """By the standard library's reader: how many items the list at a place has; None: none stands there."""
    value = json.loads(text)
    for step in place:
        known = step in value if isinstance(value, dict) else isinstance(value, list) and isinstance(step, int)
        if not known or (isinstance(value, list) and step >= len(value)):
            return None
        value = value[step]
    return len(value) if isinstance(value, list) else None


def commas_in(text, place):
    """What is wrong: a list has an item more than the text has commas."""
    return text.count(",") + 1


TRICKY = ["a,b", "[", "]]", '"', '\\"', "\\", "{}", ",", "é"]
SCHEMAS = {
    "plain": ({"type": "array", "items": {"enum": [1, "a"]}, "maxItems": 4}, [()]),
    "strings": ({"type": "array", "items": {"enum": TRICKY}, "maxItems": 2}, [()]),
    "nested": (
        {"type": "array", "items": {"type": "array", "items": {"const": 1}, "maxItems": 2}, "maxItems": 3},
        [(), (0,), (1,), (2,)],
    ),
    "keys": (
        {
            "type": "object",
            "properties": {
                'n"': {"enum": [["n"], "n"]},
                "a": {"type": ["array", "null"], "items": {"enum": ["n", 'n"', {}]}, "maxItems": 2},
                "n": {"type": "array", "items": {"enum": [{"n": [1, 2]}, [[], []], 3]}, "maxItems": 2},
                "n\\": {"const": []},
            },
            "required": ['n"', "n", "n\\"],
        },
        [("n",), ("a",), ('n"',), ("n\\",), ("n", 0), ("n", 1), ("n", 0, "n"), ("nn",)],
    ),
    "deep": (
        {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"of": {"type": "array", "items": {"enum": [0, [0]]}, "maxItems": 2}, "n": {"const": 0}},
                "required": ["of"],
            },
            "maxItems": 2,
        },
        [(), (0, "of"), (1, "of"), (1, "n"), (2, "of")],
    ),
}


def judged(name, whitespace, oracle):
    """Whether the texts of a schema with k items in a list are those that the oracle says."""
    schema, places = SCHEMAS[name]
    described = cd.JsonSchema(schema, whitespace=whitespace, optional="omit")
    texts = [one.decode() for one in described.dfa().members(150)]
    assert len(texts) > 6
    return all(
        (text in Items(place, k)) == (oracle(text, place) == k) for place in places for k in range(4) for text in texts
    )


@pytest.mark.parametrize("whitespace", ["compact", "pretty"])
@pytest.mark.parametrize("name", SCHEMAS)
def test_the_items_of_a_list_are_counted_as_a_reader_of_json_counts_them(name, whitespace):
    assert judged(name, whitespace, number_of)


@pytest.mark.parametrize("name", SCHEMAS)
def test_commas_are_no_items(name):
    assert not judged(name, "compact", commas_in)


def test_lists_are_found_from_the_outside_in_and_inner_ones_when_the_outer_number_is_known():
    schema = cd.JsonSchema(SCHEMAS["deep"][0])
    assert [one.place for one in lists_in(schema, {})] == [()]
    assert [one.place for one in lists_in(schema, {(): 2})] == [(), (0, "of"), (1, "of")]
    assert [one.place for one in lists_in(schema, {(): None})] == [()]
    assert pointer(("a/b", 0, "c")) == "a~1b/0/c" and pointer(()) == ""


def test_a_list_says_of_what_kind_its_items_are():
    kinds = {"a": "integer", "b": ["number", "null"], "c": "string", "d": "array", "e": "object", "f": "boolean"}
    properties = {name: {"type": kind} for name, kind in kinds.items()} | {"g": {"type": "string", "format": "date"}}
    schema = {"type": "array", "items": {"type": "object", "properties": properties}}
    (one,) = lists_in(cd.JsonSchema(schema), {})
    assert one.columns == ("number", "number", "string", "list", "object", "string", "date")
    assert lists_in(cd.JsonSchema({"type": "array", "items": {"type": "integer"}}), {})[0].columns == ()


def test_a_canvas_is_laid_out_for_as_many_items_as_were_decided():
    line = {"type": "object", "properties": {"n": {"type": "number"}}, "required": ["n"]}
    schema = cd.JsonSchema(
        {"type": "object", "properties": {"of": {"type": "array", "items": line}}, "required": ["of"]}
    )
    usual, nine = candidates(schema), candidates(schema, items={("of",): 9})
    assert len(usual) == ITEMS and len(nine) == 9 and set(usual) == set(nine)


def test_a_type_that_nests_too_deep_to_be_counted_is_refused():
    schema = {"type": "array", "items": {"const": 1}, "maxItems": 1}
    for _ in range(17):
        schema = {"type": "array", "items": schema, "maxItems": 1}
    with pytest.raises(InputError, match="deeper than 16"):
        lists_in(cd.JsonSchema(schema), {})


# ---- a model that writes JSON in few tokens

PIECES = [b"[", b"]", b",", b"1", b"1,", b"[1", b"],", b"2"]
STOP, MASK = len(PIECES), len(PIECES) + 1
NOISY = {"mask": {"noise": "mask", "mask_id": MASK}, "uniform": {"noise": "uniform", "banned_ids": (MASK,)}}


@dataclass(frozen=True)
class Network:
    """Seeded logits by position and by what stands beside it."""

    seed: int
    calls: list = field(default_factory=list, compare=False)

    def __call__(self, ids):
        self.calls.append(tuple(ids.shape))
        rng = np.random.default_rng(self.seed)
        bias, says = rng.normal(size=(64, MASK + 1)), rng.normal(size=(MASK + 1, MASK + 1))
        logits = torch.from_numpy(np.float32(2 * bias))[None, : ids.shape[1]].repeat(len(ids), 1, 1)
        logits[:, 1:] += torch.from_numpy(np.float32(says))[ids[:, :-1]]
        return logits


def model_of(seed=0, noise="mask"):
    vocabulary = cd.Vocabulary.from_tokens([*PIECES, None, None], stop_ids=[STOP])
    made = cd.ModelSpec(stop_ids=(STOP,), n_tokens=MASK + 1, context=40, canvas=4, prose=4, prompt="", **NOISY[noise])
    return cd.Model.from_callable(Network(seed), made, vocabulary, lambda text: [3, 7, 3][: len(text) % 3 + 1])


TOY = {
    "type": "array",
    "items": {"anyOf": [{"enum": [1, 2]}, {"type": "array", "items": {"const": 1}, "maxItems": 2}]},
    "maxItems": 4,
}


@dataclass(frozen=True)
class Told:
    """A rule of somebody else's: so many items for each depth, and all that it was told."""

    numbers: tuple
    most: int = 5
    seen: list = field(default_factory=list, compare=False)

    def __call__(self, listing: Listing):
        self.seen.append(listing)
        return self.numbers[len(listing.place)]


def row_of(model, schema, canvas, text="xx", **how):
    generator = cd.Generator(model, schema, max_new_tokens=canvas, **how)
    return read(model, generator.compiled, generator.request(text), 0, generator.plan, None)


def masses_by_trying(model, row, place, counter=number_of):
    """The definition: the weight of every legal canvas, by the number of items of its text."""
    state = cd.State.blank([row.ids], row.canvas)
    noisy = model.loaded.denoiser.noise(state)
    logs = torch.log_softmax(model.loaded.denoiser(noisy)[0].double(), dim=-1).numpy()
    weights = Counter()
    for size in range(1, row.canvas + 1):
        for tokens in itertools.product(range(STOP), repeat=size):
            text = b"".join(PIECES[token] for token in tokens).decode()
            if text in row.type.description:
                canvas = [*tokens, *[STOP] * (row.canvas - size)]
                weights[counter(text, place)] += np.exp(sum(logs[t, token] for t, token in enumerate(canvas)))
    return np.array([weights[k] for k in range(6)]) / sum(weights.values())


@pytest.mark.parametrize("noise", NOISY)
@pytest.mark.parametrize("seed", range(2))
def test_the_marginal_of_a_number_is_that_of_trying_every_canvas(seed, noise):
    model, rule = model_of(seed, noise), Told((None,))
    row = row_of(model, TOY, 5)
    counted(model.loaded, [row], rule, None)
    (listing,) = rule.seen
    right = masses_by_trying(model, row, ())
    assert np.allclose(np.exp(listing.log_masses), right, atol=1e-5) and right[:4].min() > 0
    assert not np.allclose(np.exp(listing.log_masses), masses_by_trying(model, row, (), commas_in), atol=1e-3)
    assert listing.needs.tolist() == [2, 2, 4, 5, -1, -1] and listing.place == ()  # four need more than the canvas has


@pytest.mark.parametrize("seed", range(2))
def test_that_no_list_stands_there_has_its_own_mass(seed):
    model, rule = model_of(seed), Told((None,))
    row = row_of(model, {"anyOf": [TOY, {"enum": [1, 2]}]}, 5)
    counted(model.loaded, [row], rule, None)
    (listing,) = rule.seen
    right = masses_by_trying(model, row, ())
    assert np.allclose(np.exp(listing.log_masses), right, atol=1e-5)
    assert 0.01 < 1 - right.sum() < 0.99 and np.isclose(np.exp(listing.log_absent), 1 - right.sum(), atol=1e-5)
    counted(model.loaded, [row_of(model, TOY, 5)], rule, None)
    assert rule.seen[1].log_absent == -np.inf


@pytest.mark.filterwarnings("ignore::ctrldiff.errors.CanvasWarning")
def test_a_list_that_is_likelier_not_there_is_left_to_the_decode():
    """By what is decoded: a number that is next to impossible was written before, since it was the likeliest number."""
    schema, given = {"anyOf": [TOY | {"minItems": 2}, {"enum": [1, 2]}]}, set()
    for seed in range(12):
        model, rule = model_of(seed), Told((None,))
        counted(model.loaded, [row_of(model, schema, 5)], rule, None)
        masses, absent = rule.seen[0].log_masses, rule.seen[0].log_absent
        result = model("xx", schema, counts=cd.counts.Likeliest(), max_new_tokens=5)
        given.add(result.counts[""].number is not None)
        assert (result.counts[""].number is None) == (absent > masses.max())
        if result.counts[""].number is not None:
            assert len(result.output) == masses.argmax()
    assert given == {True, False}


def test_an_inner_list_is_asked_about_given_the_outer_ones():
    schema = {"type": "array", "items": {"type": "array", "items": {"const": 1}, "maxItems": 2}, "maxItems": 2}
    model, rule = model_of(3), Told((2, None))
    row = row_of(model, schema, 6)
    (done,) = counted(model.loaded, [row], rule, None)
    assert [one.place for one in rule.seen] == [(), (0,), (1,)] and done.forwards == 2
    two = {text for text in row.type.description.dfa().members() if len(json.loads(text)) == 2}
    state = cd.State.blank([row.ids], 6)
    state = cd.constrain.Tables((done.table,)).settle(state)
    logs = torch.log_softmax(model.loaded.denoiser(model.loaded.denoiser.noise(state))[0].double(), dim=-1).numpy()
    weights = Counter()
    for size in range(1, 7):
        for tokens in itertools.product((0, 1, 3, 4, 5, 6, 2), repeat=size):
            text = b"".join(PIECES[token] for token in tokens)
            canvas = [*tokens, *[STOP] * (6 - size)]
            if text in two and all(canvas[t] == state.tokens[0, t] for t in range(6) if not state.open[0, t]):
                weight = np.exp(sum(logs[t, canvas[t]] for t in range(6) if state.open[0, t]))
                weights[len(json.loads(text)[0])] += weight
    right = np.array([weights[k] for k in range(3)]) / sum(weights.values())
    assert np.allclose(np.exp(rule.seen[1].log_masses[:3]), right, atol=1e-5)


# ---- what was decided is written


@pytest.mark.parametrize("noise", NOISY)
@pytest.mark.parametrize("how", [{}, {"temperature": 1.0}, {"steps": 2}, {"commit": cd.commit.TopK()}])
def test_every_list_has_the_number_that_was_decided(how, noise):
    model, texts = model_of(5, noise), ["x", "xx", "xxx", "xxxx", "x"]
    for number in (0, 1, 4):
        found = cd.Generator(model, TOY, counts=Told((number, None)), batch_size=3, **how)(texts)
        assert [len(one.output) for one in found] == [number] * 5
        assert [one.counts[""].number for one in found] == [number] * 5
    free = [len(one.output) for one in cd.Generator(model, TOY, **how)(texts)]
    assert set(free) != {4}, "what would be written anyway proves nothing"


def test_nested_lists_have_their_numbers_too():
    schema = {"type": "array", "items": {"type": "array", "items": {"enum": [1, 2]}, "maxItems": 3}, "maxItems": 3}
    result = model_of(2)("x", schema, counts=Told((3, 2)))
    assert [len(inner) for inner in result.output] == [2, 2, 2]
    assert {name: one.number for name, one in result.counts.items()} == {"": 3, "0": 2, "1": 2, "2": 2}


def test_a_number_needs_a_canvas_that_holds_it():
    model = model_of(1)
    row = row_of(model, TOY | {"maxItems": 9}, None)
    assert row.canvas < 13
    result = model("xx", TOY | {"maxItems": 9}, counts=Told((9, None), most=9))
    assert len(result.output) == 9 and result.usage.canvas >= 10
    held = model("xx", TOY, counts=cd.counts.Likeliest(), max_new_tokens=3)
    assert result.usage.forwards > held.usage.forwards and held.usage.canvas == 3


def test_what_else_is_asked_of_the_items_holds_as_well():
    found = model_of(4)(
        ["x", "xx"], {"type": "array", "items": {"enum": [1, 2]}, "uniqueItems": True}, counts=Told((2,))
    )
    assert [sorted(one.output) for one in found] == [[1, 2]] * 2
    prior = cd.Prior.items(-3.0)
    assert len(model_of(4)("x", TOY, counts=Told((3, None)), prior=prior).output) == 3


def test_results_do_not_depend_on_the_batch_and_rows_without_lists_cost_no_pass():
    model = model_of(6)
    requests = [cd.Request(text, TOY) for text in ("x", "xx", "xxx")]
    requests.insert(1, cd.Request("x", cd.Regex("12?1")))
    plan = cd.Plan.default().but(counts=cd.counts.Likeliest(per_item=2.0))
    one, many = (list(model.decode(requests, plan=plan, batch_size=size)) for size in (1, 4))
    assert [(a.raw, a.usage.forwards, a.counts.keys()) for a in one] == [
        (b.raw, b.usage.forwards, b.counts.keys()) for b in many
    ]
    assert one[1].counts == {} and one[1].usage.forwards == model("x", cd.Regex("12?1")).usage.forwards


def test_a_label_is_still_decided_in_one_pass():
    found = model_of()("x", cd.Choice(["1", "12"]), counts=cd.counts.Likeliest())
    assert found.probs and found.usage.forwards == 1


def test_probabilities_of_values_are_those_of_the_type_whatever_was_decided():
    model, how = model_of(5), {"max_new_tokens": 8, "fields": True}
    for number in (1, 2):
        result = model("xx", TOY, counts=Told((number, None)), **how)
        free = model("xx", TOY | {"minItems": number, "maxItems": number}, **how)
        assert result.raw == free.raw and 0 < result.fields[""].exact < free.fields[""].exact
        assert 0 < result.fields[""].counts[number] < 1


# ---- rules, and what is refused


def listing(*masses, **how):
    given = {"place": ("items",), "text": "", "columns": ("string", "number"), "tables": 1}
    needs = np.arange(1, len(masses) + 1)
    return Listing(**{**given, "log_masses": np.log(np.array(masses) + 1e-300), "needs": needs, **how})


def test_the_likeliest_number_is_that_of_the_weighed_marginal_and_of_equal_ones_the_fewest():
    assert cd.counts.Likeliest()(listing(0.1, 0.5, 0.3)) == 1
    assert cd.counts.Likeliest(per_item=1.0)(listing(0.1, 0.5, 0.3)) == 2
    assert cd.counts.Likeliest()(listing(0.4, 0.1, 0.4)) == 0
    assert cd.counts.Likeliest()(replace(listing(1.0), log_masses=np.full(1, -np.inf))) is None
    assert cd.counts.Likeliest()(listing(0.3, 0.1, log_absent=np.log(0.6))) is None
    assert cd.counts.Likeliest(per_item=3.0)(listing(0.3, 0.1, log_absent=np.log(0.6))) == 1


@pytest.mark.parametrize("rule", COUNTS.values(), ids=COUNTS)
def test_every_rule_gives_a_number_that_can_be_or_none_and_is_a_function_of_its_argument(rule):
    check_counts(rule)


def check_counts(rule):
    """For rules of others: what a rule of counts has to be."""
    assert rule.most >= 1
    for seed in range(20):
        rng = np.random.default_rng(seed)
        masses, needs = rng.dirichlet(np.ones(rule.most + 1)), np.arange(1, rule.most + 2)
        masses[rng.random(rule.most + 1) < 0.3] = 0.0
        needs[masses == 0] = -1
        one = listing(*masses, needs=needs, text=["", "2 a, 3 b and 4 c", "2 a\n3 b\n"][seed % 3])
        one = replace(one, log_masses=np.where(masses > 0, one.log_masses, -np.inf))
        number = rule(one)
        assert number is None or needs[number] > 0
        assert rule(one) == number


LINES = "2 lamps, 3 chairs and 1 desk"


def test_rows_of_the_text_speak_for_the_one_list_of_objects():
    rule, masses = cd.counts.Rows(), (0.0, 1.0, 0.0, 0.0)
    assert rule(listing(*masses, text=LINES)) == 3
    assert rule(listing(*masses, text=LINES, tables=2)) is None
    assert rule(listing(*masses, text=LINES, columns=())) is None
    assert rule(listing(*masses, text=LINES, columns=("string", "list"))) is None
    assert rule(listing(*masses, text=LINES, place=("orders", 0, "items"))) is None
    assert rule(listing(*masses, text="2 lamps")) is None
    assert rule(listing(*masses[:3], text=LINES)) is None  # more than it wants to know of
    assert rule(listing(*masses, text=LINES, needs=np.array([1, 2, 3, -1]))) is None
    assert cd.counts.Rows(cd.counts.Likeliest())(listing(*masses, text="2 lamps")) == 1


def test_a_rule_that_gives_a_number_that_cannot_be_is_named():
    for number in (5, 6, -1, True, 1.5):
        with pytest.raises(InputError, match="Told"):
            model_of()("x", TOY, counts=Told((number,)))


@pytest.mark.parametrize("bad", [cd.counts.Rows, "rows", 3, lambda listing: 1])
def test_what_is_no_rule_is_refused(bad):
    with pytest.raises(InputError, match="counts"):
        cd.Plan(counts=bad)
    for wrong in ({"most": 0}, {"most": True}):
        with pytest.raises(InputError, match="most"):
            cd.counts.Rows(**wrong)
    with pytest.raises(InputError, match="per_item"):
        cd.counts.Likeliest(per_item=float("nan"))
    with pytest.raises(InputError, match="otherwise"):
        cd.counts.Rows(otherwise=3)


def test_what_goes_not_together_is_refused_before_any_pass():
    model = model_of()
    calls = model.loaded.denoiser.network.calls
    with pytest.raises(InputError, match="nulls"):
        model("x", TOY, counts=cd.counts.Rows(), nulls=True)
    line = {"type": "array", "items": {"type": "string", "maxLength": 1}, "maxItems": 1}
    guide = cd.guide.on_field("[]", cd.guide.Words(["a"], 1.0))
    with pytest.raises(InputError, match="field"):
        cd.from_pretrained("tiny")("x", line, counts=cd.counts.Rows(), guidance=[guide])
    assert not calls


def test_a_search_chooses_among_answers_with_that_number():
    reward = cd.rewards.Function(lambda texts: [text.count("2") for text in texts])
    search = cd.search.BestOfN(reward, n=3)
    result = model_of(7)("xx", TOY, counts=Told((3, None)), search=search, temperature=1.0)
    assert len(result.output) == 3 and all(len(json.loads(one.raw)) == 3 for one in result.candidates)


def test_with_keep_an_error_is_its_own_rows():
    @dataclass(frozen=True)
    class Picky:
        most: int = 3

        def __call__(self, listing):
            return 9 if listing.text == "xx" else 1

    found = model_of()(["x", "xx", "xxx"], TOY, counts=Picky(), on_error="keep")
    assert [type(one).__name__ for one in found] == ["Result", "InputError", "Result"]
