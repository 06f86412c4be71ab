"""Reading a DFA through a vocabulary, against walking every token's bytes from every state."""

import random
from collections import deque
from itertools import pairwise

import numpy as np
import pytest

from ctrldiff.errors import ConstraintTooLarge, ConstraintUnsatisfiable
from ctrldiff.limits import Limits
from ctrldiff.tokens.token_automaton import TokenAutomaton, lift_arrays
from ctrldiff.tokens.vocabulary import Vocabulary

ALPHABET = [b"a", b"b", b"0", b"\xc3\xa9", b"\xe6\x9d\xb1", b'"', b" "]


def random_vocabulary(rng):
    """Overlapping tokens, pieces of characters, twins, tokens that write nothing or are never written."""
    tokens = []
    for _ in range(rng.randint(1, 14)):
        token = b"".join(rng.choices(ALPHABET, k=rng.choice([1, 1, 1, 2, 2, 3])))
        if rng.random() < 0.2 and len(token) > 1:
            cut = rng.randint(1, len(token) - 1)
            token = token[:cut] if rng.random() < 0.5 else token[cut:]
        tokens.append(token)
    tokens += rng.choices(tokens, k=rng.randint(0, 2))
    tokens += [None] * rng.randint(0, 2)
    if rng.random() < 0.15:
        tokens.append(b"")
    rng.shuffle(tokens)
    ids = rng.sample(range(len(tokens)), min(len(tokens), rng.randint(0, 3)))
    pad = ids.pop() if ids and rng.random() < 0.5 else None
    return Vocabulary.from_tokens(tokens, stop_ids=ids, pad_id=pad)


def random_dfa(rng):
    """A few states over a few byte classes; neither minimal nor trimmed."""
    used = sorted({byte for letter in ALPHABET for byte in letter})
    n_classes = rng.randint(2, len(used))
    classes = np.zeros(256, dtype=np.uint8)
    for byte in used:
        classes[byte] = rng.randrange(n_classes)
    n_states = rng.randint(1, 7)
    alive = rng.choice([0.3, 0.6, 0.9])
    table = np.array(
        [[rng.randrange(n_states) if rng.random() < alive else -1 for _ in range(n_classes)] for _ in range(n_states)],
        dtype=np.int32,
    )
    accept = np.array([rng.random() < 0.4 for _ in range(n_states)])
    return table, classes, accept


def walked_by_hand(table, classes, accept, vocabulary):
    """The definition of right: {(state, token): next} over live states, those states, and distances."""
    step = {}
    for state in range(len(accept)):
        for i, token in enumerate(vocabulary):
            here = state
            for byte in token or b"":
                here = int(table[here, classes[byte]]) if here >= 0 else -1
            if token is not None and here >= 0:
                step[state, i] = here
    ahead = {s: {q for (a, _), q in step.items() if a == s} for s in range(len(accept))}
    reached, distance = closure({0}, ahead), {}
    for s in range(len(accept)):
        found = breadth_first(s, ahead, accept)
        if found is not None:
            distance[s] = found
    live = [s for s in range(len(accept)) if s in reached and s in distance]
    step = {(s, i): q for (s, i), q in step.items() if s in live and q in live}
    return step, live, distance


def closure(states, ahead):
    todo = list(states)
    while todo:
        new = ahead[todo.pop()] - states
        states |= new
        todo += new
    return states


def breadth_first(start, ahead, accept):
    depth, todo = {start: 0}, deque([start])
    while todo:
        s = todo.popleft()
        if accept[s]:
            return depth[s]
        for q in ahead[s] - set(depth):
            depth[q] = depth[s] + 1
            todo.append(q)
    return None


def most_tokens(state, ahead, accept, seen=()):
    """Tokens of the longest text from `state`, all of which can finish; None when a cycle is in reach."""
    if state in seen:
        return None
    best = 0
    for q in ahead[state]:
        rest = most_tokens(q, ahead, accept, (*seen, state))
        if rest is None:
            return None
        best = max(best, 1 + rest)
    return best


