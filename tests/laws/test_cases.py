"""The lists in `tests/cases.py` are complete: a new plug-in that is not in them is not covered by the laws."""

import inspect
from types import ModuleType

import pytest

from ctrldiff import json_schema
from ctrldiff.constraints import basic, description
from ctrldiff.constraints.description import And, Description, Or
from ctrldiff.sampling import (
    ancestral,
    attention,
    combine,
    commit,
    commits,
    doubts,
    edit,
    history,
    judge,
    learned,
    orders,
    propose,
    proposers,
    recompute,
    revise,
    schedules,
    slow_fast,
    stability,
    stop,
)
from tests import cases


def classes(module: ModuleType) -> set[type]:
    return {
        value
        for value in vars(module).values()
        if inspect.isclass(value) and value.__module__ == module.__name__ and not inspect.isabstract(value)
    }


@pytest.mark.parametrize(
    ("modules", "listed"),
    [
        ((revise,), cases.REVISES),
        ((edit, doubts), cases.EDITS),
        ((stop,), cases.STOPS),
    ],
    ids=lambda value: value[0].__name__.rpartition(".")[2] if isinstance(value, tuple) else "",
)
def test_every_plug_in_is_a_case(modules, listed):
    notes = {type(make("free")) for make in cases.OBSERVERS.values()}
    assert set().union(*map(classes, modules)) - notes == {type(value) for value in listed.values()}


def test_every_schedule_is_a_case():
    ours = classes(schedules) | classes(slow_fast) - {slow_fast.Cycle}
    notes = {type(make("free")) for make in cases.OBSERVERS.values()}
    assert ours - notes == {type(value) for value in cases.SCHEDULES.values()}
    assert ours - notes <= {value for value in vars(schedules).values() if inspect.isclass(value)}, "all on the page"


def test_every_commit_policy_is_a_case():
    modules = (ancestral, attention, combine, commit, history, learned, orders, stability)
    notes = {type(make("free")) for make in cases.OBSERVERS.values()}
    ours = set().union(*map(classes, modules)) - notes - {ancestral.Remasking, learned.Features, orders.Frequencies}
    assert ours == {type(value) for value in cases.COMMITS.values()}
    assert ours <= {value for value in vars(commits).values() if inspect.isclass(value)}, "all on the public page"


def test_every_proposer_is_a_case():
    ours = set().union(*map(classes, (judge, propose, recompute)))
    assert ours == {type(value) for value in cases.PROPOSERS.values()}
    assert ours == {value for value in vars(proposers).values() if inspect.isclass(value)}, "all on the public page"


def test_every_constraint_is_a_case():
    ours = {c for m in (basic, description, json_schema) for c in classes(m) if issubclass(c, Description)}
    assert ours == {type(value) for value in cases.CONSTRAINTS.values() if value is not None}
    assert {And, Or} <= ours


def test_every_constraint_has_something_to_decide_on_the_canvas_of_the_cases():
    for name, value in cases.CONSTRAINTS.items():
        if value is not None:
            assert cases.table(name).shortest <= cases.LENGTH
            assert (cases.table(name).forced(cases.hard_state(name).written[0]) < 0).any()
