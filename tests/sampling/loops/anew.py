"""Answers of which a part is written anew: LaDiC's Back&Refine (arXiv:2404.10763) in a masked diffusion, and multi-pass
Diffusion of Thoughts (arXiv:2402.07754), both over LLaDA's order in one block."""

from tests.conftest import STOP
from tests.sampling.loops.net import OPEN, Asked, best, opened


def fill(net: Asked, prompt: list[int], canvas: list[int], steps: int, sure: list[float], time: float = -1.0) -> None:
    """So many a step, the surest first; all at once from the step at which less than `time` is left."""
    for i in range(steps):
        noise = opened(canvas, range(len(canvas)))
        if not noise:
            break
        p, tokens = net(prompt, canvas).exp().max(dim=-1)
        count = len(noise) if 1 - i / steps < time else -(-len(noise) // (steps - i))
        for t in best(p, noise)[:count]:
            canvas[t], sure[t] = int(tokens[t]), float(p[t])


def back(
    net: Asked, prompt: list[int], length: int, steps: int, time: float, share: float, surest: bool = False
) -> list[int]:
    """A draft, of which the least sure share is written anew with all the steps.

    surest: a wrong variant, in which the surest are.
    """
    canvas, sure = [OPEN] * length, [0.0] * length
    fill(net, prompt, canvas, steps, sure, time)
    sign = -1 if surest else 1
    for t in sorted(range(length), key=lambda t: (sign * sure[t], t))[: int(length * share)]:
        canvas[t] = OPEN
    fill(net, prompt, canvas, steps, sure)
    return canvas


def thoughts(
    net: Asked, prompt: list[int], length: int, steps: int, ends: tuple[int, ...], most: int, last: bool = False
) -> list[int]:
    """All is written, and what is behind the next thought written anew, until there is nothing.

    last: a wrong variant, in which all thoughts of a decode are kept but what is behind the last.
    """
    canvas, start, sure = [OPEN] * length, 0, [0.0] * length
    fill(net, prompt, canvas, steps, sure)
    for _ in range(most - 1):
        end = canvas.index(STOP) if STOP in canvas else length
        found = [t for t in range(start, end) if canvas[t] in ends]
        start = found[-1 if last else 0] + 1 if found else end
        if start >= end:
            break
        canvas[start:] = [OPEN] * (length - start)
        fill(net, prompt, canvas, steps, sure)
    return canvas
