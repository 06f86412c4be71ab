"""Edits keep the grammar: which gaps can be filled is tried out, the beam is compared with all of a small language."""

from itertools import product

import numpy as np
import pytest
import torch

from ctrldiff.constraints.basic import Regex
from ctrldiff.errors import InputError, ModelError
from ctrldiff.likelihood import elbo
from ctrldiff.sampling.constrain import FREE
from ctrldiff.sampling.hurried import HURRIED
from ctrldiff.sampling.legal import LEGAL
from ctrldiff.search.mutation import Gaps, Mutation, Text, drawn, mutated
from ctrldiff.search.run import Run
from ctrldiff.search.tree_edits import TreeEdits
from ctrldiff.state import State
from tests.conftest import PIECES, STOP, VOCABULARY, few, prompt, text, toy
from tests.distinct import Distinct
from tests.guidance.fakes import context
from tests.search.fakes import begin, count_a, members, run_of

LENGTH = 6
LANGUAGES = {
    "list": Regex("[ab]{1,2}(-[ab]{1,2}){0,2}"),
    "nested": Regex("a|1(a|1(a)?0)?0"),
    "lengths": Regex("(19)*b?|00"),
}
WIDE = [one for one in range(STOP) if PIECES[one] in (b"a", b"b", b"-", b"0", b"1", b"9", b"19", b"00")]


def canvas_of(ids, length=LENGTH):
    return State.blank([prompt(0)], length, written=torch.tensor([[*ids, *[STOP] * (length - len(ids))]]))


def held(state):
    """All of it written by a policy, nothing given."""
    opened = State.blank([prompt(0)], state.shape[1])
    return opened.write(opened.open, state.tokens)


def fillings(language, ids, start, stop, size, length=LENGTH):
    """Every legal text with so many tokens in the place of a span, by trying all."""
    out = set()
    if len(ids) - (stop - start) + size <= length:
        for gap in product(WIDE, repeat=size):
            whole = (*ids[:start], *gap, *ids[stop:])
            if whole != tuple(ids) and VOCABULARY.decode(whole) in language:
                out.add(whole)
    return out


def some_texts(language, count=6):
    rows = [[t for t in row if t != STOP] for row in members(language, LENGTH)]
    return [rows[k] for k in np.random.default_rng(0).permutation(len(rows))[:count]]


@pytest.mark.parametrize("name", LANGUAGES)
def test_the_gaps_that_can_be_filled_are_those_that_trying_fills(name):
    language = LANGUAGES[name]
    table, told_apart = language.compile(VOCABULARY), 0
    for ids in some_texts(language):
        row = Text.of(held(canvas_of(ids)), 0, (STOP,))
        gaps = Gaps.of(table, row)
        assert row.length == len(ids)
        assert len(list(row.spans(2))) == sum(min(2, len(ids) - n) + 1 for n in range(len(ids) + 1))
        for start, stop in row.spans(2):
            wanted = {m for m in range(3) if fillings(language, ids, start, stop, m)}
            if stop == len(ids) > start and any(fillings(language, ids, start, stop, m) for m in range(stop - start)):
                wanted.add(stop - start)  # a gap at the end may end the text early
            assert set(gaps.sizes(start, stop, 2)) == wanted, (ids, start, stop)
            told_apart += wanted != {stop - start}
    assert told_apart, "gaps as long as what stood there would be noticed"


def test_what_is_noted_of_a_position_moves_with_it():
    """`a-b` in six positions, the dash cut out and two put in its place, or none: what is behind it moves."""
    sure = torch.tensor([[0.1, 0.2, 0.3, 0.4, 1.0, 1.0]])
    state = held(canvas_of([11, 10, 12])).clear(torch.ones(1, LENGTH, dtype=torch.bool))
    state = state.write(state.open, state.tokens, sure).remember(**{LEGAL: sure + 1, HURRIED: sure + 2})
    row = Text.of(state, 0, (STOP,))
    wider, shorter = (mutated(state, {0: (row, Mutation(1, 2, size))}) for size in (2, 0))
    assert wider.tokens[0, [0, 3, 4, 5]].tolist() == [11, 12, STOP, STOP]
    assert wider.held_confidence[0].nan_to_num(-1).tolist() == pytest.approx([0.1, -1, -1, 0.3, 0.4, 1.0])
    assert shorter.tokens[0].tolist() == [11, 12, *[STOP] * 4]
    assert shorter.held_confidence[0].tolist() == pytest.approx([0.1, 0.3, 0.4, 1.0, 1.0, 1.0])
    for more, key in enumerate((LEGAL, HURRIED), start=1):
        assert wider.memory[key][0].nan_to_num(-1).tolist() == pytest.approx(
            [0.1 + more, -1, -1, 0.3 + more, 0.4 + more, 1.0 + more]
        )
        assert shorter.memory[key][0].nan_to_num(-1).tolist() == pytest.approx(
            [0.1 + more, 0.3 + more, 0.4 + more, 1.0 + more, 1.0 + more, -1]
        )


