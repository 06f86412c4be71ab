"""Guidance without a classifier: what the model says here, against what it says with less or other knowledge.

    log p(v) + scale * (log p(v) - log q(v))        q: another view of the same canvas, or another checkpoint

Both are normalised over tokens first, so the scale acts on token odds alone. After the softmax this is LLaDA's
z_u + (w + 1)(z_c - z_u) with w = scale, and the p^gamma q^(1 - gamma) of discrete classifier-free guidance with
gamma = scale + 1. The views of all guides go in the one forward pass, as further rows of the batch.

Sources: Nie et al. 2025 (LLaDA), arXiv:2502.09992; Schiff et al. 2024, arXiv:2412.10193 (D-CFG); Li et al. 2025
(A-CFG), arXiv:2505.20199; arXiv:2509.25604 (RFG, two checkpoints).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import torch

from ctrldiff.errors import GuideWarning, InputError, warn
from ctrldiff.guidance.classifier import same_vocabulary
from ctrldiff.guidance.guide import Branches, Guide, Tilt
from ctrldiff.guidance.strength import Strength, checked_strength, strength_at
from ctrldiff.protocols import Denoiser, GuideContext
from ctrldiff.state import State, Step


@dataclass(frozen=True)
class ClassifierFree(Guide):
    """Away from what the model would write without the prompt.

    The prompt is hidden, all of it, behind the model's own noise (the mask; for uniform noise, random tokens that are
    the same for every prompt of one length). What stands on the canvas is kept: given tokens, scaffold, all that is
    written. One more row in the forward pass for each row. Raises: InputError for a scale that is not finite. Warns
    (`GuideWarning`) of a model that was not trained with hidden prompts: what it says without one is no language, and
    leaning away from that damages texts (figures: `docs/guidance.md`).

    It sharpens what the model says, so a plan that writes all that is sure writes more in a pass than the model would
    stand for: `commit=Prefix(2.0)`, a token a pass, damages less.
    """

    scale: Strength = 1.0

    def __post_init__(self) -> None:
        checked_strength("scale", self.scale)

    def prepare(self, context: GuideContext) -> Tilt:
        if not context.hidden_prompts:
            warn(
                f"ClassifierFree is not for {context.name}, as far as its spec tells: it was not trained with hidden "
                "prompts (ModelSpec.hidden_prompts), and texts may come out damaged; NegativePrompt(another prompt) "
                "asks nothing of it that it has not seen",
                GuideWarning,
            )

        @cache
        def noise(length: int) -> torch.Tensor:
            return context.denoiser.noise(State.blank([[]], length)).tokens[0]

        def hidden(state: State, step: Step) -> list[State]:
            return [replace(state, prompt=tuple(noise(len(ids)) for ids in state.prompt))]

        return against(hidden, self.scale)


@dataclass(frozen=True)
class NegativePrompt(Guide):
    """Away from what the model would write for another prompt.

    Args:
        text: the prompt to lean away from, or a function from the prompt's text to it.
        scale: as for `ClassifierFree`. Below 0 it leans towards the other prompt.
    One more row in the forward pass for each row. Raises: InputError for a scale that is not finite, or a prompt of
    which nothing is left.
    """

    text: str | Callable[[str], str]
    scale: Strength = 1.0

    def __post_init__(self) -> None:
        checked_strength("scale", self.scale)

    def prepare(self, context: GuideContext) -> Tilt:
        others: dict[tuple[int, ...], torch.Tensor] = {}
        for row, text in enumerate(context.texts):
            other = self.text(text) if callable(self.text) else self.text
            if not isinstance(other, str) or not other.strip():
                raise InputError(f"the negative prompt of text {row} is {other!r}", hint="a text that is not empty")
            others[tuple(context.prompt(row, text))] = torch.tensor(context.prompt(row, other))

        def swapped(state: State, step: Step) -> list[State]:
            prompts = [tuple(ids.tolist()) for ids in state.prompt]
            unknown = [row for row, ids in enumerate(prompts) if ids not in others]
            if unknown:
                raise InputError(f"row {unknown[0]} has a prompt that the guide was not prepared for", row=unknown[0])
            return [replace(state, prompt=tuple(others[ids] for ids in prompts))]

        return against(swapped, self.scale)


@dataclass(frozen=True)
class AdaptiveClassifierFree(Guide):
    """Away from what the model would write without its own least certain tokens.

    The view has the `share` of the written tokens that were least certain when written (by constrained marginals;
    ties: the leftmost) turned back to noise. The prompt stays, and so does what was given or left no choice. Before
    anything is written it says nothing. One more row in the forward pass for each row.
    Raises: InputError for a scale that is not finite, or a share outside 0..1.
    """

    scale: Strength = 1.0
    share: float = 0.7

    def __post_init__(self) -> None:
        checked_strength("scale", self.scale)
        if not 0.0 <= self.share <= 1.0:
            raise InputError(f"share={self.share}: from 0 to 1", param="share")

    def prepare(self, context: GuideContext) -> Tilt:
        def doubted(state: State, step: Step) -> list[State]:
            reopened = state.snapshot().reopen(uncertain(state, self.share))
            noisy = context.denoiser.noise(reopened).tokens
            return [replace(reopened, tokens=torch.where(state.open, state.tokens, noisy))]

        return against(doubted, self.scale)


def uncertain(state: State, share: float) -> torch.Tensor:
    """(B, T) bool: the least certain `share`, rounded down, of each row's chosen tokens."""
    chosen = state.held & (state.held_confidence < 1.0)  # what left no choice was written at 1
    doubt = torch.where(chosen, state.held_confidence, torch.full_like(state.held_confidence, torch.inf))
    rank = doubt.argsort(dim=1, stable=True).argsort(dim=1)
    return chosen & (rank < (share * chosen.sum(1, keepdim=True)).floor())


