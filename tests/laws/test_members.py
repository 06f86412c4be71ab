"""Law X1, end to end: whatever is committed when, the decode is a member of the language and keeps what was given."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import combinations, cycle, product
from random import Random

import pytest
import torch

from ctrldiff.protocols import Ask, Asks, CommitPolicy, Posterior
from ctrldiff.sampling.constrain import FREE
from ctrldiff.sampling.loop import sample
from ctrldiff.sampling.recompute import Recomputed
from ctrldiff.state import State, Status, Step
from tests.cases import (
    CLOCKS,
    COMMITS,
    CONSTRAINTS,
    MAY_WAIT,
    NOTES,
    PROPOSERS,
    REVISES,
    SCHEDULES,
    STOPS,
    bound,
    hard_state,
    legal,
)
from tests.conftest import NOISES, logits_like, text, toy


@dataclass(frozen=True)
class Witness:
    """A commit policy that checks what the policy inside it says."""

    inner: CommitPolicy
    may_wait: bool

    def asking(self, ask: Ask) -> CommitPolicy:
        return Witness(self.inner.asking(ask), self.may_wait) if isinstance(self.inner, Asks) else self

    def __call__(self, posterior: Posterior, tokens: torch.Tensor, state: State, step: Step) -> torch.Tensor:
        where = self.inner(posterior, tokens, state, step)
        may = state.open & step.window
        assert where.dtype == torch.bool and where.shape == state.shape
        assert not (where & ~may).any(), "only open positions of the window are written"
        assert (where.any(dim=1) | ~may.any(dim=1) | (step.quota == 0)).all() or self.may_wait, "every row moves"
        return where


def decode(name: str, noise: str, commit: str, schedule: str, propose: str, revise: str, stop: str) -> State:
    start = hard_state(name)
    state = sample(
        toy(noise),
        start,
        constraint=bound(name, 3),
        schedule=SCHEDULES[schedule],
        propose=PROPOSERS[propose],
        commit=Witness(COMMITS[commit], commit in MAY_WAIT),
        revise=REVISES[revise],
        stop=STOPS[stop],
        observers=(*NOTES.get(commit, ()), *CLOCKS.get(schedule, ())),
    )
    assert state.done.all() and (state.step <= SCHEDULES[schedule].budget(start)).all()
    asks = isinstance(REVISES[revise], Asks) or isinstance(PROPOSERS[propose], Recomputed)
    assert asks or (state.forwards <= SCHEDULES[schedule].budget(start)).all()
    for status in (Status.FIXED, Status.PAD):
        kept = start.status == int(status)
        assert ((state.status == int(status)) == kept).all()
        assert (state.tokens[kept] == start.tokens[kept]).all()
    for row in range(3):
        assert legal(name, text(state.tokens[row])), (name, row, text(state.tokens[row]))
    assert ((state.held_confidence[state.held] > 0) & (state.held_confidence[state.held] <= 1)).all()
    assert ((state.held_at >= 0) == state.held).all()
    return state


@pytest.mark.parametrize("commit", COMMITS)
@pytest.mark.parametrize("name", ["free", "alternatives"])
def test_every_policy_under_every_schedule_ends_in_the_language(name, commit):
    for schedule, noise in zip(SCHEDULES, cycle(NOISES if name == "free" else NOISES[::-1])):
        decode(name, noise, commit, schedule, "best", "keep", "never")


@pytest.mark.parametrize("name", CONSTRAINTS)
def test_every_constraint_holds_under_every_policy(name):
    noise, schedule, propose = cycle(NOISES), cycle(SCHEDULES), cycle(["best", "draw", "draw"])
    revise, stop = cycle(REVISES), cycle(["never", *STOPS])
    for commit in COMMITS:
        decode(name, next(noise), commit, next(schedule), next(propose), next(revise), next(stop))


@pytest.mark.slow
@pytest.mark.parametrize("name", CONSTRAINTS)
@pytest.mark.parametrize("commit", COMMITS)
def test_plug_ins_of_every_pair_of_kinds_end_in_the_language(name, commit):
    for noise, schedule, propose, revise in met()[name, commit]:
        decode(name, noise, commit, schedule, propose, revise, "never")


@cache
def met() -> dict[tuple[str, str], list[tuple[str, str, str, str]]]:
    """With what each constraint and commit policy meet: a third of the schedules with each noise, proposers dealt from
    a shuffled deck of their own, and revise policies from one of the commit policy and the schedule."""
    rng = Random(0)

    def deck(kinds: list[str]) -> Iterator[str]:
        while True:
            yield from rng.sample(kinds, len(kinds))

    revises, found = {pair: deck(list(REVISES)) for pair in product(COMMITS, SCHEDULES)}, {}
    for (a, name), (c, commit) in product(enumerate(CONSTRAINTS), enumerate(COMMITS)):
        proposes = deck(list(PROPOSERS))
        found[name, commit] = [
            (noise, schedule, next(proposes), next(revises[commit, schedule]))
            for (n, noise), (k, schedule) in product(enumerate(NOISES), enumerate(SCHEDULES))
            if (a + c + n + k) % 3 == 0
        ]
    return found


def test_the_cases_are_of_every_pair_of_plug_ins_and_of_every_commit_and_schedule_with_each_noise():
    kinds = (CONSTRAINTS, COMMITS, NOISES, SCHEDULES, PROPOSERS, REVISES)
    cases = [(*pair, *rest) for pair, all_of_them in met().items() for rest in all_of_them]
    for some in [*combinations(range(6), 2), (0, 2, 3), (1, 2, 3)]:
        assert {tuple(case[i] for i in some) for case in cases} == set(product(*(kinds[i] for i in some))), some


@pytest.mark.parametrize("name", CONSTRAINTS)
def test_any_subset_of_one_completion_can_be_completed(name):
    state = hard_state(name)
    posterior = bound(name, 3).bind(logits_like(state, 1), state)
    generator = torch.Generator().manual_seed(2)
    for tokens in (posterior.map(), *posterior.sample(4, seed=5).unbind(dim=1)):
        for share in (0.2, 0.5, 0.8):
            keep = torch.rand(state.shape, generator=generator) < share
            assert posterior.feasible(tokens, keep | ~state.open).all()


@pytest.mark.parametrize("noise", NOISES)
def test_rows_may_have_different_constraints(noise):
    from ctrldiff.sampling.constrain import Tables
    from tests.cases import LENGTH, table
    from tests.conftest import blank

    names = [name for name in CONSTRAINTS if name != "free"]
    state = sample(toy(noise), blank(len(names), LENGTH), constraint=Tables(tuple(table(n) for n in names)))
    assert all(legal(name, text(row)) for name, row in zip(names, state.tokens))


def test_nothing_is_ever_written_that_the_model_bans():
    state = sample(toy("uniform"), hard_state("free"), constraint=FREE)
    assert (state.tokens[state.held] <= 15).all()
