"""A block against every string it could hold, and blocks one after the other against the whole text."""

from dataclasses import replace
from functools import partial
from itertools import product

import numpy as np
import pytest
import torch

from ctrldiff.constraints.basic import Regex
from ctrldiff.engines.block import edited, never, rewritten, row_table, solve
from ctrldiff.errors import BudgetTooSmall, Infeasible, InputError, VocabularyError
from ctrldiff.tokens.vocabulary import Vocabulary
from tests.cases import CONSTRAINTS, legal, table
from tests.conftest import MASK, PAD, SIZE, STOP, VOCABULARY

NAMES = [name for name, description in CONSTRAINTS.items() if description is not None]
OPEN = torch.ones(8, dtype=torch.bool)


def can_be(whole, written, budget):
    """Some whole text of so many positions begins like this, by the table of the whole canvas."""
    try:
        whole.forced(np.array([*written, *[-1] * (budget - len(written))]))
    except Infeasible:
        return False
    return True


def fits_after(whole, prefix, free, canvas):
    """The canvas of a block can be held where it is not free."""
    return can_be(whole, [*prefix, *torch.where(free, -1, canvas).tolist()], 8)


def edge_weights(whole, state, tokens):
    """The summed weights of the edges that these tokens take from a state."""
    total, a = 0.0, whole.automaton
    for token in tokens:
        after = replace(whole, start=state).walk([token])
        if a.edge_weight is not None:
            total += float(a.edge_weight[(a.edge_from == state) & (a.edge_to == after)][0])
        state = after
    return total


def member(name, rng, length=8):
    """A legal text of the constraint with its tail."""
    return table(name).bind(np.float32(rng.normal(size=(length, SIZE)))).map()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("seed", range(4))
