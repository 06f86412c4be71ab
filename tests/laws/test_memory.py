"""What a plug-in remembers lives in the state: with its row, and with nothing else."""

from dataclasses import dataclass

import pytest
import torch

from ctrldiff.errors import InputError
from ctrldiff.sampling.combine import Or
from ctrldiff.sampling.commit import TopK, leftmost
from ctrldiff.sampling.credit import Credit, NoteCredit
from ctrldiff.sampling.history import HistoryStable, NoteHistory
from ctrldiff.sampling.loop import sample
from ctrldiff.sampling.propose import Draw
from ctrldiff.sampling.schedules import Linear
from ctrldiff.sampling.stability import Consistent, Steady
from ctrldiff.state import State
from tests.cases import BOOKS, OBSERVERS, bound
from tests.conftest import NOISES, toy

LENGTH = 7


@dataclass(frozen=True)
class NoteProposal:
    """The best completion of each step that a row took part in."""

    def __call__(self, move, state, step):
        now = move.posterior.map().cpu()
        before = state.memory.get("proposal", torch.full_like(now, -1))
        return state.remember(proposal=torch.where(move.before.done[:, None], before, now))


@dataclass(frozen=True)
class Twice:
    """Where the proposal is what it was a step ago; else the leftmost position."""

    def __call__(self, posterior, tokens, state, step):
        eligible = state.open & step.window
        before = state.memory.get("proposal", torch.full_like(tokens, -1))
        return (eligible & (tokens == before)) | leftmost(eligible)


NAMES = ["alternatives", "schema", "text"]


def decode(name, rows, noise, observer, commit):
    start = State.blank([[n] for n in rows], LENGTH, seed=3)
    how = {"propose": Draw(), "schedule": Linear(), "observers": [OBSERVERS["legal mass"](name), observer]}
    return sample(toy(noise), start, constraint=bound(name, len(rows)), commit=commit, **how)


@pytest.mark.parametrize("noise", NOISES)
@pytest.mark.parametrize("name", NAMES)
def test_one_object_serves_two_decodes_as_two_objects_do(name, noise):
    observer, commit = NoteProposal(), Twice()
    first, second = (decode(name, [0, 1, 2], noise, observer, commit) for _ in range(2))
    other = decode(name, [0, 1, 2], noise, NoteProposal(), Twice())
    for state in (second, other):
        assert torch.equal(state.tokens, first.tokens) and torch.equal(state.forwards, first.forwards)


@pytest.mark.parametrize("noise", NOISES)
@pytest.mark.parametrize("name", NAMES)
def test_a_row_remembers_the_same_alone_as_in_its_batch(name, noise):
    together = decode(name, [0, 1, 2, 3], noise, NoteProposal(), Twice())
    for row in range(4):
        alone = decode(name, [row], noise, NoteProposal(), Twice())
        assert torch.equal(alone.tokens[0], together.tokens[row])
        for key, value in alone.memory.items():
            steps = value.shape[1] if key.startswith("canvases") else None
            assert torch.allclose(value[0, :steps], together.memory[key][row, :steps], atol=1e-5, equal_nan=True), key


@pytest.mark.parametrize("kind", OBSERVERS)
@pytest.mark.parametrize("name", ["alternatives", "schema"])
def test_rows_that_are_gathered_take_their_notes_along(name, kind):
    """A decode that swaps its rows after every step is the decode that does not, with its rows swapped."""
    start = State.blank([[0], [1]], LENGTH, seed=3)
    note = OBSERVERS[kind](name)
    swaps = []

    def swap(move, state, step):
        swaps.append(step.index)
        moved = state.gather([1, 0])
        return moved

    how = {"constraint": bound(name, 2), "commit": TopK(), "schedule": Linear(4), "processors": BOOKS.get(kind, ())}
    straight = sample(toy(), start, observers=[note], **how)
    swapped = sample(toy(), start, observers=[note, swap], **how)
    back = swapped.gather([1, 0] if len(swaps) % 2 else [0, 1])
    assert torch.equal(back.tokens, straight.tokens)
    for key, value in straight.memory.items():
        assert torch.allclose(value.float(), back.memory[key].float(), atol=1e-6, equal_nan=True), key


@pytest.mark.parametrize("kind", OBSERVERS)
def test_copies_of_a_row_have_copies_of_its_notes(kind):
    how = {"constraint": bound("schema", 2), "processors": BOOKS.get(kind, ())}
    state = sample(toy(), State.blank([[0], [1]], LENGTH), observers=[OBSERVERS[kind]("schema")], **how)
    many = state.fork(3)
    for key, value in state.memory.items():
        assert torch.equal(many.memory[key].nan_to_num(), value.repeat_interleave(3, 0).nan_to_num()), key


@pytest.mark.parametrize("kind", OBSERVERS)
def test_an_observer_that_is_given_twice_notes_what_it_notes_once(kind):
    start, note, other = (
        State.blank([[0], [1, 2]], LENGTH, seed=3),
        OBSERVERS[kind]("schema"),
        OBSERVERS[kind]("schema"),
    )
    how = {"constraint": bound("schema", 2), "schedule": Linear(4), "processors": BOOKS.get(kind, ())}
    single = sample(toy(), start, observers=[note], **how)
    double = sample(toy(), start, observers=[note, other if note == other else note], **how)
    for key, value in single.memory.items():
        assert torch.equal(value.nan_to_num(), double.memory[key].nan_to_num()), key


def test_two_policies_of_one_rule_share_their_notes():
    """KLASS twice, of other numbers: with the note of each it is what it is with one."""
    low, high = Steady(0.3, 0.05), Steady(0.5, 0.2)
    how = {"constraint": bound("schema", 2), "commit": Or(low, high), "schedule": Linear(6)}
    start = State.blank([[0], [1, 2]], LENGTH, seed=3)
    single, double = (sample(toy(), start, observers=notes, **how) for notes in ([low.note], [low.note, high.note]))
    assert torch.equal(single.tokens, double.tokens) and torch.equal(single.forwards, double.forwards)
    told_twice = sample(toy(), start, observers=[low.note, lambda *move: high.note(*move)], **how)
    assert not torch.equal(single.memory["shifts"], told_twice.memory["shifts"])  # what a second note would do


@pytest.mark.parametrize(
    "notes",
    [
        (NoteHistory(3), NoteHistory(5)),
        (Credit(0.7).note, Credit(0.3).note),
        (Consistent().note, Consistent(widen=2).note),
    ],
    ids=["AHD", "credit", "CCD"],
)
def test_two_observers_that_note_under_one_name_are_refused_before_the_first_pass(notes):
    def network(ids):
        raise AssertionError("asked")

    processors = [note.credit for note in notes if isinstance(note, NoteCredit)]
    with pytest.raises(InputError, match="both note under"):
        sample(toy(network=network), State.blank([[0]], LENGTH), observers=notes, processors=processors)


def test_a_note_that_reaches_less_far_back_than_its_policy_reads_is_refused():
    with pytest.raises(InputError, match="reads 4 steps back") as raised:
        sample(toy(), State.blank([[0]], LENGTH), commit=HistoryStable(steps=5), observers=[NoteHistory(3)])
    assert "NoteHistory(steps=5" in str(raised.value)
