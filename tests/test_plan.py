"""One plan says how canvases are written, and naming a part of it changes that part and nothing else."""

from dataclasses import FrozenInstanceError, dataclass, fields
from datetime import date

import pytest
import torch
from pydantic import BaseModel

import ctrldiff as cd
from ctrldiff.errors import InputError
from ctrldiff.sampling.plan import BLIND
from tests.invoices import invoices
from tests.test_requests import told

PARTS = [one.name for one in fields(cd.Plan)]


class Bill(BaseModel):
    number: str
    date: date
    total: float


@pytest.fixture(scope="module")
def model():
    return cd.from_pretrained("tiny")


@pytest.fixture(scope="module")
def texts():
    return [bill.text for bill in invoices(10 * len(PARTS), seed=11)]


@pytest.fixture(scope="module")
def default(model, texts):
    return [told(one) for one in cd.Generator(model, Bill)(texts)]


def test_the_default_plan_is_the_default(model):
    assert cd.Generator(model, Bill).plan == cd.Plan.default() == cd.Plan()


@pytest.mark.slow
def test_a_hundred_documents_are_the_same_under_the_default_plan_said_aloud(model, texts, default):
    assert [told(one) for one in cd.Generator(model, Bill, plan=cd.Plan.default())(texts)] == default


@pytest.mark.slow
@pytest.mark.parametrize("part", PARTS)
def test_a_default_part_that_is_passed_again_changes_no_document(part, model, texts, default):
    generator = cd.Generator(model, Bill, **{part: getattr(cd.Plan.default(), part)})
    ten = slice(10 * PARTS.index(part), 10 * PARTS.index(part) + 10)  # ten documents each
    assert [told(one) for one in generator(texts[ten])] == default[ten]


@pytest.mark.parametrize("part", PARTS)
def test_a_default_part_that_is_passed_again_changes_nothing(part, model):
    assert cd.Generator(model, Bill, **{part: getattr(cd.Plan.default(), part)}).plan == cd.Plan.default()
    for steps, temperature in ((3, 0.0), (None, 0.7)):
        plan = cd.Plan.default(steps, temperature)
        same = cd.Generator(model, Bill, steps=steps, temperature=temperature, **{part: getattr(plan, part)})
        assert same.plan == plan


def test_a_lone_choice_is_decided_in_one_pass_whatever_default_is_named(model):
    wanted = cd.Choice(["paid", "open"])
    plain = model("It was paid yesterday.", wanted)
    assert set(plain.probs) == {"paid", "open"} and plain.usage.forwards == 1
    for part in PARTS:
        named = model("It was paid yesterday.", wanted, **{part: getattr(cd.Plan(), part)})
        assert named.probs == plain.probs, part
    assert model("It was paid yesterday.", wanted, commit=cd.commit.TopK()).probs == {}


@pytest.mark.parametrize(
    "parts",
    [
        {"commit": cd.commit.Or(cd.commit.Proposed(), cd.commit.Threshold())},
        {"commit": cd.commit.LeftToRight(cd.commit.Cap(cd.commit.Proposed()))},
        {"commit": cd.commit.Proposed(cd.commit.Or(cd.commit.Proposed()))},
        {"finish": cd.propose.Recomputed(2)},
        {"propose": cd.propose.Kept(cd.propose.Recomputed(2))},
    ],
    ids=["or", "cap", "proposed", "finish", "kept"],
)
def test_what_asks_within_its_step_is_refused_where_nobody_asks_for_it(parts):
    with pytest.raises(InputError, match="asks for more than its step, and stands where it cannot") as raised:
        cd.Plan(**parts)
    assert raised.value.facts["param"] in parts
    inner = cd.commit.Proposed(cd.commit.Proposed(cd.commit.Cap(cd.commit.TopK())))  # each hands it on
    assert cd.Plan(commit=inner, propose=cd.propose.Recomputed(2), revise=cd.revise.Verified()).commit == inner


def test_a_named_part_leaves_the_constraint_as_it_was(model):
    plan = cd.Generator(model, Bill, commit=cd.commit.Threshold(0.9)).plan
    assert plan == cd.Plan.default().but(commit=cd.commit.Threshold(0.9))
    assert plan.constrain is cd.constrain.LeftmostFirst
    cold = cd.Generator(model, Bill, temperature=0.7).plan
    assert cold.constrain == cd.constrain.Exact() and cold.propose == cd.propose.Draw()


def test_processors_come_before_those_of_the_plan(model):
    def halve(logits, state, step):
        return logits / 2

    plan = cd.Generator(model, Bill, temperature=0.7, processors=[halve]).plan
    assert plan.processors == (halve, cd.processors.Temperature(0.7))


def test_a_search_has_a_default_of_its_own_that_says_so(model):
    best = cd.search.BestOfN(len, n=2)
    assert cd.Generator(model, str, search=best, temperature=0.7).plan == cd.Plan.searching(None, 0.7)
    assert cd.Plan.searching(None, 0.7) == cd.Plan.default(None, 0.7).but(commit=BLIND)
    with pytest.raises(InputError, match="chooses among draws"):
        cd.Generator(model, str, search=best)
    with pytest.raises(InputError, match="chooses among draws"):
        cd.Generator(model, str, search=best, plan=cd.Plan.default())


def test_a_search_takes_every_part_along(model):
    seen = []

    def reopening(posterior, state, step):
        seen.append(step)
        return torch.zeros(state.shape, dtype=torch.bool)

    plan = cd.Plan.searching(temperature=1.0).but(revise=reopening, stop=cd.stop.Settled(0.01))
    assert model("two lamps", str, search=cd.search.BestOfN(lambda texts: [len(one) for one in texts], n=2), plan=plan)
    assert seen


