"""Guidance by a classifier that reads the model's own tokens, partly open canvases included.

    p(v at i) -> p(v at i) * (p(label | canvas with v at i) / p(label | canvas))^strength

Exactly that for the most probable candidates, or to first order for every token from one forward and one backward pass
of the classifier. The strength acts on the odds of *tokens*. When a position is written is the schedule's business and
does not depend on it: one softmax over "a token or stay open" would multiply the rate of writing as well.

Sources: Schiff et al. 2024, "Simple Guidance Mechanisms for Discrete Diffusion Models", arXiv:2412.10193 (exact and
first order); Nisonoff et al. 2024, "Unlocking Guidance", arXiv:2406.01572 (the Taylor form); mixed inputs as in EntRGi,
arXiv:2602.05000.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import torch

from ctrldiff.errors import InputError, VocabularyError
from ctrldiff.guidance.guide import Branches, Guide, Tilt
from ctrldiff.guidance.network import CanvasClassifier
from ctrldiff.guidance.strength import Strength, checked_strength, strength_at
from ctrldiff.protocols import GuideContext
from ctrldiff.state import State, Step
from ctrldiff.tokens.vocabulary import Vocabulary, spelled

CHUNK = 512  # canvases that the exact form scores at once
SENTIMENT = Path(__file__).parent / "sentiment.safetensors"


class TokenClassifier(Protocol):
    """A classifier over the model's vocabulary, differentiable in its embedded input."""

    @property
    def labels(self) -> tuple[str, ...]: ...

    @property
    def vocabulary(self) -> Vocabulary: ...

    @property
    def embedding(self) -> torch.Tensor:
        """(V, D)."""

    def embed(self, tokens: torch.Tensor, open_: torch.Tensor) -> torch.Tensor:
        """(N, T, D) of (N, T) ids; where `open_`, the id says nothing."""

    def __call__(self, embedded: torch.Tensor) -> torch.Tensor:
        """(N, K) log-probabilities."""


@dataclass(frozen=True)
class Classifier(Guide):
    """Lean towards a label of a classifier that reads the model's vocabulary.

    Args:
        classifier: a `TokenClassifier`, the path of a saved `CanvasClassifier`, or "sentiment", which is in the box
            and speaks of "positive" and "negative" in the vocabulary of `tiny`.
        label: one of its labels.
        strength: a finite number, one for each segment, or a function of the mask ratio.
        method: "first-order", one forward and one backward pass of the classifier a step and row; or "exact", one
            forward pass for each open position and candidate.
        candidates: of the exact form, the tokens with the largest constrained marginals at each position; the others
            are left as if they said nothing about the label.
        at: where the first-order form is expanded. "mean": open positions hold the model's mean embedding, so the
            classifier need not know open positions. "open": they hold the classifier's own embedding of an open
            position (TAG), for which it must have been trained on noise.
    Raises: InputError (a label it does not have, a strength that is not finite, a path that is no classifier),
        VocabularyError when prepared for a model with other tokens, naming the ids.
    """

    classifier: TokenClassifier | str | Path
    label: str
    strength: Strength = 1.0
    method: Literal["first-order", "exact"] = "first-order"
    candidates: int = 8
    at: Literal["mean", "open"] = "mean"

    def __post_init__(self) -> None:
        checked_strength("strength", self.strength)
        if self.method not in ("first-order", "exact") or self.at not in ("mean", "open") or self.candidates < 1:
            raise InputError(
                f"method={self.method!r}, at={self.at!r}, candidates={self.candidates}",
                hint='method="first-order" or "exact", at="mean" or "open", candidates>=1',
            )
        network = loaded(self.classifier)
        object.__setattr__(self, "classifier", network)  # a path is read once
        if self.label not in network.labels:
            raise InputError(
                f"the classifier has no label {self.label!r}",
                hint=f"its labels: {', '.join(network.labels)}",
                label=self.label,
                labels=network.labels,
            )

    def prepare(self, context: GuideContext) -> Tilt:
        network = loaded(self.classifier)
        same_vocabulary(network.vocabulary, context.vocabulary)
        label = network.labels.index(self.label)

        def scores(logits: torch.Tensor, views: Branches, state: State, step: Step) -> torch.Tensor:
            if self.method == "first-order":
                value = first_order(network, label, logits, state, self.at)
            else:
                likely = context.constraint.bind(logits, state).marginals()
                value = exact(network, label, likely, state, self.candidates)
            return strength_at(self.strength, state, logits.device) * value.to(logits)

        def level(logits: torch.Tensor, views: Branches, state: State, step: Step) -> torch.Tensor:
            here = inputs(network, logits, state, self.at if self.method == "first-order" else "open")
            with torch.no_grad():
                return torch.cat([network(row[None])[:, label] for row in here]).double()

        steady = self.strength == 1.0  # else the level is not the strength times a log-probability everywhere
        return Tilt(scores, level=level if steady else None)


