"""What a prompt template may say of a wanted type: its schema, an example, the short form, or all of it in a sentence.

The short form (`ask.py`) was made for the model in the box. A model that reads sentences is told of JSON by a JSON
Schema, with descriptions, labels and what may be null, and by an example; of labels, by the labels; of a pattern, by
the pattern.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from ctrldiff.constraints.basic import Regex
from ctrldiff.constraints.keyword import in_words
from ctrldiff.constraints.of_text import KEYWORD
from ctrldiff.constraints.template import Template
from ctrldiff.grounded.kinds import KEY, KINDS
from ctrldiff.json_schema import JsonSchema
from ctrldiff.json_schema.keywords import PATTERNS, those
from ctrldiff.json_schema.references import References
from ctrldiff.types.ask import Style
from ctrldiff.types.example import example_of, kind_of
from ctrldiff.types.structured import OutputType

UNSAID = (*those(lambda row: row.role == "names" and row.holds == "value"), "default")  # of a schema: for programs
COPIED, STATED = "as it stands in the text", "as the text states it"
FORMS = {"int": "a whole number", "number": "a number", "bool": "true or false", "date": "a date (YYYY-MM-DD)"}


def words_of(type_: OutputType, style: Style, most: int | None = None) -> dict[str, Callable[[], str]]:
    """The places that a template may have, and what each says of a type, made when it is asked for.

    Args:
        style: of the short form.
        most: of choices with more labels only so many are said, see `OutputType.asked`.
    Returns: "ask" (the short form), "schema" (a JSON Schema or a pattern), "example" (a legal value), and
        "instruction" (a sentence with what is needed of them). Each is "" where there is nothing to say.
    """
    return {
        "ask": lambda: type_.asked(style, most),
        "schema": lambda: schema_text(type_, most),
        "example": lambda: example_text(type_),
        "instruction": lambda: instruction(type_, most),
    }


def schema_text(type_: OutputType, most: int | None = None) -> str:
    """The JSON Schema of a type of JSON, on one line, without what is said to programs only; the pattern of a regular
    expression; else ""."""
    description = type_.description
    if isinstance(description, Regex):
        return description.pattern
    if not isinstance(description, JsonSchema):
        return ""
    schema = description.schema
    for node in reversed(References(schema).all):  # a part before the schema that takes it in
        _shorten(node, most)
    return json.dumps(schema, ensure_ascii=False)


def example_text(type_: OutputType) -> str:
    """A legal value of a type of JSON, or the first label of a choice; else ""."""
    if isinstance(type_.description, JsonSchema):
        return example_of(type_.description)
    return type_.labels[0] if type_.labels else ""


def instruction(type_: OutputType, most: int | None = None) -> str:
    """A sentence or three that say what to answer with. "" where nothing is known of it but that it is text."""
    description, name = type_.description, type_.name
    of = f" for {name}" if name else ""
    of += f" ({type_.place.text})" if type_.place.text else ""
    if isinstance(description, JsonSchema) and description.has_spans and description.schema.get("type") == "string":
        if written := _form(description.schema.get(KEY)):
            return f"Answer with {written}{of}, and nothing else."
        if type_.place.labels:
            return f"Answer with one of these{of}, and nothing else: {' | '.join(type_.place.labels)}"
        return f"Answer with a passage of the text{of}, copied as it stands, and nothing else."
    if isinstance(description, JsonSchema) and _is_structure(type_):
        said = f"Answer with JSON that obeys this JSON Schema, and nothing else:\n{schema_text(type_, most)}"
        example = example_text(type_)
        return f"{said}\nAn example of the form: {example}" if example else said
    if type_.labels:
        few = type_.labels if most is None else type_.labels[:most]
        more = " | ..." if len(few) < len(type_.labels) else ""
        return f"Answer with one of these{of}, and nothing else: {' | '.join(few)}{more}"
    if isinstance(description, Template):
        return f"Answer with this text, its braces filled in, and nothing else:\n{_filled_in(description, type_)}"
    if isinstance(description, Regex):
        what = f" with {type_.ask}," if type_.ask else " with"
        return f"Answer{what} a text that matches this regular expression, and nothing else: {description.pattern}"
    if form := FORMS.get(type_.place.word):
        null = ", or null," if type_.place.nullable else ""
        return f"Answer with {form}{null}{of}, and nothing else."
    return f"Answer with this, and nothing else: {type_.ask}" if type_.ask else ""


def _is_structure(type_: OutputType) -> bool:
    place = type_.place
    return place.is_object or place.items is not None or bool(place.alternatives) or not (place.word or type_.labels)


def _filled_in(template: Template, type_: OutputType) -> str:
    """The template's text, each hole as the short form says it."""
    names = [name for name, _ in template.holes]
    return template.pattern.format(**{name: "{" + type_.holes[name].ask + "}" for name in names})


def _form(keyword: Any) -> str:
    """How the values of a kind that a text states are written; "" where their schema says it, and of words."""
    if isinstance(keyword, dict) and "unit" in keyword:
        return f"a number of {keyword['unit']}"
    kind = kind_of(keyword)
    return KINDS[kind].form if kind in KINDS else ""


def _shorten(node: dict[str, Any], most: int | None) -> None:
    """A schema without what a model is not helped by, in place."""
    said = COPIED if node.pop("x-span", False) is True else ""
    if (kind := node.pop(KEY, None)) is not None:
        form = "" if "format" in node or kind_of(kind) == "date" else _form(kind)
        said = COPIED if kind_of(kind) == "text" else f"{form}, {STATED}" if form else STATED
        known = KINDS.get(kind_of(kind))  # what the value is in JSON is said where it is not
        node |= {word: value for word, value in (known.schema if known else {}).items() if word not in node}
    if KEYWORD in node:
        said = ", ".join(filter(None, (said, in_words(node.pop(KEYWORD)))))
    if said:
        node["description"] = f"{node['description']} ({said})" if node.get("description") else said
    for key in UNSAID:
        node.pop(key, None)
    for dialect in PATTERNS.keys() & node.keys() - {"pattern"}:
        node.setdefault("pattern", node.pop(dialect))
    if "format" in node:
        node.pop("pattern", None)  # pydantic's dates have both, and the format is the word for it
    if isinstance(node.get("title"), str):
        del node["title"]  # pydantic's is the name again
    values = node.get("enum")
    if most is not None and isinstance(values, list) and len(values) > most:
        node["enum"] = [*values[:most], "..."]
    parts = node.get("anyOf")
    if isinstance(parts, list) and len(parts) == 2 and {"type": "null"} in parts and "type" not in node:
        other = next(part for part in parts if part != {"type": "null"}) if parts[0] != parts[1] else {}
        if isinstance(other, dict) and isinstance(other.get("type"), str) and not {"enum", "const"} & other.keys():
            del node["anyOf"]  # "string or null", in the shorter of two ways to say it
            node |= {**{k: v for k, v in other.items() if k not in node}, "type": [other["type"], "null"]}
