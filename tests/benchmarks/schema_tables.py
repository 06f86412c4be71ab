"""From a real schema to token tables over the 131,072 tokens of Tekken: `python -m tests.benchmarks.schema_tables`.

    [--every 1] [--additional declared]

Each schema of the JSONSchemaBench sample once, kernels warm, nothing cached, on one core: reading the JSON text, the
byte automaton, the token tables; then the same from the cache on disk, with nothing in memory. Processor time.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from statistics import median

from ctrldiff.constraints import description
from ctrldiff.errors import CtrldiffError
from ctrldiff.json_schema import JsonSchema
from ctrldiff.tokens.cache import shared_cache
from ctrldiff.tokens.vocabulary import Vocabulary
from tests.benchmarks.child import machine
from tests.benchmarks.members import real_schemas
from tests.benchmarks.patterns import tekken_tokens

ROWS = 131_072


def forget() -> None:
    """Let go of everything but the files."""
    shared_cache().clear_memory()
    description._recent.clear()


def row(name: str, seconds: list[float]) -> str:
    """Median, 95th percentile and worst."""
    seconds = sorted(seconds)
    p95, worst = seconds[int(0.95 * len(seconds))], seconds[-1]
    return f"| {name} | {median(seconds) * 1e3:.1f} ms | {p95 * 1e3:.0f} ms | {worst:.2f} s |"


def main() -> None:
    """Print a row for each part, and the slowest schemas."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--every", type=int, default=1)
    arguments.add_argument("--additional", default="declared", choices=["declared", "any"])
    given = arguments.parse_args()
    tokens = tekken_tokens()
    vocabulary = Vocabulary.from_tokens([*tokens, *[None] * (ROWS - len(tokens))], stop_ids=[len(tokens)])
    taken: dict[str, list[float]] = {"byte automaton": [], "tables": [], "together": [], "from disk": [], "refused": []}
    slowest: list[tuple[float, str, str]] = []
    with tempfile.TemporaryDirectory() as folder:
        os.environ["CTRLDIFF_CACHE"] = folder
        JsonSchema({"oneOf": [{"type": "object"}, {"minProperties": 1, "maxProperties": 3}]}).compile(
            vocabulary
        )  # warm
        JsonSchema({"type": "string", "pattern": "^a|b{2}$", "maxLength": 40}).compile(vocabulary)
        for number, entry in enumerate(real_schemas()):
            if number % given.every:
                continue
            text = json.dumps(entry["schema"])
            forget()
            began = time.process_time()
            try:
                schema = JsonSchema(text, additional=given.additional)
                schema.dfa()
                built = time.process_time()
                schema.compile(vocabulary)
            except CtrldiffError as error:
                taken["refused"].append(time.process_time() - began)
                slowest.append((taken["refused"][-1], entry["name"], error.code))
                continue
            ended = time.process_time()
            taken["byte automaton"].append(built - began)
            taken["tables"].append(ended - built)
            taken["together"].append(ended - began)
            slowest.append((ended - began, entry["name"], f"{schema.dfa().n_states:,} states"))
            forget()
            began = time.process_time()
            JsonSchema(text, additional=given.additional).compile(vocabulary)
            taken["from disk"].append(time.process_time() - began)
    print(f"{machine()}; {len(taken['together'])} schemas\n\n| what | median | p95 | worst |\n|---|---|---|---|")
    for name, seconds in taken.items():
        if seconds:
            print(row(name, seconds))
    print()
    for seconds, name, what in sorted(slowest, reverse=True)[:12]:
        print(f"{seconds:.2f} s {name}: {what}")


if __name__ == "__main__":
    main()
