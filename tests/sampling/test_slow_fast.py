"""The two phases of SlowFast, and what AHD remembers: beyond what their restated loops say of them."""

from dataclasses import dataclass

import pytest
import torch

from ctrldiff.errors import InputError
from ctrldiff.sampling.commit import Everything, Threshold, TopK
from ctrldiff.sampling.history import HistoryStable, NoteHistory
from ctrldiff.sampling.loop import sample
from ctrldiff.sampling.slow_fast import SlowFast
from tests.conftest import SIZE, blank, toy
from tests.sampling.fakes import chosen, step
from tests.watching import watching


def windows(phases, commit, **how):
    """The windows of a decode's steps, and where it is complete."""
    seen = []
    watch = watching(lambda state, step: seen.append(step.window.clone()))
    done = sample(toy(), blank(1, 12), schedule=phases, commit=commit, observers=[phases.note, watch], **how)
    return done, seen


def test_the_slow_phase_opens_the_block_and_the_fast_one_what_stands_before_the_end():
    phases = SlowFast(12, explore=2, low=1.1)  # nothing is ever so sure: each cycle ends after its first position
    _, seen = windows(phases, TopK("position"))
    assert [int(window.sum()) for window in seen] == [12 - n for n in range(12)], "two steps fill each such cycle"
    _, seen = windows(SlowFast(12, explore=2, low=0.0), TopK("position"))  # all is sure: one cycle, to the block's end
    assert [int(window.sum()) for window in seen] == [12 - n for n in range(12)]
    _, seen = windows(SlowFast(12, explore=1, low=1.1, window=1), TopK("random"))
    ends = [window.nonzero()[-1, 1].item() for window in seen]
    assert len(set(ends)) > 3 and any(int(window.sum()) == 1 for window in seen[:-1]), "the fast phase is narrow"


@dataclass(frozen=True)
class Once:
    """Turns the first position back to noise, once, late."""

    def __call__(self, posterior, state, step):
        where = torch.zeros(state.shape, dtype=torch.bool)
        where[:, 0] = step.index == 6
        return where


def test_what_is_opened_again_is_written_again():
    done, seen = windows(SlowFast(4, explore=2), TopK(), revise=Once())
    assert done.done.all() and bool(seen[7][0, 0]) and int(seen[7].sum()) >= 1
    assert done.held_at[0, 0] == 7


def test_a_block_that_is_full_is_not_explored_any_longer():
    """The released code asks six times whatever is left."""
    done, seen = windows(SlowFast(6, explore=6), Everything())
    assert done.forwards.tolist() == [2] and len(seen) == 2


def test_policies_and_schedules_with_a_memory_name_their_observer():
    with pytest.raises(InputError, match="NoteCycles"):
        sample(toy(), blank(1, 6), schedule=SlowFast())
    with pytest.raises(InputError, match="NoteHistory"):
        sample(toy(), blank(1, 6), commit=HistoryStable())


@pytest.mark.parametrize(
    "wrong", [{"length": 0}, {"explore": 0}, {"window": 0}, {"low": -0.1}, {"spread": "wide"}], ids=str
)
def test_phases_that_are_none_are_refused(wrong):
    with pytest.raises(InputError, match=next(iter(wrong))):
        SlowFast(**wrong)


@pytest.mark.parametrize("wrong", [{"steps": 1}, {"block": 0}, {"nats": -1}, {"decay": -1}], ids=str)
def test_histories_that_are_none_are_refused(wrong):
    with pytest.raises(InputError, match=next(iter(wrong))):
        HistoryStable(**wrong)


def test_unrest_is_the_weighted_mean_of_divergences_and_takes_all_of_the_past():
    from ctrldiff.protocols import Move
    from ctrldiff.sampling.constrain import FREE
    from tests.conftest import logits_like

    policy, note = HistoryStable(Threshold(), 2, 1.0, 3, 0.5), NoteHistory(3, kept=SIZE)
    state = note.begin(blank(1, 4))
    bound = [FREE.bind(logits_like(state, seed), state) for seed in range(3)]
    for posterior in bound[:2]:
        assert policy.unrest(posterior, state).isinf().all()
        move = Move(state, posterior, state.open, torch.zeros(0), lambda: torch.zeros(0), lambda one: torch.zeros(0))
        state = note(move, state, step(state))
    now, *past = (one.marginals()[0].to(torch.float64) for one in (bound[2], bound[1], bound[0]))
    weights = [torch.exp(torch.tensor(-0.5 * age)) for age in (1, 2)]
    for t in range(4):
        moved = [sum(p * (p / q).log() for p, q in zip(now[t], one[t]) if p > 0) for one in past]
        wanted = sum(w * d for w, d in zip(weights, moved)) / sum(weights)
        assert policy.unrest(bound[2], state)[0, t].item() == pytest.approx(wanted.item(), rel=1e-4)
    stable = HistoryStable(Threshold(), 2, float(policy.unrest(bound[2], state)[0, 3]) + 1e-6, 3, 0.5)
    assert 3 in chosen(stable(bound[2], bound[2].map(), state, step(state)))[0]
