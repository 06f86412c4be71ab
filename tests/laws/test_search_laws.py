"""Laws of search: whatever is searched for, and however strongly, every canvas is complete and legal, and a row's
search does not depend on its batch."""

import numpy as np
import pytest
import torch

from ctrldiff.errors import InputError
from ctrldiff.sampling.commit import Everything, Renoise, Rewrite, Threshold, TopK
from ctrldiff.sampling.constrain import LeftmostFirst
from ctrldiff.sampling.edit import Disagree, Reconsider
from ctrldiff.sampling.plan import Plan
from ctrldiff.sampling.propose import Best
from ctrldiff.sampling.revise import LeastConfident
from ctrldiff.sampling.schedules import Blocks, Linear
from ctrldiff.sampling.stop import Settled
from ctrldiff.search.agree import MinimumRisk, Vote
from ctrldiff.search.back import BackAndRefine
from ctrldiff.search.best_of import BestOfN
from ctrldiff.search.branches import Branches
from ctrldiff.search.particles import Particles
from ctrldiff.search.refine import Refine
from ctrldiff.search.run import Run
from ctrldiff.search.thoughts import Thoughts
from ctrldiff.search.tolerate import Tolerator
from ctrldiff.search.value import ValueDecoding
from tests.cases import CONSTRAINTS, bound, hard_state, legal
from tests.conftest import NOISES, few, text, toy
from tests.guidance.fakes import context


def liking(texts):
    return [one.count("a") - one.count("1") for one in texts]


def searches(strength):
    return {
        "best of n": BestOfN(liking, 2),
        "vote": Vote(3),
        "minimum risk": MinimumRisk(3),
        "particles": Particles(liking, n=3, strength=strength, ess=1.0, completions=2),
        "particles of the sampler": Particles(liking, n=2, strength=strength, every=2, target="sampler"),
        "weights alone": Particles(n=2),
        "values": ValueDecoding(liking, candidates=3, strength=strength),
        "tolerator": Tolerator(3),
        "back and refine": BackAndRefine(0.7, 0.5),
        "thoughts": Thoughts((1, 10, 11)),
        "branches": Branches(2),
        "refine": Refine(liking, rounds=3, width=3, proposals=2, strength=strength),
    }


UNREWARDED = ("weights alone", "tolerator", "branches", "back and refine", "thoughts")

PLANS = [
    {},
    {"commit": Everything(), "schedule": Linear(1)},
    {"commit": TopK("margin"), "schedule": Linear(3)},
    {"commit": Threshold(0.6), "schedule": Blocks(3)},
]


def found(search, name, noise, rows=(0, 1, 2), **how):
    start = hard_state(name).gather(list(rows)).fork(search.n)
    constraint, denoiser = bound(name, start.shape[0]), toy(noise)
    if constraint is not None and hasattr(constraint, "tables"):
        assert len(constraint.tables) == start.shape[0]
    told = context(start.shape[0], denoiser, constraint=constraint)
    plan = Plan.searching().but(processors=(), **how)
    run = Run(denoiser, plan, plan.constrain(constraint), told)
    return search(run, start), start


@pytest.mark.parametrize("strength", few([1.0, 100.0, -100.0], 1))
@pytest.mark.parametrize("name", searches(1.0))
def test_every_canvas_is_complete_and_legal_at_every_strength(name, strength):
    for n, constraint in enumerate(CONSTRAINTS):
        result, start = found(searches(strength)[name], constraint, NOISES[n % 2], **PLANS[n % 4])
        state = result.state
        assert state.done.all() and all(legal(constraint, text(row)) for row in state.tokens)
        assert torch.equal(state.tokens[~start.open], start.tokens[~start.open]), "what was given stays"
        assert not np.isnan(result.rewards).any() or name in UNREWARDED
        assert (result.chosen // searches(1.0)[name].n == np.arange(3)).all() and (result.forwards >= 0).all()


OTHERS = {
    "edit": {"edit": Disagree(0.2), "commit": Rewrite(TopK("margin"))},
    "reconsider": {"edit": Reconsider(), "commit": Renoise(Threshold(0.6)), "schedule": Linear(4)},
    "revise": {"revise": LeastConfident(2, 0.9), "schedule": Linear(12)},
    "stop": {"stop": Settled(2.0)},
    "finish": {"finish": Best(), "schedule": Linear(2), "commit": TopK("margin")},
    "leftmost first": {"constrain": LeftmostFirst},
}
WEIGHED = ("particles", "weights alone")  # whose weights are exact, and mean nothing under most of these


@pytest.mark.parametrize("part", OTHERS)
@pytest.mark.parametrize("name", searches(1.0))
def test_a_search_goes_with_every_part_of_a_plan_or_says_that_its_weights_do_not(name, part):
    search = searches(1.0)[name]
    if name in WEIGHED and part != "stop":
        with pytest.raises(InputError, match="exact weights and"):
            found(search, "alternatives", "mask", **OTHERS[part])
        return
    for constraint, noise in (("alternatives", "mask"), ("schema", "uniform"), ("free", "mask")):
        how = dict(OTHERS[part])
        result, start = found(search, constraint, noise, **how)
        assert result.state.done.all() and all(legal(constraint, text(row)) for row in result.state.tokens)
        assert torch.equal(result.state.tokens[~start.open], start.tokens[~start.open])


def test_moves_that_keep_a_distribution_want_the_exact_posterior():
    search = Refine(liking, rounds=1, choose="draw")
    assert found(search, "alternatives", "mask")[0].state.done.all()
    with pytest.raises(InputError, match="constrain="):
        found(search, "alternatives", "mask", constrain=LeftmostFirst)


@pytest.mark.parametrize("noise", NOISES)
@pytest.mark.parametrize("name", searches(1.0))
def test_a_row_is_searched_alone_as_in_its_batch(name, noise):
    search = searches(2.0)[name]
    together, _ = found(search, "alternatives", noise)
    for row in (0, 2):
        alone, _ = found(search, "alternatives", noise, rows=[row])
        own = slice(row * search.n, (row + 1) * search.n)
        assert torch.equal(alone.state.tokens, together.state.tokens[own])
        assert torch.allclose(alone.state.log_weight, together.state.log_weight[own])
        assert alone.chosen[0] + row * search.n == together.chosen[row]