def unfolded(automaton):
    """{(from, token): to} as the edges, labels and classes say."""
    step = {}
    for s, q, label in zip(automaton.edge_from, automaton.edge_to, automaton.edge_label):
        low, high = automaton.label_ptr[label : label + 2]
        for c in automaton.label_classes[low:high]:
            for token in np.flatnonzero(automaton.token_class == c):
                assert (int(s), int(token)) not in step
                step[int(s), int(token)] = int(q)
    return step


def columns_of(step, size):
    columns = [frozenset()] * size
    for token in range(size):
        columns[token] = frozenset((s, q) for (s, i), q in step.items() if i == token)
    return columns


def check_well_formed(automaton: TokenAutomaton):
    pairs = list(zip(automaton.edge_from.tolist(), automaton.edge_to.tolist()))
    assert pairs == sorted(set(pairs))
    ptr = automaton.label_ptr.tolist()
    labels = [tuple(automaton.label_classes[a:b].tolist()) for a, b in pairwise(ptr)]
    assert len(set(labels)) == len(labels) and all(label and list(label) == sorted(set(label)) for label in labels)
    assert set(range(automaton.n_labels)) == set(automaton.edge_label.tolist())
    used = {c for label in labels for c in label}
    assert used == set(range(automaton.n_classes)) == set(automaton.token_class.tolist()) - {-1}
    assert all(array.flags.c_contiguous and not array.flags.writeable for array in automaton.arrays.values())


@pytest.mark.parametrize("seed", range(400))
def test_edges_equal_walking_every_token_from_every_state(seed):
    rng = random.Random(seed)
    vocabulary, (table, classes, accept) = random_vocabulary(rng), random_dfa(rng)
    step, live, distance = walked_by_hand(table, classes, accept, vocabulary)
    if not live:
        with pytest.raises(ConstraintUnsatisfiable):
            lift_arrays(table, classes, accept, vocabulary)
        return
    automaton = lift_arrays(table, classes, accept, vocabulary)
    check_well_formed(automaton)
    rename = {s: i for i, s in enumerate(live)}
    expected = {(rename[s], i): rename[q] for (s, i), q in step.items()}
    accepting = [rename[s] for s in live if accept[s]]
    distances = [distance[s] for s in live]
    ahead = {s: {q for (a, _), q in expected.items() if a == s} for s in rename.values()}
    if vocabulary.stop_ids:
        tail = len(live)
        assert automaton.tail == tail
        expected |= {(s, stop): tail for s in [*accepting, tail] for stop in vocabulary.stop_ids}
        if vocabulary.pad_id is not None:
            expected[tail, vocabulary.pad_id] = tail
        accepting, distances = [*accepting, tail], [*distances, 0]
    else:
        assert automaton.tail is None
    assert unfolded(automaton) == expected
    assert np.flatnonzero(automaton.accept).tolist() == accepting
    assert automaton.distance.tolist() == distances and automaton.shortest == distances[0]
    assert automaton.longest == most_tokens(0, ahead, accept)

    columns = columns_of(expected, vocabulary.size)
    for i in range(vocabulary.size):
        assert (automaton.token_class[i] == -1) == (not columns[i])
        for j in range(i):
            same = automaton.token_class[i] == automaton.token_class[j]
            assert same == (columns[i] == columns[j])
    text = [c for i, c in enumerate(automaton.token_class.tolist()) if c >= 0 and vocabulary[i] is not None]
    first_seen = list(dict.fromkeys(text))
    assert first_seen == sorted(first_seen) == list(range(len(first_seen)))


def digits():
    """One to three digits."""
    classes = np.zeros(256, dtype=np.uint8)
    classes[0x30:0x3A] = 1
    table = np.array([[-1, 1], [-1, 2], [-1, 3], [-1, -1]], dtype=np.int32)
    return table, classes, np.array([False, True, True, True])


