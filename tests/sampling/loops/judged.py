"""Guided Diffusion (FlashDLM, arXiv:2505.21467) and APD (arXiv:2506.00413) as released, one text at a time."""

import math
from collections import defaultdict
from collections.abc import Callable

import torch

from tests.conftest import STOP
from tests.sampling.loops.chance import Asked as Twofold
from tests.sampling.loops.chance import Law
from tests.sampling.loops.net import OPEN, Asked, opened

After = Callable[[list[int]], torch.Tensor]  # ids to the (V,) log-probabilities of what follows


def drafted(log_p: torch.Tensor, canvas: list[int]) -> list[int]:
    return [int(log_p[t].argmax()) if token == OPEN else token for t, token in enumerate(canvas)]


def writable(says: torch.Tensor) -> torch.Tensor:
    return says[: STOP + 1].log_softmax(dim=-1)


def guided(
    net: Asked,
    after: After,
    prompt: list[int],
    length: int,
    top: int,
    relative: float = 0.0,
    above: float = 0.0,
    reach: int | None = None,
    correct: bool = False,
    late: bool = False,
) -> list[int]:
    """The draft's tokens from the left, while the left-to-right model has them among its best; else the first alone.

    correct: its own best token too, where it disagrees.   late: a wrong variant, which judges a token by what it says
    of the one that follows.
    """
    canvas = [OPEN] * length
    while OPEN in canvas:
        draft = drafted(net(prompt, canvas), canvas)
        for n, t in enumerate(opened(canvas, range(length))[:reach]):
            says = writable(after([*prompt, *draft[: t + late]])).exp()
            order = says.argsort(descending=True, stable=True).tolist()
            good = draft[t] in order[:top] and says[draft[t]] >= relative * says.max() and says[draft[t]] > above
            if good or STOP in draft[:t]:
                canvas[t] = draft[t]
                continue
            if correct:
                canvas[t] = order[0]
            elif n == 0:
                canvas[t] = draft[t]
            break
    return canvas


def apd(
    net: Asked,
    after: After,
    prompt: list[int],
    length: int,
    weight: float,
    reach: int | None = None,
    late: bool = False,
) -> list[int]:
    """The draft's tokens from the left, while a product of both models has them as its best; the first in any case."""
    canvas = [OPEN] * length
    while OPEN in canvas:
        log_p = net(prompt, canvas)
        draft = drafted(log_p, canvas)
        for n, t in enumerate(opened(canvas, range(length))[:reach]):
            says = writable(after([*prompt, *draft[: t + late]]))
            target = int((weight * log_p[t, : STOP + 1] + (1 - weight) * says).argmax())
            if n > 0 and target != draft[t] and STOP not in draft[:t]:
                break
            canvas[t] = draft[t]
    return canvas


def apd_law(net: Twofold, after: After, prompt: list[int], length: int, weight: float, shared: bool = True) -> Law:
    """The law of APD with draws, of two tokens. Under one Gumbel noise the draft and the target are both said by
    whether one logistic number is below their log odds.

    shared: False is a wrong variant, the one that was released: the target has no noise.
    """
    a, b = net.tokens
    law: Law = defaultdict(float)

    def step(prefix: tuple[int, ...], chance: float) -> None:
        if len(prefix) == length:
            law[prefix] += chance
        elif chance > 0:
            p = net.of((*prefix, *(OPEN,) * (length - len(prefix))))
            run(p, prefix, prefix, chance)

    def run(p: list[dict[int, float]], before: tuple[int, ...], prefix: tuple[int, ...], chance: float) -> None:
        t = len(prefix)
        if t == length:
            return step(prefix, chance)
        if t == len(before):
            for token, q in p[t].items():
                run(p, before, (*prefix, token), chance * q)
            return None
        says = after([*prompt, *prefix])
        odds = weight * math.log(p[t][a] / p[t][b]) + (1 - weight) * float(says[a] - says[b])
        target = 1 / (1 + math.exp(-odds))
        if shared:
            both = {a: min(p[t][a], target), b: min(p[t][b], 1 - target)}
        else:
            both = {a: p[t][a] * (odds > 0), b: p[t][b] * (odds <= 0)}
        for token, q in both.items():
            run(p, before, (*prefix, token), chance * q)
        return step(prefix, chance * (1 - sum(both.values())))

    step((), 1.0)
    return law
