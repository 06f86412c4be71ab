"""Tolerator is its released loop, restated in plain words: the same tokens in the same number of passes."""

import math
from collections.abc import Sequence

import pytest
import torch

import ctrldiff as cd
from ctrldiff.errors import InputError
from ctrldiff.sampling.plan import Plan
from ctrldiff.search.run import Run
from ctrldiff.search.tolerate import Tolerator
from ctrldiff.state import row_generator
from tests.cases import CONSTRAINTS, bound, hard_state, legal
from tests.conftest import posed, prompt, text, toy
from tests.guidance.fakes import context
from tests.sampling.loops.blocks import llada
from tests.sampling.loops.net import OPEN, Asked
from tests.sampling.together import FEW, LENGTHS, SEEDS, Found, searched

ROUNDS, PATIENCE = 7, 2
PLAN, SEARCH = Plan.preset("llada", steps=6, block=8), Tolerator(ROUNDS, patience=PATIENCE)


def released(seed: int, row: int, length: int, straight: bool = False) -> tuple[list[int], int]:
    """Fill up; then hide a random share of what is not settled, and write it anew in one pass.

    straight: a wrong variant, in which the share falls along a line.
    """
    net, rng = Asked(seed), row_generator(0, torch.tensor(posed(seed, row)))
    canvas = llada(net, prompt(row), length, 6, 8)
    last, times = [OPEN] * length, [0] * length
    for turn in range(ROUNDS):
        t = turn / (ROUNDS - 1)
        falls = 1 - t if straight else 0.5 * (1 + math.cos(math.pi * t))
        free = [i for i in range(length) if times[i] < PATIENCE]
        if not free:
            break
        hidden = rng.permutation(free)[int(len(free) * (1.0 - (0.4 + 0.4 * falls))) :].tolist()
        tokens = net(prompt(row), [OPEN if i in hidden else token for i, token in enumerate(canvas)]).argmax(dim=-1)
        for i in hidden:
            canvas[i] = int(tokens[i])
            times[i] = times[i] + 1 if canvas[i] == last[i] else 1
            last[i] = canvas[i]
    return canvas, net.passes


def theirs(seeds: Sequence[int], **wrong: bool) -> list[Found]:
    return [[released(seed, row, length, **wrong) for row, length in enumerate(LENGTHS)] for seed in seeds]


@pytest.mark.parametrize("seeds", [FEW, pytest.param(SEEDS, marks=pytest.mark.slow)], ids=len)
def test_it_is_the_released_loop(seeds):
    assert searched(SEARCH, PLAN, seeds) == theirs(seeds)


def test_a_share_that_falls_along_a_line_is_told_apart():
    assert searched(SEARCH, PLAN, SEEDS[:5]) != theirs(SEEDS[:5], straight=True)


@pytest.mark.parametrize("name", CONSTRAINTS)
def test_what_is_written_anew_is_legal_and_what_was_given_stays(name):
    start, given = hard_state(name), bound(name, 3)
    plan = Plan.default()
    run = Run(toy(seed=3), plan, plan.constrain(given), context(3, toy(), constraint=given))
    found = Tolerator(4)(run, start)
    assert found.state.done.all() and all(legal(name, text(row)) for row in found.state.tokens)
    assert torch.equal(found.state.tokens[~start.open], start.tokens[~start.open])


def test_the_front_door_takes_it_and_bad_numbers_are_refused():
    tiny, code = cd.from_pretrained("tiny"), cd.Regex("[A-Z]{2}-[0-9]{4}")
    result = tiny("The code is AB-1234.", code, search=cd.search.Tolerator(rounds=2))
    assert result.raw in code and result.ess == 1
    for wrong in ({"rounds": 0}, {"begin": 1.5}, {"patience": 0}):
        with pytest.raises(InputError):
            Tolerator(**wrong)
