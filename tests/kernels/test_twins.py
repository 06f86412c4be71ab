"""Each file of kernels shows in its docstring, in a few lines of plain Python, what it computes. Those lines run here,
as they stand there, beside the kernels, on tiny cases drawn from seeds."""

from __future__ import annotations

import importlib
import textwrap
from collections import Counter
from itertools import pairwise
from itertools import product as tuples
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numba
import numpy as np
import pytest

from ctrldiff.kernels import (
    ahead,
    chain,
    determinise,
    hashing,
    lanes,
    lift,
    minimise,
    product,
    reach,
    reduce,
    suffix,
    sums,
    trie,
)
from ctrldiff.kernels import walk as walks
from ctrldiff.posterior.arrays import fixed
from tests.kernels.test_chain import automaton, chain_of, room
from tests.kernels.test_determinise import ROOMY, random_nfa
from tests.kernels.test_lift import PLENTY, packed, random_case
from tests.kernels.test_minimise import random_automaton, reachable_and_useful
from tests.kernels.test_reduce import problem

SEEDS = pytest.mark.parametrize("seed", range(40))


def nothing(a):
    """No line of a sweep is known."""
    return np.empty((0, len(a.accept)))


FILES = sorted(Path(chain.__file__).parent.glob("*.py"))


def twin(module: Any) -> SimpleNamespace:
    """What the indented lines behind the word "Plainly" of a docstring define."""
    lines = module.__doc__.split("Plainly", 1)[1].splitlines()
    code = textwrap.dedent("\n".join(line for line in lines if line.startswith("    ")))
    names: dict[str, Any] = {"np": np, "Counter": Counter}
    exec(code, names)
    return SimpleNamespace(**names)


def same_graph(one: dict[Any, list[Any]], start: Any, other: dict[Any, list[Any]], begin: Any) -> dict[Any, Any]:
    """Which state is which, when two tables (next states by class, None is dead) are the same but for numbering."""
    match, todo = {start: begin}, [start]
    for s in todo:
        assert [t is None for t in one[s]] == [t is None for t in other[match[s]]]
        for t, u in zip(one[s], other[match[s]]):
            if t is not None and t not in match:
                match[t] = u
                todo.append(t)
            assert t is None or match[t] == u
    assert len(set(match.values())) == len(match) == len(one) == len(other)
    return match


def rows(flat: np.ndarray, n_states: int, n_classes: int) -> dict[int, list[int | None]]:
    """A kernel's table as `same_graph` reads it."""
    table = flat[: n_states * n_classes].reshape(n_states, n_classes).tolist()
    return {s: [None if t < 0 else t for t in row] for s, row in enumerate(table)}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_file_of_kernels_has_a_twin(path):
    if path.stem not in ("__init__", "jit"):
        module = importlib.import_module(f"ctrldiff.kernels.{path.stem}")
        assert any(callable(part) for name, part in vars(twin(module)).items() if name != "Counter")


class Weighed:
    """A random chain of 4 positions, each class one token; every other one with edge weights; scores often tie."""

    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        plain, step = automaton(seed)
        weight = rng.normal(size=len(plain.edge_to)) if seed % 2 else ()
        self.chain = plain._replace(weight=fixed(weight, np.float64))
        scores = rng.normal(size=(4, step.shape[1])) * rng.choice([1, 200])
        self.x = fixed(np.where(rng.random(scores.shape) < 0.1, -np.inf, np.round(scores, seed % 3)), np.float32)
        self.cls = self.x.astype(np.float64)
        self.open = np.full(4, -1, np.int32)
        self.reach = chain.reachable(self.chain, 0, self.open)
        a = self.chain
        source = np.repeat(np.arange(len(a.accept)), np.diff(a.edge_ptr))
        self.edges = list(zip(source, a.edge_to, a.edge_label, a.weight if len(a.weight) else np.zeros(len(source))))
        self.members = [a.label_classes[i:j].tolist() for i, j in pairwise(a.label_ptr)]
        self.accepting = np.flatnonzero(a.accept).tolist()

    def labels(self, plus: Any) -> list[list[float]]:
        """The score of each label at each position, by definition."""
        return [[plus.reduce(row[part], initial=-np.inf) for part in self.members] for row in self.cls]

    def as_array(self, value: list[dict[int, float]]) -> np.ndarray:
        """(T + 1, S), of what the twin says by state; -inf where the kernel does not look."""
        out = np.full((5, len(self.chain.accept)), -np.inf)
        for t, now in enumerate(value):
            for s, v in now.items():
                out[t, s] = v if self.reach[t, s] else -np.inf
        return out


