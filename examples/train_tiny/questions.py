"""Ask for some keys of a document, in any names and order, and give the answer as compact JSON.

About a sixth of the asked fields are not in the text; their answer is null.
"""

import json
from dataclasses import dataclass
from random import Random

from examples.train_tiny.documents import Document
from examples.train_tiny.fields import Field

TYPES = {"int": "int", "number": "number", "bool": "bool", "date": "date", "list": "[]"}
ABSENT = 0.15  # of asked fields are drawn from those the text does not state
NESTED = {
    "invoice": (
        ("seller", ("name", "seller"), ("phone", "phone")),
        ("customer", ("name", "customer"), ("email", "email")),
        ("vendor", ("name", "seller"), ("phone", "phone")),
    ),
    "order": (
        ("address", ("street", "street"), ("city", "city")),
        ("customer", ("name", "customer"), ("city", "city")),
        ("ship_to", ("name", "customer"), ("street", "street"), ("city", "city")),
        ("shipping", ("carrier", "carrier"), ("tracking", "tracking")),
        ("buyer", ("name", "customer"), ("email", "email")),
    ),
    "contact": (
        ("address", ("street", "street"), ("city", "city")),
        ("person", ("name", "name"), ("title", "title")),
        ("contact", ("name", "name"), ("email", "email"), ("phone", "phone")),
    ),
    "event": (
        ("venue", ("name", "venue"), ("city", "city")),
        ("location", ("venue", "venue"), ("city", "city")),
        ("place", ("name", "venue"), ("city", "city")),
    ),
    "bio": (
        ("person", ("name", "name"), ("age", "age")),
        ("birth", ("date", "birth_date"), ("place", "birth_place")),
        ("born", ("date", "birth_date"), ("city", "birth_place")),
        ("work", ("job", "job"), ("employer", "employer")),
    ),
}
ITEM_NAMES = ("name", "name", "name", "product", "item", "description", "article")
ITEM_COUNTS = ("quantity", "quantity", "quantity", "qty", "count", "units")
ITEM_PRICES = ("price", "price", "amount", "cost")


@dataclass
class Example:
    """One training pair. `types` names the kind of every asked field, for reports by type."""

    text: str
    ask: str
    answer: str
    pairs: tuple[tuple[str, object], ...] = ()
    kinds: tuple[str, ...] = ()
    task: str = "extract"


def compact(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def restyle(key: str, rng: Random) -> str:
    """Now and then the same key in another spelling: due_date, dueDate, DueDate."""
    form = rng.random()
    if form > 0.13 or "_" not in key:
        return key
    words = key.split("_")
    first = words[0] if form < 0.09 else words[0].capitalize()
    return first + "".join(word.capitalize() for word in words[1:])


class Asker:
    """Asks about one document."""

    def __init__(self, document: Document, rng: Random):
        self.document, self.rng = document, rng

    def question(self, field: Field) -> tuple[str, str, object, str]:
        """(key, rendered type, value or None, kind for reports) of one field, under one of its names."""
        document, rng = self.document, self.rng
        key, value = restyle(rng.choice(field.keys), rng), document.stated.get(field.name)
        kind = field.kind
        if kind == "items":
            return self._items(key, value)
        if kind == "date" and rng.random() < 0.06:
            return key, "", value and document.texts[field.name], "string"  # asked as written
        if kind == "string" and field.make in ("code", "po") and isinstance(value, str):
            digits = value.lstrip("#")
            if digits.isdigit() and rng.random() < 0.25:
                return key, "int", int(digits), "int"
        if kind == "enum":
            words = list(field.words) or ["EUR", "USD", "GBP"]
            if rng.random() < 0.3:
                rng.shuffle(words)
            return key, "|".join(words), value, "enum"
        return key, TYPES.get(kind, ""), value, kind

    def _items(self, key, rows):
        rng = self.rng
        if rng.random() < 0.2:
            return key, "[]", rows and [row[0] for row in rows], "list"
        name, count, price = rng.choice(ITEM_NAMES), rng.choice(ITEM_COUNTS), rng.choice(ITEM_PRICES)
        form = rng.random()
        shown = self.document.prices_shown
        whole = [{name: row[0], count: row[1], price: _short(row[2]) if shown else None} for row in rows or ()]
        if form < 0.5:
            shape, keep = f"[{{{name},{count}:int}}]", (name, count)
        elif form < 0.85:
            shape, keep = f"[{{{name},{count}:int,{price}:number}}]", (name, count, price)
        else:
            shape, keep = f"[{{{name},{price}:number}}]", (name, price)
        return key, shape, [{one: row[one] for one in keep} for row in whole] or None, "items"

    def _nested(self):
        key, *parts = self.rng.choice(NESTED[self.document.kind.name])
        by_name = {field.name: field for field in self.document.kind.fields}
        shapes, value = [], {}
        for name, source in parts:
            type_text = TYPES.get(by_name[source].kind, "")
            shapes.append(f"{name}:{type_text}" if type_text else name)
            value[name] = self.document.stated.get(source)
        stated = any(one is not None for one in value.values())
        return key, "{" + ",".join(shapes) + "}", value if stated else None, "object"

    def ask(self, at_most: int = 8) -> Example:
        """An object with 1 to 8 keys."""
        rng, document = self.rng, self.document
        stated = [field for field in document.kind.fields if field.name in document.stated]
        absent = [field for field in document.kind.fields if field.name not in document.stated]
        count = min(rng.choice((1, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 8)), at_most)
        rng.shuffle(stated)
        rng.shuffle(absent)
        if rng.random() < 0.5:  # items are rare and hard: ask for them more often
            stated.sort(key=lambda field: field.kind == "items")
        asked: list[tuple[str, str, object, str]] = []
        if document.kind.name in NESTED and rng.random() < 0.07:
            asked.append(self._nested())
        while len(asked) < count and (stated or absent):
            pool = absent if absent and (not stated or rng.random() < ABSENT) else stated
            if pool is absent and not stated and len(asked) > 1 and rng.random() < 0.8:
                break
            question = self.question(pool.pop())
            if all(question[0] != other[0] for other in asked):
                asked.append(question)
        rng.shuffle(asked)
        return as_object(document.text, asked)

    def ask_one(self) -> Example:
        """One bare value: `due_date:date` and the date itself."""
        document, rng = self.document, self.rng
        fields = [
            field
            for field in document.kind.fields
            if field.kind != "items" and (field.name in document.stated or rng.random() < 0.05)
        ]
        if not fields:
            return self.ask(1)
        key, shape, value, kind = self.question(rng.choice(fields))
        answer = value if isinstance(value, str) else compact(value)
        return Example(document.text, f"{key}:{shape}" if shape else key, answer, ((key, value),), (kind,), "bare")


def as_object(text: str, asked) -> Example:
    ask = "{" + ",".join(f"{key}:{shape}" if shape else key for key, shape, _, _ in asked) + "}"
    pairs = tuple((key, value) for key, _, value, _ in asked)
    kinds = tuple("null" if value is None else kind for _, _, value, kind in asked)
    return Example(text, ask, compact(dict(pairs)), pairs, kinds)


def _short(value: float) -> int | float:
    return int(value) if value == int(value) else value
