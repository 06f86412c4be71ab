"""`State` is a value, and its rows stand side by side."""

import numpy as np
import pytest
import torch

from ctrldiff.errors import ShapeError
from ctrldiff.state import HISTORY, State, Status
from tests.conftest import PAD, blank


def marked() -> State:
    """Row 0 open, row 1 with everything: given, open, written, padding."""
    written = torch.tensor([[-1, -1, -1, -1], [5, -1, -1, -1]])
    state = State.blank([[1], [2, 3]], 4, seed=1, written=written, lengths=[4, 3], pad_id=PAD)
    where = torch.tensor([[False] * 4, [True, True, False, True]])
    return state.write(where, torch.full((2, 4), 7), torch.full((2, 4), 0.5))


def test_writing_touches_open_positions_only():
    state = marked()
    assert state.status[1].tolist() == [Status.FIXED, Status.HELD, Status.OPEN, Status.PAD]
    assert state.tokens[1, [0, 1, 3]].tolist() == [5, 7, PAD]
    assert state.held_at[1].tolist() == [-1, 0, -1, -1]
    assert state.held_confidence[1].nan_to_num(-1).tolist() == [-1, 0.5, -1, -1]


def test_reopening_touches_held_positions_only_and_forgets_how_they_were_written():
    state = marked().reopen(torch.ones(2, 4, dtype=torch.bool))
    assert state.status[1].tolist() == [Status.FIXED, Status.OPEN, Status.OPEN, Status.PAD]
    assert (state.held_at == -1).all() and state.held_confidence.isnan().all()


def test_written_is_minus_one_exactly_where_open():
    state = marked()
    assert ((state.written == -1) == state.open).all()
    assert state.written[1].tolist() == [5, 7, -1, PAD]
    assert state.done.tolist() == [False, False]


def test_changes_make_new_values():
    state = blank(1, 3)
    state.write(torch.ones(1, 3, dtype=torch.bool), torch.ones(1, 3, dtype=torch.int64))
    state.remember(x=torch.ones(1))
    assert state.open.all() and not state.memory


def test_gather_takes_every_field_along():
    state = marked().remember(x=torch.tensor([[1.0], [2.0]])).recall(torch.arange(8).reshape(2, 4))
    again = state.gather([1, 0, 1])
    assert again.tokens.tolist() == [state.tokens[i].tolist() for i in (1, 0, 1)]
    assert again.memory["x"].tolist() == [[2.0], [1.0], [2.0]]
    assert again.history[0, -1].tolist() == [4, 5, 6, 7]
    assert [p.tolist() for p in again.prompt] == [[2, 3], [1], [2, 3]]
    assert again.forwards.shape == again.log_weight.shape == (3,)


def test_a_row_gathered_twice_draws_the_same_numbers_from_two_generators():
    twice = blank(1, 2).gather([0, 0])
    assert twice.rngs[0] is not twice.rngs[1]
    assert twice.rngs[0].random(3).tolist() == twice.rngs[1].random(3).tolist()


def test_a_snapshot_does_not_notice_later_draws():
    state = blank(1, 2)
    snapshot = state.snapshot()
    drawn = state.rngs[0].random(3)
    assert np.array_equal(snapshot.rngs[0].random(3), drawn)


def test_a_fork_gives_every_copy_its_own_draws():
    state = blank(2, 2)
    forked = state.fork(3)
    assert forked.shape == (6, 2) and [p.tolist() for p in forked.prompt[:3]] == [state.prompt[0].tolist()] * 3
    draws = [rng.random() for rng in forked.rngs]
    assert len(set(draws)) == 6
    assert [rng.random() for rng in state.fork(3).rngs] == draws


def test_a_rows_draws_depend_on_the_seed_and_its_prompt_alone():
    def draw(state: State, row: int) -> float:
        return state.rngs[row].random()

    alone = draw(State.blank([[1, 2]], 3, seed=4), 0)
    assert draw(State.blank([[9], [1, 2]], 5, seed=4), 1) == alone
    assert draw(State.blank([[1, 2]], 3, seed=5), 0) != alone
    assert draw(State.blank([[1, 3]], 3, seed=4), 0) != alone


def test_history_keeps_the_last_proposals():
    state = blank(1, 1)
    for n in range(HISTORY + 2):
        state = state.recall(torch.tensor([[n]]))
    assert state.history[0, :, 0].tolist() == list(range(2, HISTORY + 2))


@pytest.mark.parametrize(
    "wrong",
    [
        {"written": torch.full((1, 3), -1)},
        {"lengths": [2]},
        {"lengths": [5], "pad_id": PAD},
        {"lengths": [-1], "pad_id": PAD},
        {"lengths": [2, 2], "pad_id": PAD},
        {"lengths": [2], "pad_id": PAD, "written": torch.tensor([[-1, -1, 3, -1]])},
    ],
    ids=["shape", "no pad id", "too long", "negative", "too many", "given beyond"],
)
def test_canvases_that_make_no_sense_are_refused(wrong):
    with pytest.raises(ShapeError):
        State.blank([[1]], 4, **wrong)
