"""Passes that see what was settled in the pass before: equal to one position a pass, in law and token for token."""

import pytest
import torch

import ctrldiff as cd
from ctrldiff.errors import InputError
from ctrldiff.sampling.combine import Proposed
from ctrldiff.sampling.constrain import FREE
from ctrldiff.sampling.loop import Loop, sample
from ctrldiff.sampling.plan import Plan
from ctrldiff.sampling.propose import Best
from ctrldiff.sampling.recompute import Recomputed
from ctrldiff.sampling.schedules import Blocks, Linear
from ctrldiff.state import State
from tests.cases import CONSTRAINTS, bound, hard_state, legal
from tests.conftest import NOISES, blank, prompt, text, toy
from tests.sampling.laws_of_draws import distance
from tests.sampling.loops import chance
from tests.sampling.loops.blocks import llada
from tests.sampling.loops.net import Asked
from tests.sampling.test_laws_of_presets import NET, ROWS, T, network


def draws(passes: int) -> list[tuple[int, ...]]:
    plan = Plan.preset("first_hitting").but(schedule=Linear(1), propose=Recomputed(passes, "random"), commit=Proposed())
    state = Loop(toy(network=network), plan, plan.constrain(FREE)).run(State.blank([[3]] * ROWS, T, draws=range(ROWS)))
    assert (state.forwards == passes).all() and (state.step == 1).all()
    return [tuple(row) for row in state.tokens.tolist()]


def law(counts: list[int]) -> chance.Law:
    return chance.one_by_one(NET, T, counts, lambda p: 1.0)


@pytest.mark.parametrize(
    ("passes", "counts", "wrong"),
    [(4, [1, 1, 1, 1], [2, 2]), pytest.param(2, [2, 2], [1, 1, 1, 1], marks=pytest.mark.slow)],
)
def test_one_step_of_as_many_passes_as_positions_draws_from_the_joint(passes, counts, wrong):
    found = draws(passes)
    assert distance(found, law(counts)) < 0.04 < distance(found, law(wrong))


def test_a_step_of_eight_passes_is_eight_steps_of_one():
    plan = Plan.preset("llada").but(schedule=Linear(3), propose=Recomputed(8, inner=Best()), commit=Proposed())
    for seed in range(6):
        state = State.blank([prompt(row) for row in range(2)], 24)
        state = Loop(toy(seed=seed), plan, plan.constrain(FREE)).run(state)
        for row in range(2):
            net = Asked(seed)
            assert state.tokens[row].tolist() == llada(net, prompt(row), 24, 24, 24)
            assert int(state.forwards[row]) == net.passes == 24 and int(state.step[row]) == 3
    fewer = Loop(toy(seed=0), plan.but(propose=Recomputed(4, inner=Best())), FREE).run(State.blank([prompt(0)], 24))
    assert int(fewer.forwards[0]) == 12


@pytest.mark.parametrize("name", CONSTRAINTS)
def test_it_is_legal_under_any_constraint_and_a_row_is_the_same_in_any_batch(name):
    for noise, schedule in zip(NOISES, (Blocks(3, steps=4), Linear(2)), strict=True):
        how = {"propose": Recomputed(3), "commit": Proposed(), "schedule": schedule}
        start = hard_state(name)
        state = sample(toy(noise), start, constraint=bound(name, 3), **how)
        assert state.done.all() and all(legal(name, text(row)) for row in state.tokens)
        assert torch.equal(state.tokens[~start.open], start.tokens[~start.open])
        for row in range(3):
            alone = sample(toy(noise), start.gather([row]), constraint=bound(name, 1), **how)
            assert torch.equal(alone.tokens[0], state.tokens[row]) and alone.forwards[0] == state.forwards[row]


def test_bad_numbers_are_refused_and_so_is_a_call_outside_of_the_loop():
    for wrong in ({"passes": 0}, {"by": "luck"}):
        with pytest.raises(InputError):
            Recomputed(**wrong)
    with pytest.raises(InputError, match="within the loop"):
        Recomputed()(None, blank(1, 2))
    with pytest.raises(InputError, match="stands where it cannot"):
        sample(toy(), blank(1, 4), commit=cd.commit.And(Proposed()))
