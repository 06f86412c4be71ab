"""Windows that move: blocks whose ends the text decides, and none at all. Public in `ctrldiff.schedule`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeAlias

import torch

from ctrldiff.errors import InputError
from ctrldiff.protocols import Move, Posterior
from ctrldiff.sampling.commit import check_count, in_range
from ctrldiff.sampling.pace import evenly, step_of, steps_for
from ctrldiff.state import State, Step, Tokens

if TYPE_CHECKING:
    from ctrldiff.tokens.vocabulary import Vocabulary

END = "block: end"  # the key in `State.memory`

BlockSize: TypeAlias = Callable[[Posterior, Tokens, State, torch.Tensor], torch.Tensor]


@dataclass(frozen=True)
class Sliding:
    """The first `width` open positions, none of them `reach` or more positions after the first: no block has to be
    finished before the next begins, so what is unsure may wait for what stands on its right (deferred commitment, DCD,
    arXiv:2601.02076; published with `Threshold(.9)`)."""

    width: int = 16
    reach: int = 128
    steps: int | None = None

    def __post_init__(self) -> None:
        for name in ("width", "reach"):
            check_count(name, getattr(self, name))

    def budget(self, state: State) -> torch.Tensor:
        return steps_for(self.steps, state)

    def __call__(self, state: State) -> Step:
        left = state.open.to(torch.uint8).argmax(dim=1, keepdim=True)
        near = torch.arange(state.shape[1])[None, :] - left < self.reach
        window = state.open & (state.open.cumsum(dim=1) <= self.width) & near
        return step_of(state, window, evenly(state.open.sum(dim=1), state.steps - state.step))


class Ending(ABC):
    """Blocks of which each step's posterior says where they end."""

    @property
    def note(self) -> NoteEnd:
        return NoteEnd(self)

    def budget(self, state: State) -> torch.Tensor:
        return steps_for(None, state)

    def __call__(self, state: State) -> Step:
        return step_of(state, state.open, evenly(state.open.sum(dim=1), state.steps - state.step))

    def narrow(self, posterior: Posterior, tokens: Tokens, state: State, step: Step) -> Step:
        """The step with nothing at or behind a row's end in its window."""
        places = torch.arange(state.shape[1])[None, :]
        return replace(step, window=step.window & (places < self.end(posterior, tokens, state)[:, None]))

    @abstractmethod
    def end(self, posterior: Posterior, tokens: Tokens, state: State) -> torch.Tensor:
        """(B,) int64, the position after each row's block."""


@dataclass(frozen=True)
class Delimited(Ending):
    """Blocks that end where the proposal has a delimiter: the surest one among the first `share` of the row's positions
    that follow, if its confidence is at least `above`; else blocks of `length` (AdaBlock, arXiv:2509.26432, which knows
    the line break alone).

    ends: ids of delimiters; `Delimited.of` takes them from a vocabulary. For JSON they are its structural bytes, and
        the blocks are its fields. `note` is the observer that lets a block end where its first step said; without it
        every step says anew.
    """

    ends: tuple[int, ...]
    length: int = 32
    above: float = 0.3
    share: float = 0.25

    @staticmethod
    def of(vocabulary: Vocabulary, delimiters: bytes = b",}]", **how: Any) -> Delimited:
        """By the bytes that tokens end in."""
        ends = tuple(bytes([one]) for one in delimiters)
        writing = vocabulary.written.nonzero()[0].tolist()
        return Delimited(tuple(i for i in writing if vocabulary.decode([i]).endswith(ends)), **how)

    def __post_init__(self) -> None:
        check_count("length", self.length)
        in_range("above", self.above, 0)
        in_range("share", self.share, 0, 1)

    def end(self, posterior: Posterior, tokens: Tokens, state: State) -> torch.Tensor:
        places, own = torch.arange(state.shape[1])[None, :], state.lengths[:, None]
        start = state.open.to(torch.uint8).argmax(dim=1, keepdim=True)
        ahead = (own * self.share).to(torch.int64)
        seen = (places >= start) & (places < start + ahead) & (places < own)
        delimits = seen & torch.isin(tokens, torch.tensor(self.ends, dtype=torch.int64))
        sure, at = posterior.confidence(tokens).cpu().masked_fill(~delimits, -1.0).max(dim=1)
        found = torch.where(sure >= self.above, at + 1, (start + self.length)[:, 0]).minimum(own[:, 0])
        return noted(state, start[:, 0], found)


