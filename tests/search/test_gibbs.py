"""Particle Gibbs leaves the enumerated target as it is, with few canvases; variants of it do not."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch

import ctrldiff.search.gibbs as gibbs
from ctrldiff.constraints.basic import Regex
from ctrldiff.errors import InputError
from ctrldiff.sampling.commit import TopK
from ctrldiff.sampling.schedules import Linear
from ctrldiff.search.gibbs import ParticleGibbs
from ctrldiff.search.particles import Particles
from tests.conftest import toy
from tests.search.fakes import begin, count_a, left_to_right, run_of, tilted
from tests.search.test_particles import towards_b

LANGUAGE, LENGTH = Regex("(a|b){1,3}"), 4  # three tokens and the end: four positions
LEFTMOST = {"commit": TopK("position"), "schedule": Linear()}
STRENGTH = 1.5


def law(reward=count_a):
    base = left_to_right(LANGUAGE, LENGTH, toy(seed=5), constrained=False)
    return tilted(base, reward, STRENGTH)[1]


def distance(search, rows, truth, **how):
    """Total variation of so many answers to the target."""
    found = search(run_of(rows * search.n, LANGUAGE, **{**LEFTMOST, **how}), begin(rows, search.n, LENGTH, seed=2))
    drawn = [tuple(ids) for ids in found.state.tokens[found.chosen].tolist()]
    assert set(drawn) <= set(truth) and found.state.done.all()
    return 0.5 * sum(abs(drawn.count(x) / rows - p) for x, p in truth.items())


GIBBS = ParticleGibbs(count_a, 2, sweeps=10, strength=STRENGTH, completions=1)


def test_its_stationary_law_is_the_target_and_that_of_two_canvases_is_not():
    """Chance alone is about .06."""
    truth = law()
    assert sum(p > 0.1 for p in truth.values()) == 3
    assert distance(GIBBS, 120, truth) < 0.12
    assert distance(Particles(count_a, 2, strength=STRENGTH, completions=1), 300, truth) > 0.2


@pytest.mark.slow
@pytest.mark.parametrize(
    ("how", "guidance"),
    [
        ({"every": 2, "sweeps": 12}, []),
        ({"ess": 1.0, "sweeps": 12}, []),
        ({"n": 3, "completions": 3, "sweeps": 16}, [towards_b]),  # a guide that misleads: two canvases want 60 sweeps
    ],
    ids=["every other step", "resampled whenever weights differ", "guided"],
)
def test_whatever_its_knobs_are_it_is_the_target(how, guidance):
    assert distance(replace(GIBBS, **how), 150, law(), guidance=guidance) < 0.12


def weightless(state, retained, alive, n):
    """Wrong: the retained canvas brings no weight of its own."""
    return TOLD(state, replace(retained, log_weight=torch.zeros_like(retained.log_weight)), alive, n)


TOLD = gibbs._told


def test_a_retained_canvas_without_its_weights_is_told_apart(monkeypatch):
    monkeypatch.setattr(gibbs, "_told", weightless)
    assert distance(GIBBS, 120, law()) > 0.18


def test_the_retained_canvas_goes_the_way_it_went(monkeypatch):
    """The first of each group is the answer of the sweep before, token for token, with the weights it had."""
    ways, ends = [], []

    def sweep(self, run, score, state, way):
        state, pick, way = SWEEP(self, run, score, state, way)
        ways.append(way)
        ends.append((state, pick))
        return state, pick, way

    monkeypatch.setattr(ParticleGibbs, "_sweep", sweep)
    search = replace(GIBBS, n=3, ess=1.0, sweeps=4)
    search(run_of(8 * 3, LANGUAGE, **LEFTMOST), begin(8, 3, LENGTH, seed=3))
    for (before, pick), (after, _) in pairwise(ends):
        assert torch.equal(after.tokens[::3], before.tokens[pick])
    for way, (state, pick) in zip(ways, ends):
        assert torch.equal(way.steps[-1].tokens, state.tokens[pick]) and way.alive.all()
        for one, later in zip(way.steps, way.steps[1:]):
            assert (later.open <= one.open).all() and torch.equal(later.tokens[one.held], one.tokens[one.held])


SWEEP = ParticleGibbs._sweep


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_what_weighs_nothing_is_not_retained():
    """A row whose decodes all ended begins anew in the next sweep; one that has a way keeps it."""

    def short(texts):
        return [1.0 if len(one) < 3 else np.nan for one in texts]

    def ended(sweeps):
        search = ParticleGibbs(short, 2, sweeps=sweeps, strength=1.0, every=9)
        found = search(run_of(40, LANGUAGE, **LEFTMOST), begin(20, 2, LENGTH))
        return (found.state.log_weight.numpy().reshape(20, 2) == -np.inf).all(1)

    first, later = ended(1), ended(4)
    assert first.any() and not first.all()
    assert (later <= first).all() and later.sum() < first.sum()


@pytest.mark.parametrize("how", [{"sweeps": 0}, {"n": 0}, {"ess": 2.0}, {"target": "both"}, {"every": 0}], ids=str)
def test_what_makes_no_sense_is_refused_by_name(how):
    with pytest.raises(InputError, match=next(iter(how))):
        ParticleGibbs(count_a, **how)
