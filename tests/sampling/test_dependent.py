"""What the others determine is none of the quota: against clamping and counting by hand, and nothing without a
constraint."""

import pytest
import torch

from ctrldiff.constraints.basic import Choice
from ctrldiff.sampling.commit import TopK
from ctrldiff.sampling.constrain import Tables
from ctrldiff.sampling.loop import sample
from ctrldiff.sampling.orders import Dependent
from ctrldiff.sampling.schedules import Linear
from tests.cases import CONSTRAINTS, bound, hard_state
from tests.conftest import VOCABULARY, blank, logits_like, text, toy
from tests.sampling.fakes import step

PAIRS = [a + a + b + b for a in "2345678" for b in "2345678"]  # two decisions, four positions


@pytest.mark.parametrize("name", CONSTRAINTS)
def test_it_counts_only_what_those_before_leave_open(name):
    for seed in range(6):
        state = hard_state(name, seed)
        posterior = bound(name, 3).bind(logits_like(state, seed), state)
        tokens, told = posterior.map().cpu(), step(state, quota=2)
        chosen = Dependent()(posterior, tokens, state, told)
        sure = posterior.confidence(tokens)
        for row in range(3):
            left, counted, taken = state.open[row].nonzero()[:, 0].tolist(), 0, torch.zeros_like(state.open)
            while left and counted < 2:
                best = max(left, key=lambda t: (float(sure[row, t]), -t))
                taken[row, best], counted = True, counted + 1
                one = posterior.clamp(tokens, taken).forced()[row]
                left = [t for t in left if not taken[row, t] and not one[t]]
            assert chosen[row].nonzero()[:, 0].tolist() == [
                t for t in state.open[row].nonzero()[:, 0].tolist() if t not in left
            ]


def test_a_pair_is_one_decision_of_a_quota_of_two():
    """The plain rule spends both on one pair in some rows, and then needs a pass more."""
    table = Choice(PAIRS).compile(VOCABULARY)
    passes = {}
    for commit in (TopK(), Dependent()):
        done = sample(
            toy(seed=1), blank(40, 4, seed=1), constraint=Tables.same(table, 40), commit=commit, schedule=Linear(2)
        )
        assert all(text(row).decode() in PAIRS for row in done.tokens)
        passes[type(commit)] = done.forwards
    assert (passes[Dependent] == 1).all() and (passes[TopK] >= passes[Dependent]).all() and (passes[TopK] > 1).any()


def test_without_a_constraint_it_is_the_plain_rule():
    one, other = (
        sample(toy(seed=4), blank(3, 9), commit=commit, schedule=Linear(4)).tokens for commit in (TopK(), Dependent())
    )
    assert torch.equal(one, other)
