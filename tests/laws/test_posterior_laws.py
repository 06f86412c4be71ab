"""Laws X2, X3, X5: what a posterior says of parts and wholes, on languages small enough to see."""

import numpy as np
import pytest
import torch

from ctrldiff.constraints.basic import Choice
from ctrldiff.errors import Infeasible
from ctrldiff.posterior.table import Table
from ctrldiff.sampling.commit import Everything
from ctrldiff.sampling.constrain import Tables
from ctrldiff.sampling.loop import sample
from ctrldiff.sampling.schedules import Linear
from tests.conftest import SIZE, VOCABULARY, blank, logits_like, text, toy

DASH, A, B = 10, 11, 12


def pairs() -> tuple[Table, torch.Tensor]:
    """ "ab" with weight 4, "ba" and "b-" with weight 3 each, as a table and (2, V) log-probabilities."""
    table = Choice(["ab", "ba", "b-"]).compile(VOCABULARY)
    scores = torch.full((2, SIZE), -20.0)
    scores[0, A], scores[0, B] = np.log(0.4), np.log(0.3)
    scores[1, B], scores[1, A], scores[1, DASH] = 0.0, 0.0, 0.0
    return table, scores


def test_x2_the_most_probable_token_of_each_position_need_not_be_a_completion():
    table, scores = pairs()
    posterior = table.bind(scores)
    marginals = posterior.marginals()
    assert torch.allclose(marginals[0, [A, B]], torch.tensor([0.4, 0.6]), atol=1e-6)
    assert torch.allclose(marginals[1, [B, A, DASH]], torch.tensor([0.4, 0.3, 0.3]), atol=1e-6)
    picks = marginals.argmax(dim=-1)
    assert text(picks) == b"bb" and text(picks) not in Choice(["ab", "ba", "b-"])
    assert not posterior.feasible(picks, torch.ones(2, dtype=torch.bool))
    assert text(posterior.map()) == b"ab"


def test_x2_independent_draws_from_marginals_are_often_illegal_and_joint_draws_never():
    table, scores = pairs()
    posterior = table.bind(scores)
    generator = torch.Generator().manual_seed(0)
    independent = torch.multinomial(posterior.marginals(), 500, replacement=True, generator=generator).T
    everything = torch.ones(2, dtype=torch.bool)
    legal = sum(posterior.feasible(tokens, everything) for tokens in independent)
    assert 0.45 < legal / 500 < 0.60  # .4 * .4 + .6 * .6 = .52 in the limit
    assert all(posterior.feasible(tokens, everything) for tokens in posterior.sample(500, seed=0))


def test_x2_picking_one_clamping_and_asking_again_is_safe():
    table, scores = pairs()
    posterior = table.bind(scores)
    first = posterior.marginals().argmax(dim=-1)
    keep = torch.tensor([True, False])
    second = posterior.clamp(first, keep).marginals().argmax(dim=-1)
    assert second[0] == first[0] and posterior.feasible(second, torch.ones(2, dtype=torch.bool))


def test_x3_confidence_is_the_constrained_marginal_and_not_the_models_own_probability():
    table, scores = pairs()
    raw = scores.softmax(dim=-1)
    tokens = torch.tensor([B, A])
    confidence = table.bind(scores.log_softmax(-1)).confidence(tokens)
    assert torch.allclose(confidence, torch.tensor([0.6, 0.3]), atol=1e-5)
    assert abs(raw[0, B].item() - 0.6) > 0.1


def test_x3_what_is_forced_is_certain_however_improbable_the_model_finds_it():
    table = Choice(["aba", "bbb"]).compile(VOCABULARY)
    scores = logits_like(blank(1, 3), 0)
    scores[0, 1, B] = -50.0
    posterior = Tables.same(table, 1).bind(scores, blank(1, 3))
    tokens = posterior.map()
    assert posterior.confidence(tokens)[0, 1] == 1.0 and posterior.forced()[0].tolist() == [False, True, False]
    assert posterior.entropy()[0, 1] == 0.0 and posterior.margin()[0, 1] == 1.0


@pytest.mark.parametrize("noise", ["mask", "uniform"])
def test_x3_the_state_remembers_constrained_marginals(noise):
    table = Choice(["ab-", "ba-", "b-a", "00", "1900"]).compile(VOCABULARY)
    seen = []

    class Spy:
        def bind(self, logits, state):
            seen.append(Tables.same(table, 1).bind(logits, state))
            return seen[-1]

        def settle(self, state):
            return state

    state = sample(toy(noise), blank(1, 4), constraint=Spy(), commit=Everything(), schedule=Linear(1))
    marginals = seen[0].marginals()[0]
    assert torch.allclose(state.held_confidence[0], marginals[torch.arange(4), state.tokens[0]], atol=1e-6)


def test_x5_overwriting_in_place_breaks_the_text_and_clearing_then_solving_does_not():
    table, scores = pairs()
    canvas = torch.tensor([A, B])
    changed = torch.tensor([B, B])
    at = torch.tensor([True, False])
    assert not table.bind(scores).feasible(changed, torch.ones(2, dtype=torch.bool))
    with pytest.raises(Infeasible, match="already holds"):
        table.bind(scores, canvas).clamp(changed, at)
    solved = table.bind(scores).clamp(changed, at).map()
    assert solved[0] == B and text(solved) in Choice(["ab", "ba", "b-"])


def test_x5_clearing_too_little_is_an_error_that_says_where():
    table, scores = pairs()
    with pytest.raises(Infeasible) as caught:
        table.bind(scores, torch.tensor([-1, B])).clamp(torch.tensor([B, 0]), torch.tensor([True, False]))
    assert caught.value.position == 1
