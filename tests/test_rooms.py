"""Canvases that are laid out, through the front door: legal, alike in any company, and with all else it does."""

import itertools
import json
import warnings
from typing import Annotated, Any, Literal

import pytest
from pydantic import AfterValidator, BaseModel, Field

import ctrldiff as cd
from ctrldiff.errors import BudgetTooSmall, CanvasWarning, InputError
from ctrldiff.extract import extract_file
from ctrldiff.extract.plan import plan_of
from ctrldiff.generate import planned
from ctrldiff.layout import Rooms
from tests.counting import TAB, counting
from tests.test_counted import Told
from tests.test_retries import SPEC, noisy, only

ROOMS = Rooms(strings=10, numbers=6, integers=5, objects=16, items=2)
PLAN = cd.Plan.rooms(layout=ROOMS)
pytestmark = pytest.mark.filterwarnings("ignore::ctrldiff.errors.CanvasWarning")


class Payer(BaseModel):
    name: str
    paid: float | None


class Bill(BaseModel):
    payer: Payer
    kind: Literal["credit", "debit"] | None
    items: list[str]
    due: bool


TEXTS = ["Maria Keller paid 12.50 EUR by credit for two lamps.", "Nobody paid.", "Zoë owes 7 for tea and milk"]
NAMED = {"type": "string", "minLength": 3}
GIVEN = ('{"payer":{"name":', ',"paid":', '},"kind":', ',"items":[', '],"due":', "}")


@pytest.fixture(scope="module")
def model() -> cd.Model:
    """Quicker than the model of that name: its belief does not depend on the canvas, it likes tabs and lists of one."""
    return counting(context=256)


def padded(result: cd.Result[Any]) -> bool:
    """It was laid out: some room has tabs."""
    return TAB in result.tokens


def check(result: cd.Result[Any]) -> None:
    """It is what was asked for, and the keys stand in their places."""
    assert result.raw == result.output.model_dump_json() or result.output == Bill.model_validate_json(result.raw)
    assert result.raw in cd.JsonSchema(Bill.model_json_schema())
    rest = result.raw
    for piece in GIVEN:
        assert piece in rest
        rest = rest.partition(piece)[2]
    assert rest == ""


@pytest.mark.parametrize(
    "how",
    [
        {},
        {"steps": 1},
        {"steps": 2},
        {"temperature": 1.0, "steps": 20},
        {"propose": cd.propose.Draw(), "commit": cd.commit.TopK("random"), "steps": 6},
        {"constrain": cd.constrain.Exact(), "stop": cd.stop.Settled(0.5), "steps": 8},
    ],
    ids=["default", "one step", "two", "warm", "random", "stops"],
)
def test_what_is_written_is_legal_and_does_not_depend_on_the_batch(model, how):
    clock = {name: how[name] for name in ("steps", "temperature") if name in how}
    plan = cd.Plan.rooms(**clock, layout=ROOMS).but(**{name: one for name, one in how.items() if name not in clock})
    requests = [cd.Request(text, Bill, seed=n % 2) for n, text in enumerate(TEXTS)]
    together = list(model.decode(requests, plan=plan, batch_size=3))
    for one, request in zip(together, requests, strict=True):
        check(one)
        (alone,) = model.decode([request], plan=plan)
        assert (alone.raw, alone.usage.forwards, alone.tokens) == (one.raw, one.usage.forwards, one.tokens)
        assert one.usage.forwards <= 1 + 4 * how.get("steps", 99), "so many for each canvas, of those that grow"
        assert one.counts["items"].number == len(one.output.items) == 1 and padded(one)


def test_rows_that_are_laid_out_share_a_batch_with_rows_that_are_not(model):
    asked = [Bill, int, Bill, cd.Regex("[a-c]{2,5}"), list[int]]
    requests = [cd.Request(text, output) for text, output in zip(itertools.cycle(TEXTS), asked)]
    together = list(model.decode(requests, plan=PLAN, batch_size=5))
    for one, request in zip(together, requests, strict=True):
        (alone,) = model.decode([request], plan=PLAN)
        assert (alone.raw, alone.usage.forwards) == (one.raw, one.usage.forwards)
    assert [TAB in one.tokens for one in together] == [True, False, True, False, True]


