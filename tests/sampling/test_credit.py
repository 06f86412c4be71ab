"""Traces of credit: how they are kept, and what they need."""

from dataclasses import replace

import pytest
import torch

from ctrldiff.errors import InputError
from ctrldiff.sampling.commit import TopK
from ctrldiff.sampling.credit import TRACE, Credit
from ctrldiff.sampling.loop import sample
from ctrldiff.sampling.processors import EachLayer, Temperature
from ctrldiff.sampling.schedules import Linear, Sliding
from tests.conftest import SIZE, blank, toy
from tests.watching import watching


def decode(processors, observers, **how):
    return sample(toy(), blank(2, 8), processors=processors, observers=observers, commit=TopK(), **how)


@pytest.mark.parametrize("sharp", [True, False])
def test_credit_counts_what_it_was_given_wherever_it_stands(sharp):
    """Behind a temperature the traces are of tempered probabilities, before it of plain ones: as a plain sum says."""
    credit, cold = Credit(), Temperature(0.5)
    sums, traced = torch.zeros(2, 8), []

    def by_hand(move, state, step):
        logits = toy()(move.before)
        p = (logits / 0.5 if sharp else logits).softmax(dim=-1).amax(dim=-1)
        sums.mul_(0.8).add_(p.pow(0.2))
        traced.append(torch.allclose(state.memory[TRACE].sum(dim=-1)[state.open], sums[state.open], atol=1e-5))
        return state

    decode([cold, credit] if sharp else [credit, cold], [credit.note, by_hand])
    assert len(traced) == 8 and all(traced)


def test_the_least_credit_goes_first_and_few_slots_are_as_good_as_many():
    many, few = Credit(kept=SIZE), Credit(kept=8)
    for credit in (many, few):
        assert credit.note.begin(blank(2, 4)).memory[TRACE].shape == (2, 4, credit.kept)
    one, other = (decode([credit], [credit.note]) for credit in (many, few))
    assert torch.equal(one.tokens, other.tokens) and torch.equal(one.held_at, other.held_at)
    state = replace(blank(1, 1), step=torch.tensor([0]), steps=torch.tensor([9]))
    two, step = Credit(kept=2, power=0.0), Linear()(state)
    state = two.note.begin(state)
    for token in (3, 3, 5, 7):
        logits = torch.zeros(1, 1, SIZE)
        logits[0, 0, token] = 1.0
        ids, trace = two.grown(logits, state, step)
        state = state.remember(**{"credit, ids": ids, TRACE: trace})
    assert sorted(zip(ids[0, 0].tolist(), trace[0, 0].tolist())) == [(3, pytest.approx(1.8 * 0.64)), (7, 1.0)]


def test_traces_are_lost_when_a_position_is_written_and_earned_in_the_window_alone():
    credit = Credit()
    marks = []
    watch = watching(lambda state, step: marks.append((state.memory[TRACE].any(dim=-1), state.open, step.window)))
    decode([credit], [credit.note, watch], schedule=Sliding(3, 8))
    earned = torch.zeros(2, 8, dtype=torch.bool)
    for has, left, window in marks:
        earned |= window
        assert torch.equal(has, earned & left)


def test_credit_without_its_observer_and_the_observer_without_credit_are_refused():
    credit = Credit()
    with pytest.raises(InputError, match="NoteCredit"):
        decode([credit], [])
    with pytest.raises(InputError, match="no processor of the plan"):
        decode([], [credit.note])
    with pytest.raises(InputError, match="both note under"):
        decode([Credit(0.5)], [Credit(0.5).note, credit.note])
    with pytest.raises(InputError, match="single fields"):
        EachLayer(credit, 2)


@pytest.mark.parametrize("wrong", [{"weight": -1}, {"decay": 1.5}, {"power": -0.1}, {"kept": 0}])
def test_numbers_out_of_range_are_refused(wrong):
    with pytest.raises(InputError, match=next(iter(wrong))):
        Credit(**wrong)
