"""Values are whole, forced ones are told, and one row's failure is that row's."""

import json
import warnings

import pytest
import torch
from pydantic import BaseModel, field_validator

import ctrldiff as cd
from ctrldiff.errors import CanvasWarning, InputError, OutputInvalid, Unsure
from ctrldiff.sampling.commit import Threshold, TopK
from tests.conftest import MASK, PAD, SIZE, STOP, VOCABULARY, named
from tests.invoices import invoices

TEXT = {"type": "string"}
NUMBER = {"type": "number"}
OPEN = "Order 5512 for Maria Jensen: 3 desk lamps."
BILL = "Bill to: Maria Jensen. Total due: EUR 308.80, order of 12345678 items"


def record(**properties):
    return {"type": "object", "properties": properties, "required": list(properties)}


class Bill(BaseModel):
    invoice_number: str
    supplier: str
    supplier_address: str
    customer: str
    customer_address: str
    items: list[str]
    date: str
    total: float


@pytest.fixture(scope="module")
def model():
    return cd.from_pretrained("tiny")


@pytest.mark.slow
def test_an_ordinary_invoice_of_eight_fields_is_not_cut(model):
    bills = invoices(40)
    with warnings.catch_warnings():
        warnings.simplefilter("error", CanvasWarning)
        results = model([bill.text for bill in bills], Bill)
    assert not any(result.full for result in results)
    assert sum(result.output.total == bill.total for result, bill in zip(results, bills)) >= 36
    assert sum(result.output.date == bill.date for result, bill in zip(results, bills)) >= 36


def test_a_stated_canvas_that_binds_the_answer_says_so(model):
    schema = record(customer=TEXT, total=NUMBER)
    with pytest.warns(CanvasWarning, match="bound the answer"):
        assert model(BILL, schema, max_new_tokens=16).full
    with warnings.catch_warnings():
        warnings.simplefilter("error", CanvasWarning)
        whole = model(BILL, schema)
    assert not whole.full and whole.output == {"customer": "Maria Jensen", "total": 308.8}


def endless(context: int, ends: int | None = None) -> cd.Model:
    """A model that writes "a" at every position, and after `ends` letters its end."""

    def network(ids: torch.Tensor) -> torch.Tensor:
        logits = torch.zeros(*ids.shape, SIZE)
        logits[..., VOCABULARY_IDS[b"a"]] = 9.0
        if ends is not None and ids.shape[1] > ends + 1:
            logits[:, ends + 1 :, STOP] = 20.0
        return logits

    spec = cd.ModelSpec(stop_ids=(STOP,), n_tokens=SIZE, context=context, mask_id=MASK, pad_id=PAD, canvas=4)
    return cd.Model.from_callable(network, spec, VOCABULARY, lambda text: [VOCABULARY_IDS[b"b"]])


VOCABULARY_IDS = {VOCABULARY[token]: token for token in range(SIZE) if VOCABULARY[token] is not None}


def test_a_canvas_grows_until_the_answer_ends_and_what_it_cost_is_counted():
    result = endless(context=200, ends=13)("b", cd.Regex("a*"), steps=1)
    assert (result.output, result.full) == ("a" * 13, False)
    assert result.usage.canvas > 13 and result.usage.forwards > 1


@pytest.mark.filterwarnings("ignore::ctrldiff.errors.CanvasWarning")
def test_a_canvas_stops_growing_at_the_context_and_at_its_bound():
    assert endless(context=10)("b", cd.Regex("a*"), steps=1).output == "a" * 9
    bounded = endless(context=10_000)("b", cd.Regex("a*"), steps=1)
    assert bounded.full and 20 < bounded.usage.canvas < 100


def test_rows_that_grow_are_the_rows_that_they_are_alone(model):
    bills = [bill.text for bill in invoices(3)]
    together = model([*bills, OPEN], record(customer=TEXT, total=NUMBER), batch_size=4)
    alone = [model(text, record(customer=TEXT, total=NUMBER)) for text in [*bills, OPEN]]
    assert [one.raw for one in together] == [one.raw for one in alone]


def test_a_value_that_the_model_did_not_believe_in_is_flagged_and_no_other(model):
    result = model(OPEN, record(customer=TEXT, notes=TEXT))
    assert [flag.where for flag in result.flags] == ["/notes"]
    assert result.flags[0].legal < 1e-3 and json.loads(result.flags[0].text) == result.output["notes"]
    assert result.output["customer"] == "Maria Jensen"
    sure = model(OPEN, record(customer=TEXT))
    assert sure.flags == ()


