"""Grounded values against plain ones, same model and texts: `python -m examples.grounded.compare [--every N]`.

`documents.txt` holds 40 documents, written by hand for this measurement by the author of the readers, before any of
them was decoded: candidates are found in texts of a kind that the readers' author had in mind. So the recall is "at
best", and the difference between plain and grounded is what there is to see. Nothing is trained on them.
"""

import argparse
import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ctrldiff as cd
from ctrldiff.constraints.stated import stated_at
from ctrldiff.grounded.kinds import KINDS, same

DOCUMENTS = Path(__file__).parent / "documents.txt"
PLAIN = {
    "date": {"type": "string", "format": "date"},
    "time": {"type": "string", "pattern": r"^\d\d:\d\d:\d\d"},
    "datetime": {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d"},
}
LINE = re.compile(r"(\w+): (\w+) ?(.*?) = (.+)")


@dataclass(frozen=True)
class Wanted:
    """One field: its key, kind and options, and the right answer."""

    key: str
    kind: str
    options: dict[str, Any]
    answer: Any

    def schema(self, grounded: bool) -> dict[str, Any]:
        """The field's schema, which may be null."""
        inner: dict[str, Any] = PLAIN.get(self.kind, KINDS[self.kind].schema)
        inner = {**inner, "enum": self.options["enum"]} if "enum" in self.options else inner
        if grounded:
            options = {name: value for name, value in self.options.items() if name != "enum"}
            inner = {"x-from-text": {"kind": self.kind, **options}, "type": inner.get("type", "string"), **inner}
            inner.pop("pattern", None)
        return {"anyOf": [inner, {"type": "null"}]}


def documents() -> Iterator[tuple[str, list[Wanted]]]:
    """Every text with what is wanted of it."""
    for part in re.split(r"^=== .*\n", DOCUMENTS.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]:
        text, _, lines = part.partition("\n---\n")
        fields = []
        for line in lines.strip().splitlines():
            found = LINE.fullmatch(line)
            assert found, line
            key, kind, more, answer = found.groups()
            options = {"enum": more.split("|")} if kind == "label" else {"unit": more} if more else {}
            fields.append(Wanted(key, kind, options, json.loads(answer)))
        yield text.strip(), fields


def recall() -> None:
    """Print how many stated answers are among the candidates, by kind."""
    hits, asked = Counter[str](), Counter[str]()
    for text, fields in documents():
        for one in fields:
            if one.answer is not None:
                asked[one.kind] += 1
                hit = bool(stated_at(one.kind, one.options, one.answer, text))
                hits[one.kind] += hit
                if not hit:
                    print(f"  not a candidate: {one.key} = {one.answer!r} in {text[:60]!r}")
    for kind in asked:
        print(f"  {kind:9} {hits[kind]} of {asked[kind]}")
    print(f"answers among the candidates: {hits.total()} of {asked.total()}")


def accuracy(model: cd.Model, every: int, grounded: bool) -> None:
    """Decode, and print how many fields are right, by kind."""
    right, asked, passes, wrong = Counter[str](), Counter[str](), [], Counter[str]()
    for text, fields in list(documents())[::every]:
        keys = [one.key for one in fields]
        properties = {one.key: one.schema(grounded) for one in fields}
        schema = {"type": "object", "properties": properties, "required": keys, "additionalProperties": False}
        try:
            result = model(text, schema)
        except cd.CtrldiffError as error:
            print(f"  {type(error).__name__}: {text[:60]!r}")
            asked.update(one.kind if one.answer is not None else "absent" for one in fields)
            continue
        passes.append(result.usage.forwards)
        for one in fields:
            kind, value = one.kind if one.answer is not None else "absent", result.output[one.key]
            asked[kind] += 1
            right[kind] += same(value, one.answer)
            wrong["null for stated"] += value is None and one.answer is not None
            wrong["invented"] += value is not None and one.answer is None
            wrong["not in the text"] += value is not None and not stated_at(one.kind, one.options, value, text)
    for kind in asked:
        print(f"  {kind:9} {right[kind]} of {asked[kind]}")
    share = right.total() / asked.total()
    print(f"{'grounded' if grounded else 'plain'}: {right.total()} of {asked.total()} fields right ({share:.1%})")
    print(f"  {dict(wrong)}, {sum(passes) / len(passes):.1f} passes an object")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--every", type=int, default=1, help="take one document in so many")
    parser.add_argument("--model", default="tiny")
    options = parser.parse_args()
    recall()
    model = cd.from_pretrained(options.model)
    for grounded in (False, True):
        accuracy(model, options.every, grounded)


if __name__ == "__main__":
    main()
