"""What the trained model does under ctrldiff, by method: the figures of the model card and of `docs/decisions/`.

    python -m examples.compare.measure DIR --documents 100 --methods default,"dingo 16" --seconds 600 --out F.jsonl
    python -m examples.compare.measure DIR --corpus schemas --sample SAMPLE.jsonl.gz --out F.jsonl
    python -m examples.compare.measure DIR --tasks --out F.jsonl
    python -m examples.compare.measure --table F.jsonl

Run it again with the same file and it goes on where it stopped; a batch is measured under every method before the next
one is begun, so what there is can always be compared. "known" and "unseen" are held-out documents, names and companies;
"unseen" ones are also told in phrasings that training never saw. "infill" are known ones
of which the answer is given but for about half of its values. "schemas" are real ones: the sample of JSONSchemaBench
(arXiv:2501.10868), each with a valid instance told as a text of "path: value" lines, which is then asked for again.
"""

import argparse
import gzip
import json
import re
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from hashlib import sha256
from itertools import islice
from pathlib import Path
from random import Random
from statistics import median

import torch

from ctrldiff.constraints.basic import Choice, Regex, Text
from ctrldiff.errors import CtrldiffError
from ctrldiff.generate import Generator, Model
from ctrldiff.json_schema import JsonSchema
from ctrldiff.json_schema.places import places
from ctrldiff.models.hf import load
from ctrldiff.pointer import escaped
from ctrldiff.sampling.planned import Spans
from ctrldiff.types.ask import ask_for
from examples.compare.methods import USUAL, Job, method
from examples.train_tiny.mixture import stream
from examples.train_tiny.reviews import BAD, BAD_VERDICTS, GOOD, GOOD_VERDICTS

CANVAS = 64
ROOM = 288  # prompt and canvas of a document
BATCH = 16
SEED = 90_001
STATES = 20_000  # of a real schema's automaton; larger ones are left out, and counted


@dataclass(frozen=True)
class Question:
    """A text, what is asked, the schema, and what is right: (path or key, value) pairs and their kinds."""

    text: str
    ask: str
    schema: dict
    pairs: tuple[tuple[str, object], ...]
    kinds: tuple[str, ...]
    whole: object = None  # the instance itself, where there is one
    answer: str = ""  # the right one, as it was made
    given: tuple[int, ...] = ()  # ids of the canvas, -1 where open; () for all open


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


# ---- what is asked


def same(left: object, right: object) -> bool:
    return (type(left) is type(right) and left == right) or (
        isinstance(left, int | float)
        and isinstance(right, int | float)
        and not isinstance(left, bool)
        and not isinstance(right, bool)
        and left == right
    )


def documents(model: Model, corpus: str, count: int) -> list[Question]:
    """Held-out documents whose answer fits the canvas and whose prompt fits the context."""
    encode = model.loaded.tokenizer.encode
    found = stream(SEED, True, "seen" if corpus == "known" else "unseen", "object")
    fits = (
        Question(one.text, one.ask, schema_of(one.ask), one.pairs, one.kinds, answer=one.answer)
        for one in found
        if len(encode(one.answer)) < CANVAS and len(model.loaded.prompt_ids(one.text, one.ask)) + CANVAS <= ROOM
    )
    return list(islice(fits, count))


def with_holes(model: Model, one: Question, rng: Random) -> Question:
    """The right answer with about half of its scalars hidden, at least one, and nothing but stop tokens behind it: how
    long each hole is can be seen. Asked are the fields that something is hidden of."""
    ids = model.loaded.plain_ids(one.answer)
    at = Spans.of(JsonSchema(one.schema), model.vocabulary)(ids)
    values = places(one.answer)
    hidden = {n for n in range(len(values)) if rng.random() < 0.5} or {rng.randrange(len(values))}
    given = [-1 if place in hidden else token for place, token in zip(at, ids, strict=True)]
    given += [model.loaded.spec.stop_ids[0]] * (CANVAS - len(ids))
    keys = {values[n].where.split("/")[1] for n in hidden}
    kept = [(pair, kind) for pair, kind in zip(one.pairs, one.kinds, strict=True) if escaped(pair[0]) in keys]
    pairs, kinds = zip(*kept, strict=True)
    return replace(one, pairs=pairs, kinds=kinds, given=tuple(given))


