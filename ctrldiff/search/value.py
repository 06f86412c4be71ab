"""At every step several candidates, and one of them chosen by what it promises (SVDD)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from ctrldiff.protocols import Move, Reward
from ctrldiff.rewards.function import as_reward
from ctrldiff.sampling.hurried import HURRIED, NoteHurried
from ctrldiff.sampling.legal import LEGAL, NoteLegal
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
            new = move.wrote & ~state.open
            state = state.reopen(move.before.open & ~state.open & ~new)  # forced by this draw, and maybe not by another
            rows = new.any(1).nonzero()[:, 0].tolist()
            rngs = state.drawing(new.any(1))
            drawn = [state.tokens]
            if self.candidates > 1:
                drawn += move.posterior.sample(self.candidates - 1, rngs=rngs).cpu().unbind(1)
            values = np.full((len(drawn), state.shape[0]), -np.inf)
            for n, tokens in enumerate(drawn):
                best = move.posterior.clamp(tokens, new).map().cpu()
                values[n, rows] = self.strength * run.scores(score, rows, best[rows])
            whole = state.history[:, -1].clone()  # what the loop proposed, of which the first wrote a part
            for row in rows:
                some = np.where(np.isnan(values[:, row]), -np.inf, values[:, row])
                pick = draw(some, rngs[row].random()) if some.max() > -np.inf else 0  # else the first, a fair draw
                whole[row] = drawn[pick][row] if pick else whole[row]
            tokens = torch.where(new, whole, state.tokens)
            sure = move.posterior.confidence(readable(move, tokens, new)).cpu()
            sure = torch.where(new, sure, state.held_confidence)
            history = torch.cat([state.history[:, :-1], whole[:, None]], dim=1)
            state = replace(state, tokens=tokens, held_confidence=sure, history=history)
            for key, note in ((LEGAL, NoteLegal()), (HURRIED, NoteHurried())):  # they were told of the first
                state = note(move, state, step) if key in state.memory else state
            return run.constraint.settle(state)

        state = run.decode(state, weigh)
        rewards = finished(score, run, state)
        return Found(state, rewards, chosen("best", state, rewards, 1), total(state, 1))