def test_a_seed_is_what_a_draw_depends_on(model):
    plan = cd.Plan.rooms(temperature=1.5, layout=ROOMS)
    first, again, other = (model(TEXTS[0], Bill, plan=plan, seed=seed).tokens for seed in (1, 1, 2))
    assert first == again != other


def test_the_first_step_sees_all_keys_and_a_trace_says_so():
    result = noisy(0, {"\t": 20.0})(TEXTS[0], Bill, plan=PLAN, trace=True)
    assert result.trace is not None
    lines = str(result.trace).splitlines()
    assert all(piece in lines[0] for piece in GIVEN)
    assert len(lines) == result.usage.forwards, "with the canvas before the first; and without the pass that counted"


def test_probabilities_of_values_and_of_null(model):
    weighed = model(TEXTS[0], Bill, plan=PLAN, fields=True, nulls=True)
    check(weighed)
    assert set(weighed.nulls) == {"paid", "kind"} and all(0 <= p <= 1 for p in weighed.nulls.values())
    assert not padded(weighed), "nulls are weighed against all answers, not against those of so many items"
    result = model(TEXTS[0], Bill, plan=PLAN, fields=True)
    check(result)
    assert padded(result)
    assert {"payer/name", "payer/paid", "kind", "items", "items/0", "due"} <= set(result.fields)
    for one in result.fields.values():
        assert one.text == result.raw[slice(*one.where)] and 0 <= one.exact <= 1
    for name in ("due", "kind"):  # all that may stand there is told
        told = result.fields[name]
        assert told.exact + sum(p for _, p in told.others) == pytest.approx(1, abs=1e-3)


def test_doubtful_values_are_null_where_that_is_asked(model):
    result = model("xyzzy", Bill, plan=PLAN, below=1.0, unsure="null")
    assert result.output.payer.paid is None and result.output.kind is None and result.flags
    assert json.loads(result.raw)["kind"] is None


def test_a_canvas_that_the_caller_sizes_is_written_close_together(model):
    result = model(TEXTS[0], Bill, plan=PLAN, max_new_tokens=120)
    assert TAB not in result.tokens and result.usage.canvas == 120


def test_what_the_context_does_not_hold_is_written_close_together(model):
    wide = cd.Plan.rooms(layout=Rooms(strings=5000))
    ours, plain = (model("x", Payer, plan=plan) for plan in (wide, wide.but(layout=None)))
    assert ours.tokens == plain.tokens and TAB not in ours.tokens


def test_a_form_that_is_not_settled_is_written_as_without_a_layout(model):
    loose = {"type": "object", "properties": {"name": {"type": "string"}, "paid": {"type": "number"}}}
    ours, plain = (model(TEXTS[0], loose, plan=plan) for plan in (PLAN, PLAN.but(layout=None)))
    assert ours.tokens == plain.tokens and TAB not in ours.tokens


def test_rooms_that_a_type_does_not_fit_are_widened(model):
    long = {"type": "object", "properties": {"a": {"type": "string", "pattern": "^(xq){15}$"}}, "required": ["a"]}
    result = model("x", long, plan=PLAN)
    assert result.output == {"a": "xq" * 15} and not result.full
    least = {"type": "object", "properties": {"a": {"type": "string", "minLength": 40}}, "required": ["a"]}
    assert len(model("x", least, plan=PLAN).output["a"]) >= 40


def test_what_passes_the_limits_with_tabs_alone_is_written_close_together(model):
    big = {"type": "object", "properties": {"a": {"type": "string", "pattern": "^.{30}$"}}, "required": ["a"]}
    compact, padded = (cd.JsonSchema(big, whitespace=one).dfa().n_states for one in ("compact", "padded"))
    assert padded >= compact
    limits = cd.Limits(max_states=compact)
    result = cd.Generator(model, big, plan=PLAN, limits=limits)("x")
    assert len(result.output["a"]) == 30


def test_a_search_writes_close_together(model):
    plan = cd.Plan.searching().but(layout=ROOMS)
    result = model(TEXTS[0], Bill, plan=plan, search=cd.search.BestOfN(lambda texts: [len(one) for one in texts], 2))
    assert TAB not in result.tokens and isinstance(result.output, Bill)


