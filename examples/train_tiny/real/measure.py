"""How a model does on the real set: `python -m examples.train_tiny.real.measure MODEL`.

MODEL is "tiny" or a folder that `ctrldiff.from_pretrained` loads. Through the front door with its default plan, as a
user would. A part that is not wanted is left out by name: --parts documents,reviews,plain_reviews,items. The same
documents with keys in another spelling: --keys SHOUTING (see `SPELLINGS`); with foreign keys up to fifteen a document:
--pad 15.
"""

import argparse
import json
import re
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

import ctrldiff as cd
from examples.train_tiny.real.gold import PLAIN, Gold, Wanted, documents, reviews

# Keys that no document of the set has anything to say about.
FOREIGN = (
    *("blood_type license_plate thesis_title runway shoe_size wifi_password horsepower patent_number soil_ph".split()),
    *("tail_number court_case screen_resolution pet_breed orbit_period choir_voice tyre_pressure".split()),
)
COUNTS = {
    "likeliest": cd.counts.Likeliest(),
    "rows": cd.counts.Rows(),
    "rows-or-likeliest": cd.counts.Rows(cd.counts.Likeliest()),
}
REVIEWS = ("reviews", "plain_reviews")
LABELS = (("positive", "negative"), ("good", "bad"))


def _words(key: str) -> list[str]:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", key).replace("-", "_").lower().split("_")


SPELLINGS: dict[str, Callable[[str], str]] = {
    "snake": lambda key: "_".join(_words(key)),
    "SHOUTING": lambda key: "_".join(_words(key)).upper(),
    "suffix": lambda key: "_".join(_words(key)) + "_value",
    "prefix": lambda key: "doc_" + "_".join(_words(key)),
    "kebab": lambda key: "-".join(_words(key)),
    "Title": lambda key: " ".join(_words(key)).title(),
}


def spelled(gold: Gold, spelling: str) -> Gold:
    """The same document with its keys spelled in another way."""
    return replace(gold, fields=tuple(replace(one, key=SPELLINGS[spelling](one.key)) for one in gold.fields))


def padded(gold: Gold, count: int) -> Gold:
    """The same document asked for foreign keys too, up to `count`, which are spread among its own."""
    fields = list(gold.fields)
    for n, key in enumerate(FOREIGN[: max(0, count - len(fields))]):
        fields.insert((7 * n + gold.number) % (len(fields) + 1), Wanted(key, PLAIN["str"], (None,)))
    return replace(gold, fields=tuple(fields))


# ---- what is right


def plain(value: Any) -> Any:
    """A value as it is compared: texts without outer signs and doubled blanks, whole numbers as numbers."""
    if isinstance(value, str):
        return " ".join(value.split()).strip(" .,;:\"'")
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [plain(inner) for inner in value]
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def same(found: Any, right: Any) -> bool:
    """Equal, and of one type: true is not 1."""
    found, right = plain(found), plain(right)
    return type(found) is type(right) and found == right


def kind_of(wanted: Wanted) -> str:
    """Of what type the value is, for reports; "absent" where null is the only right answer."""
    if wanted.absent:
        return "absent"
    schema = wanted.schema
    return "enum" if "enum" in schema else "date" if schema.get("format") == "date" else schema["type"]


@dataclass
class Tally:
    """Counts over documents: for each a pair (right, asked), so that an error can be given with what it varies by."""

    pairs: list[tuple[int, int]] = field(default_factory=list)

    def add(self, hits: Iterable[bool]) -> None:
        hits = list(hits)
        self.pairs.append((sum(hits), len(hits)))

    def __str__(self) -> str:
        right, asked = (sum(pair[side] for pair in self.pairs) for side in (0, 1))
        if not asked:
            return "none asked"
        share, n = right / asked, len(self.pairs)
        # Fields of one document go wrong together, so the error is that of a ratio over documents.
        spread = sum((r - share * a) ** 2 for r, a in self.pairs) * n / max(1, n - 1)
        return f"{share:6.1%} ± {spread**0.5 / asked:5.1%}  ({right} of {asked})"


