"""One suite per protocol. Whatever implements it, ours or yours, passes it: import the function and give it yours."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
import torch

from ctrldiff.protocols import (
    Asks,
    Begins,
    CommitPolicy,
    Constraint,
    Denoiser,
    EditPolicy,
    Growth,
    Move,
    Observer,
    Posterior,
    Proposer,
    RevisePolicy,
    Schedule,
    StopRule,
)
from ctrldiff.state import ATTENTION, State, Step
from ctrldiff.tokens.vocabulary import Vocabulary
from tests.cases import (
    CLOCKS,
    COMMITS,
    CONSTRAINTS,
    EDIT_NOTES,
    EDITS,
    GROWS,
    LENGTH,
    MAY_WAIT,
    NOTES,
    OBSERVERS,
    PROPOSERS,
    REVISES,
    SCHEDULES,
    STOPS,
    bound,
    hard_state,
)
from tests.conftest import MASK, NOISES, PAD, STOP, VOCABULARY, logits_like, toy


def scene(name: str, share: float = 0.3) -> tuple[State, Posterior, torch.Tensor, Step]:
    """Halfway through a decode: some positions are held, the posterior is bound, a completion is proposed."""
    state, constraint = hard_state(name), bound(name, 3)
    first = constraint.bind(logits_like(state, 0), state)
    early = torch.rand(state.shape, generator=torch.Generator().manual_seed(1)) < share
    confidence = torch.linspace(0.05, 0.99, LENGTH).expand(3, -1)
    state = state.write(early, first.map(), confidence).snapshot()
    posterior = constraint.bind(logits_like(state, 2), state)
    steps = torch.full((3,), 5)
    quota, last = torch.full((3,), 2), torch.zeros(3, dtype=torch.bool)
    return state, posterior, posterior.map(), Step(torch.ones_like(steps), steps, state.open, quota, last)


def unchanged(state: State, before: State) -> bool:
    names = ("tokens", "status", "held_at", "forwards")
    return all(torch.equal(getattr(state, name), getattr(before, name)) for name in names)


def check_denoiser(denoiser: Denoiser, state: State, banned: list[int]) -> None:
    noisy = denoiser.noise(state)
    assert torch.equal(noisy.tokens[~state.open], state.tokens[~state.open]), "noise only where open"
    assert torch.equal(noisy.status, state.status)
    logits = denoiser(noisy)
    assert logits.shape == (*state.shape, denoiser.vocabulary.size) and logits.dtype.is_floating_point
    live = logits[~noisy.done]
    assert not live.isnan().any() and (live < torch.inf).all() and (live[..., banned] == -torch.inf).all()
    assert torch.equal(denoiser(noisy), logits), "the same canvas, the same logits"
    assert torch.allclose(denoiser(noisy.gather([1]))[0], logits[1], atol=1e-5), "a row does not see its batch"
    later = denoiser.observe(noisy, logits)
    assert torch.equal(later.tokens, noisy.tokens) and torch.equal(later.status, noisy.status), (
        "only its memory changes"
    )
    assert all(value.shape[0] == state.shape[0] for value in later.memory.values())


@dataclass
class Asked:
    """Somebody to ask for more than a step, on the `scene` of a constraint."""

    name: str
    step: Step
    settled: torch.Tensor | None = None
    vocabulary: Vocabulary = VOCABULARY

    def __call__(self, states: Sequence[State]) -> list[torch.Tensor]:
        return [logits_like(state, 6) for state in states]

    def bind(self, logits: torch.Tensor, state: State) -> Posterior:
        return bound(self.name, 3).bind(logits, state)

    def other(self, rows: torch.Tensor) -> None:
        assert rows.dtype == torch.bool and rows.shape == (3,)

    def settle(self, where: torch.Tensor) -> None:
        assert where.dtype == torch.bool and where.shape == self.step.window.shape
        assert not (where & ~self.step.window).any(), "only inside the window"
        self.settled = where


def told(policy: Any, asked: Asked) -> Any:
    """The policy with somebody to ask, if it asks."""
    return policy.asking(asked) if isinstance(policy, Asks) else policy


def check_commit(commit: CommitPolicy, name: str, notes: Sequence[Begins] = (), may_wait: bool = False) -> None:
    """notes: the observers that the policy reads.   may_wait: it may write nothing in a step."""
    state, posterior, tokens, step = scene(name)
    commit = told(commit, Asked(name, step, settled=torch.arange(LENGTH).expand(3, -1) % 3 == 1))
    rows, length = state.shape
    looks = torch.rand(rows, length, length, generator=torch.Generator().manual_seed(4))
    state = state.remember(**{ATTENTION: looks / looks.sum(dim=-1, keepdim=True)})  # for those that ask for it
    for note in notes:
        state = note.begin(state)
    before = state.snapshot()
    for window in (state.open, state.open & (torch.arange(LENGTH) % 3 != 0), torch.zeros_like(state.open)):
        here = Step(step.index, step.steps, window, step.quota, step.last)
        where = commit(posterior, tokens, state.snapshot(), here)
        assert where.dtype == torch.bool and where.shape == state.shape
        assert not (where & ~window).any(), "only inside the window"
        assert may_wait or torch.equal(where.any(dim=1), window.any(dim=1)), "every row that can move does"
        assert posterior.feasible(tokens, where).all()
        assert torch.equal(commit(posterior, tokens, state.snapshot(), here), where), "a function of its arguments"
    assert unchanged(state, before)


def check_schedule(schedule: Schedule, state: State, notes: Sequence[Begins] = ()) -> None:
    """notes: the observers that the schedule reads."""
    for note in notes:
        state = note.begin(state)
    budget = schedule.budget(state)
    assert budget.shape == (state.shape[0],) and budget.dtype == torch.int64 and (budget >= 1).all()
    state = state.begin(budget)
    for index in range(int(budget.max())):
        step = schedule(state)
        assert (step.index == index).all() and torch.equal(step.steps, budget)
        assert step.window.dtype == step.last.dtype == torch.bool and step.quota.dtype == torch.int64
        assert not (step.window & ~state.open).any(), "only what is open"
        assert torch.equal(step.window.any(dim=1), ~state.done), "every row that is not done has a window"
        assert (step.quota >= 0).all() and step.last[index + 1 >= budget].all()
        assert ((step.time >= 0) & (step.time <= 1)).all()
        state = state.write(step.window & (step.window.cumsum(1) <= step.quota[:, None]), state.tokens)
        state = replace(state, step=state.step + 1)
    assert state.done.all(), "writing each quota fills the canvas within the budget"


def check_proposer(propose: Proposer, name: str) -> None:
    state, posterior, _, step = scene(name)
    propose = told(propose, Asked(name, step))
    tokens = propose(posterior, state.snapshot())
    assert tokens.shape == state.shape and tokens.dtype == torch.int64
    assert posterior.feasible(tokens, torch.ones_like(state.open)).all(), "one whole legal completion"
    assert torch.equal(tokens[~state.open], state.tokens[~state.open]), "what is written stays"
    assert torch.equal(propose(posterior, state.snapshot()), tokens), "the generators decide, nothing else"


def check_revise(revise: RevisePolicy, name: str) -> None:
    state, posterior, _, step = scene(name, share=0.7)
    revise = told(revise, Asked(name, step))
    before = state.snapshot()
    where = revise(posterior, state, step)
    assert where.dtype == torch.bool and where.shape == state.shape
    assert bound(name, 3).bind(logits_like(state, 4), state.reopen(where)).map().shape == state.shape
    assert unchanged(state, before)


def check_edit(edit: EditPolicy, name: str, notes: Sequence[Begins] = ()) -> None:
    """notes: the observers that the policy reads."""
    state, _, _, step = scene(name, share=0.7)
    for note in notes:
        state = note.begin(state)
    edit = told(edit, Asked(name, step))
    before, logits = state.snapshot(), logits_like(state, 5)
    where = edit(logits, state, step)
    assert where.dtype == torch.bool and where.shape == state.shape
    assert torch.equal(edit(logits, state, step), where), "a function of its arguments"
    cleared = state.clear(where)
    assert torch.equal(cleared.tokens, state.tokens) and torch.equal(cleared.cleared, where & state.held)
    posterior = bound(name, 3).bind(logits_like(state, 4), cleared)
    tokens = posterior.map()
    assert posterior.feasible(tokens, torch.ones_like(where)).all(), "clearing leaves a completion of what stays"
    assert torch.equal(tokens[~cleared.open], state.tokens[~cleared.open])
    assert unchanged(state, before)


def check_stop(stop: StopRule, name: str) -> None:
    state, posterior, _, step = scene(name)
    ends = stop(posterior, state, step)
    assert ends.dtype == torch.bool and ends.shape == (3,)


def check_constraint(constraint: Constraint, state: State) -> None:
    settled = constraint.settle(state)
    assert not (settled.open & ~state.open).any(), "settling only writes"
    assert torch.equal(settled.tokens[~state.open], state.tokens[~state.open])
    again = constraint.settle(settled)
    assert torch.equal(again.written, settled.written), "settling twice is settling once"
    for seed in range(3):
        best = constraint.bind(logits_like(state, seed), state).map()
        assert torch.equal(best[~settled.open], settled.tokens[~settled.open]), "whatever the logits"


def check_posterior(posterior: Posterior, state: State) -> None:
    marginals, everything = posterior.marginals(), torch.ones_like(state.open)
    assert torch.allclose(marginals.sum(dim=-1), torch.ones(state.shape), atol=1e-5)
    best = posterior.map()
    assert posterior.feasible(best, everything).all()
    assert torch.allclose(posterior.confidence(best), marginals.gather(-1, best[..., None])[..., 0], atol=1e-6)
    assert torch.allclose(posterior.margin(), marginals.topk(2).values @ torch.tensor([1.0, -1.0]), atol=1e-5)
    surprise = torch.special.entr(marginals).sum(dim=-1)
    assert torch.allclose(posterior.entropy(), surprise.to(posterior.entropy().dtype), atol=1e-4)
    three = posterior.map(3)
    found = (three >= 0).all(dim=-1)  # a row with fewer than three members has -1 in the rest
    scores = torch.stack([posterior.score(three[:, n].clamp(min=0)) for n in range(3)], dim=1)
    assert torch.equal(three[:, 0], best)
    assert ((scores[:, 1:] <= scores[:, :-1] + 1e-6) | ~found[:, 1:]).all()
    drawn = posterior.sample(5, seed=1)
    assert torch.equal(drawn, posterior.sample(5, seed=1)) and drawn.shape == (state.shape[0], 5, state.shape[1])
    for tokens in drawn.unbind(dim=1):
        assert posterior.feasible(tokens, everything).all()
        part = torch.arange(state.shape[1]) % 2 == 0
        keep = part.expand(state.shape)
        chance = (posterior.log_z_given(tokens, keep) - posterior.log_z()).exp()
        assert ((chance > 0) & (chance <= 1 + 1e-6)).all()
        rest = posterior.clamp(tokens, keep).score(tokens)
        assert torch.allclose(rest + chance.log(), posterior.score(tokens), atol=1e-5), "the chain rule"
    forced = posterior.forced()
    assert (posterior.confidence(best)[forced] > 1 - 1e-6).all() and forced[~state.open].all()


def check_observer(observer: Observer, name: str) -> None:
    """It writes nothing; what it notes is in the memory, a row a row; and another of its kind notes the same."""
    state, posterior, tokens, step = scene(name)
    if isinstance(observer, Begins):
        state = observer.begin(state)
    wrote = state.open & (torch.arange(state.shape[1]) % 2 == 0)
    after = state.write(wrote, tokens).recall(tokens)
    logits = logits_like(state, 5)
    move = Move(state, posterior, wrote, logits, lambda: logits, lambda processor: logits)
    before, rngs = after.snapshot(), copy.deepcopy([rng.bit_generator.state for rng in after.rngs])
    once = observer(move, after, step)
    assert unchanged(once, before) and [rng.bit_generator.state for rng in once.rngs] == rngs
    again = copy.deepcopy(observer)(move, after, step)
    for key, value in once.memory.items():
        assert len(value) == state.shape[0] and torch.equal(value.nan_to_num(), again.memory[key].nan_to_num())
    twice = observer(move, once, step).gather([1, 0])
    assert all(len(value) == 2 for value in twice.memory.values())


def check_growth(growth: Growth, name: str) -> None:
    """What is written stays, in its order; a row has no more room than it was given, and something legal fits it."""
    constraint, start = bound(name, 3), hard_state(name)
    state = growth.begin(constraint.settle(start.snapshot()), constraint)
    state = state.begin(torch.full((3,), 20))
    for seed in range(4):
        posterior = constraint.bind(logits_like(state, seed), state)
        tokens, step = posterior.map(), Step(state.step, state.steps, state.open, state.step, state.done)
        wrote = state.open & (torch.arange(LENGTH) % 3 == 0)
        logits = logits_like(state, seed)
        after = state.write(wrote, tokens, posterior.confidence(tokens)).recall(tokens)
        move = Move(state, posterior, wrote, logits, lambda logits=logits: logits, lambda one, logits=logits: logits)
        later = growth(move, after, step, constraint)
        constraint.settle(later)  # raises where nothing fits
        assert later.shape == start.shape and (later.lengths <= start.lengths).all()
        first = state.memory.get("grow: first stage", torch.zeros(3, dtype=torch.bool))
        for row in range(3):
            kept = [[int(t) for t in one.tokens[row][~one.open[row]] if t not in (STOP, PAD)] for one in (after, later)]
            assert kept[0] == kept[1] or first[row], "nothing written is lost, or moves past what else is"
        state = replace(later, step=later.step + 1)


SOME = ["free", "alternatives", "schema"]


@pytest.mark.parametrize("noise", NOISES)
def test_denoisers(noise):
    check_denoiser(toy(noise), hard_state("alternatives"), [MASK, PAD])


@pytest.mark.parametrize("name", SOME)
@pytest.mark.parametrize("commit", COMMITS)
def test_commit_policies(commit, name):
    check_commit(COMMITS[commit], name, NOTES.get(commit, ()), commit in MAY_WAIT)


@pytest.mark.parametrize("name", SOME)
@pytest.mark.parametrize("growth", GROWS)
def test_growths(growth, name):
    check_growth(GROWS[growth], name)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_schedules(schedule):
    for state in (hard_state("free"), scene("alternatives")[0]):
        check_schedule(SCHEDULES[schedule], state, CLOCKS.get(schedule, ()))


@pytest.mark.parametrize("name", SOME)
@pytest.mark.parametrize("propose", PROPOSERS)
def test_proposers(propose, name):
    check_proposer(PROPOSERS[propose], name)


@pytest.mark.parametrize("name", SOME)
@pytest.mark.parametrize("revise", REVISES)
def test_revise_policies(revise, name):
    check_revise(REVISES[revise], name)


@pytest.mark.parametrize("name", SOME)
@pytest.mark.parametrize("edit", EDITS)
def test_edit_policies(edit, name):
    check_edit(EDITS[edit], name, EDIT_NOTES.get(edit, ()))


@pytest.mark.parametrize("name", SOME)
@pytest.mark.parametrize("stop", STOPS)
def test_stop_rules(stop, name):
    check_stop(STOPS[stop], name)


@pytest.mark.parametrize("name", CONSTRAINTS)
def test_constraints(name):
    check_constraint(bound(name, 3), hard_state(name))


@pytest.mark.parametrize("name", CONSTRAINTS)
def test_posteriors(name):
    state, posterior, _, _ = scene(name)
    check_posterior(posterior, state)


@pytest.mark.parametrize("name", SOME)
@pytest.mark.parametrize("observer", OBSERVERS)
def test_observers(observer, name):
    check_observer(OBSERVERS[observer](name), name)


def test_generators_are_numpys():
    assert all(isinstance(rng, np.random.Generator) for rng in hard_state("free").rngs)
