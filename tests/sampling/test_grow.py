"""Canvases that grow: legal and a row's own whatever happens, never longer than they may be or than a text can use."""

from dataclasses import replace

import pytest
import torch

from ctrldiff.constraints.basic import Regex
from ctrldiff.errors import Infeasible, InputError
from ctrldiff.generate import Model
from ctrldiff.models.callable import PlainTokenizer
from ctrldiff.models.hf import Loaded
from ctrldiff.protocols import Move
from ctrldiff.sampling.commit import Threshold
from ctrldiff.sampling.constrain import FREE, Exact, LeftmostFirst, Tables
from ctrldiff.sampling.grow import Daedal, RhoEos, density_of_ends, started, sure_of_ends
from ctrldiff.sampling.legal import LEGAL, NoteLegal
from ctrldiff.sampling.loop import Loop, sample
from ctrldiff.sampling.observers import NoteBest, NoteShifts
from ctrldiff.sampling.plan import Plan
from ctrldiff.sampling.room import fits, inserted, lengthened, shortened
from ctrldiff.sampling.schedules import Blocks
from ctrldiff.sampling.slow_fast import CYCLE
from ctrldiff.sampling.windows import END
from ctrldiff.search.ahead import Ahead
from ctrldiff.search.back import BackAndRefine
from ctrldiff.search.branches import Branches
from ctrldiff.search.info_gain import InfoGain
from ctrldiff.search.particles import Particles
from ctrldiff.search.run import Run
from ctrldiff.search.thoughts import Thoughts
from ctrldiff.search.voting import DVoting
from ctrldiff.state import State, Status
from tests.cases import GROWS, bound, hard_state, legal
from tests.conftest import NOISES, SIZE, STOP, VOCABULARY, blank, spec, text, toy
from tests.guidance.fakes import context
from tests.laws.test_search_laws import liking

A, B = 11, 12
NAMES = ["free", "alternatives", "schema", "weighted", "distinct"]


def decoded(name, constraint, noise, rows, seed=0):
    start = hard_state(constraint).gather(rows)
    how = {
        "schedule": Blocks(3),
        "commit": Threshold(0.6),
        "grow": GROWS[name],
        "constraint": bound(constraint, len(rows)),
    }
    return sample(toy(noise, seed=seed), start, **how)


@pytest.mark.parametrize("name", GROWS)
@pytest.mark.parametrize("constraint", NAMES)
def test_a_canvas_that_grows_ends_in_the_language_and_a_row_is_the_same_in_any_batch(constraint, name):
    for noise in NOISES:
        together = decoded(name, constraint, noise, [0, 1, 2])
        assert together.done.all() and all(legal(constraint, text(row)) for row in together.tokens)
        assert (together.lengths <= hard_state(constraint).lengths).all()
        assert together.tokens[1][hard_state(constraint).status[1] == Status.FIXED].numel() == 2
        for row in range(3):
            alone = decoded(name, constraint, noise, [row])
            assert torch.equal(alone.tokens[0], together.tokens[row]) and alone.forwards[0] == together.forwards[row]
            assert alone.lengths[0] == together.lengths[row]


@pytest.mark.parametrize(
    "policy",
    [
        RhoEos((STOP,), 9, 2, 0.05, 0.1),
        Daedal((STOP,), 6, 3, enough=0.35, spare=0),
        Daedal((STOP,), 6, 3, 0.0, low=0.3, spare=0),
    ],
)
def test_lengths_differ_from_text_to_text(policy):
    done = [sample(toy(seed=seed), blank(2, 24), schedule=Blocks(6), grow=policy) for seed in range(4)]
    assert len({int(n) for state in done for n in state.lengths}) > 2


def test_a_canvas_begins_no_shorter_than_its_shortest_text_and_grows_no_longer_than_its_longest():
    table = Regex("[ab]{3,5}").compile(VOCABULARY)  # no token has two of these letters
    tables, state, like = Tables.same(table, 2), blank(2, 12), torch.zeros(2, 12, SIZE)
    short = started(state, 1, (STOP,), tables)
    assert short.lengths.tolist() == [3, 3] and not fits(tables, shorter(short, 2))
    for wanted in range(3, 12):
        grown = lengthened(short, torch.tensor([wanted, 3]), state.lengths, (STOP,), tables, like)
        assert grown.lengths.tolist() == [min(wanted, 5), 3], "behind the longest text there is nothing to write"
    assert lengthened(short, torch.tensor([9, 9]), torch.tensor([4, 12]), (STOP,), tables, like).lengths.tolist() == [
        4,
        5,
    ]
    assert started(state, 1, (STOP,), FREE).lengths.tolist() == [1, 1], "without a constraint anything fits"


def test_what_is_settled_first_changes_no_length():
    first = LeftmostFirst(Tables.same(Regex("[ab]{3,5}").compile(VOCABULARY), 1))
    short, like = started(blank(1, 12), 1, (STOP,), first), torch.zeros(1, 12, SIZE)
    assert lengthened(short, torch.tensor([9]), torch.tensor([12]), (STOP,), first, like).lengths.tolist() == [5]


