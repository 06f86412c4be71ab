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
from examples.orders.puzzles import PUZZLES, Exact

DRAWN = cd.Plan.preset("first_hitting")  # one position a pass, drawn uniformly: the law of the network itself


def rate(commit: object, passes: int) -> Callable[[int], cd.Plan]:
    """So many positions a pass, chosen by a rule, that a text of T takes T / `passes` of them."""
    return lambda length: DRAWN.but(commit=commit, schedule=cd.schedule.Linear(max(length // passes, 1)))


def rule(commit: object) -> Callable[[int], cd.Plan]:
    """A rule that decides how many itself."""
    return lambda length: DRAWN.but(commit=commit)


def preset(name: str, **knobs: object) -> Callable[[int], cd.Plan]:
    """A published decoder; one with a fixed number of passes has one for every second position."""

    def of(length: int) -> cd.Plan:
        steps = {"steps": length // 2} if name in FIXED else {}
        return cd.Plan.preset(name, temperature=1.0, **knobs, **steps)

    return of


FIXED = ("llada", "dream", "rcr", "core", "p2", "rdm", "remdm", "mdlm", "ccd", "pc")  # presets told how many passes

METHODS: dict[str, Callable[[int], cd.Plan]] = {
    "one a pass, at random (first_hitting)": lambda length: DRAWN,
    "one a pass, the most confident": rate(cd.commit.TopK(), 1),
    "two a pass: at random": rate(cd.commit.TopK("random"), 2),
    "two a pass: confidence": rate(cd.commit.TopK(), 2),
    "two a pass: margin": rate(cd.commit.TopK("margin"), 2),
    "two a pass: entropy": rate(cd.commit.TopK("entropy"), 2),
    "two a pass: spaced": rate(cd.commit.Spacing(cd.commit.TopK()), 2),
    "dilated (DUS)": lambda length: DRAWN.but(commit=cd.commit.Dilated(block=length)),
    "threshold .9": rule(cd.commit.Threshold(0.9)),
    "factor 1": rule(cd.commit.Factor(1.0)),
    "hierarchy": rule(cd.commit.Hierarchy()),
    "prefix .99, own .9 (default)": rule(cd.Plan().commit),
    "eb .1 nats": preset("eb"),
    "eb 1 nat": preset("eb", gamma=1.0),
    "klass": preset("klass", block=64),
    "credit": preset("credit", block=64),
    "slowfast": preset("slowfast"),
    "ahd, blocks of 4": preset("ahd", block=4),
    "ccd_ds": preset("ccd_ds"),
    "ccd": preset("ccd"),
    "pc": preset("pc"),
    "mdlm": preset("mdlm"),
    "remdm": preset("remdm"),
    "rcr": preset("rcr", block=64),
    "wino": preset("wino"),
    "core": preset("core", every=2),
    "dcd": preset("dcd"),
    "p2": preset("p2"),
    "rdm": preset("rdm"),
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
