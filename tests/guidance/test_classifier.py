"""The classifier guides: what they compute, that form survives any strength, and what is refused."""

import math

import pytest
import torch

import ctrldiff as cd
from ctrldiff.errors import InputError, ModelError, ShapeError, VocabularyError
from ctrldiff.guidance.classifier import Classifier, exact, first_order
from ctrldiff.guidance.network import CanvasClassifier
from ctrldiff.guidance.strength import mask_ratio, strength_at
from ctrldiff.state import Status
from tests.cases import LENGTH, hard_state
from tests.conftest import STOP, VOCABULARY, logits_like, toy
from tests.guidance.fakes import context, step_at

LABELS = ("warm", "cold", "neither")


def network(seed: int = 0, dtype: torch.dtype = torch.float64) -> CanvasClassifier:
    made = CanvasClassifier.untrained(VOCABULARY, LABELS, width=5, hidden=7, seed=seed)
    return CanvasClassifier(LABELS, VOCABULARY, {name: value.to(dtype) for name, value in made.weights.items()})


def log_p(classifier, state, row, label, changes=()):
    """By the definition: the log-probability of a label with some positions written."""
    tokens, open_ = state.tokens[row].clone(), state.open[row].clone()
    for position, token in changes:
        tokens[position], open_[position] = token, False
    return float(classifier(classifier.embed(tokens[None], open_[None]))[0, label])


@pytest.mark.parametrize("seed", range(3))
def test_the_exact_form_is_the_ratio_of_the_definition(seed):
    state, classifier = hard_state("alternatives", seed), network(seed)
    likely = torch.rand(*state.shape, VOCABULARY.size, generator=torch.Generator().manual_seed(seed))
    scores = exact(classifier, 1, likely, state, 4)
    for row in range(3):
        base = log_p(classifier, state, row, 1)
        for position in range(LENGTH):
            tried = likely[row, position].topk(4).indices.tolist() if state.open[row, position] else []
            for token in range(VOCABULARY.size):
                told = float(scores[row, position, token])
                if token in tried:
                    assert math.isclose(
                        told, log_p(classifier, state, row, 1, [(position, token)]) - base, abs_tol=1e-9
                    )
                else:
                    assert told == 0.0


@pytest.mark.parametrize("at", ["mean", "open"])
def test_the_first_order_form_is_the_derivative(at):
    """Against central differences in float64: blend a token's embedding into a position, a little."""
    state, classifier = hard_state("alternatives"), network(2)
    logits = logits_like(state, 5).double()
    scores = first_order(classifier, 0, logits, state, at)
    assert scores.dtype == torch.float64 and not scores[~state.open].any()
    row = 1
    here = classifier.embed(state.tokens[row : row + 1], state.open[row : row + 1])
    if at == "mean":
        mixed = logits[row].softmax(-1) @ classifier.embedding
        here = torch.where(state.open[row][None, :, None], mixed[None], here)
    for position in state.open[row].nonzero()[:, 0].tolist():
        for token in (0, 7, 12, STOP):
            ways = []
            for size in (1e-5, -1e-5):
                nudged = here.clone()
                nudged[0, position] += size * (classifier.embedding[token] - here[0, position])
                ways.append(float(classifier(nudged)[0, 0]))
            assert math.isclose(float(scores[row, position, token]), (ways[0] - ways[1]) / 2e-5, abs_tol=1e-6)


def test_gradients_of_the_network_are_right_in_float64():
    classifier, state = network(1), hard_state("free")
    embedded = classifier.embed(state.tokens, state.open).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: classifier(x), (embedded,))


def test_expanded_at_the_mean_the_scores_of_a_position_average_to_nothing():
    state = hard_state("free")
    logits = logits_like(state, 5).double()
    mean = (logits.softmax(-1) * first_order(network(), 0, logits, state, "mean")).sum(-1)
    assert mean.abs().max() < 1e-12


def test_first_order_agrees_with_exact_where_the_classifier_is_nearly_linear():
    """With small embeddings both are the same to second order."""
    state, small = hard_state("free"), network(4)
    small = CanvasClassifier(LABELS, VOCABULARY, small.weights | {"embedding": 1e-4 * small.embedding})
    likely = logits_like(state, 1).softmax(-1)
    whole = exact(small, 2, likely, state, VOCABULARY.size)
    linear = first_order(small, 2, logits_like(state, 1), state, "open")
    assert whole.abs().max() > 1e-7 and (whole - linear).abs().max() < 1e-4 * whole.abs().max()


@pytest.mark.parametrize("method", ["first-order", "exact"])
def test_a_row_does_not_see_its_batch_and_done_rows_cost_nothing(method):
    state, logits = hard_state("free"), logits_like(hard_state("free"), 3)
    tilt = Classifier(network(dtype=torch.float32), "warm", 2.0, method=method).prepare(context())
    together = tilt.scores(logits, (), state, step_at(1.0))
    for row in range(3):
        alone = tilt.scores(logits[[row]], (), state.gather([row]), step_at(1.0, rows=1))
        assert torch.allclose(alone[0], together[row], atol=1e-5)  # matrix products round by the size of the batch
    done = state.write(state.open, torch.zeros_like(state.tokens))
    assert not tilt.scores(logits, (), done, step_at(1.0)).any()


def test_noise_does_not_matter_to_the_classifier():
    classifier, state = network(), hard_state("free")
    assert torch.equal(
        classifier.embed(toy("mask").noise(state).tokens, state.open),
        classifier.embed(toy("uniform").noise(state).tokens, state.open),
    )


# strength


