"""Subset construction and products, against sets of states and pairs of states; compiled and as plain Python."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

from ctrldiff.kernels.determinise import BYTES, OK, STATES, STEPS, subsets
from ctrldiff.kernels.product import product

ROOMY = (10_000, 10**7, 10**8)


def random_nfa(rng: np.random.Generator) -> dict[str, np.ndarray]:
    """N states over 3 classes with 4 labels of one or two classes each, and free moves; state 1 accepts."""
    n, m, f = int(rng.integers(2, 9)), int(rng.integers(0, 16)), int(rng.integers(0, 9))
    source, free_source = np.sort(rng.integers(0, n, m)), np.sort(rng.integers(0, n, f))
    mix = rng.integers(0, 1 << 30, n) * 2
    mix[1] += 1
    arrays = {
        "edge_ptr": np.searchsorted(source, np.arange(n + 1)),
        "edge_label": rng.integers(0, 4, m),
        "edge_dst": rng.integers(0, n, m),
        "label_ptr": np.array([0, 1, 2, 3, 5]),
        "label_class": np.array([0, 1, 2, 0, 2]),
        "free_ptr": np.searchsorted(free_source, np.arange(n + 1)),
        "free_dst": rng.integers(0, n, f),
        "mix": mix,
    }
    return {name: array.astype(np.int32) for name, array in arrays.items()}


def accepts_by_sets(nfa: dict[str, np.ndarray], word: list[int]) -> bool:
    """The definition: all states that could be reached, one symbol after another."""

    def closed(states: set[int]) -> set[int]:
        todo = list(states)
        while todo:
            q = todo.pop()
            for r in nfa["free_dst"][nfa["free_ptr"][q] : nfa["free_ptr"][q + 1]].tolist():
                if r not in states:
                    states.add(r)
                    todo.append(r)
        return states

    now = closed({0})
    for symbol in word:
        after = set()
        for q in now:
            for e in range(nfa["edge_ptr"][q], nfa["edge_ptr"][q + 1]):
                label = nfa["edge_label"][e]
                if symbol in nfa["label_class"][nfa["label_ptr"][label] : nfa["label_ptr"][label + 1]]:
                    after.add(int(nfa["edge_dst"][e]))
        now = closed(after)
    return 1 in now


def words(longest: int) -> list[list[int]]:
    found: list[list[int]] = [[]]
    for word in found:
        if len(word) < longest:
            found += [[*word, symbol] for symbol in range(3)]
    return found


@pytest.mark.parametrize("seed", range(60))
def test_subsets_accept_what_sets_of_states_accept(seed: int) -> None:
    nfa = random_nfa(np.random.default_rng(seed))
    why, _, count, flat, bits = subsets(*nfa.values(), 1, 3, *ROOMY)
    table = flat[: 3 * count].reshape(count, 3)
    assert why == OK and table.max(initial=0) < count
    for word in words(5):
        state = 0
        for symbol in word:
            state = int(table[state, symbol]) if state >= 0 else -1
        assert (state >= 0 and bool(bits[state] & 1)) == accepts_by_sets(nfa, word)


def test_each_limit_stops_the_construction_and_is_named() -> None:
    # (0|1)* 0 (0|1)^9 as a chain of eleven states: 1,024 subsets
    source = np.array([0, 0, *range(2, 11)])
    nfa = {
        "edge_ptr": np.searchsorted(source, np.arange(12)),
        "edge_label": np.array([1, 0, *[1] * 9]),
        "edge_dst": np.array([0, 2, *range(3, 11), 1]),
        "label_ptr": np.array([0, 1, 3]),
        "label_class": np.array([0, 0, 1]),
        "free_ptr": np.zeros(12),
        "free_dst": np.zeros(0),
        "mix": np.arange(11) * 2 + (np.arange(11) == 1),
    }
    arrays = [array.astype(np.int32) for array in nfa.values()]
    for limits, wanted in (
        ((10_000, 10**7, 10**8), OK),
        ((1000, 10**7, 10**8), STATES),
        ((10_000, 5000, 10**8), STEPS),
        ((10_000, 10**7, 10_000), BYTES),
    ):
        why, reached, count, _, _ = subsets(*arrays, 1, 2, *limits)
        assert why == wanted and reached > 0
        assert count == 1024 or why != OK


@pytest.mark.parametrize("truth", [0b1000, 0b1110, 0b0100])
@pytest.mark.parametrize("seed", range(15))
def test_products_accept_as_the_truth_table_says(seed: int, truth: int) -> None:
    rng = np.random.default_rng(seed)
    tables = [rng.integers(-1, 4, (4, 2)).astype(np.int32) for _ in range(2)]
    accepts = [rng.random(4) < 0.5 for _ in range(2)]
    classes = [np.array(c, np.int32) for c in ([0, 1, 1], [0, 0, 1])]
    why, _, flat, accept = product(tables[0], accepts[0], classes[0], tables[1], accepts[1], classes[1], truth, *ROOMY)
    assert why == OK
    table = flat[: 3 * len(accept)].reshape(-1, 3)
    for word in words(5):
        pair = [0, 0]
        state = 0
        for symbol in word:
            pair = [int(t[p, c[symbol]]) if p >= 0 else -1 for t, p, c in zip(tables, pair, classes)]
            state = int(table[state, symbol]) if state >= 0 else -1
        bit = sum(w for p, a, w in zip(pair, accepts, (2, 1)) if p >= 0 and a[p])
        assert (state >= 0 and bool(accept[state])) == bool(truth >> bit & 1)


SCRIPT = """
from ctrldiff.automata.compile import compile_expression
from ctrldiff.automata.expression import ANY_TEXT, Alt, Chars, Concat, Minus, Repeat, text
from ctrldiff.kernels.minimise import folded, refined
letters = Chars(((97, 99), (0xE9, 0x3C9)))
tail = Concat((text("ba"), Repeat(letters, 0, 3)))
loop = Alt((Repeat(Concat((text("a"), Repeat(letters, 0, None))), 0, None), tail))
lists = Concat((Repeat(letters, 1, None), Repeat(Concat((text("-"), Repeat(letters, 1, None))), 0, None)))
parts = [loop, lists, Minus(ANY_TEXT, loop), Repeat(loop, 2, 3), Alt(tuple(text(str(i)) for i in range(40)))]
found = [compile_expression(part) for part in parts]
found += [found[0] & found[2], found[0] | found[3], found[2] - found[1]]
print([(dfa.fingerprint, dfa.shortest(), dfa.longest()) for dfa in found], refined.__class__.__name__)
"""


@pytest.mark.slow
def test_kernels_say_the_same_as_plain_python() -> None:
    said = {}
    for mode in ("0", "1"):
        environment = {**os.environ, "NUMBA_DISABLE_JIT": mode}
        run = subprocess.run(
            [sys.executable, "-W", "error::RuntimeWarning", "-c", SCRIPT],
            capture_output=True,
            text=True,
            env=environment,
            check=True,
        )
        said[mode] = run.stdout.rsplit(" ", 1)
    assert said["0"][0] == said["1"][0]
    assert said["1"][1].strip() == "function" != said["0"][1].strip()
