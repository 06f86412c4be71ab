"""JSON Schema as a constraint: enforced exactly or refused, in one canonical spelling."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import InitVar, dataclass, field, replace
from functools import lru_cache, wraps
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from ctrldiff.automata.compile import compile_expression
from ctrldiff.automata.expression import Expression, Language
from ctrldiff.constraints.description import And, Description
from ctrldiff.errors import (
    ConstraintError,
    ConstraintTooLarge,
    ConstraintUnsatisfiable,
    SchemaInvalid,
    SchemaUnsupported,
)
from ctrldiff.grounded.kinds import KEY, Stated
from ctrldiff.json_schema import arrays, objects, scalars, together  # noqa: F401  (each registers its walks)
from ctrldiff.json_schema.compiler import compile_schema, root_shape, walk
from ctrldiff.json_schema.context import Context, Loose, in_document
from ctrldiff.json_schema.dialect import as_draft, schemas_of
from ctrldiff.json_schema.documents import Documents, in_folder
from ctrldiff.json_schema.from_text import complete, grounds
from ctrldiff.json_schema.listed import ordered_text
from ctrldiff.json_schema.loosen import leave_out
from ctrldiff.json_schema.nothing import first_nothing
from ctrldiff.json_schema.openapi import as_json_schema
from ctrldiff.json_schema.options import Options, check
from ctrldiff.json_schema.plain import digits_in, structural
from ctrldiff.json_schema.reach import SHARES, SIZES, Reach, reaches
from ctrldiff.json_schema.reaching import deep_enough
from ctrldiff.json_schema.references import References
from ctrldiff.json_schema.shape import Shape
from ctrldiff.json_schema.unique import Unique
from ctrldiff.json_schema.unknown import Unknown, unknown_in
from ctrldiff.json_schema.validation import objections, validator
from ctrldiff.limits import DEFAULT, Limits
from ctrldiff.pointer import escaped
from ctrldiff.text import check_text
from ctrldiff.tokens.vocabulary import Vocabulary

_MOST_IGNORED = 1_000
_DEEPER = (5, 10, 20, 40)  # levels that are tried where fewer leave nothing
_DEEPEST = 300  # levels of a listed value that surely fit Python's stack
P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True)
class Report:
    """What became of a schema's keywords.

    Fields: enforced (keyword, in how many places of the document); narrowed (pointer, how); refused (pointer,
        keyword, why); ignored (the same, for keywords left out because the schema's draft does not have them, or
        because `unsupported` says so); unknown (pointer, word, the keyword that may have been meant or ""), for what
        stands where a keyword should and is none; empty (pointer, why), for parts whose own bounds leave no value,
        which is an error only where the whole cannot do without them.
    """

    enforced: tuple[tuple[str, int], ...]
    narrowed: tuple[tuple[str, str], ...]
    refused: tuple[tuple[str, str, str], ...]
    ignored: tuple[tuple[str, str, str], ...]
    unknown: tuple[Unknown, ...]
    empty: tuple[tuple[str, str], ...] = ()


def within_the_stack(method: Callable[P, R]) -> Callable[P, R]:
    """Raise ConstraintTooLarge where values nested too deep run out of Python's stack. (Schemas may nest deeper.)"""

    @wraps(method)
    def bounded(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return method(*args, **kwargs)
        except RecursionError as error:
            raise ConstraintTooLarge("nesting depth of a value", _DEEPEST, _DEEPEST) from error

    return bounded


@dataclass(frozen=True, repr=False)
class JsonSchema(Options, Description):
    """The canonical texts of the JSON values that a schema accepts (`docs/json.md`).

    Args:
        given: the schema: a dict, a boolean, JSON text, or the path of a JSON file.
        whitespace, order, ascii, optional, additional, depth, recursion, unsupported, formats, strings, digits, draft,
            documents, document: `Options`.
    Raises: SchemaInvalid and InputError (a document that is no UTF-8 text) at once; SchemaUnsupported with a JSON
        pointer when it is compiled.
    """

    given: InitVar[dict[str, Any] | bool | str | Path]
    text: str = field(init=False)

    def __post_init__(self, given: dict[str, Any] | bool | str | Path) -> None:
        check(self)
        object.__setattr__(self, "text", _read(given))
        object.__setattr__(self, "documents", _read_documents(self.documents))
        if self.draft == "openapi-3.0":
            object.__setattr__(self, "text", _from_openapi(self.text))
            told = tuple((uri, _from_openapi(text)) for uri, text in self.documents)
            object.__setattr__(self, "documents", told)

    def __repr__(self) -> str:
        return f"JsonSchema({self.text}{''.join(f', {name}={value!r}' for name, value in self.chosen.items())})"

    @property
    def name(self) -> str | None:
        return None if self._from_text else repr(self)  # what is read in a text depends on the libraries that read it

    @property
    def _from_text(self) -> bool:
        return any(f'"{KEY}"' in text for text in (self.text, *dict(self.documents).values()))

    @property
    def has_spans(self) -> bool:
        """Some value must stand in a document: a string as it is (`x-span`), any value as it means (`x-from-text`)."""
        texts = (self.text, *dict(self.documents).values())
        if not self._from_text and not any('"x-span": true' in text for text in texts):
            return False
        places = [one for part in self.parts for one in References(part).all]
        return any(one.get("x-span") is True or KEY in one for one in places)

    def but(self, **changed: Any) -> JsonSchema:
        """The same schema with other options."""
        return JsonSchema(self.text, **self.chosen | changed)

    def over(self, document: str | None) -> JsonSchema:
        """The same schema over another document."""
        return self.but(document=document)

    def plain(self, document: str) -> JsonSchema:
        """The same schema with strings and numbers like those of a text, as far as it leaves them open."""
        strings: Any = self.strings or ("any" if structural(document) else "plain")
        return self.but(strings=strings, digits=self.digits or digits_in(document))

    def reaching(self, tokens: int, vocabulary: Vocabulary, limits: Limits = DEFAULT) -> JsonSchema:
        """The same schema, a recursion unrolled as far as texts of `tokens` tokens can reach, within the limits."""
        levels = deep_enough(self, tokens, vocabulary, limits) if self.recursion is None else None
        return self if levels is None else self.but(recursion=levels)

    @property
    def schema(self) -> Any:
        """The schema as a fresh JSON value."""
        return json.loads(self.text)

    @property
    def parts(self) -> list[Any]:
        """The schema, and every document beside it, as fresh JSON values."""
        return [json.loads(text) for text in (self.text, *dict(self.documents).values())]

    @within_the_stack
    def expression(self, limits: Limits = DEFAULT) -> Expression:
        return self._reached(limits)[0]

    def _reached(self, limits: Limits) -> tuple[Expression, Reach]:
        """The expression, and how far it is written: what passes the limits is cut off sooner, if it can be."""
        left = limits.max_steps
        *before, last = reaches(self.depth)
        for reach, share in zip(before, SHARES, strict=True):
            try:
                return self._deep(replace(limits, max_steps=int(share * left)), reach), reach
            except ConstraintTooLarge as error:
                if not (reach.cuts and reach.light and error.facts["what"] in SIZES):
                    raise
            left -= min(reach.steps, int(share * left))
        return self._deep(replace(limits, max_steps=left), last), last

    def _deep(self, limits: Limits, reach: Reach) -> Expression:
        """The expression; of a recursive schema that no text of the usual depth satisfies, a deeper one."""
        expression, cut = self._expression(limits, reach)
        if not cut or self.recursion is not None or not _is_nothing(expression):
            return expression
        for recursion in _DEEPER:
            try:
                deeper, _ = self.but(recursion=recursion)._expression(limits, reach)
            except ConstraintTooLarge:
                break
            if not _is_nothing(deeper):
                return deeper
        return expression

    def _expression(self, limits: Limits, reach: Reach) -> tuple[Expression, bool]:
        """The expression, and whether a recursion was cut off; its automaton, where that may be empty or too large."""
        context = self.context(limits, reach)
        expression = compile_schema(context)
        if not (context.contradictions or context.cut or reach.cuts):
            return expression, context.cut
        dfa = compile_expression(expression, context.fuel.limits, context.fuel)
        if dfa.is_empty and context.contradictions and not context.cut:
            what, facts = self.blamed(context.fuel.limits)
            raise ConstraintUnsatisfiable(f"no text satisfies {what}", **facts)
        return Language(dfa), context.cut

    def blamed(self, limits: Limits = DEFAULT) -> tuple[str, dict[str, Any]]:
        context = self.context(limits)
        context.apart = True
        pointer, why = first_nothing(context, walk(context))
        pointer = in_document(pointer)
        return f"{pointer[:300]}: {why}", {"pointer": pointer}

    def proviso(self, limits: Limits = DEFAULT) -> Unique | None:
        loose = _loose(self, limits)
        if loose.items:
            return Unique(self, limits, loose.negated)
        return Unique() if loose.keys else None

    def validator(self, limits: Limits = DEFAULT) -> Callable[[Any], bool]:
        """Whether a value is valid under the schema as it is enforced."""
        schema, documents, _ = self._enforced(limits)
        return validator(schema, self.dialect, documents, self.formats == "enforce")

    @within_the_stack
    def canonical(self, value: Any, limits: Limits = DEFAULT) -> str:
        """The one spelling of a value under this schema, whether the schema accepts it or not."""
        return ordered_text(value, root_shape(self.context(limits)))

    @within_the_stack
    def grounds(self, raw: str) -> dict[str, tuple[Stated, ...]]:
        """For every value of an answer that was taken from the document (`x-from-text`) the places that state it, by
        its JSON pointer."""
        if self.document is None or not self._from_text:
            return {}
        return dict(grounds(self.shape(), raw, self.document))

    @within_the_stack
    def shape(self, limits: Limits = DEFAULT) -> Shape:
        """The place of the whole value, from which those of its parts are reached."""
        return root_shape(self.context(limits))

    @within_the_stack
    def report(self, limits: Limits = DEFAULT) -> Report:
        """What is enforced, narrowed, refused, ignored and unknown, of a schema written as far as the limits allow."""
        context = self.context(limits, _reach(self, limits))
        try:
            compile_schema(context)
        except SchemaUnsupported:
            pass  # all of them are in `context.refused`
        return Report(
            tuple(sorted(context.count_enforced().items())),
            tuple(context.narrowed),
            tuple(context.refused),
            self._enforced(limits)[2],
            self.unknown(),
            tuple(sorted({(in_document(at), why) for at, why in (*context.contradictions, *context.unlisted)})),
        )

    @within_the_stack
    def unknown(self) -> tuple[Unknown, ...]:
        """The words that stand where a keyword should and are none: (pointer, word, what may have been meant)."""
        return unknown_in(self.schema, self.dialect, Documents(self.documents))

    def context(self, limits: Limits, reach: Reach | None = None) -> Context:
        """A fresh compilation of the schema as it is enforced, as far as `reach`."""
        if len(self.text) > 20 * limits.max_pattern:
            raise ConstraintTooLarge("schema text", len(self.text), 20 * limits.max_pattern)
        schema, documents, _ = self._enforced(limits)
        return self._context_of(schema, documents, limits, reach or reaches(self.depth)[0])

    def _context_of(self, schema: Any, documents: Documents, limits: Limits, reach: Reach) -> Context:
        fuel = limits.fuel()
        reach.tanks.append(fuel)
        return Context(schema, fuel, Options(**self.chosen | {"depth": reach.depth}), documents, reach)

    def _enforced(self, limits: Limits) -> tuple[Any, Documents, tuple[tuple[str, str, str], ...]]:
        """The schema as it is enforced, the documents that it leads to, and the keywords left out of them."""
        documents = Documents(self.documents)
        annotations = frozenset(["format"] if self.formats == "annotate" else [])
        schema, ignored = as_draft(self.schema, self.dialect, documents, annotations)
        if self._from_text:
            for node, at, _ in schemas_of(schema, self.dialect, documents):
                if KEY in node:
                    complete(node, at)
        while self.unsupported != "refuse" and len(ignored) < _MOST_IGNORED:
            context = self._context_of(schema, documents, limits, reaches(self.depth)[0])
            try:
                compile_schema(context)
                break
            except SchemaUnsupported:
                first = context.refused[0]
            if not leave_out(schema, documents, first[0], first[1]):
                break  # the refusal points to no keyword of a document, and is raised when it is compiled
            ignored.append(first)
        return schema, documents, tuple(ignored)

    @within_the_stack
    def validate(self, value: Any) -> str | None:
        """What the whole schema, the keywords left out included, says against a value; None if nothing. Nothing is
        fetched: what refers to another document is held to nothing."""
        return next((message for _, message in self.objections(value)), None)

    @within_the_stack
    def objections(self, value: Any) -> list[tuple[str, str]]:
        """All that it says against a value: (place in the value, message)."""
        return list(objections(self.schema, value, self.dialect, Documents(self.documents), self.formats == "enforce"))


def schemas_in(description: Description) -> list[JsonSchema]:
    """The JSON Schemas that every text of an intersection obeys: one is enough for them to be JSON."""
    if isinstance(description, And):
        return [schema for part in description.parts for schema in schemas_in(part)]
    return [description] if isinstance(description, JsonSchema) else []


def _from_openapi(text: str) -> str:
    return _read(as_json_schema(json.loads(text)))


def _check_texts(text: str, value: Any) -> None:
    """Raise SchemaInvalid for half of a surrogate pair, with the place of the string that holds it."""
    if text.isascii() or not _SURROGATE.search(text):
        return
    todo = [(value, "#")]
    while todo:
        node, at = todo.pop()
        if isinstance(node, str):
            check_text(node, f"the string at {at}", error=SchemaInvalid, pointer=at)
        elif isinstance(node, dict):
            for key in node:
                check_text(key, f"a key at {at}", error=SchemaInvalid, pointer=at)
            todo += [(part, f"{at}/{escaped(key)}") for key, part in node.items()]
        elif isinstance(node, list | tuple):
            todo += [(part, f"{at}/{n}") for n, part in enumerate(node)]


@lru_cache(maxsize=256)
def _reach(schema: JsonSchema, limits: Limits) -> Reach:
    """How far a schema is written; the farthest, of one that is not compiled at all."""
    try:
        return schema._reached(limits)[1]
    except ConstraintError:
        return reaches(schema.depth)[0]


@lru_cache(maxsize=128)
@within_the_stack
def _loose(schema: JsonSchema, limits: Limits) -> Loose:
    """What texts of the schema's automaton are still to be held to."""
    context = schema.context(limits, _reach(schema, limits))
    compile_schema(context)
    return context.loose


def _is_nothing(expression: Expression) -> bool:
    return isinstance(expression, Language) and expression.dfa.is_empty


_SURROGATE = re.compile("[\ud800-\udfff]")


def _float(spelled: str) -> float:
    """A number of the schema's text. Raises: ValueError where a float would be 0 or infinite in its place."""
    value = float(spelled)
    if math.isinf(value) or (value == 0 and spelled.lower().partition("e")[0].strip("-+0.")):
        raise ValueError(f"the number {spelled[:40]} is beyond a float's range")
    return value


def _read_documents(documents: Any) -> tuple[tuple[str, str], ...]:
    """(URI, JSON text) of every document, by URI. Raises: SchemaInvalid, naming the one that is no schema."""
    if isinstance(documents, str | Path):
        documents = in_folder(Path(documents))
    if not isinstance(documents, Mapping | tuple):
        hint = "{uri: schema}, or a folder of schemas"
        raise SchemaInvalid(f"documents is a {type(documents).__name__}", hint=f"documents={hint}")
    found = {}
    for uri, document in dict(documents).items():
        if not isinstance(uri, str):
            raise SchemaInvalid(f"the URI {uri!r} of a document is a {type(uri).__name__}, not a str")
        try:
            found[uri.removesuffix("#")] = _read(document)
        except SchemaInvalid as error:
            raise SchemaInvalid(f"the document {uri!r}: {error.message}", why=error.why, hint=error.hint) from error
    return tuple(sorted(found.items()))


def _read(schema: Any) -> str:
    """The schema as JSON text with its keys in their order."""
    if isinstance(schema, Path) or (isinstance(schema, str) and not schema.lstrip().startswith(("{", "true", "false"))):
        path = Path(schema)
        try:
            schema = path.read_text(encoding="utf-8")
        except (OSError, ValueError) as error:  # what is no name of a file at all is a ValueError
            raise SchemaInvalid(
                f"{str(path)[:200]!r} cannot be read: {error}", hint="pass a dict, JSON text or a file"
            ) from error
    try:
        value = json.loads(schema, parse_float=_float) if isinstance(schema, str) else schema
        if not isinstance(value, dict | bool):
            raise SchemaInvalid(f"a schema is an object or a boolean, this is a {type(value).__name__}")
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
        _check_texts(text, value)
        return text
    except json.JSONDecodeError as error:
        raise SchemaInvalid(
            f"not JSON: {error.msg} at line {error.lineno}, column {error.colno}", hint="check the schema's text"
        ) from error
    except (TypeError, ValueError) as error:
        raise SchemaInvalid(f"not JSON: {error}") from error
    except RecursionError as error:
        raise ConstraintTooLarge("nesting depth", 1000, 1000) from error
