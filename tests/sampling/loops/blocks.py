"""Loops over LLaDA's blocks: LLaDA (arXiv:2502.09992), Fast-dLLM (arXiv:2505.22618), MDPO's RCR (arXiv:2508.13148)."""

from collections.abc import Callable, Iterator

import torch

from tests.sampling.loops.net import OPEN, Asked, best, opened, shares


def blocks(length: int, block: int | None) -> Iterator[range]:
    """The blocks of a canvas; None: all of it is one."""
    block = block or length
    assert length % block == 0
    return (range(first, first + block) for first in range(0, length, block))


def llada(net: Asked, prompt: list[int], length: int, steps: int, block: int, last_first: bool = False) -> list[int]:
    """Low-confidence remasking at a fixed rate.

    last_first: a wrong variant, in which the larger shares come last.
    """
    canvas = [OPEN] * length
    for here in blocks(length, block):
        for share in sorted(shares(block, steps * block // length), reverse=not last_first):
            log_probs = net(prompt, canvas)
            sure, tokens = log_probs.exp().max(dim=-1)
            for t in best(sure, opened(canvas, here))[:share]:
                canvas[t] = int(tokens[t])
    return canvas


def as_many_as(
    net: Asked, prompt: list[int], length: int, block: int, count: Callable[[list[float]], int]
) -> list[int]:
    """Blocks in which `count` of the falling confidences says how many are written."""
    canvas = [OPEN] * length
    for here in blocks(length, block):
        while opened(canvas, here):
            sure, tokens = net(prompt, canvas).exp().max(dim=-1)
            order = best(sure, opened(canvas, here))
            for t in order[: count([float(sure[t]) for t in order])]:
                canvas[t] = int(tokens[t])
    return canvas


def threshold(net: Asked, prompt: list[int], length: int, block: int, above: float, late: float = 0.0) -> list[int]:
    """All that are sure enough, else the surest.

    late: above 0 for a wrong variant, with another threshold.
    """
    return as_many_as(net, prompt, length, block, lambda sure: max(1, sum(c >= above - late for c in sure)))


def factor(net: Asked, prompt: list[int], length: int, block: int, f: float, more: int = 0) -> list[int]:
    """The largest n of which (n + 1)(1 - c_n) < f.

    more: 1 for a wrong variant, in which a copy of the released code takes one more.
    """

    def count(sure: list[float]) -> int:
        return max([n for n, c in enumerate(sure, 1) if (n + 1) * (1 - c) < f], default=1) + more

    return as_many_as(net, prompt, length, block, count)


def rcr(net: Asked, prompt: list[int], length: int, steps: int, block: int, later: int = 0) -> list[int]:
    """All is written, and the least sure of the block, by what was remembered of them, are masked again.

    later: 1 for a wrong variant, in which one more is masked than the quotas to come.
    """
    canvas, remembered = [OPEN] * length, torch.full((length,), torch.inf, dtype=torch.float64)
    for here in blocks(length, block):
        quotas = shares(block, steps * block // length)
        for i in range(len(quotas)):
            sure, tokens = net(prompt, canvas).exp().max(dim=-1)
            for t in opened(canvas, here):
                canvas[t], remembered[t] = int(tokens[t]), sure[t]
            if i + 1 < len(quotas):
                for t in best(-remembered, list(here))[: sum(quotas[i + 1 :]) + later]:
                    canvas[t] = OPEN
    return canvas
