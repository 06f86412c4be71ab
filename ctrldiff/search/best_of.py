"""Several decodes, and the one with the highest reward."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ctrldiff.protocols import Reward
from ctrldiff.rewards.function import as_reward
from ctrldiff.search.run import Found, Run, checked, chosen, finished, total
from ctrldiff.state import State


@dataclass(frozen=True)
class BestOfN:
    """`n` independent decodes a row; the answer is the one with the highest reward, the first among equals.

    Of answers drawn from q, x is the answer with probability F(x)^n - F'(x)^n, where F and F' are the shares of q at
    most and below r(x) (for rewards without ties).
    """

    reward: Reward | Callable[[list[str]], Any]
    n: int = 4

    def __post_init__(self) -> None:
        checked("BestOfN", self.n)
        object.__setattr__(self, "reward", as_reward(self.reward))

    def __call__(self, run: Run, state: State) -> Found:
        score = as_reward(self.reward).prepare(run.context)
        state = run.decode(state)
        rewards = finished(score, run, state)
        return Found(state, rewards, chosen("best", state, rewards, self.n), total(state, self.n))
