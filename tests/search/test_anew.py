"""Back-and-Refine and thoughts are their loops, restated in plain words: the same tokens in as many passes."""

from collections.abc import Callable, Sequence
from itertools import pairwise

import pytest
import torch

import ctrldiff as cd
from ctrldiff.errors import InputError
from ctrldiff.sampling.constrain import FREE
from ctrldiff.sampling.plan import Plan
from ctrldiff.sampling.schedules import Linear
from ctrldiff.search.back import BackAndRefine
from ctrldiff.search.run import Run, Search
from ctrldiff.search.thoughts import Thoughts
from ctrldiff.state import State
from tests.conftest import prompt, toy
from tests.guidance.fakes import context
from tests.sampling.loops import anew
from tests.sampling.loops.net import Asked
from tests.sampling.together import FEW, LENGTHS, SEEDS, Found, searched

STEPS, ENDS = 6, (1, 4, 10)
PLAN = Plan.preset("llada").but(schedule=Linear(STEPS))
CASES: dict[str, tuple[Search, Callable[..., list[int]], tuple[object, ...], dict[str, bool]]] = {
    "back": (BackAndRefine(), anew.back, (STEPS, 0.6, 1 / 3), {"surest": True}),
    "back, late and half": (BackAndRefine(0.3, 0.5), anew.back, (STEPS, 0.3, 0.5), {"surest": True}),
    "thoughts": (Thoughts(ENDS), anew.thoughts, (STEPS, ENDS, 12), {"last": True}),
    "thoughts, three at most": (Thoughts(ENDS, most=3), anew.thoughts, (STEPS, ENDS, 3), {"last": True}),
}


def theirs(name: str, seeds: Sequence[int], wrong: bool = False) -> list[Found]:
    _, loop, right, variant = CASES[name]
    out: list[Found] = []
    for seed in seeds:
        out.append([])
        for row, length in enumerate(LENGTHS):
            net = Asked(seed)
            out[-1].append((loop(net, prompt(row), length, *right, **(variant if wrong else {})), net.passes))
    return out


@pytest.mark.parametrize("seeds", [FEW, pytest.param(SEEDS, marks=pytest.mark.slow)], ids=len)
@pytest.mark.parametrize("name", CASES)
def test_a_search_is_its_loop(name, seeds):
    assert searched(CASES[name][0], PLAN, seeds) == theirs(name, seeds)


@pytest.mark.parametrize("name", CASES)
def test_a_loop_with_one_thing_wrong_is_told_apart(name):
    assert searched(CASES[name][0], PLAN, SEEDS[:10]) != theirs(name, SEEDS[:10], wrong=True)


def test_the_front_door_takes_them_and_bad_numbers_are_refused():
    tiny, code = cd.from_pretrained("tiny"), cd.Regex("[A-Z]{2}-[0-9]{4}")
    thoughts = cd.search.Thoughts.of(tiny.vocabulary, b"-")
    for search in (cd.search.BackAndRefine(), thoughts):
        assert tiny("The code is AB-1234.", code, search=search).raw in code
    assert all(tiny.vocabulary[i].endswith(b"-") for i in thoughts.ends)
    for wrong in ({"time": 1.5}, {"share": -0.1}, {"rounds": 0}):
        with pytest.raises(InputError):
            BackAndRefine(**wrong)
    for wrong in ({"ends": ()}, {"ends": (1,), "most": 0}):
        with pytest.raises(InputError):
            Thoughts(**wrong)


def test_a_thought_that_stands_is_not_written_again():
    state = State.blank([prompt(0)], 12)
    run = Run(toy(seed=1), PLAN, PLAN.constrain(FREE), context(1, toy(), constraint=FREE))
    seen = [Thoughts(ENDS, most=most)(run, state).state.tokens[0].tolist() for most in range(1, 6)]
    for before, after in pairwise(seen):
        ends = [t for t, token in enumerate(before) if token in ENDS]
        kept = (ends[0] if ends else len(before)) + 1
        assert before[:kept] == after[:kept]
    assert torch.tensor(seen).unique(dim=0).shape[0] > 1
