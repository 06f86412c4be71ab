"""EB-Sampler (arXiv:2505.24857), Dream (arXiv:2508.15487) and PC-Sampler (arXiv:2508.13021)."""

import math

import torch

from tests.sampling.loops.blocks import blocks
from tests.sampling.loops.net import OPEN, Asked, best, entropies, opened, shares


def certainties(log_probs: torch.Tensor, by: str) -> torch.Tensor:
    """(T,) by the name of an order."""
    if by == "entropy":
        return -entropies(log_probs)
    first, second = log_probs.exp().topk(2, dim=-1).values.unbind(-1)
    return first - second if by == "margin" else first


def eb(net: Asked, prompt: list[int], length: int, block: int, gamma: float, by: str, whole: bool = False) -> list[int]:
    """whole: a wrong variant, in which the largest entropy is counted too."""
    canvas = [OPEN] * length
    for here in blocks(length, block):
        while opened(canvas, here):
            log_probs = net(prompt, canvas)
            nats, tokens = entropies(log_probs), log_probs.argmax(dim=-1)
            order, take, total, largest = best(certainties(log_probs, by), opened(canvas, here)), 0, 0.0, 0.0
            for t in order:
                total, largest = total + float(nats[t]), max(largest, float(nats[t]))
                if total - (0.0 if whole else largest) > gamma:
                    break
                take += 1
            for t in order[: max(take, 1)]:
                canvas[t] = int(tokens[t])
    return canvas


def dream(net: Asked, prompt: list[int], length: int, steps: int, by: str, up: bool = False) -> list[int]:
    """up: a wrong variant, in which counts are rounded up."""
    canvas, times = [OPEN] * length, [1 - (1 - 1e-3) * i / steps for i in range(steps + 1)]
    for i in range(steps):
        left = opened(canvas, range(length))
        if not left:
            break
        log_probs = net(prompt, canvas)
        count = len(left) * (1 - times[i + 1] / times[i])
        take = len(left) if i == steps - 1 else (math.ceil if up else math.floor)(count)
        for t in best(certainties(log_probs, by), left)[:take]:
            canvas[t] = int(log_probs[t].argmax())
    return canvas


def pc(
    net: Asked,
    prompt: list[int],
    length: int,
    steps: int,
    block: int,
    rate: float,
    frequencies: torch.Tensor | None,
    plus: bool = False,
) -> list[int]:
    """plus: a wrong variant, without the minus sign, as the released README has it."""
    canvas = [OPEN] * length
    for here in blocks(length, block):
        for share in shares(block, steps * block // length):
            sure, tokens = net(prompt, canvas).exp().max(dim=-1)
            score = torch.zeros(length, dtype=torch.float64)
            for i, t in enumerate(here):
                rare = 1.0 if frequencies is None else -math.log(float(frequencies[tokens[t]]))
                score[t] = math.exp(-rate * i) * min(10.0, float(sure[t]) * (-rare if plus else rare))
            for t in best(score, opened(canvas, here))[:share]:
                canvas[t] = int(tokens[t])
    return canvas