def shorter(state: State, length: int) -> State:
    """What no policy does: cut without asking."""
    beyond = torch.arange(state.shape[1])[None, :] >= length
    return replace(
        state, status=state.status.masked_fill(beyond, Status.PAD), tokens=state.tokens.masked_fill(beyond, STOP)
    )


def test_what_is_written_is_never_cut_off_unless_it_ends_a_text():
    state = blank(1, 8).write(torch.tensor([[0, 0, 1, 0, 0, 1, 0, 0]]) > 0, torch.tensor([[0, 0, A, 0, 0, STOP, 0, 0]]))
    assert shortened(state, torch.tensor([1]), (STOP,), FREE).lengths.tolist() == [3]
    assert shortened(state, torch.tensor([5]), (STOP,), FREE).lengths.tolist() == [5]


def test_as_many_positions_are_inserted_as_the_constraint_has_a_text_for():
    """`b` is written at the third of six positions: at most five letters stand before it."""
    tables = Tables.same(Regex("a{1,5}b").compile(VOCABULARY), 1)
    state = blank(1, 9, lengths=[4], pad_id=STOP).write(
        torch.tensor([[0, 0, 1, 0, 0, 0, 0, 0, 0]]) > 0, torch.full((1, 9), B)
    )
    possible = [n for n in range(6) if fits(tables, inserted(state, torch.tensor([0]), torch.tensor([n])))]
    assert possible == [0, 1, 2, 3]
    with pytest.raises(Infeasible):
        tables.settle(inserted(state, torch.tensor([0]), torch.tensor([4])))
    logits = torch.zeros(1, 9, SIZE)
    posterior = tables.bind(logits, state)
    now = state.remember(**{"grow: most": torch.tensor([9]), "grow: first stage": torch.tensor([False])})
    now = now.recall(posterior.map()).begin(torch.tensor([4]))
    step = Blocks(9)(now)
    move = Move(state, posterior, state.open & False, logits, lambda: logits, lambda one: logits)
    eager = Daedal((STOP,), more=6, low=1.0, settled=1.0)
    grown = eager(move, now, step, tables)
    assert grown.lengths.tolist() == [4], "one letter is as good as another: nothing is less sure than certain"
    free = FREE.bind(logits, state)
    grown = eager(replace(move, posterior=free), now, step, tables)
    assert grown.lengths.tolist() == [7] and grown.tokens[0, 5] == B and not grown.open[0, 5]
    assert grown.steps.tolist() == [7]


def test_positions_take_their_notes_along_and_a_memory_that_is_not_known_is_refused_by_name():
    state = blank(2, 6, lengths=[4, 4], pad_id=STOP).write(
        torch.arange(6)[None, :] == 2, torch.full((2, 6), A), torch.full((2, 6), 0.25)
    )
    noted = state.remember(**{LEGAL: torch.arange(6.0).expand(2, -1)})
    moved = inserted(noted, torch.tensor([1, 0]), torch.tensor([2, 0]))
    assert moved.tokens[0, 4] == A and moved.held_confidence[0, 4] == 0.25 and moved.held_at[0, 4] == 0
    assert moved.status[0].tolist() == [1, 1, 1, 1, 2, 1] and torch.equal(moved.status[1], state.status[1])
    assert moved.memory[LEGAL][0].nan_to_num(-1).tolist() == [0, 1, -1, -1, 2, 3]
    with pytest.raises(InputError, match="'mine'"):
        inserted(state.remember(mine=torch.zeros(2, 3, 6)), torch.tensor([1, 0]), torch.tensor([2, 0]))


def test_observers_that_note_by_place_go_with_a_policy_that_inserts_or_are_refused():
    how = {
        "schedule": Blocks(3),
        "commit": Threshold(0.9),
        "grow": GROWS["daedal, inserting"],
        "constraint": bound("text", 3),
    }
    done = sample(toy(), hard_state("text"), observers=[NoteLegal(), NoteBest()], **how)
    assert done.done.all() and not done.memory[LEGAL][done.open].any()
    with pytest.raises(InputError, match="were inserted"):
        sample(toy(), hard_state("text"), observers=[NoteShifts(kept=6)], **how)


def test_the_front_door_inserts_positions_with_all_that_it_notes_itself():
    """It notes the legal mass, what was hurried, and for retries what the model said of every position."""
    toys = Model(Loaded("toy", toy(), PlainTokenizer(lambda text: [ord(c) % 10 for c in text]), spec("mask")))
    plan = Plan(Exact(), Blocks(3), commit=Threshold(0.9), grow=GROWS["daedal, inserting"])
    kind = Regex("[ab0-9-]{1,9}")
    for how in ({}, {"retries": 2}):
        for n in range(1, 5):
            found = toys("ab" * n, kind, plan=plan, max_new_tokens=9, **how)
            assert found.raw in kind and found.usage.answer_tokens > 2