def test_what_was_compiled_beforehand_is_written_close_together(model):
    ours, plain = model("x", model.compile(Payer), plan=PLAN), model("x", Payer, plan=PLAN.but(layout=None))
    assert ours.tokens == plain.tokens and TAB not in ours.tokens


@pytest.mark.parametrize("counts", [cd.counts.Rows(), cd.counts.Likeliest()])
def test_how_many_items_may_be_decided_beforehand(model, counts):
    requests = [cd.Request(text, Bill) for text in TEXTS[:2]]
    together = list(model.decode(requests, plan=PLAN.but(counts=counts, schedule=cd.schedule.Linear(4)), batch_size=3))
    for one, request in zip(together, requests, strict=True):
        check(one)
        assert one.counts["items"].number in (None, len(one.output.items))
        (alone,) = model.decode([request], plan=PLAN.but(counts=counts, schedule=cd.schedule.Linear(4)))
        assert alone.raw == one.raw


@pytest.mark.parametrize("number", [0, 2, 9])
def test_rooms_are_made_for_as_many_items_as_are_decided(model, number):
    wanted = {"type": "object", "properties": {"a": {"type": "array", "items": NAMED}}, "required": ["a"]}
    plan = cd.Plan.rooms(4, layout=Rooms(strings=4, items=1)).but(counts=Told((None, number), most=9))
    result = model("x", wanted, plan=plan)
    assert len(result.output["a"]) == result.counts["a"].number == number and '{"a":[' in result.raw
    assert padded(result) is (number > 0)


def test_so_many_items_are_written_close_together_where_rooms_for_them_are_too_many(model):
    wanted = {"type": "object", "properties": {"a": {"type": "array", "items": NAMED}}, "required": ["a"]}
    plan = cd.Plan.rooms(4, layout=Rooms(strings=24, items=1)).but(counts=Told((None, 9), most=9))
    result = model("x" * 150, wanted, plan=plan)
    assert len(result.output["a"]) == result.counts["a"].number == 9 and not padded(result)
    with pytest.raises(InputError, match="9 items"):  # no context has them
        model("x" * 200, wanted, plan=plan)


def test_a_list_without_slots_has_room_for_as_many_items_as_a_rule_says(model):
    list_ = {"type": "object", "properties": {"b": {"type": "array", "items": NAMED}}, "required": ["b"]}
    wanted = {"type": "object", "properties": {"a": {"anyOf": [list_, {"type": "null"}]}}, "required": ["a"]}
    plan = cd.Plan.rooms(4, layout=ROOMS).but(counts=Told((None, None, 9), most=9))
    result = model("x", wanted, plan=plan)
    assert len(result.output["a"]["b"]) == result.counts["a/b"].number == 9 and '{"a":{"b":[' in result.raw
    assert result.usage.canvas > 64
    left = 256 - result.usage.prompt_tokens + 1 - 70  # 68 positions hold nine names, and a room of 64 takes 72
    with pytest.raises(BudgetTooSmall, match="items"):
        model("x" * left, wanted, plan=plan)


def test_guides_of_a_whole_text_and_of_a_field(model):
    for guide in (cd.guide.Words(["lamp"], 3.0), cd.guide.on_field("kind", cd.guide.Words(["debit"], 30.0))):
        check(model(TEXTS[0], Bill, plan=PLAN, guidance=[guide]))
    assert model(TEXTS[0], Bill, plan=PLAN, guidance=[guide]).output.kind == "debit"


def test_a_field_that_is_written_alone_is_written_from_the_left(model):
    """`Alone` knows of no room, and would fill one."""
    guides = [cd.guide.on_field("kind", cd.guide.Alone("x"))], [2 * cd.guide.on_field("kind", cd.guide.Alone("x"))]
    for guide in guides:
        plan = cd.Plan.rooms(4, layout=ROOMS)
        ours, plain = (model(TEXTS[0], Bill, plan=one, guidance=guide) for one in (plan, plan.but(layout=None)))
        assert ours.tokens == plain.tokens and not ours.counts


