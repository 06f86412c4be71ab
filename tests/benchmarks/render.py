"""Tables and plots of the docs, from the figures alone: `python -m tests.benchmarks.render [--check]`.

Reads `docs/benchmarks.json` and writes what stands between `<!-- figures: NAME -->` and `<!-- end -->` in README.md and
docs/benchmarks.md, and the plots beside them. `--check` writes nothing and names what is not what the figures give.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from tests.benchmarks.plot import plots
from tests.benchmarks.record import Record, Report, Suite

ROOT = Path(__file__).parents[2]
FIGURES = ROOT / "docs" / "benchmarks.json"
PAGES = (ROOT / "README.md", ROOT / "docs" / "benchmarks.md")
MARKED = re.compile(r"(<!-- figures: ([\w ]+) -->\n)(.*?)(<!-- end -->)", re.DOTALL)
ESCAPED = str.maketrans({"|": "\\|", "\n": " "})


def number(value: float) -> str:
    """Three digits, and all of those before the point."""
    if value == int(value) or abs(value) >= 100:
        return f"{value:,.0f}"
    digits = 3 if abs(value) < 0.1 else 2 if abs(value) < 10 else 1
    return f"{value:.{digits}f}"


def mib(value: float) -> str:
    """A tenth is what a page of memory can tell."""
    return f"{value:,.{0 if value >= 10 else 1}f}"


def cell(record: Record | None) -> str:
    """Median, spread, ratio and memory, what there is of them."""
    if record is None:
        return ""
    if record.median is None:
        return record.note
    text = f"{number(record.median)} {record.unit}".rstrip()
    if record.spread is not None:
        text += f" ± {number(record.spread)}"
    beside = [f"{number(record.ratio)}x"] if record.ratio is not None and record.name != record.ratio_to else []
    if record.peak_mib is not None:
        beside.append(f"{mib(record.peak_mib)} MiB")
    return text + (f" ({', '.join(beside)})" if beside else "")


def row(cells: Iterable[str]) -> str:
    """A row of a markdown table."""
    return "| " + " | ".join(one.translate(ESCAPED) for one in cells) + " |"


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A markdown table."""
    head = list(head)
    return "\n".join([row(head), "|" + "---|" * len(head), *map(row, rows)])


def figures(records: Iterable[Record]) -> str:
    """One row a record where all are of one thing; else a row for each thing, what was measured side by side."""
    records = list(records)
    if len({tuple(record.parameters.items()) for record in records}) == 1:
        return _one_thing(records)
    groups: dict[tuple[str, ...], list[Record]] = {}
    for record in records:
        groups.setdefault(tuple(record.parameters), []).append(record)
    return "\n\n".join(_side_by_side(list(keys), group) for keys, group in groups.items())


def _one_thing(records: list[Record]) -> str:
    to = next((record.ratio_to for record in records if record.ratio_to), "")
    rows = []
    for record in records:
        spread = "" if record.spread is None else f" ± {number(record.spread)}"
        shown = record.note if record.median is None else f"{number(record.median)} {record.unit}{spread}"
        ratio = "" if record.ratio is None else f"{number(record.ratio)}x"
        peak = "" if record.peak_mib is None else mib(record.peak_mib)
        rows.append([record.name, shown, ratio, peak, str(record.n)])
    return table(["what", "median ± spread", f"of {to}" if to else "ratio", "MiB", "n"], rows)


def _side_by_side(keys: list[str], records: list[Record]) -> str:
    rows: dict[tuple[str | int, ...], dict[str, Record]] = {}
    for record in records:
        rows.setdefault(tuple(record.parameters.values()), {})[record.name] = record
    names = list(dict.fromkeys(record.name for record in records))
    values = ([*map(_said, of), *(cell(found.get(name)) for name in names)] for of, found in rows.items())
    return table([*keys, *names], values)


def _said(value: str | int) -> str:
    return f"{value:,}" if isinstance(value, int) else value