def test_a_state_inside_a_character_is_dropped_when_no_token_ends_there():
    classes = np.zeros(256, dtype=np.uint8)
    classes[0xC3], classes[0xA9] = 1, 2
    table = np.array([[-1, 1, -1], [-1, -1, 2], [-1, -1, -1]], dtype=np.int32)
    accept = np.array([False, False, True])
    whole = lift_arrays(table, classes, accept, Vocabulary.from_tokens(["é".encode(), b"\xc3"]))
    assert whole.n_states == 2 and whole.n_edges == 1 and whole.token_class.tolist() == [0, -1]
    halves = lift_arrays(table, classes, accept, Vocabulary.from_tokens(["é".encode(), b"\xc3", b"\xa9"]))
    assert halves.n_states == 3 and halves.n_edges == 3 and halves.longest == 2 and halves.shortest == 1


def test_the_tail_takes_stop_ids_and_then_the_pad():
    vocabulary = Vocabulary.from_tokens([b"1", b"23", None, None, None], stop_ids=[2, 3], pad_id=4)
    automaton = lift_arrays(*digits(), vocabulary)
    stop, pad = automaton.token_class[2], automaton.token_class[4]
    assert automaton.token_class[3] == stop != pad
    step = unfolded(automaton)
    assert step[1, 2] == step[1, 3] == step[4, 2] == step[4, 4] == 4 == automaton.tail
    assert (0, 2) not in step and (1, 4) not in step and automaton.longest == 3


def test_a_pad_that_is_a_stop_id_needs_no_class_of_its_own():
    automaton = lift_arrays(*digits(), Vocabulary.from_tokens([b"1", None], stop_ids=[1], pad_id=1))
    assert automaton.n_classes == 2 and automaton.label_classes[-1] == 1


def test_the_empty_text_needs_no_token():
    table, classes, accept = np.array([[-1]], dtype=np.int32), np.zeros(256, dtype=np.uint8), np.array([True])
    automaton = lift_arrays(table, classes, accept, Vocabulary.from_tokens([b"a"]))
    assert (automaton.n_states, automaton.n_edges, automaton.n_classes) == (1, 0, 0)
    assert automaton.shortest == 0 and automaton.longest == 0
    ended = lift_arrays(table, classes, accept, Vocabulary.from_tokens([b"a", None], stop_ids=[1]))
    assert unfolded(ended) == {(0, 1): 1, (1, 1): 1}


def test_no_tokens_at_all_spell_only_the_empty_text():
    nothing = Vocabulary.from_tokens([])
    with pytest.raises(ConstraintUnsatisfiable):
        lift_arrays(*digits(), nothing)
    anything = np.array([[0]], dtype=np.int32), np.zeros(256, dtype=np.uint8), np.array([True])
    assert lift_arrays(*anything, nothing).n_edges == 0


def test_missing_bytes_are_named():
    with pytest.raises(ConstraintUnsatisfiable) as error:
        lift_arrays(*digits(), Vocabulary.from_tokens([b"a", b"x1"]))
    assert error.value.missing == b"023456789" and "no sequence" in str(error.value)
    table, classes, accept = digits()
    with pytest.raises(ConstraintUnsatisfiable, match="no text at all"):
        lift_arrays(table, classes, np.zeros_like(accept), Vocabulary.from_tokens([b"1"]))


@pytest.mark.parametrize(
    ("limits", "what"),
    [
        (Limits(max_edges=5), r"\(state, token class\) pairs"),
        (Limits(max_bytes=80), "bytes of"),
        (Limits(max_lift_steps=5), "steps of reading the vocabulary"),
    ],
)
def test_growth_past_a_limit_is_an_error_that_names_it(limits, what):
    vocabulary = Vocabulary.from_tokens([b"1", b"22", b"333"])
    with pytest.raises(ConstraintTooLarge, match=what):
        lift_arrays(*digits(), vocabulary, limits)
