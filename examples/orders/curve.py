"""python -m examples.orders.curve --out F.jsonl [--texts N] [--blur B] [--puzzles A,B] [--methods "C;D"]: legal texts
against passes, on networks that are never wrong.

    python -m examples.orders.curve --table F.jsonl [--svg FOLDER]

Decoders that are told how many passes they have get 1, 4, 8 and 16, where a text has as many positions; of searches
these are the passes of each decode. Run it again with the same file and it goes on where it stopped; the file may be
that of `bench.py`.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

from ctrldiff.report.plot import Point, curves
from examples.orders.measure import Drawn, measure, read
from examples.orders.puzzles import PUZZLES
from examples.orders.searches import FREE, TOLD

PASSES = (1, 4, 8, 16)
PUZZLES_HERE = ("sudoku", "one of 8 words")
EXACT = "exact constraint"  # the same plan as "confidence", with all that is legal as a constraint


def work(puzzles: Sequence[str], blur: float, texts: int) -> Iterator[Drawn]:
    """All that is measured; the fixed rates first."""
    for puzzle in puzzles:
        length = len(PUZZLES[puzzle]()[0])
        for method in (*TOLD, EXACT):
            yield from (Drawn(puzzle, blur, method, told, texts) for told in PASSES if told <= length)
        for method in FREE:
            yield Drawn(puzzle, blur, method, 0, texts)


# ---- the command


def groups(rows: Sequence[Drawn]) -> dict[str, list[Drawn]]:
    """By network."""
    out: dict[str, list[Drawn]] = {}
    for row in rows:
        out.setdefault(row.network, []).append(row)
    return out


def table(rows: Sequence[Drawn]) -> str:
    """Markdown, for each network: legal per cent, with the passes that it took in brackets (and canvases, where a pass
    holds several); told 1, 4, 8 and 16, then those that decide it themselves."""
    lines = []
    for name, part in groups(rows).items():
        by = {(row.method, row.told): row for row in part}
        told = sorted({row.told for row in part if row.told})
        lines += [f"| {name}: legal % (passes; canvases) | {' | '.join(map(str, told))} |"]
        lines += ["|---" * (len(told) + 1) + "|"]
        for method in dict.fromkeys(row.method for row in part if row.told):
            cells = [by[method, one].cell if (method, one) in by else "-" for one in told]
            lines.append(f"| {method} | {' | '.join(cells)} |")
        own = [f"{row.method} {row.cell}" for row in part if not row.told]
        lines += ["", "; ".join(own), ""] if own else [""]
    counts = sorted({row.texts for row in rows})
    worst = max(row.error for row in rows)
    lines.append(f"{' or '.join(map(str, counts))} texts each; standard errors up to {100 * worst:.1f} points")
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
    asked = work(options.puzzles.split(","), options.blur, options.texts)
    asked = [one for one in asked if not wanted or one.method in wanted]
    if not options.table:
        print(table(measure(asked, options.out)))
        return
    found = {row.asked: row for row in read(options.table)}
    rows = [found[one] for one in asked if one in found]
    print(table(rows))
    for name, part in groups(rows).items() if options.svg else ():
        file = options.svg / f"{name.replace(' ', '_').replace(',', '')}.svg"
        file.write_text(drawing(name, part), encoding="ascii")


if __name__ == "__main__":
    main()
