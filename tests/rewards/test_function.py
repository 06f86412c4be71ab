"""A reward that fails ends a candidate, never the run; one of the wrong shape is an error; texts are remembered."""

import time

import numpy as np
import pytest
import torch

import ctrldiff as cd
from ctrldiff.errors import InputError, ShapeError
from ctrldiff.rewards.function import Function, RewardWarning, as_reward, at_path
from tests.guidance.fakes import context


def ask(reward, texts, rows=None, **told):
    return as_reward(reward).prepare(context(4, **told))(rows or range(len(texts)), texts)


def test_texts_are_scored_in_batches_once_each():
    calls = []

    def length(texts):
        calls.append(list(texts))
        return [len(one) for one in texts]

    reward = Function(length, batch_size=2)
    assert ask(reward, ["a", "bb", "a", "ccc", "bb"]).tolist() == [1, 2, 1, 3, 2]
    assert calls == [["a", "bb"], ["ccc"]]
    scored = reward.prepare(context(4))
    assert scored([0, 1], ["ccc", "dddd"]).tolist() == scored([0, 1], ["ccc", "dddd"]).tolist() == [3, 4]
    assert calls[2:] == [["ccc", "dddd"]], (
        "once in a decode; another one asks anew, so that it depends on no earlier one"
    )
    assert ask(Function(length, remember=1), ["a", "bb"]).tolist() == [1, 2]


@pytest.mark.parametrize("value", [np.array([1.0, 2.0]), torch.tensor([1.0, 2.0]), (1, 2), [True, False]])
def test_lists_arrays_and_tensors_are_numbers(value):
    assert ask(lambda texts: value, ["x", "y"]).dtype == np.float64


@pytest.mark.parametrize("value", [1.0, [1.0], [[1.0], [2.0]], ["high", "low"], None, np.zeros((2, 2))], ids=str)
def test_another_shape_is_an_error(value):
    with pytest.raises(ShapeError, match="the reward returned"):
        ask(lambda texts: value, ["x", "y"])


def test_an_exception_ends_the_candidate_it_belongs_to_with_a_warning_that_names_it():
    def picky(texts):
        if "bad" in texts:
            raise KeyError("no such word")
        return [1.0] * len(texts)

    with pytest.warns(RewardWarning, match="candidate 'bad' ended: KeyError") as caught:
        assert np.isnan(ask(picky, ["good", "bad", "fine"])).tolist() == [False, True, False]
    assert len(caught) == 1


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_no_number_ends_the_candidate(value):
    with pytest.warns(RewardWarning, match=f"candidate 'b' ended: the reward is {value}"):
        assert np.isnan(ask(lambda texts: [1.0, value], ["a", "b"])).tolist() == [False, True]


def test_minus_infinity_rules_a_text_out_and_is_a_number():
    assert ask(lambda texts: [-np.inf], ["a"]).tolist() == [-np.inf]


def test_failures_are_asked_again():
    answers = iter([[np.nan], [3.0]])
    reward = Function(lambda texts: next(answers))
    with pytest.warns(RewardWarning):
        assert np.isnan(ask(reward, ["a"]))[0]
    assert ask(reward, ["a"]).tolist() == [3.0]


def test_a_late_answer_ends_the_candidate():
    def slow(texts):
        if "slow" in texts:
            time.sleep(5)
        return [1.0] * len(texts)

    began = time.perf_counter()
    with pytest.warns(RewardWarning, match=r"candidate 'slow' ended: TimeoutError: no answer within 0.2 s"):
        scores = ask(Function(slow, timeout_s=0.2), ["quick", "slow"])
    assert np.isnan(scores).tolist() == [False, True] and time.perf_counter() - began < 4


def test_an_exception_in_a_timed_call_is_the_same_exception():
    with pytest.warns(RewardWarning, match="ZeroDivisionError"):
        ask(Function(lambda texts: [1 / 0], timeout_s=5), ["a"])


def test_a_field_is_read_off_the_answer():
    def read(row, one):
        return {"review": {"text": one, "stars": [row, 7]}}

    assert ask(Function(lambda values: [len(v) for v in values], field="review.text"), ["abc"], read=read) == [3]
    reward = Function(lambda values: values, field="review.stars.0")
    assert ask(reward, ["a", "a"], rows=[0, 2], read=read).tolist() == [0, 0], "one prompt, one reading"
    with pytest.warns(RewardWarning, match="no value at 'review.name'"):
        assert np.isnan(ask(Function(len, field="review.name"), ["a"], read=read))[0]
    assert at_path({"a": [1, {"b": 2}]}, "a.1.b") == 2


@pytest.mark.parametrize("how", [{"batch_size": 0}, {"timeout_s": 0}, {"timeout_s": -1.0}, {"remember": -1}])
def test_what_makes_no_sense_is_refused(how):
    with pytest.raises(InputError):
        Function(len, **how)


@pytest.fixture(scope="module")
def classifier(tmp_path_factory):
    """A tiny sequence classifier of transformers with a tokenizer of its own, on disk."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import BertConfig, BertForSequenceClassification, PreTrainedTokenizerFast

    words = {"[PAD]": 0, "[UNK]": 1, "good": 2, "bad": 3}
    inner = Tokenizer(models.WordLevel(words, unk_token="[UNK]"))
    inner.pre_tokenizer = pre_tokenizers.Whitespace()
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=4,
        hidden_size=8,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=8,
        id2label={0: "neg", 1: "pos"},
        label2id={"neg": 0, "pos": 1},
    )
    folder = tmp_path_factory.mktemp("classifier")
    BertForSequenceClassification(config).save_pretrained(folder)
    PreTrainedTokenizerFast(tokenizer_object=inner, pad_token="[PAD]", unk_token="[UNK]").save_pretrained(folder)
    return folder


def test_any_sequence_classifier_scores_decoded_texts(classifier):
    texts = ["good good", "bad", "something else entirely"]
    positive = ask(cd.rewards.TextClassifier(classifier, "pos"), texts)
    negative = ask(cd.rewards.TextClassifier(classifier, "neg", batch_size=1), texts)
    np.testing.assert_allclose(np.exp(positive) + np.exp(negative), 1, atol=1e-6)
    assert len(set(positive.round(6))) == 3


def test_a_label_it_does_not_have_and_a_folder_that_is_none_are_errors(classifier, tmp_path):
    with pytest.raises(InputError, match="no label 'great'") as caught:
        cd.rewards.TextClassifier(classifier, "great")
    assert caught.value.labels == ("neg", "pos")
    with pytest.raises(InputError, match="which label"):
        cd.rewards.TextClassifier(classifier)
    with pytest.raises(cd.CtrldiffError, match="no sequence classifier"):
        cd.rewards.TextClassifier(tmp_path, "pos")


def test_one_output_is_a_reward_and_no_label(classifier):
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    network = AutoModelForSequenceClassification.from_pretrained(classifier, num_labels=1, ignore_mismatched_sizes=True)
    how = {"tokenizer": AutoTokenizer.from_pretrained(classifier)}
    (name,) = cd.rewards.TextClassifier(network, **how).labels
    with pytest.raises(InputError, match="probability 1"):
        cd.rewards.TextClassifier(network, name, **how)
    network.config.problem_type = "multi_label_classification"
    assert ask(cd.rewards.TextClassifier(network, name, **how), ["good"])[0] < 0.0


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float16, torch.float64, torch.int32, torch.bool])
def test_a_tensor_of_any_kind_of_number_is_a_reward(kind):
    got = ask(Function(lambda texts: torch.tensor([len(text) for text in texts]).to(kind)), ["a", ""])
    assert got.tolist() == [1.0, 0.0]
