"""The strength acts on token odds; when a position is written is the schedule's business.

A released implementation puts the tokens' scores and the score of "stay masked" into one softmax. Then guidance
multiplies the rate of unmasking too: with A the nominal rate and E the mean of ratio^strength under the model, a
position is unmasked with probability A E / (A E + 1 - A).
"""

import pytest
import torch

from ctrldiff.guidance.classifier import first_order
from ctrldiff.sampling.commit import TopK
from ctrldiff.sampling.schedules import Linear
from tests.cases import GUIDES, toy_classifier
from tests.conftest import blank, toy
from tests.laws.test_guided_laws import decoded
from tests.watching import watching

RATE = 1 / 32


def one_softmax(log_p: torch.Tensor, tilt: torch.Tensor) -> torch.Tensor:
    """P(unmask) when token scores and the stay-masked score share a softmax."""
    tokens = RATE * (log_p + tilt).exp().sum(-1)
    return tokens / (tokens + 1 - RATE)


def test_one_softmax_inflates_the_rate_of_writing_and_tokens_first_does_not():
    denoiser, state = toy(), blank(1, 8)
    log_p = denoiser(denoiser.noise(state)).double().log_softmax(-1)
    tilt = first_order(toy_classifier(), 0, log_p, state)
    rates = []
    for strength in (0.0, 50.0, 300.0, 2000.0):
        scores = strength * tilt.double()
        mean = (log_p + scores).exp().sum(-1)
        assert torch.allclose(one_softmax(log_p, scores), RATE * mean / (RATE * mean + 1 - RATE))
        rates.append(float(one_softmax(log_p, scores).mean()))
        guided = (log_p + scores).softmax(-1)  # tokens first, then the schedule
        assert torch.allclose(RATE * guided.sum(-1), torch.full((1, 8), RATE, dtype=torch.float64))
    assert abs(rates[0] - RATE) < 1e-9 and rates == sorted(rates) and rates[-1] > 0.9, "the defect is real"


@pytest.mark.parametrize("name", GUIDES)
def test_a_decode_at_a_fixed_rate_writes_as_many_a_step_at_every_strength(name):
    def written(strength):
        counts = []
        decoded(
            strength * GUIDES[name],
            "text",
            commit=TopK(),
            schedule=Linear(3),
            observers=[watching(lambda state, step: counts.append(state.open.sum(1).tolist()))],
        )
        return counts

    assert written(0.0) == written(50.0) and len(written(0.0)) == 3