@dataclass
class Score:
    """What is counted over a set of documents."""

    fields: Tally = field(default_factory=Tally)
    objects: Tally = field(default_factory=Tally)
    null_for_stated: Tally = field(default_factory=Tally)
    invented: Tally = field(default_factory=Tally)
    items: Tally = field(default_factory=Tally)
    lengths: Tally = field(default_factory=Tally)
    by_type: dict[str, Tally] = field(default_factory=dict)
    passes: list[int] = field(default_factory=list)
    failed: Counter[str] = field(default_factory=Counter)

    def add(self, gold: Gold, output: dict[str, Any] | None) -> dict[str, bool]:
        """Count one answer; None where there is none, which is wrong everywhere and null nowhere."""
        found = output or {}
        hits = {}
        for one in gold.fields:
            value = found.get(one.key)
            hits[one.key] = output is not None and any(same(value, right) for right in one.answers)
            self.by_type.setdefault(kind_of(one), Tally()).add([hits[one.key]])
        self.fields.add(hits.values())
        self.objects.add([all(hits.values())])
        stated = [one for one in gold.fields if None not in one.answers and [] not in one.answers]
        self.null_for_stated.add(output is not None and found.get(one.key) is None for one in stated)
        empty = (None, "", [])
        self.invented.add(found.get(one.key) not in empty for one in gold.fields if one.absent)
        lists = [one for one in gold.fields if one.schema.get("type") == "array" and isinstance(one.answers[0], list)]
        self.lengths.add(_length(found.get(one.key)) in map(_length, one.answers) for one in lists)
        self.items.add(hit for one in lists for hit in items_found(found.get(one.key), one.answers))
        return hits

    def report(self) -> str:
        lines = [
            f"fields right          {self.fields}",
            f"whole objects         {self.objects}",
            f"null for a stated one {self.null_for_stated}",
            f"invented for absent   {self.invented}",
            f"items of lists        {self.items}",
            f"number of items right {self.lengths}",
            *(f"  {kind:19} {tally}" for kind, tally in sorted(self.by_type.items())),
            f"passes an object      {sum(self.passes) / max(1, len(self.passes)):.1f}",
        ]
        return "\n".join(lines + [f"no answer: {dict(self.failed)}"] * bool(self.failed))


def _length(value: Any) -> int | None:
    return len(value) if isinstance(value, list) else None


def items_found(found: Any, answers: Sequence[list[Any]]) -> list[bool]:
    """For every item of the list that is right (of several, the best met) whether it is in the answer, whole."""
    rows = [[any(same(one, right) for one in found or ()) for right in answer] for answer in answers if answer]
    return max(rows, key=sum, default=[])


# ---- the command


def labelled(gold: Gold) -> dict[str, Any]:
    """A document as a line for `ctrldiff eval`."""
    also = {one.key: one.answers[1:] for one in gold.fields if len(one.answers) > 1}
    output = {one.key: one.answers[0] for one in gold.fields}
    return {"text": gold.text, "output": output, "schema": gold.schema} | ({"also": also} if also else {})


def read(model: cd.Model, golds: Sequence[Gold], score: Score, show: bool, **how: Any) -> None:
    """Ask for every document, and count."""
    for gold in golds:
        try:
            result = cd.Generator(model, gold.schema, **how)(gold.text)
        except cd.CtrldiffError as error:
            score.failed[type(error).__name__] += 1
            score.add(gold, None)
            continue
        score.passes.append(result.usage.forwards)
        hits = score.add(gold, result.output)
        if show:
            wrong = {key: result.output.get(key) for key, hit in hits.items() if not hit}
            print(gold.number, gold.kind, gold.style, json.dumps(wrong, ensure_ascii=False, default=str), flush=True)


def judge(model: cd.Model, part: str) -> str:
    lines = []
    for good, bad in LABELS:
        tally, right = Tally(), {"positive": good, "negative": bad}
        for one in reviews(part):
            tally.add([model(one.text, cd.Choice([good, bad])).output == right[one.label]])
        lines.append(f"{part.replace('_', ' ')}, {good} or {bad}: {tally}")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help='"tiny", or the folder of a model')
    parser.add_argument("--parts", default="documents,reviews,plain_reviews,items")
    parser.add_argument("--every", type=int, default=1, help="take one document in so many")
    parser.add_argument("--keys", choices=list(SPELLINGS), help="spell all keys so")
    parser.add_argument("--pad", type=int, default=0, help="ask for foreign keys too, up to so many a document")
    parser.add_argument("--steps", type=int, help="at most so many forward passes an object")
    parser.add_argument("--counts", choices=list(COUNTS), help="decide first how many items a list has, by this rule")
    parser.add_argument("--show", action="store_true", help="print what is wrong")
    parser.add_argument("--labelled", type=Path, help="write the documents as lines for `ctrldiff eval`, and stop")
    parser.add_argument("--out", type=Path, help="add the report to this file")
    options = parser.parse_args()
    if options.labelled:
        golds = [gold for part in options.parts.split(",") if part not in REVIEWS for gold in documents(part)]
        lines = "".join(f"{json.dumps(labelled(gold), ensure_ascii=False)}\n" for gold in golds[:: options.every])
        options.labelled.write_text(lines, encoding="utf-8")
        return
    torch.set_num_threads(1)
    began, model = time.process_time(), cd.from_pretrained(options.model)
    how: dict[str, Any] = {} if options.steps is None else {"steps": options.steps}
    if options.counts:
        how["counts"] = COUNTS[options.counts]
    lines = [
        f"{options.model} keys={options.keys} pad={options.pad} steps={options.steps} counts={options.counts} "
        f"every={options.every}"
    ]
    for part in options.parts.split(","):
        if part in REVIEWS:
            lines.append(judge(model, part))
            continue
        golds = documents(part)[:: options.every]
        if options.keys:
            golds = [spelled(gold, options.keys) for gold in golds]
        score = Score()
        read(model, [padded(gold, options.pad) for gold in golds], score, options.show, **how)
        lines.append(f"{part}: {len(golds)}\n{score.report()}")
    lines.append(f"{time.process_time() - began:.0f} s of processor time")
    print("\n".join(lines))
    if options.out:
        with options.out.open("a", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n\n")


if __name__ == "__main__":
    main()
