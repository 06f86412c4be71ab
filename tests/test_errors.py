"""Errors are values: they cross to other processes and come back as they were."""

import copy
import multiprocessing
import pickle

import pytest

import ctrldiff.guidance
import ctrldiff.rewards
import ctrldiff.search  # noqa: F401  (every module that may have an error of its own)
from ctrldiff.doubt import Flag
from ctrldiff.errors import ConstraintTooLarge, CtrldiffError, RegexUnsupported, Unsure, _AtPattern


def kinds(base=CtrldiffError):
    for kind in base.__subclasses__():
        yield kind
        yield from kinds(kind)


def made(kind):
    """One of that kind, with facts."""
    if issubclass(kind, _AtPattern):
        return kind("a look-ahead", "a(?=b)", 1, hint="leave it out")
    if issubclass(kind, ConstraintTooLarge):
        return kind("states", 7, 5, where="#/properties/a")
    return kind("what\nhappened", why="because", hint="do this\nor that", row=3, pointer="#/a", flags=(1, "b"))


EVERY = sorted({CtrldiffError, *kinds()} - {_AtPattern}, key=lambda kind: kind.__name__)
COPIES = {
    "pickle": lambda error: pickle.loads(pickle.dumps(error)),
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "twice": lambda error: pickle.loads(pickle.dumps(pickle.loads(pickle.dumps(error)))),
}


@pytest.mark.parametrize("how", COPIES)
@pytest.mark.parametrize("kind", EVERY, ids=lambda kind: kind.__name__)
def test_an_error_comes_back_as_it_was(kind, how):
    error = made(kind)
    error.add_note("seen in row 3")
    again = COPIES[how](error)
    assert type(again) is kind and str(again) == str(error) and again.args == error.args
    assert vars(again) == vars(error) and again.code == error.code and again.hint == error.hint


def test_facts_that_are_values_of_ours_come_too():
    flag = Flag("/a", '"x"', 1e-9, 5, 8)
    assert pickle.loads(pickle.dumps(Unsure("m", flags=(flag,)))).flags == (flag,)


def fail(kind):  # told by itself: which there are besides depends on what a process has imported
    raise made(kind)


@pytest.mark.slow
def test_a_pool_of_processes_is_told_and_never_waits_for_ever():
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        for kind in EVERY:
            with pytest.raises(kind):
                pool.apply_async(fail, (kind,)).get(timeout=120)
        with pytest.raises(RegexUnsupported):
            pool.map_async(fail, [RegexUnsupported]).get(timeout=120)