@pytest.mark.parametrize("name", LANGUAGES)
def test_an_edit_replaces_one_span_and_every_edit_can_be_drawn(name):
    language = LANGUAGES[name]
    table, rng = language.compile(VOCABULARY), np.random.default_rng(1)
    ids = max(some_texts(language, 4), key=len)
    start = held(canvas_of(ids))
    row = Text.of(start, 0, (STOP,))
    gaps, seen = Gaps.of(table, row), set()
    possible = {m for a, b in row.spans(2) for size in range(3) for m in fillings(language, ids, a, b, size)}
    for _ in range(400):
        mutation = drawn(gaps, 2, rng)
        opened = mutated(start, {0: (row, mutation)})
        scores = rng.normal(size=(LENGTH, VOCABULARY.size)).astype(np.float32)
        scores[:, -2:] = -np.inf
        child = table.bind(scores, opened.written[0].numpy()).map().tolist()  # random scores: any filling may win
        child = [t for t in child if t != STOP]
        assert child[: mutation.start] == ids[: mutation.start]
        behind = len(ids) - mutation.stop
        assert behind == 0 or child[-behind:] == ids[mutation.stop :]
        length = len(ids) - (mutation.stop - mutation.start) + mutation.size
        assert len(child) == length or (mutation.stop == len(ids) and len(child) < length)
        if child != ids:
            assert tuple(child) in possible
            seen.add(tuple(child))
    assert seen == possible


def test_spans_are_drawn_evenly_from_those_that_can_be_anything_else():
    language = LANGUAGES["list"]
    ids = [11, 10, 12, 12]
    row = Text.of(held(canvas_of(ids)), 0, (STOP,))
    gaps, rng = Gaps.of(language.compile(VOCABULARY), row), np.random.default_rng(2)
    good = [span for span in row.spans(1) if gaps.sizes(*span, 1)]
    counts = dict.fromkeys(good, 0)
    for _ in range(2000):
        mutation = drawn(gaps, 1, rng)
        counts[mutation.start, mutation.stop] += 1
    error = 4 * (2000 / len(good)) ** 0.5
    assert 1 < len(good) and all(abs(n - 2000 / len(good)) < error for n in counts.values())


def test_what_nothing_can_replace_is_left():
    row = Text.of(held(canvas_of([3, 4])), 0, (STOP,))
    assert drawn(Gaps.of(Regex("34").compile(VOCABULARY), row), 3, np.random.default_rng(0)) is None
    search = TreeEdits(count_a, rounds=2, n=2)
    found = search(run_of(2, Regex("34")), begin(1, 2, 4))
    assert [text(ids) for ids in found.state.tokens] == [b"34", b"34"]


def test_what_is_given_is_neither_replaced_nor_moved():
    language = LANGUAGES["list"]
    written = torch.full((1, LENGTH), -1)
    written[0, 1] = 10
    state = State.blank([prompt(0)], LENGTH, written=written)
    state = state.write(state.open, torch.tensor([[11, 10, 12, 11, STOP, STOP]]))
    row = Text.of(state, 0, (STOP,))
    gaps = Gaps.of(language.compile(VOCABULARY), row)
    assert all(not start <= 1 < stop for start, stop in row.spans(3))
    assert gaps.sizes(0, 1, 2) == [1] and gaps.sizes(2, 4, 2) == [1, 2]
    free = Gaps.of(language.compile(VOCABULARY), Text.of(held(state), 0, (STOP,)))
    assert set(free.sizes(0, 1, 2)) > {1}, "without it the rest may move"


def test_texts_held_to_a_proviso_change_in_place_only():
    language = Regex("[ab01-]{2,5}") & Distinct()
    row = Text.of(held(canvas_of([11, 0, 10, 11])), 0, (STOP,))
    gaps = Gaps.of(language.compile(VOCABULARY), row)
    assert all(gaps.sizes(a, b, 2) in ([], [b - a]) for a, b in row.spans(2))


