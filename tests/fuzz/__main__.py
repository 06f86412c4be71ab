"""Hunt for disagreements with validators and regex engines, as long as one likes: `make fuzz MINUTES=10 SEED=0`."""

from __future__ import annotations

import argparse
import time
from collections import Counter

from tests.fuzz import patterns, schemas
from tests.fuzz.shrink import shrunk


def main() -> int:
    """Exit status 1 if a case with a fault was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=0, help="the first; every seed makes one schema or pattern")
    parser.add_argument("--only", choices=("schemas", "patterns"))
    asked = parser.parse_args()
    hunts = {"schemas": schemas.hunt, "patterns": patterns.hunt}
    hunts = {asked.only: hunts[asked.only]} if asked.only else hunts
    until, seed, found = time.monotonic() + 60 * asked.minutes, asked.seed, 0
    counts: dict[str, Counter[str]] = {name: Counter() for name in hunts}
    while time.monotonic() < until:
        for name, hunt in hunts.items():
            for case in hunt(seed, counts[name]):
                found += 1
                small = shrunk(case)
                print(f"{name}, seed {seed}: {small.fault()}\n  {small}", flush=True)
        seed += 1
    for name, counted in counts.items():
        shown = ", ".join(f"{n:,} {what}" for what, n in counted.items() if not what.startswith("keyword"))
        print(f"{name}: {shown}")
    print(f"seeds {asked.seed} to {seed - 1}: {found} with a fault")
    return 1 if found else 0


if __name__ == "__main__":
    raise SystemExit(main())
