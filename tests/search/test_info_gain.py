"""Info-Gain is its released sampler, restated in plain words: the same tokens from the same canvases."""

from collections.abc import Sequence

import numpy as np
import pytest
import torch

import ctrldiff as cd
from ctrldiff.errors import InputError
from ctrldiff.protocols import Schedule
from ctrldiff.sampling.plan import Plan
from ctrldiff.sampling.schedules import Blocks, Linear
from ctrldiff.search.info_gain import InfoGain
from ctrldiff.state import row_generator
from tests.conftest import posed, prompt
from tests.sampling.loops.net import OPEN, Asked, best, entropies, opened
from tests.sampling.together import FEW, LENGTHS, SEEDS, Found, looped, searched

ONE, MORE, LOOKUM = (Blocks(8), 8, None), (Linear(8), 24, 8), (Linear(), 24, None)
CASES = {  # schedule, its blocks, its steps (None: as many as positions); then the search
    "one a step, blocks at once where they are certain": (*ONE, InfoGain(4, temperature=0.3, above=0.6)),
    "three a step, or two": (*MORE, InfoGain(5, temperature=0.2, above=2.0)),
    "what is left alone counts": (*LOOKUM, InfoGain(3, temperature=1.0, above=2.0, cost=0.0)),
}


def released(
    seed: int, row: int, length: int, block: int, k: int, search: InfoGain, wrong: str = ""
) -> tuple[list[int], int]:
    """N sets of k positions by confidence and Gumbel noise; the canvas of each; the best by entropies.

    wrong: one of three variants, in which the cost is a gain, what is left is added up, or no set is drawn.
    """
    net, rng = Asked(seed), row_generator(0, torch.tensor(posed(seed, row)))
    canvas = [OPEN] * length
    log_probs = net(prompt(row), canvas)
    while OPEN in canvas:
        start = canvas.index(OPEN) // block * block
        left = opened(canvas, range(start, min(start + block, length)))
        sure, tokens = log_probs.exp().max(dim=-1)
        sets: list[list[int]] = []
        for n in range(search.candidates):
            noise = np.zeros(length)
            if n:
                noise = rng.gumbel(size=length)
            chosen = sorted(best(sure / search.temperature + torch.from_numpy(noise), left)[:k])
            if all(sure[t] >= search.above for t in left):
                chosen = left
            if chosen not in sets and not (wrong == "none drawn" and n):
                sets.append(chosen)
        spent, tried = entropies(log_probs), []
        for chosen in sets:
            more = [int(tokens[t]) if t in chosen else token for t, token in enumerate(canvas)]
            rest, after = 0.0, None
            if still := opened(more, range(length)):
                after = net(prompt(row), more)
                rest = float(entropies(after)[still].sum()) / (1 if wrong == "added up" else len(still))
            cost = search.cost * float(spent[chosen].sum())
            tried.append(((cost if wrong == "gain" else -cost) - rest, more, after))
        _, canvas, log_probs = max(tried, key=lambda one: one[0])
    return canvas, net.passes


def ours(schedule: Schedule, search: InfoGain, seeds: Sequence[int]) -> list[Found]:
    plan = Plan().but(schedule=schedule, constrain=Plan.searching().constrain, processors=())
    return searched(search, plan, seeds)


def agree(case: str, seeds: Sequence[int], wrong: str = "") -> bool:
    schedule, block, steps, search = CASES[case]
    theirs = [
        [released(seed, row, n, block, n // (steps or n), search, wrong) for row, n in enumerate(LENGTHS)]
        for seed in seeds
    ]
    return ours(schedule, search, seeds) == theirs


@pytest.mark.parametrize("seeds", [FEW[:2], pytest.param(SEEDS[:30], marks=pytest.mark.slow)], ids=len)
@pytest.mark.parametrize("case", CASES)
def test_it_is_the_released_sampler(case, seeds):
    assert agree(case, seeds)


@pytest.mark.parametrize("wrong", ["gain", "added up", "none drawn"])
def test_a_wrong_score_is_told_apart(wrong):
    assert not agree("three a step, or two", SEEDS[:3], wrong)


def test_one_set_is_the_plan_s_own_order():
    plan = Plan.preset("llada", steps=24, block=8)
    once, planned = ours(Blocks(8), InfoGain(1, above=2.0), FEW[:3]), looped(plan, FEW[:3])
    for ones, others in zip(once, planned, strict=True):
        assert [tokens for tokens, _ in ones] == [tokens for tokens, _ in others]


def test_the_front_door_takes_it():
    tiny, code = cd.from_pretrained("tiny"), cd.Regex("[A-Z]{2}-[0-9]{4}")
    assert tiny("The code is AB-1234.", code, search=cd.search.InfoGain(3)).raw in code
    for wrong in ({"candidates": 0}, {"temperature": 0.0}, {"above": -1.0}, {"cost": -1.0}):
        with pytest.raises(InputError, match=next(iter(wrong))):
            InfoGain(**wrong)