@dataclass(frozen=True)
class ByEntropy:
    """The largest of these sizes of which the positions have a mean entropy of at most `nats`; else the smallest.

    Sizes are cut at the row's end. The entropies are those of the constrained marginals, so what is forced counts as
    calm.
    """

    sizes: tuple[int, ...] = (4, 8, 16, 32)
    nats: float = 0.5

    def __post_init__(self) -> None:
        if not isinstance(self.sizes, tuple) or not self.sizes:
            raise InputError(f"sizes={self.sizes!r}: a tuple of ints", param="sizes")
        for size in self.sizes:
            check_count("sizes", size)
        in_range("nats", self.nats, 0)

    def __call__(self, posterior: Posterior, tokens: Tokens, state: State, start: torch.Tensor) -> torch.Tensor:
        places, own = torch.arange(state.shape[1])[None, :], state.lengths[:, None]
        entropy = torch.as_tensor(posterior.entropy()).cpu().to(torch.float64)
        found = torch.full_like(start, min(self.sizes))
        for size in sorted(self.sizes):
            inside = (places >= start[:, None]) & (places < start[:, None] + size) & (places < own)
            mean = torch.where(inside, entropy, 0.0).sum(dim=1) / inside.sum(dim=1).clamp(min=1)
            found = torch.where(mean <= self.nats, size, found)
        return found


@dataclass(frozen=True)
class Dynamic(Ending):
    """Blocks from left to right, each of the size that a policy gives it when it begins (CtrlDiff, arXiv:2505.14455,
    which learns the policy).

    size: given the posterior, the joint proposal (B, T), the state and where each row's block begins (B,), how many
        positions it has, (B,) int64, at least 1. A learned policy goes here; without one it is told by entropy.
    `note` is the observer that lets a block end where its first step said; without it every step says anew.
    """

    size: BlockSize = ByEntropy()

    def __post_init__(self) -> None:
        if isinstance(self.size, type) or not callable(self.size):
            raise InputError(f"size={self.size!r}", hint="cd.schedule.ByEntropy(), or a function", param="size")

    def end(self, posterior: Posterior, tokens: Tokens, state: State) -> torch.Tensor:
        start = state.open.to(torch.uint8).argmax(dim=1)
        size = self.size(posterior, tokens, state, start)
        if not isinstance(size, torch.Tensor) or size.shape != start.shape or size.dtype != torch.int64:
            raise InputError(f"a block size of {size!r}", hint="(B,) int64, a size a row", param="size")
        if (size < 1).any():
            raise InputError(f"block sizes {size.tolist()}: at least 1", param="size")
        return noted(state, start, start + size).minimum(state.lengths)


@dataclass(frozen=True)
class NoteEnd:
    """An observer that notes where each row's block ends, for `Delimited` and `Dynamic`."""

    blocks: Ending

    def begin(self, state: State) -> State:
        return state.remember(**{END: torch.zeros(state.shape[0], dtype=torch.int64)})

    def __call__(self, move: Move, state: State, step: Step) -> State:
        proposed = state.history[:, -1].clamp(min=0)  # -1 where there was none
        end = self.blocks.end(move.posterior, proposed, move.before)
        return state.remember(**{END: torch.where(move.before.done, state.memory[END], end)})


def noted(state: State, start: torch.Tensor, found: torch.Tensor) -> torch.Tensor:
    """(B,) where the block that has `start` in it was said to end, if it was; else `found`."""
    before = state.memory.get(END, torch.zeros_like(found))
    return torch.where(start < before, before, found)