@SEEDS
def test_sweeps_and_flow(seed):
    case, plain = Weighed(seed), twin(chain)
    best = chain.label_max(case.chain, case.cls)
    total = chain.label_log_sum(case.chain, case.cls)
    assert np.array_equal(best, case.labels(np.maximum))
    np.testing.assert_allclose(total, case.labels(np.logaddexp), rtol=1e-12)
    want = case.as_array(plain.sweep(case.edges, case.accepting, best, max))
    assert np.array_equal(
        chain.sweep_max(case.chain, best, case.reach, nothing(case.chain), room(case.chain, best)), want
    )
    logs = plain.sweep(case.edges, case.accepting, total, np.logaddexp)
    values = sums.sweep_sum(case.chain, total, case.reach, room(case.chain, total))
    np.testing.assert_allclose(values, case.as_array(logs), rtol=1e-12, atol=1e-12)
    if values[0, 0] == -np.inf:
        return
    mass, (_, taken) = chain.occupancy(case.chain, 0, total, values), chain.flow(case.chain, 0, total, values)
    want = np.zeros_like(mass)
    for t, now in enumerate(plain.flow(case.edges, 0, total, logs)):
        for s, v in now.items():
            want[t, s] = v
    np.testing.assert_allclose(mass, want, atol=1e-12)
    shares = np.exp(case.cls + chain.class_gain(case.chain, taken, total, case.cls))
    for t, row in enumerate(case.cls):
        want = np.zeros(len(row))
        for k, part in enumerate(case.members):
            want[part] += taken[t, k] * np.exp(row[part] - total[t, k]) if taken[t, k] else 0.0
        np.testing.assert_allclose(np.nan_to_num(shares[t]), want, atol=1e-12)


@SEEDS
def test_numbers_with_levels(seed):
    """Scores apart by up to 20,000 nats; an edge with each of them, to one of three states, and a weight for it."""
    rng, plain, n = np.random.default_rng(seed), twin(sums), 9
    labels, after, weights = (sums.Levels(np.empty(k), np.empty(k), np.empty(k)) for k in (n, 3, n))
    logs = []
    for out in (labels, after, weights):
        d = rng.normal(size=len(out.own)) * rng.choice([1, 300, 6000])
        d[rng.random(len(d)) < 0.1] = -np.inf
        top = sums.split(d, out)
        assert top == max(d.max(), -1e300) or (top == 0 and d.max() == -np.inf)
        logs.append(d - top)
        some = d > -np.inf
        own, level = plain.number(logs[-1][some])
        np.testing.assert_allclose(out.own[some], own, rtol=1e-11)
        assert (
            np.array_equal(out.level[some], level) and not out.own[~some].any() and (out.level[~some] == -np.inf).all()
        )
        np.testing.assert_allclose(out.near, np.exp(logs[-1]), rtol=1e-11, atol=1e-320)
    to = rng.integers(0, 3, n)
    fan = chain_of([0, n, n, n], to, range(n), range(n + 1), range(n), [1, 0, 0], [0, 1, 1], logs[2])
    got, level = sums.sum_edges(fan, 0, labels, after, weights)
    terms = [logs[0][e] + logs[1][to[e]] + logs[2][e] for e in range(n)]
    numbers = [plain.number(d) for d in terms if d > -np.inf]
    if not numbers:
        assert (got, level) == (0.0, -np.inf)
        return
    own, top = plain.total(numbers)
    nats = 512 * np.log(2)
    assert np.log(got) + level * nats == pytest.approx(np.log(own) + top * nats, abs=1e-11)
    assert np.log(own) + top * nats == pytest.approx(np.logaddexp.reduce(terms), abs=1e-11)