def test_strength_by_number_by_segment_and_by_mask_ratio():
    state = hard_state("free")
    state = type(state)(**{**vars(state), "segment": torch.arange(LENGTH).expand(3, -1).to(torch.int32) // 4})
    assert strength_at(2.5, state).unique().tolist() == [2.5]
    assert strength_at({1: 3.0}, state)[0, :, 0].tolist() == [0.0] * 4 + [3.0] * 4
    half = state.write(torch.arange(LENGTH).expand(3, -1) < 4, state.tokens)
    assert mask_ratio(half).tolist() == [0.5, pytest.approx(float(half.open[1].sum()) / 6), pytest.approx(2 / 6)]
    assert strength_at(lambda ratio: 1 - ratio, half)[0, 0, 0] == 0.5
    assert (half.status == int(Status.FIXED)).any(), "given positions do not count"


@pytest.mark.parametrize(
    "strength", [lambda ratio: ratio * math.nan, lambda ratio: torch.ones(7), lambda ratio: math.inf]
)
def test_a_strength_function_has_to_return_a_finite_number_a_row(strength):
    with pytest.raises(InputError, match="strength function"):
        strength_at(strength, hard_state("free"))


@pytest.mark.parametrize("strength", [math.nan, math.inf, -math.inf, "2.0", {0: math.nan}, None])
def test_strengths_are_finite_numbers(strength):
    with pytest.raises(InputError, match="not a finite number"):
        Classifier(network(), "warm", strength)


# refusals


def test_a_label_it_does_not_have_is_refused_with_those_it_has():
    with pytest.raises(InputError, match="'hot'") as caught:
        Classifier(network(), "hot")
    assert caught.value.labels == LABELS and "warm, cold, neither" in str(caught.value)


def test_another_vocabulary_is_refused_and_the_ids_are_named():
    other = cd.Vocabulary.from_tokens(
        [VOCABULARY[i] if i != 3 else b"three" for i in range(VOCABULARY.size)] + [b"more"],
        stop_ids=[STOP],
        pad_id=VOCABULARY.pad_id,
    )
    guide = Classifier(CanvasClassifier.untrained(other, LABELS), "warm")
    with pytest.raises(VocabularyError) as caught:
        guide.prepare(context())
    assert caught.value.ids == (3, VOCABULARY.size)
    assert "id 3: the model writes b'3', the classifier writes b'three'" in str(caught.value)
    assert "the model has no such id" in str(caught.value)


def test_the_front_door_refuses_it_before_any_forward_pass(monkeypatch):
    def never(*_):
        raise AssertionError("the model was asked")

    guide, model = Classifier(network(dtype=torch.float32), "warm"), cd.from_pretrained()
    monkeypatch.setattr(type(model.loaded.denoiser), "__call__", never)
    with pytest.raises(AssertionError, match="was asked"):
        model("Write a review of the kettle.")
    with pytest.raises(VocabularyError, match="ids differ"):
        model("Write a review of the kettle.", guidance=[guide])


@pytest.mark.parametrize("how", [{"method": "second"}, {"at": "median"}, {"candidates": 0}])
def test_words_it_does_not_know_are_refused(how):
    with pytest.raises(InputError, match="first-order"):
        Classifier(network(), "warm", **how)


def test_files_are_read_back_whole_and_others_refused(tmp_path):
    classifier = network(3, torch.float32)
    classifier.save(tmp_path / "one.safetensors")
    again = CanvasClassifier.load(tmp_path / "one.safetensors")
    assert again.labels == LABELS and again.vocabulary == VOCABULARY
    assert all(torch.equal(again.weights[name], value) for name, value in classifier.weights.items())
    (tmp_path / "other.safetensors").write_bytes(b"not one")
    for path in (tmp_path / "other.safetensors", tmp_path / "none", "ctrldiff/models/tiny/model.safetensors"):
        with pytest.raises(ModelError, match="no classifier"):
            CanvasClassifier.load(path)
    with pytest.raises(ShapeError, match="embedding"):
        CanvasClassifier(LABELS, VOCABULARY, classifier.weights | {"embedding": torch.zeros(3, 5)})
    with pytest.raises(ShapeError, match="weights"):
        CanvasClassifier(LABELS, VOCABULARY, {})


# in the box


def test_the_classifier_in_the_box_knows_a_good_review_from_a_bad_one():
    model = cd.from_pretrained()
    box = CanvasClassifier.load(cd.guidance.classifier.SENTIMENT)
    for words, label in [("The kettle is excellent. I love it.", 0), ("The kettle is awful. I want a refund.", 1)]:
        ids = torch.tensor([model.loaded.plain_ids(words)])
        assert box(box.embed(ids, torch.zeros_like(ids, dtype=torch.bool)))[0, label].exp() > 0.9


@pytest.mark.parametrize("label", ["positive", "negative"])
def test_reviews_are_steered_and_the_form_holds(label):
    model, judge, two = (
        cd.from_pretrained(),
        cd.Choice(["positive", "negative"]),
        cd.Regex(r"[A-Z][a-z ,']+\. [A-Z][a-z ,']+\."),
    )
    guide = Classifier("sentiment", label, 2.0)
    texts = ["Write a review of the kettle.", "Review the lamp."]
    results = model(texts, two, guidance=[guide], max_new_tokens=32)
    assert all(one.raw in two and model(one.raw, judge).output == label for one in results)


def test_the_line_of_the_guide_works_as_written():
    from pydantic import BaseModel, Field

    class Review(BaseModel):
        product: str = Field(max_length=12)
        review: str = Field(max_length=24)

    model, label = cd.from_pretrained(), "positive"
    result = model(
        "Write a review of the lamp.",
        Review,
        guidance=[cd.guide.Classifier("sentiment", label), cd.guide.ClassifierFree(1.5)],
    )
    assert isinstance(result.output, Review) and result.usage.forwards >= 1
