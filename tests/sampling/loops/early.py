"""Loops that end early: Prophet (arXiv:2508.19982)."""

from tests.sampling.loops.blocks import blocks
from tests.sampling.loops.net import OPEN, Asked, best, opened, shares


def prophet(
    net: Asked,
    prompt: list[int],
    length: int,
    steps: int,
    block: int,
    bars: tuple[float, float, float],
    late: bool = False,
) -> list[int]:
    """LLaDA's loop; the answer of which it asks is all that is open.

    late: a wrong variant, which counts the steps before this one.
    """
    canvas, taken = [OPEN] * length, 0
    for here in blocks(length, block):
        for share in shares(block, steps * block // length):
            taken += 1
            log_probs = net(prompt, canvas)
            sure, tokens = log_probs.exp().max(dim=-1)
            left = opened(canvas, range(length))
            top = log_probs.topk(2, dim=-1).values
            gap = sum(float(top[t, 0] - top[t, 1]) for t in left) / len(left)
            done = (taken - late) / steps
            if gap >= (bars[0] if done < 0.33 else bars[1] if done < 0.67 else bars[2]):
                return [int(tokens[t]) if token == OPEN else token for t, token in enumerate(canvas)]
            for t in best(sure, opened(canvas, here))[:share]:
                canvas[t] = int(tokens[t])
    return canvas
