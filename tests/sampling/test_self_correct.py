"""GIDD's self-correction as released: the law of a step, when it ends, and that it keeps a constraint."""

from dataclasses import replace

import pytest
import torch

from ctrldiff.constraints.basic import Regex
from ctrldiff.errors import InputError
from ctrldiff.models.callable import from_callable
from ctrldiff.sampling.commit import Everything
from ctrldiff.sampling.constrain import Tables
from ctrldiff.sampling.edit import self_correct
from ctrldiff.sampling.loop import sample
from ctrldiff.state import State, Status
from tests.cases import CONSTRAINTS, bound, hard_state, legal
from tests.conftest import NOISES, SIZE, VOCABULARY, blank, spec, text, toy
from tests.sampling.laws_of_draws import distance
from tests.sampling.loops.gidd import one_step

A, B, T, ROWS = 11, 12, 4, 6000


def complete(tokens: list[int], rows: int = 1) -> State:
    state = State.blank([[3]] * rows, len(tokens), draws=range(rows))
    return state.write(state.open, torch.tensor([tokens] * rows))


def saying(rows: torch.Tensor, calls: list | None = None):
    """A network that says the same of the canvas whatever it sees."""

    def network(ids: torch.Tensor) -> torch.Tensor:
        if calls is not None:
            calls.append(ids)
        return torch.cat([torch.zeros(len(ids), 1, SIZE), rows[None].expand(len(ids), -1, -1)], dim=1)

    return toy("uniform", network=network)


def test_one_step_follows_the_released_law():
    logits = torch.full((T, SIZE), -torch.inf)
    logits[:, 1:6] = torch.randn(T, 5, generator=torch.Generator().manual_seed(3))
    after = self_correct(saying(logits), complete([1, 2, 3, 4], ROWS), temperature=2.0, steps=1)
    draws = [tuple(row) for row in after.tokens.tolist()]
    right, wrong = (one_step(logits, [1, 2, 3, 4], 2.0, undrawn) for undrawn in (False, True))
    assert distance(draws, right) < 0.03 < 0.1 < distance(draws, wrong)


def test_a_row_ends_when_its_self_accuracy_stalls_and_the_last_change_is_not_made():
    """Two tokens are equally likely, so every step changes one: accuracy is 0 or 1 and is never better than 1."""
    logits = torch.full((1, SIZE), -torch.inf)
    logits[0, [A, B]] = torch.tensor([0.1, 0.0])
    calls: list = []
    start = complete([B])
    after = self_correct(saying(logits, calls), start, temperature=10.0, steps=99, patience=0)
    assert 1 <= len(calls) < 30 and after.forwards.item() == len(calls)
    assert self_correct(saying(logits), complete([A]), temperature=1e-3).forwards.item() == 1, "nothing changes"


@pytest.mark.parametrize("noise", NOISES)
@pytest.mark.parametrize("name", CONSTRAINTS)
def test_every_step_keeps_the_canvases_legal_and_what_was_given(name, noise):
    start = hard_state(name)
    state = sample(toy(noise), start, constraint=bound(name, 3), commit=Everything())
    for steps in range(4):
        how = {"constraint": bound(name, 3), "steps": steps, "temperature": 1.0, "count": 2}
        after = self_correct(toy(noise, seed=8), state, **how)
        assert after.done.all() and all(legal(name, text(row)) for row in after.tokens)
        kept = start.status != int(Status.OPEN)
        assert torch.equal(after.tokens[kept], start.tokens[kept])
        assert ((after.forwards - state.forwards) <= steps).all()


def test_a_change_that_is_illegal_is_passed_over_for_the_next_best():
    """It wants "bba" of "aba"; b at the beginning is forbidden, b at the end is not."""
    logits = torch.full((3, SIZE), -20.0)
    for t, (token, score) in enumerate([(B, 3.0), (B, 9.0), (B, 2.0)]):
        logits[t, token], logits[t, A] = score, 0.0
    table = Tables.same(Regex("ab[ab]").compile(VOCABULARY), 1)
    after = self_correct(saying(logits), complete([A, B, A]), constraint=table, steps=1)
    assert text(after.tokens[0]) == b"abb"


def test_the_model_is_told_the_time_of_the_released_script():
    told = []

    def network(ids, t):
        told.append(t)
        return torch.zeros(*ids.shape, SIZE)

    denoiser = from_callable(network, replace(spec("uniform"), time_input="t"), VOCABULARY)
    self_correct(denoiser, complete([A, B]), steps=1)
    assert told[0].tolist() == [pytest.approx(0.01)]


def test_it_asks_for_complete_canvases_and_numbers_that_can_be():
    with pytest.raises(InputError, match="open positions"):
        self_correct(toy(), blank(1, 3))
    for wrong in ({"steps": -1}, {"temperature": 0}, {"count": 0}, {"time": 2}):
        with pytest.raises(InputError):
            self_correct(toy(), blank(1, 0), **wrong)
