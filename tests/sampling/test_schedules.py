"""Quotas add up: a policy that writes exactly its quota is done on the last step of the budget."""

import math
from dataclasses import replace

import pytest
import torch

from ctrldiff.errors import InputError
from ctrldiff.sampling.schedules import Blocks, Cosine, Linear
from ctrldiff.state import State
from tests.conftest import blank


def quotas(schedule, state: State) -> list[list[int]]:
    """Written at each step, per row, when the first `quota` positions of the window are written and nothing else."""
    steps = schedule.budget(state)
    written: list[list[int]] = [[] for _ in range(state.shape[0])]
    state = state.begin(steps)
    for _ in range(int(steps.max())):
        step = schedule(state)
        assert not (step.window & ~state.open).any()
        assert ((step.quota >= 1) | ~step.window.any(dim=1)).all()
        where = step.window & (step.window.cumsum(dim=1) <= step.quota[:, None])
        for row, count in enumerate(where.sum(dim=1).tolist()):
            written[row].append(count)
        filled = (step.last[:, None] & step.window & ~where).any(dim=1)
        assert not filled.any(), "the quota of a window's last step is all of it"
        state = state.write(where, state.tokens)
        state = replace(state, step=state.step + 1)
    assert state.done.all()
    return written


@pytest.mark.parametrize("length", [1, 2, 7, 16, 33])
@pytest.mark.parametrize("steps", [None, 1, 2, 3, 8, 40])
@pytest.mark.parametrize("make", [Linear, Cosine, lambda steps: Blocks(4, steps)], ids=["linear", "cosine", "blocks"])
def test_a_canvas_is_full_within_the_budget(make, steps, length):
    (written,) = quotas(make(steps), blank(1, length))
    assert sum(written) == length
    budget = int(make(steps).budget(blank(1, length)))
    assert budget >= (length if steps is None else steps) and len(written) == budget
    if steps is not None and steps <= length and make is not Cosine:
        assert written[-1] > 0, "all of the steps are used"


def test_linear_shares_differ_by_at_most_one():
    (written,) = quotas(Linear(5), blank(1, 13))
    assert written == [3, 3, 3, 2, 2]


def test_cosine_leaves_the_share_of_the_formula():
    (written,) = quotas(Cosine(4), blank(1, 1000))
    left = [1000 - sum(written[: i + 1]) for i in range(4)]
    assert all(abs(left[i] - 1000 * math.cos(math.pi / 2 * (i + 1) / 4)) <= 2 for i in range(4))
    assert written == sorted(written), "few at first, many at the end"


def test_blocks_give_each_block_its_share_of_the_steps():
    (written,) = quotas(Blocks(16, steps=8), blank(1, 64))
    assert written == [8] * 8
    (written,) = quotas(Blocks(16), blank(1, 40))
    assert written == [1] * 40


def llada_shares(blocks: int, length: int, steps: int) -> list[int]:
    """LLaDA's `get_num_transfer_tokens` for every block; passes that write nothing are not taken."""
    each = steps // blocks
    shares = [length // each + (step < length % each) for step in range(each)]
    return [share for share in shares if share] * blocks


@pytest.mark.parametrize("length", [4, 5, 8, 12, 16, 32])
def test_blocks_are_shared_out_as_llada_shares_them(length):
    for blocks in (1, 2, 3, 4, 6, 8):
        for each in (1, 2, 3, 5, 7, 8):
            (written,) = quotas(Blocks(length, steps=blocks * each), blank(1, blocks * length))
            assert [n for n in written if n] == llada_shares(blocks, length, blocks * each), (blocks, each)


def test_blocks_have_a_step_each_even_when_fewer_were_asked_for():
    assert int(Blocks(2, steps=1).budget(blank(1, 8))) == 4


def test_a_full_block_costs_no_step():
    given = torch.full((1, 8), -1)
    given[0, :4] = 1
    state = blank(1, 8, written=given)
    assert int(Blocks(4, steps=1).budget(state)) == 1
    assert quotas(Blocks(2, steps=4), state) == [[1, 1, 1, 1]]


@pytest.mark.parametrize("schedule", [Linear(), Cosine(), Blocks(3), Linear(4), Cosine(4), Blocks(3, 4)])
def test_a_row_is_told_the_same_in_any_batch(schedule):
    given = torch.full((3, 9), -1)
    given[1, :5], given[2, 1:] = 1, 1
    together = quotas(schedule, blank(3, 9, written=given))
    for row in range(3):
        alone = quotas(schedule, blank(1, 9, first=row, written=given[row : row + 1]))[0]
        assert together[row][: len(alone)] == alone and not any(together[row][len(alone) :])


@pytest.mark.parametrize("schedule", [Linear(4), Cosine(4), Blocks(3, 4)])
def test_a_row_that_ran_ahead_is_asked_for_less(schedule):
    state = blank(1, 12)
    state = replace(state.begin(schedule.budget(state)), step=torch.ones(1, dtype=torch.int64))
    ahead = state.write(torch.arange(12)[None] < 10, state.tokens)
    quota = schedule(ahead).quota
    assert quota <= schedule(state).quota and quota <= 2


def test_time_falls_from_one_and_each_row_has_its_own_clock():
    state = blank(2, 4, written=torch.tensor([[-1, -1, -1, -1], [1, 1, -1, -1]]))
    state = state.begin(Linear().budget(state))
    clocks = [Linear()(replace(state, step=state.step + i)) for i in range(3)]
    assert [clock.time.tolist() for clock in clocks] == [[1.0, 1.0], [0.75, 0.5], [0.5, 0.0]]


@pytest.mark.parametrize("wrong", [lambda: Linear(0).budget(blank(1, 2)), lambda: Blocks(0)])
def test_no_steps_and_no_length_are_refused(wrong):
    with pytest.raises(InputError, match="at least 1"):
        wrong()


def test_aligned_blocks_are_counted_from_the_start_of_the_prompt():
    """As block-causal attention counts them: an answer's first block may be a short one."""
    state = State.blank([[1] * 5, [1] * 8, []], 8)
    windows = [[0, 1, 2], [0, 1, 2, 3], [0, 1, 2, 3]]
    assert [row.nonzero()[:, 0].tolist() for row in Blocks(4, aligned=True)(started(state)).window] == windows
    assert [row.nonzero()[:, 0].tolist() for row in Blocks(4)(started(state)).window] == [[0, 1, 2, 3]] * 3
    assert Blocks(4, steps=1, aligned=True).budget(state).tolist() == [3, 2, 2]


def started(state):
    return replace(state, steps=torch.full((state.shape[0],), 8))