def markdown(suite: Suite) -> str:
    """When, where and how it was taken, and its table."""
    quick = ", quick sizes" if suite.quick else ""
    load = f"load {suite.load[0]:.0f} before, {suite.load[1]:.0f} after"
    head = f"*{suite.taken}, {suite.machine}, {load}, {number(suite.processor_s)} s of processor time{quick}.*"
    return f"{head}\n\n{suite.skipped or figures(suite.records)}"


def summary(report: Report) -> str:
    """README's few rows."""

    def found(suite: str, name: str, **parameters: str | int) -> Record:
        for record in report.suites[suite].records:
            if record.name == name and parameters.items() <= dict(record.parameters).items():
                return record
        raise KeyError(f"no record of {name!r}, {parameters} in {suite}")

    def others(suite: str, names: Iterable[str], **parameters: str | int) -> str:
        return "; ".join(f"{name}: {cell(found(suite, name, **parameters))}" for name in names)

    compiling = ("outlines-core", "xgrammar, first mask too")
    rows = [
        [
            f"compile a {kind} over 131,072 tokens",
            cell(found("compile_peers", "ours", of=of)),
            others("compile_peers", compiling, of=of),
        ]
        for kind, of in (("flat schema", "schema: person, flat"), ("nested schema", "schema: person, nested"))
    ]
    amax = "torch amax"
    for what, name in (
        ("the best string of 4 x 128 x 131,072 logits", "map"),
        ("a default step, mean of a decode of 8", "a default step, mean of a decode of 8"),
    ):
        rows.append(
            [what, cell(found("default_step", name)), f"one amax of the same: {cell(found('default_step', amax))}"]
        )
    dense = [record for record in report.suites["dense"].records if record.median is not None]
    largest = max(record.parameters["S"] for record in dense if record.name == "DINGO as published")
    names = ("DINGO as published", "tree of matrices, best")
    rows.append(
        [
            f"the best string, {largest} states, 2,048 tokens, 32 positions",
            cell(found("dense", "our best string", S=largest)),
            others("dense", names, S=largest),
        ]
    )
    where = {"rows that share a call": "of equal length"}  # what a CPU does
    rows.append(
        [
            "`tiny`, batches of 16",
            cell(found("documents", "all", **where)),
            others("documents", ["the forwards alone"], **where),
        ]
    )
    taken = [report.suites[name] for name in ("compile_peers", "default_step", "dense", "documents")]
    loads = [load for suite in taken for load in suite.load]
    note = (
        f"*{', '.join(sorted({suite.machine for suite in taken}))}, one thread, processor time: median ± spread "
        f"(ratio, most memory beside the inputs); load {min(loads):.0f} to {max(loads):.0f} from other work.*"
    )
    return f"{table(['what', 'ctrldiff', 'beside it'], rows)}\n\n{note}"


def blocks(report: Report) -> Mapping[str, str]:
    """What stands between the markers, by name."""
    return {**{name: markdown(suite) for name, suite in report.suites.items()}, "summary": summary(report)}


def rendered(page: str, told: Mapping[str, str]) -> str:
    """The page with every block anew. Raises: KeyError for a marker without figures."""
    return MARKED.sub(lambda match: f"{match[1]}{told[match[2]]}\n{match[4]}", page)


def main() -> None:
    """Write pages and plots, or say what is not up to date."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    given = parser.parse_args()
    report = Report.read(FIGURES)
    told = blocks(report)
    wanted = {page: rendered(page.read_text(encoding="utf-8"), told) for page in PAGES}
    wanted |= {ROOT / "docs" / name: svg for name, svg in plots(report).items()}
    stale = [path for path, text in wanted.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    if given.check and stale:
        raise SystemExit(f"not what {FIGURES.name} gives: {', '.join(str(path.relative_to(ROOT)) for path in stale)}")
    for path in stale:
        path.write_text(wanted[path], encoding="utf-8")


if __name__ == "__main__":
    main()
