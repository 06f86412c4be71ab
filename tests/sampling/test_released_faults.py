"""Faults that were seen in released code, and that ours has not got. `docs/systems.md` lists them all, each with its
test: some are here, some are wrong variants of the loops that presets are compared with, some are laws."""

import math
import re
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch

from ctrldiff.constraints.basic import Regex
from ctrldiff.sampling.combine import Proposed
from ctrldiff.sampling.commit import EntropyBound, Everything, Factor, Threshold, TopK, gumbel
from ctrldiff.sampling.constrain import FREE, Tables
from ctrldiff.sampling.credit import TRACE
from ctrldiff.sampling.judge import Judged
from ctrldiff.sampling.loop import Loop, sample
from ctrldiff.sampling.plan import Plan
from ctrldiff.sampling.propose import Weighed
from ctrldiff.sampling.revise import RunningConfidence
from ctrldiff.sampling.schedules import Delimited, Linear
from ctrldiff.sampling.stability import PROBS, Steady
from ctrldiff.search.run import draw
from tests.causal import Bigram
from tests.conftest import MASK, PIECES, SIZE, STOP, VOCABULARY, blank, logits_like, toy
from tests.sampling.fakes import Told, canvas, chosen, step
from tests.watching import watching

ROOT = Path(__file__).parents[2]


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


def test_every_fault_of_the_list_has_a_test_that_there_is():
    page = (ROOT / "docs" / "systems.md").read_text(encoding="utf-8").split("## Faults of released code")[1]
    named = re.findall(r"`(\w+(?:/\w+)*\.py)::(\w+)`", page)
    assert len(named) >= 25
    for file, test in named:
        assert f"def {test}(" in (ROOT / "tests" / file).read_text(encoding="utf-8"), f"{file}::{test}"


def test_the_least_entropy_is_the_surest():
    """KLASS's code takes the largest."""
    entropies = torch.tensor([[1.5, 0.1, 0.9]])
    state = canvas(entropies)
    told = Told(torch.ones(1, 3), entropies)
    assert chosen(TopK("entropy")(told, state.tokens, state, step(state, 2))) == [[1, 2]]


def test_what_moved_is_the_model_s_mind_and_not_the_draw():
    """KLASS's code takes its divergences of logits with Gumbel noise in them."""
    plan = Plan.preset("klass", temperature=1.0)
    noted = []
    for first in (0, 5):
        loop = Loop(toy(network=lambda ids: logits_like(blank(1, ids.shape[1]), 3)), plan, plan.constrain(FREE))
        state = loop.step(loop.begin(blank(1, 8, seed=first)))
        noted.append((state.memory[PROBS], state.history[:, -1]))  # what is remembered, what was drawn
    assert torch.equal(noted[0][0], noted[1][0]) and not torch.equal(noted[0][1], noted[1][1])


def test_a_token_too_many_is_not_taken_where_the_last_test_fails():
    """A copy of Fast-dLLM's factor takes one more when the test fails at the last position."""
    sure = torch.tensor([[0.9, 0.9, 0.2]])
    assert chosen(Factor(1.0)(Told(sure), canvas(sure).tokens, canvas(sure), step(canvas(sure)))) == [[0, 1]]


def test_where_nothing_is_sure_the_surest_alone_is_written():
    """dInfer takes all within 1e-5 of it."""
    sure = torch.tensor([[0.5, 0.5 + 1e-6, 0.5 - 1e-6]])
    assert chosen(Threshold(0.9)(Told(sure), canvas(sure).tokens, canvas(sure), step(canvas(sure)))) == [[1]]


def test_a_threshold_leaves_the_number_of_steps_alone():
    """Fast-dLLM's loop for Dream raises `steps` while it runs, and with it every time."""
    seen = set()
    plan = Plan.preset("dream", steps=12).but(commit=Threshold(0.5))
    plan = plan.but(observers=[watching(lambda state, step: seen.add((int(state.steps), int(step.steps))))])
    Loop(toy(), plan, plan.constrain(FREE)).run(blank(1, 24))
    assert seen == {(12, 12)}


