"""Descriptions as JSON: those that their own words say all of."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Any, get_args, get_type_hints

from ctrldiff.constraints.basic import Choice, Regex, Text
from ctrldiff.constraints.decision import Score, YesNo
from ctrldiff.constraints.description import And, Description, Or
from ctrldiff.errors import InputError
from ctrldiff.json_schema import JsonSchema
from ctrldiff.json_schema.options import Options

_PLAIN: dict[str, tuple[type[Any], dict[str, type[Any]]]] = {  # by name: the class, and what its fields are in JSON
    "Regex": (Regex, {"pattern": str, "dialect": str, "search": bool, "ascii": bool}),
    "Choice": (Choice, {"labels": list}),
    "Text": (Text, {"empty": bool}),
    "Score": (Score, {"low": int, "high": int}),
    "YesNo": (YesNo, {}),
}
_MANY: dict[str, type[And | Or]] = {"And": And, "Or": Or}
_DIALECTS = get_args(get_type_hints(Regex)["dialect"])
_OPTIONS = {one.name for one in fields(Options)}


def said(description: Description, like: Description | None = None) -> dict[str, Any]:
    """A description as JSON, from which `read` makes one that is equal to it.

    Args: like: one that is said beforehand: a schema that differs in options alone is told by those.
    Raises: InputError for a description that is told by more than words: a template of types, an automaton, spans.
    """
    if isinstance(description, JsonSchema) and isinstance(like, JsonSchema) and like.text == description.text:
        changed = {name: value for name, value in description.chosen.items() if getattr(like, name) != value}
        if like.but(**changed) == description:
            return {"but": changed}
    told = json.loads(json.dumps(_said(description)))
    if told is None or read(told) != description:
        raise InputError(
            f"{repr(_unsaid(description))[:200]} cannot be kept in a file",
            why="only what words say all of can: JSON Schemas, patterns, choices, scores",
            hint="keep what it is made of, and compile it where it is used",
        )
    return told


def _unsaid(description: Description) -> Description:
    """The part of it that no words say all of."""
    parts = description.parts if isinstance(description, And | Or) else ()
    return next((_unsaid(part) for part in parts if _said(part) is None), description)


def _said(description: Description) -> dict[str, Any] | None:
    kind = type(description).__name__
    if type(description) is JsonSchema:
        return {"kind": kind, "schema": description.text, "options": description.chosen}
    if isinstance(description, And | Or) and kind in _MANY:
        parts = [_said(part) for part in description.parts]
        return None if None in parts else {"kind": kind, "parts": parts}
    if kind in _PLAIN and type(description) is _PLAIN[kind][0]:
        return {"kind": kind, **{name: getattr(description, name) for name in _PLAIN[kind][1]}}
    return None


def read(told: Any, like: Description | None = None) -> Description:
    """What `said` tells. Raises: ValueError for anything else; what the descriptions themselves raise."""
    if not isinstance(told, dict):
        raise ValueError(f"a {type(told).__name__} in place of a description")
    if set(told) == {"but"} and isinstance(like, JsonSchema):
        return like.but(**_options(told["but"]))
    kind = told.get("kind")
    if kind == "JsonSchema" and set(told) == {"kind", "schema", "options"}:
        return _schema(told["schema"], _options(told["options"]))
    if kind in _MANY and set(told) == {"kind", "parts"}:
        return _MANY[kind](tuple(read(part) for part in told["parts"]))
    if kind not in _PLAIN:
        raise ValueError(f"no description: {str(told)[:100]}")
    make, kinds = _PLAIN[kind]
    given = {name: value for name, value in told.items() if name != "kind"}
    if {name: type(value) for name, value in given.items()} != kinds:
        raise ValueError(f"no {kind}: {str(told)[:100]}")
    if given.get("dialect", "python") not in _DIALECTS:
        raise ValueError(f"no dialect: {str(given['dialect'])[:100]}")
    made: Description = make(**given)
    return made


def _schema(text: Any, options: dict[str, Any]) -> JsonSchema:
    """A schema by its JSON text. (As a str it might be the path of a file, which nobody may have read by naming it.)"""
    made = JsonSchema(_json(text), **options)
    if made.text != text:
        raise ValueError(f"no schema as it is written here: {text[:100]}")
    return made


def _options(told: Any) -> dict[str, Any]:
    """The options of a schema, of the right kinds."""
    if not isinstance(told, dict) or not set(told) <= _OPTIONS:
        raise ValueError(f"no options of a schema: {str(told)[:100]}")
    options = dict(told)
    if isinstance(options.get("digits"), list):
        options["digits"] = tuple(options["digits"])
    if "documents" in options:
        options["documents"] = {uri: _json(text) for uri, text in options["documents"]}
    return options


def _json(text: Any) -> Any:
    value = json.loads(text)
    if not isinstance(value, dict | bool):
        raise ValueError(f"no schema: {text[:100]}")
    return value
