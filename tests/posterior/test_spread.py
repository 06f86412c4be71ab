"""Rows are spread over threads, and nothing shows it but the time."""

import threading

import numpy as np
import pytest
import torch

from ctrldiff.errors import LogitsInvalid
from ctrldiff.posterior import spread as page
from ctrldiff.posterior.chain import bind_rows
from ctrldiff.posterior.free import bind_free
from tests.posterior.cases import feasible_cases


@pytest.fixture
def threads(monkeypatch):
    monkeypatch.setattr(page, "LEAST", 1)
    monkeypatch.setattr(page, "allowed", lambda: 4)


def test_work_is_given_back_in_order_from_several_threads(threads):
    meet = threading.Barrier(4, timeout=20)  # passed by four at once, or by none

    def work(a, b):
        meet.wait()
        return a - b

    assert page.spread(work, range(8), [1] * 8, steps=100) == [a - 1 for a in range(8)]


def test_little_work_begins_no_thread():
    here = threading.get_ident()
    assert page.spread(lambda _: threading.get_ident(), range(3), steps=page.LEAST) == [here] * 3


def answers():
    """Many rows at once, of several tables and lengths of what is written."""
    cases = [(case, table) for _, case, table, _ in feasible_cases() if case.log_probs.shape == (3, 5)][:40]
    logits = torch.from_numpy(np.stack([case.log_probs for case, _ in cases]))
    posterior = bind_rows(
        [table for _, table in cases], logits, np.stack([case.written for case, _ in cases]), raw=True
    )
    best = posterior.map()
    return [best, posterior.sample(seed=3), posterior.log_z(), posterior.marginals(), posterior.legal(best)]


def test_answers_do_not_depend_on_threads(monkeypatch):
    alone = answers()
    monkeypatch.setattr(page, "LEAST", 1)
    monkeypatch.setattr(page, "allowed", lambda: 4)
    for got, want in zip(answers(), alone):
        assert torch.equal(got, want)


def test_the_first_bad_row_is_named_by_whatever_thread_reads_it(threads):
    logits = torch.zeros(200, 3, 7)
    logits[[3, 180], 1, 2] = torch.nan
    with pytest.raises(LogitsInvalid) as caught:
        bind_free(logits, raw=True).map()
    assert (caught.value.row, caught.value.position) == (3, 1)