def test_what_is_damped_is_damped_for_every_end_and_where_it_is_read():
    """LLaDA's `confidence_eos_eot_inf` sets the end of the text in a tensor that nobody reads, so that only the end of
    the turn is held back. Here a processor's logits are the ones that tokens and confidence come of."""
    ends = [3, STOP]

    def damped(logits, state, step):
        return logits.index_fill(-1, torch.tensor(ends, device=logits.device), -30.0)

    probs = []

    def noting(posterior, tokens, state, step):
        probs.append(float(posterior.marginals()[..., ends].max()))
        sure = posterior.confidence(tokens).cpu()
        return torch.where(state.open, sure, -1.0).eq(torch.where(state.open, sure, -1.0).amax(1, keepdim=True))

    plain = sample(toy(), blank(1, 12), commit=TopK(), schedule=Linear(12))
    done = sample(toy(), blank(1, 12), processors=[damped], commit=noting, schedule=Linear(12))
    assert max(probs) < 1e-6 and not np.isin(done.tokens.numpy(), ends).any()
    assert np.isin(plain.tokens.numpy(), ends).any(), "there was something to hold back"


def test_noise_is_drawn_in_double_precision():
    """LLaDA's loop and most after it draw Gumbel noise of float32 uniforms, of which there are 2**24."""
    noise = gumbel(blank(4, 64))
    places = torch.exp(-torch.exp(-noise)) * 2**24  # the uniforms, in steps of float32's
    assert noise.dtype == torch.float64 and ((places - places.round()).abs() > 1e-3).double().mean() > 0.9
    whole = (torch.rand(256, generator=torch.Generator().manual_seed(0)) * 2**24).double()
    assert ((whole - whole.round()).abs() < 1e-3).all()


def test_a_judge_that_only_judges_writes_nothing_of_its_own():
    """FlashDLM's method has the left-to-right model judge alone; the loop that its code runs unless told otherwise
    writes that model's token where it disagrees."""
    wrote = []

    def looking(move, state, step):
        wrote.append(bool((state.tokens == move.posterior.map().cpu())[move.wrote].all()))
        return state

    def run(judge):
        plan = Plan.preset("first_hitting", temperature=0).but(propose=judge, commit=Proposed(), observers=[looking])
        return Loop(toy(), plan, plan.constrain(FREE)).run(blank(2, 10))

    run(Judged(Bigram(0), 1, 0.0))
    assert all(wrote)
    run(Judged(Bigram(0), 1, 0.0, correct=True))
    assert not all(wrote)


def test_a_value_shares_a_token_with_what_stands_before_it():
    """S3 tokenises slots and scaffold apart, which the model never saw. Here a text is read through whatever tokens
    spell it."""
    table = Regex("1[0-9]0?0?").compile(VOCABULARY)
    plan = Plan.preset("llada")
    both = PIECES.index(b"19")

    def network(ids):
        logits = torch.zeros(*ids.shape, SIZE)
        logits[:, :, both] = 5.0
        return logits

    done = Loop(toy(network=network), plan, plan.constrain(Tables((table,)))).run(blank(1, 3))
    assert int(done.tokens[0, 0]) == both


def test_remdm_asks_once_a_step_and_reopens_by_chance():
    """PC-Sampler's baseline of that name reopens the least sure in a second pass of every loop."""
    plan = Plan.preset("remdm", kind="rescale", eta=0.9, steps=16)
    states = []
    plan = plan.but(observers=[*plan.observers, watching(lambda state, step: states.append(state))])
    passes, otherwise = 0, 0
    for seed in range(6):
        states.clear()
        done = Loop(toy(), plan, plan.constrain(FREE)).run(blank(1, 12, seed=seed))
        passes = max(passes, int(done.forwards))
        for before, after in pairwise(states):
            again = before.held & after.open
            stayed = before.held & ~again
            if again.any() and stayed.any():
                otherwise += bool(before.held_confidence[again].max() > before.held_confidence[stayed].min())
    assert passes <= 17 and otherwise > 0


def test_large_weights_are_not_made_equal():
    """FK steering's code clamps weights at 1e10."""
    log_weights = np.log(10.0) * np.array([11.0, 13.0])
    assert draw(log_weights, 0.005) == 0 and draw(log_weights, 0.02) == 1
