"""Several decodes, and the one with the highest reward, or one drawn by it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from ctrldiff.protocols import Reward
from ctrldiff.rewards.function import as_reward
from ctrldiff.search.run import Found, Run, checked, chosen, finished, total
from ctrldiff.state import State


@dataclass(frozen=True)
class BestOfN:
    """`n` independent decodes a row; the answer is the one with the highest reward, the first among equals.

    Of answers drawn from q, x is the answer with probability F(x)^n - F'(x)^n, where F and F' are the shares of q at
    most and below r(x) (for rewards without ties).

    strength: in nats for one unit of reward, another answer: one of the decodes, drawn in proportion to
        exp(strength * r), which they weigh (sampling-importance-resampling, Rubin 1987; "soft best-of-n",
        arXiv:2505.03156). As n grows it is a draw from q(x) exp(strength * r(x)); the effective sample size says how
        near n is to that. None: the best.
    """

    reward: Reward | Callable[[list[str]], Any]
    n: int = 4
    strength: float | None = None

    def __post_init__(self) -> None:
        checked("BestOfN", self.n, self.strength or 0.0)
        object.__setattr__(self, "reward", as_reward(self.reward))

    def __call__(self, run: Run, state: State) -> Found:
        score = as_reward(self.reward).prepare(run.context)
        state = run.decode(state)
        rewards = finished(score, run, state)
        if self.strength is None:
            return Found(state, rewards, chosen("best", state, rewards, self.n), total(state, self.n))
        weights = np.where(np.isnan(rewards), -np.inf, self.strength * rewards)
        state = replace(state, log_weight=torch.from_numpy(weights))
        return Found(state, rewards, chosen("draw", state, rewards, self.n), total(state, self.n))
