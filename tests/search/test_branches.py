"""Trying branches is LoPA's released loop, restated in plain words: the same tokens from the same canvases."""

from collections.abc import Sequence

import pytest

import ctrldiff as cd
from ctrldiff.errors import InputError
from ctrldiff.sampling.plan import Plan
from ctrldiff.search.branches import Branches
from tests.conftest import prompt
from tests.sampling.loops.net import OPEN, Asked, best, opened
from tests.sampling.together import FEW, LENGTHS, SEEDS, Found, searched

CASES = {"whole": (24, 0.9, 3), "blocks": (8, 0.6, 2)}


def released(
    seed: int, row: int, length: int, block: int, above: float, k: int, highest: bool = False
) -> tuple[list[int], int]:
    """Fast-dLLM's threshold, and k canvases beside.

    highest: a wrong variant, in which the highest half of the confidences counts.
    """
    net, tries = Asked(seed), [([OPEN] * length, 1.0)]
    while True:
        answers, scores = [], []
        for canvas, added in tries:
            rest = 1.0
            answers.append(None)
            if OPEN in canvas:
                answers[-1] = net(prompt(row), canvas).exp().max(dim=-1)
                sure = sorted((float(answers[-1].values[t]) for t in opened(canvas, range(length))), reverse=highest)
                half = sure[: max(1, len(sure) // 2)]
                rest = sum(half) / len(half)
            scores.append(0.5 * added + 0.5 * rest)
        at = scores.index(max(scores))
        canvas = list(tries[at][0])
        if OPEN not in canvas:
            return canvas, net.passes
        sure, tokens = answers[at]
        left = opened(canvas, here(canvas, block))
        for t in [t for t in left if sure[t] >= above] or best(sure, left)[:1]:
            canvas[t] = int(tokens[t])
        if OPEN not in canvas:
            return canvas, net.passes
        tries = []
        for t in best(sure, opened(canvas, here(canvas, block)))[:k]:
            more = list(canvas)
            more[t] = int(tokens[t])
            tries.append((more, float(sure[t])))
        tries.append((canvas, 1.0))


def here(canvas: list[int], block: int) -> range:
    """The block of the first open position."""
    start = canvas.index(OPEN) // block * block
    return range(start, min(start + block, len(canvas)))


def ours(case: str, seeds: Sequence[int]) -> list[Found]:
    block, above, k = CASES[case]
    return searched(Branches(k), Plan.preset("fast_dllm", threshold=above, block=block), seeds)


def theirs(case: str, seeds: Sequence[int], **wrong: bool) -> list[Found]:
    return [[released(seed, row, n, *CASES[case], **wrong) for row, n in enumerate(LENGTHS)] for seed in seeds]


@pytest.mark.parametrize("seeds", [FEW[:4], pytest.param(SEEDS, marks=pytest.mark.slow)], ids=len)
@pytest.mark.parametrize("case", CASES)
def test_it_is_the_released_loop(case, seeds):
    assert ours(case, seeds) == theirs(case, seeds)


@pytest.mark.parametrize("case", CASES)
def test_the_other_half_of_the_confidences_is_told_apart(case):
    assert ours(case, SEEDS[:10]) != theirs(case, SEEDS[:10], highest=True)


def test_the_front_door_takes_it():
    tiny, code = cd.from_pretrained("tiny"), cd.Regex("[A-Z]{2}-[0-9]{4}")
    assert tiny("The code is AB-1234.", code, search=cd.search.Branches(2)).raw in code
    for wrong in ({"branches": 0}, {"own": 2.0}, {"share": -1.0}):
        with pytest.raises(InputError):
            Branches(**wrong)
