"""The smaller plug-ins: proposers, revise policies, stop rules, presets, decide."""

import math
import re
from dataclasses import replace

import pytest
import torch

from ctrldiff.constraints.basic import Choice, Regex
from ctrldiff.constraints.labels import Labels
from ctrldiff.constraints.prior import Prior
from ctrldiff.errors import BudgetTooSmall, InputError
from ctrldiff.sampling import processors
from ctrldiff.sampling.ancestral import Remasking
from ctrldiff.sampling.commit import CertainFree, Everything, TopK
from ctrldiff.sampling.constrain import FREE, DrawnAt, Tables, normalised
from ctrldiff.sampling.decide import decide
from ctrldiff.sampling.edit import Disagree, Reconsider
from ctrldiff.sampling.loop import sample
from ctrldiff.sampling.plan import Plan
from ctrldiff.sampling.processors import Temperature
from ctrldiff.sampling.propose import Best, Draw
from ctrldiff.sampling.revise import Keep, LeastConfident, Remask, Verified
from ctrldiff.sampling.schedules import Linear
from ctrldiff.sampling.stop import Falling, Prophet, Settled, Stable, mean_gap
from ctrldiff.search.agree import Vote
from ctrldiff.search.ahead import Ahead
from ctrldiff.state import State
from tests.cases import LENGTH, bound
from tests.conftest import STOP, VOCABULARY, ToyNetwork, blank, logits_like, text, toy
from tests.sampling.fakes import Told, canvas, chosen, step

EVERYWHERE = torch.ones(1, 4, dtype=torch.bool)


def held(confidences: list[float]):
    state = blank(1, len(confidences))
    return state.write(state.open, state.tokens, torch.tensor([confidences]))


def test_best_is_the_map_and_draw_uses_each_rows_own_generator():
    state = blank(2, LENGTH)
    posterior = bound("alternatives", 2).bind(logits_like(state, 0), state)
    assert torch.equal(Best()(posterior, state), posterior.map())
    drawn = Draw()(posterior, state.snapshot())
    assert torch.equal(drawn, posterior.sample(rngs=state.snapshot().rngs))


def test_a_complete_row_draws_nothing():
    state = blank(2, 2, written=torch.tensor([[1, 2], [-1, -1]]))
    before = [str(rng.bit_generator.state) for rng in state.rngs]
    Draw()(FREE.bind(logits_like(state, 0), state), state)
    after = [str(rng.bit_generator.state) for rng in state.rngs]
    assert before[0] == after[0] and before[1] != after[1]


def test_the_least_confident_are_reopened_if_they_are_below_the_bar():

    now = replace(held([0.5, 0.95, 0.2, 0.89]), step=torch.ones(1, dtype=torch.int64))
    where = LeastConfident(count=2, below=0.9)(None, now, None)  # type: ignore[arg-type]
    assert chosen(where) == [[0, 2]]
    where = LeastConfident(count=9, below=0.9)(None, now, None)  # type: ignore[arg-type]
    assert chosen(where) == [[0, 2, 3]]


@pytest.mark.parametrize(
    ("revise", "steps"),
    [(LeastConfident(2, 1.0), 6), (Remask(Remasking("rescale", 0.8)), 6), (Verified(0.9), 3)],
    ids=["least confident", "remask", "verified"],
)
def test_a_decode_goes_on_with_what_stands_whatever_the_clock_said_when_it_was_written(revise, steps):
    """A search that decodes again begins where another decode ended: its steps say nothing of this one's."""
    how = {"schedule": Linear(steps), "commit": TopK(), "revise": revise}
    told_apart = False
    for seed in range(3):
        first = sample(toy(seed=seed), blank(2, 10, seed=seed))
        begun = first.reopen(torch.arange(10)[None, :] >= 3).snapshot()
        fresh = replace(begun, held_at=begun.held_at.clamp(max=0), history=torch.full_like(begun.history, -1))
        one, other = (sample(toy(seed=seed), state, **how) for state in (begun, fresh))
        assert torch.equal(one.tokens, other.tokens) and torch.equal(one.held_at, other.held_at)
        told_apart |= not torch.equal(one.tokens, sample(toy(seed=seed), begun, **how | {"revise": Keep()}).tokens)
    assert told_apart


def test_what_was_written_in_this_step_is_not_reopened():
    where = LeastConfident(count=2, below=0.9)(None, held([0.5, 0.1]), None)  # type: ignore[arg-type]
    assert chosen(where) == [[]]


def test_settled_ends_a_row_whose_open_positions_hold_little_entropy():
    entropy = torch.tensor([[0.3, 0.3], [0.04, 9.0]])
    state = canvas(entropy, torch.tensor([[False, False], [False, True]]))
    assert Settled(0.1)(Told(entropy, entropy), state, step(state)).tolist() == [False, True]


