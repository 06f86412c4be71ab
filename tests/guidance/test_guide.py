"""The algebra of guides, and the seam to the loop."""

import math
from dataclasses import replace

import pytest
import torch

import ctrldiff as cd
from ctrldiff.errors import InputError
from ctrldiff.guidance.guide import during, prepared
from tests.conftest import MASK, SIZE, ToyNetwork, blank, logits_like, toy
from tests.guidance.fakes import Towards, context, denoise, step_at

A, B = 11, 12


def guided(guidance, time=1.0, network=None):
    """(plain, guided) logits of three toy rows."""
    denoiser = toy(network=network or ToyNetwork())
    state = denoiser.noise(blank(3, 8))
    guides = prepared(guidance, context(denoiser=denoiser))
    return denoiser(state), denoise(denoiser, state, step_at(time), (), guides)


def added(guidance, time=1.0):
    plain, after = guided(guidance, time)
    banned = plain == -torch.inf
    assert (after[banned] == -torch.inf).all(), "what may not be written stays forbidden"
    return torch.where(banned, 0.0, after - plain)[0, 0]


def test_sums_and_factors_are_those_of_the_scores():
    one, two = Towards(A, 1.5), Towards(B, -0.5)
    want = torch.zeros(SIZE)
    want[A], want[B] = 3.0, -0.25
    for guidance in (
        [2.0 * one + two * 0.5],
        [2 * one, 0.5 * two],
        [0.5 * (two + 4 * one)],
        [-(-2 * one - 0.5 * two)],
    ):
        assert torch.allclose(added(guidance), want, atol=1e-5)
    assert torch.allclose(added([one + two + one]), added([one, one, two]), atol=1e-5)


def test_all_branches_go_in_one_forward():
    network = ToyNetwork()
    denoiser = toy(network=network)
    state = denoiser.noise(blank(1, 8))
    guides = prepared([Towards(A) + during(Towards(A), 0.5, 0.0), Towards(B)], context(1, denoiser))
    denoise(denoiser, state, step_at(1.0, rows=1), (), guides)
    assert [rows for rows, _ in network.calls] == [3], "the row, and a branch of each guide that is active"


def test_a_row_outside_the_time_draws_nothing_while_others_are_inside():
    state, guide = blank(2, 8), during(cd.guide.Reward(lambda texts: [len(one) for one in texts]), 1.0, 0.5)
    early = step_at(1.0, rows=2)
    step = replace(early, index=torch.tensor([900, 0]))
    tilt = guide.prepare(context(2))
    before = [rng.bit_generator.state["state"] for rng in state.rngs]
    scores = tilt.scores(logits_like(state, 0), (), state, step)
    after = [rng.bit_generator.state["state"] for rng in state.rngs]
    assert after[0] == before[0] and after[1] != before[1]
    assert not scores[0].any() and bool(scores[1].any())
    alone = blank(2, 8).gather([1])
    again = guide.prepare(context(1)).scores(logits_like(state, 0)[1:], (), alone, step_at(1.0, rows=1))
    assert torch.equal(again[0], scores[1])


@pytest.mark.parametrize("wrong", [lambda logits, state, step: logits, Towards, None])
def test_what_is_no_guide_is_refused_by_name(wrong):
    for name, make in (
        ("during", lambda: during(wrong, 1.0, 0.5)),
        ("on_field", lambda: cd.guide.on_field("a", wrong)),
    ):
        with pytest.raises(InputError, match=f"{name} takes a guide, not "):
            make()
    with pytest.raises(InputError, match="no path"):
        cd.guide.on_field(None, Towards(A))


@pytest.mark.parametrize(("time", "active"), [(1.0, True), (0.6, True), (0.5, False), (0.2, False)])
def test_during_is_active_from_start_down_to_but_not_at_stop(time, active):
    asked: list[str] = []
    assert (added([during(Towards(A, asked=asked), 1.0, 0.5)], time)[A] > 0) == active
    assert bool(asked) == active, "outside its time it costs nothing"


def test_each_row_has_its_own_time():
    step = step_at(0.5)
    step = type(step)(step.index, torch.tensor([1000, 600, 2000]), step.window, step.quota, step.last)
    tilt = during(Towards(A), 0.6, 0.3).prepare(context())
    scores = tilt.scores(torch.zeros(3, 8, SIZE), [torch.zeros(3, 8, SIZE)], blank(3, 8), step)
    assert scores[:, 0, A].tolist() == [1.0, 0.0, 0.0], "times .5, .17 and .75"


def test_functions_and_plain_guidance_are_accepted_and_come_before_the_guides():
    def halve(logits, state, step):
        return logits / 2

    plain, after = guided([Towards(A, 2.0), halve])
    want = plain / 2
    want[..., A] += 2.0
    assert torch.allclose(after, want)


@pytest.mark.parametrize("strength", [math.nan, math.inf, "2"])
def test_a_factor_is_a_finite_number(strength):
    with pytest.raises((InputError, TypeError)):
        strength * Towards(A)


@pytest.mark.parametrize("times", [(0.5, 0.5), (0.2, 0.8), (1.2, 0.0), (1.0, -0.1), (math.nan, 0.0)])
def test_during_wants_times_that_run_down(times):
    with pytest.raises(InputError, match="time runs from 1 down to 0"):
        during(Towards(A), *times)


@pytest.mark.parametrize("guidance", [Towards(A), [Towards], ["positive"], [None], 3])
def test_what_is_no_guidance_is_refused_when_the_generator_is_made(guidance):
    with pytest.raises(InputError, match=r"guidance|not a list"):
        cd.Generator(cd.from_pretrained(), int, ask="total", guidance=guidance)


def test_a_tilt_that_is_not_a_number_is_not_hidden():
    tilt = (math.nan * torch.ones(SIZE)).expand(3, 8, SIZE)
    combined = cd.guide.Tilt(lambda *now: tilt).combine(logits_like(blank(3, 8), 0), (), blank(3, 8), step_at(1.0))
    assert combined[..., :MASK].isnan().all() and (combined[..., MASK] == -torch.inf).all()


def test_the_front_door_takes_guidance_and_keeps_the_form():
    model = cd.from_pretrained()
    seven = model.loaded.plain_ids("7")[0]

    def sevens(logits, state, step):
        return logits.index_add(-1, torch.tensor([seven]), torch.full((*logits.shape[:2], 1), 60.0))

    assert model("Total: 12 EUR.", cd.Regex("[0-9]{3}"), guidance=[sevens]).raw == "777"
