"""What a network says, turned into the distribution of the clean token: against Bayes' rule, by enumeration.

A tiny text distribution is written down in full. Noise is applied to it exactly; the scores that a perfect network
would learn are ratios of the resulting probabilities; and what our conversion makes of them is compared with the
posterior that enumeration gives.
"""

import itertools

import numpy as np
import pytest
import torch

import ctrldiff as cd
from ctrldiff.errors import ModelError
from ctrldiff.models.outputs import absorbing_score, sigma_of, uniform_score, without_its_noise
from ctrldiff.state import State

V, L = 4, 3
TEXTS = list(itertools.product(range(V), repeat=L))


def text_distribution(seed):
    return np.random.default_rng(seed).dirichlet(np.full(len(TEXTS), 0.3))


def uniform_kernel(sigma):
    """(V, V) probability of seeing y where x was written."""
    alpha = np.exp(-sigma)
    return alpha * np.eye(V) + (1 - alpha) / V


def absorbing_kernel(sigma):
    """(V, V + 1): the token, or the mask, which is id V."""
    alpha = np.exp(-sigma)
    return np.concatenate([alpha * np.eye(V), np.full((V, 1), 1 - alpha)], axis=1)


def noisy(p, kernel, seen):
    """p_t(seen), and the posterior (L, V) of the clean token of each position."""
    total, posterior = 0.0, np.zeros((L, V))
    for text, chance in zip(TEXTS, p):
        joint = chance * np.prod([kernel[x, y] for x, y in zip(text, seen)])
        total += joint
        for i, x in enumerate(text):
            posterior[i, x] += joint
    return total, posterior / total


def perfect_log_scores(p, kernel, seen):
    """(L, columns): log p_t(seen with y at i) - log p_t(seen)."""
    base, _ = noisy(p, kernel, seen)
    rows = [[noisy(p, kernel, (*seen[:i], y, *seen[i + 1 :]))[0] for y in range(kernel.shape[1])] for i in range(L)]
    with np.errstate(divide="ignore"):
        return np.log(np.array(rows) / base)


@pytest.mark.parametrize("sigma", [0.02, 0.5, 3.0])
@pytest.mark.parametrize("seed", range(4))
def test_a_perfect_score_under_uniform_noise_becomes_the_posterior(sigma, seed):
    p, kernel = text_distribution(seed), uniform_kernel(sigma)
    for seen in [TEXTS[k] for k in np.random.default_rng(seed).integers(0, len(TEXTS), 6)]:
        scores = torch.from_numpy(perfect_log_scores(p, kernel, seen))[None]
        ours = uniform_score(scores, torch.tensor([seen]), torch.tensor([sigma]))[0].exp().numpy()
        assert np.allclose(ours, noisy(p, kernel, seen)[1], atol=2e-6)


@pytest.mark.parametrize("sigma", [0.02, 0.5, 3.0])
@pytest.mark.parametrize("seed", range(4))
def test_a_perfect_score_under_absorbing_noise_becomes_the_posterior(sigma, seed):
    p, kernel = text_distribution(seed), absorbing_kernel(sigma)
    for where in itertools.product([False, True], repeat=L):
        text = TEXTS[int(np.argmax(p))]  # what is seen has to be possible
        seen = tuple(V if masked else token for masked, token in zip(where, text))
        scores = torch.from_numpy(perfect_log_scores(p, kernel, seen))[None]
        ours = absorbing_score(scores, torch.tensor([seen]), V)[0].exp().numpy()
        assert np.allclose(ours[:, :V], noisy(p, kernel, seen)[1], atol=1e-6) and (ours[:, V] == 0).all()


