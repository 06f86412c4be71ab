"""A step of the default plan at the size people run, against one maximum of the same logits; and the memory it takes.

Raw logits in, tokens written and their legal mass noted out: `LeftmostFirst`, `Best`, `Prefix(.99, own=.9)` and
`NoteLegal`, an ordinary schema, a vocabulary of 131,072. One thread, medians of processor time taken in turns. A decode
of 8 steps is the mean over canvases of which 0/8, 1/8, ... 7/8 are written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from statistics import median

import numpy as np
import torch

from ctrldiff.json_schema import JsonSchema
from ctrldiff.posterior.table import Table
from ctrldiff.protocols import Move
from ctrldiff.sampling.constrain import LeftmostFirst, Tables
from ctrldiff.sampling.legal import NoteLegal
from ctrldiff.sampling.plan import Plan
from ctrldiff.state import State
from tests.benchmarks.measure import peak_mib, times_ms
from tests.benchmarks.per_step import tekken
from tests.benchmarks.record import Record

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


def records(quick: bool) -> Iterator[Record]:
    """4 rows of 128 positions."""
    torch.set_num_threads(1)
    vocabulary = tekken()
    table = JsonSchema(PERSON).compile(vocabulary)
    rows, positions = (1, 128) if quick else (4, 128)
    rng = np.random.default_rng(0)
    logits = torch.empty((rows, positions, vocabulary.size))
    for row in range(rows):
        logits[row] = torch.from_numpy(rng.standard_normal(logits.shape[1:], dtype=np.float32) * 3 + 7)
    half, states = logits.to(torch.bfloat16), [canvases(table, logits, eighths) for eighths in range(8)]
    blank, decode = states[0], "a default step, mean of a decode of 8"
    works: dict[str, Callable[[], object]] = {
        "torch amax": lambda: logits.amax(dim=-1),
        "torch logsumexp": lambda: logits.logsumexp(dim=-1),
        "map": lambda: Tables.same(table, rows).bind(logits, blank).map(),
        "a default step, nothing written": lambda: step(table, logits, blank),
        decode: lambda: [step(table, logits, state) for state in states],
        "a default step of bfloat16 logits": lambda: step(table, half, blank),
    }
    times_ms(works, 1)  # compiles and warms
    peaks = {name: peak_mib(work) for name, work in works.items()}
    times = times_ms(works, 3 if quick else 5)
    times[decode] = [taken / len(states) for taken in times[decode]]
    floor = ("torch amax", median(times["torch amax"]))
    for name, taken in times.items():
        yield Record.of(name, taken, "ms", to=floor, peak_mib=peaks[name])
    yield Record.one("the logits themselves", logits.numel() * 4 / 2**20, "MiB")
