"""Sampled frequencies of the whole loop against exact ones, seeds fixed.

Exact at every step is exact over the whole decode only if the denoiser does not look at the canvas and the order does
not look at the drawn tokens (law X8); both are arranged here. The truth is enumerated from the rules of writing.
"""

from itertools import product

import numpy as np
import pytest
import torch
from scipy.stats import chisquare

from ctrldiff.constraints.basic import Choice, Regex
from ctrldiff.constraints.description import Description
from ctrldiff.sampling.commit import Everything, LeftToRight, TopK
from ctrldiff.sampling.constrain import FREE, Tables, normalised
from ctrldiff.sampling.loop import sample
from ctrldiff.sampling.propose import Draw
from ctrldiff.sampling.schedules import Blocks, Linear
from ctrldiff.state import State
from tests.conftest import PIECES, STOP, VOCABULARY, toy

LENGTH = 3
LANGUAGES: dict[str, Description | None] = {
    "choice": Choice(["1900", "ab", "a", "-b"]),
    "regex": Regex("(a|b|19)*-?"),
    "free": None,
}
ORDERS = {
    "at once": (Linear(1), Everything()),
    "random order": (Linear(), TopK("random")),
    "left to right": (Linear(), LeftToRight(TopK(), block=1)),
    "by margin": (Linear(2), TopK("margin")),
    "in blocks": (Blocks(2), TopK("entropy")),
}


def exact(language: Description | None, scores: torch.Tensor) -> dict[tuple[int, ...], float]:
    """Every canvas that may be written, with its probability."""
    log_probs, found = scores.double().numpy(), {}
    for ids in product(range(STOP + 1), repeat=LENGTH):
        end = ids.index(STOP) if STOP in ids else LENGTH
        over = all(i == STOP for i in ids[end:])
        text = b"".join(PIECES[i] for i in ids[:end])
        if language is None or (over and text in language.dfa()):
            found[ids] = float(np.exp(sum(log_probs[t, v] for t, v in enumerate(ids))))
    total = sum(found.values())
    return {ids: weight / total for ids, weight in found.items()}


def check(name: str, order: str, draws: int) -> None:
    language, (schedule, commit) = LANGUAGES[name], ORDERS[order]
    denoiser = toy(seed=5, context=False, scale=1.0)
    start = State.blank([[1, 2]], LENGTH, seed=11)
    scores = normalised(denoiser(denoiser.noise(start)))[0]
    truth = exact(language, scores)
    constraint = FREE if language is None else Tables.same(language.compile(VOCABULARY), draws)
    state = sample(denoiser, start.fork(draws), constraint=constraint, propose=Draw(), schedule=schedule, commit=commit)
    counts: dict[tuple[int, ...], int] = dict.fromkeys(truth, 0)
    for ids in state.tokens.tolist():
        counts[tuple(ids)] += 1  # KeyError: something illegal was drawn
    big = [ids for ids, p in truth.items() if p * draws >= 5]
    rest = 1 - sum(truth[ids] for ids in big)  # what is rare is counted together
    observed = [counts[ids] for ids in big] + [draws - sum(counts[ids] for ids in big)] * (rest > 1e-9)
    expected = [truth[ids] * draws for ids in big] + [rest * draws] * (rest > 1e-9)
    assert len(observed) >= 4 and chisquare(observed, expected).pvalue > 1e-3


QUICK = [
    *(("regex", order) for order in ORDERS),
    ("choice", "at once"),
    ("choice", "random order"),
    ("free", "at once"),
]


@pytest.mark.parametrize(("name", "order"), QUICK)
def test_the_loop_draws_from_the_exact_posterior(name, order):
    check(name, order, 400)


@pytest.mark.slow
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("name", LANGUAGES)
def test_the_loop_draws_from_the_exact_posterior_on_many_draws(name, order):
    check(name, order, 2000)
