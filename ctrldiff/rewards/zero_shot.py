"""Labels without a classifier: whatever makes the text more probable to the model itself.

p(label | text) is proportional to p(label) p(text | label), and p(text | label) is what the model gives the text after
a prompt that says the label. The model's bound stands in for it (`ctrldiff.elbo`), with the same masks for all labels,
so that most of the noise of the estimate cancels in their ratios.

Source: Li et al. 2023, "Your Diffusion Model is Secretly a Zero-Shot Classifier", arXiv:2303.16203; the bound of masked
models after Nie et al. 2025, arXiv:2502.09992.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ctrldiff.errors import InputError
from ctrldiff.likelihood import Ids, elbo
from ctrldiff.protocols import Denoiser, GuideContext, Scored


def label_log_probs(
    denoiser: Denoiser,
    prompts: Sequence[Ids],
    answers: Sequence[Ids],
    *,
    log_prior: Sequence[float] | None = None,
    masks: int = 32,
    seed: int = 0,
    batch_size: int = 16,
) -> torch.Tensor:
    """(N,) float64: how probable each of N rival readings is, given that one of them is right.

    A reading is a prompt and an answer. With one answer under N prompts this is the diffusion classifier of that
    answer; with N answers under one prompt it is a choice between them, next to the exact one-pass `decide`: the bound
    averages over every order of writing an answer, where `decide` reads all its tokens off the empty canvas.

    Args: log_prior: (N,) nats, uniform if None. The others as in `elbo`; with no more than `masks` ways to hide an
        answer's tokens all are tried, and nothing is estimated.
    Returns: log-probabilities; NaN for all if the model forbids every reading.
    Raises: as `elbo`.
    """
    bound = elbo(denoiser, prompts, answers, masks=masks, seed=seed, batch_size=batch_size).mean
    if log_prior is not None:
        if len(log_prior) != len(prompts):
            raise InputError(f"{len(log_prior)} prior weights for {len(prompts)} readings")
        bound = bound + torch.as_tensor(log_prior, dtype=torch.float64)
    return bound.log_softmax(0)


@dataclass(frozen=True)
class DiffusionClassifier:
    """log p(label | text) by the model that is decoded, from prompts that say the labels.

    Args:
        prompts: a prompt for each label; "{text}" in it stands for the row's own prompt.
        label: the one that is wanted.
        masks: sequences the model reads for each text and label, even.
    It costs labels times masks forward passes of single rows for each text: use it at the end (best of n, refining), or
    seldom. Raises: InputError.
    """

    prompts: Mapping[str, str]
    label: str
    masks: int = 16
    seed: int = 0
    batch_size: int = 32

    def __post_init__(self) -> None:
        if self.label not in self.prompts or len(self.prompts) < 2:
            raise InputError(
                f"no prompt for {self.label!r} among {list(self.prompts)}",
                hint="a prompt for each of two labels or more",
            )
        if self.masks < 2 or self.masks % 2:
            raise InputError(f"masks={self.masks}: an even number, at least 2", param="masks")

    def prepare(self, context: GuideContext) -> Scored:
        known: dict[tuple[int, str], float] = {}
        labels = list(self.prompts)
        stop = context.vocabulary.stop_ids[0]
        told = [
            [context.prompt(row, self.prompts[label].replace("{text}", text)) for label in labels]
            for row, text in enumerate(context.texts)
        ]

        def score(row: int, text: str) -> float:
            answer = [*context.encode(text), stop]
            found = label_log_probs(
                context.denoiser,
                told[row],
                [answer] * len(labels),
                masks=self.masks,
                seed=self.seed,
                batch_size=self.batch_size,
            )
            return float(found[labels.index(self.label)])

        def scored(rows: Sequence[int], texts: Sequence[str]) -> NDArray[np.float64]:
            for row, text in zip(rows, texts, strict=True):
                if (row, text) not in known:
                    known[row, text] = score(row, text)
            return np.array([known[row, text] for row, text in zip(rows, texts)], np.float64)

        return scored


def label_probs(model: Any, text: str, prompts: Mapping[str, str], **how: Any) -> dict[str, float]:
    """{label: p(label | text)} by the diffusion classifier, for a model with prompts of its own (`cd.Model`).

    Args: text: what is judged.      prompts: a prompt for each label.      how: as in `label_log_probs`.
    """
    loaded = model.loaded
    answer = [*loaded.plain_ids(text), model.vocabulary.stop_ids[0]]
    ids = [loaded.prompt_ids(prompt, "") for prompt in prompts.values()]
    found = label_log_probs(loaded.denoiser, ids, [answer] * len(ids), **how)
    return dict(zip(prompts, found.exp().tolist()))
