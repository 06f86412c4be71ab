"""Strengths that are solved for: against brute force, and refused when they say nothing or two things."""

import math

import numpy as np
import pytest
import torch

import ctrldiff as cd
from ctrldiff.errors import InputError
from ctrldiff.guidance.guide import on_field
from ctrldiff.guidance.target import Target, Together, root
from ctrldiff.guidance.tokens import Count
from tests.cases import GUIDES
from tests.guidance.brute import log_sum, weights
from tests.guidance.fakes import context, step_at
from tests.guidance.test_brute_force import CANVASES, WRITTEN, T, log_p, scene


def solved(guide):
    """(state, plain logits, added scores) of a guide in the scene, with what is written there."""
    state, constraint, plain, _ = scene("bias", 0.0)
    tilt = guide.prepare(context(2, constraint=constraint))
    return state, plain, tilt.scores(plain, (), state, step_at(1.0, 2, T))


def brute(row, plain, scores):
    """(N,) probabilities of all canvases, by the definition."""
    total = weights(CANVASES, log_p(plain[row]).double() + scores[row].double(), WRITTEN[row])
    return np.exp(total - log_sum(total))


def mean(row, plain, scores, worth):
    """The mean of a (V,) worth, summed over whole canvases."""
    return float((brute(row, plain, scores) * worth.double().numpy()[np.array(CANVASES)].sum(1)).sum())


def worth_of(guide):
    state, _, plain, _ = scene("bias", 0.0)
    return guide.prepare(context(2)).scores(plain, (), state, step_at(1.0, 2, T))[0, 0].clone()


@pytest.mark.parametrize("level", [0.3, 0.8, 1.4])
def test_the_mean_is_what_was_asked_for(level):
    count = Count("a")
    _, plain, scores = solved(Target(count, exactly=level))
    for row in range(2):
        got = mean(row, plain, scores, worth_of(count))
        want = max(level, 1.0) if row else level  # row 1 has an "a" written: it cannot have fewer
        assert math.isclose(got, want, abs_tol=0.02 if row and level <= 1.0 else 2e-3)


def test_a_bound_that_is_kept_already_costs_nothing_and_one_that_is_not_is_met():
    count = Count("[0-9]+")
    _, plain, nothing = solved(Target(count, at_least=0.0, at_most=10.0))
    assert not nothing.any()
    before = [mean(row, plain, nothing, worth_of(count)) for row in range(2)]
    _, _, fewer = solved(Target(count, at_most=min(before) - 0.2))
    _, _, more = solved(Target(count, at_least=max(before) + 0.2))
    for row in range(2):
        assert math.isclose(mean(row, plain, fewer, worth_of(count)), min(before) - 0.2, abs_tol=3e-3)
        assert math.isclose(mean(row, plain, more, worth_of(count)), max(before) + 0.2, abs_tol=3e-3)


def test_of_all_distributions_that_keep_the_bound_it_is_the_nearest():
    """Tilts of the same mean by other scores are further from p."""
    count = Count("a")
    _, plain, scores = solved(Target(count, exactly=0.8))
    p, q = brute(0, plain, torch.zeros_like(plain)), brute(0, plain, scores)
    live = p > 0
    worth = worth_of(count).double().numpy()[np.array(CANVASES)].sum(1)[live]
    p, q = p[live], q[live]
    rng = np.random.default_rng(0)
    for _ in range(20):
        other = q * np.exp(0.3 * rng.normal(size=len(q)))
        low, high = -20.0, 20.0
        for _ in range(60):  # tilt it back to the same mean
            middle = (low + high) / 2
            r = other * np.exp(middle * worth)
            low, high = (low, middle) if (r * worth).sum() / r.sum() > (q * worth).sum() else (middle, high)
        r = r / r.sum()
        assert (r * np.log(r / p)).sum() > (q * np.log(q / p)).sum() - 1e-9


