"""Texts of mixed length through the model in the box, in batches of 16: what everything but its forwards takes.

One thread, processor time, the two ways in turns: rows of equal length alone (what a CPU does), and rows
that leave up to a quarter to padding (what an accelerator does).
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from dataclasses import replace
from statistics import mean, median
from typing import Any

import torch

import ctrldiff as cd
from ctrldiff.models import callable as grouping
from ctrldiff.state import State
from tests.benchmarks.measure import peak_mib
from tests.benchmarks.record import Record

NAMES = ("Maria Jensen", "Bo", "Anna-Karin Svensson", "Li Wei")
SCHEMA = {
    "type": "object",
    "properties": {"name": {"type": "string", "maxLength": 30}, "total": {"type": "number"}},
    "required": ["name", "total"],
}


class Counted:
    """A denoiser and its network, counted: rows of each call, rows that were open, seconds in the network."""

    def __init__(self, denoiser: Any) -> None:
        self.inner = replace(denoiser, network=self._network(denoiser.network))
        self.calls: list[int] = []
        self.open: list[int] = []
        self.seconds = 0.0

    def _network(self, network: Any) -> Any:
        def counted(*inputs: torch.Tensor) -> torch.Tensor:
            began = time.thread_time()
            logits = network(*inputs)
            self.seconds += time.thread_time() - began
            self.calls.append(len(inputs[0]))
            return logits

        return counted

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def __call__(self, state: State) -> torch.Tensor:
        self.open.append(int((~state.done).sum()))
        return self.inner(state)


def texts(count: int) -> list[str]:
    """Bills of one to seven sentences."""
    rng = random.Random(0)
    return [
        f"Bill to: {rng.choice(NAMES)}. Total due: EUR {rng.randint(10, 9999)}.{rng.randint(10, 99)}. "
        + "Thank you for your order of office goods. " * rng.randint(0, 6)
        for _ in range(count)
    ]


def records(quick: bool) -> Iterator[Record]:
    """Documents a second, of all and of the forwards alone, and how full the calls are."""
    torch.set_num_threads(1)
    asked, rounds = texts(16 if quick else 48), 1 if quick else 3
    model = cd.from_pretrained("tiny")
    plain = model.loaded.denoiser
    ways = {"of equal length": 0.0, "with padding": grouping.PADDED}
    taken: dict[str, list[tuple[float, Counted]]] = {way: [] for way in ways}

    def answer(padding: float) -> Counted:
        grouping.PADDED_ON_CPU = padding
        counted = Counted(plain)
        replace(model, loaded=replace(model.loaded, denoiser=counted))(asked, SCHEMA, batch_size=16)
        return counted

    answer(grouping.PADDED)  # what has to be compiled is
    for _ in range(rounds):
        for way, padding in ways.items():
            began = time.thread_time()
            counted = answer(padding)
            taken[way].append((time.thread_time() - began, counted))
    for way, padding in ways.items():
        where = {"rows that share a call": way}
        forwards = [len(asked) / counted.seconds for _, counted in taken[way]]
        yield Record.of("the forwards alone", forwards, "documents/s", **where)
        alone = ("the forwards alone", median(forwards))
        speeds = [len(asked) / took for took, _ in taken[way]]
        peak = peak_mib(lambda padding=padding: answer(padding))
        yield Record.of("all", speeds, "documents/s", to=alone, peak_mib=peak, **where)
        outside = [100 * (1 - counted.seconds / took) for took, counted in taken[way]]
        yield Record.of("outside the network", outside, "%", **where)
        counted = taken[way][0][1]
        yield Record.one("calls", len(counted.calls), **where)
        yield Record.one("of the open rows, a call takes", 100 * mean(counted.calls) / mean(counted.open), "%", **where)