@pytest.mark.parametrize("curve", ["linear", "cosine", "exponential"])
def test_the_bar_of_sched_falls_from_high_to_low(curve):
    bar = Falling(6.0, 2.0, curve).bar(torch.linspace(0, 1, 9, dtype=torch.float64))
    assert (bar.diff() < 0).all() and bar[0] == 6.0 and 2.0 <= bar[-1] < 2.1
    with pytest.raises(InputError, match="curve"):
        Falling(curve="square")


def test_the_gap_is_over_open_positions_that_leave_a_choice_and_of_one_field_if_asked():
    logits = torch.full((1, 3, 18), -torch.inf)
    logits[0, :, 1] = torch.tensor([0.0, 2.0, 4.0])
    logits[0, :2, 2] = 0.0
    state = State.blank([[3]], 3)
    posterior = FREE.bind(logits, state)
    assert mean_gap(posterior, state).item() == pytest.approx(1.0), "the third leaves no choice"
    fields = replace(state, segment=torch.tensor([[0, 1, 2]], dtype=torch.int32))
    assert [mean_gap(posterior, fields, n).item() for n in (0, 1)] == pytest.approx([0.0, 2.0])
    assert mean_gap(posterior, fields, 2).item() == torch.inf


def test_a_row_that_ends_early_is_filled_from_the_joint_proposal():
    def always(posterior, state, step):
        return torch.tensor([True, False])

    state = sample(toy(), blank(2, LENGTH), constraint=bound("text", 2), stop=always)
    assert state.done.all() and state.forwards.tolist() == [1, LENGTH]


def test_fixed_steps_take_that_many_forwards_and_forced_positions_none():
    network = ToyNetwork()
    state = sample(toy(network=network), blank(1, LENGTH), schedule=Linear(3))
    assert state.forwards.tolist() == [3] and len(network.calls) == 3
    only = Tables.same(Choice(["19-00"]).compile(VOCABULARY), 1)
    state = sample(toy(), blank(1, LENGTH), constraint=only)
    assert state.forwards.item() < LENGTH, "how it is spelled is open, what it says is not"
    state = sample(toy(), blank(1, LENGTH), constraint=Tables.same(Regex("a{2}-b").compile(VOCABULARY), 1))
    assert state.forwards.tolist() == [0] and text(state.tokens[0]) == b"aa-b"
    assert (state.held_confidence == 1).all()


def test_behind_a_stop_id_the_rest_of_the_canvas_is_free():
    given = torch.full((1, LENGTH), -1)
    given[0, 3] = STOP
    start = blank(1, LENGTH, written=given)
    settled = bound("text", 1).settle(start)
    assert settled.written[0].tolist() == [-1, -1, -1, STOP, STOP, STOP, STOP, STOP]
    assert sample(toy(), start, constraint=bound("text", 1)).forwards.item() <= 3


def test_one_step_takes_one_forward_and_is_the_map():
    start = blank(2, LENGTH)
    denoiser = toy()
    state = sample(denoiser, start, constraint=bound("schema", 2), commit=Everything())
    settled = denoiser.noise(bound("schema", 2).settle(start))
    best = bound("schema", 2).bind(denoiser(settled), settled).map()
    assert torch.equal(state.tokens, best) and state.forwards.tolist() == [1, 1]


def test_guided_rows_are_forwarded_together():
    class Twice:
        def branches(self, state, step):
            return [state]

        def combine(self, logits, branches, state, step):
            return logits + branches[0]

    network = ToyNetwork()
    sample(toy(network=network), blank(1, 4), guides=[Twice()], schedule=Linear(1))
    assert [rows for rows, _ in network.calls] == [2]


def test_normalised_keeps_what_is_forbidden_and_what_is_broken():
    logits = torch.tensor([[0.0, -torch.inf], [-torch.inf, -torch.inf], [torch.inf, 0.0], [torch.nan, 0.0]])
    found = normalised(logits)
    assert found[0].tolist() == [0.0, -torch.inf] and found[1].tolist() == [-torch.inf, -torch.inf]
    assert found[2:].isnan().any(dim=1).all()
    assert torch.allclose(normalised(torch.randn(3, 5, dtype=torch.float64)).exp().sum(-1), torch.ones(3))


# plans


def test_steps_limit_the_default_and_temperature_asks_for_samples():
    default = Plan.default
    assert default(5).but(schedule=Linear()) == default() == Plan() and default(5).schedule == Linear(5)
    assert default(temperature=0.5).propose == Draw()
    assert default(temperature=0.5).processors == (Temperature(0.5),)
    assert default().processors == () and default().propose == Best()


def test_a_low_temperature_draws_the_best():
    preset = Plan.default(1, temperature=1e-3)
    cold = sample(toy(), blank(3, 4), propose=preset.propose, processors=preset.processors, schedule=preset.schedule)
    assert torch.equal(cold.tokens, sample(toy(), blank(3, 4), schedule=Linear(1)).tokens)


# decide