def inputs(network: TokenClassifier, logits: torch.Tensor, state: State, at: str) -> list[torch.Tensor]:
    """B tensors (T, D): each canvas as the classifier reads it, with open positions at the "mean" or "open"."""
    out = []
    for row in range(state.shape[0]):  # row by row: a row's bits do not depend on its batch
        open_ = state.open[row : row + 1]
        here = network.embed(state.tokens[row : row + 1], open_).detach()
        if at == "mean":
            probs = logits[row : row + 1].detach().to(here).softmax(-1)
            here = torch.where(open_[..., None], probs @ network.embedding.detach(), here)
        out.append(here[0])
    return out


def first_order(
    network: TokenClassifier, label: int, logits: torch.Tensor, state: State, at: str = "mean"
) -> torch.Tensor:
    """(B, T, V) log-ratios to first order; 0 where written.

    With h_i the embedding at position i: <E[v] - h_i, d log p(label) / d h_i>. Expanded at "mean", h_i is the mean of E
    under the model, so the scores of a position average to 0 under it.
    """
    out = torch.zeros(logits.shape, dtype=network.embedding.dtype)
    for row, canvas in enumerate(inputs(network, logits, state, at)):
        if bool(state.open[row].any()):
            slope = gradient(network, label, canvas[None])[0]
            value = slope @ network.embedding.detach().T - (slope * canvas).sum(-1, keepdim=True)
            out[row] = torch.where(state.open[row][:, None], value, torch.zeros_like(value))
    return out


def gradient(network: TokenClassifier, label: int, embedded: torch.Tensor) -> torch.Tensor:
    """(N, T, D): of log p(label) in the embedded canvas."""
    with torch.inference_mode(False), torch.enable_grad():
        here = embedded.clone().requires_grad_()
        (slope,) = torch.autograd.grad(network(here)[:, label].sum(), here)
    return slope


def exact(network: TokenClassifier, label: int, likely: Any, state: State, candidates: int) -> torch.Tensor:
    """(B, T, V) log p(label | canvas with v at i) - log p(label | canvas); 0 where written and for other tokens.

    Args:
        likely: (B, T, V); the `candidates` largest of each open position are tried. Ties: as `torch.topk`.
    """
    likely = torch.as_tensor(likely).cpu()
    out = torch.zeros(likely.shape, dtype=network.embedding.dtype)
    with torch.no_grad():
        for row in (~state.done).nonzero()[:, 0].tolist():
            places = state.open[row].nonzero()[:, 0]
            tried = likely[row, places].topk(min(candidates, likely.shape[-1]), dim=-1).indices
            base = network.embed(state.tokens[row : row + 1], state.open[row : row + 1])
            before = network(base)[0, label]
            at, what = places.repeat_interleave(tried.shape[1]), tried.reshape(-1)
            for first in range(0, len(at), CHUNK):
                some, tokens = at[first : first + CHUNK], what[first : first + CHUNK]
                canvases = base.repeat(len(some), 1, 1)
                canvases[torch.arange(len(some)), some] = network.embedding[tokens]
                out[row, some, tokens] = network(canvases)[:, label] - before
    return out


def loaded(classifier: TokenClassifier | str | Path) -> TokenClassifier:
    """The classifier itself, read from its file if need be."""
    if isinstance(classifier, str | Path):
        return CanvasClassifier.load(SENTIMENT if str(classifier) == "sentiment" else classifier)
    return classifier


def same_vocabulary(theirs: Vocabulary, ours: Vocabulary, who: str = "the classifier") -> None:
    """Raises VocabularyError that names the first ids which write something else in the two vocabularies."""
    if theirs == ours:
        return
    shared = min(theirs.size, ours.size)
    differ = [i for i in range(shared) if theirs[i] != ours[i]]
    stops = set(theirs.stop_ids) ^ set(ours.stop_ids)
    ids = sorted({*differ, *stops, *range(shared, max(theirs.size, ours.size))})
    if not ids:  # the same tokens, and another padding
        return
    told = [f"id {i}: the model {spelled(ours, i)}, {who} {spelled(theirs, i)}" for i in ids[:5]]
    raise VocabularyError(
        f"{who} reads other tokens than the model writes: {len(ids):,} ids differ "
        f"({theirs.size:,} tokens against {ours.size:,})",
        why="\n".join(told),
        hint="train it on this model's vocabulary (examples/train_guide/train.py), or score decoded texts",
        ids=tuple(ids),
    )
