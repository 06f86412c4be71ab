"""Train the tiny model that ships in the package, from nothing but this repository.

    python -m examples.train_tiny.train --minutes 90 --seed 7 --out DIR

Stops by the clock: the learning rate follows the share of the minutes spent, so its decay always completes. Every few
minutes DIR/checkpoint.pt (to go on from after a restart) and DIR/export (a loadable model) are replaced.
"""

import argparse
import csv
import shutil
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file

from examples.train_tiny.batches import batches
from examples.train_tiny.export import export, replace
from examples.train_tiny.mixture import stream
from examples.train_tiny.network import TrainingForward, make_config, make_model
from examples.train_tiny.optim import Optimizer, learning_rate
from examples.train_tiny.start import construct
from examples.train_tiny.tokenizer import Encoder, load_tokenizer, train_tokenizer

AVERAGE = 0.99  # the exported weights are a running mean over about 100 steps
LOG_STEPS = 50


class Run:
    """Everything that a checkpoint holds, and the step that advances it."""

    def __init__(self, folder: Path, minutes: float, seed: int, start: Path | None = None):
        self.folder, self.minutes, self.seed = folder, minutes, seed
        folder.mkdir(parents=True, exist_ok=True)
        self.step, self.spent_s, self.tokens, self.examples = 0, 0.0, 0, 0
        if start is not None:
            shutil.copy(start / "tokenizer.json", folder / "tokenizer.json")
        elif not (folder / "tokenizer.json").exists():
            train_tokenizer(stream(seed)).save(str(folder / "tokenizer.json"))
        self.encoder = Encoder(load_tokenizer(folder))
        torch.manual_seed(seed)
        self.model = make_model(make_config(self.encoder.tokenizer.get_vocab_size()))
        construct(self.model, seed)
        self.forward = TrainingForward(self.model)
        self.optimizer = Optimizer(self.model)
        self.average = {name: weight.detach().clone() for name, weight in self.model.named_parameters()}
        if (folder / "checkpoint.pt").exists():
            self.restore()
        elif start is not None:
            self.start_from(start)
        # One graph for all lengths: about a minute to compile, then half of the time a step.
        self.loss = torch.compile(self._loss, dynamic=True)

    def _loss(self, tokens, rows, targets, weights) -> tuple[torch.Tensor, torch.Tensor]:
        """Mean loss over the masked tokens, by weight, and the share of them that were right."""
        with torch.autocast("cpu", dtype=torch.bfloat16):
            logits = self.forward(tokens, rows)
        losses = F.cross_entropy(logits.float(), targets, reduction="none")
        right = (logits.detach().argmax(-1) == targets) * weights
        return (losses * weights).sum() / weights.sum(), right.sum() / weights.sum()

    def start_from(self, folder: Path) -> None:
        """The weights of an exported model in place of the constructed start."""
        weights = load_file(folder / "model.safetensors")
        self.model.load_state_dict(weights, strict=False)
        for name, weight in self.model.named_parameters():
            self.average[name].copy_(weight.detach())

    def restore(self) -> None:
        saved = torch.load(self.folder / "checkpoint.pt", weights_only=True)
        self.model.load_state_dict(saved["model"])
        self.optimizer.restore(saved["optimizer"])
        for name, weight in saved["average"].items():
            self.average[name].copy_(weight)
        self.step, self.spent_s, self.tokens, self.examples = saved["counts"]

    def save(self) -> None:
        counts = (self.step, self.spent_s, self.tokens, self.examples)
        state = {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state(),
            "average": self.average,
            "counts": counts,
        }
        replace(self.folder / "checkpoint.pt", lambda path: torch.save(state, path))
        export(self.model.config, self.average, self.encoder.tokenizer, self.folder / "export")

    def train_step(self, batch) -> tuple[float, float]:
        """One update; the loss, and the share of masked tokens that were right."""
        loss, right = self.loss(batch.tokens, batch.rows, batch.targets, batch.weights)
        for weight in self.model.parameters():
            weight.grad = None
        loss.backward()
        self.optimizer.step(learning_rate(self.step, self.spent_s / (60 * self.minutes)))
        with torch.no_grad():
            for name, weight in self.model.named_parameters():
                self.average[name].lerp_(weight, 1 - min(AVERAGE, self.step / (self.step + 10)))
        self.step += 1
        self.tokens += batch.tokens.numel()
        self.examples += len(batch.tokens)
        return float(loss.detach()), float(right.detach())

    def log(self, loss: float, right: float) -> None:
        rate = learning_rate(self.step, self.spent_s / (60 * self.minutes))
        row = [
            self.step,
            f"{self.spent_s / 60:.2f}",
            self.examples,
            self.tokens,
            f"{rate:.6f}",
            f"{loss:.4f}",
            f"{right:.4f}",
        ]
        path = self.folder / "curve.csv"
        fresh = not path.exists()
        with path.open("a", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            if fresh:
                writer.writerow("step minutes examples tokens learning_rate loss masked_tokens_right".split())
            writer.writerow(row)
        print(*row, flush=True)

    def go(self, save_minutes: float) -> None:
        # After a restart the stream goes on from another seed: no example is seen twice.
        feed = batches(stream(self.seed + 1000 * self.step), self.encoder, self.seed + self.step)
        clock, saved = time.monotonic() - self.spent_s, time.monotonic()
        recent: list[tuple[float, float]] = []  # (loss, right) since the last line, which a restart makes fewer
        while self.spent_s < 60 * self.minutes:
            recent.append(self.train_step(next(feed)))
            self.spent_s = time.monotonic() - clock
            if self.step % LOG_STEPS == 0:
                self.log(*(sum(values) / len(recent) for values in zip(*recent)))
                recent = []
            if time.monotonic() - saved > 60 * save_minutes:
                self.save()
                saved = time.monotonic()
        self.save()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=90)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--start", type=Path, help="an exported model to go on from, with a fresh optimizer and clock")
    parser.add_argument("--save-minutes", type=float, default=5)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    Run(options.out, options.minutes, options.seed, options.start).go(options.save_minutes)


if __name__ == "__main__":
    main()