def test_a_block_is_every_string_that_can_still_be_finished(name, seed):
    rng, whole, T = np.random.default_rng([seed, 11]), table(name), 2
    begin = int(rng.integers(0, 5))
    left = 8 - begin
    prefix = member(name, rng)[:begin]
    logits = torch.from_numpy(np.float32(2 * rng.normal(size=(T, SIZE))))
    free = torch.from_numpy(rng.random(T) < 0.7)
    canvas = torch.from_numpy(member(name, rng)[begin : begin + T])
    if not can_be(whole, [*prefix, *[-1 if f else int(c) for f, c in zip(free, canvas)]], 8):
        free[:] = True
    strings = [
        v
        for v in product(range(SIZE), repeat=T)
        if all(f or v[t] == int(canvas[t]) for t, f in enumerate(free)) and can_be(whole, [*prefix, *v], 8)
    ]
    start = whole.walk(prefix)
    scores = [sum(float(logits[t, v[t]]) for t in range(T) if free[t]) for v in strings]
    weights = np.array(scores) + [edge_weights(whole, start, v) for v in strings]
    solved = solve(whole, start, logits, canvas, free, left, before=prefix)
    assert tuple(solved.tokens.tolist()) == strings[int(weights.argmax())]
    want, shares = np.zeros((T, SIZE)), np.exp(weights - weights.max())
    for v, share in zip(strings, shares / shares.sum()):
        want[np.arange(T), v] += share
    np.testing.assert_allclose(solved.posterior.marginals(), want, atol=1e-5)
    np.testing.assert_allclose(solved.confidence, want[np.arange(T), solved.tokens], atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("keep", ["only", "first"])
def test_whatever_an_engine_writes_when_the_text_is_legal(name, keep):
    for seed in range(6):
        rng = np.random.default_rng([seed, 3])
        width, whole, text = int(rng.integers(1, 5)), table(name), []
        while len(text) < 8:
            canvas, free = torch.full((width,), MASK), torch.ones(width, dtype=torch.bool)
            start = whole.walk(text)
            while free.any():
                logits = torch.from_numpy(np.float32(2 * rng.normal(size=(width, SIZE))))
                solved = solve(
                    whole, start, logits, canvas, free, 8 - len(text), temperature=seed % 2, rng=rng, before=text
                )
                picks = rewritten(solved, logits.to([torch.float32, torch.bfloat16, torch.float16][seed % 3]), keep)
                assert picks.isfinite().all() and torch.equal(picks.argmax(dim=-1), solved.tokens)
                now = free & torch.from_numpy(rng.random(width) < 0.5)  # any subset, as an engine likes
                canvas, free = torch.where(now, picks.argmax(dim=-1), canvas), free & ~now
            text += canvas.tolist()
        assert legal(name, VOCABULARY.decode(text[:8])), (name, seed, text)
        assert text[8:] == [STOP] * (len(text) - 8)


def test_scores_left_to_the_engine_are_the_constrained_marginals():
    whole = table("regex")
    logits = torch.randn(3, SIZE, generator=torch.Generator().manual_seed(1))
    solved = solve(whole, 0, logits, torch.zeros(3, dtype=torch.int64), OPEN[:3], 8)
    every = rewritten(solved, logits, "all")
    np.testing.assert_allclose(every.softmax(-1), solved.posterior.marginals(), atol=1e-6)
    first = rewritten(solved, logits, "first")
    best = first.softmax(-1).gather(1, solved.tokens[:, None])[:, 0]
    assert ((best - solved.confidence).abs() < 0.08).all()  # a proposal that has to be lifted gains a little


def test_scores_are_finite_in_every_type_and_no_entropy_is_nan():
    whole = table("choice")
    for dtype in (torch.float32, torch.float16, torch.bfloat16, torch.float64):
        logits = torch.randn(4, SIZE, generator=torch.Generator().manual_seed(2)).to(dtype)
        solved = solve(whole, 0, logits, torch.zeros(4, dtype=torch.int64), OPEN[:4], 8)
        for keep in ("only", "first", "all"):
            out = rewritten(solved, logits, keep)
            p = out.softmax(-1)
            assert out.dtype == dtype and out.isfinite().all() and out.min() == torch.tensor(never(dtype), dtype=dtype)
            assert (p * p.clamp(min=0).log().nan_to_num(neginf=never(dtype))).sum(-1).isfinite().all()


def test_the_budget_is_the_answers_not_the_blocks():
    whole = Regex(r"\d{4}-\d{2}").compile(VOCABULARY)
    logits = torch.zeros(4, SIZE)
    logits[:, 0] = 5.0  # prefers "0"
    logits[:, 13] = 9.0  # and "19" even more
    canvas = torch.zeros(4, dtype=torch.int64)
    # Seven characters in five positions: two pairs of digits are needed, and one of them may come after the block.
    solved = solve(whole, 0, logits, canvas, OPEN[:4], 5)
    assert len(VOCABULARY.decode(solved.tokens.tolist())) >= 5
    with pytest.raises(BudgetTooSmall) as caught:
        solve(whole, 0, logits, canvas, OPEN[:4], 3)
    assert caught.value.shortest == whole.shortest and caught.value.budget == 3
    # Behind the budget the answer is over: stop ids.
    solved = solve(whole, whole.walk([1, 9, 8, 4, 10, 0]), logits, canvas, OPEN[:4], 2)
    assert solved.tokens[2:].tolist() == [STOP, STOP] and solved.inside == 2
    assert solve(whole, whole.tail, logits, canvas, OPEN[:4], -3).tokens.tolist() == [STOP] * 4


def test_walking_names_the_token_that_no_text_has():
    whole = table("regex")
    with pytest.raises(Infeasible, match='token 2 of the text is "a"') as caught:
        whole.walk([1, 9, 11])
    assert caught.value.position == 2
    with pytest.raises(Infeasible, match="never written"):
        whole.walk([MASK])
    assert whole.walk([13, 13, 10, 0, 0, STOP, MASK, PAD, 3]) == whole.tail  # what stands behind the end is not read


def test_a_vocabulary_without_an_end_is_refused():
    bare = Regex("[ab]+").compile(Vocabulary.from_tokens([b"a", b"b"], stop_ids=[]))
    with pytest.raises(VocabularyError, match="no token ends"):
        bare.walk([0])
    with pytest.raises(VocabularyError, match="no token ends"):
        bare.ahead(0)


def test_constraints_are_one_for_all_or_one_for_each_prompt():
    a, b = table("regex"), table("choice")
    assert [row_table([a, b], row, 4) for row in range(4)] == [a, a, b, b]
    with pytest.raises(InputError, match="2 constraints for 3 rows"):
        row_table([a, b], 0, 3)


def test_a_draw_needs_a_generator():
    with pytest.raises(InputError, match="temperature=1"):
        solve(table("regex"), 0, torch.zeros(8, SIZE), torch.zeros(8, dtype=torch.int64), OPEN, 8, temperature=1.0)


@pytest.mark.parametrize("name", NAMES)
def test_edits_leave_a_legal_block_and_take_the_surest_where_not_all_fit(name):
    changed = 0
    for seed in range(20):
        rng, whole = np.random.default_rng([seed, 23]), table(name)
        text = torch.from_numpy(member(name, rng))
        begin = int(rng.integers(0, 4))
        canvas, free = text[begin : begin + 4].clone(), torch.from_numpy(rng.random(4) < 0.3)
        start, left = whole.walk(text[:begin]), 8 - begin
        logits = torch.from_numpy(np.float32(3 * rng.normal(size=(4, SIZE))))
        before = text[:begin].tolist()
        after = edited(whole, start, logits, canvas, free, left, threshold=0.3, before=before)
        clear = solve(whole, start, logits, canvas, torch.ones(4, dtype=torch.bool), left, before=before)
        solve(whole, start, logits, after, free, left, before=before)  # raises if what is held cannot be finished
        moved = after != canvas
        changed += int(moved.sum())
        assert not (moved & free).any() and (clear.confidence[moved] > 0.3).all()
        assert torch.equal(after[moved], clear.tokens[moved])
        wanted = (~free & (clear.tokens != canvas) & (clear.confidence > 0.3)).nonzero()[:, 0].tolist()
        want = canvas.clone()
        want[wanted] = clear.tokens[wanted]
        allowed = partial(fits_after, whole, text[:begin].tolist(), free)
        if not allowed(want):
            want = canvas.clone()
            for t in sorted(wanted, key=lambda t: -clear.confidence[t]):
                trial = want.clone()
                trial[t] = clear.tokens[t]
                want = trial if allowed(trial) else want
        assert torch.equal(after, want)
    assert changed or name == "choice"
