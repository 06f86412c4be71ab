"""Ranges of numbers, against counting."""

import random
from decimal import Decimal

import pytest

from ctrldiff.automata.compile import compile_expression
from ctrldiff.json_schema.canonical import number_text
from ctrldiff.json_schema.numbers import Bound, decimals, integers


def bounds(rng: random.Random, scale: int) -> Bound | None:
    if rng.random() < 0.2:
        return None
    value = Decimal(rng.randint(-3 * scale, 3 * scale)) / rng.choice([1, 1, 10, 100])
    return Bound(value, rng.random() < 0.4)


def inside(x: Decimal, low: Bound | None, high: Bound | None) -> bool:
    above = low is None or x > low.value or (x == low.value and not low.open)
    below = high is None or x < high.value or (x == high.value and not high.open)
    return above and below


@pytest.mark.parametrize("seed", range(60))
def test_integers_are_exactly_those_in_the_range(seed):
    rng = random.Random(seed)
    scale = rng.choice([3, 20, 300])
    low, high = bounds(rng, scale), bounds(rng, scale)
    dfa = compile_expression(integers(low, high))
    for n in [*range(-4 * scale, 4 * scale + 1), 10**6, -(10**6)]:
        assert (str(n) in dfa) == inside(Decimal(n), low, high), (n, low, high)
    for spelling in ("-0", "00", "01", "1.0", "+1", "1e1", ""):
        assert spelling not in dfa


@pytest.mark.parametrize("seed", range(60))
def test_decimals_are_exactly_those_in_the_range(seed):
    rng = random.Random(1000 + seed)
    low, high = bounds(rng, 3), bounds(rng, 3)
    dfa = compile_expression(decimals(low, high))
    for n in range(-1300, 1301):
        for divisor in (1, 100, 1000):
            x = Decimal(n) / divisor
            assert (number_text(x) in dfa) == inside(x, low, high), (x, low, high)
    for spelling in ("-0", "0.10", "1.", ".5", "1.0", "01.5", "1e2", "-0.0"):
        assert spelling not in dfa


def test_very_large_bounds_stay_small():
    dfa = compile_expression(decimals(Bound(Decimal("-1e308")), Bound(Decimal("1e308"), True)))
    assert str(10**308 - 1) in dfa
    assert str(10**308) not in dfa
    assert dfa.n_states < 5000


@pytest.mark.parametrize(
    ("value", "spelling"),
    [(1.0, "1"), (1e-3, "0.001"), (-0.0, "0"), (1e21, "1" + "0" * 21), (129.50, "129.5"), (0, "0")],
)
def test_numbers_have_one_spelling(value, spelling):
    assert number_text(value) == spelling