def test_extraction_takes_the_plan(model, tmp_path):
    source, out = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text("".join(json.dumps({"text": text}) + "\n" for text in TEXTS), encoding="utf-8")
    plan = PLAN.but(schedule=cd.schedule.Linear(4))
    generator = cd.Generator(model, Bill, batch_size=2, plan=plan)
    assert plan_of(generator) != plan_of(cd.Generator(model, Bill, plan=plan.but(layout=None))), "another run"
    assert extract_file(generator, source, out).done == len(TEXTS)
    rows = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    wanted = [model(text, Bill, plan=plan).output for text in TEXTS]
    assert [Bill.model_validate(row["output"]) for row in rows] == wanted


def test_models_that_read_rooms_have_the_plan_by_default():
    assert planned(None, None, {}, rooms=True) == cd.Plan.rooms()
    assert planned(None, None, {"steps": 3}, rooms=True) == cd.Plan.rooms(3)
    assert planned(None, None, {}) == cd.Plan.default() and cd.Plan.rooms().decides
    assert planned(cd.Plan.default(), None, {}, rooms=True) == cd.Plan.default()
    search = cd.search.BestOfN(lambda texts: [0.0] * len(texts), 2)
    assert planned(None, search, {"temperature": 1.0}, rooms=True) == cd.Plan.searching(temperature=1.0)


def test_a_layout_goes_with_any_plan(model):
    named = model(TEXTS[0], Bill, layout=ROOMS, steps=4)
    check(named)
    assert named.raw == model(TEXTS[0], Bill, plan=cd.Plan.default(4).but(layout=ROOMS)).raw and TAB in named.tokens


def test_a_lone_choice_is_decided_in_one_pass(model):
    ours, plain = (model(TEXTS[0], Literal["credit", "debit"], plan=plan) for plan in (PLAN, cd.Plan.default()))
    assert ours.probs == plain.probs and ours.usage.forwards == 1


class Rule(BaseModel):
    n: Annotated[int, Field(ge=0, le=199), only(*range(3, 200, 17))]
    b: bool


@pytest.mark.parametrize("seed", range(3))
def test_the_likeliest_answer_that_a_rule_takes_is_found_in_rooms(seed):
    model = noisy(seed)
    plan = cd.Plan.rooms(steps=1, layout=ROOMS).but(constrain=cd.constrain.Exact())
    result = model("x", Rule, plan=plan, retries=300)
    tried = [json.loads(one.raw)["n"] for one in result.refused]
    assert len(set(tried)) == len(tried), "no value twice, whatever stands behind it"
    assert result.output.n in range(3, 200, 17)
    logits = model.loaded.denoiser(cd.State.blank([[0]], result.usage.canvas)).log_softmax(dim=-1)[0]

    def weighs(n: int, b: bool) -> float:
        text = '{"n":' + str(n).ljust(5, "\t") + ',"b":' + json.dumps(b).ljust(5, "\t") + "}"
        ids = [*text.encode(), 257]
        assert len(ids) == result.usage.canvas
        return float(sum(logits[t, v] for t, v in enumerate(ids)))

    best = {n: max(weighs(n, b) for b in (True, False)) for n in range(200)}
    order = sorted(best, key=lambda n: -best[n])
    assert [*tried, result.output.n] == order[: len(tried) + 1]


class Two(BaseModel):
    xs: Annotated[list[Literal[1, 2]], Field(max_length=2), AfterValidator(lambda xs: only([1, 2]).func(xs))]


def test_a_list_is_not_tried_twice_for_where_its_comma_stands():
    plan = cd.Plan.rooms(steps=1, layout=Rooms(items=2)).but(constrain=cd.constrain.Exact())
    result = noisy(1, {"\t": 2.0})("x", Two, plan=plan, retries=6)
    tried = [one.raw for one in result.refused]
    assert result.output.xs == [1, 2] and len(set(tried)) == len(tried) <= 6


def test_a_room_that_is_full_is_doubled_and_read_again():
    rooms = Rooms(strings=4, items=2)
    wanted = {"type": "object", "properties": {"s": {"type": "string"}}, "required": ["s"]}
    for favour, full in (({"x": 9.0}, True), ({"\t": 20.0}, False)):
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            result = noisy(0, favour)("x", wanted, plan=cd.Plan.rooms(layout=rooms))
        assert result.full is full and any(one.category is CanvasWarning for one in told) is full
        assert result.usage.canvas == (15 if full else 11)
    assert SPEC.context == 256