@SEEDS
def test_walks(seed):
    case, plain = Weighed(seed), twin(walks)
    a = case.chain = case.chain._replace(weight=fixed((), np.float64))  # the twin is shown without weights
    edges, n_classes = [edge[:3] for edge in case.edges], case.cls.shape[1]
    best, total = chain.label_max(a, case.cls), chain.label_log_sum(a, case.cls)
    value = chain.sweep_max(a, best, case.reach, nothing(a), room(a, best))
    future = sums.sweep_sum(a, total, case.reach, room(a, total))
    if value[0, 0] == -np.inf:
        return
    ptr, tokens = fixed(np.arange(n_classes + 1), np.int64), fixed(np.arange(n_classes), np.int32)
    first, open_ = np.full(case.cls.shape, -1, np.int32), fixed(np.full(4, -1), np.int64)
    got = walks.walk_best(a, 0, best, case.cls, value, case.x, ptr, tokens, first, open_)
    assert got.tolist() == plain.best_string(edges, case.members, case.cls, best, value, 0)
    tied = walks.tied_classes(a, 0, best, case.cls, value)
    assert np.array_equal(tied, plain.tied(edges, case.members, case.cls, best, value, 0))
    uniforms = np.random.default_rng(seed).random((20, 4, 3)) * (1 - 1e-9)
    got = walks.walk_sample(a, 0, total, case.cls, future, uniforms)
    assert got.tolist() == [plain.drawn(edges, case.members, case.cls, total, future, 0, u) for u in uniforms]


