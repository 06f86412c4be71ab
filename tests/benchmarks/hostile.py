"""What the hostile patterns and schemas cost.

Each runs once, warm, in a child of its own. Promised: 2 s and 256 MB each, and a Dfa or a typed error.
"""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Iterator
from pathlib import Path

from ctrldiff.automata.compile import compile_expression
from ctrldiff.automata.dfa import Dfa, any_text
from ctrldiff.json_schema import JsonSchema
from ctrldiff.regex.parse import parse
from tests.benchmarks.child import cost
from tests.benchmarks.measure import Absent
from tests.benchmarks.record import Record

CORPORA = Path(os.environ.get("CTRLDIFF_CORPORA", "../shared/corpora"))


def _regex(pattern: str) -> Dfa:
    return compile_expression(parse(pattern))


def _schema(constraint: str) -> Dfa:
    return JsonSchema(constraint).dfa()


def records(quick: bool) -> Iterator[Record]:
    """One row per constraint; a typed error is an outcome like another, and its time counts."""
    path = CORPORA / "hostile_constraints.jsonl.gz"
    if not path.exists():
        raise Absent(f"{path} is absent: set CTRLDIFF_CORPORA")
    warm = compile_expression(parse(r"(a|é){1,3}(?=b)b"))
    assert not (warm & any_text()).is_empty
    with gzip.open(path, "rt") as lines:
        entries = [json.loads(line) for line in lines]
    for entry in entries[:: 5 if quick else 1]:
        build = _regex if entry["kind"] == "regex" else _schema
        found = cost(lambda constraint=entry["constraint"], build=build: build(constraint))
        if not found.seconds:
            yield Record.none("to its end", found.answer, of=entry["name"])
            continue
        taken = [1000 * second for second in found.seconds]
        yield Record.of("to its end", taken, "ms", peak_mib=found.mib, note=found.answer[:90], of=entry["name"])
