"""Tables of token scores: how they are learned, kept, and read."""

import math
from collections import Counter

import pytest
import torch

import ctrldiff as cd
from ctrldiff.errors import InputError, ModelError, ShapeError, VocabularyError
from ctrldiff.guidance.mentions import Words
from ctrldiff.guidance.tokens import Bias, Count, TokenTable
from ctrldiff.tokens.vocabulary import Vocabulary
from tests.cases import hard_state
from tests.conftest import SIZE, STOP, VOCABULARY, logits_like
from tests.guidance.fakes import context, step_at

GOOD, BAD = [[1, 9, 11, 11], [11, 3]], [[2, 0, 12], [12, 12, STOP]]


def scores_of(guide):
    state = hard_state("free")
    return guide.prepare(context()).scores(logits_like(state, 0), (), state, step_at(1.0))[0, 0]


@pytest.mark.parametrize("smooth", [0.1, 1.0, 5.0])
def test_a_table_is_the_log_ratio_of_smoothed_frequencies(smooth):
    table = TokenTable.fit(GOOD, BAD, VOCABULARY, smooth=smooth)
    good, bad = (Counter(token for text in texts for token in text if token != STOP) for texts in (GOOD, BAD))
    seen = set(good) | set(bad)
    for token in range(SIZE):
        want = 0.0
        if token in seen:
            want = math.log((good[token] + smooth) / (good.total() + smooth * len(seen)))
            want -= math.log((bad[token] + smooth) / (bad.total() + smooth * len(seen)))
        assert math.isclose(float(table.scores[token]), want, abs_tol=1e-6)
    swapped = TokenTable.fit(BAD, GOOD, VOCABULARY, smooth=smooth)
    assert torch.allclose(swapped.scores, -table.scores, atol=1e-6)
    assert table.best(1)[0][0] == "a" and table.best(-1)[0][0] == "b"


def test_a_table_is_kept_and_read_for_its_vocabulary_alone(tmp_path):
    table, path = TokenTable.fit(GOOD, BAD, VOCABULARY), tmp_path / "table.safetensors"
    table.save(path)
    assert torch.equal(TokenTable.load(path, VOCABULARY).scores, table.scores)
    assert torch.equal(scores_of(Bias(path, 2.0)), 2 * table.scores)
    other = Vocabulary.from_tokens([b"x"] * SIZE, stop_ids=[STOP])
    with pytest.raises(ModelError, match="another vocabulary"):
        TokenTable.load(path, other)
    with pytest.raises(VocabularyError, match="the table"):
        Bias(table).prepare(context(vocabulary=other))
    (tmp_path / "none").write_bytes(b"{}")
    for wrong in (tmp_path / "none", tmp_path / "missing", "ctrldiff/models/tiny/model.safetensors"):
        with pytest.raises(ModelError, match="no token table"):
            TokenTable.load(wrong, VOCABULARY)


def test_what_cannot_be_written_is_refused(tmp_path):
    for made in (TokenTable.fit(GOOD, BAD, VOCABULARY), cd.guide.CanvasClassifier.untrained(VOCABULARY, ("a", "b"))):
        for path in (tmp_path / "no" / "it.safetensors", tmp_path):
            with pytest.raises(InputError, match="cannot be written"):
                made.save(path)


def test_what_cannot_be_fitted_is_refused():
    with pytest.raises(InputError, match="negative texts are empty"):
        TokenTable.fit(GOOD, [[]], VOCABULARY)
    with pytest.raises(InputError, match="smooth"):
        TokenTable.fit(GOOD, BAD, VOCABULARY, smooth=0.0)
    for texts in (["good"], [[SIZE]], [[-1]], [[1.5]], [[True]], [["1"]]):
        with pytest.raises(InputError, match="positive texts hold what is no token id"):
            TokenTable.fit(texts, BAD, VOCABULARY)
    with pytest.raises(ShapeError, match="finite"):
        TokenTable(torch.full((SIZE,), math.nan), VOCABULARY)
    with pytest.raises(InputError, match="not a finite number"):
        Bias(TokenTable.fit(GOOD, BAD, VOCABULARY), math.nan)


def test_a_word_is_worth_one_shared_among_its_tokens_everywhere():
    state = hard_state("free")
    tilt = Words(["ab1", "b"], 3.0, once=False).prepare(context())
    scores = tilt.scores(logits_like(state, 0), (), state, step_at(1.0))[0, 0]
    want = torch.zeros(SIZE)
    want[[11, 1]], want[12] = 1.0, 3.0  # "a" and "1" a third of 3; "b" alone is a word
    assert torch.allclose(scores, want)


@pytest.mark.parametrize("words", [[], [""], ["a", " "], [3], 5, None])
def test_words_are_words(words):
    with pytest.raises(InputError, match="none of them empty"):
        Words(words)


def test_a_count_counts_and_a_share_is_of_the_text():
    want = torch.tensor([float(word is not None and word.isdigit()) for word in VOCABULARY])
    assert torch.equal(scores_of(Count("[0-9]+")), want)
    assert torch.equal(scores_of(Count(bytes.isdigit)), want)
    text = torch.tensor([float(word is not None) for word in VOCABULARY])
    assert torch.allclose(scores_of(Count("[0-9]+", share=0.25)), want - 0.25 * text)
    for pattern in ("[", b"[0-9]+", 5):
        with pytest.raises(InputError, match="is not a pattern"):
            Count(pattern)
    with pytest.raises(InputError, match="share="):
        Count("[0-9]+", share=lambda ratio: ratio)
    with pytest.raises(InputError, match="no token"):
        Count("zzz").prepare(context())


def test_the_level_is_what_the_written_tokens_are_worth():
    state = hard_state("free")
    tilt = Count("[0-9]+", strength=2.0).prepare(context())
    level = tilt.level(logits_like(state, 0), (), state, step_at(1.0))
    for row in range(3):
        held = state.tokens[row][~state.open[row]].tolist()
        assert float(level[row]) == 2.0 * sum((VOCABULARY[i] or b"").isdigit() for i in held)


def test_reviews_follow_a_table_fitted_to_a_few_of_them():
    model = cd.from_pretrained()
    praise = ["The lamp is excellent. I love it.", "A great and sturdy phone. I am very happy.", "It is perfect."]
    blame = ["The lamp is awful. I want a refund.", "A bad and flimsy phone. I am very unhappy.", "It is useless."]
    table = TokenTable.fit(
        [model.loaded.plain_ids(text) for text in praise],
        [model.loaded.plain_ids(text) for text in blame],
        model.vocabulary,
    )
    form = cd.Regex(r"[A-Z][a-z ,']+\. [A-Z][a-z ,']+\.")
    for strength, label in ((2.0, "positive"), (-2.0, "negative")):
        raw = model("Write a review of the kettle.", form, guidance=[Bias(table, strength)], max_new_tokens=32).raw
        assert raw in form and model(raw, cd.Choice(["positive", "negative"])).output == label