@SEEDS
def test_a_given_string_is_followed_edge_by_edge(seed):
    """`walk_tokens`, `walk_states`, `walk_to` and `walk_local`, against the edges looked through one by one."""
    case = Weighed(seed)
    a, total = case.chain, chain.label_log_sum(case.chain, case.cls)
    best = chain.label_max(a, case.cls)
    value = chain.sweep_max(a, best, case.reach, nothing(a), room(a, best))
    alive = chain.leads_on(a, best, case.reach)
    assert np.array_equal(alive, value > -np.inf) and np.array_equal(alive, chain.leads_on(a, total, case.reach))
    for string in tuples(range(case.cls.shape[1]), repeat=4):
        classes, states, weight, shares = np.array(string, np.int32), [0], 0.0, []
        for t, c in enumerate(string):
            ways = [(q, k, w) for s, q, k, w in case.edges if s == states[-1]]
            taken = [(q, w) for q, k, w in ways if c in case.members[k]]
            if not taken:
                break
            onward = [total[t, k] for q, k, _ in ways if value[t + 1, q] > -np.inf]
            lawful = len(shares) == t and value[t + 1, taken[0][0]] > -np.inf and case.cls[t, c] > -np.inf
            if lawful:
                shares.append(case.cls[t, c] - np.logaddexp.reduce(onward))
            states.append(int(taken[0][0]))
            weight += taken[0][1]
        read = len(states) - 1
        legal = read == 4 and states[-1] in case.accepting
        assert walks.walk_tokens(a, 0, classes) == (pytest.approx(weight) if legal else -np.inf)
        assert walks.walk_states(a, 0, classes).tolist() == states + [-1] * (4 - read)
        assert walks.walk_to(a, 0, -9, classes) == (states[-1], read)
        end = states[read // 2]
        assert walks.walk_to(a, 0, end, classes) == (end, 4)
        got = walks.walk_local(a, 0, total, alive, classes, case.cls[np.arange(4), classes])
        np.testing.assert_allclose(got, shares + [-np.inf] * (4 - len(shares)), atol=1e-9)


@SEEDS
def test_reachable_and_live(seed):
    """A state is reached, a label is live, where some path says so: paths written out."""
    case, rng = Weighed(seed), np.random.default_rng(seed)
    a = case.chain
    written = np.where(rng.random(4) < 0.4, rng.integers(0, case.cls.shape[1], 4), -1).astype(np.int32)
    reached, live = np.zeros((5, len(a.accept)), np.uint8), np.zeros((4, len(case.members)), np.uint8)

    def follow(t: int, s: int, taken: list[int]) -> None:
        if a.distance[s] > 4 - t:
            return
        reached[t, s] = 1
        if t == 4:
            live[np.arange(4), taken] |= a.accept[s]
        for p, q, k, _ in case.edges if t < 4 else ():
            if p == s and (written[t] < 0 or written[t] in case.members[k]):
                follow(t + 1, int(q), [*taken, k])

    follow(0, 0, [])
    got = chain.reachable(a, 0, written)
    assert np.array_equal(got, reached)
    assert np.array_equal(chain.live_labels(a, written, got.copy()), live)


def test_a_number_behind_all_shares_draws_the_last_that_has_one():
    """So near 1 that the rounded sum of the shares may stay below it; the third edge is forbidden."""
    a = chain_of([0, 3, 3], [1, 1, 1], [0, 1, 2], [0, 1, 2, 3], [0, 1, 2], [1, 0], [0, 1])
    cls = np.array([[np.log(0.1), np.log(0.9), -np.inf]])
    lab = chain.label_log_sum(a, cls)
    total = sums.sweep_sum(a, lab, np.ones((2, 2), np.uint8), room(a, lab))
    drawn = walks.walk_sample(a, 0, lab, cls, total, np.full((1, 1, 3), np.nextafter(1.0, 0.0)))
    assert drawn.tolist() == [[1]]


@SEEDS
def test_suffixes(seed):
    text = tuple(np.random.default_rng(seed).integers(0, 3, 1 + seed % 8).tolist())
    table, end = suffix.suffix_automaton(np.array(text, np.uint8), 3)
    found = {}
    for word in (w for n in range(len(text) + 2) for w in tuples(range(3), repeat=n)):
        state = 0
        for symbol in word:
            state = table[state, symbol] if state >= 0 else -1
        if state >= 0:
            found[word] = end[state]
    assert found == twin(suffix).substrings(text)


@SEEDS
def test_ahead(seed):
    table, accept = random_automaton(np.random.default_rng(seed))
    kept = reachable_and_useful(table, accept)
    name = {s: i for i, s in enumerate(kept)}
    small = np.array([[name.get(int(t), -1) for t in table[s]] for s in kept], np.int32).reshape(-1, table.shape[1])
    if kept:
        nearest, farthest = ahead.ahead(small, accept[kept])
        assert (nearest.tolist(), farthest.tolist()) == twin(ahead).ahead(small.tolist(), accept[kept])


@SEEDS
def test_survey(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 7))
    pairs = [(a, b) for a in range(n) for b in range(n) if rng.random() < 0.3 and (seed % 2 or a < b)]
    accept = rng.random(n) < 0.4
    edges = np.array(pairs, np.int32).reshape(-1, 2)
    live, distance, longest = reach.survey(edges[:, 0].copy(), edges[:, 1].copy(), accept)
    want_live, want_distance, want_longest = twin(reach).survey(pairs, accept)
    assert live.tolist() == want_live and distance.tolist() == want_distance
    if want_live[0]:
        assert longest == want_longest


@SEEDS
def test_subsets(seed):
    nfa = random_nfa(np.random.default_rng(seed))
    n = len(nfa["edge_ptr"]) - 1
    moves: dict[tuple[int, int], set[int]] = {(q, c): set() for q in range(n) for c in range(3)}
    for q in range(n):
        for e in range(nfa["edge_ptr"][q], nfa["edge_ptr"][q + 1]):
            label = nfa["edge_label"][e]
            for c in nfa["label_class"][nfa["label_ptr"][label] : nfa["label_ptr"][label + 1]]:
                moves[q, int(c)].add(int(nfa["edge_dst"][e]))
    free = [nfa["free_dst"][i:j].tolist() for i, j in pairwise(nfa["free_ptr"])]
    keeps = [q == 1 or any(moves[q, c] for c in range(3)) for q in range(n)]
    want = twin(determinise).subsets(moves, free, keeps, 3)
    _, _, count, flat, bits = determinise.subsets(*nfa.values(), 1, 3, *ROOMY)
    match = same_graph(want, next(iter(want)), rows(flat, count, 3), 0)
    assert all((1 in part) == bool(bits[s] & 1) for part, s in match.items())


