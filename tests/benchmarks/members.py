"""Is everything that is written valid? Failures are printed as they are found.

Draws members of every schema of the JSONSchemaBench sample (arXiv:2501.10868) that can be built, and asks jsonschema-rs
about each, formats included. A property that comes twice is a failure too: readers disagree on what it means.
"""

from __future__ import annotations

import gzip
import json
import os
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
from tests.benchmarks.measure import Absent
from tests.benchmarks.record import Record

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
    """The entries of the sample: name, split, schema, tests. Raises: Absent where it is not at hand."""
    if not BENCH.exists():
        raise Absent(f"{BENCH} is absent: set CTRLDIFF_CORPORA")
    with gzip.open(BENCH, "rt", encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def records(quick: bool) -> Iterator[Record]:
    """Counts, for objects of declared properties and for those as open as their schemas leave them."""
    for additional in ("declared", "any"):
        for name, count in counted(additional, 5 if quick else 100).items():
            yield Record.one(name, count, objects=additional)


def counted(additional: str, each: int) -> Counter[str]:
    """What was drawn and judged: `each` members of each schema."""
    counts: Counter[str] = Counter()
    for number, entry in enumerate(real_schemas()):
        counts["of schemas"] += 1
        wrong = judge(entry["schema"])
        try:
            schema = JsonSchema(entry["schema"], additional=additional)
            dfa = schema.dfa()
        except CtrldiffError:
            continue
        if wrong is None:
            counts["schemas that jsonschema-rs cannot read"] += 1
            continue
        found = draw(dfa, np.random.default_rng(number), each)
        counts["schemas"] += bool(found.texts)
        members = [text for text in found.texts if text in schema]  # not those in which something comes twice
        counts["members"] += len(members)
        counts["set aside for long numbers"] += found.set_aside
        failures = [(text, why) for text in members if (why := wrong(text)) is not None]
        counts["invalid"] += len(failures)
        for text, why in failures[:2]:
            print(f"{entry['split']} {entry['name']}: {why[:150]}\n    {text[:300]!r}", flush=True)
    return counts
