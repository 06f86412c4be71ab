"""A step on a CUDA device, recorded as a CUDA graph and replayed: `make bench-gpu`, or

    python -m tests.benchmarks.gpu_step [--out FILE.json] [--positions 128] [--rounds 50]

By B rows of an ordinary schema over a vocabulary of 131,072, bfloat16 logits: milliseconds of the best string alone, of
all that a default step asks (first choice, and given it the best string, confidence, shares and legal mass) and of each
launch, beside one `amax` and one `logsumexp` of the same logits, medians of device events; what a caller waits for
`bind` and `map`, not recorded, by the clock; how many launches a step has and how often the host waits in it, as
CUDA's own debug mode counts; and whether the strings are the host's.
Writes one JSON. Without a CUDA device it says so and measures nothing.
"""

from __future__ import annotations

import argparse
import functools
import json
import platform
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from ctrldiff.json_schema import JsonSchema
from ctrldiff.posterior.chain import bind_rows
from ctrldiff.posterior.table import Table
from ctrldiff.sampling.constrain import LeftmostFirst, Tables
from ctrldiff.state import State
from tests.benchmarks.default_step import PERSON
from tests.benchmarks.per_step import tekken

ROWS = (1, 4, 16, 32)


def graph_of(work: Callable[[], object]) -> torch.cuda.CUDAGraph:
    """The launches of `work`, which compiles and allocates beforehand, recorded."""
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            work()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        work()
    return graph


def median_ms(work: Callable[[], object], rounds: int) -> float:
    """The median time between two events of the device around it."""
    times = []
    for _ in range(rounds):
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        begin.record()
        work()
        end.record()
        end.synchronize()
        times.append(begin.elapsed_time(end))
    return sorted(times)[rounds // 2]


def clock_ms(work: Callable[[], object], rounds: int = 9) -> float:
    """The median time until the device is done, by the clock; the first, which compiles, left out."""
    times = []
    for _ in range(rounds + 1):
        begin = time.perf_counter()
        work()
        torch.cuda.synchronize()
        times.append(1000 * (time.perf_counter() - begin))
    return sorted(times[1:])[rounds // 2]


def syncs(work: Callable[[], object]) -> int:
    """How often the host waits for the device."""
    work()  # compiles and allocates
    before = torch.cuda.get_sync_debug_mode()
    torch.cuda.set_sync_debug_mode("warn")
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            work()
    finally:
        torch.cuda.set_sync_debug_mode(before)
    return sum("synchroniz" in str(one.message) for one in caught)


def default_step(table: Table, rows: int, logits: torch.Tensor) -> None:
    """What the loop asks of the posterior in a step of the default plan."""
    state = State.blank([[0]] * rows, logits.shape[1])
    posterior = LeftmostFirst(Tables.same(table, rows)).bind(logits, state)
    tokens = posterior.map().cpu()
    posterior.confidence(tokens).cpu()
    posterior.local(tokens).cpu()


def measured(table: Table, rows: int, positions: int, rounds: int) -> dict[str, object]:
    """Milliseconds of one batch, and whether its strings are the host's."""
    from tests.posterior.gpu.quiet import Told, WholeStep, launches

    torch.manual_seed(0)
    logits = (3 * torch.randn(rows, positions, table.size, device="cuda")).bfloat16()
    written = torch.full((rows, positions), -1, device="cuda")
    step = WholeStep.of([table] * rows, logits, written)
    work = step.work

    def best() -> None:
        for launch in (work.read, work.close, work.best):
            launch()

    parts = {name: getattr(work, name) for name in ("read", "close", "best", "sums", "spread")}
    replayed = {name: graph_of(launch).replay for name, launch in {"map": best, "step": step, **parts}.items()}
    floors = {"amax": lambda: logits.amax(dim=2), "logsumexp": lambda: logits.logsumexp(dim=2)}
    times = {name: round(median_ms(one, rounds), 4) for name, one in {**floors, **replayed}.items()}
    times["bind and map, by the clock"] = round(clock_ms(lambda: bind_rows([table] * rows, logits, raw=True).map()), 4)
    host = bind_rows([table], logits[:1].float().cpu(), np.full((1, positions), -1), raw=True)
    same = host.map()[0].tolist() == work.strings[0].tolist()
    near = abs(float(host.log_z()[0]) - float(work.weight[1][0]))
    told: Told = []
    with launches(told, real=True):
        step()
    asked = functools.partial(default_step, table, rows, logits)
    counts = {
        "launches a step": len(told),
        "host syncs in them": syncs(step),
        "host syncs of a step as the loop asks it": syncs(asked),
    }
    return {"rows": rows, "ms": times, **counts, "same string as the host": same, "log_z off by": near}


def main() -> None:
    """Measure all and write the JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, default=Path("bench-gpu.json"))
    parser.add_argument("--positions", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=50)
    given = parser.parse_args()
    if not torch.cuda.is_available():
        raise SystemExit("no CUDA device here: nothing was measured")
    import triton

    table = JsonSchema(PERSON).compile(tekken())
    told = {
        "device": torch.cuda.get_device_name(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "triton": triton.__version__,
        "table": repr(table),
        "positions": given.positions,
        "batches": [measured(table, rows, given.positions, given.rounds) for rows in ROWS],
    }
    given.out.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    print(given.out.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
