"""Documents through the front door, as a user's would go: `python -m examples.compare.front_door [--documents 100]`.

Two materials, both made up here: held-out documents of the model card, known and unseen phrasings, and invoices of
eight fields (`tests/invoices.py`), these with a fixed canvas too. For each: fields right and whole objects, forward
passes, answers that their canvas bound, values that were flagged and how many of those are known to be wrong, and the
positions that were laid out beyond the shortest answer against those that the right answer needs. `--steps 4` is what a
budget costs: then values that the end of the steps wrote unsurely are flagged, too.
"""

import argparse
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean
from typing import Any

import ctrldiff as cd
from examples.compare.measure import documents, same

TEXTS = ("invoice_number", "supplier", "supplier_address", "customer", "customer_address", "date")
INVOICE = {
    "type": "object",
    "properties": {
        **{name: {"type": "string"} for name in TEXTS},
        "items": {"type": "array", "items": {"type": "string"}},
        "total": {"type": "number"},
    },
    "required": [*TEXTS, "items", "total"],
}


@dataclass(frozen=True)
class Text:
    """A document: its text, the schema, and what is right of it, by key."""

    text: str
    schema: dict[str, Any]
    right: dict[str, Any]


def read(model: cd.Model, texts: Sequence[Text], whole: bool, **how: Any) -> str:
    """One line of the table. whole: `right` is all of the object, so that needs and whole objects can be told."""
    hits, objects, passes, full, flagged, wrong = [], 0, [], 0, 0, 0
    rooms, needs = [], []
    for one in texts:
        generator = cd.Generator(model, one.schema, **how)
        result = generator(one.text)
        found = {key: key in result.output and same(result.output[key], value) for key, value in one.right.items()}
        hits += found.values()
        objects += all(found.values())
        passes.append(result.usage.forwards)
        full += result.full
        for flag in result.flags:
            flagged += 1
            wrong += not found.get(flag.where.split("/")[1], True)
        if whole:
            constraint = generator.type.description
            spelled = model.loaded.plain_ids(constraint.canonical(one.right))
            rooms.append(generator.check(one.text) - generator.table.shortest)
            needs.append(len(spelled) - generator.table.shortest)
    line = f"{sum(hits)} of {len(hits)} fields ({sum(hits) / len(hits):.1%})"
    line += f", {objects} of {len(texts)} whole" if whole else ""
    line += f", {mean(passes):.1f} passes, {full} bound, {flagged} flagged ({wrong} known to be wrong)"
    if whole:
        short = sum(need > room for need, room in zip(needs, rooms))
        line += (
            f"; room {mean(rooms):.0f} ({min(rooms)} to {max(rooms)}), need {mean(needs):.0f} (at most {max(needs)})"
        )
        line += f", {short} laid out too short"
    return line


def main() -> None:
    """Print a line for each material."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=100, help="of each split")
    parser.add_argument("--invoices", type=int, default=40, help="0 leaves them out")
    parser.add_argument("--steps", type=int, help="forward passes at most")
    options = parser.parse_args()
    from tests.invoices import invoices

    warnings.simplefilter("ignore", cd.errors.CanvasWarning)
    model = cd.from_pretrained("tiny")
    for split in ("known", "unseen"):
        found = documents(model, split, options.documents)
        texts = [Text(one.text, one.schema, dict(one.pairs)) for one in found]
        print(f"made-up documents, {split}: {read(model, texts, True, steps=options.steps)}", flush=True)
    if not options.invoices:
        return
    bills = [Text(bill.text, INVOICE, {"date": bill.date, "total": bill.total}) for bill in invoices(options.invoices)]
    shortest = cd.Generator(model, INVOICE).table.shortest
    for name, how in (
        ("laid out and growing", {}),
        (f"fixed, shortest + {model.loaded.spec.canvas}", {"max_new_tokens": shortest + model.loaded.spec.canvas}),
        ("fixed, 120", {"max_new_tokens": 120}),
    ):
        print(
            f"invoices, dates and totals, {name}: {read(model, bills, False, steps=options.steps, **how)}", flush=True
        )


if __name__ == "__main__":
    main()
