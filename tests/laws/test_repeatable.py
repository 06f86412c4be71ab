"""`seed` fixes everything, and a row's decode depends on that row alone: not on its batch, nor on its place in it."""

import copy

import pytest
import torch

from ctrldiff.sampling.commit import CertainFree, EntropyBound, LeftToRight, Rewrite, TopK
from ctrldiff.sampling.constrain import FREE, Tables
from ctrldiff.sampling.edit import Disagree, Reconsider
from ctrldiff.sampling.loop import sample
from ctrldiff.sampling.propose import Best, Draw
from ctrldiff.sampling.revise import LeastConfident
from ctrldiff.sampling.schedules import Blocks, Cosine, Linear
from ctrldiff.state import State
from tests.cases import CONSTRAINTS, LENGTH, table
from tests.conftest import blank, few, prompt, toy
from tests.watching import watching

ROWS = 16
NAMES = [name for name in CONSTRAINTS if name != "free"]
PLANS = {
    "best, top-k, cosine": {"schedule": Cosine(), "propose": Best(), "commit": TopK()},
    "draw, random order": {"schedule": Linear(), "propose": Draw(), "commit": TopK("random")},
    "draw, blocks, reopening": {
        "schedule": Blocks(3),
        "propose": Draw(),
        "commit": TopK("margin"),
        "revise": LeastConfident(2),
    },
    "reconsidered": {"schedule": Linear(6), "propose": Draw(), "edit": Reconsider(), "commit": EntropyBound(0.5)},
    "edited": {"schedule": Linear(9), "propose": Best(), "edit": Disagree(0.2), "commit": Rewrite(TopK())},
    "default": {"schedule": Linear(), "commit": LeftToRight(CertainFree(TopK()), block=3), "propose": Best()},
}


def canvases(rows: range) -> State:
    """Rows that differ in prompt and in how much is given, so that they end at different steps."""
    written = torch.full((len(rows), LENGTH), -1)
    for n, row in enumerate(rows):
        written[n, LENGTH - row % 4 :] = 15
    return State.blank([prompt(row) for row in rows], LENGTH, seed=3, written=written)


def constraint(rows: range, free: bool):
    return FREE if free else Tables(tuple(table(NAMES[row % len(NAMES)]) for row in rows))


def fingerprint(state: State) -> list[tuple]:
    """All that a row is, as bytes; its generator too."""
    return [
        (
            state.tokens[row].numpy().tobytes(),
            state.held_at[row].numpy().tobytes(),
            state.held_confidence[row].numpy().tobytes(),
            int(state.forwards[row]),
            str(state.rngs[row].bit_generator.state),
        )
        for row in range(state.shape[0])
    ]


@pytest.mark.parametrize("plan", few(PLANS, 2))
@pytest.mark.parametrize(("noise", "free"), [("mask", False), ("uniform", False), ("uniform", True)])
def test_the_same_rows_give_the_same_bytes_at_any_batch_size(plan, noise, free):
    def run(rows: range) -> list[tuple]:
        return fingerprint(sample(toy(noise), canvases(rows), constraint=constraint(rows, free), **PLANS[plan]))

    together = run(range(ROWS))
    assert [row for first in (0, 7, 14) for row in run(range(first, min(first + 7, ROWS)))] == together
    assert [run(range(row, row + 1))[0] for row in (0, 3, 6, 11, 15)] == [together[row] for row in (0, 3, 6, 11, 15)]


def test_a_seed_fixes_everything_and_another_seed_changes_it():
    def run(seed: int) -> bytes:
        state = sample(toy("uniform"), blank(4, LENGTH, seed=seed), propose=Draw(), commit=TopK("random"))
        return state.tokens.numpy().tobytes()

    assert run(1) == run(1) and run(1) != run(2)


@pytest.mark.parametrize("plan", PLANS)
def test_a_gathered_batch_decodes_as_it_would_have(plan):
    start, order = canvases(range(4)), [2, 0, 3]
    straight = fingerprint(sample(toy("uniform"), start, constraint=constraint(range(4), False), **PLANS[plan]))
    tables = constraint(range(4), False).tables
    some = sample(
        toy("uniform"), start.gather(order), constraint=Tables(tuple(tables[i] for i in order)), **PLANS[plan]
    )
    assert fingerprint(some) == [straight[i] for i in order]


def test_a_decode_can_be_continued_twice_from_a_snapshot():
    half = []

    def keep(state, step):
        if (step.index == 2).any():
            half.append(state.snapshot())

    sample(toy("uniform"), blank(2, LENGTH), propose=Draw(), observers=[watching(keep)])
    first, second = (sample(toy("uniform"), half[0], propose=Draw()) for _ in range(2))
    assert fingerprint(first) == fingerprint(second) and first.done.all()


def test_forks_differ_from_each_other_and_are_the_same_every_time():
    start = blank(2, LENGTH)
    before = copy.deepcopy([rng.bit_generator.state for rng in start.rngs])
    first, second = (sample(toy("uniform"), start.fork(3), propose=Draw()) for _ in range(2))
    assert fingerprint(first) == fingerprint(second)
    assert len({row[0] for row in fingerprint(first)[:3]}) > 1
    assert [rng.bit_generator.state for rng in start.rngs] == before
