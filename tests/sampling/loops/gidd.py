"""GIDD's self-correction (arXiv:2503.04482), restated from its released script: the law of one step."""

from itertools import product

import torch


def one_step(
    logits: torch.Tensor, canvas: list[int], temperature: float, undrawn: bool = False
) -> dict[tuple[int, ...], float]:
    """The probability of every canvas after one step, by going through all draws: each position draws from the
    sharpened logits, and of those that drew another token the most probable one is changed.

    undrawn: a wrong variant, in which the most probable tokens stand in the place of draws.
    """
    sharp = (logits / temperature).softmax(dim=-1)
    law: dict[tuple[int, ...], float] = {}
    tokens = [row.nonzero()[:, 0].tolist() for row in sharp > 1e-12]
    if undrawn:
        tokens = [[int(row.argmax())] for row in sharp]
    for drawn in product(*tokens):
        chance, best, top = 1.0, None, 0.0
        for t, token in enumerate(drawn):
            chance *= float(sharp[t, token])
            if token != canvas[t] and float(sharp[t, token]) > top:
                best, top = t, float(sharp[t, token])
        after = list(canvas)
        if best is not None:
            after[best] = drawn[best]
        law[tuple(after)] = law.get(tuple(after), 0.0) + chance
    return law
