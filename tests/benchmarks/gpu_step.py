"""A step on a CUDA device, recorded as a CUDA graph and replayed: `make bench-gpu`, or

    python -m tests.benchmarks.gpu_step [--out FILE.json] [--positions 128] [--rounds 50]

By B rows of an ordinary schema over a vocabulary of 131,072, bfloat16 logits: milliseconds of the best string alone, of
all that a default step asks (best string, first choice, confidence, shares and legal mass of the string) and of each
launch, beside one `amax` and one `logsumexp` of the same logits, medians of device events; what a caller waits for
`bind` and `map`, not recorded, by the clock; and whether the strings are the host's.
Writes one JSON. Without a CUDA device it says so and measures nothing.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from ctrldiff.json_schema import JsonSchema
from ctrldiff.posterior.chain import bind_rows
from ctrldiff.posterior.table import Table
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


def measured(table: Table, rows: int, positions: int, rounds: int) -> dict[str, object]:
    """Milliseconds of one batch, and whether its strings are the host's."""
    from ctrldiff.posterior.gpu.workspace import Workspace

    torch.manual_seed(0)
    logits = (3 * torch.randn(rows, positions, table.size, device="cuda")).bfloat16()
    written = torch.full((rows, positions), -1, device="cuda")
    work = Workspace.of([table] * rows, logits, written, raw=True)
    sure, local, legal, surprise = (torch.empty(written.shape, device="cuda") for _ in range(4))
    chosen, first, mass = torch.empty_like(written), *(torch.empty(rows, device="cuda") for _ in range(2))

    def best() -> None:
        for launch in (work.read, work.close, work.best):
            launch()

    def step() -> None:
        best()
        work.sums()
        work.spread()
        work.leading(chosen, first, mass)
        work.confidence(work.strings, sure)
        work.given(work.strings, local, legal, surprise)

    parts = {name: getattr(work, name) for name in ("read", "close", "best", "sums", "spread")}
    replayed = {name: graph_of(launch).replay for name, launch in {"map": best, "step": step, **parts}.items()}
    floors = {"amax": lambda: logits.amax(dim=2), "logsumexp": lambda: logits.logsumexp(dim=2)}
    times = {name: round(median_ms(one, rounds), 4) for name, one in {**floors, **replayed}.items()}
    times["bind and map, by the clock"] = round(clock_ms(lambda: bind_rows([table] * rows, logits, raw=True).map()), 4)
    host = bind_rows([table], logits[:1].float().cpu(), np.full((1, positions), -1), raw=True)
    same = host.map()[0].tolist() == work.strings[0].tolist()
    near = abs(float(host.log_z()[0]) - float(work.weight[1][0]))
    return {"rows": rows, "ms": times, "same string as the host": same, "log_z off by": near}


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
