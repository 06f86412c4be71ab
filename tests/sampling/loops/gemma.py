"""The law of DiffusionGemma's sampler, restated from transformers' `generation_diffusion_gemma.py`, by all outcomes."""

import math
from collections import defaultdict
from collections.abc import Callable
from itertools import product

import torch

Canvas = tuple[int, ...]
Law = dict[Canvas, float]
TOKENS = (0, 1)


def law(
    logits_of: Callable[[Canvas], torch.Tensor],
    length: int,
    steps: int,
    gamma: float,
    nats: float,
    but_one: bool,
    drawn: bool,
) -> Law:
    """Acceptance by the entropy bound over all positions, the others random again; the best canvas is emitted when it
    is what it was a step ago and the mean entropy is low, or at the end.

    but_one: where everything is accepted the least sure position is not.   drawn: a wrong variant, which emits draws.
    """
    chance = 1 / len(TOKENS) ** length
    now: dict[tuple[Canvas, Canvas], float] = {(x, ()): chance for x in product(TOKENS, repeat=length)}
    out: Law = defaultdict(float)
    for i in range(steps):
        cold = 0.4 + 0.4 * (steps - i) / steps
        after: dict[tuple[Canvas, Canvas], float] = defaultdict(float)
        for (canvas, before), weight in now.items():
            p = (logits_of(canvas) / cold).softmax(dim=-1)
            entropy = -(p * p.log()).sum(dim=-1)
            best = tuple(p.argmax(dim=-1).tolist())
            order = sorted(range(length), key=lambda t: float(entropy[t]))
            sums = [sum(float(entropy[u]) for u in order[:n]) for n in range(length)]
            accepted = {t for t, before_it in zip(order, sums, strict=True) if before_it <= gamma}
            ends = i == steps - 1 or (best == before and float(entropy.mean()) < nats)
            for z in product(TOKENS, repeat=length):
                q = weight * math.prod(float(p[t, z[t]]) for t in range(length))
                if ends:
                    out[z if drawn else best] += q
                    continue
                kept = set(accepted)
                if but_one and len(kept) == length:
                    kept.discard(min(range(length), key=lambda t: float(p[t, z[t]])))
                free = [t for t in range(length) if t not in kept]
                for noise in product(TOKENS, repeat=len(free)):
                    new = list(z)
                    for t, token in zip(free, noise, strict=True):
                        new[t] = token
                    after[tuple(new), best] += q / len(TOKENS) ** len(free)
        now = after
    return out
