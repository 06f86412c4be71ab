"""A hook for unmasking policies that were trained: a function, or a torch module, of what is known of each position."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import torch

from ctrldiff.errors import InputError, ShapeError
from ctrldiff.protocols import Posterior
from ctrldiff.sampling.attention import attention_of
from ctrldiff.sampling.commit import best_first, certain_enough, certainty, first, in_range, uniform
from ctrldiff.sampling.pace import unfixed
from ctrldiff.state import Scores, State, Step, Tokens, Where

__all__ = ["Features", "Learned"]


@dataclass(frozen=True)
class Features:
    """What a learned policy is shown of a step, on the CPU.

    Fields (B rows, T positions):
        confidence, margin, entropy: (B, T) float32, of the constrained marginals, as `certainty` has them but that
            entropy is positive; 0, 0 and 0 where nothing may be written.
        place: (B, T) float32, from 0 at the first position of the canvas to 1 at its last.
        share: (B,) float32, how much of what was not given is open.      time: (B,) float32, from 1 towards 0.
        may: (B, T) bool, open and in the window: only scores there count.
        tokens: (B, T) int64, the proposal.      canvas: (B, T) int64, what is written; -1 where open.
        attention: (B, T, T) float32, see `protocols.Attends`; None but where it was asked for.
    """

    confidence: Scores
    margin: Scores
    entropy: Scores
    place: Scores
    share: torch.Tensor
    time: torch.Tensor
    may: Where
    tokens: Tokens
    canvas: Tokens
    attention: torch.Tensor | None = None

    @property
    def stacked(self) -> torch.Tensor:
        """(B, T, 7) float32, for a module of one tensor: confidence, margin, entropy, place, share, time, may."""
        rows = [one[:, None].expand(self.may.shape) for one in (self.share, self.time)]
        columns = [self.confidence, self.margin, self.entropy, self.place, *rows, self.may.to(torch.float32)]
        return torch.stack(columns, dim=-1)

    @staticmethod
    def of(posterior: Posterior, tokens: Tokens, state: State, step: Step) -> Features:
        """Of a step of the loop."""
        may = state.open & step.window

        def told(score: Scores) -> Scores:
            return torch.where(may, score.to(torch.float32), 0.0)

        at = torch.arange(state.shape[1]) / (state.lengths - 1).clamp(min=1)[:, None]
        return Features(
            told(certainty("confidence", posterior, tokens, state)),
            told(certainty("margin", posterior, tokens, state)),
            told(-certainty("entropy", posterior, tokens, state)),
            at.clamp(max=1.0).to(torch.float32),
            (state.open.sum(dim=1) / unfixed(state).sum(dim=1).clamp(min=1)).to(torch.float32),
            step.time.to(torch.float32),
            may,
            tokens,
            state.written,
        )


@dataclass(frozen=True)
class Learned:
    """Positions by the score that a trained policy gives them.

    score: `Features` to a (B, T) tensor of floats, higher is sooner; a row's scores must be of that row alone. It is
        called without gradients. Ties: the leftmost.
    by: "threshold": all with at least `above`, else the best one. "quota": as many as the schedule asks for, the best
        first. "chance": scores are probabilities, and each position is written by chance with its own (independent
        Bernoulli draws, arXiv:2512.09106); the most probable one where chance takes none.
    attention: whether `Features.attention` is asked of the model, which has to give it.
    Raises: ShapeError, in the first step, for what is no such tensor; InputError for NaN or infinite scores where
        something may be written, and for probabilities outside of 0 to 1.
    """

    score: Callable[[Features], torch.Tensor]
    by: Literal["threshold", "quota", "chance"] = "threshold"
    above: float = 0.5
    attention: bool = False

    def __post_init__(self) -> None:
        if not callable(self.score) or isinstance(self.score, type):
            raise InputError(f"score={self.score!r} is no function", hint="of Features to (B, T) scores", param="score")
        if self.by not in ("threshold", "quota", "chance"):
            raise InputError(f"by={self.by!r}", hint='"threshold", "quota" or "chance"', param="by")
        in_range("above", self.above, -torch.inf)

    @property
    def attends(self) -> bool:
        """Whether it is shown attention."""
        return self.attention

    def __call__(self, posterior: Posterior, tokens: Tokens, state: State, step: Step) -> Where:
        told = Features.of(posterior, tokens, state, step)
        if self.attention:
            told = replace(told, attention=attention_of(state, self))
        with torch.no_grad():
            scores = self._checked(self.score(told), told.may)
        if self.by == "quota":
            return first(step.quota, best_first(scores, told.may), told.may)
        bar = uniform(state) if self.by == "chance" else torch.tensor(self.above)
        reaches = scores > bar if self.by == "chance" else scores >= bar
        return certain_enough(told.may & reaches, scores, told.may)

    def _checked(self, scores: object, may: Where) -> Scores:
        """(B, T) float32 on the CPU, 0 where nothing may be written."""
        if not isinstance(scores, torch.Tensor) or scores.shape != may.shape:
            what = tuple(scores.shape) if isinstance(scores, torch.Tensor) else type(scores).__name__
            raise ShapeError(
                f"the learned policy returned {what}", hint=f"one score for each position: (B, T) = {tuple(may.shape)}"
            )
        if not scores.dtype.is_floating_point:
            raise ShapeError(f"the learned policy returned {scores.dtype}", hint="scores are floats")
        own = torch.where(may, scores.detach().cpu().to(torch.float32), 0.0)
        wrong = ~own.isfinite() if self.by != "chance" else ~((own >= 0) & (own <= 1))
        if wrong.any():
            row, at = wrong.nonzero()[0].tolist()
            raise InputError(
                f"the learned policy's score of row {row}, position {at} is {own[row, at].item():g}",
                hint="a finite number; by chance a probability, from a sigmoid say",
                param="score",
                row=row,
                position=at,
            )
        return own
