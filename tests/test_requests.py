"""Requests that have nothing in common share batches, and none of them can tell."""

import asyncio
import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from decimal import Decimal
from enum import Enum
from itertools import count, islice
from typing import Literal

import pytest
from pydantic import BaseModel

import ctrldiff as cd
from ctrldiff.errors import BudgetTooSmall, InputError, PromptTooLong
from ctrldiff.models.callable import PlainTokenizer
from ctrldiff.models.hf import Loaded
from tests.conftest import spec, toy


class Kind(Enum):
    CASE = "case"
    TROLLEY = "trolley"


class Line(BaseModel):
    what: str
    price: Decimal | None


class Order(BaseModel):
    customer: str
    day: date | None
    total: float | None


class Basket(BaseModel):
    lines: list[Line]


TYPES = [
    Order,
    Basket,
    Line,
    str,
    float,
    bool,
    date,
    Kind,
    Literal["paid", "open", "late"],
    list[str],
    cd.Regex(r"[A-Z]{2}-\d{2,6}"),
    {"type": "object", "properties": {"who": {"type": ["string", "null"]}}, "required": ["who"]},
]
WHO = ("Maria Jensen", "Acme Ltd", "J. P. Okonkwo", "the bakery round the corner", "Hans-Peter Müller & Söhne")
WHAT = ("rolling cases", "a trolley", "12 boxes of paper", "two lamps and a desk", "coffee")


def requests(number: int) -> list[cd.Request]:
    """Seeded, of every type, some with a canvas of their own."""
    rng = random.Random(7)
    made = []
    for n in range(number):
        text = f"{rng.choice(WHO)} bought {rng.choice(WHAT)} for {rng.randint(1, 9999)}.{rng.randint(10, 99)} EUR"
        text += rng.choice(["", " on 14 April 2025.", ", paid in cash; the receipt is AB-1234.", ". " * 9])
        canvas = 40 if n % 5 == 0 else None
        made.append(cd.Request(text, TYPES[n % len(TYPES)], seed=n % 3, max_new_tokens=canvas))
    return made


def told(result) -> tuple:
    """All that a result says which does not depend on the clock; floats by six digits."""
    numbers = [round(result.log_prob, 4), *(round(p, 5) for p in result.probs.values())]
    return result.raw, result.tokens, result.usage.forwards, result.usage.canvas, result.full, *numbers


@pytest.fixture(scope="module")
def model():
    return cd.from_pretrained("tiny")


@pytest.mark.slow
@pytest.mark.parametrize(
    "plan, number",
    [
        pytest.param(cd.Plan.default(), 200, id="default", marks=pytest.mark.slow),
        pytest.param(cd.Plan.default(steps=4, temperature=0.8), 60, id="drawn"),
    ],
)
def test_a_row_does_not_depend_on_who_shares_its_batch(model, plan, number):
    asked = requests(number)
    alone = [told(one) for one in model.decode(asked, plan=plan, batch_size=1)]
    for size in (7, 16):
        assert [told(one) for one in model.decode(asked, plan=plan, batch_size=size)] == alone
    order = random.Random(1).sample(range(number), number)
    shuffled = [told(one) for one in model.decode([asked[n] for n in order], plan=plan, batch_size=16)]
    assert shuffled == [alone[n] for n in order]


class First(BaseModel):
    product: str
    bad: bool


class Second(BaseModel):
    opinion: str


@pytest.mark.parametrize("one, other", [(First | Second, Second | First), (Literal[1, 2, 3], Literal[3, 2, 1])])
def test_types_that_python_calls_equal_are_not_one_type(model, one, other):
    text = "A dull lamp, and a loud one."
    together = [told(result) for result in model.decode([cd.Request(text, one), cd.Request(text, other)])]
    assert together == [told(model(text, wanted)) for wanted in (one, other)]
    (_, second) = model.decode([cd.Request(text, one), cd.Request(text, other)])
    assert list(second.probs) == list(model(text, other).probs)


def test_requests_are_decoded_as_the_model_reads_best():
    small, text = cd.from_pretrained("small"), "Order 7 from Ana Silva, 12.50 EUR, to be paid by 3 May 2024."
    (decoded,) = small.decode([cd.Request(text, Order)])
    assert told(decoded) == told(small(text, Order)) != told(small(text, Order, plan=cd.Plan.default()))