@pytest.mark.parametrize("seed", few(range(8), 3))
@pytest.mark.parametrize("name", LANGUAGES)
def test_the_beam_finds_the_best_text_of_a_small_language(name, seed):
    language = LANGUAGES[name]
    best = max(count_a([VOCABULARY.decode(ids).decode()])[0] for ids in members(language, LENGTH))
    search = TreeEdits(count_a, rounds=40, size=3, proposals=2, n=3)
    found = search(run_of(3, language), begin(1, 3, LENGTH, seed=seed))
    assert found.rewards[found.chosen[0]] == pytest.approx(best)
    assert found.rewards.tolist() == count_a([text(ids).decode() for ids in found.state.tokens])


def test_edits_that_keep_the_number_of_tokens_would_not_find_it(monkeypatch):
    language, reward = Regex("(a|b)*"), lambda texts: [len(one) for one in texts]
    assert best_of(language, reward) == LENGTH
    monkeypatch.setattr(Text, "sizes", lambda self, start, stop, size: range(stop - start, stop - start + 1))
    assert best_of(language, reward) < LENGTH


def best_of(language, reward):
    state = begin(1, 2, LENGTH)
    short = torch.tensor([[11, *[STOP] * (LENGTH - 1)]] * 2)
    run = run_of(2, language)
    search = TreeEdits(reward, rounds=1, n=2)
    state, scores = state.write(state.open, short), np.array(reward(["a", "a"]), float)
    for _ in range(30):
        state, scores = search.round(run, _Plain(reward), state, scores)
    return scores.max()


class _Plain:
    """A reward without preparations."""

    def __init__(self, reward):
        self.reward = reward

    def __call__(self, rows, texts):
        return np.array(self.reward(texts), float)


def test_more_rounds_never_make_it_worse_and_cost_a_pass_each():
    tops, passes = [], []
    for rounds in (1, 2, 4, 8):
        found = TreeEdits(count_a, rounds=rounds, n=2)(run_of(2, LANGUAGES["list"]), begin(1, 2, LENGTH))
        tops.append(found.rewards.max())
        passes.append(int(found.forwards[0]))
    assert tops == sorted(tops)
    decoded = run_of(2, LANGUAGES["list"]).decode(begin(1, 2, LENGTH)).forwards.sum()
    assert passes[0] <= int(decoded) + 2 and passes[3] <= int(decoded) + 16


def test_the_beam_keeps_the_best_different_texts():
    search, scores = TreeEdits(count_a, n=3), np.array([1.0, 2.0, 2.0, np.nan, 0.0, 2.0])
    texts, own = ["a", "b", "b", "c", "d", "e"], np.array([True] * 6)
    assert search._best(own, scores, texts) == [1, 5, 0]
    assert search._best(np.array([False, True, True, True, False, False]), scores, texts) == [1, 3, 2]


def test_without_a_reward_texts_are_ranked_by_the_model_s_bound():
    denoiser, search = toy(seed=5), TreeEdits(rounds=3, n=2, masks=4)
    found = search(run_of(2, LANGUAGES["list"], denoiser=denoiser), begin(1, 2, LENGTH))
    for ids, score in zip(found.state.tokens.tolist(), found.rewards):
        answer = ids[: ids.index(STOP) + 1] if STOP in ids else ids
        assert elbo(denoiser, [found.state.prompt[0]], [answer], masks=4).mean[0] == pytest.approx(score)
    with pytest.raises(ModelError):
        search(run_of(2, LANGUAGES["list"], denoiser=toy("uniform")), begin(1, 2, LENGTH))


def test_without_a_constraint_everything_may_be_written():
    denoiser = toy()
    start = State.blank([prompt(0)], LENGTH, pad_id=STOP).fork(2)
    plan = run_of(2, LANGUAGES["list"]).plan
    run = Run(denoiser, plan, plan.constrain(FREE), context(2, denoiser, constraint=FREE))
    found = TreeEdits(count_a, rounds=6, n=2)(run, start)
    assert found.state.done.all() and found.rewards.max() >= found.rewards[0]


def test_numbers_that_are_none_are_refused():
    for wrong in ({"rounds": 0}, {"size": 0}, {"proposals": 0}, {"n": 0}, {"masks": 0}):
        with pytest.raises(InputError):
            TreeEdits(count_a, **wrong)
    with pytest.raises(InputError):
        TreeEdits("a")
    assert Mutation(0, 1, 2) == Mutation(0, 1, 2)
