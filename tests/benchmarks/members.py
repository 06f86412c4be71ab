"""Is everything that is written valid? `python -m tests.benchmarks.members [--each 100] [--additional any]`

Draws members of every schema of the JSONSchemaBench sample (arXiv:2501.10868) that can be built, and asks jsonschema-rs
about each, formats included. A property that comes twice is a failure too: readers disagree on what it means.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema_rs
import numpy as np

from ctrldiff.automata.dfa import Dfa
from ctrldiff.errors import CtrldiffError
from ctrldiff.json_schema import JsonSchema
from tests.benchmarks.child import machine

CORPORA = Path(os.environ.get("CTRLDIFF_CORPORA", "../shared/corpora"))
BENCH = CORPORA / "jsonschemabench_sample.jsonl.gz"
LONGEST_NUMBER = 15  # digits; jsonschema-rs compares numbers as doubles, which round longer ones
ROOM = 200  # bytes that a member may take beyond the shortest


class TwiceNamed(ValueError):
    """An object names a property twice."""


@dataclass(frozen=True)
class Drawn:
    """Members of one schema: judged, and those set aside for a number that the judge rounds."""

    texts: tuple[bytes, ...]
    set_aside: int


def judge(schema: Any) -> Callable[[bytes], str | None] | None:
    """What is wrong with a text under a schema, or None; no judge for a schema that jsonschema-rs cannot read."""
    try:
        validator = jsonschema_rs.validator_for(schema, validate_formats=True)
    except (ValueError, jsonschema_rs.ReferencingError):
        return None

    def wrong(text: bytes) -> str | None:
        try:
            value = json.loads(text, object_pairs_hook=_once)
        except ValueError as error:
            return str(error)
        return None if validator.is_valid(value) else next(iter(validator.iter_errors(value))).message

    return wrong


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise TwiceNamed("a property comes twice")
    return found


def draw(dfa: Dfa, rng: np.random.Generator, count: int) -> Drawn:
    """`count` members, fewer if most hold numbers that are set aside."""
    texts: list[bytes] = []
    set_aside = 0
    most = len(dfa.shortest() or b"") + ROOM
    while len(texts) < count and set_aside < 2 * count and not dfa.is_empty:
        member = dfa.sample(rng, most)
        if _has_long_number(member):
            set_aside += 1
        else:
            texts.append(member)
    return Drawn(tuple(texts), set_aside)


def _has_long_number(text: bytes) -> bool:
    lengths = [0]

    def read(digits: str) -> int:
        lengths.append(sum(map(str.isdigit, digits)))
        return 0

    json.loads(text, parse_int=read, parse_float=read)
    return max(lengths) > LONGEST_NUMBER


def real_schemas() -> Iterator[dict[str, Any]]:
    """The entries of the sample: name, split, schema, tests."""
    with gzip.open(BENCH, "rt", encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def main() -> None:
    """Print every failure, then one row of counts."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--each", type=int, default=100)
    arguments.add_argument("--additional", default="declared", choices=["declared", "any"])
    given = arguments.parse_args()
    if not BENCH.exists():
        raise SystemExit(f"{BENCH} is absent: set CTRLDIFF_CORPORA")
    counts: Counter[str] = Counter()
    began = time.process_time()
    for number, entry in enumerate(real_schemas()):
        counts["of schemas"] += 1
        wrong = judge(entry["schema"])
        try:
            schema = JsonSchema(entry["schema"], additional=given.additional)
            dfa = schema.dfa()
        except CtrldiffError:
            continue
        if wrong is None:
            counts["schemas that jsonschema-rs cannot read"] += 1
            continue
        found = draw(dfa, np.random.default_rng(number), given.each)
        counts["schemas"] += bool(found.texts)
        members = [text for text in found.texts if text in schema]  # not those in which something comes twice
        counts["members"] += len(members)
        counts["set aside for long numbers"] += found.set_aside
        failures = [(text, why) for text in members if (why := wrong(text)) is not None]
        counts["invalid"] += len(failures)
        for text, why in failures[:2]:
            print(f"{entry['split']} {entry['name']}: {why[:150]}\n    {text[:300]!r}", flush=True)
    print(f"{machine()}, {time.process_time() - began:.0f} s of processor time\n")
    print("| objects | schemas drawn from | members | set aside | invalid |\n|---|---|---|---|---|")
    columns = ("schemas", "members", "set aside for long numbers", "invalid")
    print(f"| {given.additional} | " + " | ".join(f"{counts[name]:,}" for name in columns) + " |")
    unread = counts["schemas that jsonschema-rs cannot read"]
    print(f"\nof {counts['of schemas']} schemas; {unread} built ones are not read by jsonschema-rs")


if __name__ == "__main__":
    main()
