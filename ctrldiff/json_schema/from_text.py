"""`x-from-text`: values that a text states, in whatever spelling; written in the one spelling of JSON."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from ctrldiff.automata.compile import compile_expression
from ctrldiff.automata.dfa import Dfa
from ctrldiff.automata.expression import Alt, Concat, Expression, Language, text
from ctrldiff.constraints.stated import stated_at, words_of
from ctrldiff.errors import SchemaInvalid
from ctrldiff.grounded.kinds import KEY, KINDS, Stated, check_kind, find, have
from ctrldiff.grounded.labels import label_name
from ctrldiff.json_schema.canonical import QUOTE, escaped, exact_value
from ctrldiff.json_schema.context import Context
from ctrldiff.json_schema.keywords import those
from ctrldiff.json_schema.shape import Shape, listed
from ctrldiff.limits import Limits
from ctrldiff.pointer import escaped as token

# What says of which type a value is, or may.
_TYPED = those(lambda row: not row.family and row.role in ("asserts", "applies", "refers") and row.name != KEY)


def kind_of(schema: dict[str, Any], at: str) -> tuple[str, dict[str, Any]]:
    """The kind that a schema says its values have in the text, and the options of it.

    Raises: SchemaInvalid for what is no kind; ExtraMissing for one whose libraries are missing.
    """
    given = schema[KEY]
    options = dict(given) if isinstance(given, dict) else {"kind": given}
    kind = options.pop("kind", None)
    check_kind(kind, options, f"{at}/{KEY}")
    have(kind, options, f"{at}/{KEY}")
    if kind == "label":
        values = listed(schema)
        if not values or any(isinstance(value, dict | list) for value in values):
            raise SchemaInvalid(f"{at}/{KEY}: labels are those of an enum beside it", pointer=f"{at}/{KEY}")
        options["enum"] = [value for value in values if value is not None]
        names = [label_name(value) for value in options["enum"]]
        if unknown := [name for name in options.get("spellings", {}) if name not in names]:
            raise SchemaInvalid(f"{at}/{KEY}: {unknown[0]!r} is no label", hint=", ".join(names), pointer=f"{at}/{KEY}")
    return kind, options


def complete(node: dict[str, Any], at: str) -> None:
    """Say beside the kind what its values are as JSON, where the schema does not."""
    kind, _ = kind_of(node, at)
    if not any(name in node for name in _TYPED):
        node.update(KINDS[kind].schema | node)


def settles_type(schema: dict[str, Any], at: str) -> bool:
    """What the text states is of the declared type in any case."""
    if KEY not in schema:
        return False
    own = KINDS[kind_of(schema, at)[0]].schema.get("type")
    return schema["type"] == own or (isinstance(schema["type"], list) and set(schema["type"]) == {own, "null"})


def stated(context: Context, schema: dict[str, Any], at: str, spelled: Any) -> Expression:
    """The values that the document states, each by `spelled`; and null, which no text states: whether it may be written
    the rest of the schema says."""
    document = context.options.document
    if document is None:
        return context.refuse(f"{at}/{KEY}", KEY, "values stand in a document: JsonSchema(..., document=text)")
    context.enforce(at, KEY, *(["type"] if "type" in schema else []))
    kind, options = kind_of(schema, at)
    if kind == "text":
        spans = _escaped_words(document, context.fuel.limits, context.options.ascii)
        found: list[Expression] = [] if spans.is_empty else [Concat((QUOTE, Language(spans), QUOTE))]
    else:
        values = {repr(one.value): one.value for one in find(kind, document, **options)}
        context.fuel.spend("listed values", len(values), context.fuel.limits.max_nodes)
        found = list(dict.fromkeys(spelled(value) for value in values.values()))
    if not found:
        context.contradict(at, f"the text states nothing of the kind {kind!r}")
    declared = schema.get("type", "null")
    return Alt((*found, text("null"))) if "null" in declared else Alt(tuple(found))


@lru_cache(maxsize=8)
def _escaped_words(document: str, limits: Limits, ascii: bool) -> Dfa:
    """The words of a document as they stand inside a JSON string; made once, however many fields there are."""
    return escaped(compile_expression(words_of(document), limits), limits, ascii)


def grounds(root: Shape, raw: str, document: str) -> Iterator[tuple[str, tuple[Stated, ...]]]:
    """Of every value of a JSON text that the document states: its JSON pointer, and all places that state it."""
    todo = [(root, exact_value(raw), "")]
    while todo:
        shape, value, at = todo.pop()
        for member in shape.members:
            if KEY in member and value is not None:
                kind, options = kind_of(member, at)
                if places := stated_at(kind, options, value, document):
                    yield at, places
                    break
        else:
            if isinstance(value, list):
                todo += reversed([(shape.item(n), part, f"{at}/{n}") for n, part in enumerate(value)])
            elif isinstance(value, dict):
                below = [(shape.property(k) if k in shape.names else shape.other(), v, k) for k, v in value.items()]
                todo += reversed([(inner, part, f"{at}/{token(key)}") for inner, part, key in below])
