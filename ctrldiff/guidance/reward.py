"""Guidance by any reward of decoded texts, without gradients: what completions with a token in a place are worth.

    score(v at i) = E[ r | x_i = v ] - E[ r ],        x drawn from the step's exact posterior

estimated from a few completions, all of them legal texts, and shrunk towards 0 where few of them have the token. Added
to the logits with a strength this is the first-order tilt towards p(x) exp(strength * r(x)): d/d strength of its
marginals' log-odds at 0. A token that no completion has keeps its score. Completions are scored as text, so the reward
may have any vocabulary.

Related: plug-and-play importance sampling of completions, arXiv:2410.02143.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from ctrldiff.errors import InputError
from ctrldiff.guidance.guide import Branches, Guide, Tilt
from ctrldiff.guidance.strength import Strength, checked_strength, strength_at
from ctrldiff.protocols import GuideContext
from ctrldiff.protocols import Reward as Rewarding
from ctrldiff.rewards.function import as_reward
from ctrldiff.state import State, Step


@dataclass(frozen=True)
class Reward(Guide):
    """Lean towards texts that a reward likes.

    Args:
        reward: a function of a list of texts, or a reward of `ctrldiff.rewards`.
        strength: in nats for one unit of reward: a number, one for each segment, or a function of the mask ratio.
        completions: drawn for each row and step, with the row's own generator; no forward pass is spent on them.
        shrink: completions' worth of doubt: a mean over n of them counts n / (n + shrink).
    A completion whose reward fails is left out of the estimate, as are rewards of -inf.
    Raises: InputError.
    """

    reward: Rewarding | Callable[[list[str]], Any]
    strength: Strength = 1.0
    completions: int = 16
    shrink: float = 2.0

    def __post_init__(self) -> None:
        checked_strength("strength", self.strength)
        if self.completions < 2 or not (self.shrink >= 0 and math.isfinite(self.shrink)):
            raise InputError(
                f"completions={self.completions}, shrink={self.shrink}", hint="completions>=2, shrink from 0 up"
            )
        object.__setattr__(self, "reward", as_reward(self.reward))

    def prepare(self, context: GuideContext) -> Tilt:
        score = as_reward(self.reward).prepare(context)

        def scores(logits: torch.Tensor, views: Branches, state: State, step: Step) -> torch.Tensor:
            rngs = state.drawing(~state.done)
            drawn = torch.as_tensor(context.constraint.bind(logits, state).sample(self.completions, rngs=rngs)).cpu()
            out = torch.zeros(logits.shape, dtype=torch.float32)
            for row in (~state.done).nonzero()[:, 0].tolist():
                texts = context.vocabulary.texts(drawn[row].tolist())
                rewards = torch.from_numpy(np.asarray(score([row] * len(texts), texts), np.float64))
                out[row] = advantages(drawn[row], rewards, logits.shape[-1], self.shrink)
            out = torch.where(state.open[..., None], out, 0.0).to(logits)
            return strength_at(self.strength, state, logits.device) * out

        return Tilt(scores)


def advantages(tokens: torch.Tensor, rewards: torch.Tensor, size: int, shrink: float) -> torch.Tensor:
    """(T, V) float32: the mean reward of the completions with a token in a place, less the mean of all, shrunk.

    Args: tokens: (N, T).      rewards: (N,) float64; those that are not finite do not count.      size: V.
    """
    good = rewards.isfinite()
    tokens, rewards = tokens[good].T, rewards[good]  # (T, N)
    if len(rewards) < 2:
        return torch.zeros(tokens.shape[0], size)
    gain = (rewards - rewards.mean()).to(torch.float32).expand(tokens.shape)
    total = torch.zeros(tokens.shape[0], size).scatter_add_(1, tokens, gain)
    count = torch.zeros_like(total).scatter_add_(1, tokens, torch.ones_like(gain))
    return total / (count + shrink).clamp(min=1e-9)