def test_the_trace_of_a_canvas_that_is_given_positions_when_it_is_full_goes_on_to_the_answer():
    toys = Model(Loaded("toy", toy(), PlainTokenizer(lambda text: [ord(c) % 10 for c in text]), spec("mask")))
    plan = Plan.preset("rho_eos", ends=(STOP,), initial=3, unit=2, low=0.95, high=1.0)
    found = toys("abc", Regex("[ab]{1,9}"), plan=plan, trace=True, max_new_tokens=10)
    frames = [str(one) for one in found.trace.frames[0]]
    assert any("·" not in one for one in frames[:-1]), "it was full before"
    assert frames[-1] == found.raw and len(frames) == found.usage.forwards + 1


def test_notes_of_positions_are_pushed_along_with_what_stands_there():
    state = blank(2, 9, lengths=[5, 5], pad_id=STOP)
    cycle = torch.tensor([[4, 1, 5, 4, -1, 3], [0, 0, -1, 4, 2, 4]])
    noted = state.remember(**{END: torch.tensor([4, 2]), CYCLE: cycle})
    moved = inserted(noted, torch.tensor([1, 3]), torch.tensor([2, 1]))
    assert moved.memory[END].tolist() == [6, 2]
    assert moved.memory[CYCLE].tolist() == [[4, 1, 7, 4, -1, 5], [0, 0, -1, 4, 2, 5]]


def telling(state: State, logits: torch.Tensor) -> Move:
    return Move(state, FREE.bind(logits, state), state.open, logits, lambda: logits, lambda one: logits)


def test_the_mean_of_few_ends_is_a_mean_of_few():
    """DAEDAL's code divides by its window however few positions want an end."""
    logits = torch.zeros(2, 40, SIZE)
    logits[0, [3, 30], STOP] = torch.tensor([8.0, 5.0])
    move = telling(blank(2, 40), logits)
    p = [float(torch.tensor([x, *[0.0] * (SIZE - 1)]).softmax(0)[0]) for x in (8.0, 5.0)]
    assert sure_of_ends(move, (STOP,), 32).tolist() == pytest.approx([sum(p) / 2, 0.0], abs=1e-5)
    assert sure_of_ends(move, (STOP,), 1).tolist() == pytest.approx([p[1], 0.0], abs=1e-5)
    assert density_of_ends(move, (STOP,)).tolist() == [2 / 40, 0.0]


def test_padding_and_what_is_written_are_no_open_ends():
    state = blank(1, 8, lengths=[6], pad_id=STOP).write(torch.arange(8)[None, :] > 3, torch.full((1, 8), STOP))
    move = telling(state, torch.zeros(1, 8, SIZE))
    assert sure_of_ends(move, (STOP,), 32).tolist() == [1.0] and density_of_ends(move, (STOP,)).tolist() == [0.0]


@pytest.mark.parametrize(
    ("share", "curve", "positions"),
    [
        (0.39, "exp", 8),
        (0.25, "exp", 16),
        (0.15, "exp", 32),
        (0.0, "exp", 64),
        (0.15, "linear", 24),
        (0.0, "const", 8),
        (0.5, "exp", 0),
    ],
)
def test_rho_eos_counts_in_units_by_how_far_it_is_beyond_its_bound(share, curve, positions):
    policy = RhoEos((STOP,), curve=curve)
    assert policy._units(policy.low - torch.tensor([share], dtype=torch.float64)).tolist() == [positions]


def test_a_search_that_goes_by_positions_refuses_a_canvas_that_grows():
    plan = Plan.preset("daedal", ends=(STOP,), initial=4, temperature=1.0)
    run = Run(toy(), plan, bound("text", 4), context(4, toy(), constraint=bound("text", 4)))
    together = [Ahead(), Branches(), InfoGain(), Particles(liking, 2)]
    again = [BackAndRefine(), DVoting(), Thoughts((A,))]  # what they keep of one decode is of its positions
    for search in (*together, *again):
        with pytest.raises(InputError, match="cannot go together"):
            search(run, blank(4, 8))


@pytest.mark.parametrize(
    "wrong", [{"ends": ()}, {"ends": 3}, {"initial": 0}, {"more": True}, {"low": 2}, {"spare": -1}]
)
def test_daedal_refuses_what_means_nothing(wrong):
    with pytest.raises(InputError):
        Daedal(**{"ends": (STOP,), **wrong})


@pytest.mark.parametrize("wrong", [{"ends": ()}, {"high": 0.1}, {"curve": "x"}, {"measure": "x"}, {"until": -1}])
def test_rho_eos_refuses_what_means_nothing(wrong):
    with pytest.raises(InputError):
        RhoEos(**{"ends": (STOP,), **wrong})


def test_a_plan_says_what_is_no_way_to_grow():
    with pytest.raises(InputError, match="it has no begin"):
        Plan(grow=lambda *seen: seen)
    with pytest.raises(InputError, match="is the class Daedal"):
        Plan(grow=Daedal)
    loop = Loop(toy(), Plan(grow=Daedal((STOP,), initial=3)), bound("text", 1))
    assert loop.begin(blank(1, 8)).lengths.tolist() == [3] and loop.begin(blank(1, 8)).steps.tolist() == [3]
