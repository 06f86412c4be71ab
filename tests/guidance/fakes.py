"""Guides and contexts of the toy model, for tests."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from ctrldiff.guidance.guide import Guide, Tilt
from ctrldiff.protocols import Denoiser, Guidance, GuideContext, Processor
from ctrldiff.sampling.constrain import FREE
from ctrldiff.sampling.passes import forward, guided
from ctrldiff.state import State, Step
from tests.conftest import PIECES, VOCABULARY, toy


def encode(text: str) -> list[int]:
    """Single characters of the toy vocabulary; it has no others."""
    return [PIECES.index(letter.encode()) for letter in text.lower() if letter.encode() in PIECES]


def context(rows: int = 3, denoiser: Denoiser | None = None, **changes: Any) -> GuideContext:
    """A decode of so many rows by the toy model."""
    told: dict[str, Any] = {
        "vocabulary": VOCABULARY,
        "denoiser": denoiser or toy(),
        "constraint": FREE,
        "texts": tuple("ab" for _ in range(rows)),
        "encode": encode,
        "prompt": lambda row, text: encode(text),
        "read": lambda row, text: text,
    }
    return GuideContext(**{**told, **changes})


def prompts_of(state: State) -> Callable[[int, str], list[int]]:
    """`GuideContext.prompt` of a state whose rows all stand for the text "ab"."""
    return lambda row, text: state.prompt[row].tolist() if text == "ab" else encode(text)


def denoise(
    denoiser: Denoiser, state: State, step: Step, processors: Sequence[Processor], guides: Sequence[Guidance]
) -> torch.Tensor:
    """The loop's (B, T, V) logits of one step, guides and processors included."""
    (found,) = forward(denoiser, [(state, step)], guides)
    return guided(found.logits, found.views, state, step, processors, guides)


def step_at(time: float, rows: int = 3, length: int = 8) -> Step:
    """A step at that time of 1,000."""
    steps = torch.full((rows,), 1000)
    one = torch.ones(rows, dtype=torch.int64)
    window = torch.ones(rows, length, dtype=torch.bool)
    return Step(one * round(1000 * (1 - time)), steps, window, one, one == 0)


@dataclass(frozen=True)
class Towards(Guide):
    """Adds to one token, and says how often its scores and its branch were asked for."""

    token: int
    nats: float = 1.0
    asked: Sequence[str] = ()

    def prepare(self, context: GuideContext) -> Tilt:
        def scores(logits, views, state, step):
            assert len(views) == 1
            if isinstance(self.asked, list):
                self.asked.append("scores")
            return self.nats * torch.nn.functional.one_hot(torch.tensor(self.token), logits.shape[-1]).expand(
                logits.shape
            )

        return Tilt(scores, lambda state, step: [state], lambda step: 1)
