"""Laws of search: whatever is searched for, and however strongly, every canvas is complete and legal, and a row's
search does not depend on its batch."""

import numpy as np
import pytest
import torch

import ctrldiff.search
from ctrldiff.errors import InputError
from ctrldiff.sampling.commit import Everything, Renoise, Rewrite, Threshold, TopK
from ctrldiff.sampling.constrain import GapsFirst, LeftmostFirst
from ctrldiff.sampling.edit import Disagree, Reconsider
from ctrldiff.sampling.hurried import HURRIED, NoteHurried
from ctrldiff.sampling.legal import LEGAL, NoteLegal
from ctrldiff.sampling.plan import Plan
from ctrldiff.sampling.propose import Best, Weighed
from ctrldiff.sampling.revise import LeastConfident
from ctrldiff.sampling.schedules import Blocks, Linear
from ctrldiff.sampling.stop import Settled
from ctrldiff.search.agree import MinimumRisk, Vote
from ctrldiff.search.ahead import Ahead
from ctrldiff.search.back import BackAndRefine
from ctrldiff.search.best_of import BestOfN
from ctrldiff.search.branches import Branches
from ctrldiff.search.gibbs import ParticleGibbs
from ctrldiff.search.info_gain import InfoGain
from ctrldiff.search.medal import Medal
from ctrldiff.search.particles import Particles
from ctrldiff.search.refine import Refine
from ctrldiff.search.run import Run, Search
from ctrldiff.search.thoughts import Thoughts
from ctrldiff.search.tolerate import Tolerator
from ctrldiff.search.tree_edits import TreeEdits
from ctrldiff.search.value import ValueDecoding
from ctrldiff.search.voting import DVoting
from tests.cases import CONSTRAINTS, bound, hard_state, legal, odd
from tests.conftest import NOISES, few, text, toy
from tests.guidance.fakes import context


def liking(texts):
    return [one.count("a") - one.count("1") for one in texts]


def searches(strength):
    return {
        "best of n": BestOfN(liking, 2),
        "soft best of n": BestOfN(liking, 2, strength=strength),
        "ahead": Ahead(2),
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
        "info gain": InfoGain(3),
        "medal": Medal(2, 2, actions=3, each=2, rounds=5),
        "d-voting": DVoting(3, share=0.5, tail=0.0),
        "gibbs": ParticleGibbs(liking, 2, sweeps=2, strength=strength, ess=1.0, completions=2),
        "gibbs of the sampler": ParticleGibbs(liking, 2, sweeps=2, strength=strength, target="sampler"),
        "tree edits": TreeEdits(liking, rounds=3, size=3, n=2),
        "refine": Refine(liking, rounds=3, width=3, proposals=2, strength=strength),
    }


UNREWARDED = ("weights alone", "tolerator", "branches", "info gain", "ahead", "back and refine", "thoughts")


def test_no_search_is_missing():
    shipped = {value for name in ctrldiff.search.__all__ if hasattr(value := getattr(ctrldiff.search, name), "n")}
    assert shipped - {Search} <= {type(one) for one in searches(1.0).values()}


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
        assert stays(result, start), "what was given stays"
        assert not np.isnan(result.rewards[state.log_weight > -np.inf]).any() or name in UNREWARDED
        assert (result.chosen // (state.shape[0] // 3) == np.arange(3)).all() and (result.forwards >= 0).all()
        assert (state.log_weight[result.chosen] > -np.inf).all() and ((result.ess >= 1) & (result.ess <= 4)).all()


def stays(result, start):
    """What was given stands in every canvas; a search may have more of them than it is given at a time."""
    given = start.gather(np.repeat(np.arange(start.shape[0]), result.state.shape[0] // start.shape[0]))
    return torch.equal(result.state.tokens[~given.open], given.tokens[~given.open])


OTHERS = {
    "edit": {"edit": Disagree(0.2), "commit": Rewrite(TopK("margin"))},
    "reconsider": {"edit": Reconsider(), "commit": Renoise(Threshold(0.6)), "schedule": Linear(4)},
    "revise": {"revise": LeastConfident(2, 0.9), "schedule": Linear(12)},
    "stop": {"stop": Settled(2.0)},
    "weighed": {"propose": Weighed(odd)},
    "finish": {"finish": Best(), "schedule": Linear(2), "commit": TopK("margin")},
    "leftmost first": {"constrain": LeftmostFirst},
    "gaps first": {"constrain": GapsFirst},
}
WEIGHED = ("particles", "weights alone", "gibbs")  # whose weights are exact, and mean nothing under most of these


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
        assert stays(result, start)


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
        n = alone.state.shape[0]
        own = slice(row * n, (row + 1) * n)
        assert torch.equal(alone.state.tokens, together.state.tokens[own])
        assert torch.allclose(alone.state.log_weight, together.state.log_weight[own])
        assert alone.chosen[0] + row * n == together.chosen[row]
        assert alone.forwards[0] == together.forwards[row]


@pytest.mark.parametrize("name", searches(1.0))
def test_what_is_noted_of_a_token_is_of_the_token_that_stands(name):
    """Whatever a search puts in its place, or moves there: how sure it was when the steps were over, and no other."""
    notes, hurried = [NoteLegal(), NoteHurried()], 0
    for constraint, noise in (("alternatives", "mask"), ("text", "uniform"), ("free", "mask")):
        result, _ = found(searches(3.0)[name], constraint, noise, schedule=Linear(2), observers=notes)
        state = result.state
        mass, rushed = state.memory[LEGAL], state.memory[HURRIED]
        told = ~rushed.isnan()
        assert torch.equal(rushed[told], state.held_confidence[told]) and not mass[told].isnan().any()
        assert (state.held | (mass.isnan() & rushed.isnan())).all()
        assert not mass[state.held & (state.held_confidence < 0.999)].isnan().any()
        hurried += int(told.sum())
    assert hurried or name in ("tolerator", "info gain")  # one writes all of it anew, the other chooses all of it
