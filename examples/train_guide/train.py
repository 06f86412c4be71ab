"""Train a small classifier of partly open canvases: is the review positive or negative?

    python -m examples.train_guide.train --out sentiment.safetensors

Under a minute of one CPU core. The texts are the reviews of `examples/train_tiny`, alone or as a value of a JSON
object; a uniform share of each canvas is left open, so that the classifier knows how little a nearly empty one says.
A judge is trained by the same script with another seed, other widths and `--judge`, which gives it the phrasings that
this classifier never sees as well, and clean texts only.
"""

import argparse
import json
from pathlib import Path
from random import Random

import torch

import ctrldiff as cd
from ctrldiff.guidance.network import CanvasClassifier
from examples.train_tiny.phrases import SEEN, UNSEEN
from examples.train_tiny.reviews import review_to_judge, review_to_write
from examples.train_tiny.values import Values

LABELS = ("positive", "negative")
KEYS = ("review", "text", "comment", "opinion", "summary", "note")


def review(rng: Random, split: str = SEEN) -> tuple[str, int]:
    """A text and the number of its label."""
    while True:
        values = Values(rng, False)
        if rng.random() < 0.7:
            example = review_to_write(rng, values, split)
            text, positive = example.answer, example.pairs[0][1]
            if positive is None:  # the order did not say: find out from the words
                continue
        else:
            example = review_to_judge(rng, values, split)
            text = example.text
            positive = str(example.pairs[0][1]) in ("positive", "good", "pos", "happy")
        if rng.random() < 0.25:
            text = json.dumps({rng.choice(KEYS): text, "product": values.product()}, separators=(",", ":"))
        return text, LABELS.index("positive" if positive else "negative")


def batch(model, rng: Random, size: int, *, split: str = SEEN, open_share: float | None = None):
    """(N, T) ids, (N, T) open, (N,) labels; canvases of one length, stop tokens behind the text."""
    length, stop = rng.choice((32, 48, 64)), model.vocabulary.stop_ids[0]
    draw = torch.Generator().manual_seed(rng.getrandbits(40))
    tokens, labels = torch.full((size, length), stop), []
    for row in range(size):
        text, label = review(rng, split)
        ids = model.loaded.plain_ids(text)[:length]
        tokens[row, : len(ids)] = torch.tensor(ids)
        labels.append(label)
    share = torch.rand(size, 1, generator=draw) if open_share is None else torch.full((size, 1), open_share)
    return tokens, torch.rand(size, length, generator=draw) < share, torch.tensor(labels)


def accuracy(network: CanvasClassifier, model, *, split: str = SEEN, open_share: float = 0.0, seed: int = 1) -> float:
    """The share of 512 fresh reviews that get their label."""
    tokens, open_, labels = batch(model, Random(seed), 512, split=split, open_share=open_share)
    with torch.no_grad():
        return float((network(network.embed(tokens, open_)).argmax(-1) == labels).float().mean())


def train(model, *, steps: int, seed: int, width: int = 24, hidden: int = 48, size: int = 64, judge: bool = False):
    """A trained classifier."""
    rng = Random(seed)
    network = CanvasClassifier.untrained(model.vocabulary, LABELS, width=width, hidden=hidden, seed=seed)
    for value in network.weights.values():
        value.requires_grad_()
    optimiser = torch.optim.AdamW(network.weights.values(), lr=5e-3, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 1e-2, total_steps=steps, pct_start=0.1)
    for _ in range(steps):
        split = rng.choice((SEEN, UNSEEN)) if judge else SEEN
        tokens, open_, labels = batch(model, rng, size, split=split, open_share=0.0 if judge else None)
        loss = torch.nn.functional.nll_loss(network(network.embed(tokens, open_)), labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    for value in network.weights.values():
        value.requires_grad_(False)
    return network


def main() -> None:
    """Train, measure, save."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=3)
    parser.add_argument("--width", type=int, default=24)
    parser.add_argument("--hidden", type=int, default=48)
    parser.add_argument("--judge", action="store_true")
    parser.add_argument("--model", default="tiny")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    torch.set_num_threads(1)
    model = cd.from_pretrained(args.model)
    network = train(model, steps=args.steps, seed=args.seed, width=args.width, hidden=args.hidden, judge=args.judge)
    for split in (SEEN, UNSEEN):
        shown = [
            f"{share:.0%} open {accuracy(network, model, split=split, open_share=share):.3f}" for share in (0, 0.5, 0.9)
        ]
        print(f"{split} phrasings: {', '.join(shown)}")
    network.save(args.out)
    print(f"{args.out}: {args.out.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
