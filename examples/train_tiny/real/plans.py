"""Plans beside each other on the real set: `python -m examples.train_tiny.real.plans MODEL [--every 4] [--only NAMES]`.

All rows have the same documents and weights. "In rooms" the canvas is laid out (`Plan.rooms`), and may grow; the other
rows have the same room, the canvas that the front door gives an object that is written close together, and it may not
grow. "Free" rows are held to no schema: what they write is read as JSON where it can be. *Debris* is the share of
strings that are not in the text, of those that are not null.
"""

import argparse
import json
import warnings
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import torch

import ctrldiff as cd
from ctrldiff.json_schema import JsonSchema
from ctrldiff.types.ask import asked
from examples.compare.baselines import baseline
from examples.train_tiny.real.gold import Gold, documents
from examples.train_tiny.real.measure import Score, plain

Schema = dict[str, Any]


def _each(schema: Schema, change: Callable[[Schema], Schema]) -> Schema:
    """The schema with every scalar in it changed."""
    out = {key: value for key, value in schema.items() if key not in ("anyOf", "properties", "items")}
    if "anyOf" in schema:
        out["anyOf"] = [_each(one, change) for one in schema["anyOf"]]
    elif "properties" in schema:
        out["properties"] = {key: _each(one, change) for key, one in schema["properties"].items()}
    elif "items" in schema:
        out["items"] = _each(schema["items"], change)
    else:
        out = change(out)
    return out


def _grounded(scalar: Schema) -> Schema:
    kinds = {"string": "text", "number": "number", "integer": "integer"}
    kind = "date" if scalar.get("format") == "date" else kinds.get(scalar.get("type", ""))
    return scalar | {"x-from-text": kind} if kind else scalar


def _spans(scalar: Schema) -> Schema:
    return scalar | {"x-span": True} if scalar.get("type") == "string" and "format" not in scalar else scalar


def as_asked(schema: Schema) -> Schema:
    return schema


def grounded(schema: Schema) -> Schema:
    """Every string, number and date one that the text states."""
    return _each(deepcopy(schema), _grounded)


def spans(schema: Schema) -> Schema:
    """Every string a span of the text."""
    return _each(deepcopy(schema), _spans)


@dataclass(frozen=True)
class Way:
    """One row of the table. free: without the schema, which is in the ask alone."""

    plan: cd.Plan
    schema: Callable[[Schema], Schema] = as_asked
    free: bool = False

    def __call__(self, model: cd.Model, gold: Gold, canvas: int) -> tuple[Any, int]:
        """The answer, None where it is no object, and the passes it took."""
        if not self.free:
            room = None if self.plan.layout else canvas
            result = cd.Generator(model, self.schema(gold.schema), plan=self.plan, max_new_tokens=room)(gold.text)
            return result.output, result.usage.forwards
        ask = asked(JsonSchema(gold.schema)).said(model.loaded.spec.ask)
        result = cd.Generator(model, str, ask=ask, plan=self.plan, max_new_tokens=canvas)(gold.text)
        try:
            found = json.loads(result.raw)
        except ValueError:
            found = None
        return found if isinstance(found, dict) else None, result.usage.forwards


def ways() -> dict[str, Way]:
    """Rows by name."""
    preset = cd.Plan.preset
    return {
        "in rooms": Way(cd.Plan.rooms()),
        "in rooms, at most 2": Way(cd.Plan.rooms(2)),
        "in rooms, at most 4": Way(cd.Plan.rooms(4)),
        "in rooms, at most 8": Way(cd.Plan.rooms(8)),
        "in rooms, grounded values": Way(cd.Plan.rooms(), grounded),
        "in rooms, grounded, at most 4": Way(cd.Plan.rooms(4), grounded),
        "in rooms, spans": Way(cd.Plan.rooms(), spans),
        "default": Way(cd.Plan.default()),
        "default, at most 4": Way(cd.Plan.default(4)),
        "default, at most 8": Way(cd.Plan.default(8)),
        "default, at most 16": Way(cd.Plan.default(16)),
        "default, grounded values": Way(cd.Plan.default(), grounded),
        "default, grounded, at most 4": Way(cd.Plan.default(4), grounded),
        "default, spans": Way(cd.Plan.default(), spans),
        "the default's order, free": Way(cd.Plan.default(), free=True),
        "the default's order, free, at most 8": Way(cd.Plan.default(8), free=True),
        "left to right, free": Way(baseline("unconstrained left to right"), free=True),
        "exact, 16 at a fixed rate": Way(baseline("exact MAP", 16)),
        "fast_dllm": Way(preset("fast_dllm")),
        "fast_dllm, free": Way(preset("fast_dllm"), free=True),
        "eb": Way(preset("eb")),
        "klass": Way(preset("klass")),
        "llada, 16": Way(preset("llada", steps=16)),
    }


def strings(value: Any) -> Iterator[str]:
    """All strings in an answer."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from strings(inner)


def made_up(gold: Gold, found: Any) -> Iterator[bool]:
    """For each string of an answer whether the text lacks it; labels and dates, which it may spell otherwise, apart."""
    text = " ".join(gold.text.split()).lower()
    for one in gold.fields:
        if "enum" not in one.schema and one.schema.get("format") != "date":
            for string in strings((found or {}).get(one.key)):
                yield str(plain(string)).lower() not in text


def row(model: cd.Model, way: Way, golds: list[Gold]) -> str:
    """One way over all documents, as a row of the table."""
    score, debris = Score(), []
    for gold in golds:
        try:
            canvas = cd.Generator(model, gold.schema, plan=cd.Plan.default()).check(gold.text)
            found, forwards = way(model, gold, canvas)
        except cd.CtrldiffError as error:
            score.failed[type(error).__name__] += 1
            score.add(gold, None)
            continue
        score.passes.append(forwards)
        score.failed["no object"] += found is None
        score.add(gold, found)
        debris += made_up(gold, found)
    tallies = score.fields, score.objects, score.null_for_stated, score.invented
    cells = [str(tally).split("(")[0].strip() for tally in tallies]
    cells.append(f"{sum(debris) / max(1, len(debris)):.0%} of {len(debris)}")
    cells += [str(score.failed.total()), f"{sum(score.passes) / max(1, len(score.passes)):.1f}"]
    return " | ".join(cells)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help='"tiny", or the folder of a model')
    parser.add_argument("--every", type=int, default=1, help="take one document in so many")
    parser.add_argument("--only", help="names of rows, separated by semicolons")
    options = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore", cd.errors.CanvasWarning)
    model, golds = cd.from_pretrained(options.model), documents()[:: options.every]
    wanted = options.only.split(";") if options.only else None
    print(f"{options.model}: {len(golds)} documents, {sum(len(gold.fields) for gold in golds)} fields\n")
    print("| plan | fields right | whole objects | null for a stated one | invented | debris | no answer | passes |")
    print("|---|---|---|---|---|---|---|---|")
    for name, way in ways().items():
        if wanted is None or name in wanted:
            print(f"| {name} | {row(model, way, golds)} |", flush=True)


if __name__ == "__main__":
    main()
