"""The laws of decoders that draw, by going through every outcome: MDLM (arXiv:2406.07524), ReMDM (arXiv:2503.00307),
first-hitting (arXiv:2409.02908) and Dream's two draws of places (arXiv:2508.15487)."""

import math
from collections import defaultdict
from collections.abc import Callable
from functools import lru_cache
from itertools import pairwise, product

import torch

from tests.conftest import MASK
from tests.sampling.loops.net import OPEN

Canvas = tuple[int, ...]
Law = dict[Canvas, float]
Held = tuple[tuple[int, float], ...]  # a token, or OPEN, and how sure it was when it was written


class Asked:
    """Probabilities of the two tokens that may be written, given one canvas."""

    def __init__(
        self, network: Callable[[torch.Tensor], torch.Tensor], prompt: list[int], tokens: tuple[int, int]
    ) -> None:
        self.network, self.prompt, self.tokens = network, prompt, tokens
        self.of = lru_cache(maxsize=None)(self._of)

    def _of(self, canvas: Canvas) -> list[dict[int, float]]:
        ids = torch.tensor([[*self.prompt, *(MASK if token == OPEN else token for token in canvas)]])
        logits = self.network(ids)[0, len(self.prompt) :, list(self.tokens)].to(torch.float64)
        return [dict(zip(self.tokens, row, strict=True)) for row in logits.softmax(dim=-1).tolist()]


def process(
    net: Asked, length: int, rates: list[tuple[float, Callable[[list[float]], list[float]]]], argmax: bool
) -> Law:
    """In each step noise is written with one probability, and each written token, given how sure the tokens were,
    becomes noise with its own; in the end all that is left is written, by the best tokens or by draws."""
    law: dict[Held, float] = {((OPEN, 0.0),) * length: 1.0}
    for write, redo in rates:
        after: dict[Held, float] = defaultdict(float)
        for state, chance in law.items():
            says = net.of(tuple(token for token, _ in state))
            again = iter(redo([sure for token, sure in state if token != OPEN]))
            choices = []
            for (token, sure), p in zip(state, says, strict=True):
                if token == OPEN:
                    new = [((v, q), write * q) for v, q in p.items()]
                    choices.append([((OPEN, 0.0), 1 - write), *new])
                else:
                    lost = next(again)
                    choices.append([((token, sure), 1 - lost), ((OPEN, 0.0), lost)])
            for outcome in product(*choices):
                q = math.prod(weight for _, weight in outcome)
                if q > 0:
                    after[tuple(one for one, _ in outcome)] += chance * q
        law = after
    out: Law = defaultdict(float)
    for state, chance in law.items():
        canvas = tuple(token for token, _ in state)
        says = net.of(canvas)
        choices = []
        for token, p in zip(canvas, says, strict=True):
            best = max(p, key=lambda v, p=p: p[v])
            choices.append([(token, 1.0)] if token != OPEN else [(best, 1.0)] if argmax else list(p.items()))
        for outcome in product(*choices):
            out[tuple(one for one, _ in outcome)] += chance * math.prod(weight for _, weight in outcome)
    return out


def never(sure: list[float]) -> list[float]:
    return [0.0] * len(sure)


def mdlm(net: Asked, length: int, steps: int, eps: float = 1e-5, argmax: bool = True) -> Law:
    times = [1 - (1 - eps) * i / steps for i in range(steps + 1)]
    return process(net, length, [((t - s) / t, never) for t, s in pairwise(times)], argmax)


def remdm(
    net: Asked,
    length: int,
    kind: str,
    eta: float,
    steps: int,
    on: float,
    off: float,
    alpha: float,
    forget: bool = False,
) -> Law:
    """As the released code has it. forget: a wrong variant, in which noise is written no oftener for what is lost."""
    dt = (1 - 1e-5) / steps
    rates = []
    for i in range(steps):
        t = 1 - i * dt
        a_t, a_s = 1 - t, 1 - (t - dt)
        most = min(1.0, (1 - a_s) / a_t) if a_t > 0 else 1.0
        sigma = {"cap": min(eta, most), "rescale": eta * most, "conf": 0.0, "loop": eta}[kind]
        write = (a_s - (1 - sigma) * a_t) / (1 - a_t)
        redo = lambda sure, sigma=sigma: [sigma] * len(sure)  # noqa: E731
        if kind == "conf":
            redo = lambda sure, most=most: [  # noqa: E731
                most * math.exp(-x) / sum(math.exp(-y) for y in sure) for x in sure
            ]
        if kind == "loop" and t > on:
            m_t, m_s = (1 - (1 - x) * alpha / (1 - on) for x in (t, t - dt))
            write, redo = (m_t - m_s) / m_t, never
        elif kind == "loop" and t <= off:
            m_t, m_s = (x * (1 - alpha) / off for x in (t, t - dt))
            write, redo = (m_t - m_s) / m_t, never
        elif kind == "loop":
            write = (alpha - (1 - sigma) * alpha) / (1 - alpha)
        if forget:
            write = (a_s - a_t) / (1 - a_t)
        rates.append((write, redo))
    return process(net, length, rates, argmax=True)


def one_by_one(net: Asked, length: int, counts: list[int], weigh: Callable[[dict[int, float]], float]) -> Law:
    """In each step so many positions, one after the other in proportion to their weights, without putting back; tokens
    are drawn."""
    law: Law = {(OPEN,) * length: 1.0}
    for count in counts:
        after: Law = defaultdict(float)
        for canvas, chance in law.items():
            says = net.of(canvas)
            weights = {t: weigh(says[t]) for t, token in enumerate(canvas) if token == OPEN}
            for places, q in picks(weights, count).items():
                for tokens in product(*(says[t].items() for t in places)):
                    new = list(canvas)
                    for t, (token, _) in zip(places, tokens, strict=True):
                        new[t] = token
                    after[tuple(new)] += chance * q * math.prod(p for _, p in tokens)
        law = after
    return law


def picks(weights: dict[int, float], count: int) -> dict[tuple[int, ...], float]:
    """The probabilities of sets of places."""
    law: dict[tuple[int, ...], float] = {(): 1.0}
    for _ in range(count):
        after: dict[tuple[int, ...], float] = defaultdict(float)
        for taken, chance in law.items():
            left = {t: w for t, w in weights.items() if t not in taken}
            for t, w in left.items():
                after[tuple(sorted((*taken, t)))] += chance * w / sum(left.values())
        law = after
    return law
