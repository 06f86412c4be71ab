"""How much of real JSON Schema is built, and what of its instances: `python -m tests.benchmarks.schemas`.

    [--narrowed FILE] [--every 1]

The sample of JSONSchemaBench (arXiv:2501.10868), objects as open as their schemas leave them: built or refused per
split and why, processor time and states, and the instances in canonical spelling. One that jsonschema calls invalid may
never be accepted; a valid one that is not is listed in FILE: its schema, why, and where its text leaves the language.
"""

from __future__ import annotations

import argparse
import re
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from ctrldiff.errors import CtrldiffError, SchemaUnsupported
from ctrldiff.json_schema import JsonSchema
from ctrldiff.json_schema.explain import first_fault
from tests.benchmarks.child import machine
from tests.benchmarks.members import real_schemas


@dataclass
class Split:
    """What became of the schemas of one origin, and of their instances."""

    schemas: int = 0
    seconds: list[float] = field(default_factory=list)  # of those that are built
    states: list[int] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)
    instances: Counter[tuple[bool, bool]] = field(default_factory=Counter)  # (valid, accepted)

    def row(self, name: str) -> str:
        """A row of the table."""
        why = ", ".join(f"{reason} {n}" for reason, n in self.refused.most_common()) or "-"
        took = f"{median(self.seconds) * 1e3:.0f} ms | {median(self.states):,.0f}" if self.states else "- | -"
        share = len(self.states) / self.schemas
        narrowed, wrong = self.instances[True, False], self.instances[False, True]
        said = f"{self.instances[True, True]} | {narrowed} | {wrong}"
        return f"| {name} | {self.schemas} | {len(self.states)} ({share:.0%}) | {why} | {took} | {said} |"


def why(text: bytes, fault: int) -> str:
    """What keeps a valid instance from being written, by what stands where its text leaves the language."""
    if text[fault : fault + 1] in (b"{", b"[") or text[fault - 1 : fault] in (b"{", b"["):
        return "nested deeper than unrolled"
    if re.match(rb'(,?")?[^"]*":', text[fault:]):  # a string before a colon
        return "names not told apart"
    return "another spelling of a value"


def main() -> None:
    """Print a row per split, then times and reasons."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--narrowed", type=Path)
    arguments.add_argument("--every", type=int, default=1)
    given = arguments.parse_args()
    JsonSchema({"type": "object", "properties": {"a": {"type": "string", "pattern": "^a|b{2}$"}}}).dfa()  # warm
    splits: dict[str, Split] = {}
    narrowed: list[tuple[str, str, str]] = []
    for number, entry in enumerate(real_schemas()):
        if number % given.every:
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
    columns = "split | schemas | built | refused | median | states | valid accepted | narrowed away | wrong"
    print(f"{machine()}\n\n| {columns} |")
    print("|---|---|---|---|---|---|---|---|---|")
    for name, split in sorted(splits.items()):
        print(split.row(name))
    seconds = sorted(second for split in splits.values() for second in split.seconds)
    print(f"\nbyte automaton: median {median(seconds) * 1e3:.1f} ms, p95 {seconds[int(0.95 * len(seconds))]:.2f} s")
    for title, found in (
        ("refused", sum((split.refused for split in splits.values()), Counter())),
        ("narrowed away", Counter(reason for _, reason, _ in narrowed)),
    ):
        print(f"{title}: " + ", ".join(f"{reason} {n}" for reason, n in found.most_common()))
    if given.narrowed:
        given.narrowed.write_text("".join(" | ".join(line) + "\n" for line in narrowed), encoding="utf-8")


if __name__ == "__main__":
    main()
