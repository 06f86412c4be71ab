"""Laws X4, X6, X7, and what is refused before anything is written."""

from dataclasses import dataclass

import pytest
import torch

from ctrldiff.constraints.basic import Choice, Regex
from ctrldiff.errors import BudgetTooSmall, Infeasible, LogitsInvalid
from ctrldiff.sampling.commit import Everything, TopK
from ctrldiff.sampling.constrain import FREE, Tables
from ctrldiff.sampling.loop import sample
from ctrldiff.sampling.propose import Draw
from ctrldiff.sampling.schedules import Blocks, Linear
from ctrldiff.state import State
from tests.cases import CONSTRAINTS, LENGTH, REVISES, bound, hard_state, legal
from tests.conftest import NOISES, SIZE, VOCABULARY, ToyNetwork, blank, logits_like, text, toy
from tests.watching import watching

DASH, A, B = 10, 11, 12


# X4


@pytest.mark.parametrize("noise", NOISES)
@pytest.mark.parametrize("name", CONSTRAINTS)
def test_x4_any_written_position_can_be_reopened_and_written_again(name, noise):
    start = hard_state(name)
    done = sample(toy(noise), start, constraint=bound(name, 3), commit=Everything())
    generator = torch.Generator().manual_seed(3)
    reopened = done.reopen(torch.rand(done.shape, generator=generator) < 0.6)
    assert reopened.open.any() and (reopened.open <= start.open).all(), "given positions and padding stay"
    again = sample(toy(noise, seed=9), reopened, constraint=bound(name, 3), propose=Draw())
    assert again.done.all() and all(legal(name, text(row)) for row in again.tokens)
    assert (again.tokens == done.tokens)[~reopened.open].all()


@pytest.mark.parametrize("name", ["free", "alternatives", "schema"])
def test_x4_a_decode_that_reopens_is_complete_and_legal(name):
    reopened = []

    def watching(posterior, state, step):
        where = REVISES["least confident"](posterior, state, step)
        reopened.append(int((where & state.held).sum()))
        return where

    state = sample(toy(), hard_state(name), constraint=bound(name, 3), revise=watching, schedule=Linear(12))
    assert sum(reopened) > 0 and state.done.all() and all(legal(name, text(row)) for row in state.tokens)


def test_x4_a_complete_row_is_never_reopened():
    @dataclass(frozen=True)
    class Everywhere:
        def __call__(self, posterior, state, step):
            return torch.ones(state.shape, dtype=torch.bool)

    given = torch.full((2, 4), -1)
    given[0, 1:] = DASH  # row 0 has one position, and one step, to go
    state = sample(toy(), blank(2, 4, written=given), revise=Everywhere())
    assert state.done.all() and state.forwards.tolist() == [1, 4]


# X6


@pytest.mark.parametrize("noise", NOISES)
@pytest.mark.parametrize("name", ["free", "alternatives", "text", "or"])
def test_x6_a_token_a_processor_forbids_is_never_written_and_the_whole_is_solved_around_it(name, noise):
    free_to_choose = sample(toy(noise), blank(3, LENGTH), constraint=bound(name, 3))
    worst = int(free_to_choose.tokens[:, 0].mode().values)

    def forbid(logits, state, step):
        logits = logits.clone()
        logits[..., worst] = -torch.inf
        return logits

    state = sample(toy(noise), blank(3, LENGTH), constraint=bound(name, 3), processors=[forbid])
    assert not (state.tokens == worst).any() and all(legal(name, text(row)) for row in state.tokens)


def test_x6_forbidding_all_that_is_legal_is_an_error_and_writes_nothing():
    watched = []
    with pytest.raises(Infeasible, match="forbid every legal text"):
        sample(
            toy(),
            blank(1, 4),
            constraint=Tables.same(Choice(["ab", "ba"]).compile(VOCABULARY), 1),
            processors=[lambda logits, state, step: logits.index_fill(-1, torch.tensor(A), -torch.inf)],
            observers=[watching(lambda *seen: watched.append(seen))],
        )
    assert not watched


def test_x6_what_the_constraint_dictates_is_written_whatever_a_processor_forbids():
    table = Choice(["aa", "ba"]).compile(VOCABULARY)  # the second position has no choice
    state = sample(
        toy(),
        blank(1, 2),
        constraint=Tables.same(table, 1),
        processors=[lambda logits, state, step: logits.index_fill(-1, torch.tensor(A), -torch.inf)],
    )
    assert text(state.tokens[0]) == b"ba"


def test_x6_guidance_comes_before_processors_and_both_before_the_constraint():
    order = []

    @dataclass(frozen=True)
    class Towards:
        token: int

        def branches(self, state, step):
            return [state, state]

        def combine(self, logits, branches, state, step):
            order.append("guide")
            assert len(branches) == 2 and torch.equal(*branches)
            return logits.index_add(-1, torch.tensor([self.token]), torch.full((*logits.shape[:2], 1), 50.0))

    def processor(logits, state, step):
        order.append("processor")
        return logits

    network = ToyNetwork()
    start = blank(2, 6)
    state = sample(
        toy(network=network),
        start,
        constraint=Tables.same(Regex("[ab]{3}-?").compile(VOCABULARY), 2),
        guides=[Towards(B), Towards(DASH)],
        processors=[processor],
        commit=Everything(),
        schedule=Linear(1),
    )
    assert order == ["guide", "guide", "processor"]
    assert sum(rows for rows, _ in network.calls) == 2 * 5, "one batched forward for the rows and their branches"
    assert [text(row) for row in state.tokens] == [b"bbb-", b"bbb-"] and state.forwards.tolist() == [1, 1]


