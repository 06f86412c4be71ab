"""Top-k, top-p and min-p: the published truncation where nothing else is asked, and no legal text lost where it is."""

import itertools
from functools import cache

import numpy as np
import pytest
import torch

from ctrldiff.constraints.basic import Regex
from ctrldiff.errors import InputError
from ctrldiff.sampling.constrain import FREE, Tables
from ctrldiff.sampling.plan import Plan
from ctrldiff.sampling.processors import MinP, TopK, TopP
from tests.conftest import MASK, PAD, SIZE, VOCABULARY, blank, few, logits_like, text

RULES = {
    "top 1": (TopK(1), lambda p: rank(p) < 1),
    "top 3": (TopK(3), lambda p: rank(p) < 3),
    "all": (TopK(SIZE), lambda p: rank(p) < SIZE),
    "nucleus .5": (TopP(0.5), lambda p: [sum(q for q in p if q > one) < 0.5 for one in p]),
    "nucleus .9": (TopP(0.9), lambda p: [sum(q for q in p if q > one) < 0.9 for one in p]),
    "nucleus 1": (TopP(1.0), lambda p: p >= 0),
    "min p .2": (MinP(0.2), lambda p: p >= 0.2 * p.max()),
}


def rank(p):
    return np.argsort(np.argsort(-p, kind="stable"), kind="stable")


def kept(logits, rule):
    """(T, V) probabilities of one row, and what a rule keeps of them, each position by itself."""
    probs = torch.softmax(logits[0].to(torch.float64), -1).numpy()
    return probs, np.array([rule(row) for row in probs], bool)


@pytest.mark.parametrize("name", RULES)
def test_without_a_constraint_it_is_the_truncated_law(name):
    processor, rule = RULES[name]
    state = blank(1, 6)
    logits = logits_like(state, 3)
    probs, inside = kept(logits, rule)
    told = FREE.bind(processor(logits, state, None), state).marginals()[0].numpy()
    assert np.allclose(told, probs * inside / (probs * inside).sum(1, keepdims=True), atol=1e-6)


LANGUAGE = Regex("[ab]{1,2}(1|19|00)")


@cache
def legal():
    """Every text of four positions in the language, the end of a text once and to its end."""
    allowed, stop = [v for v in range(SIZE) if v not in (MASK, PAD)], SIZE - 3
    return [
        row
        for row in itertools.product(allowed, repeat=4)
        if all(b == stop for a, b in itertools.pairwise(row) if a == stop) and text(torch.tensor(row)) in LANGUAGE.dfa()
    ]


@pytest.mark.parametrize("seed", few(range(12), 3))
@pytest.mark.parametrize("name", RULES)
def test_under_a_constraint_the_texts_with_the_fewest_others_share_the_probability(name, seed):
    processor, rule = RULES[name]
    table, state = LANGUAGE.compile(VOCABULARY), blank(1, 4)
    logits = logits_like(state, seed)
    probs, inside = kept(logits, rule)
    posterior = Tables.same(table, 1).bind(processor(logits, state, None), state)
    at = np.arange(4)
    others = np.array([(~inside[at, row]).sum() for row in legal()])
    weight = np.array([probs[at, row].prod() for row in legal()]) * (others == others.min())
    law = {row: w for row, w in zip(legal(), weight / weight.sum(), strict=True) if w > 0}
    assert set(map(tuple, posterior.sample(200, seed=1)[0].tolist())) <= set(law)
    for row, p in law.items():
        assert float(posterior.score(torch.tensor([row])).exp()) == pytest.approx(p, rel=5e-3)


def test_a_preset_with_a_nucleus_writes_what_is_legal():
    plan = Plan.preset("remdm", nucleus=0.9, steps=6)
    assert [type(one) for one in plan.processors] == [TopP]
    assert plan.but(processors=()) == Plan.preset("remdm", steps=6)


@pytest.mark.parametrize(("rule", "value"), [(TopK, 0), (TopP, 0.0), (TopP, 1.5), (MinP, 0.0), (MinP, float("nan"))])
def test_bad_numbers(rule, value):
    name = "k" if rule is TopK else "p"
    with pytest.raises(InputError, match=rf"{name}={value!r}: "):
        rule(value)