@dataclass(frozen=True)
class Contrast(Guide):
    """Away from another checkpoint of the same vocabulary: what this model learned since is amplified.

    Args:
        reference: a `Model`, or a denoiser. Tokens it never writes are left as they are. Where its noise is other than
            the guided model's, it is shown its own.
        scale: w in (1 + w) log p - w log p_reference.
    One forward pass of the reference a step. Raises: InputError for a scale that is not finite and for what is no
    model, VocabularyError for other tokens.
    """

    reference: Any
    scale: Strength = 1.0

    def __post_init__(self) -> None:
        checked_strength("scale", self.scale)
        if isinstance(self.reference, type) or not all(hasattr(self._denoiser, one) for one in ("vocabulary", "noise")):
            raise InputError(
                f"the reference is a {type(self.reference).__name__}, no model", hint="cd.from_pretrained(PATH)"
            )

    @property
    def _denoiser(self) -> Denoiser:
        found: Denoiser = getattr(getattr(self.reference, "loaded", None), "denoiser", self.reference)
        return found

    def prepare(self, context: GuideContext) -> Tilt:
        reference, blank = self._denoiser, State.blank([[]], 64)
        same_vocabulary(reference.vocabulary, context.vocabulary, "the reference")
        ours, theirs = (one.noise(blank.snapshot()).tokens for one in (context.denoiser, reference))
        alike = torch.equal(ours, theirs)

        def scores(logits: torch.Tensor, views: Branches, state: State, step: Step) -> torch.Tensor:
            seen = state if alike else reference.noise(state.snapshot())
            return difference(logits, reference(seen).to(logits), self.scale, state)

        return Tilt(scores)


def against(view: Callable[[State, Step], list[State]], scale: Strength) -> Tilt:
    """Away from what the model says of one view of each state."""

    def scores(logits: torch.Tensor, views: Branches, state: State, step: Step) -> torch.Tensor:
        return difference(logits, views[0], scale, state)

    return Tilt(scores, view, lambda step: 1)


def difference(logits: torch.Tensor, other: torch.Tensor, scale: Strength, state: State) -> torch.Tensor:
    """(B, T, V): scale * (log p - log q); 0 where either never writes the token."""
    apart = logits.log_softmax(-1) - other.log_softmax(-1)
    never = (logits == -torch.inf) | (other == -torch.inf)
    return strength_at(scale, state, logits.device) * torch.where(never, torch.zeros_like(apart), apart)
