"""What the hostile patterns and schemas cost: `python -m tests.benchmarks.hostile`.

Each runs once, warm, in a child of its own. Promised: 2 s and 256 MB each, and a Dfa or a typed error.
"""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path

from ctrldiff.automata.compile import compile_expression
from ctrldiff.automata.dfa import Dfa, any_text
from ctrldiff.json_schema import JsonSchema
from ctrldiff.regex.parse import parse
from tests.benchmarks.child import cost, machine

CORPORA = Path(os.environ.get("CTRLDIFF_CORPORA", "../shared/corpora"))


def _regex(pattern: str) -> Dfa:
    return compile_expression(parse(pattern))


def _schema(constraint: str) -> Dfa:
    return JsonSchema(constraint).dfa()


def main() -> None:
    """Print one row per constraint."""
    path = CORPORA / "hostile_constraints.jsonl.gz"
    if not path.exists():
        raise SystemExit(f"{path} is absent: set CTRLDIFF_CORPORA")
    warm = compile_expression(parse(r"(a|é){1,3}(?=b)b"))
    assert not (warm & any_text()).is_empty
    print(f"{machine()}\n\n| pattern | s | MB | outcome |\n|---|---|---|---|")
    worst_s, worst_mb = 0.0, 0.0
    with gzip.open(path, "rt") as lines:
        entries = [json.loads(line) for line in lines]
    for entry in entries:
        build = _regex if entry["kind"] == "regex" else _schema
        found = cost(lambda constraint=entry["constraint"], build=build: build(constraint))
        seconds = float("inf") if found.seconds is None else found.seconds
        worst_s, worst_mb = max(worst_s, seconds), max(worst_mb, found.megabytes)
        print(f"| {entry['name']} | {seconds:.3f} | {found.megabytes:.0f} | {found.answer[:90]} |", flush=True)
    print(f"\nworst: {worst_s:.2f} s, {worst_mb:.0f} MB")


if __name__ == "__main__":
    main()