@pytest.mark.parametrize("kl", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("name", ["classifier", "count", "bias"])
def test_the_distance_is_the_budget(name, kl):
    _, plain, scores = solved(Target(GUIDES[name], kl=kl, most=1e4))
    for row in range(2):
        p, q = brute(row, plain, torch.zeros_like(plain)), brute(row, plain, scores)
        live = q > 0
        got = float((q[live] * np.log(q[live] / p[live])).sum())
        assert math.isclose(got, kl, abs_tol=3e-3)


def test_two_bounds_hold_together():
    letters, digits = Count("a"), Count("[0-9]+")
    _, plain, scores = solved(Together(Target(letters, exactly=1.2), Target(digits, exactly=1.5)))
    for row in range(2):
        assert math.isclose(mean(row, plain, scores, worth_of(letters)), 1.2, abs_tol=5e-3)
        assert math.isclose(mean(row, plain, scores, worth_of(digits)), 1.5, abs_tol=5e-3)


def test_a_sum_of_counts_is_held_to_a_number_with_what_is_written():
    both = Count("a") + 2.0 * Count("b")
    worth = worth_of(Count("a")) + 2.0 * worth_of(Count("b"))
    _, plain, scores = solved(Target(both, exactly=1.6))
    for row in range(2):
        assert math.isclose(mean(row, plain, scores, worth), 1.6, abs_tol=4e-3)


def test_out_of_reach_is_the_end_of_the_range():
    _, _, scores = solved(Target(Count("a"), exactly=50.0, most=7.0))
    assert scores.max() == 7.0
    _, _, scores = solved(Target(Count("a"), exactly=-50.0, most=7.0))
    assert scores.min() == -7.0


def test_a_classifiers_level_is_its_log_probability():
    """To first order about the mean canvas: with all positions written it is log p(label) itself."""
    classifier = GUIDES["classifier"]
    state, _, plain, _ = scene("bias", 0.0)
    done = state.write(state.open, torch.tensor([CANVASES[0]]).expand(2, -1))
    level = classifier.prepare(context(2)).level(plain, (), done, step_at(1.0, 2, T))
    network = classifier.classifier
    want = network(network.embed(done.tokens, done.open))[:, 0]
    assert torch.allclose(level.float(), want, atol=1e-5)


@pytest.mark.parametrize(
    "wanted",
    [{}, {"exactly": 1.0, "kl": 1.0}, {"at_least": 2.0, "at_most": 1.0}, {"kl": -1.0}, {"exactly": 1.0, "most": 0.0}]
    + [{"exactly": math.nan}, {"kl": math.inf}, {"at_most": "1"}],
)
def test_a_target_says_one_thing_in_finite_numbers(wanted):
    with pytest.raises(InputError):
        Target(Count("a"), **wanted)


def test_what_cannot_be_a_target_is_refused():
    with pytest.raises(InputError, match="not about a field"):
        Target(on_field("a", Count("a")), exactly=1.0).prepare(context())
    for whole in (Target(Count("a"), exactly=1.0), Together(Target(Count("a"), exactly=1.0))):
        with pytest.raises(InputError, match="not about a field"):
            on_field("a", whole).prepare(context())
    with pytest.raises(InputError, match="a target takes a guide, not a function"):
        Target(lambda logits, state, step: logits, exactly=1.0)
    for wrong in ((), (Count("a"),), (Target(Count("a"), kl=1.0),)):
        with pytest.raises(InputError, match="solved together"):
            Together(*wrong)


@pytest.mark.parametrize("most", [0.5, 100.0])
def test_roots_of_growing_functions(most):
    roots = torch.tensor([0.0, 0.01, 0.3, 1.0, 7.0, 60.0, 500.0], dtype=torch.float64)

    def function(s):
        return torch.sinh(s / 20) - torch.sinh(roots / 20)

    found = root(function, function(torch.zeros_like(roots)), most, 1e-6)
    assert torch.allclose(found, roots.clamp(max=most), atol=1e-4)


def test_the_front_door_writes_about_as_many_as_asked_for():
    model, form = cd.from_pretrained(), cd.Regex(r"[a-z0-9 ]{8,16}")
    counts = []
    for wanted in (0.0, 6.0):
        results = model(
            ["Write a review of the kettle.", "Review the lamp."],
            form,
            steps=6,
            guidance=[Target(Count("[0-9]"), exactly=wanted)],
            temperature=1.0,
            max_new_tokens=20,
        )
        counts.append(sum(sum(letter.isdigit() for letter in one.raw) for one in results) / 2)
        assert all(one.raw in form for one in results)
    assert counts[0] <= 0.5 and 4 <= counts[1] <= 8
