"""What a validator says of a value, with nothing fetched: no network, no files, whatever the schema refers to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from ctrldiff.errors import InputError, SchemaInvalid
from ctrldiff.json_schema.dialect import schemas_of
from ctrldiff.json_schema.documents import Documents
from ctrldiff.json_schema.keywords import UNREAD, draft_of

_CLASSES = {
    "draft-04": "Draft4Validator",
    "draft-06": "Draft6Validator",
    "draft-07": "Draft7Validator",
    "2019-09": "Draft201909Validator",
    "2020-12": "Draft202012Validator",
}


def validator(schema: Any, draft: str | None, documents: Documents, formats: bool) -> Callable[[Any], bool]:
    """Whether a value is valid, read once for many values. Args and errors as of `objections`; what refers to a schema
    that was not given is held to nothing."""
    return _made(schema, draft, documents, formats, [], True).is_valid


_NO_BASE = "json-schema:///"  # what a validator puts before a reference in a document that has no URI


def objections(
    schema: Any, value: Any, draft: str | None = None, documents: Documents | None = None, formats: bool = True
) -> Iterator[tuple[str, str]]:
    """(place in the value, message) of everything the schema says against it.

    A schema that is neither in the document nor in the others that were given is not fetched: what refers to it is held
    to nothing there, whether all of them were obeyed or none. A `$schema` that names no draft we know is no reason to
    look for one: the value is held to `draft`, or the newest.
    Args: schema: a fresh value: it is changed in place.   formats: strings are held to their `format`.
    Raises: SchemaInvalid for a schema that a validator cannot read; InputError for a value that is no JSON.
    """
    met: list[str] = []
    against = _made(schema, draft, documents, formats, met, True)
    try:
        found = list(against.iter_errors(value))
    except ValueError as error:
        raise InputError("a validator cannot read the value", why=str(error)[:200]) from error
    # What is said against a value only because something unknown stands under "not" is not said.
    if met and found and _made(schema, draft, documents, formats, met, False).is_valid(value):
        return
    for one in found:
        yield "".join(f"/{part}" for part in one.instance_path) or "/", str(one.message)


def _made(
    schema: Any, draft: str | None, documents: Documents | None, formats: bool, met: list[str], unknown: bool
) -> Any:
    """A validator. What refers elsewhere to what was not given is noted in `met`, and `unknown` stands for it."""
    import jsonschema_rs

    _forget_metaschemas(schema)
    declared = draft_of(schema.get("$schema")) if isinstance(schema, dict) else None
    make = getattr(jsonschema_rs, _CLASSES[declared or draft or "2020-12"])
    if declared is None and draft is None:
        _in_new_spelling(schema, documents)

    def retrieve(uri: str) -> Any:
        document = documents.get(uri.removeprefix(_NO_BASE).partition("#")[0]) if documents else None
        if document is not None:
            _forget_metaschemas(document)
            return document
        met.append(uri)
        return unknown

    try:
        return make(schema, retriever=retrieve, validate_formats=formats)
    except (ValueError, jsonschema_rs.ReferencingError) as error:
        raise SchemaInvalid(f"a validator cannot read the schema: {str(error)[:200]}") from error


def _in_new_spelling(schema: Any, documents: Documents | None) -> None:
    """Of a schema without a draft, and the documents without one that it leads to: old spellings, which are read where
    they cannot be taken for new ones, as the newest draft has them."""
    for node, _, draft in schemas_of(schema, None, documents):
        if draft is not None:
            continue
        if isinstance(node.get("items"), list):
            node["prefixItems"] = node.pop("items")
            if "additionalItems" in node:
                node["items"] = node.pop("additionalItems")
        for flag, bound in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
            if isinstance(node.get(flag), bool) and node.pop(flag) and bound in node:
                node[flag] = node.pop(bound)


def _forget_metaschemas(document: Any) -> None:
    """Take out every `$schema` that names no draft we know: a validator would look it up."""
    todo = [document]
    while todo:
        node = todo.pop()
        if isinstance(node, dict):
            if isinstance(node.get("$schema"), str) and draft_of(node["$schema"]) in (None, *UNREAD):
                del node["$schema"]
            todo.extend(node.values())
        elif isinstance(node, list):
            todo.extend(node)