def real_schemas(model: Model, sample: Path, count: int) -> list[Question]:
    """Schemas of the sample that build, with an instance that fits; what is left out is counted aloud."""
    out, left_out = [], Counter()
    with gzip.open(sample, "rt", encoding="utf-8") as lines:
        for line in lines:
            entry = json.loads(line)
            data = next((one["data"] for one in entry["tests"] if one["valid"]), None)
            try:
                constraint = JsonSchema(entry["schema"])
                table = constraint.compile(model.vocabulary) if constraint.dfa().n_states <= STATES else None
                inside = data is not None and constraint.canonical(data) in constraint
            except CtrldiffError as error:
                left_out[error.code] += 1
                continue
            if table is None or not inside:
                left_out["too many states" if table is None else "no instance in the narrowed language"] += 1
                continue
            pairs = tuple(leaves(data))
            text = " ".join(f"{path.removeprefix('.')}: {_said(value)}." for path, value in pairs)
            ask = ask_for(entry["schema"])
            answer = len(model.loaded.tokenizer.encode(constraint.canonical(data)))
            if max(answer, table.shortest) >= CANVAS or len(model.loaded.prompt_ids(text or "-", ask)) + CANVAS > ROOM:
                left_out["does not fit"] += 1
                continue
            kinds = tuple(type(value).__name__ for _, value in pairs)
            out.append(Question(text or "-", ask, entry["schema"], pairs, kinds, data))
            if len(out) == count:
                break
    print(f"schemas: {len(out)} measured, left out: {dict(left_out.most_common())}", flush=True)
    return out


