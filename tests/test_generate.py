"""The front door on the model in the box: typed, complete, repeatable, and refused early when it has to be."""

import json
import warnings
from datetime import date
from enum import Enum
from typing import Literal

import jsonschema_rs
import pytest
import torch
from pydantic import BaseModel, field_validator

import ctrldiff as cd
from ctrldiff.errors import (
    BudgetTooSmall,
    CanvasWarning,
    ConstraintError,
    InputError,
    OutputInvalid,
    PromptTooLong,
    RegexUnsupported,
    SchemaUnsupported,
)
from ctrldiff.sampling.commit import Rewrite, TopK
from ctrldiff.sampling.edit import Disagree
from ctrldiff.sampling.stop import Stable
from ctrldiff.types.ask import ask_for
from tests.conftest import MASK, PAD, SIZE, STOP, VOCABULARY

TEXT = "Invoice INV-20931 from Northwind Traders to Maria Jensen, EUR 308.80 due on 2 April 2026."


class Invoice(BaseModel):
    invoice_number: str
    customer: str | None
    due_date: date | None
    total: float
    currency: Literal["EUR", "USD"]
    paid: bool


class Mood(Enum):
    GOOD = "positive"
    BAD = "negative"


@pytest.fixture(scope="module")
def model():
    return cd.from_pretrained("tiny")


def test_a_pydantic_model_comes_back_as_an_instance(model):
    result = model(TEXT, Invoice)
    assert isinstance(result.output, Invoice)
    assert list(json.loads(result.raw)) == list(Invoice.model_fields)
    assert 0 <= result.prob <= 1 and result.usage.forwards >= 1


@pytest.mark.parametrize(
    ("wanted", "kind"),
    [(int, int), (float, float), (bool, bool), (date, date), (str, str), (Mood, Mood), (Literal["a", "b"], str)],
)
def test_every_plain_type_comes_back_as_itself(model, wanted, kind):
    assert isinstance(model(TEXT, wanted, max_new_tokens=32).output, kind)


EDITED = {"edit": Disagree(0.3), "commit": Rewrite(TopK()), "steps": 6, "stop": Stable()}


@pytest.mark.parametrize(
    "how", [{}, {"steps": 1}, {"steps": 3}, {"temperature": 1.0}, {"commit": TopK("random")}, EDITED]
)
def test_whatever_the_order_the_object_is_valid(model, how):
    schema = {
        "type": "object",
        "properties": {"a": {"type": "integer"}, "b": {"enum": ["x", "yy"]}, "c": {"type": "string", "maxLength": 5}},
        "required": ["a", "c"],
        "additionalProperties": False,
    }
    for seed in range(2):
        result = model(TEXT, schema, seed=seed, max_new_tokens=40, **how)
        assert jsonschema_rs.is_valid(schema, result.output)


def test_a_constraint_comes_back_as_its_text(model):
    import interegular

    code = cd.Regex(r"[A-Z]{3}-\d{5}", ascii=True)
    assert model(TEXT, code, ask="invoice_number").output in code
    fsm = interegular.parse_pattern("(ab|cd){2}").to_fsm()
    assert model(TEXT, fsm).output in cd.Regex("(ab|cd){2}")
    assert model(TEXT, code.dfa() & cd.Regex("INV.*").dfa()).output.startswith("INV")


def test_an_outlines_index_over_the_models_tokens_is_a_constraint(model):
    import outlines_core

    spelled: dict[bytes, list[int]] = {}
    for token in range(model.vocabulary.size):
        if data := model.vocabulary[token]:
            spelled.setdefault(data, []).append(token)
    index = outlines_core.Index("(ab|cd){2}", outlines_core.Vocabulary(model.vocabulary.stop_ids[0], spelled))
    assert model(TEXT, index).output in cd.Regex("(ab|cd){2}")
    with pytest.raises(ConstraintError, match="from_index"):
        cd.Regex("a") | index


def test_a_choice_is_decided_in_one_pass_with_exact_probabilities(model):
    result = model("The kettle broke after a week.", Literal["positive", "negative"])
    assert result.usage.forwards == 1
    assert sum(result.probs.values()) == pytest.approx(1, abs=1e-4)
    assert result.prob == pytest.approx(max(result.probs.values()))
    assert result.probs[result.output] == max(result.probs.values())


def test_rows_are_the_same_in_any_batch(model):
    texts = [f"Invoice INV-{n} for {who}, EUR {n}.50." for n, who in enumerate(["Ana", "Bo Li", "Cleo", "Dan", "Eve"])]
    schema = {"type": "object", "properties": {"total": {"type": "number"}}, "required": ["total"]}
    for how in ({"steps": 4}, {"steps": 4, "temperature": 0.8, "seed": 3}):
        alone = [model(text, schema, max_new_tokens=24, **how).tokens for text in texts]
        for batch_size in (2, 5):
            together = cd.Generator(model, schema, max_new_tokens=24, batch_size=batch_size, **how)(texts)
            assert [result.tokens for result in together] == alone


def test_the_seed_fixes_everything_and_changes_something(model):
    def draw(seed):
        return model(TEXT, str, seed=seed, temperature=1.5, max_new_tokens=16, steps=4).raw

    assert draw(1) == draw(1)
    assert len({draw(seed) for seed in range(4)}) > 1


def test_steps_bound_the_forward_passes(model):
    assert model(TEXT, Invoice, steps=5).usage.forwards <= 5


