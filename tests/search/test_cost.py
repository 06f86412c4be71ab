"""What a search says it cost is what the network and the judge were shown."""

import pytest
import torch

from ctrldiff.sampling.combine import Proposed
from ctrldiff.sampling.judge import Judged
from ctrldiff.sampling.loop import Loop
from ctrldiff.sampling.plan import Plan
from ctrldiff.sampling.recompute import Recomputed
from ctrldiff.search.ahead import Ahead, Bill
from ctrldiff.search.branches import Branches
from ctrldiff.search.info_gain import InfoGain
from ctrldiff.search.run import Run
from tests.cases import bound, hard_state
from tests.causal import Bigram
from tests.conftest import toy
from tests.guidance.fakes import context

PLANS = {
    "verified": Plan.preset("wino", threshold=0.3),
    "brittle": Plan.preset("core", steps=8, every=2, candidates=4),
    "recomputed": Plan.preset("llada", steps=4, block=8).but(propose=Recomputed(3), commit=Proposed()),
    "as ever": Plan.preset("llada", steps=8, block=8),
}
SEARCHES = {"ahead": Ahead(2), "branches": Branches(2), "info gain": InfoGain(3)}


class Shown:
    """A denoiser that counts the canvases with something open that it is shown."""

    def __init__(self, inner):
        self.inner, self.canvases = inner, 0

    def __getattr__(self, name):
        return getattr(self.inner, name)

    def __call__(self, state):
        self.canvases += int((~state.done).sum())
        return self.inner(state)


class Heard:
    """A judge that counts what it is asked about."""

    def __init__(self):
        self.inner, self.asked = Bigram(0), 0

    vocabulary = Bigram(0).vocabulary

    def __call__(self, state, tokens):
        self.asked += len(tokens)
        return self.inner(state, tokens)


def searched(search, plan, rows, seed=0):
    start = hard_state("free", seed).gather(rows)
    denoiser, given = Shown(toy(seed=seed)), bound("free", len(rows))
    run = Run(denoiser, plan, plan.constrain(given), context(len(rows), denoiser, constraint=given), ())
    return search(run, start), denoiser


@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize("search", SEARCHES)
def test_every_canvas_is_counted_once(search, plan):
    for seed in range(3):
        found, denoiser = searched(SEARCHES[search], PLANS[plan], [0, 1, 2], seed)
        assert int(found.forwards.sum()) == denoiser.canvases and torch.equal(found.state.forwards, found.forwards)


@pytest.mark.parametrize("search", SEARCHES)
def test_every_call_of_a_judge_is_counted_also_those_for_guesses(search):
    judge = Heard()
    plan = Plan.preset("first_hitting", temperature=0).but(propose=Judged(judge), commit=Proposed())
    found, _ = searched(SEARCHES[search], plan, [0])
    assert int(found.state.other_calls[0]) == judge.asked
    start, given = hard_state("free", 0).gather([0]), bound("free", 1)
    plain = Loop(toy(seed=0), plan, plan.constrain(given)).run(start)
    assert search != "ahead" or judge.asked > int(plain.other_calls[0]) * 2, "guesses were judged as well"


def test_a_bill_without_what_steps_ask_for_is_found_out(monkeypatch):
    monkeypatch.setattr(
        Bill, "written", lambda bill, loop, state, found: loop.write(state, loop.plan.schedule(state), found)
    )
    for search in SEARCHES.values():
        found, denoiser = searched(search, PLANS["recomputed"], [0, 1, 2])
        assert int(found.forwards.sum()) < denoiser.canvases
