"""Orders by how much a token says: rare ones first or last, and DiffusionBERT's spindle."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch

from ctrldiff.errors import InputError
from ctrldiff.protocols import Posterior
from ctrldiff.sampling.commit import best_first, in_range, uniform
from ctrldiff.sampling.commit import first as first_of
from ctrldiff.sampling.orders import Frequencies
from ctrldiff.state import Scores, State, Step, Tokens, Where

__all__ = ["Informative", "Spindle"]


@dataclass(frozen=True)
class Informative:
    """As many as the schedule asks for, by the information -log f of the tokens proposed there, f how common each is.

    first: "least": common words before rare ones, the order in which DiffusionBERT (arXiv:2211.15029) and
        Masked-Diffuse LM (arXiv:2304.04746) undo their noise, which takes what says most first; the latter's importance
        also knows the words of a document, f here the corpus only. "most": the key words before what connects them
        (InfoDiffusion, arXiv:2310.11976, by notes on it: the schedule it names is not in its code). Ties go to the
        leftmost.
    """

    frequencies: Frequencies
    first: Literal["least", "most"] = "least"

    def __post_init__(self) -> None:
        if self.first not in ("least", "most"):
            raise InputError(f"first={self.first!r}", hint='"least" or "most"', param="first")

    def __call__(self, posterior: Posterior, tokens: Tokens, state: State, step: Step) -> Where:
        eligible = state.open & step.window
        shares = self.frequencies.shares_of(tokens)
        return first_of(step.quota, best_first(shares if self.first == "least" else -shares, eligible), eligible)


@dataclass(frozen=True)
class Spindle:
    """Each open position by a chance of its own, higher for common tokens: DiffusionBERT's reverse process
    (arXiv:2211.15029) with the proposed token for x_0. A step may write nothing; a row's last one writes what is left.

    At time t of n a token v is not noise with probability k_t(v) = 1 - t/n + strength sin(pi t/n) (c(v) - mean c),
    within 0 and .999, and k_0 = 1; c is log(1 + count) over the largest one, the mean that of the row; what never came
    counts as if it came once. From t to s = t - 1 noise becomes v with probability k_s b / (k_s b + 1 - k_s),
    b = 1/(n - s). So the released code; the paper's formula has mean(H) / H - 1, H = -log f, where it has c - mean(c).

    strength: the code's lambda, .3 there; 0 is MDLM's ancestral step, by the same draws.
    """

    frequencies: Frequencies
    strength: float = 0.3

    def __post_init__(self) -> None:
        in_range("strength", self.strength, 0)

    def __call__(self, posterior: Posterior, tokens: Tokens, state: State, step: Step) -> Where:
        chance = self.chances(tokens, state, step)
        return state.open & step.window & (uniform(state).to(torch.float64) < chance)

    def chances(self, tokens: Tokens, state: State, step: Step) -> Scores:
        """(B, T) float64: of being written in this step."""
        counts = self.frequencies.shares_of(tokens) / self.frequencies.shares.min()
        common = (1 + counts).log() / (1 + self.frequencies.shares.max() / self.frequencies.shares.min()).log()
        own = torch.arange(state.shape[1]) < state.lengths[:, None]
        mean = torch.where(own, common, 0.0).sum(dim=1) / state.lengths.clamp(min=1)
        n = step.steps.to(torch.float64)
        s = (n - step.index - 1).clamp(min=0)
        spread = self.strength * torch.sin(math.pi * s / n)
        kept = ((1 - s / n)[:, None] + spread[:, None] * (common - mean[:, None])).clamp(0.0, 0.999)
        kept = torch.where((s == 0)[:, None], 1.0, kept)
        b = (1 / (n - s))[:, None]
        return kept * b / (kept * b + 1 - kept)
