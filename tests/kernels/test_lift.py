"""The lifting kernels, one by one, against plain Python on plain arrays."""

import random
from itertools import pairwise

import numpy as np
import pytest

from ctrldiff.kernels import lift
from ctrldiff.kernels.hashing import find_run, longer, rehashed, slot, with_run
from ctrldiff.kernels.reach import survey
from ctrldiff.kernels.trie import build_trie

PLENTY = 10**9


def packed(tokens):
    """Tokens as (data, offsets, written)."""
    offsets = np.zeros(len(tokens) + 1, dtype=np.int64)
    np.cumsum([len(token or b"") for token in tokens], out=offsets[1:])
    data = np.frombuffer(b"".join(token or b"" for token in tokens), dtype=np.uint8)
    written = np.array([token is not None for token in tokens])
    for array in (offsets, written):
        array.setflags(write=False)  # as a Vocabulary holds them: the kernel is compiled once
    return data, offsets, written


def random_case(seed):
    rng = random.Random(seed)
    n_states, n_classes = rng.randint(1, 6), rng.randint(1, 4)
    table = np.array(
        [[rng.randint(-1, n_states - 1) for _ in range(n_classes)] for _ in range(n_states)], dtype=np.int32
    )
    classes = np.array([rng.randrange(n_classes) for _ in range(256)], dtype=np.uint8)
    tokens = [bytes(rng.choices([0, 1, 2, 255], k=rng.randint(0, 4))) for _ in range(rng.randint(1, 30))]
    return table, classes, [None if rng.random() < 0.1 else token for token in tokens]


def column_by_hand(table, classes, token):
    pairs = []
    for start in range(len(table)):
        state = start
        for byte in token:
            state = table[state, classes[byte]] if state >= 0 else -1
        if state >= 0:
            pairs.append((start, int(state)))
    return pairs


def columns_of(table, classes, tokens, max_pairs=PLENTY, max_steps=PLENTY):
    trie = build_trie(*packed(tokens))
    return lift.columns(*trie, classes, table.T.copy(), len(table), max_pairs, max_steps)


@pytest.mark.parametrize("seed", range(150))
def test_a_column_is_where_the_token_leads_from_every_state(seed):
    table, classes, tokens = random_case(seed)
    status, _, token_class, begin, end, pairs = columns_of(table, classes, tokens)
    assert status == lift.DONE
    found = [
        [(int(pair) >> 32, int(pair) & 0x7FFFFFFF) for pair in pairs[begin[c] : end[c]]] for c in range(len(begin))
    ]
    assert len({tuple(column) for column in found}) == len(found)
    for token, c in zip(tokens, token_class):
        wanted = column_by_hand(table, classes, token) if token is not None else []
        assert (found[c] if c >= 0 else []) == wanted
    used = [c for c in dict.fromkeys(token_class.tolist()) if c >= 0]
    assert used == list(range(len(begin)))


@pytest.mark.parametrize("seed", range(150))
def test_an_edge_holds_the_classes_that_take_it(seed):
    table, classes, tokens = random_case(seed)
    _, _, _, begin, end, pairs = columns_of(table, classes, tokens)
    wanted = {}
    for c in range(len(begin)):
        for pair in pairs[begin[c] : end[c]].tolist():
            wanted.setdefault((pair >> 32, pair & 0x7FFFFFFF), []).append(c)
    source, target, label, ptr, label_classes = lift.group(begin, end, pairs, len(table))
    sets = [label_classes[a:b].tolist() for a, b in pairwise(ptr)]
    assert list(zip(source.tolist(), target.tolist())) == sorted(wanted)
    assert {(s, q): sets[i] for s, q, i in zip(source.tolist(), target.tolist(), label)} == wanted
    assert len({tuple(s) for s in sets}) == len(sets)
    assert list(dict.fromkeys(label.tolist())) == list(range(len(sets)))


@pytest.mark.parametrize("seed", range(150))
def test_survey_finds_live_states_distances_and_the_longest_path(seed):
    rng = random.Random(seed)
    n = rng.randint(1, 7)
    forward = rng.random() < 0.5  # half of the graphs have no cycle
    pairs = sorted({(a, b) for a in range(n) for b in range(n) if rng.random() < 0.3 and (not forward or a < b)})
    accept = np.array([rng.random() < 0.4 for _ in range(n)])
    edges = np.array(pairs, dtype=np.int32).reshape(-1, 2)
    live, distance, longest = survey(edges[:, 0].copy(), edges[:, 1].copy(), accept)

    # paths[k][s]: the states that k edges lead to from s; n edges suffice for everything but a cycle
    ahead = {s: {b for a, b in pairs if a == s} for s in range(n)}
    layers = [{s: {s} for s in range(n)}]
    for _ in range(2 * n + 1):
        layers.append({s: {q for m in layers[-1][s] for q in ahead[m]} for s in range(n)})
    nearest = [next((k for k in range(n) if any(accept[q] for q in layers[k][s])), -1) for s in range(n)]
    reached = {q for layer in layers for q in layer[0]}
    lengths = [k for k in range(2 * n + 1) if any(accept[q] for q in layers[k][0])]
    assert distance.tolist() == nearest
    assert live.tolist() == [s in reached and nearest[s] >= 0 for s in range(n)]
    if lengths:
        assert longest == (-1 if lengths[-1] > n else lengths[-1])


def test_limits_stop_the_kernel_where_they_are_passed():
    table, classes, tokens = random_case(1)
    status, used, *_ = columns_of(table, classes, tokens, max_steps=len(table))
    assert status == lift.TOO_MANY_STEPS and used > len(table)
    status, used, *_ = columns_of(table, classes, tokens, max_pairs=len(table))
    assert status == lift.TOO_MANY_PAIRS and used > len(table)


def test_runs_with_the_same_hash_are_told_apart():
    runs = np.array([5, 6, 5, 7, 5, 6], dtype=np.int64)
    known, digest, ptr = np.full(8, -1, np.int32), np.zeros(4, np.uint64), np.array([0, 2, 4, 0, 0])
    found, h = find_run(known, digest, ptr, runs, np.int64(4), np.int64(6))
    assert found == -1
    digest[:2] = h  # a collision: run 0 and run 1 claim the hash of (5, 6)
    known = with_run(known, digest, np.int64(1))
    assert find_run(known, digest, ptr, runs, np.int64(4), np.int64(6))[0] == -1
    known = with_run(known, digest, np.int64(0))
    assert find_run(known, digest, ptr, runs, np.int64(4), np.int64(6))[0] == 0


def test_tables_keep_everything_as_they_grow():
    rng = random.Random(2)
    wanted = {}
    keys, values = np.full(4, -1, np.int64), np.empty(4, np.int32)
    for value, key in enumerate(rng.sample(range(10**12), 500)):
        if 2 * (len(wanted) + 1) > len(keys):
            keys, values = rehashed(keys, values)
        place = slot(keys, key)
        keys[place], values[place] = key, value
        wanted[key] = value
    assert all(values[slot(keys, key)] == value for key, value in wanted.items())
    digest, known = np.array([rng.randrange(2**64) for _ in range(500)], dtype=np.uint64), np.full(4, -1, np.int32)
    for n in range(500):
        known = with_run(known, digest, np.int64(n))
    assert sorted(known[known >= 0].tolist()) == list(range(500))
    assert longer(np.arange(3, dtype=np.int32), np.int64(2), np.int64(5))[:2].tolist() == [0, 1]