@SEEDS
@pytest.mark.parametrize("truth", [0b1000, 0b1110, 0b0100])
def test_products(seed, truth):
    rng = np.random.default_rng(seed)
    a, b = (rng.integers(-1, 4, (4, 2)).astype(np.int32) for _ in range(2))
    ends = [rng.random(4) < 0.5 for _ in range(2)]
    classes = [np.array(c, np.int32) for c in ([0, 1, 1], [0, 0, 1])]
    want = twin(product).product(a, b, list(zip(*classes)), truth)
    _, _, flat, accept = product.product(a, ends[0], classes[0], b, ends[1], classes[1], truth, *ROOMY)
    match = same_graph(want, (0, 0), rows(flat, len(accept), 3), 0)
    for (p, q), s in match.items():
        bit = 2 * bool(p >= 0 and ends[0][p]) + bool(q >= 0 and ends[1][q])
        assert accept[s] == bool(truth >> bit & 1)


@SEEDS
def test_blocks(seed):
    """Where every state can be reached and can finish, who stands for whom is who shares a block."""
    table, accept = random_automaton(np.random.default_rng(seed))
    kept, k = reachable_and_useful(table, accept), table.shape[1]
    if not kept:
        return
    name = {s: i for i, s in enumerate(kept)}
    small = np.array([[name.get(int(t), -1) for t in table[s]] for s in kept], np.int32).reshape(-1, k)
    want = twin(minimise).blocks(small.tolist(), accept[kept])
    ends = accept[kept]
    alike = np.where(ends, np.argmax(ends), np.argmin(ends)).astype(np.int32)
    stands = minimise.refined(*minimise.edges_of(small.ravel(), k), alike, k)
    assert stands.tolist() == [want.index(block) for block in want]
    merged, _ = minimise.folded(small.ravel(), ends, 0, k)  # never more than is equivalent
    assert [want[s] for s in merged] == want


@SEEDS
def test_columns_and_edges(seed):
    table, classes, tokens = random_case(seed)
    plain = twin(lift)
    parts = trie.build_trie(*packed(tokens))
    _, _, token_class, begin, end, pairs = lift.columns(*parts, classes, table.T.copy(), len(table), PLENTY, PLENTY)
    found = [[(int(p) >> 32, int(p) & 0x7FFFFFFF) for p in pairs[i:j]] for i, j in zip(begin, end)]
    for token, c in zip(tokens, token_class):
        assert (found[c] if c >= 0 else []) == (plain.column(table, classes, token) if token is not None else [])
    source, to, label, ptr, label_classes = lift.group(begin, end, pairs, len(table))
    got = {(s, q): label_classes[ptr[k] : ptr[k + 1]].tolist() for s, q, k in zip(source, to, label)}
    assert list(got.items()) == list(plain.edges(found).items())


@SEEDS
def test_tries(seed):
    _, _, tokens = random_case(seed)
    want = twin(trie).trie([token for token in tokens if token is not None])
    parent, byte, node = trie.build_trie(*packed(tokens))
    spelled = [b""]
    for p, b in list(zip(parent, byte))[1:]:
        spelled.append(spelled[p] + bytes([b]))
    assert {prefix: i for i, prefix in enumerate(spelled)} == want
    assert node.tolist() == [-1 if token is None else want[token] for token in tokens]


@SEEDS
def test_runs_are_numbered(seed):
    rng = np.random.default_rng(seed)
    runs = [rng.integers(0, 3, rng.integers(1, 4)) for _ in range(30)]
    known, digest = np.full(4, -1, np.int32), np.zeros(31, np.uint64)
    ptr, pool, got, n = np.zeros(32, np.int64), np.zeros(200, np.int64), [], 0
    for run in runs:
        low, high = ptr[n], ptr[n] + len(run)
        pool[low:high] = run
        number, h = hashing.find_run(known, digest, ptr, pool, low, high)
        if number < 0:
            number, digest[n], ptr[n + 1] = n, h, high
            known = hashing.with_run(known, digest, np.int64(n))
            n += 1
        got.append(int(number))
    assert got == twin(hashing).numbers(runs)


