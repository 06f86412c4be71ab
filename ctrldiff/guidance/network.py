"""A small classifier of canvases that are partly open, over the vocabulary of the model it guides."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn.functional import gelu, pad

from ctrldiff.errors import InputError, ModelError, ShapeError
from ctrldiff.tokens.vocabulary import Vocabulary

FORMAT = "ctrldiff canvas classifier 1"
WEIGHTS = ("embedding", "blank", "window", "window_bias", "hidden", "hidden_bias", "out", "out_bias")
REACH = 1  # positions to either side that a window sees
SHARPNESS = 4.0  # of the soft maximum; a hard one has no derivative where all of the canvas is open and alike


@dataclass(frozen=True, eq=False)
class CanvasClassifier:
    """Windows of three positions, pooled by mean and by soft maximum, then two layers. About 10^5 parameters.

    Fields:
        labels: what it tells apart, K of them.     vocabulary: whose ids it reads.
        weights: by name: embedding (V, D); blank (D,), which stands for an open position whatever the noise there;
            window (3D, H), window_bias (H,); hidden (2H, H), hidden_bias (H,); out (H, K), out_bias (K,).
    """

    labels: tuple[str, ...]
    vocabulary: Vocabulary
    weights: dict[str, torch.Tensor]

    def __post_init__(self) -> None:
        if set(self.weights) != set(WEIGHTS):
            raise ShapeError(f"weights {sorted(self.weights)}, expected {sorted(WEIGHTS)}")
        width, hidden = self.weights["embedding"].shape[-1], self.weights["window"].shape[-1]
        wanted = {
            "embedding": (self.vocabulary.size, width),
            "blank": (width,),
            "window": ((2 * REACH + 1) * width, hidden),
            "window_bias": (hidden,),
            "hidden": (2 * hidden, hidden),
            "hidden_bias": (hidden,),
            "out": (hidden, len(self.labels)),
            "out_bias": (len(self.labels),),
        }
        for name, shape in wanted.items():
            if tuple(self.weights[name].shape) != shape:
                raise ShapeError(f"{name} is {tuple(self.weights[name].shape)}, expected {shape}")

    @property
    def embedding(self) -> torch.Tensor:
        """(V, D): what each token is to the classifier."""
        return self.weights["embedding"]

    def embed(self, tokens: torch.Tensor, open_: torch.Tensor) -> torch.Tensor:
        """(N, T, D) of (N, T) ids; where `open_`, the id is not read."""
        return torch.where(open_[..., None], self.weights["blank"], self.embedding[tokens])

    def __call__(self, embedded: torch.Tensor) -> torch.Tensor:
        """(N, K) log-probabilities of the labels, given (N, T, D)."""
        w, length = self.weights, embedded.shape[1]
        wide = pad(embedded, (0, 0, REACH, REACH))
        windows = torch.cat([wide[:, n : n + length] for n in range(2 * REACH + 1)], dim=-1)
        seen = gelu(windows @ w["window"] + w["window_bias"])
        soft = ((SHARPNESS * seen).logsumexp(dim=1) - math.log(length)) / SHARPNESS
        pooled = torch.cat([seen.mean(dim=1), soft], dim=-1)
        return (gelu(pooled @ w["hidden"] + w["hidden_bias"]) @ w["out"] + w["out_bias"]).log_softmax(-1)

    def save(self, path: Path | str) -> None:
        """Write it as one safetensors file, labels and vocabulary included. Raises: InputError."""
        v = self.vocabulary
        told = {"format": FORMAT, "labels": list(self.labels), "stop_ids": list(v.stop_ids), "pad_id": v.pad_id}
        words = {
            "vocabulary.data": torch.from_numpy(v.data.copy()),
            "vocabulary.offsets": torch.from_numpy(v.offsets.copy()),
            "vocabulary.written": torch.from_numpy(v.written.copy()),
        }
        weights = {name: value.detach().cpu().contiguous() for name, value in self.weights.items()}
        save({**weights, **words}, path, told)

    @staticmethod
    def load(path: Path | str) -> CanvasClassifier:
        """Read what `save` wrote. Raises: ModelError for a file that is something else."""
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(str(path), "pt") as file:
                told = json.loads((file.metadata() or {}).get("ctrldiff", "{}"))
                tensors = {name: file.get_tensor(name) for name in file.keys()}
        except (OSError, SafetensorError, ValueError) as error:
            raise ModelError(f"{str(path)!r} is no classifier: {error}".splitlines()[0][:300]) from error
        needed = {"vocabulary.data", "vocabulary.offsets", "vocabulary.written", *WEIGHTS}
        if told.get("format") != FORMAT or set(tensors) != needed:
            raise ModelError(
                f"{str(path)!r} is no classifier of canvases",
                hint="train one with examples/train_guide/train.py, which says how",
            )
        vocabulary = Vocabulary(
            data=tensors["vocabulary.data"].numpy().astype(np.uint8),
            offsets=tensors["vocabulary.offsets"].numpy().astype(np.int64),
            written=tensors["vocabulary.written"].numpy().astype(np.bool_),
            stop_ids=tuple(told["stop_ids"]),
            pad_id=told["pad_id"],
        )
        return CanvasClassifier(
            tuple(told["labels"]), vocabulary, {name: tensors[name].to(torch.float32) for name in WEIGHTS}
        )

    @staticmethod
    def untrained(
        vocabulary: Vocabulary, labels: tuple[str, ...], *, width: int = 24, hidden: int = 48, seed: int = 0
    ) -> CanvasClassifier:
        """Seeded random weights, to be trained."""
        draw = torch.Generator().manual_seed(seed)

        def normal(*shape: int) -> torch.Tensor:
            return torch.randn(*shape, generator=draw) * shape[0] ** -0.5

        weights = {
            "embedding": torch.randn(vocabulary.size, width, generator=draw) * 0.3,
            "blank": torch.zeros(width),
            "window": normal((2 * REACH + 1) * width, hidden),
            "window_bias": torch.zeros(hidden),
            "hidden": normal(2 * hidden, hidden),
            "hidden_bias": torch.zeros(hidden),
            "out": normal(hidden, len(labels)),
            "out_bias": torch.zeros(len(labels)),
        }
        return CanvasClassifier(labels, vocabulary, weights)


def save(tensors: dict[str, torch.Tensor], path: Path | str, told: Mapping[str, Any]) -> None:
    """Write tensors and what is told of them as one safetensors file. Raises: InputError."""
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    try:
        save_file(tensors, str(path), metadata={"ctrldiff": json.dumps(told)})
    except (OSError, SafetensorError) as error:
        raise InputError(f"{str(path)!r} cannot be written: {error}"[:300]) from error
