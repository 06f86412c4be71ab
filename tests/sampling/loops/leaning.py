"""A loop that reads attention: DAPD (arXiv:2603.12996), as a reimplementation and notes on it have it."""

import torch

from tests.sampling.loops.blocks import blocks
from tests.sampling.loops.net import OPEN, Asked, best, opened


def dapd(
    net: Asked,
    prompt: list[int],
    length: int,
    low: float,
    high: float,
    late: float,
    above: float,
    one_way: bool = False,
) -> list[int]:
    """In one block.

    one_way: a wrong variant, to which what a position looks at is all, and not what looks at it.
    """
    canvas = [OPEN] * length
    (here,) = blocks(length, None)
    while left := opened(canvas, here):
        looks = net.attention(prompt, canvas)
        sure, tokens = net(prompt, canvas).exp().max(dim=-1)
        share = len(left) / length
        if share < late:
            chosen = [t for t in left if sure[t] > above] or best(sure, left)[:1]
        else:
            tie = {
                (i, j): float(looks[i, j] + (looks[i, j] if one_way else looks[j, i])) / 2 for i in left for j in left
            }
            degree = torch.zeros(length, dtype=torch.float64)
            for i in left:
                degree[i] = sum(tie[i, j] for j in left if j != i)
            chosen = []
            for t in best(degree * sure, left):
                if all(tie[t, other] <= low + (high - low) * (1 - share) for other in chosen):
                    chosen.append(t)
        for t in chosen:
            canvas[t] = int(tokens[t])
    return canvas
