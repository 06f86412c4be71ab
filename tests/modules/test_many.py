"""Many types at once are what they are one by one, and an error stands in the place of its own."""

import json
import os
import threading
from multiprocessing import active_children

import pytest

import ctrldiff as cd
from ctrldiff.errors import ConstraintTooLarge, ConstraintUnsatisfiable, InputError, SchemaUnsupported
from ctrldiff.limits import Limits
from ctrldiff.modules import many, worker
from ctrldiff.modules.module import Module
from ctrldiff.modules.worker import compiled as really_compiled
from tests.modules.test_module import PAID, TREE, VOCABULARY, Paid

OUTPUTS = [PAID, {"type": "string", "format": "regex"}, cd.Regex("[a-c]{2}"), Paid, TREE, cd.Regex("(a|b){0,400}c")]
OUTPUTS += [cd.Template("a {n}", n=int), cd.Regex("a") & cd.Regex("b"), {"type": "string", "x-span": True}, PAID]
LIMITS = Limits(max_states=390)
MARK = "ends its process"


def told(outcome):
    """A module by its bytes, or by its tables if it has none; an error by its text."""
    if not isinstance(outcome, Module):
        return type(outcome), str(outcome)
    try:
        return outcome.to_bytes()
    except InputError:
        return [table.automaton.edge_to.tolist() for table in outcome.held.tables.values()]


def one_by_one(outputs, limits):
    found = []
    for output in outputs:
        try:
            found.append(told(Module.of(output, VOCABULARY, limits=limits)))
        except cd.CtrldiffError as error:
            found.append(told(error))
    return found


def dying(words):
    """As the worker's own, but for one pattern."""
    if MARK in words:
        os._exit(9)
    return really_compiled(words)


def check(processes, **how):
    came = {}

    def report(n, outcome):
        assert threading.current_thread() is threading.main_thread() and n not in came
        came[n] = outcome

    found = cd.compile_many(OUTPUTS, VOCABULARY, limits=LIMITS, processes=processes, report=report, **how)
    assert [came[n] for n in range(len(OUTPUTS))] == found
    assert [told(one) for one in found] == one_by_one(OUTPUTS, LIMITS)
    kinds = {1: SchemaUnsupported, 5: ConstraintTooLarge, 7: ConstraintUnsatisfiable, 8: cd.errors.ConstraintError}
    assert {n: type(one) for n, one in enumerate(found) if not isinstance(one, Module)} == kinds
    assert found[3].output is Paid and found[5].limit == 390
    return found


@pytest.mark.parametrize("workers", [None, 1, 4])
def test_in_threads(workers):
    check(False, workers=workers)


@pytest.mark.slow
def test_in_processes_that_share_a_folder(tmp_path, monkeypatch):
    """Two that write the same entries at once leave whole ones: the next process reads all of them."""
    monkeypatch.setenv("CTRLDIFF_CACHE", str(tmp_path))
    check(True, workers=2)
    assert not active_children()
    names = {path.suffix for path in tmp_path.iterdir()}
    assert names == {".tokens", ".name"}  # nothing unfinished
    before = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir() if path.suffix == ".name"}
    check(True, workers=2)
    assert before == {path: path.stat().st_mtime_ns for path in tmp_path.iterdir() if path.suffix == ".name"}


@pytest.mark.slow
def test_a_type_that_ends_its_process_is_told_and_the_others_are_compiled(monkeypatch):
    monkeypatch.setattr(worker, "compiled", dying)
    outputs = [cd.Regex("[a-c]{2}"), cd.Regex(MARK), cd.Template("a {n}", n=int), PAID]
    first, dead, template, last = cd.compile_many(outputs, VOCABULARY, processes=True, workers=1)
    assert [told(one) for one in (first, template, last)] == one_by_one([outputs[n] for n in (0, 2, 3)], cd.Limits())
    assert type(dead) is cd.errors.ConstraintError and "type 1: the process that compiled it died" in str(dead)


@pytest.mark.slow
def test_where_no_process_starts_it_is_said(monkeypatch):
    monkeypatch.setattr(worker, "begin", dying_at_once)
    with pytest.raises(InputError, match="no process could be started") as error:
        cd.compile_many([PAID], VOCABULARY, processes=True)
    assert "__main__" in error.value.hint


def dying_at_once(*_):
    os._exit(9)


def test_a_decode_goes_on_meanwhile_and_answers_the_same():
    model = cd.from_pretrained("tiny")
    text = "Order 5512 for Maria Jensen, total due: EUR 308.80."
    alone = model(text, PAID)
    outputs = [{"type": "string", "maxLength": n} for n in range(1, 9)] + OUTPUTS
    found = []
    background = threading.Thread(target=lambda: found.extend(model.compile_many(outputs, workers=2)))
    background.start()
    meanwhile = [model(text, PAID) for _ in range(3)]
    background.join()
    assert all(one.raw == alone.raw and one.log_prob == alone.log_prob for one in meanwhile)
    assert len(found) == len(outputs) and model(text, found[8]).raw == alone.raw


def test_what_report_raises_ends_it():
    def report(n, outcome):
        raise KeyError(n)

    with pytest.raises(KeyError):
        cd.compile_many([PAID, TREE], VOCABULARY, report=report)


def test_an_error_that_is_nobodys_own_is_raised(monkeypatch):
    monkeypatch.setattr(Module, "of", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        cd.compile_many([PAID], VOCABULARY)


def test_arguments_that_are_none():
    for how in ({"outputs": PAID}, {"outputs": "ab"}, {"workers": 0}, {"workers": True}, {"texts": "abc"}):
        with pytest.raises(InputError):
            cd.compile_many(**{"outputs": [PAID], "vocabulary": VOCABULARY, **how})
    assert cd.compile_many([], VOCABULARY) == cd.compile_many([], VOCABULARY, processes=True) == []


def test_a_model_in_the_place_of_its_vocabulary_is_named():
    model = cd.from_pretrained("tiny")
    for ask in (
        lambda: cd.compile_many([PAID], model),
        lambda: Module.of(PAID, model),
        lambda: Module.from_bytes(b"", model),
        lambda: cd.Regex("a").compile(model),
    ):
        with pytest.raises(InputError, match=r"(?s)vocabulary is a Model.*model\.vocabulary"):
            ask()


def test_a_vocabulary_is_sent_whole():
    monkey = worker._here.copy()
    try:
        worker.begin(*worker.sent(VOCABULARY), worker.How(("",), 48, None, vars(Limits())))
        assert worker.ready() and worker._here["vocabulary"] == VOCABULARY
        answer = worker.compiled(json.dumps(many.portable.said(cd.Regex("ab?"))))
        assert Module.from_bytes(answer, VOCABULARY).output == cd.Regex("ab?")
    finally:
        worker._here.clear()
        worker._here.update(monkey)
