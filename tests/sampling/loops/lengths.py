"""Loops whose canvas grows: DAEDAL (arXiv:2508.00819) and rho-EOS (arXiv:2601.22527)."""

import math

import torch

from tests.conftest import STOP
from tests.sampling.loops.net import OPEN, Asked, best, opened


def ends(probs: torch.Tensor, canvas: list[int], window: int, always: bool = False) -> float:
    """How sure the ends of text are, of the last `window` positions that want one. What is written is sure.

    always: a wrong variant, which divides by `window` however few there are, as the released code does.
    """
    found: list[float] = []
    for t in reversed(range(len(canvas))):
        token = int(probs[t].argmax()) if canvas[t] == OPEN else canvas[t]
        if token == STOP and len(found) < window:
            found.append(float(probs[t, STOP]) if canvas[t] == OPEN else 1.0)
    return sum(found) / (window if always else max(1, len(found)))


def daedal(
    net: Asked,
    prompt: list[int],
    most: int,
    initial: int,
    block: int,
    above: float,
    more: int,
    enough: float,
    settled: float,
    low: float,
    window: int,
    spare: int,
    always: bool = False,
) -> list[int]:
    """The length first, then blocks and a threshold, with the least sure position of a step made `more` of them."""
    length = min(initial, most)
    while ends(net(prompt, [OPEN] * length).exp(), [OPEN] * length, window, always) < enough and length < most:
        length = min(length + more, most)
    canvas, start = [OPEN] * min(length + spare, most), 0
    while OPEN in canvas:
        probs = net(prompt, canvas).exp()
        surely = ends(probs, canvas, window, always)
        sure, tokens = probs.max(dim=-1)
        left = opened(canvas, range(start, min(start + block, len(canvas))))
        write = [t for t in left if sure[t] >= above] or best(sure, left)[:1]
        doubtful = [t for t in left if t not in write and sure[t] < low]
        for t in write:
            canvas[t] = int(tokens[t])
        if doubtful and surely < settled:
            at = min(doubtful, key=lambda t: float(sure[t]))
            canvas[at:at] = [OPEN] * min(more - 1, most - len(canvas))
        while start < len(canvas) and OPEN not in canvas[start : start + block]:
            start += block
    return canvas + [STOP] * (most - len(canvas))


def rho(
    net: Asked,
    prompt: list[int],
    most: int,
    initial: int,
    block: int,
    above: float,
    unit: int,
    low: float,
    high: float,
    until: int,
    window: int | None = None,
    whole: bool = False,
) -> list[int]:
    """Blocks and a threshold; after each step the canvas is given positions, or gives some up.

    window: by how sure that many ends are, as the code has it, in place of their density.
    whole: a wrong variant, in which the density is that of all positions.
    """
    canvas, step = [OPEN] * min(initial, most), 0
    while OPEN in canvas:
        probs = net(prompt, canvas).exp()
        sure, tokens = probs.max(dim=-1)
        places = range(len(canvas)) if whole else opened(canvas, range(len(canvas)))
        wanted = sum(int(tokens[t]) == STOP for t in places) / len(places)
        if window is not None:
            wanted = ends(probs, canvas, window, whole)
        start = canvas.index(OPEN) // block * block
        left = opened(canvas, range(start, min(start + block, len(canvas))))
        for t in [t for t in left if sure[t] >= above] or best(sure, left)[:1]:
            canvas[t] = int(tokens[t])
        beyond = max(low - wanted, wanted - high)
        units = min(2 ** (math.ceil((beyond + 1e-12) / 0.1) - 1), 8) if beyond > 0 else 0
        if step < until and wanted < low:
            canvas += [OPEN] * min(units * unit, most - len(canvas))
        elif step < until:
            kept = max([t + 1 for t, token in enumerate(canvas) if token not in (OPEN, STOP)], default=1)
            canvas = canvas[: max(kept, len(canvas) - units * unit)]
        step += 1
    return canvas + [STOP] * (most - len(canvas))
