"""The lists in `tests/cases.py` are complete: a new plug-in that is not in them is not covered by the laws."""

import inspect
from types import ModuleType

import pytest

from ctrldiff import json_schema
from ctrldiff.constraints import basic, blocking, content, description, length
from ctrldiff.constraints.description import And, Description, Or
from ctrldiff.sampling import (
    ancestral,
    attention,
    combine,
    commit,
    commits,
    counts,
    doubts,
    edit,
    grow,
    history,
    hyper,
    information,
    judge,
    learned,
    orders,
    planned,
    propose,
    proposers,
    recompute,
    revise,
    schedule,
    schedules,
    slow_fast,
    stability,
    stop,
    windows,
)
from tests import cases
from tests.distinct import Distinct


def classes(module: ModuleType) -> set[type]:
    return {
        value
        for value in vars(module).values()
        if inspect.isclass(value) and value.__module__ == module.__name__ and not inspect.isabstract(value)
    }


@pytest.mark.parametrize(
    ("modules", "listed"),
    [
        ((grow,), cases.GROWS),
        ((revise,), cases.REVISES),
        ((edit, doubts), cases.EDITS),
        ((stop,), cases.STOPS),
        ((counts,), cases.COUNTS),
    ],
    ids=lambda value: value[0].__name__.rpartition(".")[2] if isinstance(value, tuple) else "",
)
def test_every_plug_in_is_a_case(modules, listed):
    notes = {type(make("free")) for make in cases.OBSERVERS.values()}
    assert set().union(*map(classes, modules)) - notes - {counts.Count} == {type(value) for value in listed.values()}


def test_every_schedule_is_a_case():
    ours = classes(schedule) | classes(windows) | classes(slow_fast) | {hyper.Hyper}
    ours -= {slow_fast.Cycle, windows.ByEntropy}
    notes = {type(make("free")) for make in cases.OBSERVERS.values()}
    assert ours - notes == {type(value) for value in cases.SCHEDULES.values()}
    assert ours - notes <= {value for value in vars(schedules).values() if inspect.isclass(value)}, "all on the page"


def test_every_commit_policy_is_a_case():
    modules = (ancestral, attention, combine, commit, history, information, learned, orders, stability)
    notes = {type(make("free")) for make in cases.OBSERVERS.values()}
    ours = set().union(*map(classes, modules)) - notes - {ancestral.Remasking, learned.Features, orders.Frequencies}
    ours |= {hyper.Timed, planned.Planned}
    assert ours == {type(value) for value in cases.COMMITS.values()}
    assert ours <= {value for value in vars(commits).values() if inspect.isclass(value)}, "all on the public page"


def test_every_proposer_is_a_case():
    ours = set().union(*map(classes, (judge, propose, recompute)))
    assert ours == {type(value) for value in cases.PROPOSERS.values()}
    assert ours == {value for value in vars(proposers).values() if inspect.isclass(value)}, "all on the public page"


def test_every_constraint_is_a_case():
    modules = (basic, blocking, content, description, json_schema, length)
    ours = {c for m in modules for c in classes(m) if issubclass(c, Description)}
    listed = [value for value in cases.CONSTRAINTS.values() if value is not None]
    parts = [part for value in listed if isinstance(value, And) for one in value.parts for part in flat(one)]
    assert ours == {type(one) for one in [*listed, *parts]} - {Distinct}
    assert {And, Or} <= ours


def flat(value: Description) -> list[Description]:
    return [part for one in value.parts for part in flat(one)] if isinstance(value, And) else [value]


def test_every_constraint_has_something_to_decide_on_the_canvas_of_the_cases():
    for name, value in cases.CONSTRAINTS.items():
        if value is not None:
            assert cases.table(name).shortest <= cases.LENGTH
            assert (cases.table(name).forced(cases.hard_state(name).written[0]) < 0).any()
