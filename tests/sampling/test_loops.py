"""Every preset is its published loop: the same tokens in the same number of passes, on random networks at
temperature 0, three rows of two lengths in one batch. A wrong variant of the loop is told apart by the same test."""

from collections.abc import Callable, Sequence

import pytest

from ctrldiff.sampling.commit import Everything, TopK
from ctrldiff.sampling.constrain import FREE, Exact
from ctrldiff.sampling.loop import Loop
from ctrldiff.sampling.plan import Plan
from ctrldiff.sampling.revise import RunningConfidence
from ctrldiff.sampling.schedules import Blocks
from ctrldiff.state import State
from tests.conftest import STOP, prompt, toy
from tests.sampling.loops import blocks
from tests.sampling.loops.net import Asked

LENGTHS = (24, 24, 16)
SEEDS = range(100)

Reference = Callable[[Asked, list[int], int], list[int]]


def ours(plan: Plan, seed: int) -> list[tuple[list[int], int]]:
    """Tokens and passes of every row."""
    state = State.blank([prompt(row) for row in range(3)], max(LENGTHS), lengths=LENGTHS, pad_id=STOP)
    state = Loop(toy(seed=seed), plan, plan.constrain(FREE)).run(state)
    rows = zip(state.tokens.tolist(), LENGTHS, state.forwards.tolist(), strict=True)
    return [(tokens[:length], passes) for tokens, length, passes in rows]


def theirs(loop: Reference, seed: int) -> list[tuple[list[int], int]]:
    """The same of a restated loop."""
    out = []
    for row, length in enumerate(LENGTHS):
        net = Asked(seed)
        out.append((loop(net, prompt(row), length), net.passes))
    return out


def agreeing(plan: Plan, loop: Reference, seeds: Sequence[int] = SEEDS) -> int:
    """On how many networks all rows are the same."""
    return sum(ours(plan, seed) == theirs(loop, seed) for seed in seeds)


CASES: dict[str, tuple[Plan, Reference, Reference]] = {  # a plan, its loop, and the loop with one thing wrong
    "llada": (
        Plan(Exact(), Blocks(8, 6), commit=TopK()),
        lambda net, prompt, length: blocks.llada(net, prompt, length, 6, 8),
        lambda net, prompt, length: blocks.llada(net, prompt, length, 6, 8, last_first=True),
    ),
    "rcr": (
        Plan(Exact(), Blocks(8, 12), commit=Everything(), revise=RunningConfidence(8)),
        lambda net, prompt, length: blocks.rcr(net, prompt, length, 12, 8),
        lambda net, prompt, length: blocks.rcr(net, prompt, length, 12, 8, later=1),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_preset_is_its_published_loop(name):
    plan, right, _ = CASES[name]
    assert agreeing(plan, right) == len(SEEDS)


@pytest.mark.parametrize("name", CASES)
def test_a_loop_with_one_thing_wrong_is_told_apart(name):
    plan, _, wrong = CASES[name]
    assert agreeing(plan, wrong, SEEDS[:20]) < 20
