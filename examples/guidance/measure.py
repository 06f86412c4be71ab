"""What each guide does to a review: is what was wanted there, is the text damaged, what does the model think of it?

    python -m examples.guidance.measure MODEL --out MODEL.jsonl

MODEL is "tiny" or a folder. A line of OUT for each point (a guide at a strength), with every text in it; run again and
only what is missing is decoded, `--fresh` measures all of it anew. The table goes to stdout. Prompts are reviews of
`SUBJECTS`, written down here: none is a product of the generator that the models were trained with.
"""

import argparse
import json
import re
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Annotated, Any

import torch
from pydantic import BaseModel, Field

import ctrldiff as cd
from ctrldiff.likelihood import hidden_log_prob
from examples.guidance.damage import damage, lexicon
from examples.steer.judge import Judge
from examples.train_guide.train import LABELS, review

SUBJECTS = """harmonica hammock wheelbarrow kayak skateboard telescope microscope trampoline saxophone ukulele metronome
chessboard dartboard snorkel surfboard toboggan parasol deckchair birdhouse beehive greenhouse lawnmower chainsaw
wrench crowbar tweezers thermometer barometer compass binoculars accordion doorbell mousetrap bookcase bathtub
wardrobe sofa mattress hairdryer razor toothbrush corkscrew teapot saucepan sieve rolling_pin cheese_board juicer
freezer dishwasher""".replace("\n", " ").split(" ")
TURNS = 4  # a text's tokens are hidden a fourth at a time to be scored
WANTED = "battery"  # what is to be mentioned
ONE = cd.commit.Prefix(2.0)  # nothing is that sure: a token a pass


class Reviewed(BaseModel):
    """An object with a free text."""

    product: str
    review: Annotated[str, Field(min_length=25, max_length=80)]


@dataclass(frozen=True)
class Point:
    """One guide at one strength. told: the prompt asks for a negative review itself."""

    name: str
    strength: float
    wants: str
    guidance: list[Any] = field(default_factory=list)
    told: bool = False
    output: Any = str
    commit: Any = cd.Plan.default().commit


def points(model: cd.Model, classifier: str | None) -> Iterator[Point]:
    """What is measured, what matters most first."""
    guide, on = cd.guide, cd.guide.on_field
    yield Point("none", 0.0, "negative")
    yield Point("told", 0.0, "negative", told=True)
    for scale in (0.5, 1.0, 1.5, 2.0, 3.0):
        yield Point("told, classifier-free", scale, "negative", [guide.ClassifierFree(scale)], told=True)
    for scale in (1.0, 2.0):
        free = [guide.ClassifierFree(scale)]
        yield Point("told, classifier-free, a token a pass", scale, "negative", free, told=True, commit=ONE)
    for strength in (8.0, 12.0, 16.0):
        yield Point("words, one mention", strength, "mention", [guide.Words([WANTED], strength)])
    yield Point("words, every place", 8.0, "mention", [guide.Words([WANTED], 8.0, once=False)])
    table = bias_table(model)
    for strength in (0.5, 1.0):
        yield Point("token table", strength, "negative", [guide.Bias(table, strength)])
    if classifier:
        yield Point("classifier", 2.0, "negative", [guide.Classifier(classifier, "negative", 2.0)])
    inside: list[tuple[str, float, str, list[Any]]] = [
        ("none", 0.0, "negative", []),
        ("token table", 1.0, "negative", [guide.Bias(table, 1.0)]),
        ("alone", 1.0, "negative", [guide.Alone()]),
        ("alone, token table", 1.0, "negative", [guide.Alone() + guide.Bias(table, 1.0)]),
        ("alone, words", 12.0, "mention", [guide.Alone() + guide.Words([WANTED], 12.0)]),
    ]
    for name, strength, wants, guides in inside:
        yield Point(f"object: {name}", strength, wants, [on("review", one) for one in guides], output=Reviewed)


def bias_table(model: cd.Model, texts: int = 300) -> cd.guide.TokenTable:
    """Negative reviews against positive ones, of the generator."""
    rng = Random(7)
    pairs = [review(rng) for _ in range(texts)]
    corpora = [[model.loaded.plain_ids(text) for text, label in pairs if LABELS[label] == one] for one in LABELS[::-1]]
    return cd.guide.TokenTable.fit(*corpora, model.vocabulary)


