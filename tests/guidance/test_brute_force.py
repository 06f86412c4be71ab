"""The guided constrained distribution is p exp(strength G) on the language, for every guide we ship: Z, the best text,
every probability, the frequencies of samples, and d log Z / d strength = E[G]."""

import math

import numpy as np
import pytest
import torch

from ctrldiff.constraints.basic import Regex
from ctrldiff.guidance.guide import prepared
from ctrldiff.guidance.target import Family
from ctrldiff.sampling.constrain import Tables
from ctrldiff.state import State
from tests.cases import GUIDES
from tests.conftest import NOISES, STOP, VOCABULARY, few, prompt, toy
from tests.guidance.brute import every_canvas, log_sum, weights
from tests.guidance.fakes import context, denoise, prompts_of, step_at

LANGUAGE = Regex("(19|2[0-3])[ab0-]{0,2}a?")
T = 5
TABLE = LANGUAGE.compile(VOCABULARY)
CANVASES = every_canvas(LANGUAGE, VOCABULARY, T)
WRITTEN = [[-1] * T, [-1, -1, 11, -1, -1]]  # an "a" in the middle


def scene(name, strength, noise="mask"):
    """State, constraint, plain and guided logits, both (2, T, V)."""
    denoiser = toy(noise)
    state = State.blank([prompt(0), prompt(1)], T, written=torch.tensor(WRITTEN))
    constraint = Tables.same(TABLE, 2)
    state = denoiser.noise(state)
    guides = prepared(
        [strength * GUIDES[name]],
        context(2, denoiser, constraint=constraint, prompt=prompts_of(state)),
    )
    step = step_at(1.0, 2, T)
    return state, constraint, denoise(denoiser, state, step, (), ()), denoise(denoiser, state, step, (), guides)


def log_p(logits):
    return logits.log_softmax(-1).masked_fill(logits == -torch.inf, -torch.inf)


def test_there_is_something_to_enumerate():
    assert 300 < len(CANVASES) == len(set(CANVASES)) < 20_000


@pytest.mark.parametrize("noise", NOISES)
@pytest.mark.parametrize("strength", few([1.0, 100.0, 0.0, 5.0, -3.0], 2))
@pytest.mark.parametrize("name", GUIDES)
def test_the_posterior_is_p_exp_of_the_scores_on_the_language(name, strength, noise):
    state, constraint, plain, guided = scene(name, strength, noise)
    _, _, _, once = scene(name, 1.0, noise)
    posterior = constraint.bind(guided, state)
    for row in range(2):
        allowed = plain[row] > -torch.inf
        scores = torch.where(allowed, once[row] - plain[row], 0.0)  # G, from strength 1
        total = weights(CANVASES, plain[row] + strength * scores, WRITTEN[row])
        log_z = log_sum(total)
        tokens = torch.tensor(CANVASES)
        best = posterior.map()[row]
        near = 1e-3 * max(1.0, abs(strength))  # float32 scores times the strength
        assert tuple(best.tolist()) in set(CANVASES)
        assert total[CANVASES.index(tuple(best.tolist()))] > total.max() - near
        if abs(strength) <= 5:
            some = np.random.default_rng(row).choice(len(CANVASES), 40, replace=False)
            for n in some:
                want = total[n] - log_z
                ours = float(posterior.score(torch.tensor([CANVASES[n]] * 2))[row])
                assert ours == want if want == -np.inf else math.isclose(ours, want, abs_tol=near)
            keep = total > -np.inf
            marginals = torch.zeros(T, len(VOCABULARY), dtype=torch.float64)
            for canvas, value in zip(tokens[keep], total[keep]):
                marginals[range(T), canvas] += math.exp(value - log_z)
            assert torch.allclose(posterior.marginals()[row].double(), marginals, atol=1e-4)


@pytest.mark.parametrize("name", ["classifier", "classifier-free"])
def test_samples_have_those_frequencies(name):
    state, constraint, _, guided = scene(name, 3.0)
    drawn = constraint.bind(guided, state).sample(20_000, seed=5)[0].tolist()
    total = weights(CANVASES, guided[0], WRITTEN[0])
    want = dict(zip(CANVASES, np.exp(total - log_sum(total))))
    found: dict[tuple[int, ...], int] = {}
    for canvas in map(tuple, drawn):
        found[canvas] = found.get(canvas, 0) + 1
    assert set(found) <= set(want), "every draw is a member"
    noise = sum(math.sqrt(p / 20_000) for p in want.values())  # what sampling alone does to the distance
    assert sum(abs(found.get(c, 0) / 20_000 - p) for c, p in want.items()) / 2 < 0.5 * noise + 0.005


@pytest.mark.parametrize("name", GUIDES)
def test_the_mean_of_the_scores_is_the_derivative_of_log_z(name):
    state, constraint, plain, once = scene(name, 1.0)
    scores = torch.where((plain > -torch.inf) & state.open[..., None], once - plain, 0.0)
    level = torch.tensor([0.5, -2.0], dtype=torch.float64)
    family = Family(constraint, plain, scores, level, state)
    for strength in (0.0, 0.7, 4.0):
        s = torch.full((2,), strength, dtype=torch.float64)
        mean, log_z = family.at(s)
        for row in range(2):

            def brute(at, row=row):
                normalised = log_p(plain[row]).double() + at * scores[row].double()
                return weights(CANVASES, normalised, WRITTEN[row])

            total = brute(strength)
            want = log_sum(total)
            assert math.isclose(float(log_z[row]), want, abs_tol=1e-3)
            slope = (log_sum(brute(strength + 1e-4)) - log_sum(brute(strength - 1e-4))) / 2e-4
            assert math.isclose(float(mean[row] - level[row]), slope, abs_tol=1e-3 * (1 + abs(slope)))
            p = np.exp(total - want)
            zero = brute(0.0)
            kl = float(np.sum(p[p > 0] * (total[p > 0] - want - zero[p > 0] + log_sum(zero))))
            assert math.isclose(float(family.kl(s)[row]), kl, abs_tol=2e-3)


def test_the_tail_and_the_stop_are_in_the_enumeration():
    assert any(canvas[-1] == STOP for canvas in CANVASES)
