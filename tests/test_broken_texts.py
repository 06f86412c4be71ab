"""Half of a surrogate pair, numbers that are none, values without end: named where they come in, never a crash."""

import json
import re
from enum import Enum
from typing import Literal

import numpy as np
import pytest

import ctrldiff as cd
from ctrldiff.errors import ConstraintError, ConstraintTooLarge, InputError, ModelError, OutputInvalid, SchemaInvalid
from ctrldiff.types.structured import output_type
from tests.conftest import VOCABULARY, named

HALF = "\ud83d"


@pytest.fixture(scope="module")
def model():
    return cd.from_pretrained("tiny")


class Labels(Enum):
    ODD = HALF


TEXTS = {
    "one": lambda model: model(f"Paid {HALF} EUR 5", float),
    "in a list": lambda model: model(["EUR 5", HALF], float),
    "checked": lambda model: cd.Generator(model, float).check(HALF),
    "the question": lambda model: model("EUR 5", float, ask=HALF),
    "words to lean to": lambda model: model("x", str, guidance=[cd.guide.Words([HALF], 2.0)]),
    "a negative prompt": lambda model: model("x", str, guidance=[cd.guide.NegativePrompt(lambda text: HALF, 1.0)]),
    "a document of spans": lambda model: cd.SpanOf(HALF),
    "a document of a schema": lambda model: cd.JsonSchema({"x-span": True}, document=HALF),
}


@pytest.mark.parametrize("name", TEXTS)
def test_a_broken_text_is_named_with_its_place(model, name):
    with pytest.raises(InputError, match="surrogate") as caught:
        TEXTS[name](model)
    assert caught.value.position >= 0


def test_the_other_rows_keep_their_answers(model):
    results = model(["Total due: EUR 4.", HALF, "Total due: EUR 8."], float, on_error="keep")
    assert [type(one).__name__ for one in results] == ["Result", "InputError", "Result"]
    assert results[1].row == 1


DESCRIPTIONS = {
    "a label": lambda: cd.Choice(["a", HALF]),
    "a literal": lambda: output_type(Literal["\ud83d"]),
    "a literal within": lambda: output_type(list[Literal["x\ud83d"]]),
    "an enum": lambda: output_type(Labels),
    "a constant": lambda: cd.JsonSchema({"const": HALF}),
    "listed": lambda: cd.JsonSchema({"properties": {"a": {"enum": ["x", [HALF]]}}}),
    "a property": lambda: cd.JsonSchema({"properties": {HALF: {}}}),
    "required": lambda: cd.JsonSchema({"required": [HALF]}),
    "schema text": lambda: cd.JsonSchema('{"const": "\\ud83d"}'),
    "a pattern": lambda: cd.Regex(f"a{HALF}"),
    "a schema's pattern": lambda: cd.JsonSchema({"pattern": HALF}),
    "a template": lambda: output_type(cd.Template(f"a {HALF} {{x}}", x=int)).description.dfa(),
}


@pytest.mark.parametrize("name", DESCRIPTIONS)
def test_a_broken_description_is_named(name):
    with pytest.raises(ConstraintError):
        DESCRIPTIONS[name]()


def test_the_place_in_a_schema_is_told():
    with pytest.raises(SchemaInvalid) as caught:
        cd.JsonSchema({"properties": {"a/b": {"enum": ["x", [HALF]]}}})
    assert caught.value.pointer == "#/properties/a~1b/enum/1/0"


def test_a_whole_pair_is_a_text(model):
    assert '"\U0001f600"' in cd.JsonSchema({"const": "\U0001f600"})
    assert model("Paid \U0001f600 EUR 5", cd.Choice(["\U0001f600", "b"])).output in ("\U0001f600", "b")


def nested(depth):
    value: object = 1
    for _ in range(depth):
        value = [value]
    return value


ENDLESS: list = []
ENDLESS.append(ENDLESS)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), ENDLESS, {1, 2}, object()], ids=named)
def test_what_is_no_json_is_no_schema(value):
    with pytest.raises(SchemaInvalid):
        cd.JsonSchema({"const": value})


