"""Fields right against passes, of what `measure.py` has measured:

    python -m examples.compare.measure ctrldiff/models/tiny --corpus known --methods "$METHODS" --out F.jsonl
    python -m examples.compare.curve F.jsonl [--corpus known] [--svg FILE]

Of methods that are told how many passes they have, "default 4" and "default 8" are one line. Standard errors are those
of a ratio over documents, since the fields of one go wrong together.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ctrldiff.evaluate.score import Tally
from ctrldiff.report.plot import Point, curves
from examples.orders.counted import cost


@dataclass
class Row:
    """A method on the documents that all methods of the table were measured on."""

    method: str
    fields: Tally = field(default_factory=Tally)
    whole: int = 0
    valid: int = 0
    passes: int = 0
    canvases: int = 0

    @property
    def documents(self) -> int:
        return len(self.fields.pairs)

    @property
    def family(self) -> str:
        """The name without the number of passes it was told."""
        return re.sub(r" \d+$", "", self.method)


def rows_of(records: Iterable[Mapping], corpus: str) -> list[Row]:
    """Batches added up, those alone that every method has."""
    mine = [one for one in records if one.get("corpus") == corpus and "pairs" in one]
    names = list(dict.fromkeys(one["method"] for one in mine))
    batches = {name: {one["first"] for one in mine if one["method"] == name} for name in names}
    shared = set.intersection(*batches.values()) if batches else set()
    rows = {name: Row(name) for name in names}
    for one in mine:
        if one["first"] in shared:
            row = rows[one["method"]]
            for right, asked in one["pairs"]:
                row.fields.add([True] * right + [False] * (asked - right))
            row.whole += one["objects"]
            row.valid += one["valid"]
            row.passes += one["forwards"]
            row.canvases += one.get("canvases", one["forwards"])
    return [row for row in rows.values() if row.documents]


def table(rows: Sequence[Row]) -> str:
    """Markdown; shares in percent with their standard errors."""
    lines = ["| method | n | passes; canvases | valid | fields | whole |", "|---|---|---|---|---|---|"]
    for row in rows:
        n = row.documents
        whole, fields = row.whole / n, row.fields
        error = (whole * (1 - whole) / n) ** 0.5
        lines.append(
            f"| {row.method} | {n} | {cost(row.passes / n, row.canvases / n)} | {row.valid / n:.0%} "
            f"| {100 * fields.share:.1f} ± {100 * fields.error:.1f} | {100 * whole:.0f} ± {100 * error:.0f} |"
        )
    return "\n".join(lines)


def drawing(rows: Sequence[Row], title: str) -> str:
    """An SVG, a line for each method."""
    points = [Point(row.family, row.passes / row.documents, row.fields.share, row.fields.error) for row in rows]
    return curves(points, title, "fields right")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("--corpus", default="known")
    parser.add_argument("--svg", type=Path)
    options = parser.parse_args()
    rows = rows_of(map(json.loads, options.file.read_text(encoding="utf-8").splitlines()), options.corpus)
    print(table(rows))
    if options.svg:
        n = rows[0].documents
        options.svg.write_text(drawing(rows, f"tiny, {n} documents, {options.corpus} phrasings"), encoding="ascii")


if __name__ == "__main__":
    main()