def log_prob(model: cd.Model, prompt: list[int], text: str) -> float:
    """The mean log-probability of the text's tokens to the unguided model, every fourth of them hidden at a time."""
    ids = torch.tensor([*model.loaded.plain_ids(text), model.loaded.spec.stop_ids[0]])
    hidden = torch.arange(len(ids))[None, :] % TURNS == torch.arange(TURNS)[:, None]
    found = hidden_log_prob(model.loaded.denoiser, [prompt] * TURNS, ids.expand(TURNS, -1), hidden)
    return float(found.sum() / len(ids))


def measure(point: Point, model: cd.Model, judge: Callable[[str], float], known: frozenset[str], n: int) -> dict:
    """One line."""
    kind = "a negative review" if point.told else "a review"
    prompts = [f"Write {kind} of the {subject.replace('_', ' ')}." for subject in SUBJECTS[:n]]
    began = time.process_time()
    generator = cd.Generator(
        model, point.output, temperature=0.5, max_new_tokens=32 if point.output is str else None, seed=5,
        guidance=point.guidance, commit=point.commit,
    )  # fmt: skip
    results = generator(prompts)
    texts = [one.raw if isinstance(one.output, str) else one.output.review for one in results]
    mentions = [len(re.findall(rf"\b{WANTED}\b", text, re.IGNORECASE)) for text in texts]
    have = [count == 1 for count in mentions] if point.wants == "mention" else [judge(text) < 0.5 for text in texts]
    wrong = [damage(text, prompt, known) for text, prompt in zip(texts, prompts)]
    asked = [model.loaded.prompt_ids(prompt, "") for prompt in prompts]
    return {
        "guide": point.name, "strength": point.strength, "wants": point.wants, "n": len(texts),
        "wanted": sum(have) / len(texts), "mentions": sum(mentions) / len(texts),
        "damaged": sum(map(bool, wrong)) / len(texts),
        **{kind: sum(kind in one for one in wrong) / len(texts) for kind in ("doubled", "unknown", "form")},
        "log_prob": sum(log_prob(model, ids, text) for ids, text in zip(asked, texts)) / len(texts),
        "passes": sum(one.usage.forwards for one in results) / len(results),
        "seconds": time.process_time() - began, "texts": texts,
    }  # fmt: skip


def table(lines: list[dict[str, Any]]) -> str:
    """Markdown."""
    out = [
        "| guide | strength | n | wanted | mentions | damaged | doubled | unknown | form | log p a token | passes |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for one in lines:
        shares = " | ".join(f"{one[name]:.0%}" for name in ("damaged", "doubled", "unknown", "form"))
        mentions = f"{one['mentions']:.1f}" if one["wants"] == "mention" else ""
        out.append(
            f"| {one['guide']} | {one['strength']:g} | {one['n']} | {one['wanted']:.0%} | {mentions} | {shares} | "
            f"{one['log_prob']:.1f} | {one['passes']:.0f} |"
        )
    return "\n".join(out)


def main() -> None:
    """Measure what is missing, then print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help='"tiny", or the folder of a model')
    parser.add_argument("--rows", type=int, default=50, help="texts a point, 50 at most")
    parser.add_argument("--out", type=Path, required=True, help="a JSONL that is gone on with")
    parser.add_argument("--classifier", help='"sentiment" for tiny, or a file of examples.train_guide.train')
    parser.add_argument("--only", default="", help="a pattern: of the guides, those whose name it is found in")
    parser.add_argument("--fresh", action="store_true", help="measure again what is there")
    options = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("once")
    model, known, judge = cd.from_pretrained(options.model), lexicon(), Judge()
    there = options.out.exists() and not options.fresh
    lines = [json.loads(line) for line in options.out.read_text().splitlines()] if there else []
    everything = list(points(model, options.classifier))
    for point in (one for one in everything if re.search(options.only, one.name)):
        if not any(
            (one["guide"], one["strength"], one["n"]) == (point.name, point.strength, options.rows) for one in lines
        ):
            lines.append(measure(point, model, judge, known, options.rows))
            options.out.write_text("".join(json.dumps(line) + "\n" for line in lines))
    order = [(point.name, point.strength) for point in everything]
    mine = [one for one in lines if one["n"] == options.rows and (one["guide"], one["strength"]) in order]
    print(table(sorted(mine, key=lambda one: order.index((one["guide"], one["strength"])))))


if __name__ == "__main__":
    main()