# X7


@pytest.mark.parametrize("length", [1, 2, 3])
@pytest.mark.parametrize("name", CONSTRAINTS)
def test_x7_blocks_never_run_into_a_dead_end(name, length):
    for noise, commit in zip(NOISES, (Everything(), TopK()) if length % 2 else (TopK(), Everything())):
        state = sample(
            toy(noise, seed=4), hard_state(name), constraint=bound(name, 3), schedule=Blocks(length), commit=commit
        )
        assert state.done.all() and all(legal(name, text(row)) for row in state.tokens)


def test_x7_a_block_alone_would_choose_what_cannot_be_finished():
    table = Choice(["aaaaaa", "b-"]).compile(VOCABULARY)
    tokens = torch.full((1, 6, SIZE), -10.0)
    tokens[:, 0, B] = 0.0
    tokens[:, 2:, A] = 0.0
    tokens[:, 1:, A] = 0.0
    alone = table.bind(tokens[0, :2].log_softmax(-1)).map()  # what solving the first block by itself says
    assert text(alone) == b"b-"
    state = sample(
        toy(network=lambda ids: tokens.expand(len(ids), -1, -1)),
        State.blank([[]], 6),
        constraint=Tables.same(table, 1),
        schedule=Blocks(2),
    )
    assert text(state.tokens[0]) == b"aaaaaa"


def test_x7_blocks_are_written_from_left_to_right():
    canvases = []
    sample(
        toy(), blank(2, 8), schedule=Blocks(3), observers=[watching(lambda state, step: canvases.append(state.open))]
    )
    for open_now in canvases:
        for row in open_now:
            blocks = [bool(row[i : i + 3].any()) for i in (0, 3, 6)]
            begun = [not bool(row[i : i + 3].all()) for i in (0, 3, 6)]
            assert all(not blocks[i] for i in range(2) if begun[i + 1]), "a block is full before the next begins"


# refusals


@pytest.mark.parametrize("noise", NOISES)
def test_a_canvas_too_small_is_refused_before_the_first_forward(noise):
    network = ToyNetwork()
    with pytest.raises(BudgetTooSmall) as caught:
        sample(toy(noise, network=network), blank(2, 3), constraint=bound("regex", 2))
    assert (caught.value.shortest, caught.value.budget) == (4, 3) and network.calls == []


def test_a_given_token_that_no_text_has_there_is_refused_before_the_first_forward():
    network, given = ToyNetwork(), torch.full((1, LENGTH), -1)
    given[0, 0] = A
    with pytest.raises(Infeasible) as caught:
        sample(toy(network=network), blank(1, LENGTH, written=given), constraint=bound("regex", 1))
    assert caught.value.position == 0 and network.calls == []


def test_a_complete_canvas_costs_nothing_and_an_illegal_one_is_refused():
    network, given = ToyNetwork(), torch.tensor([[A, B, 15]])
    state = sample(toy(network=network), blank(1, 3, written=given), constraint=bound("choice", 1))
    assert torch.equal(state.tokens, given) and network.calls == [] and state.forwards.tolist() == [0]
    with pytest.raises(Infeasible):
        sample(toy(), blank(1, 3, written=given.flip(1)), constraint=bound("choice", 1))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("name", ["free", "alternatives"])
def test_a_broken_denoiser_is_a_typed_error_that_names_the_place(name, value):
    def broken(ids):
        logits = ToyNetwork()(ids)
        logits[1, len(ids[1]) - LENGTH + 5] = value
        return logits

    watched = []
    start = State.blank([[1, 2], [3, 4]], LENGTH)
    with pytest.raises(Infeasible if value < 0 else LogitsInvalid) as caught:
        sample(
            toy(network=broken),
            start,
            constraint=bound(name, 2),
            observers=[watching(lambda *seen: watched.append(seen))],
        )
    assert (caught.value.row, caught.value.position) == (1, 5) and not watched
    assert ("every token is -inf" in str(caught.value)) == (value < 0)
    assert start.open.all()


@pytest.mark.parametrize("name", ["free", "alternatives"])
def test_logits_of_written_positions_are_never_read(name):
    def broken(ids):
        logits = ToyNetwork()(ids)
        logits[:, :2] = float("nan")
        return logits

    given = torch.full((1, LENGTH), -1)
    given[0, :2] = torch.tensor([13, 13] if name == "alternatives" else [A, B])
    state = sample(toy(network=broken), State.blank([[]], LENGTH, written=given), constraint=bound(name, 1))
    assert state.done.all() and legal(name, text(state.tokens[0]))


def test_an_empty_batch_and_an_empty_canvas_are_complete():
    assert sample(toy(), State.blank([], 4)).shape == (0, 4)
    assert sample(toy(), blank(2, 0), constraint=FREE).shape == (2, 0)
    assert sample(toy(), blank(2, 0), constraint=bound("text", 2)).done.all()


def test_the_argument_is_left_as_it_was():
    start = blank(3, LENGTH)
    before = [rng.bit_generator.state for rng in start.rngs]
    first = sample(toy("uniform"), start, propose=Draw(), commit=TopK("random"))
    assert [rng.bit_generator.state for rng in start.rngs] == before and start.open.all()
    assert torch.equal(sample(toy("uniform"), start, propose=Draw(), commit=TopK("random")).tokens, first.tokens)


def test_logits_like_bans_what_the_model_bans():
    assert (logits_like(blank(1, 2), 0)[..., 16:] == -torch.inf).all()
