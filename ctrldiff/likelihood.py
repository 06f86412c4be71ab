"""How probable a masked-diffusion model finds a text: the evidence lower bound, by masking parts of it.

A masked-diffusion model has no left-to-right likelihood. What it has is a bound, an average over which l of the L
tokens are hidden: E_l E_S [ L / l * sum over i in S of log p(x_i | the rest, prompt) ], l uniform on 1..L, S uniform
among the sets of l positions. The same number is the mean, over every order of writing the tokens one by one, of the
text's log-probability; for a model whose conditionals belong to one joint distribution it is that log-probability.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from math import comb

import numpy as np
import torch
from numpy.typing import NDArray

from ctrldiff.errors import InputError, ModelError
from ctrldiff.protocols import Denoiser
from ctrldiff.state import State

Ids = Sequence[int] | torch.Tensor


@dataclass(frozen=True)
class Elbo:
    """Bounds on log-probabilities, in nats, one an answer.

    Fields:
        mean: (B,) float64, the estimate; -inf where the model forbids a token of the answer.
        error: (B,) float64, its standard error from pairs of masks: 0 where every mask was tried, NaN for one pair.
            Sizes are drawn from strata, which this formula does not know: it errs on the high side.
        calls: (B,) int64, sequences the model read for the answer.
    """

    mean: torch.Tensor
    error: torch.Tensor
    calls: torch.Tensor


def elbo(
    denoiser: Denoiser,
    prompts: Sequence[Ids],
    answers: Sequence[Ids],
    *,
    masks: int = 32,
    seed: int = 0,
    batch_size: int = 16,
) -> Elbo:
    """Estimate log p(answer | prompt) from below, for each prompt and its answer.

    Masks come in antithetic pairs that together hide every token, with sizes from equal strata; the estimate is
    unbiased. They depend on `seed` and the answer's length alone, and of two lengths the masks of the shorter order
    its tokens as those of the longer do: answers compared under one seed share their noise (a diffusion classifier).
    An answer with no more than `masks` ways to mask it (2^L - 1) is not sampled: all are tried, and the bound is exact.

    Args:
        answers: token ids, at least one each; end them with a stop id to score "and nothing follows".
        masks: sequences read per answer, even, at least 2.
    Returns: sums in float64. The distribution at a position is over what the denoiser allows to be written.
    Raises: InputError (an empty answer, numbers that do not match, ids of no token), ModelError for a model without
        mask noise: it cannot tell a wrong token from a right one by looking, and its bound is another one; and for one
        with `ahead`.
    Source: Nie et al. 2025, "Large Language Diffusion Models", arXiv:2502.09992, eq. 6 (sets of l tokens);
        Li et al. 2023, "Your Diffusion Model is Secretly a Zero-Shot Classifier", arXiv:2303.16203 (shared noise).
    """
    if len(prompts) != len(answers):
        raise InputError(f"{len(prompts)} prompts for {len(answers)} answers", hint="one prompt for each answer")
    if masks < 2 or masks % 2:
        raise InputError(f"masks={masks}: an even number, at least 2", param="masks")
    if batch_size < 1:
        raise InputError(f"batch_size={batch_size}: at least 1", param="batch_size")
    texts = [_ids(f"answer {row}", ids, denoiser, row) for row, ids in enumerate(answers)]
    for row, ids in enumerate(texts):
        if not len(ids):
            raise InputError(f"answer {row} is empty", hint="an empty continuation has no probability", row=row)
        _ids(f"prompt {row}", prompts[row], denoiser, row)
    if texts:
        require_mask_noise(denoiser)
        require_all_rows(denoiser)
    mean = torch.zeros(len(texts), dtype=torch.float64)
    error, calls = mean.clone(), torch.zeros(len(texts), dtype=torch.int64)
    plans = {length: plan(length, masks, seed) for length in {len(ids) for ids in texts}}
    jobs = [(row, mask) for row, ids in enumerate(texts) for mask in range(len(plans[len(ids)][0]))]
    jobs.sort(key=lambda job: len(texts[job[0]]))  # rows of one batch have canvases of one length
    terms = [torch.zeros(len(plans[len(ids)][0]), dtype=torch.float64) for ids in texts]
    start = 0
    while start < len(jobs):
        length = len(texts[jobs[start][0]])
        batch = [job for job in jobs[start : start + batch_size] if len(texts[job[0]]) == length]
        hidden = torch.from_numpy(np.stack([plans[length][0][mask] for _, mask in batch]))
        whole = torch.stack([texts[row] for row, _ in batch])
        for (row, mask), value in zip(batch, hidden_log_prob(denoiser, [prompts[r] for r, _ in batch], whole, hidden)):
            terms[row][mask] = value
        start += len(batch)
    for row, ids in enumerate(texts):
        weights = torch.from_numpy(plans[len(ids)][1])
        weighted = terms[row] * weights
        mean[row], calls[row] = weighted.sum(), len(weights)
        if not every_mask(len(ids), masks):
            pairs = (weighted * len(weights)).reshape(-1, 2).mean(dim=1)
            error[row] = pairs.std() / len(pairs) ** 0.5 if len(pairs) > 1 else torch.nan
    return Elbo(mean, error, calls)


def _ids(what: str, given: Ids, denoiser: Denoiser, row: int) -> torch.Tensor:
    """(L,) int64. Raises: InputError for what is no list of ids, and for ids that are no tokens of the model's."""
    try:
        ids = torch.as_tensor(given, dtype=torch.int64).reshape(-1)
    except (TypeError, ValueError, RuntimeError) as error:
        hint = "a text is encoded by model.loaded.plain_ids(text)"
        raise InputError(f"{what} is no list of token ids: {given!r}"[:200], hint=hint, row=row) from error
    size = denoiser.vocabulary.size
    wrong = ids[(ids < 0) | (ids >= size)]
    if len(wrong):
        raise InputError(f"{what} has the id {int(wrong[0])}", hint=f"ids run from 0 to {size - 1}", row=row)
    return ids