def side_by_side(scores, ids, rows, tile, terms, best, sums):
    """All of `kernels/lanes.py` at work, as the reductions use it."""
    found = False
    for v in range(0, scores.shape[1], 8):
        for lane in range(0, 16, 8):
            found |= lanes.turn(scores, rows, lane, v, tile, v * 16 + lane)
    for v in range(scores.shape[1]):
        lanes.raise_and_add(best, sums, ids[v] * 16, tile, terms, v * 16)
        lanes.raise_to(best, ids[v] * 16, tile, v * 16)
    return found


numba_side_by_side = numba.njit(side_by_side)


@SEEDS
@pytest.mark.parametrize("compiled", [True, False])
def test_lanes(seed, compiled):
    """Compiled, and as the plain Python that the file shows."""
    rng, V = np.random.default_rng(seed), 24
    x = rng.normal(size=(5, V)).astype(np.float32)
    x[rng.random(x.shape) < 0.1] = -np.inf
    kind = seed % 3  # float32, the bits of a bfloat16, those of a float16
    if kind == 1:
        x = (x.view(np.uint32) & 0xFFFF0000).view(np.float32)
    narrow = (x, (x.view(np.uint32) >> 16).astype(np.uint16), x.astype(np.float16).view(np.int16))[kind]
    x = narrow.view(np.float16).astype(np.float32) if kind == 2 else x
    rows, ids = rng.integers(0, 5, lanes.LANES), rng.integers(0, 4, V)
    tile = np.zeros(V * lanes.LANES, np.float32)
    best, sums = np.full(4 * lanes.LANES, -np.inf, np.float32), np.zeros(4 * lanes.LANES)
    terms = rng.random(len(tile)).astype(np.float32)

    done = numba_side_by_side if compiled else side_by_side
    assert not done(narrow, ids, rows, tile, terms, best, sums)
    turned, plain = tile.reshape(V, -1), twin(lanes)
    assert np.array_equal(turned, plain.turned(x, rows))
    assert np.array_equal(best.reshape(4, -1), plain.class_best(turned, ids, 4))
    np.testing.assert_allclose(sums.reshape(4, -1), plain.class_sums(terms.reshape(V, -1), ids, 4), rtol=1e-12)
    spoilt = narrow.copy()
    spoilt[rows[3], 9] = (np.nan, 0x7FC1, 0x7E01)[kind]
    assert done(spoilt, ids, rows, tile, terms, best, sums)


@SEEDS
def test_reductions(seed):
    x, _, ids, ptr, tokens = problem(seed, V=60)
    plain, every = twin(reduce), np.arange(len(x))
    best, sums = np.empty((len(x), 9), np.float32), np.empty((len(x), 9))
    reduce.class_scores(x, every, every, ids, ptr, tokens, best, sums, np.empty(len(x)))
    want_best, want_sums = plain.class_scores(x, ids, 9)
    assert np.array_equal(best, want_best)
    # Scores are taken from the best in float32, down to DEEP below it: off by 60 * 2**-24 at most.
    np.testing.assert_allclose(sums, want_sums, atol=4e-6)
    base = np.where(best > -np.inf, best, np.float32(0))
    gain = np.log(np.random.default_rng(seed).dirichlet(np.ones(9), len(x))) - np.where(sums > -np.inf, sums - base, 0)
    gain = gain.astype(np.float32)
    want, got = plain.probabilities(x, ids, base, gain), np.empty_like(x)
    reduce.expand(x, every, every, ids, base, gain, got)
    np.testing.assert_allclose(got, want, atol=1e-5)
    margin, entropy = np.empty(len(x)), np.empty(len(x))
    reduce.beliefs(x, every, every, ids, base, gain, margin, entropy)
    for have, wanted in zip((margin, entropy), plain.beliefs(want)):
        np.testing.assert_allclose(have, wanted, atol=1e-4)
