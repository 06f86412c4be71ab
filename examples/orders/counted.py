"""What a decode costs: passes, which come one after another, and canvases, of which a pass may hold several of a text.

One pass of a plan is one canvas. A rule that looks again at what it wrote needs a second pass in its step, and one that
tries several ways forwards them in one pass. Counted where the network is asked, so nothing is taken on trust.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch

import ctrldiff as cd
from ctrldiff.posterior.table import Table
from ctrldiff.protocols import Attends, Denoiser, GuideContext
from ctrldiff.sampling.constrain import FREE, Tables
from ctrldiff.sampling.loop import Loop
from ctrldiff.search.run import Run, Search, draws

TEXT = "counted: text"  # in `State.memory`, (B,) int64: the text that a canvas is of, wherever a search has taken it


@dataclass(frozen=True)
class Counted:
    """A denoiser that counts what it is asked.

    Fields: passes: (N,) int64, of each text, the calls that held an open canvas of it. canvases: (N,), those canvases.
    """

    inner: Denoiser
    passes: torch.Tensor
    canvases: torch.Tensor

    @staticmethod
    def of(inner: Denoiser, texts: int) -> Counted:
        return Counted(inner, *(torch.zeros(texts, dtype=torch.int64) for _ in range(2)))

    @property
    def vocabulary(self) -> cd.Vocabulary:
        return self.inner.vocabulary

    @property
    def attends(self) -> bool:
        return isinstance(self.inner, Attends) and self.inner.attends

    def noise(self, state: cd.State) -> cd.State:
        return self.inner.noise(state)

    def observe(self, state: cd.State, logits: torch.Tensor) -> cd.State:
        return self.inner.observe(state, logits)

    def __call__(self, state: cd.State) -> torch.Tensor:
        self._count(state)
        return self.inner(state)

    def attended(self, state: cd.State) -> tuple[torch.Tensor, torch.Tensor]:
        assert isinstance(self.inner, Attends)  # the loop asks `attends` first
        self._count(state)
        return self.inner.attended(state)

    def _count(self, state: cd.State) -> None:
        shown = torch.bincount(state.memory[TEXT][~state.done], minlength=len(self.passes))
        self.canvases.add_(shown)
        self.passes.add_((shown > 0).to(torch.int64))


class Decoded(NamedTuple):
    """The answers' tokens (N, T), and what each text cost: (N,) passes and canvases."""

    tokens: torch.Tensor
    passes: torch.Tensor
    canvases: torch.Tensor


def decoded(
    denoiser: Denoiser,
    plan: cd.Plan,
    state: cd.State,
    tables: Sequence[Table] = (),
    search: Search | None = None,
) -> Decoded:
    """What a plan writes on N canvases, or a search by it; tables: what each may hold, () for anything."""
    counted = Counted.of(denoiser, state.shape[0])
    state = state.remember(**{TEXT: torch.arange(state.shape[0])})
    n = search.n if search else 1
    held = Tables(tuple(table for table in tables for _ in range(n))) if tables else FREE
    constraint = plan.constrain(held)
    if search is None:
        return Decoded(Loop(counted, plan, constraint).run(state).tokens, counted.passes, counted.canvases)
    rows = ("",) * (state.shape[0] * n)
    told = GuideContext(
        counted.vocabulary, counted, constraint, rows, list, lambda row, text: [], lambda row, text: text
    )
    found = search(Run(counted, plan, constraint, told), state.fork(n) if draws(search) else state)
    return Decoded(found.state.tokens[torch.from_numpy(found.chosen)], counted.passes, counted.canvases)


def cost(passes: float, canvases: float) -> str:
    """For tables: passes, and the canvases in them where those are more."""
    return f"{passes:.1f}" if abs(canvases - passes) < 0.05 else f"{passes:.1f}; {canvases:.1f}"
