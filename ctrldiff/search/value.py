"""At every step several candidates, and one of them chosen by what it promises (SVDD)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from ctrldiff.protocols import Move, Reward
from ctrldiff.rewards.function import as_reward
from ctrldiff.search.run import Found, Run, checked, chosen, draw, finished, readable, total
from ctrldiff.state import State, Step


@dataclass(frozen=True)
class ValueDecoding:
    """Soft value-based decoding: at every step, `candidates` draws of the tokens to write, one of them kept with
    probability proportional to exp(strength * v).

    v is the reward of the candidate's most probable completion, by the exact posterior of this very step, so a step
    costs one forward pass whatever the number of candidates. Strength 0, or one candidate, is plain sampling; a large
    strength takes the best candidate. When all is written in one step it is sampling-importance-resampling from
    p(x) exp(strength * r(x)). Source: Li et al. 2024 (SVDD), arXiv:2408.08252, with rewards of completions as values.
    """

    reward: Reward | Callable[[list[str]], Any]
    candidates: int = 8
    strength: float = 10.0

    def __post_init__(self) -> None:
        checked("ValueDecoding", 1, self.strength, candidates=self.candidates)
        object.__setattr__(self, "reward", as_reward(self.reward))

    @property
    def n(self) -> int:
        """Canvases a row: one."""
        return 1

    def __call__(self, run: Run, state: State) -> Found:
        score = as_reward(self.reward).prepare(run.context)

        def weigh(move: Move, state: State, step: Step) -> State:
            new = move.before.open & ~state.open
            rows = new.any(1).nonzero()[:, 0].tolist()
            rngs = state.drawing(new.any(1))
            drawn = [state.tokens]
            if self.candidates > 1:
                drawn += move.posterior.sample(self.candidates - 1, rngs=rngs).cpu().unbind(1)
            values = np.full((len(drawn), state.shape[0]), -np.inf)
            for n, tokens in enumerate(drawn):
                best = move.posterior.clamp(tokens, new).map().cpu()
                values[n, rows] = self.strength * run.scores(score, rows, best[rows])
            tokens = state.tokens.clone()
            for row in rows:
                some = np.where(np.isnan(values[:, row]), -np.inf, values[:, row])
                if some.max() > -np.inf:  # else nothing is known of any: the first is a fair draw
                    tokens[row] = drawn[draw(some, rngs[row].random())][row]
            tokens = torch.where(new, tokens, state.tokens)
            sure = move.posterior.confidence(readable(move, tokens, new)).cpu()
            sure = torch.where(new, sure, state.held_confidence)
            return run.constraint.settle(replace(state, tokens=tokens, held_confidence=sure))

        state = run.decode(state, weigh)
        rewards = finished(score, run, state)
        return Found(state, rewards, chosen("best", state, rewards, 1), total(state, 1))