def test_special_words_in_a_text_stay_words(model):
    ids = model.loaded.prompt_ids("a <mask> and <eos>", "<answer>")
    assert ids.count(model.loaded.spec.mask_id) == 0
    assert [i for i in ids if i <= 5] == [3, 4, 5]


def test_a_trace_shows_every_canvas(model):
    trace = str(model(TEXT, cd.Regex("[ab]{4}"), max_new_tokens=6, steps=3, trace=True).trace)
    assert trace.splitlines()[0].endswith("·" * 6) and "·" not in trace.splitlines()[-1]


def test_bad_input_is_refused_before_the_model_is_asked(model):
    with pytest.raises(BudgetTooSmall) as caught:
        model(TEXT, Invoice, max_new_tokens=10)
    assert caught.value.shortest > 10 and str(caught.value.shortest) in str(caught.value)
    assert model(TEXT, Invoice, max_new_tokens=caught.value.shortest).output  # the way out it names works
    with pytest.raises(PromptTooLong, match="context"):
        model("word " * 400, Invoice)
    with pytest.raises(InputError, match="empty"):
        model([TEXT, "  "], Invoice)
    with pytest.raises(InputError, match="not a str"):
        model([TEXT, 3], Invoice)
    for text, what in ((3, "a int is not a text"), (None, "a NoneType"), (b"abc", "a bytes")):
        with pytest.raises(InputError, match=what):
            model(text, Invoice)
    for how in ({"steps": "4"}, {"steps": 1.5}, {"temperature": None}, {"seed": "a"}, {"temperature": float("nan")}):
        with pytest.raises(InputError, match="at least") as refused:
            cd.Generator(model, Invoice, **how)
        assert refused.value.param == next(iter(how))
    for name, way_out in (("step", "steps="), ("schema", "max_new_tokens")):
        with pytest.raises(InputError, match=f"no argument '{name}'(?s:.*){way_out}"):
            model(TEXT, Invoice, **{name: 3})
    for wanted in ("Invoice", [int]):
        with pytest.raises(ConstraintError, match="pass the type itself"):
            model(TEXT, wanted)
    with pytest.raises(ConstraintError, match="no list of labels"):
        cd.Choice("yes")
    with pytest.raises(ConstraintError, match="the label 3 is a int"):
        cd.Choice(["a", 3])
    with pytest.raises(InputError, match="steps=0"):
        cd.Generator(model, Invoice, steps=0)
    with pytest.raises(SchemaUnsupported):
        cd.Generator(model, {"type": "object", "properties": {"a": {"type": "string", "format": "regex"}}})
    with pytest.raises(RegexUnsupported):
        cd.Generator(model, cd.Regex(r"(a)\1"))
    with pytest.raises(ConstraintError, match="not a constraint"):
        cd.Generator(model, object())
    with pytest.raises(ConstraintError, match="at least one label"):
        cd.Choice([])


def test_a_rule_that_the_schema_does_not_say_is_named_with_the_text(model):
    class Odd(BaseModel):
        n: Literal[2]

        @field_validator("n")
        @classmethod
        def odd(cls, value):
            raise ValueError("never satisfied")

    with pytest.raises(OutputInvalid, match="never satisfied") as caught:
        model(TEXT, Odd)
    assert caught.value.raw == '{"n":2}'


@pytest.mark.parametrize(
    ("schema", "name", "words"),
    [
        (
            Invoice.model_json_schema(),
            None,
            "{invoice_number,customer,due_date:date,total:number,currency:EUR|USD,paid:bool}",
        ),
        ({"type": "integer"}, "total", "total:int"),
        ({"type": "string"}, None, ""),
        ({"type": "string"}, "city", "city"),
        ({"type": "array", "items": {"type": "object", "properties": {"n": {"type": "integer"}}}}, None, "[{n:int}]"),
        ({"properties": {"tags": {"type": "array", "items": {"type": "string"}}}}, None, "{tags:[]}"),
    ],
)
def test_the_prompt_names_the_wanted_type_as_in_training(schema, name, words):
    assert ask_for(schema, name) == words


def test_any_function_is_a_model_behind_the_front_door():
    spec = cd.ModelSpec(mask_id=MASK, stop_ids=(STOP,), n_tokens=SIZE, context=64, pad_id=PAD, canvas=4)
    likes_nine = torch.nn.functional.one_hot(torch.tensor(9), SIZE).float()
    model = cd.Model.from_callable(
        lambda ids: likes_nine.expand(*ids.shape, SIZE).clone(), spec, VOCABULARY, lambda text: [int(c) for c in text]
    )
    assert model("12", cd.Regex(r"\d{2}-[0-8]")).raw[:3] == "99-"
    assert model("12", Literal["19", "99"]).output == "99"
    assert [r.usage.prompt_tokens for r in model(["1", "123"], cd.Regex("9+"))] == [1, 3]


def test_a_canvas_much_wider_than_usual_is_remarked_upon_unless_the_type_bounds_it():
    spec = cd.ModelSpec(mask_id=MASK, stop_ids=(STOP,), n_tokens=SIZE, context=512, pad_id=PAD, canvas=4)
    model = cd.Model.from_callable(lambda ids: torch.zeros(*ids.shape, SIZE), spec, VOCABULARY, lambda text: [1])
    with pytest.warns(CanvasWarning, match="a canvas of 60 positions, where 5 are usual"):
        cd.Generator(model, cd.Regex("a+"), max_new_tokens=60).check("x")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cd.Generator(model, cd.Regex("a+"), max_new_tokens=40).check("x")
        cd.Generator(model, cd.Regex("a{1,9}"), max_new_tokens=60).check("x")  # behind the ninth, all is settled
