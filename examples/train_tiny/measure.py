"""What the trained model does under ctrldiff: the figures of the model card.

    python examples/train_tiny/measure.py DIR --split known --documents 250 --out figures.jsonl
    python examples/train_tiny/measure.py DIR --tasks --out figures.jsonl
    python examples/train_tiny/measure.py --table figures.jsonl

Three ways to decode the same canvases of 64 positions: unconstrained; position-wise masking (each position keeps the
tokens that some legal text could have there, and picks on its own); and the exact posterior. Documents, names and
companies are held out; "unseen" documents are also told in phrasings that training never saw.
"""

import argparse
import json
import re
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import torch
from evaluate import same
from mixture import stream
from questions import Example
from reviews import BAD, BAD_VERDICTS, GOOD, GOOD_VERDICTS

from ctrldiff.constraints.basic import Choice, Regex, Text
from ctrldiff.constraints.json_schema import JsonSchema
from ctrldiff.errors import Infeasible
from ctrldiff.generate import Generator, Model
from ctrldiff.models.hf import load
from ctrldiff.protocols import CommitPolicy, Posterior, Schedule
from ctrldiff.sampling.commit import CertainFree, EntropyBound, LeftToRight, Prefix, Threshold, TopK
from ctrldiff.sampling.constrain import FREE, LeftmostFirst, Tables
from ctrldiff.sampling.loop import sample
from ctrldiff.sampling.presets import plan
from ctrldiff.sampling.schedules import Linear
from ctrldiff.state import State

CANVAS = 64
BATCH = 16
SEED = 90_001


@dataclass(frozen=True)
class PositionWise:
    """The usual shortcut: forbid at each position what no legal text has there, then let positions choose alone."""

    exact: Tables

    def bind(self, logits: torch.Tensor, state: State) -> Posterior:
        for row, table in enumerate(self.exact.tables):
            try:
                support = table.bind(torch.zeros_like(logits[row]), written=state.written[row]).marginals() > 0
            except Infeasible:
                continue  # a dead end: the picks so far fit no legal text, so nothing is left to mask
            logits[row] = torch.where(support, logits[row], torch.full_like(logits[row], -torch.inf))
        return FREE.bind(logits, state)

    def settle(self, state: State) -> State:
        return state


@dataclass(frozen=True)
class Mode:
    """One row of the table."""

    constraint: str  # "unconstrained", "position-wise", "exact" or "leftmost first"
    name: str
    schedule: Schedule
    commit: CommitPolicy


def modes() -> Iterator[Mode]:
    """What matters most first, so that an interrupted run has it."""
    yield Mode("leftmost first", "default", plan().schedule, plan().commit)
    yield Mode("leftmost first", "prefix .9", Linear(), Prefix(0.9))
    yield Mode("leftmost first", "prefix 1", Linear(), Prefix(1.1))
    yield Mode("exact", "prefix .99", Linear(), Prefix(0.99))
    yield Mode("exact", "prefix .9", Linear(), Prefix(0.9))
    for steps in (1, 4, 16):
        for constraint in ("exact", "unconstrained", "position-wise"):
            yield Mode(constraint, f"{steps} steps", Linear(steps), TopK())
        yield Mode("exact", f"{steps} steps, leftmost", Linear(steps), TopK("position"))
    for constraint in ("exact", "unconstrained", "position-wise"):
        yield Mode(constraint, "one token a step", Linear(), TopK())
    yield Mode("exact", "prefix 1", Linear(), Prefix(1.1))
    yield Mode("exact", "prefix .7", Linear(), Prefix(0.7))
    yield Mode("exact", "threshold .9", Linear(), Threshold(0.9))
    yield Mode("exact", "entropy bound .1", Linear(), EntropyBound(0.1))
    yield Mode("exact", "left 16, certain free", Linear(), LeftToRight(CertainFree(TopK()), block=16))
    yield Mode("exact", "left 4, threshold .9", Linear(), LeftToRight(Threshold(0.9), block=4))
    yield Mode("unconstrained", "left to right", Linear(), Prefix(1.1))


