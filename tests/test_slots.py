"""How many items a list has, read in slots before anything is written: the probabilities against every word tried, the
number that is chosen, and that what is written has it."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

import ctrldiff as cd
from ctrldiff.counted import TINY, _likeliest, _slot_masses
from ctrldiff.generate import read
from ctrldiff.layout import Rooms, Slots
from tests.counting import (
    COMMA,
    INT,
    NULL,
    OPENING,
    PLAN,
    ROOMS,
    SIZE,
    STR,
    SURE,
    TAB,
    array,
    counting,
    masses_by_trying,
    maybe,
    numbers,
    padded,
    record,
    told_in_slots,
    written,
)

pytestmark = pytest.mark.filterwarnings("ignore::ctrldiff.errors.CanvasWarning")


@pytest.fixture(scope="module")
def model() -> cd.Model:
    return counting()


# ---- how probable a number is


def masses_by_the_first_tab(tabs: np.ndarray) -> np.ndarray:
    """What is wrong: as many items as there are slots before the first tab, whatever stands behind it."""
    going = np.concatenate([[1.0], np.cumprod(1 - tabs)])
    return going * np.append(tabs, 1.0)


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
        assert told[:7] == pytest.approx(probs[:7]) and told[7] == pytest.approx(sum(probs[7:]))
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
