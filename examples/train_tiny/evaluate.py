"""How well a trained model fills in answers, without the constrained decoder.

    python examples/train_tiny/evaluate.py DIR [--documents 100]

Two modes. "free": one token per step, left to right, from nothing but masks. "scaffold": keys and punctuation are
given, each value is decoded left to right until its closing sign. The exact decoder of
the package does better than both.
"""

import argparse
import json
from collections import Counter
from itertools import islice
from pathlib import Path
from random import Random

import torch
from batches import encode
from mixture import stream
from network import TrainingForward
from questions import Example, compact
from tokenizer import EOS, MASK, Encoder, load_tokenizer
from transformers import AutoModelForMaskedLM

SPLITS = {"known templates": (True, "seen"), "unseen templates": (True, "unseen")}


class Reader:
    """A loaded model with the few operations that evaluation needs."""

    def __init__(self, folder: Path):
        self.encoder = Encoder(load_tokenizer(folder))
        self.model = AutoModelForMaskedLM.from_pretrained(folder, attn_implementation="eager").float().eval()
        self.forward = TrainingForward(self.model)
        self.banned = self.model.config.ctrldiff["banned_ids"]

    @torch.inference_mode()
    def next_token(self, known: list[int], room: int) -> int:
        """The likeliest token after `known`, with `room` masks to its right."""
        ids = torch.tensor([known + [MASK] * (1 + room)])
        logits = self.forward(ids, torch.tensor([len(known)]))[0]
        logits[self.banned] = float("-inf")
        return int(logits.argmax())

    def first_masked(self, examples: list[Example], seed: int = 0) -> float:
        """Share of right first tokens after a random prefix of the answer (24 masks follow)."""
        rng, right = Random(seed), 0
        for one in examples:
            answer = self.encoder(one.answer)
            cut = rng.randrange(len(answer))
            right += self.next_token(self.encoder.prompt(one.text, one.ask) + answer[:cut], 24) == answer[cut]
        return right / max(1, len(examples))

    def free(self, example: Example, region: int = 64) -> str:
        known = self.encoder.prompt(example.text, example.ask)
        start = len(known)
        while len(known) - start < region:
            token = self.next_token(known, region - 1 - (len(known) - start))
            if token == EOS:
                break
            known.append(token)
        return self.encoder.decode(known[start:])

    def scaffold(self, example: Example, region: int = 64) -> str:
        """Keys given; the text after each key is decoded until the value is a whole JSON value and more follows."""
        start = self.encoder.prompt(example.text, example.ask)
        written = "{"
        for place, (key, _) in enumerate(example.pairs):
            written += ("," if place else "") + compact(key) + ":"
            written += self._value(start, written, region)
        return written + "}"

    def _value(self, start: list[int], written: str, region: int) -> str:
        # The sign before a value may share a token with it ('":"'), so the last token is left for the model to redo.
        ids = self.encoder(written)
        held = self.encoder.decode(ids[:-1])
        known, owed = start + ids[:-1], written[len(held) :]
        text = ""
        for _ in range(48):
            used = len(known) - len(start)
            token = self._next_agreeing(known, max(4, region - used - 1), owed if not text else "")
            if token == EOS:
                break
            known.append(token)
            text += self.encoder.decode([token])
            whole = _whole_value(text[len(owed) :])
            if whole is not None:
                return whole
        return "null"

    @torch.inference_mode()
    def _next_agreeing(self, known: list[int], room: int, owed: str) -> int:
        ids = torch.tensor([known + [MASK] * (1 + room)])
        logits = self.forward(ids, torch.tensor([len(known)]))[0]
        logits[self.banned] = float("-inf")
        for token in logits.topk(400).indices.tolist():
            if not owed or (token != EOS and self.encoder.decode([token]).startswith(owed)):
                return token
        return EOS


def _whole_value(text: str) -> str | None:
    """The JSON value at the start of `text`, if a sign that ends it follows."""
    try:
        value, stop = json.JSONDecoder().raw_decode(text)
    except ValueError:
        return None
    ends = stop < len(text) and text[stop] in ",}"
    return compact(value) if ends else None


def same(left: object, right: object) -> bool:
    return (type(left) is type(right) and left == right) or (
        isinstance(left, int | float)
        and isinstance(right, int | float)
        and not isinstance(left, bool)
        and not isinstance(right, bool)
        and left == right
    )


def field_scores(reader: Reader, examples: list[Example], mode: str) -> dict:
    right, asked, whole, wrong = Counter(), Counter(), 0, []
    for one in examples:
        text = getattr(reader, mode)(one)
        try:
            got = json.loads(text)
        except ValueError:
            got = {}
        got = got if isinstance(got, dict) else {}
        hits = [key in got and same(got[key], value) for key, value in one.pairs]
        whole += all(hits)
        for kind, hit, (key, value) in zip(one.kinds, hits, one.pairs, strict=True):
            asked[kind] += 1
            right[kind] += hit
            if not hit:
                wrong.append((key, value, got.get(key), one.text))
    kinds = {kind: f"{right[kind]}/{asked[kind]}" for kind in sorted(asked)}
    return {
        "fields": round(right.total() / max(1, asked.total()), 3),
        "objects": round(whole / max(1, len(examples)), 3),
        "by type": kinds,
        "wrong": wrong,
    }


def exact_scores(reader: Reader, examples: list[Example], region: int) -> dict:
    wrong = [
        (one.text, one.ask, one.answer, got) for one in examples if (got := reader.free(one, region)) != one.answer
    ]
    return {"exact": round(1 - len(wrong) / max(1, len(examples)), 3), "wrong": wrong}


def short_enough(reader: Reader, seed: int, held_out, split: str, task: str):
    return (one for one in stream(seed, held_out, split, task) if encode(one, reader.encoder))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--documents", type=int, default=100)
    parser.add_argument("--seed", type=int, default=90_001)
    parser.add_argument("--mode", default="scaffold", choices=("scaffold", "free"))
    parser.add_argument("--show", type=int, default=0, help="print this many wrong answers of each set")
    options = parser.parse_args()
    torch.set_num_threads(1)
    reader = Reader(options.folder)

    def draw(split, task, count):
        return list(islice(short_enough(reader, options.seed, *SPLITS[split], task), count))

    for split in SPLITS:
        print(
            split, "| first masked token |", round(reader.first_masked(draw(split, "object", 4 * options.documents)), 3)
        )
        report = {"fields": field_scores(reader, draw(split, "object", options.documents), options.mode)}
        for task, region in (("bare", 32), ("problem", 24), ("sum", 8), ("judge", 32)):
            report[task] = exact_scores(reader, draw(split, task, options.documents // 3), region)
        for name, result in report.items():
            wrong = result.pop("wrong")
            print(split, "|", name, "|", json.dumps(result), flush=True)
            for one in wrong[: options.show]:
                print("   ", *one, sep=" | ")


if __name__ == "__main__":
    main()