@pytest.mark.slow
def test_a_request_is_what_a_call_says(model):
    for one in requests(12):
        (decoded,) = model.decode([one])
        called = model(one.text, one.output, seed=one.seed, max_new_tokens=one.max_new_tokens)
        assert told(decoded) == told(called)


@pytest.mark.slow
def test_a_batch_is_full_until_the_queue_is_empty(model):
    sizes: list[int] = []

    class Counting:
        vocabulary = model.vocabulary

        def __getattr__(self, name):
            return getattr(model.loaded.denoiser, name)

        def __call__(self, state):
            sizes.append(int((~state.done).sum()))
            return model.loaded.denoiser(state)

    counting = cd.Model(replace(model.loaded, denoiser=Counting()))
    texts = [one.text for one in requests(40)]
    asked = [cd.Request(text, Order, max_new_tokens=48) for text in texts]
    results = list(counting.decode(asked, batch_size=8))
    last = len(sizes) - next(n for n, size in enumerate(reversed(sizes)) if size == 8)
    assert set(sizes[:last]) == {8}, "never less than full while there are more"
    assert sum(sizes) == sum(one.usage.forwards for one in results)


def test_requests_may_come_without_end_and_few_are_read_ahead(model):
    read = []

    def endless() -> Iterator[cd.Request]:
        for n in count():
            read.append(n)
            yield cd.Request(f"{n} lamps for {n}.50 EUR", float)

    results = list(islice(model.decode(endless(), batch_size=2), 5))
    assert len(results) == 5 and len(read) <= 5 + 2 * 4


def test_results_come_in_order_and_as_soon_as_they_can(model):
    long = cd.Request("Maria Jensen bought a trolley for 129.95 EUR on 14 April 2025.", Order)
    results = model.decode([cd.Request("paid, thanks", bool), long], batch_size=1)
    assert next(results).output in (True, False)
    assert isinstance(next(results).output, Order)


def test_guided_rows_and_plain_ones_go_side_by_side(model):
    text = "Maria Jensen bought a trolley for 129.95 EUR."
    plain, led = cd.Request(text, str), cd.Request(text, str, guidance=[cd.guide.Words(["lamp"])])
    one, two, three = model.decode([plain, led, plain], batch_size=4)
    assert told(one) == told(three) == told(model(text, str))
    assert told(two) == told(model(text, str, guidance=led.guidance))


def test_nulls_and_unsure_belong_to_a_request(model):
    text = "Maria Jensen bought a trolley."
    noted, bare = model.decode([cd.Request(text, Order, nulls=True), cd.Request(text, Order, unsure="null")])
    assert set(noted.nulls) == {"day", "total"} and bare.nulls == {}
    assert told(noted) == told(model(text, Order))


def test_an_error_is_its_own_rows(model):
    texts = ["a trolley for 5 EUR", "", "word " * 400, "a lamp for 7 EUR"]
    found = list(model.decode([cd.Request(text, float) for text in texts], on_error="keep"))
    assert [type(one) for one in found] == [cd.Result, InputError, PromptTooLong, cd.Result]
    results = model.decode([cd.Request(text, float) for text in texts], batch_size=1)
    with pytest.raises(InputError, match="text 1 is empty"):
        list(results)


def test_a_step_that_fails_takes_its_own_row_and_no_draw_of_another(model):
    inner = model.loaded.denoiser

    class Failing:
        vocabulary = model.vocabulary

        def __getattr__(self, name):
            return getattr(inner, name)

        def __call__(self, state):
            logits = inner(state)
            bad = [len(ids) == len(marked) and ids.tolist() == marked for ids in state.prompt]
            logits[bad] = float("nan")
            return logits

    failing = cd.Model(replace(model.loaded, denoiser=Failing()))
    plan = cd.Plan.default(temperature=1.0)
    asked = [cd.Request(f"{n} lamps for {n}.50 EUR", Order) for n in range(5)]
    marked = model.loaded.prompt_ids(asked[2].text, cd.output_type(Order).asked("keys"))
    good = [told(one) for one in model.decode(asked, plan=plan)]
    found = list(failing.decode(asked, plan=plan, on_error="keep"))
    assert isinstance(found[2], cd.errors.LogitsInvalid)
    assert [told(one) for n, one in enumerate(found) if n != 2] == [one for n, one in enumerate(good) if n != 2]
    with pytest.raises(cd.errors.LogitsInvalid):
        list(failing.decode(asked, plan=plan))


