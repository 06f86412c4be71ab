"""Loops that remember: KLASS (arXiv:2511.05664), CCD (arXiv:2512.02044), trace credit (arXiv:2510.06133), AHD
(arXiv:2604.08964)."""

import math

import torch

from tests.conftest import SIZE
from tests.sampling.loops.blocks import blocks
from tests.sampling.loops.net import OPEN, Asked, best, entropies, opened


def klass(
    net: Asked,
    prompt: list[int],
    length: int,
    block: int,
    above: float,
    kl: float,
    history: int = 2,
    eager: bool = False,
) -> list[int]:
    """One a step where nothing is ready.

    eager: a wrong variant, in which a step needs no others before it in its block.
    """
    canvas, before = [OPEN] * length, None
    moves = [torch.full((length,), torch.inf, dtype=torch.float64)] * history
    for here in blocks(length, block):
        step = 0
        while opened(canvas, here):
            p = net(prompt, canvas).exp()
            move = torch.full((length,), torch.inf, dtype=torch.float64)
            if before is not None:
                move = (p * (torch.log(p + 1e-12) - torch.log(before + 1e-12))).sum(dim=-1)
            moves, before = [*moves[1:], move], p
            steady = torch.stack(moves).amax(dim=0) < kl
            sure, tokens = p.max(dim=-1)
            ready = [
                t for t in opened(canvas, here) if steady[t] and sure[t] > above and (eager or step >= history - 1)
            ]
            for t in ready or best(sure, opened(canvas, here))[:1]:
                canvas[t] = int(tokens[t])
            step += 1
    return canvas


def ccd(net: Asked, prompt: list[int], length: int, steps: int, dynamic: bool, blind: bool = False) -> list[int]:
    """As released, for the order by entropy, but that no position is taken that is not open.

    blind: a wrong variant, which does not ask whether the token is the one it was.
    """
    canvas, n = [OPEN] * length, length // steps
    most, size, warm_up = n + int(n * 4.0), 1, 5
    buffer: list[int] = []
    guesses: list[torch.Tensor] = []
    for i in range(steps):
        left = opened(canvas, range(length))
        if not left:
            break
        if len(left) <= 0.1 * length:
            size = 1
        size = 1 if i < warm_up - 1 else min(size + 1, most)
        log_probs = net(prompt, canvas)
        tokens = log_probs.argmax(dim=-1)
        guesses.append(tokens)
        order = best(-entropies(log_probs), left)
        chosen = order[:n] if i < steps - 1 else order
        if warm_up <= i < steps - 1 and set(order[:n]) & set(buffer):
            found = [t for t in order[:size] if t in buffer]
            found = [t for t in found if blind or guesses[-1][t] == guesses[-2][t]]
            if len(found) >= n:
                chosen = found if dynamic else found[:n]
        for t in chosen:
            canvas[t] = int(tokens[t])
        buffer = [t for t in order if t not in chosen][:size]
    return canvas


def credit(net: Asked, prompt: list[int], length: int, block: int, above: float, before: bool = False) -> list[int]:
    """dInfer's threshold decoder with credit (arXiv:2510.08666), a matrix of traces for each block.

    before: a wrong variant, in which a step does not count for itself.
    """
    canvas = [OPEN] * length
    for here in blocks(length, block):
        traces = torch.zeros(length, SIZE, dtype=torch.float64)
        while opened(canvas, here):
            log_probs = net(prompt, canvas)
            old, traces = traces, 0.8 * traces
            for t in opened(canvas, here):
                p, token = log_probs[t].exp().max(dim=-1)
                traces[t, token] += p**0.2
            fused = (log_probs + 0.7 * torch.log((old if before else traces) + 1)).softmax(dim=-1)
            sure, tokens = fused.max(dim=-1)
            left = opened(canvas, here)
            for t in [t for t in left if sure[t] >= above] or best(sure, left)[:1]:
                canvas[t] = int(tokens[t])
    return canvas


def ahd(
    net: Asked,
    prompt: list[int],
    length: int,
    block: int,
    above: float,
    nats: float,
    history: int,
    decay: float,
    newest: bool = False,
) -> list[int]:
    """Anchor-based history-stable decoding (arXiv:2604.08964), as two notes on it describe it.

    newest: a wrong variant, which compares with the step before alone.
    """
    canvas, past = [OPEN] * length, []
    while opened(canvas, range(length)):
        now = net(prompt, canvas)
        sure, tokens = now.exp().max(dim=-1)
        first = opened(canvas, range(length))[0] // block * block
        here = opened(canvas, range(first, min(first + block, length)))
        chosen = [t for t in here if sure[t] >= above] or best(sure, here)[:1]
        for t in opened(canvas, range(first + block, length)):
            ages = [1] if newest else range(1, history)
            if len(past) < history - 1:
                continue
            weights = [math.exp(-decay * age) for age in ages]
            moved = [float((now[t].exp() * (now[t] - past[-age][t])).nan_to_num().sum()) for age in ages]
            if sum(w * d for w, d in zip(weights, moved, strict=True)) / sum(weights) < nats:
                chosen.append(t)
        past.append(now)
        for t in chosen:
            canvas[t] = int(tokens[t])
    return canvas
