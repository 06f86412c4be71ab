"""A decision in one forward pass: every label's exact probability, and the most probable label written."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import replace

import torch

from ctrldiff.constraints.labels import Labels
from ctrldiff.errors import InputError
from ctrldiff.protocols import Denoiser
from ctrldiff.sampling.constrain import Tables
from ctrldiff.state import State

BELIEVED = "legal, of a decision"  # the key in `State.memory`: (B, T) float32, the legal mass at each position
WHOLE = re.compile(r"-?[0-9]+")


def decide(denoiser: Denoiser, state: State, labels: Labels) -> tuple[State, list[dict[str, float]]]:
    """Choose a label in each row.

    The probability of a label sums over every way to spell it in tokens, end included; all come from one sweep. Ties
    go to the label named first.

    What does not fit the canvas is refused before the forward pass; a label that does not fit has probability 0.
    Returns: the state with the best label's most probable spelling written, the legal mass at its positions remembered
        as `BELIEVED`; and {name: probability} for each row.
    """
    state = state.snapshot()
    constraint = Tables.same(labels.table, state.shape[0])
    constraint.settle(state)  # raises if nothing fits; what it would write is not needed here
    state = denoiser.noise(state)
    logits = denoiser(state)
    posterior = constraint.bind(logits, state)
    rows = [labels.probs(row) for row in posterior.ends().cpu().numpy()]
    best = tuple(labels.one(labels.best(row)) for row in rows)
    tokens = Tables(best).bind(logits, state).map().cpu()
    state = replace(state, forwards=state.forwards + 1)
    state = state.remember(**{BELIEVED: posterior.legal(tokens).cpu()})
    return state.write(torch.ones(state.shape, dtype=torch.bool), tokens, posterior.confidence(tokens).cpu()), rows


def entropy(probs: Mapping[str, float]) -> float:
    """-Σ p ln p in nats: 0 for a certain label, ln n for n equally likely ones.

    Raises: InputError if there are no labels.
    """
    _some(probs)
    return max(0.0, -math.fsum(p * math.log(p) for p in probs.values() if p > 0))


def expected(probs: Mapping[str, float]) -> float:
    """Σ label · p, for labels that are whole numbers.

    Raises: InputError if there are no labels, or one is not a whole number.
    """
    _some(probs)
    for label in probs:
        if not WHOLE.fullmatch(label):
            raise InputError(
                f"the label {label!r} is not a whole number, so the labels have no mean", hint="ask for a Score"
            )
    return math.fsum(int(label) * p for label, p in probs.items())


def _some(probs: Mapping[str, float]) -> None:
    if not probs:
        raise InputError(
            "this result has no label probabilities",
            why="they come with a type that is a lone choice, decided in one forward pass",
            hint="ask for a Choice, Literal, Enum, bool, YesNo or Score, with temperature 0 and no plug-ins",
        )
