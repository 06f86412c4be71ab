"""Lists that are counted in slots: what a rule says of their number, beside other rows, with all there is besides, and
how probable they are."""

import itertools
import json
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import ctrldiff as cd
from ctrldiff.counted import counted
from ctrldiff.errors import InputError
from ctrldiff.generate import read
from ctrldiff.layout import Rooms
from tests.counting import (
    INT,
    MASK,
    PLAN,
    ROOMS,
    STR,
    SURE,
    array,
    counting,
    masses_by_trying,
    maybe,
    numbers,
    padded,
    record,
    slotted,
    told_in_slots,
    written,
)
from tests.test_counted import Told

pytestmark = pytest.mark.filterwarnings("ignore::ctrldiff.errors.CanvasWarning")


@pytest.fixture(scope="module")
def model() -> cd.Model:
    return counting()


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