def labelled(labels: list[str]) -> Labels:
    return Labels.of(tuple(labels), Prior(), VOCABULARY)


def test_a_decision_takes_one_forward_and_its_probabilities_add_up():
    network, labels = ToyNetwork(), ["a", "ab", "1900", "b-"]
    state, rows = decide(toy(network=network), blank(3, 5), labelled(labels))
    assert sum(rows for rows, _ in network.calls) == 3 and state.forwards.tolist() == [1, 1, 1] and state.done.all()
    for row, probs in enumerate(rows):
        assert sum(probs.values()) == pytest.approx(1.0)
        assert text(state.tokens[row]).decode() == max(probs, key=lambda label: probs[label])


def test_a_labels_probability_sums_over_its_spellings():
    state = blank(1, 4)
    denoiser = toy()
    scores = normalised(denoiser(denoiser.noise(state)))[0]
    one = Choice(["1900", "a"]).compile(VOCABULARY).bind(scores)
    spellings = [[13, 14, 15, 15], [1, 9, 14, 15], [13, 0, 0, 15], [1, 9, 0, 0]]
    wanted = sum(float(torch.tensor(one.score(torch.tensor(ids))).exp()) for ids in spellings)
    _, (probs,) = decide(denoiser, state, labelled(["1900", "a"]))
    assert probs["1900"] == pytest.approx(wanted, rel=1e-5)


def test_a_branch_that_does_not_fit_has_probability_zero():
    labels = ["a", "ab-ab-"]
    state, (probs,) = decide(toy(), blank(1, 2), labelled(labels))
    assert probs == {"a": pytest.approx(1.0), "ab-ab-": 0.0} and text(state.tokens[0]) == b"a"


def test_a_decision_that_cannot_fit_is_refused_before_the_forward():
    network, labels = ToyNetwork(), ["abab", "baba"]
    with pytest.raises(BudgetTooSmall):
        decide(toy(network=network), blank(1, 3), labelled(labels))
    assert network.calls == []


@pytest.mark.parametrize(
    ("make", "wrong"),
    [
        (processors.Temperature, [(0,), (-1.0,), (math.inf,), (math.nan,), ("1",), (True,)]),
        (processors.Cooling, [(0, 0.8), (0.4, math.nan)]),
        (processors.TopK, [(0,), (1.5,), (True,)]),
        (processors.TopP, [(0,), (1.1,), ("x",), (math.nan,)]),
        (processors.MinP, [(0,), (2.0,), (None,)]),
        (DrawnAt, [(0,), ("x",), (math.inf,)]),
        (CertainFree, [(Everything(), "x"), (Everything(), math.nan)]),
        (LeastConfident, [(0,), (-1,), (1.5,), (1, "x")]),
        (Disagree, [("x",), (0.5, 0), (0.5, -1)]),
        (Reconsider, [(0,), (2.5,)]),
        (Settled, [(-1,), (math.nan,), ("x",)]),
        (Stable, [(0,), (1.5,), (9,), (1, "x")]),
        (Prophet, [("x",), (1, math.nan), (1, 1, None)]),
        (Falling, [("x",), (1, math.nan)]),
        (Vote, [(0,), (2.5,), (None,), (True,)]),
        (Ahead, [(1.5,), ("3",)]),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_number_that_means_nothing_is_refused_when_it_is_given(make, wrong):
    for numbers in wrong:
        with pytest.raises(InputError):
            make(*numbers)


@pytest.mark.parametrize("name", ["default", "llada", "dream", "p2"])
def test_a_preset_says_what_is_no_temperature(name):
    for wrong in (-1.0, math.inf, math.nan, "1", True):
        with pytest.raises(InputError, match=r"temperature=.*a finite number of at least 0"):
            Plan.preset(name, temperature=wrong)


@pytest.mark.parametrize(
    ("name", "answer", "what"),
    [
        ("stop", lambda posterior, state, step: state.open, "a torch.bool tensor of shape (2, 6)"),
        ("stop", lambda posterior, state, step: state.done[:, None], "a torch.bool tensor of shape (2, 1)"),
        ("stop", lambda posterior, state, step: torch.zeros(2), "a torch.float32 tensor of shape (2,)"),
        ("stop", lambda posterior, state, step: None, "NoneType"),
        ("propose", lambda posterior, state: posterior.map().numpy(), "ndarray"),
        ("propose", lambda posterior, state: posterior.map(2), "a torch.int64 tensor of shape (2, 2, 6)"),
        ("finish", lambda posterior, state: state.open, "a torch.bool tensor of shape (2, 6)"),
        ("commit", lambda posterior, tokens, state, step: state.done, "a torch.bool tensor of shape (2,)"),
    ],
)
def test_an_answer_of_a_plug_in_that_is_none_is_refused_by_name(name, answer, what):
    with pytest.raises(InputError, match=re.escape(f"the {name} policy returned {what}")):
        sample(toy(), blank(2, 6), schedule=Linear(1), **{name: answer})
