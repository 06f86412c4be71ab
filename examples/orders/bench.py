"""python -m examples.orders.bench [--texts N] [--blur B] [--json FILE]: every decoder on networks that are never wrong.

Of each: the share of legal texts with its standard error, passes a text, and how far its draws are from uniform (total
variation; in brackets what fair draws have at this number), at temperature 1. Without a constraint, but for the last.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

import ctrldiff as cd
from ctrldiff.sampling.loop import Loop
from examples.orders.methods import OWN, PACED, Own, Paced, drawn
from examples.orders.puzzles import PUZZLES, Exact

RATES = ("at random", "confidence", "margin", "entropy", "spaced")  # two of these at half as many passes


def at_half(method: Paced) -> Callable[[int], cd.Plan]:
    """A pass for every second position."""
    return lambda length: method(max(length // 2, 1), 1.0)


def at_once(method: Own) -> Callable[[int], cd.Plan]:
    return lambda length: method(length, 1.0)


METHODS: dict[str, Callable[[int], cd.Plan]] = {
    "one a pass, at random (first_hitting)": lambda length: drawn(1.0),
    "one a pass, the most confident": lambda length: PACED["confidence"](length, 1.0),
    **{f"two a pass: {name}" if name in RATES else name: at_half(method) for name, method in PACED.items()},
    **{name: at_once(method) for name, method in OWN.items()},
}


@dataclass(frozen=True)
class Measured:
    """One method on one puzzle."""

    puzzle: str
    method: str
    texts: int
    legal: float
    error: float
    passes: float
    distance: float
    fair: float


def measure(puzzle: str, method: str, plan: cd.Plan, texts: int, blur: float, constrained: bool = False) -> Measured:
    """So many texts by a plan, each with a generator of its own."""
    strings = PUZZLES[puzzle]()
    network = Exact(strings, blur)
    denoiser = network.denoiser()
    state = cd.State.blank([[]] * texts, network.length, seed=list(range(texts)))
    table = cd.Choice(strings).compile(denoiser.vocabulary) if constrained else None
    free = cd.constrain.Free()
    constraint = plan.constrain(cd.constrain.Tables.same(table, texts) if table else free)
    done = Loop(denoiser, plan, constraint).run(state)
    written = [denoiser.vocabulary.decode(ids).decode() for ids in done.tokens.tolist()]
    legal = float(np.mean([text in set(strings) for text in written]))
    draws = np.random.default_rng(0).choice(strings, texts).tolist()
    return Measured(
        *(puzzle, method, texts, legal, float(np.sqrt(legal * (1 - legal) / texts))),
        passes=float(done.forwards.double().mean()),
        distance=to_uniform(written, strings),
        fair=to_uniform(draws, strings),
    )


def to_uniform(texts: list[str], strings: list[str]) -> float:
    """Total variation of the texts' shares to the uniform law of the strings."""
    counts = Counter(texts)
    share = {text: counts[text] / len(texts) for text in counts}
    return 0.5 * sum(abs(share.get(text, 0.0) - (text in strings) / len(strings)) for text in {*strings, *share})


def table(rows: list[Measured]) -> str:
    """Markdown: a row a method, a column a puzzle."""
    puzzles = list(dict.fromkeys(row.puzzle for row in rows))
    by = {(row.method, row.puzzle): row for row in rows}
    fair = [f"{puzzle} (fair {by[rows[0].method, puzzle].fair:.2f})" for puzzle in puzzles]
    lines = [f"| legal, passes, distance | {' | '.join(fair)} |", "|---" * (len(puzzles) + 1) + "|"]
    for method in dict.fromkeys(row.method for row in rows):
        cells = []
        for puzzle in puzzles:
            row = by[method, puzzle]
            cells.append(f"{100 * row.legal:.0f} ± {100 * row.error:.0f} %, {row.passes:.1f}, {row.distance:.2f}")
        lines.append(f"| {method} | {' | '.join(cells)} |")
    return "\n".join(lines)


def run(texts: int, blur: float) -> list[Measured]:
    """Every method on every puzzle, and the exact constraint in one pass."""
    out = []
    for puzzle in PUZZLES:
        length = len(PUZZLES[puzzle]()[0])
        out += [measure(puzzle, name, plan(length), texts, blur) for name, plan in METHODS.items()]
        once = cd.Plan.default(1, temperature=1.0)
        out.append(measure(puzzle, "exact constraint, one pass", once, texts, blur, constrained=True))
    return out


def main() -> None:
    told = argparse.ArgumentParser(description=__doc__)
    told.add_argument("--texts", type=int, default=400)
    told.add_argument("--blur", type=float, default=0.0)
    told.add_argument("--json", type=Path)
    args = told.parse_args()
    rows = run(args.texts, args.blur)
    print(table(rows))
    if args.json:
        args.json.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
