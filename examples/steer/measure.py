"""Steer the sentiment of reviews by every method we ship: target rate against fluency and forward passes.

    python -m examples.steer.measure --rows 8 --seconds 600 --out docs/guidance

Makes OUT.jsonl (a line for each finished point; run again and only what is missing is decoded), OUT.svg and a table on
stdout. The guides know the shipped classifier; a separate judge (judge.py) counts.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

import torch

import ctrldiff as cd
from ctrldiff.likelihood import hidden_log_prob
from ctrldiff.sampling.commit import Prefix
from examples.steer.draw import draw, table
from examples.steer.judge import Judge
from examples.train_guide.train import review
from examples.train_tiny.values import Values

TARGET, OTHER = "negative", "positive"  # the harder way: unasked, nine of ten of its reviews are positive
LABELS = ("positive", "negative")  # the order of the classifier in the box
FORMS = {"text": str, "json, 25 to 80 characters": cd.Regex(r'\{"review":"[A-Z][^"\\\n]{23,78}[.!]"\}')}


@dataclass(frozen=True)
class Point:
    """One method at one strength; `told` prompts name the target themselves."""

    method: str
    strength: float
    how: dict[str, Any]
    told: bool = False


def opposite(prompt: str) -> str:
    """The prompt that asks for what is not wanted."""
    return prompt.replace("a review", f"a {OTHER} review")


def points(likes: Any, bias: Any) -> Iterator[Point]:
    """Every method, weak to strong."""
    guide, search = cd.guide, cd.search
    yield Point("none", 0.0, {})
    yield Point("told in the prompt", 0.0, {}, told=True)
    for s in (0.25, 1.0, 2.0):
        yield Point("told, classifier-free", s, {"guidance": [guide.ClassifierFree(s)]}, told=True)
    for s in (0.25, 1.0):
        yield Point("told, adaptive", s, {"guidance": [guide.AdaptiveClassifierFree(s)]}, told=True)
    for s in (0.5, 1.0, 3.0):
        yield Point("negative prompt", s, {"guidance": [guide.NegativePrompt(opposite, s)]})
    for s in (2.0, 4.0, 8.0, 100.0):
        yield Point("classifier, first order", s, {"guidance": [guide.Classifier("sentiment", TARGET, s)]})
    for s in (2.0, 4.0, 8.0):
        how = {"guidance": [guide.Classifier("sentiment", TARGET, s, method="exact", candidates=6)]}
        yield Point("classifier, exact", s, how)
    for s in (0.5, 1.0, 2.0):
        yield Point("token table", s, {"guidance": [guide.Bias(bias, s)]})
    for s in (1.0, 4.0, 16.0):
        yield Point("reward as a guide", s, {"guidance": [guide.Reward(likes, s, completions=12)]})
    for n in (2, 4, 8):
        yield Point("best of n", n, {"search": search.BestOfN(likes, n)})
    for s in (1.0, 4.0):
        how = {"search": search.Particles(likes, n=4, strength=s, every=2, target="sampler", completions=3)}
        yield Point("particles, 4", s, how)
    for s in (1.0, 8.0):
        yield Point("SVDD, 4 candidates", s, {"search": search.ValueDecoding(likes, candidates=4, strength=s)})
    for n in (8, 24):
        yield Point("refine, rounds", n, {"search": search.Refine(likes, rounds=n, width=5, strength=8.0)})


@dataclass
class Counting:
    """A network that counts the sequences it reads."""

    network: Any
    read: int = 0

    def __call__(self, ids: torch.Tensor, *others: torch.Tensor) -> torch.Tensor:
        self.read += len(ids)
        return self.network(ids, *others)


def log_target(texts: list[str], network: cd.guide.CanvasClassifier, model: cd.Model) -> list[float]:
    """The guide classifier as a reward of decoded texts: log p(target)."""
    out = []
    with torch.no_grad():
        for text in texts:
            ids = torch.tensor([model.loaded.plain_ids(text) or [model.vocabulary.stop_ids[0]]])
            out.append(
                float(network(network.embed(ids, torch.zeros_like(ids, dtype=torch.bool)))[0, LABELS.index(TARGET)])
            )
    return out


def perplexity(model: cd.Model, prompt: list[int], text: str) -> float:
    """exp of the mean surprise of each token, hidden alone, to the unguided model."""
    ids = torch.tensor(model.loaded.plain_ids(text))
    rows, hidden = ids.expand(len(ids), -1), torch.eye(len(ids), dtype=torch.bool)
    return float(hidden_log_prob(model.loaded.denoiser, [prompt] * len(ids), rows, hidden).mean().neg().exp())


def measure(point: Point, form: str, model: cd.Model, judge: Judge, prompts: list[str]) -> dict[str, Any]:
    """One line of the table."""
    counting = Counting(model.loaded.denoiser.network)
    counted = cd.Model(replace(model.loaded, denoiser=replace(model.loaded.denoiser, network=counting)))
    generator = cd.Generator(
        counted, FORMS[form], temperature=0.5, max_new_tokens=34, commit=Prefix(0.99, "margin"), seed=5, **point.how
    )
    results = generator(
        [prompt.replace("a review", f"a {TARGET} review") for prompt in prompts] if point.told else prompts
    )
    texts = [json.loads(r.raw)["review"] if r.raw.startswith("{") else r.raw for r in results]
    valid = sum(r.raw.encode() in generator.type.description.dfa() for r in results)
    rates = [(judge(text) > 0.5) == (TARGET == LABELS[0]) for text in texts]
    asked = [model.loaded.prompt_ids(prompt, generator.type.asked(model.loaded.spec.ask)) for prompt in prompts]
    surprise = sorted(perplexity(model, ids, r.raw) for ids, r in zip(asked, results))
    return {
        "form": form,
        "method": point.method,
        "strength": point.strength,
        "rows": len(prompts),
        "target": sum(rates) / len(rates),
        "valid": valid / len(results),
        "perplexity": surprise[len(surprise) // 2],
        "forwards": counting.read / len(prompts),
        "example": texts[0],
    }


def main() -> None:
    """Measure what is missing, then draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=8, help="prompts a point")
    parser.add_argument("--seconds", type=float, default=600, help="start no point after so many")
    parser.add_argument("--forms", default=";".join(FORMS), help="separated by ;")
    parser.add_argument("--out", type=Path, default=Path("steer"))
    parser.add_argument("--fresh", action="store_true", help="measure again what is there")
    args = parser.parse_args()
    torch.set_num_threads(1)
    began, model, judge = time.monotonic(), cd.from_pretrained(), Judge()
    print(f"judge: {judge.accuracy():.1%} of fresh reviews right", file=sys.stderr)
    rng = Random(77)
    prompts = [f"Write a review of the {Values(rng, True).product()}." for _ in range(args.rows)]
    pairs = [review(rng) for _ in range(400)]
    corpora = [
        [model.loaded.plain_ids(text) for text, label in pairs if label == n]
        for n in (LABELS.index(TARGET), LABELS.index(OTHER))
    ]
    bias = cd.guide.TokenTable.fit(*corpora, model.vocabulary)
    network = cd.guide.Classifier("sentiment", TARGET).classifier
    likes = cd.rewards.Function(lambda texts: log_target(texts, network, model))
    found = args.out.with_suffix(".jsonl")
    lines = [json.loads(line) for line in found.read_text().splitlines()] if found.exists() and not args.fresh else []
    known = {(line["form"], line["method"], line["strength"], line["rows"]) for line in lines}
    everything = list(points(likes, bias))
    turns = {id(one): sum(other.method == one.method for other in everything[:n]) for n, one in enumerate(everything)}
    missing = [
        (point, form)
        for point in sorted(everything, key=lambda one: turns[id(one)])  # every method once before any twice
        for form in args.forms.split(";")
        if (form, point.method, point.strength, args.rows) not in known
    ]
    for n, (point, form) in enumerate(missing):
        if time.monotonic() - began > args.seconds:
            print(f"time is up: {len(missing) - n} of {len(missing)} points are left", file=sys.stderr)
            break
        lines.append(measure(point, form, model, judge, prompts))
        found.write_text("".join(json.dumps(line) + "\n" for line in lines))
    order = list(FORMS)
    methods = list(dict.fromkeys(point.method for point in everything))
    own = sorted(
        (line for line in lines if line["rows"] == args.rows),
        key=lambda line: (order.index(line["form"]), methods.index(line["method"]), line["strength"]),
    )
    args.out.with_suffix(".svg").write_text(draw(own))
    print(table(own))


if __name__ == "__main__":
    main()
