"""Complete answers made better: a part is opened, written anew, and kept or put back.

A window A of the answer is opened and one forward pass gives the exact posterior q(x_A | the rest) over it. Several
fresh fillings are drawn; one is proposed by weight and accepted by the Metropolis-Hastings rule of independent
multiple-try proposals, with weights

    exp(strength * r(x)) * p(x_A) / p~(x_A) * g(A | x)

p~ is the guided model the filling was drawn by and p the model itself; g is the chance of opening A in x. Written or
unwritten, the rest of the answer is the same, and so is q: the move is reversible, and leaves every target

    p(x) exp(strength * r(x)) on the language

as it is whose conditionals, given all but A, are what the model says they are (times the constraint). That holds when A
is one position of a consistent model, or when positions do not depend on each other; a network's one-pass conditionals
of several positions are an approximation, as they are in every parallel decode.

Sources: IterRef, an ICLR 2026 submission (re-mask and denoise with acceptance); Liu, Liang and Wong 2000, "The
multiple-try method", JASA 95.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from ctrldiff.errors import InputError
from ctrldiff.protocols import Reward
from ctrldiff.rewards.function import as_reward
from ctrldiff.sampling.constrain import Exact, normalised
from ctrldiff.search.anew import forgotten, rewritten, taken
from ctrldiff.search.run import F64, Choose, Found, Look, Run, checked, chosen, finished, total
from ctrldiff.state import State


@dataclass(frozen=True)
class Refine:
    """Rounds of opening a window and writing it anew, from `n` complete answers a row.

    Args:
        reward: a function of a list of texts, or a reward of `ctrldiff.rewards`.
        rounds: one forward pass each, for every chain.
        width: positions opened a round, in a row, beginning anywhere in the text or at its end.
        proposals: fillings drawn a round.      strength: in nats for one unit of reward.      n: independent chains.
        choose: "best" is the answer with the highest reward that a chain has been at; "draw" the last state of a chain
            drawn at random, which is the one whose distribution is the target's.
    """

    reward: Reward | Callable[[list[str]], Any]
    rounds: int = 16
    width: int = 4
    proposals: int = 4
    strength: float = 10.0
    n: int = 1
    choose: Choose = "best"

    def __post_init__(self) -> None:
        counts = {"rounds": self.rounds, "width": self.width, "proposals": self.proposals}
        checked("Refine", self.n, self.strength, self.choose, **counts)
        object.__setattr__(self, "reward", as_reward(self.reward))

    def __call__(self, run: Run, state: State) -> Found:
        if self.choose == "draw" and run.plan.constrain != Exact():
            raise InputError(
                f"Refine(choose='draw') and constrain={run.plan.constrain!r}",
                why="its moves keep a distribution as it is only if they are drawn from the exact posterior",
                hint='constrain=cd.constrain.Exact(), or choose="best"',
                param="constrain",
            )
        score = as_reward(self.reward).prepare(run.context)
        state = run.decode(state)
        rewards = finished(score, run, state)
        best, top = state, rewards
        for _ in range(self.rounds):
            state, rewards = self.round(run, score, state, rewards)
            if self.choose == "best":
                better = torch.from_numpy((rewards > top) | (np.isnan(top) & ~np.isnan(rewards)))
                best, top = taken(better, state, best), np.where(better, rewards, top)
        if self.choose == "best":
            state, rewards = replace(best, forwards=state.forwards), top
        return Found(state, rewards, chosen(self.choose, state, rewards, self.n), total(state, self.n))

    def round(self, run: Run, score: Any, state: State, rewards: F64) -> tuple[State, F64]:
        """One move of every chain; (B * n,) rewards go with the states."""
        stops = run.context.vocabulary.stop_ids
        window = torch.zeros(state.shape, dtype=torch.bool)
        starts = [int(rng.integers(0, end + 1)) for rng, end in zip(state.rngs, ends(state, stops))]
        for row, start in enumerate(starts):
            window[row, start : start + self.width] = True
        begun = run.constraint.settle(forgotten(state, window))
        rows = (~begun.done).nonzero()[:, 0].tolist()
        if not rows:
            return state, rewards
        look = run.look(begun)
        rngs = look.state.drawing(~begun.done)
        drawn = look.posterior.sample(self.proposals, rngs=rngs).cpu()
        tried = torch.cat([state.tokens[:, None], drawn], 1)  # (B * n, 1 + proposals, T), what stands first
        values = np.stack([rewards] + [np.full(len(rewards), np.nan)] * self.proposals, 1)
        flat = [row for row in rows for _ in range(self.proposals)]
        values[rows, 1:] = run.scores(score, flat, drawn[rows].flatten(0, 1)).reshape(len(rows), -1)
        weights = np.where(np.isnan(values), -np.inf, self.strength * values)
        weights += self._proposal(look, tried, starts, state, stops)
        pick = np.zeros(state.shape[0], np.int64)
        for row in rows:
            cumulated = chances(weights[row]).cumsum()
            pick[row] = min(int(np.searchsorted(cumulated, rngs[row].random(), side="right")), self.proposals)
        tokens = tried[torch.arange(len(pick)), torch.from_numpy(pick)]
        moved = taken(torch.from_numpy(pick > 0), rewritten(look, tokens), state)
        forwards = state.forwards + (~begun.done).to(torch.int64)
        return replace(moved, rngs=look.state.rngs, forwards=forwards), values[np.arange(len(pick)), pick]

    def _proposal(self, look: Look, tried: torch.Tensor, starts: list[int], state: State, stops: Any) -> F64:
        """(B * n, 1 + proposals) log of p / p~ of what is filled in, and of the chance to open the same window."""
        out = np.zeros(tuple(tried.shape[:2]))
        own = normalised(look.unguided).cpu()
        for n, tokens in enumerate(tried.unbind(1)):
            plain = own.gather(2, tokens[..., None])[..., 0].to(torch.float64)
            ratio = torch.where(plain == -torch.inf, plain, plain + look.posterior.surprise(tokens).cpu().double())
            out[:, n] = torch.where(look.state.open, ratio, 0.0).sum(1).numpy()
            last = np.array(ends(replace(state, tokens=tokens), stops))
            out[:, n] += np.where(np.array(starts) <= last, -np.log(last + 1.0), -np.inf)
        return out


def ends(state: State, stops: Any) -> list[int]:
    """(B,) the first position that holds a stop id, or the last one of the canvas."""
    length = state.shape[1]
    is_stop = torch.isin(state.tokens, torch.tensor(stops, dtype=torch.int64))
    return [int(row.to(torch.uint8).argmax()) if row.any() else length - 1 for row in is_stop]


def chances(log_weights: F64) -> F64:
    """(1 + N,) probabilities of ending at what stands (index 0) or at each of N independent proposals.

    Proposal j is picked with probability w_j / sum w and accepted with probability min(1, sum w / (sum w - w_j + w_0)),
    the multiple-try rule; with one proposal, Metropolis-Hastings.
    """
    out = np.zeros(len(log_weights))
    if log_weights[1:].max() == -np.inf:
        out[0] = 1.0
        return out
    weights = np.exp(log_weights - log_weights.max())
    whole = weights[1:].sum()
    out[1:] = weights[1:] / whole * np.minimum(1.0, whole / (whole - weights[1:] + weights[0]))
    out[0] = max(0.0, 1.0 - out[1:].sum())
    return out / out.sum()
