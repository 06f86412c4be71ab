"""The bound against every order of writing, against a joint distribution, and its own error bars."""

from itertools import permutations, product

import numpy as np
import pytest
import torch

from ctrldiff.errors import InputError, ModelError
from ctrldiff.likelihood import elbo, plan
from ctrldiff.models.callable import from_callable
from tests.conftest import MASK, PAD, SIZE, STOP, VOCABULARY, spec, toy


def by_every_order(denoiser, prompt, answer):
    """The mean over all orders of writing the answer token by token, asked one token at a time."""
    network, totals = denoiser.network, []
    for order in permutations(range(len(answer))):
        ids, total = [*prompt, *[MASK] * len(answer)], 0.0
        for i in order:
            row = network(torch.tensor([ids]))[0, len(prompt) + i].to(torch.float64)
            row[[MASK, PAD]] = -torch.inf
            total += float(row.log_softmax(-1)[answer[i]])
            ids[len(prompt) + i] = answer[i]
        totals.append(total)
    return float(np.mean(totals))


@pytest.mark.parametrize("answer", [[3], [3, 14], [0, 5, STOP], [1, 1, 13, 12]])
def test_all_masks_are_the_mean_over_every_order_of_writing(answer):
    denoiser = toy(seed=len(answer))
    result = elbo(denoiser, [[4, 2]], [answer], masks=16)
    assert result.mean[0] == pytest.approx(by_every_order(denoiser, [4, 2], answer), abs=1e-5)
    assert result.error[0] == 0 and result.calls[0] == 2 ** len(answer) - 1


def joint_denoiser(rng, length, letters=3):
    """A network that returns the exact conditionals of a random joint distribution over `length` letters."""
    joint = rng.dirichlet(np.ones(letters**length)).reshape((letters,) * length)

    def network(ids):
        out = torch.full((*ids.shape, SIZE), -1e9)
        for row, tokens in enumerate(ids[:, 1:].tolist()):
            seen = joint[tuple(slice(None) if t == MASK else slice(t, t + 1) for t in tokens)]
            for i in range(length):
                axis = tuple(j for j in range(length) if j != i)
                shares = seen.sum(axis=axis)
                where = range(letters) if tokens[i] == MASK else [tokens[i]]
                for letter, share in zip(where, shares / shares.sum()):
                    out[row, i + 1, letter] = float(np.log(share))
        return out

    return joint, from_callable(network, spec("mask"), VOCABULARY)


def test_conditionals_of_one_joint_give_its_log_probability_under_any_masks():
    joint, denoiser = joint_denoiser(np.random.default_rng(5), 4)
    answers = list(product(range(3), repeat=4))[::7]
    want = [np.log(joint[a]) for a in answers]
    exact = elbo(denoiser, [[0]] * len(answers), answers, masks=16)
    np.testing.assert_allclose(exact.mean, want, atol=1e-4)


@pytest.mark.parametrize("wrong", [[SIZE], [-1], ["a"], "a text"], ids=str)
def test_what_is_no_token_is_named(wrong):
    with pytest.raises(InputError, match="answer 1"):
        elbo(toy(), [[4], [4]], [[3], wrong])
    with pytest.raises(InputError, match="prompt 1"):
        elbo(toy(), [[4], wrong], [[3], [3]])


def test_sampled_masks_are_unbiased_and_their_errors_are_honest():
    denoiser, answer = toy(seed=3), [0, 5, 11, 13, 2, STOP]
    truth = float(elbo(denoiser, [[4]], [answer], masks=64, batch_size=64).mean)
    runs = [elbo(denoiser, [[4]], [answer], masks=16, seed=seed) for seed in range(60)]
    means = np.array([float(run.mean) for run in runs])
    errors = np.array([float(run.error) for run in runs])
    assert abs(means.mean() - truth) < 4 * means.std() / np.sqrt(len(runs))
    assert 0 < means.std() < 1.3 * np.sqrt((errors**2).mean())  # on the high side, never flattering
    assert np.mean(np.abs(means - truth) < 2.36 * errors) >= 0.88  # 95 % of Student's t with 7 degrees of freedom


@pytest.mark.parametrize("length", [5, 6, 33])
def test_a_pair_of_masks_hides_every_token_and_shares_one(length):
    hidden, weights = plan(length, 8, seed=1)
    pairs = hidden.reshape(4, 2, length).sum(axis=1)
    assert (pairs >= 1).all() and (pairs.sum(axis=1) == length + 1).all()
    np.testing.assert_allclose(weights, length / hidden.sum(axis=1) / 8)


def test_every_size_is_as_likely_as_any_other():
    sizes = np.concatenate([plan(7, 14, seed)[0].sum(axis=1) for seed in range(400)])
    counts = np.bincount(sizes, minlength=8)[1:]
    assert counts.min() > 0.85 * counts.mean()


def test_answers_share_masks_and_the_batch_changes_nothing():
    denoiser, answers = toy(seed=9), [[1, 2, 3, 4, 5], [5, 4, 3, 2, 1], [7, 8, 9, 0, 1, 2, 3]]
    together = elbo(denoiser, [[3]] * 3, answers, masks=6, seed=2)
    for row, answer in enumerate(answers):
        alone = elbo(denoiser, [[3]], [answer], masks=6, seed=2, batch_size=1)
        assert alone.mean[0] == together.mean[row] and alone.error[0] == together.error[row]
    short, long = plan(5, 6, 2)[0], plan(7, 6, 2)[0]
    for a, b in zip(short, long):  # the same order of tokens, cut elsewhere: one contains the other on the shorter
        assert (a <= b[:5]).all() or (b[:5] <= a).all()


def test_a_forbidden_token_has_no_probability():
    assert elbo(toy(), [[1]], [[3, MASK]]).mean[0] == -torch.inf


def test_bad_input_is_refused_by_name():
    with pytest.raises(InputError, match="answer 1 is empty"):
        elbo(toy(), [[1], [1]], [[2], []])
    with pytest.raises(InputError, match="2 prompts for 1"):
        elbo(toy(), [[1], [1]], [[2]])
    for masks in (0, 3):
        with pytest.raises(InputError, match=f"masks={masks}"):
            elbo(toy(), [[1]], [[2]], masks=masks)
    with pytest.raises(ModelError, match="random tokens"):
        elbo(toy("uniform"), [[1]], [[2]])
    assert elbo(toy(), [], []).mean.shape == (0,)