@pytest.mark.parametrize("sigma", [0.02, 0.5, 3.0])
@pytest.mark.parametrize("seed", range(4))
def test_a_position_known_to_be_noise_is_judged_by_the_others_alone(sigma, seed):
    p, kernel = text_distribution(seed), uniform_kernel(sigma)
    for seen in [TEXTS[k] for k in np.random.default_rng(seed).integers(0, len(TEXTS), 6)]:
        with np.errstate(divide="ignore"):
            logits = torch.from_numpy(np.log(noisy(p, kernel, seen)[1]))[None]
        noise = torch.tensor([[True, False, True]])
        ours = without_its_noise(logits, torch.tensor([seen]), noise, torch.tensor([sigma]))[0].softmax(-1).numpy()
        for i in range(L):
            if not noise[0, i]:
                assert np.allclose(ours[i], noisy(p, kernel, seen)[1][i], atol=1e-6), "others are left as they are"
                continue
            others = np.zeros(V)
            for text, chance in zip(TEXTS, p):
                others[text[i]] += chance * np.prod([kernel[text[j], seen[j]] for j in range(L) if j != i])
            assert np.allclose(ours[i], others / others.sum(), atol=1e-5)


def test_the_sigma_factor_of_absorbing_scores_changes_nothing():
    scores, ids = torch.randn(2, 3, 5), torch.tensor([[4, 1, 4], [0, 4, 4]])
    assert torch.allclose(absorbing_score(scores, ids, 4), absorbing_score(scores - 7.0, ids, 4), atol=1e-5)


def test_an_imperfect_score_is_a_distribution_all_the_same():
    ids = torch.randint(0, 9, (2, 6))
    for sigma in (1e-4, 0.3, 5.0):
        rows = uniform_score(5 * torch.randn(2, 6, 9), ids, torch.full((2,), sigma))
        assert torch.allclose(rows.exp().sum(-1), torch.ones(2, 6), atol=1e-5)
        assert torch.isfinite(rows).all(), "improbable, not forbidden"
    nothing = torch.zeros(1, 1, 9)  # exactly the floor: pure noise, so only the visible token is evidence
    assert uniform_score(nothing, torch.tensor([[3]]), torch.tensor([1.0])).argmax() == 3


def test_sigma_replaces_the_share_that_is_noise_as_far_as_training_went():
    share = torch.tensor([0.001, 0.1, 0.5, 0.99, 1.0], dtype=torch.float64)
    assert torch.allclose(1 - torch.exp(-sigma_of("loglinear", share)), 0.999 * share)
    sigma = sigma_of("geometric", share, 0.01, 20.0)
    assert torch.allclose((1 - torch.exp(-sigma))[1:], share[1:]) and sigma[0] == 0.01 and sigma[-1] == 20.0
    with pytest.raises(ModelError, match="cosine"):
        sigma_of("cosine", share)


@pytest.mark.parametrize("noise", ["mask", "uniform"])
def test_a_function_that_gives_log_scores_is_read_as_one(noise):
    """Perfect scores of a tiny distribution: row i is the posterior at the share of noise there is."""
    p = text_distribution(5)
    vocabulary = cd.Vocabulary.from_tokens([b"a", b"b", b"c", None, None][: V + (noise == "mask")], stop_ids=[3])
    mask = {"mask_id": V} if noise == "mask" else {"noise": "uniform"}
    spec = cd.ModelSpec(stop_ids=(3,), n_tokens=V, context=9, output="log_score", **mask)
    state = State.blank([[]], L, written=torch.tensor([[-1, 1, -1]]))
    sigma = float(-np.log(1 - 0.999 * 2 / 3))
    kernel = absorbing_kernel(sigma) if noise == "mask" else uniform_kernel(sigma)

    def network(ids):
        return torch.from_numpy(np.float32(perfect_log_scores(p, kernel, tuple(ids[0].tolist()))))[None]

    denoiser = cd.from_callable(network, spec, vocabulary)
    state = denoiser.noise(state)
    _, posterior = noisy(p, kernel, tuple(state.tokens[0].tolist()))
    assert np.allclose(denoiser(state)[0, [0, 2], :V].exp().numpy(), posterior[[0, 2]], atol=1e-4)


def test_scores_and_a_shift_do_not_go_together():
    with pytest.raises(ModelError, match="logit_shift=1"):
        cd.ModelSpec(stop_ids=(0,), n_tokens=3, context=9, mask_id=2, output="log_score", logit_shift=1)
