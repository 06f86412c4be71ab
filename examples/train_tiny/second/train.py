"""Train the second generation, in as many runs as it takes; the same command begins a run and goes on with it.

    python -m examples.train_tiny.second.train --out DIR --pools POOLS

Runs at a constant rate until it is stopped, or for --hours. DIR holds tokenizer.json, checkpoint.pt (weights,
optimizer, running mean, position in the data: written beside and renamed, every --save-minutes), curve.csv and
export/, a model that `ctrldiff.from_pretrained` loads. After a stop of any kind the same command goes on from the
last checkpoint and sees the data it would have seen.

To bring the rate down to nothing and get the model that one ships, in a folder of its own:

    python -m examples.train_tiny.second.train --out FINAL --from DIR --anneal 20e6

On another machine, from the model alone, whose run.json says how far it had come; the optimizer begins anew:

    python -m examples.train_tiny.second.train --out DIR --from ctrldiff/models/small --pools POOLS

On a GPU, for size B, where the clock is what counts:

    python -m examples.train_tiny.second.train --out DIR --pools POOLS --size B --device cuda --workers 14 --minutes 9
"""

import argparse
import csv
import json
import multiprocessing
import shutil
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file

from examples.train_tiny.export import export, replace
from examples.train_tiny.network import TrainingForward, make_config, make_model
from examples.train_tiny.optim import Optimizer, working_type
from examples.train_tiny.second import pools
from examples.train_tiny.second.batches import CONTEXT, Batch, chunk_batches, stream
from examples.train_tiny.second.mixture import Source
from examples.train_tiny.second.tokenizer import train_tokenizer
from examples.train_tiny.start import construct
from examples.train_tiny.tokenizer import Encoder, load_tokenizer

BASE = 1e10  # of the rotary angles: see make_config
POINTER_SHARE = 0.2  # of the pointer loss in the whole
AVERAGE = 0.995
WARM_UP_STEPS = 100
CONSTANT = 0.4  # share of a run by the clock before the decay
LOG_STEPS = 25
AHEAD = 4  # chunks that a worker makes before they are wanted


@dataclass(frozen=True)
class Size:
    """layers, width, tokens a step, highest rate."""

    layers: int
    width: int
    batch_tokens: int
    peak: float


SIZES = {
    "A": Size(8, 256, 6144, 2e-3),
    "B": Size(10, 384, 49_152, 3e-3),
    "test": Size(3, 192, 1024, 2e-3),
}


