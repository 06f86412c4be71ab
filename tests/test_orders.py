"""The bench of orders: its networks are right, and it tells rules apart that are known to be right or wrong."""

import pytest
import torch

import ctrldiff as cd
from examples.orders.bench import METHODS, Measured, measure, table, to_uniform
from examples.orders.puzzles import PUZZLES, Exact


def test_the_puzzles_have_as_many_strings_as_counting_says():
    counts = {name: len(set(puzzle())) for name, puzzle in PUZZLES.items()}
    assert counts == {"sudoku": 288, "shuffle of 6": 720, "shuffle of 4": 24, "one of 8 words": 8}


@pytest.mark.parametrize("blur", [0.0, 0.5])
def test_the_network_is_the_mean_of_what_agrees(blur):
    strings = ["aab", "aba", "bbb", "bba"]
    network = Exact(strings, blur)
    told = network(torch.tensor([[network.mask, 1, network.mask]])).exp()[0]
    agreeing, share = [one for one in strings if one[1] == "b"], blur * 2 / 3
    for t in range(3):
        for v, letter in enumerate("ab"):
            own = sum(one[t] == letter for one in agreeing) / len(agreeing)
            prior = sum(one[t] == letter for one in strings) / len(strings)
            assert float(told[t, v]) == pytest.approx((1 - share) * own + share * prior, abs=1e-6)
    assert told[:, 2:].sum() == 0


def test_one_a_pass_is_the_law_of_the_network_and_two_are_not():
    one = measure("shuffle of 4", "one", METHODS["one a pass, at random (first_hitting)"](4), 300, 0.0)
    two = measure("shuffle of 4", "two", METHODS["two a pass: at random"](4), 300, 0.0)
    assert one.legal == 1 and one.passes == 4 and one.distance < one.fair + 0.06
    # of two letters drawn together the second is another one in 3 of 4 cases; of the two that are left, in 1 of 2
    assert two.passes == 2 and abs(two.legal - 3 / 4 * 1 / 2) < 4 * two.error


def test_the_exact_constraint_is_legal_in_one_pass():
    once = cd.Plan.default(1, temperature=1.0)
    told = measure("sudoku", "exact", once, 20, 0.5, constrained=True)
    assert told.legal == 1 and told.passes == 1


@pytest.mark.parametrize("method", METHODS)
def test_every_method_runs_on_a_blurred_network(method):
    told = measure("one of 8 words", method, METHODS[method](8), 8, 0.5)
    most = 9 * 9 if method in ("wino", "core") else 9  # these ask again within a step
    assert 0 <= told.legal <= 1 and 1 <= told.passes <= most


def test_distances_and_the_table():
    assert to_uniform(["a", "a"], ["a", "b"]) == 0.5 and to_uniform(["c"], ["a", "b"]) == 1.0
    assert to_uniform(["a", "b"], ["a", "b"]) == 0.0
    row = Measured("p", "m", 10, 0.5, 0.158, 2.0, 0.25, 0.1)
    assert table([row]).splitlines()[2] == "| m | 50 ± 16 %, 2.0, 0.25 |"
