"""Train the puzzle model; the same command begins a run and goes on with it.

    python -m examples.puzzles.train --out DIR --minutes 45

DIR holds checkpoint.pt (weights and optimizer; written beside and renamed, every --save-minutes), curve.csv and
export/, a model that `ctrldiff.from_pretrained` loads. After a stop of any kind the same command goes on from the
last checkpoint and sees the data it would have seen: batch n of a seed is always the same.
"""

from __future__ import annotations

import argparse
import csv
import json
import signal
import time
from pathlib import Path

import torch
import torch.nn.functional as F

from examples.puzzles.batches import SHARES, Batch, batch
from examples.puzzles.network import CONTEXT, byte_tokenizer, puzzle_config
from examples.train_tiny.export import export, replace
from examples.train_tiny.network import TrainingForward, make_model
from examples.train_tiny.optim import Optimizer, working_type

BATCH_TOKENS = 4096
PEAK = 4e-3
WARM_UP_STEPS = 100
CONSTANT = 0.4  # share of the run at the peak, before the rate falls to nothing
LOG_STEPS = 100
COLUMNS = ("step", "minutes", "loss", "masked_tokens_right", *SHARES)


class Run:
    """Everything that a checkpoint holds, and the step that advances it."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options, self.folder = options, options.out
        self.folder.mkdir(parents=True, exist_ok=True)
        torch.manual_seed(options.seed)
        self.model = make_model(puzzle_config())
        self.forward = TrainingForward(self.model, CONTEXT)
        self.optimizer = Optimizer(self.model)
        self.step, self.spent_s = 0, 0.0
        self.recent: list[tuple[str, float, float]] = []  # task, loss, share right: since the last line of the curve
        if (self.folder / "checkpoint.pt").exists():
            self.restore()
        self.loss = self._loss if options.eager else torch.compile(self._loss, dynamic=True)

    def _loss(self, tokens: torch.Tensor, rows: torch.Tensor, targets: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Nats a masked token, and the share that was right."""
        quick = working_type(tokens.device) == torch.bfloat16
        with torch.autocast("cpu", torch.bfloat16, enabled=quick):
            logits = self.forward(tokens, rows).float()
        right = (logits.detach().argmax(-1) == targets).float().mean()
        return F.cross_entropy(logits, targets), right

    def gone(self) -> float:
        """The share of the run that is over, by its steps or its minutes."""
        steps, minutes = self.options.steps, self.options.minutes
        return max(self.step / steps if steps else 0.0, self.spent_s / 60 / minutes if minutes else 0.0)

    def rate(self) -> float:
        return PEAK * min(1.0, (self.step + 1) / WARM_UP_STEPS, max(0.0, 1 - self.gone()) / (1 - CONSTANT))

    def train_step(self, one: Batch) -> None:
        loss, right = self.loss(*(torch.from_numpy(part) for part in (one.tokens, one.rows, one.targets)))
        for weight in self.model.parameters():
            weight.grad = None
        loss.backward()
        self.optimizer.step(self.rate())
        self.step += 1
        self.recent.append((one.task, float(loss.detach()), float(right)))

    # ---- what lasts

    def save(self) -> None:
        state = {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state(),
            "counts": (self.step, self.spent_s),
            "recent": self.recent,
        }
        replace(self.folder / "checkpoint.pt", lambda path: torch.save(state, path))
        folder = self.folder / "export"
        export(self.model.config, self.model.state_dict(), byte_tokenizer(), folder, torch.bfloat16)
        # Kept in two bytes, run in four: in bfloat16 a CPU without it is slow, and figures differ from CPU to CPU.
        config = json.loads((folder / "config.json").read_text(encoding="utf-8")) | {"dtype": "float32"}
        (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")

    def restore(self) -> None:
        saved = torch.load(self.folder / "checkpoint.pt", weights_only=True)
        self.model.load_state_dict(saved["model"])
        self.optimizer.restore(saved["optimizer"])
        self.step, self.spent_s = saved["counts"]
        self.recent = [tuple(figures) for figures in saved["recent"]]
        curve = self.folder / "curve.csv"
        if curve.exists():  # lines behind the checkpoint will be written again
            head, *lines = curve.read_text(encoding="utf-8").splitlines(keepends=True)
            kept = [line for line in lines if int(line.split(",")[0]) <= self.step]
            replace(curve, lambda path: path.write_text("".join([head, *kept]), encoding="utf-8"))

    def log(self) -> None:
        """One line: means over the steps since the last one; of each task the share of masked tokens that was right."""
        loss, right = (sum(one[n] for one in self.recent) / len(self.recent) for n in (1, 2))
        row = [str(self.step), f"{self.spent_s / 60:.2f}", f"{loss:.4f}", f"{right:.4f}"]
        for task in SHARES:
            own = [one[2] for one in self.recent if one[0] == task]
            row.append(f"{sum(own) / len(own):.3f}" if own else "")
        path = self.folder / "curve.csv"
        fresh = not path.exists()
        with path.open("a", newline="", encoding="utf-8") as file:
            csv.writer(file, lineterminator="\n").writerows([COLUMNS, row] if fresh else [row])
        print(time.strftime("%H:%M:%S"), *row, flush=True)
        self.recent = []

    def go(self) -> None:
        stopped: list[int] = []
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, lambda number, frame: stopped.append(number))
        print(f"{sum(one.numel() for one in self.model.parameters()):,} parameters, at step {self.step}", flush=True)
        began = saved = time.monotonic()
        clock = began - self.spent_s
        while self.gone() < 1 and not stopped:
            self.train_step(batch(self.options.seed, self.step, self.options.batch_tokens))
            self.spent_s = time.monotonic() - clock
            if self.step % LOG_STEPS == 0:
                self.log()
            if time.monotonic() - saved > 60 * self.options.save_minutes:
                self.save()
                saved = time.monotonic()
        self.save()


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="the folder of the run")
    length = parser.add_mutually_exclusive_group(required=True)
    length.add_argument("--steps", type=int, help="of the whole run; the rate falls to nothing by then")
    length.add_argument("--minutes", type=float, help="of the whole run, by the clock")
    parser.add_argument("--seed", type=int, default=18)
    parser.add_argument("--batch-tokens", type=int, default=BATCH_TOKENS)
    parser.add_argument("--save-minutes", type=float, default=5)
    parser.add_argument("--eager", action="store_true", help="without a compiled graph")
    return parser


def main() -> None:
    options = arguments().parse_args()
    torch.set_num_threads(1)
    Run(options).go()


if __name__ == "__main__":
    main()
