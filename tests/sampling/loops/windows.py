"""Loops whose window moves: DCD (arXiv:2601.02076), AdaBlock (arXiv:2509.26432) and SlowFast (arXiv:2506.10848); and
rules of our own after CtrlDiff (arXiv:2505.14455), hyperschedules (arXiv:2504.06416) and Planned Diffusion."""

import math
from collections.abc import Callable

import numpy as np
import torch

from tests.sampling.loops.blocks import blocks
from tests.sampling.loops.net import OPEN, Asked, best, entropies, opened


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
        ahead = range(start, start + min(int(0.25 * length), length - start))
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


def dynamic(
    net: Asked,
    prompt: list[int],
    length: int,
    above: float,
    sizes: tuple[int, ...],
    nats: float,
    total: bool = False,
) -> list[int]:
    """Before a block its size: the largest whose positions are calm on average, else the smallest.

    total: a wrong variant, which adds the entropies up.
    """
    canvas, start = [OPEN] * length, 0
    while start < length:
        log_probs = net(prompt, canvas)
        nat = entropies(log_probs).tolist()
        calm = [
            size
            for size in sizes
            if sum(nat[start : start + size]) / (1 if total else len(nat[start : start + size])) <= nats
        ]
        here = range(start, min(start + max(calm, default=min(sizes)), length))
        while opened(canvas, here):
            sure, tokens = log_probs.exp().max(dim=-1)
            left = opened(canvas, here)
            for t in [t for t in left if sure[t] >= above] or best(sure, left)[:1]:
                canvas[t] = int(tokens[t])
            if opened(canvas, here):
                log_probs = net(prompt, canvas)
        start = here.stop
    return canvas


def planned(
    net: Asked,
    prompt: list[int],
    length: int,
    spans: Callable[[list[int]], list[int]],
    rate: float,
    after: bool = False,
) -> list[int]:
    """All that is in no span; then of every span its share, each on its own clock.

    after: a wrong variant, in which a span begins when the one before it is done.
    """
    canvas, at = [OPEN] * length, spans(list(range(length)))
    tokens = net(prompt, canvas).argmax(dim=-1)
    for t in range(length):
        canvas[t] = int(tokens[t]) if at[t] < 0 else OPEN
    taken = 0
    while OPEN in canvas:
        sure, tokens = net(prompt, canvas).exp().max(dim=-1)
        for span in range(max(at) + 1):
            here = [t for t in range(length) if at[t] == span]
            left = opened(canvas, here)
            steps = math.ceil(len(here) * rate)
            for t in best(sure, left)[: math.ceil(len(left) / max(1, steps - taken))]:
                canvas[t] = int(tokens[t])
            if left and after:
                break
        taken += 1
    return canvas


def annealed(net: Asked, prompt: list[int], length: int, width: float, steps: int, flat: bool = False) -> list[int]:
    """Noise levels on a slope that moves to the right; as many are left open as they add up to, the most certain are
    written first, and none where the level is 1.

    flat: a wrong variant, with one level for all.
    """
    canvas = [OPEN] * length
    for step in range(1, steps + 1):
        if OPEN not in canvas:
            break
        levels = [min(1.0, max(0.0, (i + width - (length + width) * step / steps) / width)) for i in range(length)]
        if flat:
            levels = [1 - step / steps] * length
        sure, tokens = net(prompt, canvas).exp().max(dim=-1)
        due = canvas.count(OPEN) - int(sum(levels) + 1e-9)
        for t in best(sure, [t for t in opened(canvas, range(length)) if levels[t] < 1])[: max(0, due)]:
            canvas[t] = int(tokens[t])
    return canvas
