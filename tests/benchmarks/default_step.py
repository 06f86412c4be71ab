"""A step of the default plan at the size people run, against one maximum of the same logits; and the memory it takes.

    python -m tests.benchmarks.default_step [--rows 4] [--positions 128] [--rounds 7]

Raw logits in, tokens written and their legal mass noted out: `LeftmostFirst`, `Best`, `Prefix(.99, own=.9)` and
`NoteLegal`, an ordinary schema, a vocabulary of 131,072. One thread, medians of processor time taken in turns. A decode
of 8 steps is the mean over canvases of which 0/8, 1/8, ... 7/8 are written.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from ctrldiff.json_schema import JsonSchema
from ctrldiff.posterior.table import Table
from ctrldiff.protocols import Move
from ctrldiff.sampling.constrain import LeftmostFirst, Tables
from ctrldiff.sampling.legal import NoteLegal
from ctrldiff.sampling.plan import Plan
from ctrldiff.state import State
from tests.benchmarks.per_step import medians_ms, tekken

WORDS = {"type": "string", "maxLength": 40}
PERSON = {
    "type": "object",
    "properties": {
        "name": WORDS,
        "email": {"type": "string", "format": "email"},
        "born": {"type": "string", "format": "date"},
        "age": {"type": "integer", "minimum": 0, "maximum": 150},
        "address": {
            "type": "object",
            "properties": {"street": WORDS, "city": WORDS, "postcode": {"type": "string", "maxLength": 12}},
            "required": ["street", "city", "postcode"],
        },
        "phones": {"type": "array", "items": {"type": "string", "maxLength": 20}, "maxItems": 3},
        "employer": {"type": ["string", "null"], "maxLength": 40},
    },
    "required": ["name", "email", "born", "age", "address", "phones", "employer"],
}


def step(table: Table, logits: torch.Tensor, state: State) -> State:
    """What the loop does between the network's logits and the next state, by the default plan."""
    plan, rows = Plan(), state.shape[0]
    posterior = LeftmostFirst(Tables.same(table, rows)).bind(logits, state)
    tokens = plan.propose(posterior, state)
    confidence = posterior.confidence(tokens)
    where = plan.commit(posterior, tokens, state, plan.schedule(state))
    move = Move(state, posterior, where & state.open, logits, lambda: logits, lambda processor: logits)
    after = state.write(where, tokens, confidence).recall(tokens)
    return NoteLegal()(move, after, plan.schedule(state))


def canvases(table: Table, logits: torch.Tensor, eighths: int) -> State:
    """Canvases of which so many eighths are written, from the left, as the best string has it."""
    rows, length = logits.shape[:2]
    blank = State.blank([[]] * rows, length)
    if eighths:
        best = Tables.same(table, rows).bind(logits, blank).map()
        given = torch.arange(length) < eighths * length // 8
        blank = State.blank([[]] * rows, length, written=torch.where(given, best, -1))
    return blank.begin(torch.full((rows,), 128))


def peak_mib(work: Callable[[], object]) -> float:
    """How far the resident size of the process rises in one call at most, in MiB. Linux only."""

    def resident(name: str) -> int:
        status = Path("/proc/self/status").read_text()
        return int(status.split(f"{name}:")[1].split()[0])

    Path("/proc/self/clear_refs").write_text("5")  # the high-water mark begins anew
    before = resident("VmRSS")
    work()
    return (resident("VmHWM") - before) / 1024


def main() -> None:
    """Print a markdown table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=4)
    parser.add_argument("--positions", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=7)
    args = parser.parse_args()
    torch.set_num_threads(1)
    vocabulary = tekken()
    table = JsonSchema(PERSON).compile(vocabulary)
    size = args.rows, args.positions, vocabulary.size
    rng = np.random.default_rng(0)
    small = torch.from_numpy(rng.standard_normal((1, args.positions, vocabulary.size), dtype=np.float32) * 3 + 7)
    step(table, small, canvases(table, small, 0))  # compiles what has to be, with little memory
    del small
    logits = torch.empty(size)
    for row in range(args.rows):
        logits[row] = torch.from_numpy(rng.standard_normal(size[1:], dtype=np.float32) * 3 + 7)
    blank = canvases(table, logits, 0)
    peak = peak_mib(lambda: step(table, logits, blank))
    states = [canvases(table, logits, k) for k in range(8)]

    def exact() -> object:
        return Tables.same(table, args.rows).bind(logits, blank).map()

    works: dict[str, Callable[[], object]] = {
        "torch amax": lambda: logits.amax(dim=-1),
        "map": exact,
        "a default step, nothing written": lambda: step(table, logits, blank),
        "a default step, mean of a decode of 8": lambda: [step(table, logits, state) for state in states],
    }
    half = logits.to(torch.bfloat16)
    works["a default step of bfloat16 logits"] = lambda: step(table, half, blank)
    times = medians_ms(works, args.rounds)
    times["a default step, mean of a decode of 8"] /= 8
    print(f"{table}; logits {size}, one thread, median processor time of {args.rounds}\n")
    print(f"peak beside the logits: {peak:.0f} MiB, {100 * peak * 2**20 / (4 * logits.numel()):.1f} % of them\n")
    print("| what | ms | x torch amax |\n|---|---|---|")
    for name, ms in times.items():
        print(f"| {name} | {ms:.1f} | {ms / times['torch amax']:.1f} |")


if __name__ == "__main__":
    main()
