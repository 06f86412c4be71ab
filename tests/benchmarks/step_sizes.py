"""A step of the default plan by size: a star around 128 positions, 4 rows, 3,631 states and 131,072 tokens.

bfloat16 logits, nothing written, one thread; `amax` and `logsumexp` of the same logits in turns with it. The constraint
is a list of objects, so that every canvas holds a text; where the canvas is too short for most of them, states that
cannot end are not swept, as in any decode.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch

import ctrldiff as cd
from ctrldiff.json_schema import JsonSchema
from ctrldiff.posterior.table import Table
from ctrldiff.sampling.constrain import Tables
from ctrldiff.tokens.vocabulary import Vocabulary
from tests.benchmarks.default_step import PERSON, canvases, step
from tests.benchmarks.measure import in_turns
from tests.benchmarks.per_step import tekken, tekken_rows
from tests.benchmarks.record import Record


def _list(items: Any, most: int) -> Any:
    return {"type": "array", "items": items, "maxItems": most}


def _object(**properties: Any) -> Any:
    return {"type": "object", "properties": properties, "required": list(properties)}


DATE, EMAIL = {"type": "string", "format": "date"}, {"type": "string", "format": "email"}
CONSTRAINTS = {
    "60": _list(DATE, 2),
    "260": _list(_object(name={"type": "string", "maxLength": 16}), 1),
    "800": _list(_object(name={"type": "string", "maxLength": 40}, email=EMAIL), 1),
    "4k": _list(PERSON, 1),
    "18k": _list(PERSON, 5),
}


def doubled() -> Vocabulary:
    """262,144 rows: Tekken's tokens, and each joined to the next."""
    rows = tekken_rows()
    pairs = [a + b if a and b else None for a, b in zip(rows, rows[1:] + rows[:1])]
    return Vocabulary.from_tokens([*rows, *pairs], stop_ids=[2])


VOCABULARIES: dict[str, Callable[[], Vocabulary]] = {
    "2k": lambda: cd.from_pretrained("tiny").vocabulary,
    "131k": tekken,
    "262k": doubled,
}
CENTRE: dict[str, Any] = {"T": 128, "B": 4, "S": "4k", "V": "131k"}
STAR: dict[str, tuple[Any, ...]] = {
    "T": (32, 128, 512),
    "B": (1, 4, 16, 64),
    "S": ("60", "800", "4k", "18k"),
    "V": ("2k", "131k", "262k"),
}


def rows_of(batch: int, positions: int, size: int) -> torch.Tensor:
    """(B, T, V) bfloat16: one row of normal numbers, turned further by each row."""
    torch.manual_seed(0)
    base = (3 * torch.randn(positions, size) + 7).bfloat16()
    logits = torch.empty((batch, positions, size), dtype=torch.bfloat16)
    for row in range(batch):
        logits[row] = base.roll(997 * row, dims=1)
    return logits


def room() -> int:
    """Bytes that may be taken without pushing anything out. Linux only."""
    line = Path("/proc/meminfo").read_text().split("MemAvailable:")[1]
    return 1024 * int(line.split()[0])


def records(quick: bool) -> Iterator[Record]:
    """Each point once, and the axes it lies on in its parameters."""
    torch.set_num_threads(1)
    vocabularies = {name: make() for name, make in VOCABULARIES.items() if name != "262k" or not quick}
    small = JsonSchema(CONSTRAINTS["60"]).compile(vocabularies["2k"])
    point_records(small, 1, 32, {}, 1)  # compiles what has to be
    points: dict[tuple[Any, ...], list[str]] = {}
    for axis, values in STAR.items():
        for value in values:
            point = {**CENTRE, axis: value}
            points.setdefault(tuple(point.values()), []).append(axis)
    for (T, B, S, V), axes in points.items():
        if quick and (T > 128 or B > 4 or V not in vocabularies):
            continue
        table = JsonSchema(CONSTRAINTS[S]).compile(vocabularies[V])
        sizes = {"axis": " ".join(axes), "T": T, "B": B, "S": table.automaton.n_states}
        sizes |= {"E": table.automaton.n_edges, "V": table.size}
        asked = 2 * B * T * table.size
        if 4 * asked > room():  # the logits, and what logsumexp copies
            yield Record.none("a default step", f"not run: {asked / 2**30:.1f} GiB of logits", **sizes)
            continue
        yield from point_records(table, B, T, sizes, 3 if B * T * table.size <= 2**27 else 1)


def point_records(table: Table, batch: int, positions: int, sizes: dict[str, Any], rounds: int) -> list[Record]:
    """One point of the star."""
    logits = rows_of(batch, positions, table.size)
    blank = canvases(table, logits, 0)
    return in_turns(
        {
            "amax": lambda: logits.amax(dim=-1),
            "logsumexp": lambda: logits.logsumexp(dim=-1),
            "best string": lambda: Tables.same(table, batch).bind(logits, blank).map(),
            "a default step": lambda: step(table, logits, blank),
        },
        rounds,
        "amax",
        warm=True,
        **sizes,
    )
