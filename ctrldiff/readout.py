"""How probable each label of a lone choice is, read in one of three ways.

"product" is the exact posterior of one pass over the canvas (`sampling/decide.py`): positions are independent there,
so a label of several tokens is as probable as all its tokens at once, and loses to a short one. "letters" names the
labels A, B, C... in the prompt and reads the letter: every label is one token. "elbo" is the bound on the
log-likelihood of each label with its end (`likelihood.py`), each token given the others.

With `against`, probabilities are divided by those that another text gets, and normalised again: what a label has by its
name alone counts no more (contextual calibration, Zhao et al. 2021, arXiv:2102.09690).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np
import torch

from ctrldiff.arguments import messages_of
from ctrldiff.constraints.labels import Labels
from ctrldiff.constraints.prior import Prior
from ctrldiff.errors import InputError
from ctrldiff.likelihood import elbo
from ctrldiff.models.hf import Loaded
from ctrldiff.request import Row, about
from ctrldiff.sampling.decide import decide
from ctrldiff.state import State
from ctrldiff.tokens.vocabulary import Vocabulary

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
MASKS = 8  # sequences that are read for a label of more than three tokens; for shorter ones all ways to mask them are
LEAST = 1e-6  # what a label is divided by at least: one that never comes says nothing

Probs = dict[str, float]


def read_labels(loaded: Loaded, rows: Sequence[Row], batch_size: int) -> tuple[State, list[Probs]]:
    """The most probable label of each row written, and every label's probability. The rows share labels and readout.

    Raises: InputError for labels that not even two at a time fit the prompt by their letters; ModelError for the bound
        of a model without mask noise.
    """
    labels, readout, against = rows[0].labels, rows[0].request.readout, rows[0].request.against
    assert labels is not None
    read = {"product": _product, "letters": _letters, "elbo": _elbo}[readout]
    state, probs, forwards = read(loaded, rows, labels, batch_size)
    if readout != "product":  # the sweep over the labels' table knows what a prior weighs
        probs = [weighed(one, labels.weights) for one in probs]
    if against is not None:
        asked = [about(loaded, row, against) for row in rows]
        bare_rows = {tuple(row.ids): row for row in asked}  # of conversations each has its own
        _, bares, more = read(loaded, list(bare_rows.values()), labels, batch_size)
        if readout == "product":
            bares = [weighed(one, {name: -weight for name, weight in labels.weights.items()}) for one in bares]
        bare = dict(zip(bare_rows, bares, strict=True))
        probs = [divided(one, bare[tuple(row.ids)]) for one, row in zip(probs, asked)]
        forwards += more
    if state is None or against is not None:
        state = _written(loaded, rows, labels, [labels.best(one) for one in probs])
    return replace(state, forwards=torch.full_like(state.forwards, forwards)), probs


def divided(probs: Mapping[str, float], bare: Mapping[str, float]) -> Probs:
    """Probabilities over those of another text, adding up to 1."""
    shares = {name: p / max(bare[name], LEAST) for name, p in probs.items()}
    total = math.fsum(shares.values())
    return {name: share / total for name, share in shares.items()}


def weighed(probs: Mapping[str, float], weights: Mapping[str, float]) -> Probs:
    """Probabilities times exp(weight), adding up to 1."""
    if not any(weights.values()):
        return dict(probs)
    logs = {name: math.log(p) + weights[name] if p > 0 else -math.inf for name, p in probs.items()}
    most = max(logs.values())
    shares = {name: math.exp(log - most) for name, log in logs.items()}
    total = math.fsum(shares.values())
    return {name: share / total for name, share in shares.items()}


def _blank(loaded: Loaded, rows: Sequence[Row]) -> State:
    lengths = [row.canvas for row in rows]
    return State.blank([row.ids for row in rows], max(lengths), lengths=lengths, pad_id=loaded.spec.stop_ids[0])


def _product(
    loaded: Loaded, rows: Sequence[Row], labels: Labels, batch_size: int
) -> tuple[State | None, list[Probs], int]:
    state, probs = decide(loaded.denoiser, _blank(loaded, rows), labels)
    return state, probs, 1


def _elbo(
    loaded: Loaded, rows: Sequence[Row], labels: Labels, batch_size: int
) -> tuple[State | None, list[Probs], int]:
    end = loaded.spec.stop_ids[0]
    answers = [[*_ids(loaded, labels, name), end] for name in labels.names]
    prompts = [row.ids for row in rows for _ in answers]
    bound = elbo(loaded.denoiser, prompts, answers * len(rows), masks=MASKS, batch_size=batch_size)
    log_probs = bound.mean.reshape(len(rows), len(answers)).softmax(dim=1).tolist()
    return None, [dict(zip(labels.names, one)) for one in log_probs], int(bound.calls.sum()) // len(rows)


def _letters(
    loaded: Loaded, rows: Sequence[Row], labels: Labels, batch_size: int
) -> tuple[State | None, list[Probs], int]:
    found, most = [], 0
    for row in rows:
        passes = 0

        def ask(some: Sequence[str], row: Row = row) -> Probs:
            nonlocal passes
            passes += 1
            return _lettered(loaded, row, some)

        found.append(by_rounds(ask, labels.names, _fitting(loaded, row, labels.names)))
        most = max(most, passes)
    return None, found, most


def by_rounds(ask: Callable[[Sequence[str]], Probs], names: Sequence[str], most: int) -> Probs:
    """Probabilities of labels of which so many are asked about at a time, at least 2: group by group, and then the best
    of each group among each other. What two labels are to each other is what they were beside each other, or what they
    were to the best of their groups and these to each other: all of it, if a ratio does not depend on what stands
    beside it (Luce's choice axiom).

    Raises: InputError for `most` below 2.
    """
    if len(names) <= most:
        return ask(names)
    if most < 2:
        raise InputError("two labels and the text do not fit the prompt", hint='readout="product", or shorter labels')
    groups = [ask(names[first : first + most]) for first in range(0, len(names), most)]
    best = [max(group, key=lambda name: group[name]) for group in groups]
    among = by_rounds(ask, best, most)
    shares = {name: among[top] * p / group[top] for top, group in zip(best, groups) for name, p in group.items()}
    total = math.fsum(shares.values())
    return {name: share / total for name, share in shares.items()}


def _fitting(loaded: Loaded, row: Row, names: Sequence[str]) -> int:
    """How many labels a prompt has room for, each beside a letter."""
    room = loaded.spec.context - loaded.spec.context % loaded.spec.round_to - 2
    longest = sorted(names, key=len, reverse=True)
    most = min(len(LETTERS), len(names))
    while most > 1 and len(_lettered_ids(loaded, row, longest[:most], LETTERS[0])) > room:
        most -= 1
    return most


def _lettered_ids(loaded: Loaded, row: Row, names: Sequence[str], other: str | None = None) -> list[int]:
    """The prompt that names labels by letters. Its examples are answered by letters, too; those of labels that it does
    not name by `other`, or left out."""
    letters = dict(zip(names, LETTERS))
    said = "|".join(f"{letter}={name}" for name, letter in letters.items())
    words = f"{row.request.ask}:{said}" if row.request.ask else said
    text = row.request.text if isinstance(row.request.text, str) else messages_of(row.request.text)
    answered = [(shown, letters.get(answer, other)) for shown, answer in row.shots]
    shots = [(shown, letter) for shown, letter in answered if letter is not None]
    return loaded.prompt_ids(text, words, template=row.request.prompt, shots=shots)


def _lettered(loaded: Loaded, row: Row, names: Sequence[str]) -> Probs:
    letters = _letters_of(len(names), loaded.denoiser.vocabulary)
    length = int(letters.needs.max()) + 1
    state = State.blank([_lettered_ids(loaded, row, names)], length)
    _, (probs,) = decide(loaded.denoiser, state, letters)
    return {name: probs[letter] for name, letter in zip(names, LETTERS)}


@lru_cache(maxsize=64)
def _letters_of(count: int, vocabulary: Vocabulary) -> Labels:
    return Labels.of(tuple(LETTERS[:count]), Prior(), vocabulary)


def _written(loaded: Loaded, rows: Sequence[Row], labels: Labels, names: Sequence[str]) -> State:
    """The canvases with these labels written."""
    state, end = _blank(loaded, rows), loaded.spec.stop_ids[0]
    tokens = torch.full(state.shape, end)
    for n, name in enumerate(names):
        ids = _ids(loaded, labels, name)
        tokens[n, : len(ids)] = torch.tensor(ids)
    return state.write(torch.ones(state.shape, dtype=torch.bool), tokens)


def _ids(loaded: Loaded, labels: Labels, name: str) -> list[int]:
    """A label as the tokenizer writes it; where that is another text, as its fewest tokens do."""
    ids = loaded.plain_ids(name)
    if loaded.denoiser.vocabulary.decode(ids) == name.encode() and len(ids) <= int(labels.needs.max()):
        return ids
    table = labels.one(name)
    fewest: list[int] = table.bind(np.zeros((table.shortest, table.size), np.float32)).map().tolist()
    return fewest
