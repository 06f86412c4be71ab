"""A Hugging Face sequence classifier as a reward: it reads the decoded text with its own tokenizer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from pathlib import Path
from typing import Any

import torch

from ctrldiff.errors import InputError, ModelError
from ctrldiff.protocols import GuideContext, Scored
from ctrldiff.rewards.function import Function


@dataclass(frozen=True)
class TextClassifier:
    """log p(label | text) by any sequence classifier of transformers. No gradient, any vocabulary.

    Args:
        model: a folder, or a name on the hub if `download`; or a loaded network, with its `tokenizer`.
        label: one of `config.id2label`. None for a network of one output: that output is the reward.
        field, timeout_s, batch_size: as in `Function`.
        max_length: tokens read of a text.      device: where the network runs.
        download: allow the network. Weights are read as safetensors, and remote code is never run.
    Raises: ModelError for what cannot be loaded, InputError for a label it does not have.
    """

    model: Any
    label: str | None = None
    tokenizer: Any = None
    field: str | None = None
    timeout_s: float | None = None
    batch_size: int = 32
    max_length: int = 512
    device: str = "cpu"
    download: bool = False
    asked: Function = dataclass_field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if isinstance(self.model, str | Path):
            network, tokenizer = _load(str(self.model), self.download)
            object.__setattr__(self, "model", network)
            object.__setattr__(self, "tokenizer", self.tokenizer or tokenizer)
        if self.tokenizer is None:
            raise InputError("a loaded classifier needs its tokenizer", hint="TextClassifier(model, label, tokenizer=)")
        self.model.to(self.device).eval()
        labels = list(self.labels)
        if self.label is None and len(labels) != 1:
            raise InputError("which label?", hint=f"its labels: {', '.join(labels)}", labels=tuple(labels))
        if self.label is not None and self.label not in labels:
            raise InputError(
                f"the classifier has no label {self.label!r}",
                hint=f"its labels: {', '.join(labels)}",
                label=self.label,
                labels=tuple(labels),
            )
        if self.label is not None and len(labels) == 1 and not self._many:
            raise InputError(
                f"of one label, {self.label!r}, every text has it with probability 1",
                hint="label=None: the one output is the reward",
                label=self.label,
                labels=tuple(labels),
            )
        asked = Function(self.scores, self.field, self.timeout_s, self.batch_size)
        object.__setattr__(self, "asked", asked)

    @property
    def labels(self) -> tuple[str, ...]:
        """What it tells apart."""
        return tuple(self.model.config.id2label[n] for n in range(self.model.config.num_labels))

    @property
    def _many(self) -> bool:
        """A text may have several labels."""
        return bool(self.model.config.problem_type == "multi_label_classification")

    def prepare(self, context: GuideContext) -> Scored:
        return self.asked.prepare(context)

    def scores(self, texts: list[str]) -> torch.Tensor:
        """(N,) log-probabilities of the label, or the one output."""
        with torch.no_grad():
            read = self.tokenizer(
                [str(text) for text in texts],
                padding=True,
                truncation=True,
                max_length=self.max_length,
                return_tensors="pt",
            )
            logits = self.model(**read.to(self.device)).logits.to(torch.float32).cpu()
        if self.label is None:
            return logits[:, 0]
        scale: Callable[[torch.Tensor], torch.Tensor] = torch.nn.LogSoftmax(dim=-1)
        if self._many:
            scale = torch.nn.functional.logsigmoid
        return scale(logits)[:, self.labels.index(self.label)]


def _load(name: str, download: bool) -> tuple[Any, Any]:
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    how: dict[str, Any] = {"local_files_only": not download, "trust_remote_code": False}
    try:
        network = AutoModelForSequenceClassification.from_pretrained(name, use_safetensors=True, **how)
        return network, AutoTokenizer.from_pretrained(name, **how)
    except (OSError, ValueError, ImportError) as error:
        raise ModelError(
            f"{name!r} is no sequence classifier that can be loaded: {str(error).splitlines()[0][:200]}",
            hint="a folder with config.json, safetensors weights and a tokenizer; download=True to fetch one",
        ) from error
