"""When, where and how much. A schedule looks at the state, not at a clock of its own, so rows that ran ahead
(because a policy wrote more than its quota, or the constraint left no choice) are asked for less later. A row's steps
depend on that row alone, never on the batch around it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch

from ctrldiff.errors import InputError
from ctrldiff.sampling.commit import check_count, in_range
from ctrldiff.sampling.pace import evenly, step_of, steps_for, unfixed
from ctrldiff.state import State, Step, Where


@dataclass(frozen=True)
class Linear:
    """The same number at every step; `steps=None` is one position a step."""

    steps: int | None = None

    def budget(self, state: State) -> torch.Tensor:
        return steps_for(self.steps, state)

    def __call__(self, state: State) -> Step:
        return step_of(state, state.open, evenly(state.open.sum(dim=1), state.steps - state.step))


@dataclass(frozen=True)
class Scaled:
    """Steps by length: `per` of a step for each position that is open once all that is forced is written, at least
    `least`, at most `most`.

    The steps rule (arXiv:2502.09622): to get nearly every token right a number of steps will do that does not grow with
    the length, `Scaled(0, least=k)`; to get whole texts right, as a parser counts them, steps have to grow with it.
    """

    per: float = 0.5
    least: int = 4
    most: int | None = None

    def __post_init__(self) -> None:
        in_range("per", self.per, 0, 1)
        check_count("least", self.least)
        if self.most is not None and not (isinstance(self.most, int) and self.most >= self.least):
            raise InputError(f"most={self.most!r}: an int of at least {self.least}", param="most")

    def budget(self, state: State) -> torch.Tensor:
        return (state.open.sum(dim=1) * self.per).ceil().to(torch.int64).clamp(min=self.least, max=self.most)

    def __call__(self, state: State) -> Step:
        return Linear()(state)


@dataclass(frozen=True)
class Cosine:
    """Few positions at first, many at the end: after step i of N positions floor(N cos(pi/2 * (i + 1)/steps)) are still
    open (MaskGIT, arXiv:2202.04200)."""

    steps: int | None = None

    def budget(self, state: State) -> torch.Tensor:
        return steps_for(self.steps, state)

    def __call__(self, state: State) -> Step:
        return _down_to(state, torch.cos(math.pi / 2 * _passed(state)))


@dataclass(frozen=True)
class Proportional:
    """After step i of N positions floor(N (1 - x)) are still open, or floor(N cos(pi/2 x)), x = (i + 1)/steps, whatever
    was open before: what routing rules keep by (RDM arXiv:2302.05737, P2 arXiv:2502.03540). A step may ask for none."""

    steps: int | None = None
    curve: Literal["linear", "cosine"] = "linear"

    def __post_init__(self) -> None:
        if self.curve not in ("linear", "cosine"):
            raise InputError(f"curve={self.curve!r}", hint='"linear" or "cosine"', param="curve")

    def budget(self, state: State) -> torch.Tensor:
        return steps_for(self.steps, state)

    def __call__(self, state: State) -> Step:
        x = _passed(state)
        return _down_to(state, 1 - x if self.curve == "linear" else torch.cos(math.pi / 2 * x), least=0)


@dataclass(frozen=True)
class Constant:
    """N // steps of N positions at every step, however many a policy wrote before; the rest on the last step (CCD,
    arXiv:2512.02044)."""

    steps: int | None = None

    def budget(self, state: State) -> torch.Tensor:
        return steps_for(self.steps, state)

    def __call__(self, state: State) -> Step:
        rate = (unfixed(state).sum(dim=1) // state.steps.clamp(min=1)).clamp(min=1)
        final = state.step + 1 >= state.steps
        return step_of(state, state.open, torch.where(final, state.open.sum(dim=1), rate))


@dataclass(frozen=True)
class Floor:
    """Of what is open floor(open (1 - s/t)), by a time that falls from 1 to `eps` in equal steps from t to s; the rest
    on the last step (Dream, arXiv:2508.15487). It rounds down: a step may ask for nothing, and the last ones for
    more."""

    steps: int | None = None
    eps: float = 1e-3

    def __post_init__(self) -> None:
        if not 0 < self.eps < 1:
            raise InputError(f"eps={self.eps!r}: above 0 and below 1", param="eps")

    def budget(self, state: State) -> torch.Tensor:
        return steps_for(self.steps, state)

    def __call__(self, state: State) -> Step:
        now, then = (1 - (1 - self.eps) * i / state.steps.to(torch.float64) for i in (state.step, state.step + 1))
        open_now = state.open.sum(dim=1)
        share = 1 - then / now.clamp(min=self.eps)
        quota = (open_now * share).floor().to(torch.int64)
        return step_of(state, state.open, torch.where(state.step + 1 >= state.steps, open_now, quota))


@dataclass(frozen=True)
class Blocks:
    """Semi-autoregressive: blocks of `length` positions from left to right, each with its share of the steps
    (LLaDA arXiv:2502.09992, Block Diffusion arXiv:2503.09573). The constraint still sees the whole canvas (X7).

    aligned: blocks are counted from the start of the prompt, as block-causal attention counts them, so an answer's
        first block may be a short one; else from the start of the answer.
    """

    length: int = 16
    steps: int | None = None
    aligned: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.length, int) or self.length < 1:
            raise InputError(f"length={self.length!r}: at least 1", param="length")

    def budget(self, state: State) -> torch.Tensor:
        return steps_for(self.steps, state).maximum((self._per_block(state, state.open) > 0).sum(dim=1))

    def __call__(self, state: State) -> Step:
        open_in = self._per_block(state, state.open)
        current = (open_in > 0).to(torch.uint8).argmax(dim=1, keepdim=True)  # the first block with anything open
        window = state.open & (self._block_of(state) == current)
        # A block's share is settled by where it begins and ends among all that is not given, as LLaDA settles it before
        # the first step; every block still to come keeps at least one step.
        through = self._per_block(state, unfixed(state)).cumsum(dim=1)
        ends = state.steps[:, None] * through // through[:, -1:].clamp(min=1)
        end, begin = (torch.nn.functional.pad(ends, (1, 0)).gather(1, current + i)[:, 0] for i in (1, 0))
        spare = state.steps - state.step + 1 - (open_in > 0).sum(dim=1)
        left = (end - state.step.maximum(begin)).minimum(spare).clamp(min=1)
        return step_of(state, window, evenly(window.sum(dim=1), left), last=left == 1)

    def _per_block(self, state: State, where: Where) -> torch.Tensor:
        """(B, N) how many such positions each block has."""
        counts = torch.zeros((state.shape[0], state.shape[1] // self.length + 2), dtype=torch.int64)
        return counts.scatter_add(1, self._block_of(state), where.to(torch.int64))

    def _block_of(self, state: State) -> torch.Tensor:
        """(B, T) int64, the block that each position is in."""
        before = [len(ids) % self.length if self.aligned else 0 for ids in state.prompt]
        return (torch.arange(state.shape[1])[None, :] + torch.tensor(before)[:, None]) // self.length


def _passed(state: State) -> torch.Tensor:
    """(B,) float64: the share of its steps that a row has taken after this one."""
    after = state.step + 1
    return after / state.steps.maximum(after).to(torch.float64)


def _down_to(state: State, share: torch.Tensor, least: int = 1) -> Step:
    """The step after which this share (B,) of all positions that are not given is still open; so many are asked for at
    least."""
    kept = (unfixed(state).sum(dim=1) * share + 1e-9).floor().to(torch.int64)
    return step_of(state, state.open, (state.open.sum(dim=1) - kept).clamp(min=least))
