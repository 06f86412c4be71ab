"""Texts of mixed length through the model in the box: rows that share a call, and what everything else takes.

    python -m tests.benchmarks.shared_calls [--texts 48]

One thread, processor time, in turns: rows of equal length alone (what a CPU does), and rows that leave some of what is
forwarded to padding, up to a quarter of it (what an accelerator does).
"""

from __future__ import annotations

import argparse
import random
import time
from dataclasses import replace
from typing import Any

import torch

import ctrldiff as cd
from ctrldiff.models import callable as grouping
from ctrldiff.state import State

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


def main() -> None:
    """Print a markdown table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--texts", type=int, default=48)
    count = parser.parse_args().texts
    torch.set_num_threads(1)
    rng = random.Random(0)
    texts = [
        f"Bill to: {rng.choice(NAMES)}. Total due: EUR {rng.randint(10, 9999)}.{rng.randint(10, 99)}. "
        + "Thank you for your order of office goods. " * rng.randint(0, 6)
        for _ in range(count)
    ]
    model = cd.from_pretrained("tiny")
    plain = model.loaded.denoiser
    print("| rows that share a call | calls | of the open rows | network | texts a second |\n|---|---|---|---|---|")
    for _ in range(2):
        for name, most in (
            ("of equal length", 0.0),
            ("a 12th padding", 1 / 12),
            ("a quarter padding", grouping.PADDED),
        ):
            grouping.PADDED_ON_CPU = most
            counted = Counted(plain)
            began = time.thread_time()
            replace(model, loaded=replace(model.loaded, denoiser=counted))(texts, SCHEMA, batch_size=16)
            took = time.thread_time() - began
            share = sum(counted.calls) / len(counted.calls) / (sum(counted.open) / len(counted.open))
            network, speed = f"{counted.seconds:.2f} s of {took:.2f}", f"{count / took:.1f}"
            print(f"| {name} | {len(counted.calls)} | {share:.0%} | {network} | {speed} |")


if __name__ == "__main__":
    main()
