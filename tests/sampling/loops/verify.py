"""Loops that ask a second time: WINO (arXiv:2507.18578), a canvas for each shadow, and CORE (arXiv:2602.04096)."""

from tests.sampling.loops.blocks import blocks
from tests.sampling.loops.net import OPEN, Asked, best, opened


def wino(
    net: Asked,
    prompt: list[int],
    length: int,
    block: int,
    above: float,
    back: float,
    together: int | None = None,
    seen: bool = False,
) -> list[int]:
    """A shadow sees the canvas as the step found it, its own place and what is still noise hidden.

    together: so many of the least sure are hidden in one canvas.   seen: a wrong variant, in which no token is hidden
    from its shadow.
    """
    canvas, remembered = [OPEN] * length, [0.0] * length
    for here in blocks(length, block):
        before: list[int] = []
        while opened(canvas, here):
            left = opened(canvas, here)
            sure, tokens = net(prompt, canvas).exp().max(dim=-1)
            most = min(max(int(len(left) * 0.7), 5), 20)
            drafted = [t for t in best(sure, left) if sure[t] > above][:most] or best(sure, left)[:1]
            written = [t for t in here if canvas[t] != OPEN]
            again = []
            if len(drafted) > 1 and len(before) > 1:
                groups = [[t] for t in written]
                if together:
                    groups = [sorted(written, key=lambda t: (remembered[t], t))[:together]]
                shadow = {}
                for group in groups:
                    log_probs = net(
                        prompt, [OPEN if t in group and not seen else token for t, token in enumerate(canvas)]
                    )
                    shadow |= {t: float(log_probs[t, canvas[t]].exp()) for t in group}
                failing = sorted((t for t in shadow if shadow[t] < back), key=lambda t: (shadow[t], t))
                again = failing[: len(before) - 1]
            for t in drafted:
                canvas[t], remembered[t] = int(tokens[t]), float(sure[t])
            for t in again:
                canvas[t] = OPEN
            before = drafted
    return canvas


def core(
    net: Asked,
    prompt: list[int],
    length: int,
    steps: int,
    every: int,
    candidates: int,
    least: float,
    late: bool = False,
) -> list[int]:
    """LLaDA's rate over the whole canvas; what is found brittle is noise in the same step, and not written in it.

    late: a wrong variant, in which the candidates are those of the largest margin.
    """
    canvas = [OPEN] * length
    for i in range(steps):
        left = opened(canvas, range(length))
        if not left:
            break
        share = -(-len(left) // (steps - i))
        log_probs = net(prompt, canvas)
        sure, tokens = log_probs.exp().max(dim=-1)
        lost = None
        written = [t for t in range(length) if canvas[t] != OPEN]
        if written and i % every == 0 and 0.25 <= i / steps <= 0.75:
            one, two = log_probs.exp().topk(2, dim=-1).values.unbind(-1)
            suspects = best(one - two if late else two - one, written)[:candidates]
            again = net(prompt, [OPEN if t in suspects else token for t, token in enumerate(canvas)])
            failing = [t for t in suspects if again[t].argmax() != canvas[t] and again[t].exp().max() >= least]
            lost = min(failing, key=lambda t: float(again[t, canvas[t]]), default=None)
        for t in best(sure, left)[:share]:
            canvas[t] = int(tokens[t])
        if lost is not None:
            canvas[lost] = OPEN
    return canvas