# ---- an example's schema, read from what it asks


def schema_of(ask: str) -> dict:
    """The JSON Schema behind an ASK: every value may be null."""
    schema, rest = _shape(ask)
    if rest:
        raise ValueError(f"{ask!r}: {rest!r} is left over")
    return schema


def _shape(text: str) -> tuple[dict, str]:
    if text.startswith("{"):
        properties, rest = {}, text[1:]
        while not rest.startswith("}"):
            key = re.match(r"[^:,}]+", rest).group()
            rest = rest[len(key) :]
            inner, rest = _shape(rest[1:]) if rest.startswith(":") else ({"type": "string"}, rest)
            properties[key] = {"anyOf": [inner, {"type": "null"}]}
            rest = rest.removeprefix(",")
        return {"type": "object", "properties": properties, "required": list(properties)}, rest[1:]
    if text.startswith("["):
        inner, rest = ({"type": "string"}, text[1:]) if text[1] == "]" else _shape(text[1:])
        return {"type": "array", "items": inner, "minItems": 1}, rest[1:]
    word = re.match(r"[^,}\]]*", text).group()
    named = {
        "int": {"type": "integer"},
        "number": {"type": "number"},
        "bool": {"type": "boolean"},
        "date": {"type": "string", "format": "date"},
        "": {"type": "string"},
    }
    return named.get(word, {"enum": word.split("|")}), text[len(word) :]


# ---- documents


def documents(model: Model, split: str, count: int) -> list[Example]:
    """Held-out documents whose answer fits the canvas and whose prompt fits the context."""
    encode = model.loaded.tokenizer.encode
    found = stream(SEED, True, "seen" if split == "known" else "unseen", "object")
    fits = (
        one
        for one in found
        if len(encode(one.answer)) < CANVAS and len(model.loaded.prompt_ids(one.text, one.ask)) + CANVAS <= 288
    )
    return list(islice(fits, count))


def measure(model: Model, examples: list[Example], schemas: list[JsonSchema], mode: Mode) -> dict:
    """Fields, objects and validity of one mode."""
    tables = [schema.compile(model.vocabulary) for schema in schemas]
    right, asked = Counter(), Counter()
    objects = valid = forwards = 0
    began = time.perf_counter()
    for start in range(0, len(examples), BATCH):
        rows = examples[start : start + BATCH]
        exact = Tables(tuple(tables[start : start + BATCH]))
        state = State.blank([model.loaded.prompt_ids(one.text, one.ask) for one in rows], CANVAS)
        constraint = {
            "leftmost first": LeftmostFirst(exact.tables),
            "exact": exact,
            "unconstrained": FREE,
            "position-wise": PositionWise(exact),
        }[mode.constraint]
        done = sample(model.loaded.denoiser, state, constraint=constraint, schedule=mode.schedule, commit=mode.commit)
        forwards += int(done.forwards.sum())
        for n, one in enumerate(rows):
            text = model.vocabulary.decode(done.tokens[n].tolist())
            valid += text in schemas[start + n]
            try:
                got = json.loads(text)
            except ValueError:
                got = {}
            got = got if isinstance(got, dict) else {}
            hits = [key in got and same(got[key], value) for key, value in one.pairs]
            objects += all(hits)
            for kind, hit in zip(one.kinds, hits, strict=True):
                asked[kind] += 1
                right[kind] += hit
    n = len(examples)
    return {
        "constraint": mode.constraint,
        "mode": mode.name,
        "documents": n,
        "forwards": round(forwards / n, 1),
        "valid": round(valid / n, 4),
        "fields": round(right.total() / asked.total(), 4),
        "objects": round(objects / n, 4),
        "by type": {kind: [right[kind], asked[kind]] for kind in sorted(asked)},
        "seconds": round(time.perf_counter() - began, 1),
    }


# ---- the other tasks


