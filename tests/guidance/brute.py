"""Every legal canvas, one by one: the definition of what a guided posterior is."""

from __future__ import annotations

import numpy as np
import torch

from ctrldiff.constraints.description import Description
from ctrldiff.tokens.vocabulary import Vocabulary


def every_canvas(description: Description, vocabulary: Vocabulary, length: int) -> list[tuple[int, ...]]:
    """All token strings of that length that spell a member, with stop ids behind it."""
    dfa, stop, out = description.dfa(), vocabulary.stop_ids[0], []
    words = [(token, word) for token, word in enumerate(vocabulary) if word is not None]

    def grow(tokens: tuple[int, ...], state: int) -> None:
        if dfa.accept[state]:
            tails = [(stop,) * (length - len(tokens))]
            if vocabulary.pad_id is not None:  # behind the first stop id, stop ids and pads in any order
                tails = tails_of(length - len(tokens), stop, vocabulary.pad_id)
            out.extend(tokens + tail for tail in tails)
        if len(tokens) < length:
            for token, word in words:
                after = state
                for byte in word:
                    after = dfa.table[after, dfa.classes[byte]] if after >= 0 else -1
                if after >= 0:
                    grow((*tokens, token), int(after))

    grow((), 0)
    return out


def tails_of(length: int, stop: int, pad: int) -> list[tuple[int, ...]]:
    """What may stand behind a text in `length` positions."""
    if length == 0:
        return [()]
    rest: list[tuple[int, ...]] = [()]
    for _ in range(length - 1):
        rest = [(*one, token) for one in rest for token in (stop, pad)]
    return [(stop, *one) for one in rest]


def weights(canvases: list[tuple[int, ...]], scores: torch.Tensor, written: list[int]) -> np.ndarray:
    """(N,) summed (T, V) scores over the open positions; -inf for a canvas that contradicts what is written."""
    ids = np.array(canvases)
    held = np.array(written)
    terms = scores.double().numpy()[np.arange(ids.shape[1])[None], ids]
    total = np.where(held >= 0, 0.0, terms).sum(1)
    return np.where(((held < 0) | (ids == held)).all(1), total, -np.inf)


def log_sum(values: np.ndarray) -> float:
    """logsumexp."""
    return float(np.logaddexp.reduce(values))
