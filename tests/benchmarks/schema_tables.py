"""From a real schema to token tables over the 131,072 tokens of Tekken.

Each schema of the JSONSchemaBench sample once, kernels warm, nothing cached, on one core: reading the JSON text, the
byte automaton, the token tables; then the same from the cache on disk, with nothing in memory. Processor time.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Iterator

from ctrldiff.constraints import description
from ctrldiff.errors import CtrldiffError
from ctrldiff.json_schema import JsonSchema
from ctrldiff.tokens.cache import shared_cache
from ctrldiff.tokens.vocabulary import Vocabulary
from tests.benchmarks.members import real_schemas
from tests.benchmarks.patterns import tekken_tokens
from tests.benchmarks.record import Record

ROWS = 131_072


def forget() -> None:
    """Let go of everything but the files."""
    shared_cache().clear_memory()
    description._recent.clear()


def records(quick: bool) -> Iterator[Record]:
    """A row for each part, one schema of the sample in fourteen."""
    tokens = tekken_tokens()
    vocabulary = Vocabulary.from_tokens([*tokens, *[None] * (ROWS - len(tokens))], stop_ids=[len(tokens)])
    taken: dict[str, list[float]] = {"byte automaton": [], "tables": [], "together": [], "from disk": [], "refused": []}
    with tempfile.TemporaryDirectory() as folder:
        os.environ["CTRLDIFF_CACHE"] = folder
        JsonSchema({"oneOf": [{"type": "object"}, {"minProperties": 1, "maxProperties": 3}]}).compile(
            vocabulary
        )  # warm
        JsonSchema({"type": "string", "pattern": "^a|b{2}$", "maxLength": 40}).compile(vocabulary)
        for number, entry in enumerate(real_schemas()):
            if number % (200 if quick else 14):
                continue
            text = json.dumps(entry["schema"])
            forget()
            began = time.process_time()
            try:
                schema = JsonSchema(text)
                schema.dfa()
                built = time.process_time()
                schema.compile(vocabulary)
            except CtrldiffError:
                taken["refused"].append(time.process_time() - began)
                continue
            ended = time.process_time()
            taken["byte automaton"].append(built - began)
            taken["tables"].append(ended - built)
            taken["together"].append(ended - began)
            forget()
            began = time.process_time()
            JsonSchema(text).compile(vocabulary)
            taken["from disk"].append(time.process_time() - began)
    for part, seconds in taken.items():
        if seconds:
            ordered = sorted(1000 * second for second in seconds)
            yield Record.of("median", ordered, "ms", part=part)
            yield Record.one("p95", ordered[int(0.95 * len(ordered))], "ms", part=part)
            yield Record.one("worst", ordered[-1], "ms", part=part)
            yield Record.one("schemas", len(ordered), part=part)
