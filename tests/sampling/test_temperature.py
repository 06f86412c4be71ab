"""Two ways of a temperature: tokens and certainty both of the tempered logits, or the tokens alone."""

import numpy as np
import pytest
import torch

from ctrldiff.constraints.basic import Regex
from ctrldiff.errors import InputError
from ctrldiff.sampling.commit import Everything, TopK
from ctrldiff.sampling.constrain import DrawnAt, Exact, LeftmostFirst, Tables
from ctrldiff.sampling.loop import Loop
from ctrldiff.sampling.plan import Plan
from ctrldiff.sampling.processors import Temperature
from ctrldiff.sampling.propose import Draw
from ctrldiff.sampling.schedules import Linear
from tests.cases import CONSTRAINTS, LENGTH, bound, legal
from tests.conftest import VOCABULARY, blank, logits_like, text, toy
from tests.sampling.laws_of_draws import distance

TABLE = Regex("[ab]{2}-?").compile(VOCABULARY)


@pytest.mark.parametrize("name", CONSTRAINTS)
def test_certainty_is_of_the_plain_logits_and_draws_are_of_the_tempered(name):
    state, inner = blank(2, LENGTH), bound(name, 2)
    logits = logits_like(state, 4)
    posterior = DrawnAt(0.5)(inner).bind(logits, state)
    plain, cold = inner.bind(logits, state), inner.bind(2 * logits, state)
    tokens = cold.map()
    assert torch.equal(posterior.map(), tokens) and torch.equal(posterior.sample(seed=3), cold.sample(seed=3))
    assert torch.equal(posterior.confidence(tokens), plain.confidence(tokens))
    assert torch.equal(posterior.entropy(), plain.entropy()) and torch.equal(posterior.log_z(), cold.log_z())
    keep = torch.arange(LENGTH) < 1
    clamped = posterior.clamp(tokens, keep.expand(2, -1))
    assert torch.equal(clamped.margin(), plain.clamp(tokens, keep.expand(2, -1)).margin())


@pytest.mark.slow
def test_texts_are_drawn_at_the_temperature_and_held_at_their_own_confidence():
    start = blank(1, 3).fork(4000)
    constraint = Tables.same(TABLE, 4000)
    both = Plan(DrawnAt(0.5), Linear(1), Draw(), Everything())
    end = Loop(toy(), both, DrawnAt(0.5)(constraint)).run(start)
    state = toy().noise(blank(1, 3))
    cold = TABLE.bind((2 * toy()(state))[0])
    rows = [tuple(row) for row in cold.map(60).tolist() if row[0] >= 0]
    law = {row: float(np.exp(cold.score(torch.tensor(row)))) for row in rows}
    assert distance((tuple(row) for row in end.tokens.tolist()), law) < 0.03
    sure = Tables.same(TABLE, 4000).bind(toy()(toy().noise(start)), start).confidence(end.tokens)
    assert torch.allclose(end.held_confidence, sure, atol=1e-5)
    tempered = Plan(Exact(), Linear(1), Draw(), Everything(), processors=(Temperature(0.5),))
    other = Loop(toy(), tempered, constraint).run(start)
    assert torch.equal(other.tokens, end.tokens) and not torch.allclose(other.held_confidence, sure, atol=1e-2)


@pytest.mark.parametrize("name", CONSTRAINTS)
def test_it_goes_with_any_constraint(name):
    for constrain in (DrawnAt(0.7), DrawnAt(1.5, then=LeftmostFirst)):
        plan = Plan(constrain, Linear(4), Draw(), TopK())
        state = Loop(toy(), plan, constrain(bound(name, 2))).run(blank(2, LENGTH))
        assert state.done.all() and all(legal(name, text(row)) for row in state.tokens)


def test_a_temperature_is_above_zero():
    with pytest.raises(InputError, match="temperature=0"):
        DrawnAt(0)
