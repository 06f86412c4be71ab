"""Read the hand-written files: a text, then one line for each wanted field with its type and its right answers.

    === 7 | invoice | letter
    the text
    ---
    key: type "description" = answer or another answer

A type is str, int, number, bool, date, labels a|b|c, a list [type], or an object {key:type,key:type}. Every field may
be null.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
PLAIN = {
    "str": {"type": "string"},
    "int": {"type": "integer"},
    "number": {"type": "number"},
    "bool": {"type": "boolean"},
    "date": {"type": "string", "format": "date"},
}
LINE = re.compile(r'(?P<key>[\w-]+): (?P<type>\S+)(?: "(?P<told>[^"]*)")? = (?P<answers>.+)')


@dataclass(frozen=True)
class Wanted:
    """One field: its key, the JSON Schema of a value that is not null, and all answers that are right."""

    key: str
    schema: dict[str, Any]
    answers: tuple[Any, ...]

    @property
    def absent(self) -> bool:
        """Whether nothing but null is right."""
        return self.answers == (None,)


@dataclass(frozen=True)
class Gold:
    """One document by its number, kind and style; its fields in the order in which they are asked."""

    number: int
    kind: str
    style: str
    text: str
    fields: tuple[Wanted, ...]

    @property
    def schema(self) -> dict[str, Any]:
        """What is asked for: every key required, every value may be null."""
        properties = {}
        for field in self.fields:
            inner = {key: value for key, value in field.schema.items() if key != "description"}
            properties[field.key] = {"anyOf": [inner, {"type": "null"}]}
            if "description" in field.schema:
                properties[field.key]["description"] = field.schema["description"]
        keys = list(properties)
        return {"type": "object", "properties": properties, "required": keys, "additionalProperties": False}


@dataclass(frozen=True)
class Review:
    """A text and which of "positive" and "negative" it is."""

    label: str
    text: str


def documents(name: str = "documents") -> list[Gold]:
    """The documents of documents.txt or, by name "items", of items.txt, where every document asks for a list."""
    parts = re.split(r"^=== ", (HERE / f"{name}.txt").read_text(encoding="utf-8"), flags=re.MULTILINE)
    return [_document(part) for part in parts if part.strip()]


def reviews(name: str = "reviews") -> list[Review]:
    """Those of the set, or the plainer ones: "plain_reviews"."""
    lines = (HERE / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    return [Review(*line.split(" | ", 1)) for line in lines]


def _document(part: str) -> Gold:
    head, rest = part.split("\n", 1)
    text, lines = rest.split("\n---\n")
    number, kind, style = (word.strip() for word in head.split("|"))
    return Gold(int(number), kind, style, text.rstrip(), tuple(_wanted(line) for line in lines.strip().splitlines()))


def _wanted(line: str) -> Wanted:
    if not (found := LINE.fullmatch(line)):
        raise ValueError(f"no field: {line!r}")
    schema, rest = _type(found["type"])
    if rest:
        raise ValueError(f"{rest!r} is left over of the type in {line!r}")
    if found["told"]:
        schema = schema | {"description": found["told"]}
    return Wanted(found["key"], schema, tuple(_answers(found["answers"])))


def _type(text: str) -> tuple[dict[str, Any], str]:
    """The schema at the beginning of `text`, and what follows."""
    if text.startswith("["):
        inner, rest = _type(text[1:])
        return {"type": "array", "items": inner}, rest[1:]
    if text.startswith("{"):
        properties, rest = {}, text
        while not rest.startswith("}"):
            key, rest = rest[1:].split(":", 1)
            inner, rest = _type(rest)
            properties[key] = {"anyOf": [inner, {"type": "null"}]}
        keys = list(properties)
        return {"type": "object", "properties": properties, "required": keys, "additionalProperties": False}, rest[1:]
    word = re.match(r"[^,}\]]*", text).group()
    return PLAIN.get(word, {"enum": word.split("|")}), text[len(word) :]


def _answers(text: str) -> Iterator[Any]:
    decoder = json.JSONDecoder()
    while True:
        value, stop = decoder.raw_decode(text)
        yield value
        if not (text := text[stop:]):
            return
        text = text.removeprefix(" or ")