class Run:
    """Everything that a checkpoint holds, and the step that advances it."""

    def __init__(self, options: argparse.Namespace):
        self.options, self.folder, self.size = options, options.out, SIZES[options.size]
        self.folder.mkdir(parents=True, exist_ok=True)
        resumed = (self.folder / "checkpoint.pt").exists()
        for name, own in (("pools.json.gz", options.pools), ("tokenizer.json", None)):
            given = own or (options.start / name if options.start else None)
            if given and not (self.folder / name).exists():
                shutil.copy(given, self.folder / name)
        self.source = Source(pools.load(self.folder / "pools.json.gz"), options.seed)
        if not (self.folder / "tokenizer.json").exists():
            train_tokenizer(self.source.stream(10**6)).save(str(self.folder / "tokenizer.json"))
        self.encoder = Encoder(load_tokenizer(self.folder))
        self.device = torch.device(options.device)
        torch.manual_seed(options.seed)
        config = make_config(
            self.encoder.tokenizer.get_vocab_size(),
            self.size.layers,
            self.size.width,
            CONTEXT,
            BASE,
            "described",
            rooms=True,
        )
        self.model = make_model(config)
        construct(self.model, options.seed)
        self.model.to(self.device)
        self.forward = TrainingForward(self.model, CONTEXT, pointer=(self.size.layers * 5 // 8, 0))
        self.optimizer = Optimizer(self.model)
        self.average = {name: weight.detach().clone() for name, weight in self.model.named_parameters()}
        self.step, self.tokens, self.examples, self.spent_s = 0, 0, 0, 0.0
        self.position = (0, 0)  # chunk, batch in it: the next to be seen
        self.annealed_from = 0
        self.recent: list[tuple[float, ...]] = []  # figures of the steps since the last line of the curve
        if resumed:
            self.restore(self.folder)
            self.forget_later_lines()
        elif options.start:
            (self.restore if (options.start / "checkpoint.pt").exists() else self.take_up)(options.start)
            self.annealed_from = self.tokens
        self.loss = self._loss if options.eager else torch.compile(self._loss, dynamic=True)

    def _loss(self, tokens, rows, targets, weights, pointing, aims) -> tuple[torch.Tensor, ...]:
        """The whole loss; of it that of the tokens, by weight, and of the pointers; the share that was right."""
        quick = working_type(self.device) == torch.bfloat16
        with torch.autocast(self.device.type, torch.bfloat16, enabled=quick):
            logits, scores = self.forward.with_pointers(tokens, rows, pointing)
        losses = F.cross_entropy(logits.float(), targets, reduction="none")
        words = (losses * weights).sum() / weights.sum()
        found = torch.where(aims, scores.float().log_softmax(-1), -1e4).logsumexp(-1)
        pointers = -found.sum() / len(pointing)
        right = ((logits.detach().argmax(-1) == targets) * weights).sum() / weights.sum()
        return words + POINTER_SHARE * pointers, words.detach(), pointers.detach(), right

    def rate(self) -> float:
        """After the warm-up the highest rate; brought down to nothing over --anneal tokens, or by the clock."""
        options, share = self.options, 0.0
        if options.anneal:
            share = (self.tokens - self.annealed_from) / options.anneal
        elif options.minutes:
            share = max(0.0, self.spent_s / (60 * options.minutes) - CONSTANT) / (1 - CONSTANT)
        return self.size.peak * min(1.0, (self.step + 1) / WARM_UP_STEPS) * max(0.0, 1.0 - share)

    def restore(self, folder: Path) -> None:
        saved = torch.load(folder / "checkpoint.pt", weights_only=True, map_location=self.device)
        self.model.load_state_dict(saved["model"])
        self.optimizer.restore(saved["optimizer"])
        for name, weight in saved["average"].items():
            self.average[name].copy_(weight)
        self.step, self.tokens, self.examples, self.spent_s, self.annealed_from = saved["counts"]
        self.position = tuple(saved["position"])
        self.recent = [tuple(figures) for figures in saved["recent"]]

    def take_up(self, folder: Path) -> None:
        """Go on from an exported model: its weights, and where in the data it stood."""
        found = load_file(folder / "model.safetensors")
        weights = dict(self.model.named_parameters())
        if found.keys() != weights.keys():
            raise ValueError(f"{folder} holds a network of another form: {sorted(found.keys() ^ weights.keys())}")
        with torch.no_grad():
            for name, weight in found.items():
                weights[name].copy_(weight)
                self.average[name].copy_(weight)
        counts = json.loads((folder / "run.json").read_text())
        self.tokens, self.examples, self.position = counts["tokens"], counts["examples"], (counts["chunk"] + 1, 0)

    def forget_later_lines(self) -> None:
        """Of the curve, what was written after the checkpoint and will be again."""
        path = self.folder / "curve.csv"
        if path.exists():
            head, *lines = path.read_text().splitlines()
            kept = [line for line in lines if int(line.split(",")[0]) <= self.step]
            replace(path, lambda fresh: fresh.write_text("\n".join([head, *kept]) + "\n"))

    def save(self) -> None:
        state = {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state(),
            "average": self.average,
            "counts": (self.step, self.tokens, self.examples, self.spent_s, self.annealed_from),
            "position": self.position,
            "recent": self.recent,
        }
        replace(self.folder / "checkpoint.pt", lambda path: torch.save(state, path))
        weights = {name: weight.cpu() for name, weight in self.average.items()}
        export(self.model.config, weights, self.encoder.tokenizer, self.folder / "export", torch.bfloat16)
        counts = {
            "tokens": self.tokens,
            "examples": self.examples,
            "chunk": self.position[0],
            "seed": self.options.seed,
        }
        (self.folder / "export/run.json").write_text(json.dumps(counts) + "\n")

    def train_step(self, batch: Batch) -> tuple[float, ...]:
        """One update; loss of the tokens, loss of the pointers, share that was right."""
        parts = (batch.tokens, batch.rows, batch.targets, batch.weights, batch.pointing, batch.aims)
        whole, *figures = self.loss(*(torch.from_numpy(part).to(self.device) for part in parts))
        for weight in self.model.parameters():
            weight.grad = None
        whole.backward()
        self.optimizer.step(self.rate())
        with torch.no_grad():
            for name, weight in self.model.named_parameters():
                self.average[name].lerp_(weight, 1 - min(AVERAGE, self.step / (self.step + 10)))
        self.step += 1
        self.tokens += batch.tokens.size
        self.examples += len(batch.tokens)
        return tuple(float(one) for one in figures)

    def log(self, figures: list[float]) -> None:
        path, names = self.folder / "curve.csv", "step minutes examples tokens rate loss pointer_loss right".split()
        row = [self.step, f"{self.spent_s / 60:.2f}", self.examples, self.tokens, f"{self.rate():.6f}"]
        row += [f"{one:.4f}" for one in figures]
        fresh = not path.exists()
        with path.open("a", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerows([names, row] if fresh else [row])
        print(time.strftime("%H:%M:%S"), *row, flush=True)

    def done(self) -> bool:
        options = self.options
        if options.anneal:
            return self.tokens - self.annealed_from >= options.anneal
        return bool(options.minutes) and self.spent_s >= 60 * options.minutes

    def go(self) -> None:
        options, stopped = self.options, []
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, lambda *_: stopped.append(True))
        feed = feeding(options, self.source, self.encoder, self.size.batch_tokens, self.position)
        print(f"{sum(p.numel() for p in self.model.parameters()):,} parameters, at step {self.step}", flush=True)
        began = saved = time.monotonic()
        clock = began - self.spent_s
        for chunk, place, batch in feed:
            self.recent.append(self.train_step(batch))
            self.position = (chunk, place + 1)
            self.spent_s = time.monotonic() - clock
            if self.step % LOG_STEPS == 0:
                self.log([sum(one) / len(self.recent) for one in zip(*self.recent)])
                self.recent = []
            out_of_time = options.hours and time.monotonic() - began > 3600 * options.hours
            if stopped or out_of_time or self.done() or (options.steps and self.step >= options.steps):
                break
            if time.monotonic() - saved > 60 * options.save_minutes:
                self.save()
                saved = time.monotonic()
        self.save()


# ---- feeding


def feeding(options, source: Source, encoder: Encoder, batch_tokens: int, start: tuple[int, int]) -> Iterator:
    """Batches in their order, made here or by --workers processes."""
    if not options.workers:
        yield from stream(source, encoder, batch_tokens, start)
        return
    context = multiprocessing.get_context("spawn")
    queues = [context.Queue(AHEAD) for _ in range(options.workers)]
    for n, queue in enumerate(queues):
        arguments = (options.out, options.seed, batch_tokens, start[0] + n, options.workers, queue)
        context.Process(target=_work, args=arguments, daemon=True).start()
    number, place = start
    while True:
        for n, batch in enumerate(queues[(number - start[0]) % options.workers].get()):
            if n >= place:
                yield number, n, batch
        number, place = number + 1, 0


def _work(folder: Path, seed: int, batch_tokens: int, first: int, step: int, queue) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    source, encoder = Source(pools.load(folder / "pools.json.gz"), seed), Encoder(load_tokenizer(folder))
    number = first
    while True:
        queue.put(chunk_batches(source, number, encoder, batch_tokens))
        number += step


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="the folder of the run")
    parser.add_argument("--pools", type=Path, help="pools.json.gz, the first time")
    parser.add_argument(
        "--from", dest="start", type=Path, help="another run's folder or export, to go on from in this one"
    )
    parser.add_argument("--size", choices=list(SIZES), default="A")
    parser.add_argument("--seed", type=int, default=17)
    parser.add_argument("--hours", type=float, default=0, help="stop after so long; the next run goes on")
    parser.add_argument("--steps", type=int, default=0, help="stop at this step")
    parser.add_argument("--anneal", type=float, default=0, help="bring the rate down over so many tokens, and end")
    parser.add_argument("--minutes", type=float, default=0, help="end by the clock, with the rate brought down by it")
    parser.add_argument("--save-minutes", type=float, default=5)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--workers", type=int, default=0, help="processes that make the data; 0: this one")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--eager", action="store_true", help="without a compiled graph")
    return parser


def main() -> None:
    options = arguments().parse_args()
    torch.set_num_threads(options.threads)
    Run(options).go()


if __name__ == "__main__":
    main()
