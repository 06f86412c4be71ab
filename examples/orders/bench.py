"""Decoders on networks that are never wrong:

    python -m examples.orders.bench [--texts N] [--blur B] [--out F.jsonl] [--without "C;D"]

Of each: the share of legal texts, passes a text (and canvases, where a pass holds several), and how far its draws of
words are from uniform (total variation), at temperature 1. Without a constraint, but for the last. Decoders that are
told how many passes they have get one for every second position. The last two columns are of networks that doubt.
Run it again with the same file and it goes on where it stopped; what is left out is a dash, or what the file has of it.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from examples.orders.measure import Drawn, fair, measure, read
from examples.orders.puzzles import PUZZLES
from examples.orders.searches import FORCED, FREE, TOLD

COLUMNS = (("sudoku", False), ("shuffle of 6", False), ("one of 8 words", False), ("sudoku", True))
COLUMNS += (("one of 8 words", True),)  # the puzzle, and whether it is blurred
LAW = "one of 8 words"  # of which the distance is told
ONE, TWO, ALL = "one a pass: ", "two a pass: ", ", one pass"


def rows(length: int) -> Mapping[str, tuple[str, int]]:
    """{name in the table: method and the passes it is told}."""
    half = max(length // 2, 1)
    return {
        ONE + "confidence": ("confidence", length),
        **{TWO + name: (name, half) for name in TOLD},
        **{name: (name, 0) for name in FREE},
        **{TWO + name: (name, half) for name in FORCED},
        "exact constraint" + ALL: ("exact constraint", 1),
    }


def work(texts: int, blur: float) -> Iterator[Drawn]:
    """Every method on every network."""
    for puzzle, blurred in COLUMNS:
        length = len(PUZZLES[puzzle]()[0])
        for method, told in rows(length).values():
            yield Drawn(puzzle, blur if blurred else 0.0, method, told, texts)


def table(found: Sequence[Drawn]) -> str:
    """Markdown: a row a method, a column a network; what was not measured is a dash."""
    by = {(row.network, row.method, row.told): row for row in found}
    networks = list(dict.fromkeys(row.network for row in found))
    lengths = {row.network: len(PUZZLES[row.puzzle]()[0]) for row in found}
    heads = [part for one in networks for part in ([one, "its distance"] if one == LAW else [one])]
    lines = [f"| legal % (passes; canvases) | {' | '.join(heads)} |", "|---" * (len(heads) + 1) + "|"]
    for name in rows(2):
        own = {one: by.get((one, *rows(length)[name])) for one, length in lengths.items()}
        cells = []
        for one, row in own.items():
            cells.append(row.cell if row else "-")
            if one == LAW:
                cells.append(f"{row.distance:.2f}" if row else "-")
        if any(own.values()):
            lines.append(f"| {name} | {' | '.join(cells)} |")
    texts = found[0].texts
    worst = max(row.error for row in found)
    lines.append(
        f"\n{texts} texts each; standard errors up to {100 * worst:.1f} points; fair draws of words: a distance of "
        f"{fair(LAW, texts):.2f}"
    )
    return "\n".join(lines)


def main() -> None:
    told = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    told.add_argument("--texts", type=int, default=400)
    told.add_argument("--blur", type=float, default=0.5, help="of the last two columns")
    told.add_argument(
        "--out", type=Path, required=True, help="where figures are added; what is there is not measured again"
    )
    told.add_argument("--without", default="", help="names with semicolons between them, which are not measured")
    args = told.parse_args()
    asked, without = list(work(args.texts, args.blur)), args.without.split(";")
    measure([one for one in asked if one.method not in without], args.out)
    known = {row.asked: row for row in read(args.out)}
    print(table([known[one] for one in asked if one in known]))


if __name__ == "__main__":
    main()