@pytest.mark.parametrize("depth", [200, 500, 900, 5_000])
def test_a_deep_value_is_held_or_refused(depth):
    text = '{"const": ' + "[" * depth + "]" * depth + "}"
    try:
        schema = cd.JsonSchema(text)
        assert "[" * depth + "]" * depth in schema
    except ConstraintTooLarge as error:
        assert depth >= 500 and "nesting depth" in str(error)


def test_a_deep_instance_is_spelled_or_refused():
    schema = cd.JsonSchema({"type": "array"})
    assert schema.canonical(nested(100)) == json.dumps(nested(100))
    with pytest.raises(ConstraintTooLarge):
        schema.canonical(nested(20_000))


@pytest.mark.parametrize(
    "wrong, says",
    [
        ({"device": "gpu"}, "cuda:1"),
        ({"device": 7.5}, "cuda:1"),
        ({"dtype": "bf17"}, "bfloat16"),
        ({"wide": True}, "known"),
    ],
    ids=str,
)
def test_a_model_that_cannot_be_had_that_way_is_refused_by_name(wrong, says):
    with pytest.raises(ModelError, match=says):
        cd.from_pretrained("tiny", **wrong)


@pytest.mark.parametrize(
    ("made", "why"),
    [
        ([12], "made the id 12"),
        ([0, -1], "made the id -1"),
        ("ab", "'ab'"),
        (None, "None"),
        ([0.5], "0.5"),
        ([[1]], "1"),
    ],
    ids=range(6),
)
def test_what_encode_makes_of_a_text_is_checked_before_the_network_sees_it(made, why):
    def network(ids):
        raise AssertionError("asked")

    mine = cd.ModelSpec(stop_ids=(2,), mask_id=3, n_tokens=4, context=64)
    vocabulary = cd.Vocabulary.from_tokens([b"a", b"b", None, None], stop_ids=[2])
    broken = cd.Model.from_callable(network, mine, vocabulary, lambda text: made)
    with pytest.raises(InputError, match="made") as raised:
        broken("x", cd.Regex("[ab]{2}"))
    assert raised.value.facts["param"] == "encode" and why in str(raised.value)


def test_a_device_that_is_not_there_is_named():
    import torch

    if not torch.cuda.is_available():
        with pytest.raises(ModelError, match='device="cpu"'):
            cd.from_pretrained("tiny", device="cuda")
    with pytest.raises(ModelError, match="hf download GSAI-ML/LLaDA-8B-Instruct"):
        cd.from_pretrained("GSAI-ML/LLaDA-8B-Instruct")


def test_a_denoiser_is_not_taken_for_a_model(model):
    denoiser = cd.from_callable(lambda ids: ids, model.loaded.spec, VOCABULARY)
    with pytest.raises(InputError, match=r"Model\.from_callable"):
        denoiser("Total due: EUR 5", float)
    with pytest.raises(InputError, match="logits"):
        cd.from_callable(3, model.loaded.spec, VOCABULARY)


def test_a_number_that_python_does_not_read_is_named():
    with pytest.raises(OutputInvalid, match="beyond a float's range"):
        output_type({"type": "number"}).read("1" * 5_000 + ".5")


@pytest.mark.parametrize("labels", ["abc", 3, [1, 2], [["a"]], [{}], [None, "a"], []], ids=str)
def test_labels_that_are_none_are_named(labels):
    with pytest.raises(ConstraintError):
        cd.Choice(labels)
    assert cd.Choice(["b", "a", "b"]).labels == ("b", "a")


def test_what_comes_in_the_clothes_of_another_is_told_what_to_pass():
    for given, way_out in (
        ('{"type": "null"}', r"JsonSchema\(text\)"),
        (re.compile("a+"), r"Regex\(pattern\.pattern\)"),
    ):
        with pytest.raises(ConstraintError, match=way_out):
            output_type(given)
    with pytest.raises(InputError, match=r"int\(\.\.\.\)"):
        cd.Request("a", max_new_tokens=np.int64(5))
    with pytest.raises(ConstraintTooLarge, match="ascii=True"):
        cd.Regex(r"(\w+ ?){1,80}").dfa(cd.Limits(max_steps=100_000))
