"""The probability of null is that of all answers that say it, added up."""

import itertools
import json
from typing import Annotated

import numpy as np
import pytest
from pydantic import BaseModel, Field

import ctrldiff as cd
from ctrldiff.constraints.prior import Prior
from ctrldiff.errors import InputError
from ctrldiff.json_schema.branches import null_tables, value_tables
from ctrldiff.sampling.constrain import Tables, normalised
from ctrldiff.tokens.vocabulary import Vocabulary
from tests.conftest import few

TOKENS = [b'{"a":', b"null", b',"b":{"c":', b'"x"', b'"', b"null}", b'","c":null"', b"7", b"}", b"}}", None]
VOCABULARY = Vocabulary.from_tokens(TOKENS, stop_ids=[10])
SCHEMA = cd.JsonSchema(
    {
        "type": "object",
        "properties": {
            "a": {"type": ["string", "null"], "maxLength": 20},
            "b": {"type": "object", "properties": {"c": {"type": ["integer", "null"]}}, "required": ["c"]},
        },
        "required": ["a", "b"],
    }
)


@pytest.mark.parametrize("seed", few(range(4), 1))
@pytest.mark.parametrize("prior", [Prior(), Prior.null(1.5, "c")])
def test_it_is_the_sum_over_all_answers_that_say_null(seed, prior):
    scores = np.random.default_rng(seed).normal(size=(5, 11)).astype(np.float32)
    weights, says = [], {"a": [], "c": []}
    for ids in itertools.product(range(11), repeat=5):
        end = ids.index(10) if 10 in ids else 5
        if set(ids[end:]) <= {10} and (text := b"".join(TOKENS[v] for v in ids[:end])) in SCHEMA:
            value = json.loads(text)
            weights.append(scores[np.arange(5), ids].sum() + prior.log_weight(text))
            says["a"].append(value["a"] is None)
            says["c"].append(value["b"]["c"] is None)
    p = np.exp(np.array(weights) - np.logaddexp.reduce(weights))
    tables = null_tables(SCHEMA, VOCABULARY, prior)
    assert list(tables) == ["a", "c"]  # b is never null
    got = prior.compile(SCHEMA, VOCABULARY).bind(scores).branch_probs(tables)
    for key, where in says.items():
        assert got[key] == pytest.approx(p[where].sum(), abs=1e-5)


def test_lengths_and_nulls_of_a_field_share_its_whole_probability():
    scores = np.random.default_rng(3).normal(size=(5, 11)).astype(np.float32)
    patterns = {"null": "null"} | {str(n): rf'"[^"\\]{{{n}}}"' for n in range(12)}
    tables = value_tables(SCHEMA, "a", patterns, VOCABULARY)
    assert {"null", "0", "1"} <= set(tables) and "12" not in tables
    p = SCHEMA.compile(VOCABULARY).bind(scores).branch_probs(tables)
    assert sum(p.values()) == pytest.approx(1, abs=1e-6)
    assert value_tables(SCHEMA, "c", {"big": r"\d{2,}", "text": '"x"'}, VOCABULARY).keys() == {"big"}


class Order(BaseModel):
    customer: Annotated[str, Field(max_length=12)] | None
    total: int | None
    paid: bool


TEXTS = ["Order 7 from Ana Silva, to be paid.", "Invoice: 120 EUR, paid."]


def test_a_result_says_how_probable_null_was():
    model = cd.from_pretrained("tiny")
    generator = cd.Generator(model, Order, nulls=True, max_new_tokens=32)
    results = generator(TEXTS)
    for result in results:
        assert set(result.nulls) == {"customer", "total"}
        assert all(0.0 <= p <= 1.0 for p in result.nulls.values())
    assert generator(TEXTS[1]).nulls == results[1].nulls  # whatever the batch
    plain = cd.Generator(model, Order, max_new_tokens=32)(TEXTS[1])
    assert (plain.raw, plain.nulls) == (results[1].raw, {})


def test_in_one_step_it_is_that_of_the_first_posterior():
    model = cd.from_pretrained("tiny")
    generator = cd.Generator(model, Order, nulls=True, steps=1)
    result = generator(TEXTS[0])
    denoiser = model.loaded.denoiser
    constraint = Tables((generator.table,))
    start = cd.State.blank([model.loaded.prompt_ids(TEXTS[0], generator.type.asked("keys"))], result.usage.canvas)
    state = denoiser.noise(constraint.settle(start))
    tables = null_tables(generator.compiled.of(TEXTS[0])[0].description, model.vocabulary)
    want = generator.table.bind(normalised(denoiser(state)), state.written).branch_probs(tables)
    assert result.nulls == {key: pytest.approx(float(p[0])) for key, p in want.items()}


def test_what_has_no_fields_is_refused():
    with pytest.raises(InputError, match="nulls"):
        cd.Generator(cd.from_pretrained("tiny"), cd.Regex("a|b"), nulls=True)
