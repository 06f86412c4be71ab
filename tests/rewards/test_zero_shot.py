"""The diffusion classifier against exact enumeration: by Bayes' rule, and next to the exact one-pass decision."""

from itertools import product

import numpy as np
import pytest
import torch

import ctrldiff as cd
from ctrldiff.constraints.labels import Labels
from ctrldiff.errors import InputError
from ctrldiff.models.callable import from_callable
from ctrldiff.rewards.zero_shot import DiffusionClassifier, label_log_probs, label_probs
from ctrldiff.sampling.decide import decide
from ctrldiff.state import State
from tests.conftest import MASK, SIZE, STOP, VOCABULARY, spec
from tests.guidance.fakes import context

LENGTH, LETTERS = 3, 2


def conditional_joints(seed):
    """A network whose first token, 0 or 1, says which of two joints over three letters its answers follow."""
    joints = np.random.default_rng(seed).dirichlet(np.ones(LETTERS**LENGTH), 2).reshape(2, *[LETTERS] * LENGTH)

    def network(ids):
        out = torch.full((*ids.shape, SIZE), -1e9)
        for row, tokens in enumerate(ids.tolist()):
            seen = joints[tokens[0]][tuple(slice(None) if t == MASK else slice(t, t + 1) for t in tokens[1:])]
            for i in range(LENGTH):
                shares = seen.sum(axis=tuple(j for j in range(LENGTH) if j != i))
                letters = range(LETTERS) if tokens[i + 1] == MASK else [tokens[i + 1]]
                for letter, share in zip(letters, shares / shares.sum()):
                    out[row, i + 1, letter] = float(np.log(share))
        return out

    return joints, from_callable(network, spec("mask"), VOCABULARY)


@pytest.mark.parametrize("log_prior", [None, np.log([0.9, 0.1])])
def test_labels_of_a_text_follow_bayes_rule(log_prior):
    joints, denoiser = conditional_joints(3)
    for answer in product(range(LETTERS), repeat=LENGTH):
        found = label_log_probs(denoiser, [[0], [1]], [answer] * 2, log_prior=log_prior, masks=8)
        both = joints[(slice(None), *answer)] * (1 if log_prior is None else np.exp(log_prior))
        np.testing.assert_allclose(found.exp(), both / both.sum(), atol=1e-4)


def test_few_shared_masks_lean_the_same_way_as_all_of_them():
    joints, denoiser = conditional_joints(4)
    right = 0
    for answer in product(range(LETTERS), repeat=LENGTH):
        rough = label_log_probs(denoiser, [[0], [1]], [answer] * 2, masks=4)
        right += int(rough.argmax()) == int(joints[(slice(None), *answer)].argmax())
    assert right >= 6


def test_a_choice_between_answers_sums_to_one_and_decide_agrees_where_tokens_are_independent():
    """Letters that say nothing of each other: one pass and every order of writing give the same probabilities."""
    rows = torch.log_softmax(torch.randn(LENGTH, SIZE, generator=torch.Generator().manual_seed(1)), -1)
    denoiser = from_callable(
        lambda ids: (
            rows[: ids.shape[1] - 1][None].expand(len(ids), -1, -1).clone()
            if ids.shape[1] > LENGTH
            else rows[None].expand(len(ids), -1, -1).clone()
        ),
        spec("mask"),
        VOCABULARY,
    )
    labels = {"a-": [11, 10, STOP], "b-": [12, 10, STOP], "19": [13, STOP, STOP]}
    found = label_log_probs(denoiser, [[]] * 3, list(labels.values()), masks=8)
    _, (probs,) = decide(denoiser, State.blank([[]], LENGTH), Labels.of(tuple(labels), cd.Prior(), VOCABULARY))
    assert float(found.exp().sum()) == pytest.approx(1)
    assert float((found[0] - found[1]).exp()) == pytest.approx(probs["a-"] / probs["b-"], rel=1e-4)


def test_as_a_reward_it_is_the_log_probability_of_its_label():
    reward = DiffusionClassifier({"zero": "0", "one": "1"}, "one", masks=16)
    seen = []

    def watching(ids):
        seen.append(ids[:, 1:].tolist())
        out = torch.zeros(*ids.shape, SIZE)
        out[ids[:, 0] == 1, :, 1] = 2.0
        return out

    told = context(2, from_callable(watching, spec("mask"), VOCABULARY))
    scores = reward.prepare(told)([0, 1, 0], ["11", "00", "11"])
    assert scores[0] == scores[2] > np.log(0.5) > scores[1]
    assert all(row[-1] in (STOP, MASK) for batch in seen for row in batch), "the end is part of the text"


def test_the_model_in_the_box_tells_reviews_apart():
    model = cd.from_pretrained()
    prompts = {"positive": "Write a positive review of the lamp.", "negative": "Write a negative review of the lamp."}
    good = label_probs(model, "The lamp is great. I love it.", prompts, masks=8)
    bad = label_probs(model, "The lamp is awful. I want a refund.", prompts, masks=8)
    assert good["positive"] > 0.8 and bad["negative"] > 0.8 and sum(good.values()) == pytest.approx(1)


@pytest.mark.parametrize("how", [{"label": "none"}, {"masks": 3}, {"prompts": {"one": "x"}}], ids=str)
def test_what_makes_no_sense_is_refused(how):
    with pytest.raises(InputError):
        DiffusionClassifier(**{"prompts": {"one": "x", "two": "y"}, "label": "one", **how})