def test_a_plan_is_a_value():
    plan = cd.Plan.default()
    with pytest.raises(FrozenInstanceError):
        plan.commit = cd.commit.TopK()
    other = plan.but(processors=[cd.processors.Cooling()])
    assert other.processors == (cd.processors.Cooling(),) and plan.processors == ()
    assert hash(plan) == hash(cd.Plan.default())


@pytest.mark.parametrize(
    "wrong, said",
    [
        (lambda: cd.Plan(commit=3), "commit=3 is no plug-in"),
        (lambda: cd.Plan(commit=cd.commit.TopK), "commit is the class TopK"),
        (lambda: cd.Plan(schedule=cd.commit.TopK()), "it has no budget"),
        (lambda: cd.Plan(processors="abc"), "processors='abc' is no list"),
        (lambda: cd.Plan(processors=[1]), "processors=1 is no plug-in"),
        (lambda: cd.Plan(observers=[cd.observers.Canvases]), "observers is the class Canvases"),
        (lambda: cd.Plan(finish=2), "finish=2 is no plug-in"),
        (lambda: cd.Plan().but(comit=cd.commit.TopK()), "a plan has no part 'comit'"),
        (lambda: cd.Plan.default(steps=0), "steps=0"),
        (lambda: cd.Plan.default(temperature=-1), "temperature=-1"),
        (lambda: cd.Plan.default(temperature=float("nan")), "temperature=nan"),
    ],
    ids=range(11),
)
def test_what_is_no_part_is_refused_by_name(wrong, said):
    with pytest.raises(InputError, match=said):
        wrong()


def test_a_plan_and_a_clock_beside_it_are_refused(model):
    with pytest.raises(InputError, match="a plan, and steps and temperature beside it"):
        cd.Generator(model, str, plan=cd.Plan(), steps=3, temperature=1.0)
    with pytest.raises(InputError, match="plan is a str"):
        cd.Generator(model, str, plan="klass")


def test_the_front_door_has_at_most_fourteen_arguments():
    assert len(fields(cd.Generator)) <= 14


# finish, narrow, ask


def test_finish_fills_what_is_open_at_the_end(model):
    @dataclass(frozen=True)
    class Second:
        """The second best completion."""

        def __call__(self, posterior, state):
            return posterior.map(2)[:, 1]

    def digits(**how):
        return model("number?", cd.Regex(r"\d{4}"), max_new_tokens=6, **how).raw

    best = cd.Plan(cd.constrain.Exact(), cd.schedule.Linear(1))
    assert digits(plan=best.but(finish=cd.propose.Best())) == digits(plan=best)
    assert digits(plan=best.but(finish=Second())) != digits(plan=best)
    drawn = best.but(propose=cd.propose.Draw())
    assert digits(plan=drawn.but(finish=cd.propose.Best())) == digits(plan=best), "one step: all of it is the end"


@pytest.mark.parametrize("seed", range(4))
def test_what_was_written_before_the_end_stays_when_another_finishes(model, seed):
    seen = []

    def keep(move, state, step):
        seen.append(state)
        return state

    plan = cd.Plan.default(3, 1.5).but(finish=cd.propose.Best(), commit=cd.commit.TopK(), observers=[keep])
    result = model("two lamps", cd.Regex(r"[a-z]{12,20}"), plan=plan, seed=seed)
    early = seen[1]
    held = early.held[0]
    assert torch.equal(early.tokens[0][held], torch.tensor(result.tokens)[held[: len(result.tokens)]])


def test_a_schedule_may_narrow_its_step_once_the_posterior_is_known(model):
    @dataclass(frozen=True)
    class FirstOnly(cd.schedule.Linear):
        """Nothing but the leftmost open position, whatever the commit policy would like."""

        def narrow(self, posterior, tokens, state, step):
            assert posterior.confidence(tokens).shape == state.shape
            return type(step)(step.index, step.steps, cd.commit.leftmost(state.open), step.quota, step.last)

    seen = []
    plan = cd.Plan(
        schedule=FirstOnly(), commit=cd.commit.Everything(), observers=[lambda m, s, t: seen.append(m.wrote) or s]
    )
    model("two lamps", cd.Regex(r"[a-z]{5,9}"), plan=plan)
    assert all(int(where.sum()) == 1 for where in seen) and len(seen) > 1


def test_a_plug_in_may_ask_again_inside_a_step_and_it_is_counted(model):
    @dataclass(frozen=True)
    class Twice:
        """Proposes, writes the proposal in, asks about it, and proposes anew."""

        ask: object = None

        def asking(self, ask):
            return Twice(ask)

        def __call__(self, posterior, state):
            tokens = posterior.map().cpu()
            after = state.write(cd.commit.leftmost(state.open), tokens)
            if not after.done.all():  # of a complete canvas there is nothing to ask
                (logits,) = self.ask([after])
                assert logits.shape[:2] == state.shape
            return tokens

    once = model("two lamps", cd.Regex(r"[a-z]{5,9}"), plan=cd.Plan(commit=cd.commit.TopK()))
    twice = model("two lamps", cd.Regex(r"[a-z]{5,9}"), plan=cd.Plan(commit=cd.commit.TopK(), propose=Twice()))
    assert twice.raw == once.raw
    steps = once.usage.forwards
    assert twice.usage.forwards == 2 * steps - 1, "one more each, but of the last position"


def test_an_edit_for_a_model_that_was_not_trained_to_edit_is_warned_of(model):
    with pytest.warns(cd.errors.PlanWarning, match="tiny was not trained to change"):
        model("two lamps", cd.Regex("[a-z]{5}"), edit=cd.edit.Disagree(), commit=cd.commit.Rewrite(cd.commit.TopK()))
