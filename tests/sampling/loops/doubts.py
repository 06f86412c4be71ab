"""Token to mask (T2M, arXiv:2604.18738) in LLaDA2.1's blocks, as its released code has it."""

import torch

from tests.sampling.loops.blocks import blocks
from tests.sampling.loops.net import OPEN, Asked, opened


def t2m(
    net: Asked,
    prompt: list[int],
    length: int,
    block: int,
    above: float,
    by: str,
    doubt: float,
    share: float = 0.25,
    most: int = 3,
    forget: bool = False,
    rises: bool = False,
) -> list[int]:
    """Noise is written where the network is sure enough, else the surest; of what stood in the block before, what is
    doubted is masked, the most doubted first.

    forget: a wrong variant, in which nobody counts how often.   rises: a wrong variant, in which becoming more probable
    is a sign of doubt too.
    """
    canvas, times = [OPEN] * length, [0] * length
    for here in blocks(length, block):
        before: torch.Tensor | None = None
        rounds = 0
        while opened(canvas, here):
            rounds += 1
            if rounds > 60 and forget:  # it may go on for ever
                break
            p = net(prompt, canvas).exp()
            sure, tokens = p.max(dim=-1)
            held = [t for t in here if canvas[t] != OPEN]
            doubts: dict[int, float] = {}
            for t in held:
                own = float(p[t, canvas[t]])
                if by == "probability" and own < doubt:
                    doubts[t] = -own
                elif by == "rival" and int(tokens[t]) != canvas[t] and float(sure[t]) > doubt:
                    doubts[t] = float(sure[t])
                elif by == "drop" and before is not None:
                    fell = float(before[t, canvas[t]]) - own
                    if (abs(fell) if rises else fell) > doubt:
                        doubts[t] = abs(fell) if rises else fell
            again = [t for t in doubts if forget or times[t] < most]
            again = sorted(again, key=lambda t: (-doubts[t], t))[: max(1, int(len(held) * share))]
            before = p if held else None
            noise = opened(canvas, here)
            ready = [t for t in noise if sure[t] >= above] or [max(noise, key=lambda t: (float(sure[t]), -t))]
            for t in ready:
                canvas[t] = int(tokens[t])
            for t in again:
                canvas[t] = OPEN
                times[t] += 1
    return canvas
