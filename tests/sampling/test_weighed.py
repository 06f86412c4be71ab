"""Draws weighed by an energy against the law of the choice, and the sign that loses."""

from collections import Counter
from itertools import product

import pytest
import torch

from ctrldiff.errors import ShapeError
from ctrldiff.sampling.commit import Everything
from ctrldiff.sampling.loop import sample
from ctrldiff.sampling.propose import Draw, Weighed
from ctrldiff.sampling.schedules import Linear
from tests.conftest import SIZE, blank, toy

BITS, ROWS = 2, 3000
LAW = torch.tensor([[0.7, 0.3], [0.4, 0.6]], dtype=torch.float64)


def network(ids: torch.Tensor) -> torch.Tensor:
    """Two positions of two tokens each, by `LAW`, whatever is seen."""
    logits = torch.full((*ids.shape, SIZE), -torch.inf)
    logits[:, -BITS:, :2] = LAW.log().to(torch.float32)
    logits[:, :-BITS, :2] = 0.0
    return logits


def energy(state, tokens):
    """Low for equal tokens."""
    return torch.where(tokens[..., 0] == tokens[..., 1], -1.5, 0.5)


def law(candidates: int, sign: int) -> dict[tuple[int, ...], float]:
    """The probability of every canvas, by all candidates."""
    q = {x: float(LAW[0, x[0]] * LAW[1, x[1]]) for x in product(range(2), repeat=2)}
    weight = {x: float(torch.exp(-sign * energy(None, torch.tensor(x)))) for x in q}
    out = dict.fromkeys(q, 0.0)
    for drawn in product(q, repeat=candidates):
        chance = float(torch.tensor([q[x] for x in drawn]).prod())
        for x in drawn:
            out[x] += chance * weight[x] / sum(weight[one] for one in drawn)
    return out


def away(propose, truth) -> float:
    """Total variation of one-pass draws to a law."""
    state = blank(1, BITS).fork(ROWS)
    done = sample(toy(network=network), state, propose=propose, commit=Everything(), schedule=Linear(1))
    counts = Counter(map(tuple, done.tokens.tolist()))
    return 0.5 * sum(abs(counts[x] / ROWS - p) for x, p in truth.items())


@pytest.mark.parametrize("candidates", [2, 4])
def test_draws_have_the_law_of_the_choice_and_not_that_of_the_other_sign(candidates):
    propose = Weighed(energy, candidates)
    assert away(propose, law(candidates, 1)) < 0.04
    assert away(propose, law(candidates, -1)) > 0.2


def test_the_mean_energy_falls_with_candidates_and_rises_with_the_wrong_sign():
    means = [
        sum(p * float(energy(None, torch.tensor(x))) for x, p in law(n, s).items())
        for n, s in ((4, 1), (1, 1), (4, -1))
    ]
    assert means == sorted(means)


def test_outside_of_its_times_it_draws_as_ever():
    assert away(Weighed(energy, 4, begin=0.6, end=0.4), law(1, 1)) < 0.04
    one, other = (
        sample(toy(network=network), blank(5, BITS), propose=p, commit=Everything(), schedule=Linear(1)).tokens
        for p in (Draw(), Weighed(energy, 4, begin=0.6, end=0.4))
    )
    assert torch.equal(one, other)


def test_what_is_forbidden_is_not_chosen_and_what_is_no_energy_is_refused():
    same = Weighed(lambda state, tokens: torch.where(tokens[..., 0] == 0, 0.0, torch.inf), 8)
    kept = sample(toy(network=network), blank(1, BITS).fork(50), propose=same, commit=Everything(), schedule=Linear(1))
    assert (kept.tokens[:, 0] == 0).all()
    for wrong in (lambda state, tokens: torch.zeros(3), lambda state, tokens: torch.full(tokens.shape[:2], torch.nan)):
        with pytest.raises(ShapeError, match="energies"):
            sample(toy(network=network), blank(2, BITS), propose=Weighed(wrong), schedule=Linear(1))
