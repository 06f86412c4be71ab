"""Commit policies that remember: what has not changed is written. Each comes with the observer that notes for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch

from ctrldiff.errors import InputError
from ctrldiff.protocols import Move, Posterior
from ctrldiff.sampling.commit import TopK, best_first, certainty, check_count, first, in_range
from ctrldiff.state import HISTORY, State, Step, Tokens, Where

__all__ = ["Consistent", "NoteConsistent", "NoteShifts", "Steady"]

IDS, PROBS, SHIFTS, SEEN = "shifts, ids", "shifts, probs", "shifts", "shifts, seen"  # the keys in `State.memory`
BUFFER, SIZE = "consistent", "consistent, size"
FLOOR = 1e-12  # added to probabilities before their logarithm, as in KLASS's code


def noted(state: State, key: str, policy: object, note: object) -> torch.Tensor:
    """What an observer noted. Raises: InputError, naming the observer, if none did."""
    if key not in state.memory:
        raise InputError(f"{policy!r} reads what nobody noted", hint=f"observers=[{note!r}]", param="observers")
    return state.memory[key]


@dataclass(frozen=True)
class Steady:
    """All whose confidence is above `above` and whose distribution has moved by less than `nats` (KL divergence) in
    each of the last `steps` steps; where that is nothing, as many as the schedule asks for, by confidence (KLASS,
    arXiv:2511.05664).

    Divergence and confidence are of the constrained marginals, and the first step has nothing to be compared with. A
    position counts its steps from when its block is opened. `note` is the observer that goes with it.
    """

    above: float = 0.9
    nats: float = 0.01
    steps: int = 2

    def __post_init__(self) -> None:
        in_range("above", self.above, 0)
        in_range("nats", self.nats, 0)
        check_count("steps", self.steps)
        if self.steps > HISTORY + 1:
            raise InputError(f"steps={self.steps}: at most {HISTORY + 1}", param="steps")

    @property
    def note(self) -> NoteShifts:
        return NoteShifts()

    def __call__(self, posterior: Posterior, tokens: Tokens, state: State, step: Step) -> Where:
        eligible = state.open & step.window
        before = noted(state, SHIFTS, self, self.note)[..., HISTORY - self.steps + 1 :]
        moved = torch.cat([before, shift(posterior, state)[..., None]], dim=-1)
        steady = (moved < self.nats).all(dim=-1) & (state.memory[SEEN] >= self.steps - 1)
        ready = eligible & steady & (certainty("confidence", posterior, tokens, state) > self.above)
        return torch.where(ready.any(dim=1, keepdim=True), ready, TopK()(posterior, tokens, state, step))


@dataclass(frozen=True)
class NoteShifts:
    """An observer that notes how far each position's marginals moved in the last steps, and for how many steps it has
    been in the window. kept: the tokens whose probabilities are remembered, the likeliest; all others count as one."""

    kept: int = 256

    def __post_init__(self) -> None:
        check_count("kept", self.kept)

    def begin(self, state: State) -> State:
        rows, length = state.shape
        return state.remember(
            **{
                IDS: torch.full((rows, length, self.kept), -1),
                PROBS: torch.zeros(rows, length, self.kept),
                SHIFTS: torch.full((rows, length, HISTORY), torch.inf, dtype=torch.float64),
                SEEN: torch.zeros(rows, length, dtype=torch.int64),
            }
        )

    def __call__(self, move: Move, state: State, step: Step) -> State:
        going = ~move.before.done[:, None]
        ids, probs = likeliest(move.posterior, self.kept)
        shifts = torch.cat([state.memory[SHIFTS][..., 1:], shift(move.posterior, state)[..., None]], dim=-1)
        now = {IDS: ids, PROBS: probs, SHIFTS: shifts, SEEN: state.memory[SEEN] + (move.before.open & step.window)}
        return state.remember(
            **{
                key: torch.where(going if value.ndim == 2 else going[..., None], value, state.memory[key])
                for key, value in now.items()
            }
        )


def likeliest(posterior: Posterior, kept: int) -> tuple[torch.Tensor, torch.Tensor]:
    """((B, T, kept) int64, float32) the likeliest tokens and their marginals; -1 and 0 where there are no more."""
    size = posterior.marginals().shape[-1]
    ids, probs = (one.cpu() for one in posterior.top(min(kept, size)))
    missing = (0, kept - ids.shape[-1])
    pad = torch.nn.functional.pad
    return pad(ids.to(torch.int64), missing, value=-1), pad(probs.to(torch.float32), missing)


def shift(posterior: Posterior, state: State) -> torch.Tensor:
    """(B, T) float64 nats: the KL divergence of the marginals from those that are remembered; inf where none are."""
    return divergence(posterior.marginals(), state.memory[IDS], state.memory[PROBS])


def divergence(marginals: torch.Tensor, ids: torch.Tensor, probs: torch.Tensor) -> torch.Tensor:
    """(B, T) float64 nats: the KL divergence of (B, T, V) marginals from (B, T, K) probabilities of these tokens, all
    others taken together; inf where the first id is -1."""
    before = probs.to(torch.float64)
    now = marginals.gather(-1, ids.clamp(min=0).to(marginals.device)).cpu().to(torch.float64).masked_fill(ids < 0, 0.0)
    now, before = (torch.cat([p, (1 - p.sum(-1, keepdim=True)).clamp(min=0)], dim=-1) for p in (now, before))
    moved = (now * (torch.log(now + FLOOR) - torch.log(before + FLOOR))).sum(dim=-1)
    return moved.masked_fill(ids[..., 0] < 0, torch.inf)


@dataclass(frozen=True)
class Consistent:
    """What was among the runners-up of the last step, is among the first now, and has the token it had (coherent
    contextual decoding, CCD, arXiv:2512.02044, as released).

    After `warm_up` steps: if one of the positions that the schedule asks for was a runner-up, and as many as it asks
    for pass, these are written: with `all` whichever pass (CCD-DS), else the first as many. Otherwise the most
    certain, as many as asked for. Runners-up are the first `size` of those that were not written: 1 at first, one more
    with every step up to n + `widen` n, where n is what the schedule asks for; 1 again once a tenth of the row is
    open. Goes with `Constant(steps)`; `note` is the observer that goes with it.
    """

    all: bool = False
    widen: float = 4.0
    warm_up: int = 5
    by: Literal["entropy", "confidence", "margin"] = "entropy"

    def __post_init__(self) -> None:
        in_range("widen", self.widen, 0)
        check_count("warm_up", self.warm_up)
        if self.by not in ("entropy", "confidence", "margin"):
            raise InputError(f"by={self.by!r}", hint='"entropy", "confidence" or "margin"', param="by")

    @property
    def note(self) -> NoteConsistent:
        return NoteConsistent(self.widen, self.warm_up, self.by)

    def __call__(self, posterior: Posterior, tokens: Tokens, state: State, step: Step) -> Where:
        eligible = state.open & step.window
        order = best_first(certainty(self.by, posterior, tokens, state), eligible)
        plain = first(step.quota, order, eligible)
        buffer = noted(state, BUFFER, self, self.note)
        size = self.note.grown(state.memory[SIZE], state, step)
        passing = first(size, order, eligible) & buffer & (tokens == state.history[:, -1])
        chosen = passing if self.all else first(step.quota, order, passing)
        count = passing.sum(dim=1)
        takes = (plain & buffer).any(dim=1) & (count >= step.quota) & (count > 0) & (step.index >= self.warm_up)
        return torch.where(takes[:, None], chosen, plain)


@dataclass(frozen=True)
class NoteConsistent:
    """An observer that notes the runners-up of each step for `Consistent` of the same numbers."""

    widen: float = 4.0
    warm_up: int = 5
    by: Literal["entropy", "confidence", "margin"] = "entropy"

    def begin(self, state: State) -> State:
        return state.remember(
            **{
                BUFFER: torch.zeros(state.shape, dtype=torch.bool),
                SIZE: torch.ones(state.shape[0], dtype=torch.int64),
            }
        )

    def __call__(self, move: Move, state: State, step: Step) -> State:
        going = ~move.before.done
        size = self.grown(state.memory[SIZE], move.before, step)
        left = state.open & step.window
        order = best_first(certainty(self.by, move.posterior, state.history[:, -1], state), left)
        buffer = torch.where(going[:, None], first(size, order, left), state.memory[BUFFER])
        return state.remember(**{BUFFER: buffer, SIZE: torch.where(going, size, state.memory[SIZE])})

    def grown(self, size: torch.Tensor, state: State, step: Step) -> torch.Tensor:
        """(B,) how many runners-up count in this step, by how many did in the last one."""
        late = 10 * state.open.sum(dim=1) <= (state.open | state.held).sum(dim=1)
        most = step.quota + (step.quota * self.widen).to(torch.int64)
        more = (torch.where(late, 1, size) + 1).minimum(most.clamp(min=1))
        return torch.where(step.index < self.warm_up - 1, 1, more)
