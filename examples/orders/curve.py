"""python -m examples.orders.curve --out F.jsonl [--texts N] [--blur B] [--puzzles A,B] [--methods "C;D"]: legal texts
against passes, on networks that are never wrong.

    python -m examples.orders.curve --table F.jsonl [--svg FOLDER]

Decoders that are told how many passes they have get 1, 4, 8 and 16, where a text has as many positions. Searches are
here too. Passes are canvases that the network was shown, those that were looked at again or ahead included. Run it
again with the same file and it goes on where it stopped.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

import ctrldiff as cd
from ctrldiff.protocols import GuideContext
from ctrldiff.report.plot import Point, curves
from ctrldiff.sampling.loop import Loop
from ctrldiff.search.run import Run, Search
from examples.orders.methods import OWN, PACED, drawn
from examples.orders.puzzles import PUZZLES, Exact

PASSES = (1, 4, 8, 16)
PUZZLES_HERE = ("sudoku", "one of 8 words")
EXACT = "exact constraint"  # the same plan as "confidence", with all that is legal as a constraint


def step_by_step(temperature: float) -> cd.Plan:
    """The most confident position of each pass."""
    return drawn(temperature).but(commit=cd.commit.TopK())


SEARCHES: Mapping[str, Callable[[int], tuple[cd.Plan, Search]]] = {  # of the length of a text
    "one a pass, 3 guessed ahead": lambda length: (step_by_step(1.0), cd.search.Ahead(3)),
    "threshold .9, 3 guessed ahead": lambda length: (OWN["threshold .9"](length, 1.0), cd.search.Ahead(3)),
    "two a step, 4 branches (LoPA)": lambda length: (PACED["confidence"](length // 2, 1.0), cd.search.Branches(4)),
    "two a step, 8 tried (InfoGain)": lambda length: (PACED["confidence"](length // 2, 1.0), cd.search.InfoGain()),
    "two a step, tolerator": lambda length: (PACED["confidence"](length // 2, 1.0), cd.search.Tolerator(length // 2)),
    "two a step, dVoting": lambda length: (PACED["confidence"](length // 2, 1.0), cd.search.DVoting()),
}


@dataclass(frozen=True)
class Drawn:
    """One method on one puzzle at one number of passes.

    Fields: told: the passes it was given, 0 where it decides itself. passes: canvases forwarded a text.
    """

    puzzle: str
    blur: float
    method: str
    told: int
    texts: int
    legal: float = 0.0
    passes: float = 0.0

    @property
    def asked(self) -> Drawn:
        """Without what was found."""
        return replace(self, legal=0.0, passes=0.0)

    @property
    def error(self) -> float:
        """The standard error of `legal`."""
        return float(np.sqrt(self.legal * (1 - self.legal) / self.texts))


def draw(asked: Drawn) -> Drawn:
    """So many texts at temperature 1, each with a generator of its own."""
    strings = PUZZLES[asked.puzzle]()
    network = Exact(strings, asked.blur)
    denoiser, length, search = network.denoiser(), network.length, None
    state = cd.State.blank([[]] * asked.texts, length, seed=list(range(asked.texts)))
    held = cd.constrain.Free()
    if asked.method in SEARCHES:
        plan, search = SEARCHES[asked.method](length)
    elif asked.method in OWN:
        plan = OWN[asked.method](length, 1.0)
    else:
        plan = PACED["confidence" if asked.method == EXACT else asked.method](asked.told, 1.0)
    if asked.method == EXACT:
        held = cd.constrain.Tables.same(cd.Choice(strings).compile(denoiser.vocabulary), asked.texts)
    constraint = plan.constrain(held)
    if search is None:
        done = Loop(denoiser, plan, constraint).run(state)
        tokens, forwards = done.tokens, done.forwards
    else:
        told = GuideContext(
            denoiser.vocabulary, denoiser, constraint, ("",) * asked.texts, list, lambda n, text: [], str
        )
        found = search(Run(denoiser, plan, constraint, told), state)
        tokens, forwards = found.state.tokens[found.chosen], found.forwards
    legal = {tuple(ids) for ids in network.strings.tolist()}
    share = float(np.mean([tuple(ids) in legal for ids in tokens.tolist()]))
    return replace(asked, legal=share, passes=float(forwards.double().mean()))


def work(puzzles: Sequence[str], blur: float, texts: int) -> Iterator[Drawn]:
    """All that is measured; the fixed rates first."""
    for puzzle in puzzles:
        length = len(PUZZLES[puzzle]()[0])
        for method in (*PACED, EXACT):
            yield from (Drawn(puzzle, blur, method, told, texts) for told in PASSES if told <= length)
        for method in (*OWN, *SEARCHES):
            yield Drawn(puzzle, blur, method, 0, texts)


# ---- the command


def read(path: Path) -> list[Drawn]:
    return [Drawn(**json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]


def groups(rows: Sequence[Drawn]) -> dict[str, list[Drawn]]:
    """By network."""
    out: dict[str, list[Drawn]] = {}
    for row in rows:
        out.setdefault(row.puzzle + (", blurred" if row.blur else ""), []).append(row)
    return out


def table(rows: Sequence[Drawn]) -> str:
    """Markdown: legal per cent, with the passes that it took in brackets; told 1, 4, 8 and 16, or deciding itself."""
    by, lines = groups(rows), []
    lines += [f"| legal % (passes) | told | {' | '.join(by)} |", "|---" * (len(by) + 2) + "|"]
    keys = sorted({(row.told == 0, row.method, row.told): None for row in rows}, key=lambda key: key[:1])
    found = {(name, row.method, row.told): row for name, part in by.items() for row in part}
    for _, method, told in keys:
        cells = [found.get((name, method, told)) for name in by]
        said = [f"{100 * one.legal:.0f} ({one.passes:.1f})" if one else "-" for one in cells]
        lines.append(f"| {method} | {told or ''} | {' | '.join(said)} |")
    counts = sorted({row.texts for row in rows})
    worst = max(row.error for row in rows)
    lines.append(f"\n{' or '.join(map(str, counts))} texts each; standard errors up to {100 * worst:.1f} points")
    return "\n".join(lines)


def drawing(name: str, rows: Sequence[Drawn]) -> str:
    """SVG of one network's rows."""
    points = [Point(row.method, row.passes, row.legal, row.error) for row in rows]
    return curves(points, f"{name}: {rows[0].texts} texts each", "legal")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--texts", type=int, default=250)
    parser.add_argument("--blur", type=float, default=0.5)
    parser.add_argument("--puzzles", default=",".join(PUZZLES_HERE), help="names with commas between them")
    parser.add_argument("--methods", help="names with semicolons between them; all, if none are given")
    parser.add_argument("--out", type=Path, help="where figures are added; what is there is not measured again")
    parser.add_argument("--table", type=Path, help="print the figures of this file")
    parser.add_argument("--svg", type=Path, help="with --table: draw them too, a file for each network")
    options = parser.parse_args()
    wanted = options.methods and set(options.methods.split(";"))
    if options.table:
        rows = [row for row in read(options.table) if not wanted or row.method in wanted]
        print(table(rows))
        for name, part in groups(rows).items() if options.svg else ():
            file = options.svg / f"{name.replace(' ', '_').replace(',', '')}.svg"
            file.write_text(drawing(name, part), encoding="ascii")
        return
    done = {row.asked for row in read(options.out)} if options.out and options.out.exists() else set()
    for asked in work(options.puzzles.split(","), options.blur, options.texts):
        if asked in done or (wanted and asked.method not in wanted):
            continue
        line = json.dumps(asdict(draw(asked)))
        print(line, flush=True)
        if options.out:
            with options.out.open("a", encoding="utf-8") as file:
                file.write(line + "\n")


if __name__ == "__main__":
    main()
