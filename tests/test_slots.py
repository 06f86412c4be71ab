"""How many items a list has, read in slots before anything is written: the probabilities against every word tried, the
number that is chosen, and that what is written has it."""

import itertools
import json
import math
import warnings
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
import torch

import ctrldiff as cd
from ctrldiff.counted import TINY, _likeliest, _slot_masses, counted
from ctrldiff.errors import InputError
from ctrldiff.generate import read
from ctrldiff.layout import Rooms, Slots
from tests.counting import COMMA, MASK, NULL, OPENING, SIZE, SURE, TAB, counting, slotted
from tests.test_counted import Told

pytestmark = pytest.mark.filterwarnings("ignore::ctrldiff.errors.CanvasWarning")
ROOMS = Rooms(strings=14, numbers=9, integers=8, objects=16, items=4)
PLAN = cd.Plan.rooms(4, layout=ROOMS)
STR, INT = {"type": "string"}, {"type": "integer"}


def record(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


def array(items: Any, **how: Any) -> dict[str, Any]:
    return {"type": "array", "items": items, **how}


def maybe(schema: dict[str, Any]) -> dict[str, Any]:
    return schema | {"type": [schema["type"], "null"]}


@pytest.fixture(scope="module")
def model() -> cd.Model:
    return counting()


# ---- how probable a number is


def masses_by_trying(tabs: np.ndarray, least: int = 0, most: float = math.inf) -> np.ndarray:
    """The definition: every word of items and tabs in which no item stands behind a tab, and the number of items is in
    the bounds."""
    size, weights = len(tabs), np.zeros(len(tabs) + 1)
    for word in itertools.product((False, True), repeat=size):  # True: a tab
        if list(word) == sorted(word) and least <= size - sum(word) <= most:
            weights[size - sum(word)] += np.prod(np.where(word, tabs, 1 - tabs))
    return weights / weights.sum()


def masses_by_the_first_tab(tabs: np.ndarray) -> np.ndarray:
    """What is wrong: as many items as there are slots before the first tab, whatever stands behind it."""
    going = np.concatenate([[1.0], np.cumprod(1 - tabs)])
    return going * np.append(tabs, 1.0)


def told_in_slots(number: int, size: int) -> np.ndarray:
    """How probable a tab is in the slots, by the model's word: the last one is the end of the list."""
    return np.where(np.arange(size) < min(number, size - 1), 1 - SURE, SURE)


def slots_asked_about(number: int, said: int, most: float = math.inf, size: int = ROOMS.items) -> int:
    """The definition: half as many again, as long as all but the last have an item and there may be more of them."""
    while size - 1 <= min(number, size - 1, most) < min(said, most):
        size += -(-size // 2)
    return size


def read_slots(
    model: cd.Model, tabs: Any, null: tuple[float, float] | None = None, bounds: tuple[int, float] = (0, math.inf)
) -> tuple[np.ndarray, float]:
    """Of slots with these probabilities of a tab, and of these of null and of a bracket before them."""
    probs = np.full((2 * len(tabs) + 1, SIZE), 0.0)
    for n, tab in enumerate(tabs):
        probs[2 * n + 1, TAB], probs[2 * n + 1, ord('"')] = tab, 1 - tab
    if null is not None:
        probs[0, NULL], probs[0, OPENING], probs[0, COMMA] = *null, 1 - sum(null)
    slots = Slots([2 * n + 1 for n in range(len(tabs))], None if null is None else 0, bounds)
    masses, absent = _slot_masses(slots, torch.from_numpy(probs).log(), model.loaded)
    return np.exp(masses), float(np.exp(absent))


@pytest.mark.parametrize("size", [1, 2, 5])
@pytest.mark.parametrize("seed", range(4))
def test_the_probability_of_a_number_is_that_of_trying_every_word(model, seed, size):
    rng = np.random.default_rng(seed)
    tabs = rng.beta(0.5, 0.5, size)
    masses, absent = read_slots(model, tabs)
    right = masses_by_trying(tabs)
    assert masses.shape == (size + 1,) and np.allclose(masses, right, atol=1e-9) and absent == 0
    null, there = rng.dirichlet(np.ones(3))[:2]
    some, absent = read_slots(model, tabs, (null, there))
    assert np.allclose(absent, null / (null + there)) and np.allclose(some, right * (1 - absent), atol=1e-9)
    if size > 1:
        assert not np.allclose(masses, masses_by_the_first_tab(tabs), atol=1e-3)


@pytest.mark.parametrize("bounds", [(0, 3), (2, math.inf), (1, 3), (2, 2), (4, 5), (0, 9)])
@pytest.mark.parametrize("seed", range(3))
def test_numbers_out_of_bounds_are_no_words_and_the_others_share_their_weight(model, seed, bounds):
    rng = np.random.default_rng(seed)
    tabs = rng.beta(0.5, 0.5, 5)
    null, there = rng.dirichlet(np.ones(3))[:2]
    right, free = masses_by_trying(tabs, *bounds), masses_by_trying(tabs)
    masses, absent = read_slots(model, tabs, bounds=bounds)
    assert absent == 0 and np.allclose(masses, right, rtol=0, atol=1e-9)
    outside = [n for n in range(6) if not bounds[0] <= n <= bounds[1]]
    assert not masses[outside].any() and np.isclose(masses.sum(), 1)
    some, absent = read_slots(model, tabs, (null, there), bounds)
    assert np.allclose(absent, null / (null + there)), "null is no number"
    assert np.allclose(some, right * (1 - absent), rtol=0, atol=1e-9)
    assert bool(outside) != np.allclose(masses, free, rtol=0, atol=1e-9), "what is wrong: all numbers"
    kept = np.where(np.isin(np.arange(6), outside), 0, free)
    assert bool(outside) != np.allclose(masses, kept, rtol=0, atol=1e-9), "what is wrong: what is out of bounds is lost"


@pytest.mark.parametrize(
    ("tabs", "bounds", "number"),
    [([0, 0, 0], (0, 1), 1), ([1, 1, 1], (2, 3), 2), ([0, 0, 0], (0, 0), 0), ([1, 1, 1], (3, 9), 3)],
)
def test_slots_that_are_sure_of_a_number_out_of_bounds_say_the_next(model, tabs, bounds, number):
    masses, _ = read_slots(model, tabs, bounds=bounds)
    assert np.allclose(masses, np.arange(4) == number, atol=1e3 * TINY)


def test_one_slot_is_asked_whether_there_is_an_item():
    model = counting()
    assert np.allclose(read_slots(model, [0.3])[0], [0.3, 0.7])


@pytest.mark.parametrize(
    ("tabs", "number"),
    [
        ([1, 1, 1], 0),
        ([0, 0, 0], 3),
        ([0, 0, 1], 2),
        ([0, 1, 1], 1),
        ([0, 0.5, 1], (1, 2)),
        ([1, 0, 0], 3),  # that it is over before it begins is one slot's word, that it goes on is that of two
        ([0, 1, 0], (1, 3)),  # none can be: one slot is wrong in either
    ],
)
def test_slots_that_are_sure_say_a_number(model, tabs, number):
    masses, _ = read_slots(model, tabs)
    numbers = number if isinstance(number, tuple) else (number,)
    wanted = np.isin(np.arange(4), numbers) / len(numbers)
    near = 1e-3 if tabs == [0, 1, 0] else 1e3 * TINY  # 1 - TINY has few digits
    assert np.isfinite(masses).all() and np.isclose(masses.sum(), 1) and np.allclose(masses, wanted, atol=near)


def test_null_that_is_sure_and_a_list_that_is(model):
    masses, absent = read_slots(model, [0.5, 0.5], (1.0, 0.0))
    assert absent == 1 and not masses.any()
    masses, absent = read_slots(model, [0.5, 0.5], (0.0, 0.2))
    assert absent == 0 and np.isclose(masses.sum(), 1)


# ---- the number that is chosen


def written(model: cd.Model, text: str, schema: Any, plan: cd.Plan = PLAN, **how: Any) -> cd.Result[Any]:
    """What is decoded; it is legal, and has as many items as was decided."""
    result = model(text, schema, plan=plan, **how)
    assert json.dumps(result.output, ensure_ascii=False, separators=(",", ":")).encode() in cd.JsonSchema(schema)
    for name, count in result.counts.items():
        value = result.output
        try:
            for step in name.split("/"):
                value = value[int(step) if isinstance(value, list) else step]
        except (KeyError, IndexError, TypeError):
            assert count.number is None, "left to the decode"
            continue
        assert count.number is None or len(value) == count.number
    return result


def numbers(result: cd.Result[Any]) -> dict[str, int | None]:
    return {name: one.number for name, one in result.counts.items()}


def padded(result: cd.Result[Any]) -> bool:
    """It was laid out: some room has tabs."""
    return TAB in result.tokens


@pytest.mark.parametrize("told", [0, 1, 2, 3, 4, 5, 6])
def test_as_many_items_are_written_as_the_slots_say(model, told):
    text = f"items={told}"
    result = written(model, text, record(items=array(INT), b=INT))
    assert numbers(result) == {"items": told} and len(result.output["items"]) == told and padded(result)
    probs = result.counts["items"].probs
    size = 4 if told < 3 else 6 if told < 5 else 9
    assert size == slots_asked_about(told, said=len(text)) and len(probs) == size + 1
    assert np.allclose(probs, masses_by_trying(told_in_slots(told, size)), atol=1e-6)


def test_null_is_written_where_its_slot_says_so(model):
    schema = record(items=maybe(array(INT)), b=INT)
    absent, there = (written(model, text, schema) for text in ("items=null", "items=2"))
    assert numbers(absent) == {"items": None} and absent.output["items"] is None
    assert sum(absent.counts["items"].probs) == pytest.approx(1 - SURE, abs=1e-4)
    assert numbers(there) == {"items": 2} and sum(there.counts["items"].probs) == pytest.approx(SURE, abs=1e-4)


def test_lists_inside_lists_are_asked_about_in_a_further_pass(model):
    schema = record(items=array(record(name=STR, of=maybe(array(INT)))), last=array({"type": "boolean"}))
    model.loaded.denoiser.network.seen.clear()
    result = written(model, "items=3 of=2,null,0 last=1", schema)
    assert numbers(result) == {"items": 3, "last": 1, "items/0/of": 2, "items/1/of": None, "items/2/of": 0}
    assert [one["of"] is None for one in result.output["items"]] == [False, True, False]
    seen = model.loaded.denoiser.network.seen
    assert seen[0][1] < seen[1][1] != seen[2][1], "slots; rooms, and slots inside; rooms"
    assert result.usage.forwards == len(seen)


def test_a_list_of_lists(model):
    result = written(model, "items=2", record(items=array(array(INT, maxItems=3), maxItems=3)))
    assert numbers(result) == {"items": 2, "items/0": 2, "items/1": 2} or numbers(result).keys() == {
        "items",
        "items/0",
        "items/1",
    }


def test_children_of_children(model):
    node = record(v=INT, items=array({"$ref": "#/$defs/n"}))
    result = written(model, "items=1", {"$defs": {"n": node}, "$ref": "#/$defs/n"})
    assert padded(result) and {"items": 1, "items/0/items": 1}.items() <= numbers(result).items()
    assert list(numbers(result).values())[-1] == 0, "at last there are none"


def test_the_likeliest_number_that_the_type_lets_be_is_chosen(model):
    few = written(model, "items=1", record(items=array(INT, minItems=2)))
    assert numbers(few) == {"items": 2} and np.argmax(few.counts["items"].probs) == 2
    many = written(model, "items=4", record(items=array(INT, maxItems=2)))
    assert numbers(many) == {"items": 2} and np.argmax(many.counts["items"].probs) == 2
    distinct = written(model, "items=3", record(items=array({"enum": [1, 22]}, uniqueItems=True)))
    assert numbers(distinct) == {"items": 2} and sorted(distinct.output["items"]) == [1, 22]
    assert np.argmax(distinct.counts["items"].probs) == 3, "no word for it says so"
    none = written(model, "items=null", record(items=maybe(array(INT, minItems=2))))
    assert numbers(none) == {"items": None} and none.output["items"] is None


def test_of_equal_numbers_the_fewest_is_chosen_and_a_list_rather_than_null(model):
    generator = cd.Generator(model, record(items=array(INT, minItems=1)), plan=PLAN)
    row = replace(read(model, generator.compiled, generator.request("x"), 0, PLAN, None), counts={})
    equal = np.log([0.25, 0.25, 0.25, 1e-9, 0.25])
    assert _likeliest(row, ("items",), equal, -np.inf) == 1, "none is not let be"
    assert _likeliest(row, ("items",), equal, np.log(0.25)) == 1
    assert _likeliest(row, ("items",), equal, np.log(0.26)) is None
    assert _likeliest(row, ("items",), np.log([0.1, 0.2, 0.3, 0.2, 0.2]), -np.inf) == 2


@pytest.mark.parametrize(("told", "least", "most"), [(1, 2, 3), (4, 0, 3), (3, 0, 3), (3, 1, 4), (9, 1, 5), (0, 2, 2)])
def test_what_the_schema_bounds_is_chosen_and_asked_about_within_its_bounds(model, told, least, most):
    text = f"items={told} of them"
    result = written(model, text, record(items=array(INT, minItems=least, maxItems=most)))
    size = slots_asked_about(max(told, least), len(text), most)
    probs = result.counts["items"].probs
    assert numbers(result) == {"items": min(max(told, least), most)} and len(probs) == size + 1
    assert np.allclose(probs, masses_by_trying(told_in_slots(told, size), least, most), atol=1e-6)
    assert [n for n, prob in enumerate(probs) if prob > 0] == list(range(least, min(most, size) + 1))


def test_schemas_that_no_list_obeys_leave_null_with_its_probability(model):
    result = written(model, "items=2", record(items=maybe(array(INT, minItems=3, maxItems=2)), b=INT))
    probs = result.counts["items"].probs
    assert result.output["items"] is None and np.isfinite(probs).all() and sum(probs) == pytest.approx(SURE, abs=1e-4)


@pytest.mark.parametrize("fields", [False, True])
def test_a_type_that_wants_more_items_than_there_are_slots_has_slots_for_them_and_their_end(model, fields):
    """Six, and the seventh is no item; that six are likeliest there is reason to ask about more."""
    schema = record(items=array(INT, minItems=6))
    generator = cd.Generator(model, schema, plan=PLAN)
    row = read(model, generator.compiled, generator.request("items=1"), 0, PLAN, None)
    assert row.layout is not None and len(row.layout.slots["items",].at) == 7
    result = written(model, "items=1", schema, fields=fields)
    assert numbers(result) == {"items": 6} and padded(result)
    probs = result.counts["items"].probs
    assert np.allclose(probs, masses_by_trying(told_in_slots(1, 11), least=6), atol=1e-6)
    if fields:
        told = result.fields["items"].counts
        assert told[:7] == probs[:7] and told[7] == pytest.approx(sum(probs[7:]))
        assert 0 < result.fields["items"].exact <= probs[6]


def test_where_all_slots_but_the_last_have_items_there_are_half_as_many_more(model):
    schema = record(items=array({"type": "boolean"}))
    text = "items=9 of what was ordered"
    model.loaded.denoiser.network.seen.clear()
    result = written(model, text, schema)
    assert np.diff([length for _, length in model.loaded.denoiser.network.seen][:4]).tolist() == [4, 6, 10]
    assert numbers(result) == {"items": 9} and len(result.counts["items"].probs) == 15, "4, 6, 9, 14 slots"
    assert slots_asked_about(9, len(text)) == 14
    few = written(model, "items=2 of what was ordered", schema)
    assert numbers(few) == {"items": 2} and len(few.counts["items"].probs) == 5
    short = written(model, "items=9", schema)  # of 7 characters: no list of 8 is asked about more
    assert numbers(short) == {"items": 8} and len(short.counts["items"].probs) == 10
    assert slots_asked_about(9, len("items=9")) == 9


def test_a_list_that_is_too_long_for_the_context_is_written_close_together():
    model, schema = counting(context=150), record(items=array(record(a=INT, b={"type": "boolean"})))
    fits, not_at_all = (written(model, f"items={n} of all that there is", schema) for n in (2, 9))
    assert padded(fits) and numbers(fits) == {"items": 2}
    assert not padded(not_at_all) and not_at_all.counts == {}
    plain = model("items=9 of all that there is", schema, plan=PLAN.but(layout=None))
    assert not_at_all.raw == plain.raw and not_at_all.usage.forwards > plain.usage.forwards


def test_slots_that_the_context_does_not_hold_are_not_asked_about():
    model, schema = counting(context=60), record(items=array(INT))
    plan = PLAN.but(layout=Rooms(items=40))
    result = written(model, "items=1", schema, plan)
    plain = model("items=1", schema, plan=plan.but(layout=None))
    assert result.raw == plain.raw and result.usage.forwards == plain.usage.forwards and result.counts == {}


# ---- what a rule says


@dataclass(frozen=True)
class Only:
    """A rule that speaks of one list alone."""

    place: str
    number: Any
    most: int = 9

    def __call__(self, listing: Any) -> Any:
        return self.number if listing.place == (self.place,) else None


def test_a_rule_is_told_what_the_slots_say(model):
    rule = Told((None, None), most=6)
    written(model, "items=2", record(items=maybe(array(INT, maxItems=3))), PLAN.but(counts=rule))
    (listing,) = rule.seen
    right = masses_by_trying(told_in_slots(2, 4), most=3) * SURE
    assert np.allclose(np.exp(listing.log_masses[:5]), right, atol=1e-4)
    assert (listing.log_masses[5:] == -np.inf).all() and np.exp(listing.log_absent) == pytest.approx(1 - SURE, abs=1e-4)
    assert (listing.needs[:4] > 0).all() and (listing.needs[4:] == -1).all()


def test_what_a_rule_says_is_written_and_of_what_it_does_not_speak_the_slots_decide(model):
    schema = record(items=array(INT), others=array(INT))
    text = "items=3 others=1"
    plan = PLAN.but(counts=Only("items", 2))
    assert numbers(written(model, text, schema, plan)) == {"items": 2, "others": 1}
    for rule in (cd.counts.Rows(), cd.counts.Likeliest(), Told((None, None))):
        assert numbers(written(model, text, schema, PLAN.but(counts=rule))) == {"items": 3, "others": 1}
    weighed = written(model, text, schema, PLAN.but(counts=cd.counts.Likeliest(per_item=3.0)))
    assert numbers(weighed) == {"items": 6, "others": 6}, "an item more is less than 20 times less likely"


def test_rows_of_the_text_are_as_many_items(model):
    line = record(name=STR, n=INT)
    result = written(
        model, "2 lamps, 3 chairs and 1 desk items=1", record(items=array(line)), PLAN.but(counts=cd.counts.Rows())
    )
    assert numbers(result) == {"items": 3} and padded(result)
    otherwise = written(model, "lamps items=2", record(items=array(line)), PLAN.but(counts=cd.counts.Rows()))
    assert numbers(otherwise) == {"items": 2}


def test_a_rule_may_say_more_than_there_are_slots(model):
    result = written(model, "items=1", record(items=array(INT)), PLAN.but(counts=Only("items", 7)))
    probs = result.counts["items"].probs
    assert numbers(result) == {"items": 7} and padded(result) and len(probs) == 9, "the eighth slot is the end"
    assert np.allclose(probs, masses_by_trying(told_in_slots(1, 8)), atol=1e-6)


@pytest.mark.parametrize("number", [-1, 4, 10, True, 1.0, "2"])
def test_a_number_that_cannot_be_is_refused(model, number):
    with pytest.raises(InputError, match="Only") as caught:
        model("items=1", record(items=array(INT, maxItems=3)), plan=PLAN.but(counts=Only("items", number)))
    assert caught.value.param == "counts"


def test_close_together_a_list_has_the_number_of_the_rule_and_no_number_of_the_slots():
    model, schema = counting(context=150), record(items=array(record(a=INT, b={"type": "boolean"})), others=array(INT))
    text, rule = "items=3 others=9 of all that there is", Only("items", 3)
    result = written(model, text, schema, PLAN.but(counts=rule))
    assert not padded(result) and numbers(result) == {"items": 3, "others": None}
    assert result.raw == model(text, schema, plan=PLAN.but(counts=rule, layout=None)).raw


def test_lists_that_have_no_slots_are_for_the_rule_alone(model):
    """Those of an object that may be null: what is not there has no number, and no field."""
    schema = record(o={"anyOf": [record(xs=array(INT, maxItems=2)), {"type": "null"}]}, items=array(INT))
    for rule in (cd.counts.Rows(), cd.counts.Likeliest()):
        result = written(model, "items=2", schema, PLAN.but(counts=rule), fields=True)
        assert numbers(result).keys() == {"o/xs", "items"} and padded(result)
        if numbers(result)["o/xs"] is None:  # nothing of it is a factor of anything
            free = model("items=2", schema, plan=PLAN, fields=True)
            assert result.raw == free.raw and result.fields == free.fields


# ---- in any company


TYPES = {
    "lists": record(items=array(record(name=STR, of=maybe(array(INT)))), b=INT),
    "two lists": record(items=array(INT), last=maybe(array({"type": "boolean"}))),
    "no list": record(name=STR, b=INT),
    "bare": {"type": "integer", "minimum": 0, "maximum": 99},
}


@pytest.mark.parametrize("how", [{}, {"temperature": 1.0}], ids=["best", "drawn"])
@pytest.mark.parametrize("rule", [None, cd.counts.Likeliest()], ids=["slots", "rule"])
def test_rows_with_lists_and_without_do_not_depend_on_the_batch(model, how, rule):
    plan = cd.Plan.rooms(3, **how, layout=ROOMS).but(counts=rule)
    texts = ["items=2 of=1,null last=2", "items=0 last=null", "items=4 of=0 last=1 and more"]
    requests = [
        cd.Request(text, TYPES[name], seed=n)
        for n, (text, name) in enumerate(zip(itertools.cycle(texts), [*TYPES, "two lists"]))
    ]
    together = list(model.decode(requests, plan=plan, batch_size=4))
    for one, request in zip(together, requests, strict=True):
        (alone,) = model.decode([request], plan=plan, batch_size=1)
        assert (alone.tokens, alone.usage.forwards, numbers(alone)) == (one.tokens, one.usage.forwards, numbers(one))
    assert [len(one.counts) for one in together][:4] == [3, 2, 0, 0]


def test_rows_without_lists_cost_no_pass(model):
    ours, plain = (written(model, "x", TYPES["no list"], plan) for plan in (PLAN, PLAN.but(counts=cd.counts.Rows())))
    assert ours.usage.forwards == plain.usage.forwards and ours.counts == plain.counts == {}


def test_slots_are_read_in_one_pass_over_a_canvas_that_has_them_open(model):
    generator = cd.Generator(model, TYPES["two lists"], plan=PLAN)
    row = read(model, generator.compiled, generator.request("items=2 last=null"), 0, PLAN, None)
    assert row.layout is not None and row.counts is None
    assert {name for name, _, _ in slotted([MASK if t < 0 else t for t in row.layout.given])} == {"items", "last"}
    (done,) = counted(model.loaded, [row], None, ROOMS)
    assert done.forwards == 1 and done.layout is not None and not done.layout.slots
    assert {place: one.number for place, one in (done.counts or {}).items()} == {("items",): 2, ("last",): None}


# ---- with all else there is


def test_nulls_are_weighed_against_all_answers_so_lists_have_no_slots(model):
    result = written(model, "items=2", record(items=maybe(array(INT)), b=maybe(INT)), nulls=True)
    assert set(result.nulls) == {"items", "b"} and result.counts == {} and not padded(result)
    without = written(model, "items=2", record(c=record(d=INT), b=maybe(INT)), nulls=True)
    assert set(without.nulls) >= {"b"} and padded(without)


def test_a_canvas_that_the_caller_sizes_has_no_slots(model):
    result = written(model, "items=2", record(items=array(INT)), max_new_tokens=40)
    assert result.counts == {} and not padded(result) and result.usage.canvas == 40


def test_guides_of_a_whole_text_and_of_a_field_keep_the_number(model):
    schema = record(items=array(STR), kind={"enum": ["credit", "debit"]})
    for guide in (
        cd.guide.Words(["debit"], 30.0),
        cd.guide.on_field("kind", cd.guide.Words(["debit"], 30.0)),
        cd.guide.on_field("items[]", cd.guide.Words(["a"], 30.0)),
    ):
        result = written(model, "items=2", schema, guidance=[guide], fields=True)
        assert numbers(result) == {"items": 2} and padded(result) and result.fields["items"].exact > 0
        if "a" not in str(guide):
            assert result.output["kind"] == "debit"


def test_a_room_of_a_guided_field_does_not_hold_two_items(model):
    """A number is in three positions, and three numbers are in five."""
    schema = record(items=array({"enum": [1, 10101]}))
    guide = cd.guide.on_field("items[]", cd.guide.Words(["1"], 30.0))
    for n in range(2, 4):
        assert len(written(model, f"items={n}", schema, guidance=[guide]).output["items"]) == n


def test_other_answers_have_the_same_number(model):
    import pydantic

    class Rare(pydantic.BaseModel):
        items: list[int]

        @pydantic.field_validator("items")
        @classmethod
        def even(cls, items: list[int]) -> list[int]:
            if sum(items) % 7:
                raise ValueError("not by seven")
            return items

    result = model("items=2", Rare, plan=PLAN, retries=200)
    assert numbers(result) == {"items": 2} and len(result.output.items) == 2 and sum(result.output.items) % 7 == 0
    tried = [json.loads(one.raw)["items"] for one in result.refused]
    assert all(len(one) == 2 and sum(one) % 7 for one in tried) and len({*map(tuple, tried)}) == len(tried)


def test_a_search_writes_close_together(model):
    reward = cd.rewards.Function(lambda texts: [text.count("1") for text in texts])
    schema = record(items=array(INT, maxItems=3))
    plan = cd.Plan.searching(4).but(layout=ROOMS)
    result = written(model, "items=2", schema, plan, search=cd.search.BestOfN(reward, 2))
    assert result.counts == {} and not padded(result)


def test_doubtful_values_of_items_are_null_where_that_is_asked(model):
    schema = record(items=array(record(a=maybe(INT))))
    result = model("items=2", schema, plan=PLAN, below=1.0, unsure="null")
    assert result.output == {"items": [{"a": None}, {"a": None}]} and numbers(result) == {"items": 2}


# ---- how probable a list is


def product(result: cd.Result[Any], names: Any) -> float:
    return float(np.prod([result.fields[name].exact for name in names]))


def test_a_list_is_as_probable_as_its_number_times_its_items(model):
    schema = record(items=array({"enum": ["x", "yyy", "zz"]}), b={"type": "boolean"})
    result = written(model, "items=2", schema, fields=True)
    fields, probs = result.fields, result.counts["items"].probs
    items = product(result, ["items/0", "items/1"])
    assert 0 < items < 1 and fields["items"].exact == pytest.approx(probs[2] * items, rel=1e-4)
    assert fields["items"].exact != pytest.approx(items, rel=1e-2), "the number is a decision of its own"
    assert fields[""].exact == pytest.approx(fields["items"].exact * fields["b"].exact, rel=1e-4)
    assert fields["items"].prob == fields["items"].exact
    assert fields["items"].counts == (*probs[:3], pytest.approx(sum(probs[3:]), abs=1e-6))
    assert sum(fields["items"].counts) == pytest.approx(1)


def test_numbers_of_inner_lists_and_null_are_factors_of_all_that_they_stand_in(model):
    schema = record(items=array(record(k={"enum": ["x", "yyy"]}, of=maybe(array({"type": "boolean"})))))
    result = written(model, "items=2 of=1,null", schema, fields=True)
    fields, counts = result.fields, result.counts
    one, null = counts["items/0/of"].probs[1], 1 - sum(counts["items/1/of"].probs)
    assert null == pytest.approx(SURE, abs=1e-4)
    assert fields["items/1/of"].exact == pytest.approx(null, rel=1e-5) and fields["items/1/of"].text == "null"
    assert fields["items/1/of"].counts == ()
    assert fields["items/0/of"].exact == pytest.approx(one * fields["items/0/of/0"].exact, rel=1e-4)
    for n in range(2):
        whole = product(result, [f"items/{n}/k", f"items/{n}/of"])
        assert fields[f"items/{n}"].exact == pytest.approx(whole, rel=1e-4)
    both = product(result, ["items/0", "items/1"])
    assert fields["items"].exact == pytest.approx(counts["items"].probs[2] * both, rel=1e-4) == fields[""].exact


def test_what_stands_close_together_has_the_probabilities_of_the_whole_type():
    model, schema = counting(context=60), record(items=array(INT, maxItems=9))
    result = written(model, "items=1", schema, PLAN.but(layout=Rooms(items=40)), fields=True)
    plain = model("items=1", schema, plan=PLAN.but(layout=None), fields=True)
    assert result.fields == plain.fields and result.counts == {}


def test_a_warning_says_that_a_room_bounds_an_item():
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        result = counting(tabs=0.0)("items=2", record(items=array(STR)), plan=PLAN)
    assert result.full and len(result.output["items"]) == 2 and len(told) == 1
