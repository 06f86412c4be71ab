"""How much of real JSON Schema is built today: `python -m tests.benchmarks.schemas`.

The sample of JSONSchemaBench (arXiv:2501.10868): built or refused per split, seconds, and whether an instance that
jsonschema calls invalid is accepted in canonical spelling (it never may be).
"""

from __future__ import annotations

import gzip
import json
import os
import re
import time
from collections import Counter
from pathlib import Path
from statistics import median

import jsonschema_rs
import numpy as np

from ctrldiff.constraints.json_schema import JsonSchema
from ctrldiff.errors import CtrldiffError, SchemaUnsupported
from tests.benchmarks.child import machine

MEMBERS = 100  # of each schema
LONG_NUMBER = re.compile(rb"[\d.]{16}")
CORPORA = Path(os.environ.get("CTRLDIFF_CORPORA", "../shared/corpora"))


def drawn(schema: JsonSchema, of: object, counts: Counter[str]) -> tuple[int, int]:
    """Running counts of members drawn, and of those that jsonschema-rs refuses (it rounds long numbers: not those)."""
    members, invalid = counts["members"], counts["members invalid"]
    try:
        valid = jsonschema_rs.validator_for(of, validate_formats=True).is_valid
    except (ValueError, jsonschema_rs.ReferencingError):
        return members, invalid
    dfa, rng = schema.dfa(), np.random.default_rng(members)
    shortest = dfa.shortest()
    if shortest is None:
        return members, invalid
    for _ in range(MEMBERS):
        member = dfa.sample(rng, len(shortest) + 200)
        if not LONG_NUMBER.search(member):
            members += 1
            if not valid(json.loads(member)):
                invalid += 1
                print("invalid member:", member[:200])
    return members, invalid


def main() -> None:
    """Print a row per split, then why the refused ones were refused."""
    path = CORPORA / "jsonschemabench_sample.jsonl.gz"
    if not path.exists():
        raise SystemExit(f"{path} is absent: set CTRLDIFF_CORPORA")
    JsonSchema({"type": "object", "properties": {"a": {"type": "string", "pattern": "^a|b{2}$"}}}).dfa()  # warm
    splits: dict[str, Counter[str]] = {}
    seconds: list[float] = []
    reasons: Counter[str] = Counter()
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            entry = json.loads(line)
            counts = splits.setdefault(entry["split"], Counter())
            counts["schemas"] += 1
            began = time.perf_counter()
            try:
                schema = JsonSchema(entry["schema"], additional="any")
                dfa = schema.dfa()
            except CtrldiffError as error:
                reasons[error.facts["keyword"] if isinstance(error, SchemaUnsupported) else error.code] += 1
                continue
            seconds.append(time.perf_counter() - began)
            counts["built"] += 1
            counts["members"], counts["members invalid"] = drawn(schema, entry["schema"], counts)
            for test in entry["tests"]:
                accepted = schema.canonical(test["data"]) in dfa
                counts[("valid" if test["valid"] else "invalid") + (" accepted" if accepted else " not accepted")] += 1
    columns = "split | schemas | built | valid accepted | valid narrowed away | invalid accepted"
    print(f"{machine()}\n\n| {columns} | members drawn | of them invalid |")
    print("|---|---|---|---|---|---|---|---|")
    for name, c in sorted(splits.items()):
        share = c["built"] / c["schemas"]
        print(
            f"| {name} | {c['schemas']} | {c['built']} ({share:.0%}) | {c['valid accepted']} "
            f"| {c['valid not accepted']} | {c['invalid accepted']} | {c['members']} | {c['members invalid']} |"
        )
    seconds.sort()
    print(f"\nbyte automaton: median {median(seconds) * 1e3:.1f} ms, p95 {seconds[int(0.95 * len(seconds))]:.2f} s")
    print("refused most often: " + ", ".join(f"{k} {n}" for k, n in reasons.most_common(12)))


if __name__ == "__main__":
    main()