def test_a_string_with_nothing_to_say_is_short_and_holds_no_debris(model):
    notes = model(OPEN, record(customer=TEXT, notes=TEXT)).output["notes"]
    assert len(notes) <= 8 and not set(notes) & set("{}[]:")


def test_a_forced_value_becomes_null_where_that_is_legal(model):
    schema = record(customer=TEXT, notes={"type": "string"})
    schema["properties"]["notes"] = {"anyOf": [{"type": "string", "minLength": 30}, {"type": "null"}]}
    forced = cd.Prior.null(-60.0)
    flagged = model(OPEN, schema, prior=forced)
    nulled = model(OPEN, schema, prior=forced, unsure="null")
    assert flagged.output["notes"] is not None and flagged.flags
    assert nulled.output == {**flagged.output, "notes": None}
    assert [(flag.where, flag.nulled) for flag in nulled.flags] == [("/notes", True)]


def test_a_forced_value_is_an_error_where_that_is_asked(model):
    with pytest.raises(Unsure, match="/notes") as caught:
        model(OPEN, record(customer=TEXT, notes=TEXT), unsure="error")
    assert caught.value.flags and caught.value.row == 0 and isinstance(caught.value, OutputInvalid)


def test_numbers_have_no_more_digits_than_those_of_texts_have(model):
    text = "Netto 1.250,00\n19% MwSt. 237,50\nGesamt 1.487,50 EUR"
    for value in model(text, record(net=NUMBER, tax=NUMBER)).output.values():
        assert len(str(value).partition(".")[2]) <= 6


def test_every_answer_is_in_the_language_that_was_asked_for(model):
    schema = cd.JsonSchema(record(customer=TEXT, total=NUMBER))
    for text in (OPEN, BILL, "] : , x", "total 3.14159265358979 of 12345678901234567890123"):
        assert model(text, schema).raw in schema


class Even(BaseModel):
    total: int

    @field_validator("total")
    @classmethod
    def even(cls, value):
        if value % 2:
            raise ValueError("odd")
        return value


def test_a_failure_takes_the_place_of_its_own_row(model):
    texts = ["Total due: EUR 4.", "Total due: EUR 5.", "", "Total due: EUR 8."]
    with pytest.raises(InputError):
        model(texts, Even)
    results = model(texts, Even, on_error="keep")
    assert [type(one).__name__ for one in results] == ["Result", "OutputInvalid", "InputError", "Result"]
    assert [results[0].output.total, results[3].output.total] == [4, 8]
    with pytest.raises(OutputInvalid):
        model([texts[0], texts[1]], Even)


@pytest.mark.parametrize("given", [{"text": OPEN}, {OPEN}, b"bytes", 3, None])
def test_what_is_no_list_of_texts_is_not_read_as_one(model, given):
    with pytest.raises(InputError, match="is not a text"):
        model(given, float)


@pytest.mark.parametrize(
    "wrong",
    [
        {"commit": "confidence"},
        {"commit": TopK},
        {"commit": lambda posterior, tokens, state, step: state.open.to(torch.float32)},
        {"commit": lambda posterior, tokens, state, step: state.open.numpy()},
        {"revise": lambda posterior, state, step: None},
        {"schedule": 16},
        {"schedule": lambda state, index, steps: None},
        {"stop": "never"},
        {"edit": 3},
        {"processors": [3]},
        {"processors": "cool"},
        {"unsure": "maybe"},
        {"on_error": "ignore"},
        {"batch_size": True},
        {"top_p": 0.9},
        {"response_model": int},
    ],
    ids=named,
)
def test_a_wrong_argument_is_named_with_a_way_out(model, wrong):
    with pytest.raises(InputError) as caught:
        model(OPEN, record(customer=TEXT), **wrong)
    assert next(iter(wrong)) in str(caught.value) and (caught.value.hint or "at least" in str(caught.value))


@pytest.mark.parametrize("make", [lambda: TopK("entropi"), lambda: Threshold("high"), lambda: Threshold(-1)])
def test_a_policy_that_could_not_work_is_refused_when_it_is_made(make):
    with pytest.raises(InputError):
        make()
