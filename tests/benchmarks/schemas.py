"""How much of real JSON Schema is built, and what of its instances.

The sample of JSONSchemaBench (arXiv:2501.10868), objects as open as their schemas leave them: built or refused per
split and why, processor time and states, and the instances in canonical spelling. One that jsonschema calls invalid may
never be accepted. `python -m tests.benchmarks.schemas --narrowed FILE [--every 1]` lists the valid ones that are not:
schema, why, and where the text leaves the language.
"""

from __future__ import annotations

import argparse
import re
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from ctrldiff.errors import CtrldiffError, SchemaUnsupported
from ctrldiff.json_schema import JsonSchema
from ctrldiff.json_schema.explain import first_fault
from tests.benchmarks.members import real_schemas
from tests.benchmarks.record import Record


@dataclass
class Split:
    """What became of the schemas of one origin, and of their instances."""

    schemas: int = 0
    seconds: list[float] = field(default_factory=list)  # of those that are built
    states: list[int] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)
    instances: Counter[tuple[bool, bool]] = field(default_factory=Counter)  # (valid, accepted)

    def records(self, name: str) -> Iterator[Record]:
        """What is told of it."""
        yield Record.one("schemas", self.schemas, split=name)
        yield Record.one("built", 100 * len(self.states) / self.schemas, "%", split=name)
        if self.states:
            yield Record.of("byte automaton", [1000 * second for second in self.seconds], "ms", split=name)
            yield Record.one("states, median", median(self.states), split=name)
        for told, kind in (
            ("valid, accepted", (True, True)),
            ("narrowed away", (True, False)),
            ("wrong", (False, True)),
        ):
            yield Record.one(told, self.instances[kind], split=name)


def why(text: bytes, fault: int) -> str:
    """What keeps a valid instance from being written, by what stands where its text leaves the language."""
    if text[fault : fault + 1] in (b"{", b"[") or text[fault - 1 : fault] in (b"{", b"["):
        return "nested deeper than unrolled"
    if re.match(rb'(,?")?[^"]*":', text[fault:]):  # a string before a colon
        return "names not told apart"
    return "another spelling of a value"


def judged(every: int) -> tuple[dict[str, Split], list[tuple[str, str, str]]]:
    """The splits of one schema in `every`, and of each valid instance that is not written: schema, why, where."""
    JsonSchema({"type": "object", "properties": {"a": {"type": "string", "pattern": "^a|b{2}$"}}}).dfa()  # warm
    splits: dict[str, Split] = {}
    narrowed: list[tuple[str, str, str]] = []
    for number, entry in enumerate(real_schemas()):
        if number % every:
            continue
        split = splits.setdefault(entry["split"], Split())
        split.schemas += 1
        began = time.process_time()
        try:
            schema = JsonSchema(entry["schema"], additional="any")
            dfa, proviso = schema.dfa(), schema.proviso()
        except CtrldiffError as error:
            split.refused[error.facts["keyword"] if isinstance(error, SchemaUnsupported) else error.code] += 1
            continue
        split.seconds.append(time.process_time() - began)
        split.states.append(dfa.n_states)
        for test in entry["tests"]:
            text = schema.canonical(test["data"]).encode()
            fault = first_fault(dfa, text)
            if fault is None and proviso is not None and (twice := proviso.fault(text)) is not None:
                fault = twice.start
            split.instances[test["valid"], fault is None] += 1
            if test["valid"] and fault is not None:
                around = (text[max(0, fault - 60) : fault] + b" <HERE> " + text[fault : fault + 40]).decode(
                    errors="replace"
                )
                narrowed.append((entry["name"], why(text, fault), around))
    return splits, narrowed


def records(quick: bool) -> Iterator[Record]:
    """A row per split, then what was refused and why."""
    splits, narrowed = judged(100 if quick else 14)
    for name, split in sorted(splits.items()):
        yield from split.records(name)
    refused = sum((split.refused for split in splits.values()), Counter())
    for title, found in (("refused", refused), ("narrowed away", Counter(reason for _, reason, _ in narrowed))):
        yield from (Record.one(title, count, split=f"why: {reason}") for reason, count in found.most_common())


def main() -> None:
    """Write what is narrowed away."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--narrowed", type=Path, required=True, metavar="FILE")
    parser.add_argument("--every", type=int, default=1)
    given = parser.parse_args()
    _, narrowed = judged(given.every)
    given.narrowed.write_text("".join(" | ".join(line) + "\n" for line in narrowed), encoding="utf-8")


if __name__ == "__main__":
    main()
