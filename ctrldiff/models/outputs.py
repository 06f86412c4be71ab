"""What a network's rows mean, turned into what the library reads: row i is the distribution of position i given all
that is on the canvas, as log-probabilities or as logits that a softmax turns into it.

Under noise at time t a token keeps its value with probability alpha = exp(-sigma) and is otherwise replaced: by the
mask (absorbing noise), or by a token drawn from all `V` alike (uniform noise).
"""

from __future__ import annotations

import math

import torch

from ctrldiff.errors import ModelError

EPS = 1e-3  # what log-linear noise leaves of the text when all is noise
LEAST = 1e-12  # a probability as good as 0, of which no constraint despairs


def sigma_of(schedule: str, share: torch.Tensor, low: float = math.nan, high: float = math.nan) -> torch.Tensor:
    """(N,) the noise level at which a share (N,) of the tokens is replaced, 1 - exp(-sigma) = share, as far as the
    schedule went in training: to 1 - EPS of the tokens ("loglinear": MDLM, SEDD, Duo), or from `low` to `high`
    ("geometric": SEDD)."""
    if schedule == "loglinear":
        return -torch.log1p(-(1.0 - EPS) * share)
    if schedule == "geometric":
        return (-torch.log1p(-share)).clamp(low, high)
    raise ModelError(f"noise schedule {schedule!r} is not known", hint='"loglinear" or "geometric"')


def absorbing_score(log_score: torch.Tensor, ids: torch.Tensor, mask_id: int) -> torch.Tensor:
    """Log-probabilities of the clean token from SEDD's log-scores under absorbing noise.

    At a mask the score of token y is p_t(y, rest) / p_t(mask, rest) = alpha / (1 - alpha) * p(x0 = y | rest): the clean
    token's distribution up to a factor. A token that is no mask was never replaced, so it is itself.

    Args: log_score: (N, L, V).   ids: (N, L) what the network saw.
    Returns: (N, L, V), the mask's column at -inf.
    Source: Lou et al. 2023, arXiv:2310.16834; Ou et al. 2024, arXiv:2406.03736.
    """
    every = torch.arange(log_score.shape[-1], device=log_score.device)
    clean = log_score.masked_fill(every == mask_id, -torch.inf).log_softmax(dim=-1)
    itself = torch.where(every == ids[..., None], 0.0, -torch.inf).to(clean.dtype)
    return torch.where((ids == mask_id)[..., None], clean, itself)


def uniform_score(log_score: torch.Tensor, ids: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
    """Log-probabilities of the clean token from SEDD's log-scores under uniform noise.

    Scores are ratios p_t(y, rest) / p_t(x, rest) and sum to 1 / p_t(x | rest), so that normalising them gives
    p_t(y | rest) = alpha * pi(y) + (1 - alpha) / V, with pi the clean token's distribution given the other positions
    alone. Bayes' rule with what the position itself shows, alpha [y = x] + (1 - alpha) / V, makes it the posterior.
    A network that is not exact may put p_t(y | rest) below its floor (1 - alpha) / V. Such a token is improbable, not
    forbidden: pi(y) is at least `LEAST`.

    Args: log_score: (N, L, V).   ids: (N, L) what the network saw.   sigma: (N,), above 0.
    Returns: (N, L, V).
    Source: Lou et al. 2023, arXiv:2310.16834; the inversion is ours and checked against Bayes' rule by enumeration.
    """
    size = log_score.shape[-1]
    log_score = log_score.scatter(-1, ids[..., None], 0.0)  # a ratio of x with itself, whatever the network says
    alpha = torch.exp(-sigma.to(torch.float64))[:, None, None]
    floor = (1.0 - alpha) / size
    noisy = log_score.to(torch.float64).softmax(dim=-1)
    prior = (noisy - floor).clamp(min=LEAST)
    every = torch.arange(size, device=ids.device)
    shown = alpha * (every == ids[..., None]) + floor
    joint = prior * shown
    return (joint / joint.sum(dim=-1, keepdim=True)).log().to(torch.float32)


def without_its_noise(
    logits: torch.Tensor, ids: torch.Tensor, noise: torch.Tensor, sigma: torch.Tensor
) -> torch.Tensor:
    """Logits given everything but the token that a position is known to hold as noise.

    Under uniform noise a network takes the visible token x for the clean one with the odds of Bayes' rule: its
    posterior is proportional to pi(y) (alpha [y = x] + (1 - alpha) / V). Where x was drawn by us and says nothing, that
    factor is wrong, and when little is noise it is large. Divided out, pi is left: only the row's own x is lowered.

    Args: logits: (N, T, V) of the posterior.   ids: (N, T).   noise: (N, T) bool, where ids are noise.   sigma: (N,).
    Source: Bayes' rule; checked by enumeration.
    """
    alpha = torch.exp(-sigma.to(torch.float64))
    odds = torch.log1p(alpha * logits.shape[-1] / (1.0 - alpha)).to(logits.dtype)
    return logits.scatter_add(-1, ids[..., None], torch.where(noise, -odds[:, None], 0.0).to(logits.dtype)[..., None])