def hidden_log_prob(
    denoiser: Denoiser, prompts: Sequence[Ids], tokens: torch.Tensor, hidden: torch.Tensor
) -> torch.Tensor:
    """(B,) float64: the summed log-probability of `tokens` (B, T) where `hidden` (B, T), the rest being seen."""
    state = State.blank(prompts, tokens.shape[1], written=torch.where(hidden, -1, tokens))
    logits = denoiser(denoiser.noise(state)).to(torch.float32)
    log_probs = logits.gather(2, tokens.to(logits.device)[..., None])[..., 0] - logits.logsumexp(dim=-1)
    return torch.where(hidden, log_probs.cpu().to(torch.float64), 0.0).sum(dim=1)


def plan(length: int, masks: int, seed: int) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """(N, L) which tokens are hidden, and (N,) weights with which the summed log-probabilities add up to the bound."""
    if every_mask(length, masks):
        sets = [subset for size in range(1, length + 1) for subset in combinations(range(length), size)]
        hidden = np.zeros((len(sets), length), bool)
        for row, subset in enumerate(sets):
            hidden[row, list(subset)] = True
        sizes = hidden.sum(axis=1)
        return hidden, np.array([1.0 / (size * comb(length, size)) for size in sizes.tolist()])
    hidden = np.zeros((masks, length), bool)
    for pair in range(masks // 2):
        rng = np.random.default_rng([seed, pair])
        size = 1 + int(length * (pair + rng.random()) / (masks // 2))  # from the pair's own stratum of 1..L
        order = np.argsort(rng.random(length), kind="stable")
        hidden[2 * pair, order[length - size :]] = True
        hidden[2 * pair + 1, order[: length - size + 1]] = True
    return hidden, length / (hidden.sum(axis=1) * float(masks))


def every_mask(length: int, masks: int) -> bool:
    """All ways to hide at least one of so many tokens are no more than `masks`."""
    return length < 32 and 2**length - 1 <= masks


def require_all_rows(denoiser: Denoiser) -> None:
    """Raise ModelError for a denoiser that does not speak of positions far behind the first open one."""
    ahead = getattr(getattr(denoiser, "spec", None), "ahead", None)
    if ahead is not None:
        raise ModelError(f"ahead={ahead}: the bound asks for every position", hint="load the model without ahead=")


def require_mask_noise(denoiser: Denoiser) -> None:
    """Raise ModelError unless noise is one and the same token wherever a position is open."""
    noise = denoiser.noise(State.blank([[]], 64)).tokens
    if bool((noise != noise[0, 0]).any()):
        raise ModelError(
            "this model's noise is random tokens, so hidden and seen tokens look alike to it",
            hint="score with a masked model; a uniform-noise model's bound needs its own noise rates",
        )
