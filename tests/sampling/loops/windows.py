"""Loops whose window moves: DCD (arXiv:2601.02076), AdaBlock (arXiv:2509.26432) and SlowFast (arXiv:2506.10848)."""

import numpy as np
import torch

from tests.sampling.loops.blocks import blocks
from tests.sampling.loops.net import OPEN, Asked, best, opened


def dcd(net: Asked, prompt: list[int], length: int, above: float, width: int, reach: int, wider: int = 0) -> list[int]:
    """From the leftmost open position so far to the right that there are `width` open ones, and no further than
    `reach`.

    wider: 1 for a wrong variant, with one open position more.
    """
    canvas = [OPEN] * length
    while OPEN in canvas:
        left = canvas.index(OPEN)
        right = max(
            i for i in range(left + 1, length + 1) if i <= left + reach and canvas[left:i].count(OPEN) <= width + wider
        )
        sure, tokens = net(prompt, canvas).exp().max(dim=-1)
        window = opened(canvas, range(left, right))
        bar = min(above, max(float(sure[t]) for t in window))
        for t in window:
            if sure[t] >= bar:
                canvas[t] = int(tokens[t])
    return canvas


def adablock(
    net: Asked,
    prompt: list[int],
    length: int,
    above: float,
    delimiters: tuple[int, ...],
    block: int,
    least: float,
    first: bool = False,
) -> list[int]:
    """Before a block its size: up to the surest delimiter within a quarter of the canvas, if it is sure enough.

    first: a wrong variant, which takes the first delimiter that is sure enough.
    """
    canvas, start = [OPEN] * length, 0
    while start < length:
        sure, tokens = net(prompt, canvas).exp().max(dim=-1)
        ahead = range(start, start + min(max(1, int(0.25 * length)), length - start))
        found = [t for t in ahead if int(tokens[t]) in delimiters]
        at = next(iter(found if first else best(sure, found)), None)
        size = at - start + 1 if at is not None and sure[at] >= least else min(block, length - start)
        here = range(start, start + size)
        while opened(canvas, here):
            left = opened(canvas, here)
            for t in [t for t in left if sure[t] >= above] or best(sure, left)[:1]:
                canvas[t] = int(tokens[t])
            if opened(canvas, here):
                sure, tokens = net(prompt, canvas).exp().max(dim=-1)
        start += size
    return canvas


def slow_fast(
    net: Asked,
    prompt: list[int],
    length: int,
    block: int,
    above: float,
    low: float,
    explore: int,
    window: int,
    spread: float,
    whole: bool = False,
) -> list[int]:
    """SlowFast sampling (arXiv:2506.10848) as released, but that the whole canvas is forwarded in both phases, and that
    exploration ends when the block is full.

    whole: a wrong variant, whose fast phase writes anywhere in the block.
    """
    canvas = [OPEN] * length

    def fill(where: list[int], sure: torch.Tensor, tokens: torch.Tensor) -> None:
        for t in [t for t in where if sure[t] >= above] or best(sure, where)[:1]:
            canvas[t] = int(tokens[t])

    for here in blocks(length, block):
        last = 0
        while opened(canvas, here):
            estimates: list[int] = []
            end = None
            for k in range(explore):
                if not opened(canvas, here):
                    break
                sure, tokens = net(prompt, canvas).exp().max(dim=-1)
                left = opened(canvas, range(here.start + last, here.stop))
                if end is None:
                    far = [t - here.start - last for t in left if sure[t] >= low]
                    estimates = [*estimates, last + max(far, default=0) + 1][-window:]
                    if len(estimates) == window and np.std(estimates) < spread:
                        end = estimates[-1]
                    elif k == explore - 1:
                        end = int(np.mean(estimates))
                fill(left, sure, tokens)
            if end is None:
                break
            region = here if whole else range(here.start + last, here.start + end)
            while opened(canvas, range(here.start + last, here.start + end)):
                sure, tokens = net(prompt, canvas).exp().max(dim=-1)
                fill(opened(canvas, region), sure, tokens)
            last = end
    return canvas
