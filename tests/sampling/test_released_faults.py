"""Faults that were seen in released code, and that ours has not got. What restated loops already tell apart (a factor's
token too many, P2's fresh score, PC's missing sign, uneven shares) is in `test_loops.py`; EDLM's sign in
`test_weighed.py`; masks that are left in `tests/laws/test_preset_laws.py`."""

import math

import torch

from ctrldiff.sampling.commit import EntropyBound, Everything
from ctrldiff.sampling.constrain import FREE
from ctrldiff.sampling.credit import TRACE
from ctrldiff.sampling.loop import Loop, sample
from ctrldiff.sampling.plan import Plan
from ctrldiff.sampling.propose import Weighed
from ctrldiff.sampling.revise import RunningConfidence
from ctrldiff.sampling.schedules import Delimited, Linear
from ctrldiff.sampling.stability import Steady
from tests.conftest import MASK, SIZE, VOCABULARY, blank, toy
from tests.sampling.fakes import Told, canvas, chosen, step
from tests.watching import watching


def test_the_largest_entropy_is_the_row_s_own():
    """d2Cache takes a running maximum along the batch."""
    entropies = torch.tensor([[2.0, 2.0, 2.0], [0.2, 0.2, 0.2]])
    posterior, state = Told(torch.ones(2, 3), entropies), canvas(entropies)
    together = EntropyBound(0.3)(posterior, state.tokens, state, step(state))
    assert chosen(together) == [[0], [0, 1]]


def test_a_first_step_is_compared_with_nothing():
    """KLASS compares it with zeros, which is a finite divergence."""
    held = []
    steady = Steady(0.0, nats=1e9, steps=1)
    seen = watching(lambda state, step: held.append(int(state.held.sum())))
    sample(toy(), blank(1, 8), commit=steady, schedule=Linear(8), observers=[steady.note, seen])
    assert held == [1, 8]


def test_routing_keeps_as_many_as_the_rate_says():
    """RDM's code keeps one more."""
    held = []
    plan = Plan.preset("rdm")
    watched = plan.but(observers=[watching(lambda state, step: held.append(int(state.held.sum())))])
    Loop(toy(), watched, watched.constrain(FREE)).run(blank(1, 24))
    assert held == [24 - math.floor(24 * math.cos(math.pi / 2 * (i + 1) / 10) + 1e-9) for i in range(10)]


def test_credit_ends_with_its_text():
    """dInfer's decoder has it in itself and clears it when no mask is left, so not for a text that ends early."""
    plan = Plan.preset("credit", block=24, threshold=0.6)
    constraint = plan.constrain(FREE)
    first = Loop(toy(), plan, constraint)
    begun = first.step(first.step(first.begin(blank(1, 24))))
    assert begun.memory[TRACE].any() and not begun.done.any()
    after, anew = (
        Loop(toy(), one, constraint).run(blank(1, 24, first=1))
        for one in (plan, Plan.preset("credit", block=24, threshold=0.6))
    )
    assert torch.equal(after.tokens, anew.tokens) and torch.equal(after.held_at, anew.held_at)


def test_what_is_open_is_a_status_and_no_token():
    """LLaDA's loop and most after it fill whatever holds the mask, the given text's too."""
    written = torch.full((1, 6), -1)
    written[0, 2] = MASK
    done = sample(toy(), blank(1, 6, written=written))
    assert done.tokens[0, 2] == MASK and not (done.tokens[0, [0, 1, 3, 4, 5]] == MASK).any()


def test_a_confidence_of_nearly_nothing_is_a_confidence():
    """MDPO's memory has 0 for what was never written, and the whole canvas for one block."""
    state = canvas(torch.ones(1, 4)).write(
        torch.tensor([[True, True, True, False]]),
        torch.zeros(1, 4, dtype=torch.int64),
        torch.tensor([[0.5, 0.0, 0.9, 0]]),
    )
    told = step(state, quota=1, window=torch.ones(1, 4, dtype=torch.bool))
    assert chosen(RunningConfidence()(Told(torch.ones(1, 4)), state, told)) == [[0, 1, 2]]
    assert chosen(RunningConfidence(block=2)(Told(torch.ones(1, 4)), state, step(state, 3, told.window))) == [[1]]


def test_every_row_is_weighed_by_its_own_energies():
    """EDLM repeats its candidates in one order and views them in another."""

    def parity(state, tokens):
        return 50.0 * (tokens[..., 0] % 2 != torch.arange(len(tokens))[:, None] % 2)

    network = lambda ids: torch.zeros(*ids.shape, SIZE)  # noqa: E731
    state = blank(1, 3).fork(12)
    done = sample(toy(network=network), state, propose=Weighed(parity, 24), commit=Everything(), schedule=Linear(1))
    assert (done.tokens[:, 0] % 2).tolist() == [0, 1] * 6


def test_delimiters_are_found_in_the_vocabulary():
    """AdaBlock's ids are those of one tokenizer."""
    ends = Delimited.of(VOCABULARY, b"-b9").ends
    assert ends == (9, 10, 12, 13) and [VOCABULARY.decode([i]) for i in ends] == [b"9", b"-", b"b", b"19"]
