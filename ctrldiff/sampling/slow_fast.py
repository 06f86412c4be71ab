"""A schedule of two phases: a slow one that finds how far the canvas has become sure, a fast one that writes it."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ctrldiff.protocols import Move
from ctrldiff.sampling.commit import check_count, in_range
from ctrldiff.sampling.pace import evenly, step_of, steps_for
from ctrldiff.sampling.stability import noted
from ctrldiff.state import State, Step

__all__ = ["NoteCycles", "SlowFast"]

CYCLE = "slow-fast"  # the key in `State.memory`, (B, 4 + window) int64: see `Cycle`


@dataclass(frozen=True)
class Cycle:
    """Where each row is in its cycle, (B,) int64 all: the block; the cycle's first position; where it will end, -1 not
    known yet; steps of exploration taken; (B, window) the last estimates of the end, newest last, -1 none."""

    block: torch.Tensor
    start: torch.Tensor
    end: torch.Tensor
    explored: torch.Tensor
    estimates: torch.Tensor

    @property
    def packed(self) -> torch.Tensor:
        return torch.cat([torch.stack([self.block, self.start, self.end, self.explored], dim=1), self.estimates], dim=1)


@dataclass(frozen=True)
class SlowFast:
    """Blocks of `length` in cycles of two phases (SlowFast, arXiv:2506.10848, as released; goes with `Threshold(.9)`).

    Slow: `explore` steps in which all that is left of the block may be written. Each estimates where the cycle ends:
    after the last open position whose confidence is at least `low`, or after the cycle's first position. The end is the
    first estimate to agree with those of the `window` last steps, by a standard deviation below `spread`; else their
    mean, rounded down. Fast: steps in which only what stands before the end may be written, until it is full; the next
    cycle begins there. `note` is the observer that goes with it.
    """

    length: int = 128
    explore: int = 6
    low: float = 0.3
    window: int = 2
    spread: float = 1.0

    def __post_init__(self) -> None:
        for name in ("length", "explore", "window"):
            check_count(name, getattr(self, name))
        in_range("low", self.low, 0)
        in_range("spread", self.spread, 0)

    @property
    def note(self) -> NoteCycles:
        return NoteCycles(self)

    def budget(self, state: State) -> torch.Tensor:
        return steps_for(None, state)

    def __call__(self, state: State) -> Step:
        cycle, at = self.cycle(state), torch.arange(state.shape[1])[None, :]
        end = torch.where(self.fast(cycle), cycle.end, (cycle.block + 1) * self.length)
        window = state.open & (at >= cycle.start[:, None]) & (at < end[:, None])
        return step_of(state, window, evenly(state.open.sum(dim=1), state.steps - state.step))

    def fast(self, cycle: Cycle) -> torch.Tensor:
        """(B,) whether exploration is over."""
        return cycle.explored >= self.explore

    def cycle(self, state: State) -> Cycle:
        """Where each row is before its next step, by what was noted and what is open: a cycle that is full is followed
        by the next one, and a block by the block of the first open position, which may be one that was opened again."""
        notes, at = noted(state, CYCLE, self, self.note), torch.arange(state.shape[1])[None, :]
        opened = state.open.to(torch.uint8).argmax(dim=1)
        block, (was, start, end, explored) = opened // self.length, notes[:, :4].unbind(dim=1)
        full = ~(state.open & (at >= start[:, None]) & (at < end[:, None])).any(dim=1) & (explored >= self.explore)
        anew = (was != block) | full
        start = torch.where(was != block, block * self.length, torch.where(full, end, start)).minimum(opened)
        nothing = torch.full_like(notes[:, 4:], -1)
        return Cycle(
            block,
            start,
            torch.where(anew, -1, end),
            torch.where(anew, 0, explored),
            torch.where(anew[:, None], nothing, notes[:, 4:]),
        )


@dataclass(frozen=True)
class NoteCycles:
    """An observer that notes for `SlowFast` where each row is in its cycle."""

    phases: SlowFast = SlowFast()

    def begin(self, state: State) -> State:
        return state.remember(**{CYCLE: torch.full((state.shape[0], 4 + self.phases.window), -1)})

    def __call__(self, move: Move, state: State, step: Step) -> State:
        phases, before = self.phases, move.before
        cycle, at = phases.cycle(before), torch.arange(before.shape[1])[None, :]
        sure = move.posterior.confidence(state.history[:, -1].clamp(min=0)).cpu() >= phases.low
        seen = before.open & sure & (at >= cycle.start[:, None]) & (at // phases.length == cycle.block[:, None])
        estimate = torch.where(seen, at + 1, cycle.start[:, None] + 1).amax(dim=1)
        estimates = torch.cat([cycle.estimates[:, 1:], estimate[:, None]], dim=1)
        held = (estimates >= 0).to(torch.float64)
        mean = (estimates * held).sum(dim=1) / held.sum(dim=1)
        spread = ((estimates - mean[:, None]).pow(2) * held).mean(dim=1).sqrt()
        agree = (held.sum(dim=1) == phases.window) & (spread < phases.spread)
        last = cycle.explored + 1 >= phases.explore
        found = torch.where(agree, estimate, torch.where(last, mean.to(torch.int64), -1))
        end = torch.where(cycle.end >= 0, cycle.end, found)
        after = Cycle(cycle.block, cycle.start, end, cycle.explored + 1, estimates).packed
        going = (~before.done & ~phases.fast(cycle))[:, None]
        rest = torch.where(before.done[:, None], state.memory[CYCLE], cycle.packed)
        return state.remember(**{CYCLE: torch.where(going, after, rest)})
