"""One decoder on one network that is never wrong: what is legal, what it cost, and the law of its draws."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

import ctrldiff as cd
from examples.orders.counted import cost, decoded
from examples.orders.puzzles import PUZZLES, Exact
from examples.orders.searches import FORCED, decoder


@dataclass(frozen=True)
class Drawn:
    """One method on one puzzle at one number of passes.

    Fields: told: the passes it was given, 0 where it decides itself. legal: the share of legal texts. passes, canvases:
    of a text, see `counted.py`. distance: total variation of the texts to the uniform law.
    """

    puzzle: str
    blur: float
    method: str
    told: int
    texts: int
    legal: float = 0.0
    passes: float = 0.0
    canvases: float = 0.0
    distance: float = 0.0

    @property
    def asked(self) -> Drawn:
        """Without what was found."""
        return Drawn(self.puzzle, self.blur, self.method, self.told, self.texts)

    @property
    def error(self) -> float:
        """The standard error of `legal`."""
        return float(np.sqrt(self.legal * (1 - self.legal) / self.texts))

    @property
    def network(self) -> str:
        return self.puzzle + (", blurred" if self.blur else "")

    @property
    def cell(self) -> str:
        """For tables: legal per cent (passes; canvases)."""
        return f"{100 * self.legal:.0f} ({cost(self.passes, self.canvases)})"


def draw(asked: Drawn) -> Drawn:
    """So many texts at temperature 1, each with a generator of its own."""
    strings = PUZZLES[asked.puzzle]()
    network = Exact(strings, asked.blur)
    plan, search = decoder(asked.method, asked.told, network.length, 1.0)
    denoiser = network.denoiser(attention=plan.attends)
    state = cd.State.blank([[]] * asked.texts, network.length, seed=list(range(asked.texts)))
    legal = cd.Choice(strings).compile(denoiser.vocabulary) if asked.method in FORCED else None
    found = decoded(denoiser, plan, state, (legal,) * asked.texts if legal else (), search)
    texts = [denoiser.vocabulary.decode(ids).decode() for ids in found.tokens.tolist()]
    return replace(
        asked,
        legal=float(np.mean([text in set(strings) for text in texts])),
        passes=float(found.passes.double().mean()),
        canvases=float(found.canvases.double().mean()),
        distance=to_uniform(texts, strings),
    )


def to_uniform(texts: Sequence[str], strings: Sequence[str]) -> float:
    """Total variation of the texts' shares to the uniform law of the strings."""
    counts = Counter(texts)
    share = {text: counts[text] / len(texts) for text in counts}
    known = set(strings)
    return 0.5 * sum(abs(share.get(text, 0.0) - (text in known) / len(strings)) for text in known | share.keys())


def fair(puzzle: str, texts: int) -> float:
    """The same of so many fair draws."""
    strings = PUZZLES[puzzle]()
    return to_uniform(np.random.default_rng(0).choice(strings, texts).tolist(), strings)


def read(path: Path) -> list[Drawn]:
    return [Drawn(**json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]


def measure(work: Iterable[Drawn], out: Path | None) -> list[Drawn]:
    """All that is asked for, each printed when it is found; what the file has is not measured again."""
    known = {row.asked: row for row in read(out)} if out and out.exists() else {}
    rows = []
    for asked in work:
        row = known.get(asked)
        if row is None:
            row = known[asked] = draw(asked)
            line = json.dumps(asdict(row))
            print(line, flush=True)
            if out:
                with out.open("a", encoding="utf-8") as file:
                    file.write(line + "\n")
        rows.append(row)
    return rows