def tasks(model: Model, count: int) -> Iterator[dict]:
    """Arithmetic, decisions and reviews through the front door, with the default preset."""
    for split, name in (("seen", "known"), ("unseen", "unseen")):
        problem = Regex(r"\(?[a-z0-9]+(?:[-+*/()]+[a-z0-9]+)*\)?", ascii=True)
        for task, wanted, ask in (("problem", problem, "expression"), ("sum", int, None)):
            generator = Generator(model, wanted, ask=ask, max_new_tokens=24)
            examples = list(islice(stream(SEED, True, split, task), count))
            results = generator([one.text for one in examples])
            right = sum(result.raw == one.answer for result, one in zip(results, examples, strict=True))
            yield {"task": task, "split": name, "documents": count, "right": round(right / count, 4)}
        yield judged(model, split, name, count)
        yield reviewed(model, split, name, count)


def judged(model: Model, split: str, name: str, count: int) -> dict:
    """Bare decisions between two labels."""
    examples = [one for one in islice(stream(SEED, True, split, "judge"), 3 * count) if one.pairs[0][0] == ""][:count]
    right = 0
    for one in examples:
        result = model(one.text, Choice(one.ask.split("|")))
        right += result.output == one.answer
    return {"task": "judge", "split": name, "documents": len(examples), "right": round(right / len(examples), 4)}


def reviewed(model: Model, split: str, name: str, count: int) -> dict:
    """Ordered reviews: words of the right side only, the product named, no word doubled."""
    found = islice(stream(SEED, True, split, "review"), 3 * count)
    examples = [one for one in found if one.pairs[0][1] is not None][:count]
    generator = Generator(model, Text(), max_new_tokens=48)
    results = generator([one.text for one in examples])
    sentiment = doubled = named = 0
    for result, one in zip(results, examples, strict=True):
        words = set(re.findall(r"[a-z]+", result.raw.lower()))
        good = bool(words & set(GOOD)) or any(v in result.raw for v in GOOD_VERDICTS)
        bad = bool(words & set(BAD)) or any(v in result.raw for v in BAD_VERDICTS)
        sentiment += (good and not bad) if one.pairs[0][1] else (bad and not good)
        doubled += bool(re.search(r"\b(\w+) \1\b", result.raw.lower()))
        named += one.pairs[0][0] in result.raw
    n = len(examples)
    return {
        "task": "review",
        "split": name,
        "documents": n,
        "right": round(sentiment / n, 4),
        "product named": round(named / n, 4),
        "doubled word": round(doubled / n, 4),
        "example": results[0].raw,
    }


def table(path: Path) -> None:
    """Print what has been measured as markdown."""
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    print("| split | constraint | mode | forwards | valid | fields | objects |\n|---|---|---|---|---|---|---|")
    order = {"unconstrained": 0, "position-wise": 1, "exact": 2, "leftmost first": 3}
    for r in sorted(
        (r for r in rows if "mode" in r), key=lambda r: (r["split"], r["forwards"], order[r["constraint"]])
    ):
        print(
            f"| {r['split']} | {r['constraint']} | {r['mode']} | {r['forwards']} "
            f"| {r['valid']:.1%} | {r['fields']:.1%} | {r['objects']:.1%} |"
        )
    for r in rows:
        if "task" in r:
            print(r)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--split", choices=("known", "unseen"), default="known")
    parser.add_argument("--documents", type=int, default=250)
    parser.add_argument("--only", default="", help="only modes whose name holds this")
    parser.add_argument("--tasks", action="store_true")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--table", type=Path)
    options = parser.parse_args()
    if options.table:
        return table(options.table)
    torch.set_num_threads(1)
    model = Model(load(options.folder))

    def note(record: dict) -> None:
        print(json.dumps(record, ensure_ascii=False), flush=True)
        if options.out:
            with options.out.open("a") as file:
                file.write(json.dumps(record, ensure_ascii=False) + "\n")

    if options.tasks:
        for record in tasks(model, options.documents):
            note(record)
        return None
    examples = documents(model, options.split, options.documents)
    schemas = [JsonSchema(schema_of(one.ask)) for one in examples]
    for mode in modes():
        if options.only in f"{mode.constraint} {mode.name}":
            note({"split": options.split} | measure(model, examples, schemas, mode))
    return None


if __name__ == "__main__":
    main()
