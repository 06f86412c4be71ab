"""RDM (arXiv:2302.05737) and P2 (arXiv:2502.03540): all tokens compete in every step for as many places as the rate
says."""

import math

import torch

from tests.sampling.loops.net import OPEN, Asked, best


def routed(
    net: Asked, prompt: list[int], length: int, steps: int, cosine: bool, eta: float = 1.0, fresh: bool = False
) -> list[int]:
    """Written tokens are scored as they stand.

    fresh: a wrong variant, as in P2's code: they are scored by what the model would put there.
    """
    canvas = [OPEN] * length
    for i in range(steps):
        log_probs = net(prompt, canvas)
        scores, tokens = log_probs.max(dim=-1)
        tokens = tokens.tolist()
        for t, token in enumerate(canvas):
            if token != OPEN:
                scores[t] = eta * (scores[t] if fresh else log_probs[t, token])
                tokens[t] = token
        share = math.cos(math.pi / 2 * (i + 1) / steps) if cosine else 1 - (i + 1) / steps
        keep = length - math.floor(length * share + 1e-9)
        kept = set(best(torch.as_tensor(scores), list(range(length)))[:keep])
        canvas = [tokens[t] if t in kept else OPEN for t in range(length)]
    return canvas
