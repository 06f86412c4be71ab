"""Posterior to one legal completion a row."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from ctrldiff.errors import ShapeError
from ctrldiff.protocols import Posterior, Proposer
from ctrldiff.sampling.commit import check_count, in_range
from ctrldiff.state import State, Tokens

__all__ = ["Best", "Draw", "Kept", "Weighed"]


@dataclass(frozen=True)
class Best:
    """The most probable completion (Viterbi; DINGO's objective made canvas-wide, arXiv:2505.23061)."""

    def __call__(self, posterior: Posterior, state: State) -> Tokens:
        return posterior.map()


@dataclass(frozen=True)
class Draw:
    """An exact sample, drawn with each row's own generator; a complete row draws nothing."""

    def __call__(self, posterior: Posterior, state: State) -> Tokens:
        return posterior.sample(rngs=state.drawing(~state.done))


@dataclass(frozen=True)
class Weighed:
    """Of `candidates` exact draws one, in proportion to exp(-energy / temperature): importance sampling from q(x)
    exp(-E(x) / temperature), q being the step's own law (EDLM, arXiv:2410.21357). All candidates share the normaliser
    of q, so none is needed.

    Args:
        energy: (state, (B, n, T) ids of whole canvases) to (B, n) energies in nats, the lower the better; inf forbids.
            What it says of a row has to depend on that row alone.
        residual: log q(x) is added to the energy. EDLM's own is then what is left, minus the log-probability of an
            autoregressive model (`models.CausalLM.energy`), and the draws go towards that model's.
        begin, end: weighed only while end < time <= begin, as published .6 and .4; one plain draw else.
    Raises: ShapeError for energies of another shape, or NaN or -inf among them.
    """

    energy: Callable[[State, Tokens], Any]
    candidates: int = 2
    temperature: float = 1.0
    begin: float = 1.0
    end: float = 0.0
    residual: bool = False

    def __post_init__(self) -> None:
        check_count("candidates", self.candidates)
        in_range("temperature", self.temperature, 1e-6)
        in_range("begin", self.begin, 0, 1)
        in_range("end", self.end, 0, self.begin)

    def __call__(self, posterior: Posterior, state: State) -> Tokens:
        time = 1.0 - state.step / state.steps.clamp(min=1).to(torch.float64)
        due = ~state.done & (time > self.end) & (time <= self.begin)
        tokens = posterior.sample(rngs=state.drawing(~state.done & ~due)).cpu()
        if not due.any():
            return tokens
        rngs = state.drawing(due)
        drawn = posterior.sample(self.candidates, rngs=rngs).cpu()
        energies = torch.as_tensor(self.energy(state, drawn), dtype=torch.float64).cpu()
        if energies.shape != drawn.shape[:2] or bool((energies.isnan() | (energies == -torch.inf)).any()):
            raise ShapeError(f"energies {energies.tolist()}", why=f"they are {tuple(drawn.shape[:2])}, no NaN, no -inf")
        if self.residual:
            energies = energies + torch.stack([posterior.score(one).cpu() for one in drawn.unbind(dim=1)], dim=1)
        shares = (-energies / self.temperature).softmax(dim=1).nan_to_num(nan=1 / self.candidates)  # all forbidden: any
        uniform = torch.tensor([[rng.random()] for rng in rngs], dtype=torch.float64)
        pick = (shares.cumsum(dim=1) <= uniform).sum(dim=1).clamp(max=self.candidates - 1)
        return torch.where(due[:, None], drawn[torch.arange(len(pick)), pick], tokens)


@dataclass(frozen=True)
class Kept:
    """What `inner` proposes with every cleared token in its place: an edit policy then says which tokens compete with
    the noise, and none of them changes. For rules that route tokens, as RDM (arXiv:2302.05737) and P2
    (arXiv:2502.03540).

    Where the cleared tokens cannot stand together any more, the row is proposed without them.
    """

    inner: Proposer = Best()

    def __call__(self, posterior: Posterior, state: State) -> Tokens:
        fits = torch.as_tensor(posterior.feasible(state.tokens, state.cleared)).cpu()
        return self.inner(posterior.clamp(state.tokens, state.cleared & fits[:, None]), state)