@pytest.mark.slow
def test_n_answers_to_one_text_are_independent_draws(model):
    text = "Maria Jensen bought a trolley for 129.95 EUR."
    three = model(text, str, n=3, temperature=1.5, seed=4)
    assert len(three) == 3 and len({one.raw for one in three}) > 1
    assert three[0].raw == model(text, str, temperature=1.5, seed=4).raw, "the first is the one of a plain call"
    assert [one.raw for one in model(text, str, n=3, temperature=1.5, seed=4)] == [one.raw for one in three]
    both = cd.Generator(model, str, temperature=1.5, seed=4)([text, "two lamps"], n=2)
    assert [one.raw for one in both[0]] == [one.raw for one in three[:2]] and len(both[1]) == 2
    with pytest.raises(InputError, match="without draws"):
        model(text, str, n=3)
    with pytest.raises(InputError, match="n=0"):
        model(text, str, n=0, temperature=1.0)


def test_calls_can_be_awaited(model):
    text = "Maria Jensen bought a trolley for 129.95 EUR."

    async def both():
        return await asyncio.gather(model.acall(text, float), cd.Generator(model, str).acall([text]))

    one, (two,) = asyncio.run(both())
    assert one.raw == model(text, float).raw and two.raw == model(text, str).raw


@pytest.mark.parametrize(
    "wrong",
    [
        {"seed": -1},
        {"seed": None},
        {"draw": None},
        {"seed": 1.5},
        {"draw": -1},
        {"max_new_tokens": 0},
        {"guidance": "happy"},
        {"unsure": "maybe"},
        {"prior": 3},
    ],
    ids=str,
)
def test_a_request_says_at_once_what_is_wrong_with_it(wrong):
    with pytest.raises(InputError, match=next(iter(wrong))):
        cd.Request("text", str, **wrong)


def test_what_is_no_request_or_does_not_fit_is_refused(model):
    with pytest.raises(InputError, match="request 0 is a str"):
        next(model.decode(["text"]))
    with pytest.raises(BudgetTooSmall):
        next(model.decode([cd.Request("text", Order, max_new_tokens=3)]))
    with pytest.raises(InputError, match="batch_size"):
        model.decode([], batch_size=0)
    with pytest.raises(InputError, match="batch_size=None"):
        cd.Generator(model, str, batch_size=None)
    assert list(model.decode([])) == []


def test_what_a_source_of_requests_raises_comes_after_all_that_was_read(model):
    def breaking():
        yield cd.Request("a trolley for 5 EUR", float)
        yield cd.Request("two lamps for 6 EUR", float)
        raise ValueError("the source's own")

    results = model.decode(breaking())
    assert [next(results).raw for _ in range(2)] == [
        model(text, float).raw for text in ("a trolley for 5 EUR", "two lamps for 6 EUR")
    ]
    with pytest.raises(ValueError, match="own"):
        next(results)


def test_more_of_what_is_no_request_or_no_constraint(model):
    for wrong in (5, "text", cd.Request("text", str)):
        with pytest.raises(InputError, match="not a list of them"):
            model.decode(wrong)
    with pytest.raises(InputError, match="constrain made a int"):
        model("two lamps", str, constrain=lambda constraint: 3)


def test_probabilities_that_ask_for_every_position_are_refused_where_some_are_not_read():
    near = replace(spec("mask"), attention="block_causal", block_length=4, cache="prefix", ahead=0)
    model = cd.Model(Loaded("toy", toy(), PlainTokenizer(lambda text: [ord(c) % 10 for c in text]), near))
    for output, how in ((cd.Choice(["a", "b"]), {}), (cd.Regex("[ab]{2}"), {"fields": True})):
        with pytest.raises(cd.errors.ModelError, match="need every position"):
            model("x", output, **how)