def leaves(value: object, path: str = "") -> Iterator[tuple[str, object]]:
    """(path, scalar) of every scalar, null included."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, f"{path}.{key}")
    elif isinstance(value, list):
        for n, inner in enumerate(value):
            yield from leaves(inner, f"{path}.{n}")
    else:
        yield path, value


def _said(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


# ---- measuring


def measured(model: Model, corpus: str, questions: list[Question], name: str) -> dict:
    """Counts of one batch under one method."""
    constraints = tuple(JsonSchema(one.schema) for one in questions)
    texts, asks = (tuple(getattr(one, what) for one in questions) for what in ("text", "ask"))
    began = time.perf_counter()
    given = tuple(one.given for one in questions)
    job = Job(
        model, texts, asks, tuple(one.schema for one in questions), constraints, CANVAS, given if any(given) else ()
    )
    answers, passes, canvases = method(name)(job)
    seconds = time.perf_counter() - began
    right, asked = Counter(), Counter()
    valid = objects = 0
    said = []  # scalar leaves of each answer that are not null
    pairs = []  # of each document, the fields that are right and those that were asked
    for one, constraint, raw in zip(questions, constraints, answers, strict=True):
        fine = raw in constraint
        valid += fine
        try:
            got = json.loads(raw)
        except ValueError:
            got = None
        found = dict(leaves(got)) if one.whole is not None else got if isinstance(got, dict) else {}
        hits = [key in found and same(found[key], value) for key, value in one.pairs]
        objects += fine and (got == one.whole if one.whole is not None else all(hits))
        said.append(sum(value is not None for _, value in leaves(got)) if fine else 0)
        pairs.append([sum(hits), len(hits)])
        for kind, hit in zip(one.kinds, hits, strict=True):
            asked[kind] += 1
            right[kind] += hit
    return {
        "corpus": corpus,
        "method": name,
        "documents": len(questions),
        "forwards": sum(passes),
        "canvases": sum(canvases),
        "valid": valid,
        "objects": objects,
        "leaves": said,
        "pairs": pairs,
        "by type": {kind: [right[kind], asked[kind]] for kind in sorted(asked)},
        "seconds": round(seconds, 2),
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


# ---- the command


def table(path: Path) -> None:
    """Print what has been measured as markdown, batches added up."""
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    groups: dict[tuple[str, str, str], list[dict]] = {}
    for row in rows:
        if "method" in row:
            groups.setdefault((row["weights"], row["corpus"], row["method"]), []).append(row)
    print("| weights | corpus | method | n | forwards | valid | fields | whole | leaves | >= 5 leaves | s each |")
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    lines = []
    for (weights, corpus, name), parts in groups.items():
        n = sum(part["documents"] for part in parts)
        right, asked = (sum(pair[i] for part in parts for pair in part["by type"].values()) for i in (0, 1))
        said = [count for part in parts for count in part["leaves"]]
        share = sum(count >= 5 for count in said) / n
        mean = {key: sum(part[key] for part in parts) / n for key in ("forwards", "valid", "objects", "seconds")}
        lines.append(
            (weights, corpus, mean["forwards"])
            + (
                f"| {weights} | {corpus} | {name} | {n} | {mean['forwards']:.1f} | {mean['valid']:.1%} "
                f"| {right / max(1, asked):.1%} | {mean['objects']:.1%} | {median(said):g} | {share:.1%} "
                f"| {mean['seconds']:.2f} |",
            )
        )
    for *_, line in sorted(lines):
        print(line)
    for row in rows:
        if "task" in row:
            print(row)


def weights_of(folder: Path) -> str:
    """The date and the first digits of the hash of the weights."""
    file = folder / "model.safetensors"
    return f"{date.fromtimestamp(file.stat().st_mtime)} {sha256(file.read_bytes()).hexdigest()[:8]}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--corpus", default="known,unseen", help="any of known,unseen,infill,schemas")
    parser.add_argument("--sample", type=Path, help="the sample of real schemas, .jsonl.gz")
    parser.add_argument("--documents", type=int, default=64, help="of each corpus")
    parser.add_argument("--methods", default=USUAL, help="names with commas between them")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="begin no batch after so many")
    parser.add_argument("--attention", action="store_true", help="have the network give its attention: for dapd")
    parser.add_argument("--tasks", action="store_true", help="the tasks that are not extraction, default preset")
    parser.add_argument("--out", type=Path, help="where figures are added; what is there is not measured again")
    parser.add_argument("--table", type=Path, help="print the figures of this file")
    options = parser.parse_args()
    if options.table:
        return table(options.table)
    torch.set_num_threads(1)
    began, weights = time.perf_counter(), weights_of(options.folder)
    model = Model(load(options.folder, **({"attn_implementation": "eager"} if options.attention else {})))
    known = options.out.read_text().splitlines() if options.out and options.out.exists() else []
    done = {tuple(json.loads(line).get(key) for key in ("weights", "corpus", "method", "first")) for line in known}

    def note(record: dict) -> None:
        line = json.dumps({"weights": weights, **record}, ensure_ascii=False)
        print(line, flush=True)
        if options.out:
            with options.out.open("a", encoding="utf-8") as file:
                file.write(line + "\n")

    if options.tasks:
        for record in tasks(model, options.documents):
            note(record)
        return None
    names = [name.strip() for name in options.methods.split(",")]
    for name in names:
        method(name)  # refused before anything is measured
    for corpus in options.corpus.split(","):
        if corpus == "schemas":
            questions = real_schemas(model, options.sample, options.documents)
        else:
            questions = documents(model, "known" if corpus == "infill" else corpus, options.documents)
        if corpus == "infill":
            questions = [with_holes(model, one, Random(f"{SEED} {n}")) for n, one in enumerate(questions)]
        for first in range(0, len(questions), BATCH):
            batch = questions[first : first + BATCH]
            for name in names:
                if (weights, corpus, name, first) not in done and time.perf_counter() - began < options.seconds:
                    note({"first": first} | measured(model, corpus, batch, name))
    return None


if __name__ == "__main__":
    main()
