"""JSON Schema as a constraint: enforced exactly or refused, in one canonical spelling."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import wraps
from pathlib import Path
from typing import Any, Literal, ParamSpec, TypeVar

from ctrldiff.automata.compile import compile_expression
from ctrldiff.automata.expression import Expression, Language
from ctrldiff.automata.vocabulary import Vocabulary
from ctrldiff.constraints.description import Description
from ctrldiff.constraints.json_schema import arrays, objects, scalars  # noqa: F401  (each registers its families)
from ctrldiff.constraints.json_schema.compiler import compile_schema, ordered_text, root_shape
from ctrldiff.constraints.json_schema.context import Context
from ctrldiff.constraints.json_schema.dialect import as_draft
from ctrldiff.constraints.json_schema.keywords import DRAFTS
from ctrldiff.constraints.json_schema.loosen import without
from ctrldiff.constraints.json_schema.plain import Digits, digits_in, structural
from ctrldiff.constraints.json_schema.recursion import deep_enough
from ctrldiff.constraints.json_schema.references import escaped
from ctrldiff.constraints.json_schema.shape import Shape
from ctrldiff.constraints.json_schema.unknown import Unknown, unknown_in
from ctrldiff.constraints.json_schema.validation import objections
from ctrldiff.constraints.span import check_document
from ctrldiff.errors import ConstraintTooLarge, ConstraintUnsatisfiable, SchemaInvalid, SchemaUnsupported
from ctrldiff.limits import DEFAULT, Limits
from ctrldiff.text import check_text

_HOW = ("whitespace", "optional", "additional", "depth", "unsupported", "recursion", "strings", "digits", "draft")
_MOST_IGNORED = 1_000
_DEEPEST = 300  # levels of a listed value that surely fit Python's stack
P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True)
class Report:
    """What became of a schema's keywords.

    Fields: enforced (keyword, in how many places of the document); narrowed (pointer, how); refused (pointer,
        keyword, why); ignored (the same, for keywords left out because the schema's draft does not have them, or
        because `unsupported` says so); unknown (pointer, word, the keyword that may have been meant or ""), for what
        stands where a keyword should and is none.
    """

    enforced: tuple[tuple[str, int], ...]
    narrowed: tuple[tuple[str, str], ...]
    refused: tuple[tuple[str, str, str], ...]
    ignored: tuple[tuple[str, str, str], ...]
    unknown: tuple[Unknown, ...]


def within_the_stack(method: Callable[P, R]) -> Callable[P, R]:
    """Raise ConstraintTooLarge where values nested too deep run out of Python's stack. (Schemas may nest deeper.)"""

    @wraps(method)
    def bounded(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return method(*args, **kwargs)
        except RecursionError as error:
            raise ConstraintTooLarge("nesting depth of a value", _DEEPEST, _DEEPEST) from error

    return bounded


@dataclass(frozen=True, init=False, repr=False)
class JsonSchema(Description):
    """The canonical texts of the JSON values that a schema accepts (`docs/json.md`).

    Args:
        schema: a dict, a boolean, JSON text, or the path of a JSON file.
        whitespace: "compact" writes none; "pretty" writes a member a line, indented by two.
        optional: "omit" leaves properties that are not required to the model; "write" always writes them, which
            suits extraction: a property that admits null says by null that it is not in the text.
        additional: "declared" writes only the properties that the schema speaks of (unless it describes others); "any"
            opens every object that the schema leaves open.
        depth: how many levels deep values go that no schema speaks of.
        recursion: how often a recursive schema is entered again. None: `depth` times, and when decoding, as often as
            texts of the canvas can reach, within the limits (`reaching`).
        unsupported: "refuse" raises for a keyword that cannot be enforced. "ignore" leaves it out; "check" leaves it
            out and validates the decoded value, raising OutputInvalid. `report().ignored` lists what was left out.
        strings: "any" writes every string. "plain" leaves out of those of which nothing is said but their length what
            only debris looks like: a beginning with one of `:,]}`, and a bracket closed that was never opened.
        digits: at most so many before the point of a number and behind it, (18, 6) say; more where the schema's own
            bounds have more. "any" sets no bound. Of both None is "any", and when decoding as plain as the text is
            (`plain`).
        draft: what a schema that does not say so by `$schema` is written in: "draft-04", "draft-06", "draft-07",
            "2019-09" or "2020-12". Keywords that its draft does not have are ignored, and reported. None: all count.
        document: the text that the values of `"x-span": true` stand in (`docs/span.md`).
    Raises: SchemaInvalid and InputError (a document that is no UTF-8 text) at once; SchemaUnsupported with a JSON
        pointer when it is compiled.
    """

    text: str
    whitespace: Literal["compact", "pretty"]
    optional: Literal["omit", "write"]
    additional: Literal["declared", "any"]
    depth: int
    recursion: int | None
    unsupported: Literal["refuse", "check", "ignore"]
    strings: Literal["any", "plain"] | None
    digits: Digits | Literal["any"] | None
    draft: str | None
    document: str | None

    def __init__(
        self,
        schema: dict[str, Any] | bool | str | Path,
        *,
        whitespace: Literal["compact", "pretty"] = "compact",
        optional: Literal["omit", "write"] = "omit",
        additional: Literal["declared", "any"] = "declared",
        depth: int = 2,
        recursion: int | None = None,
        unsupported: Literal["refuse", "check", "ignore"] = "refuse",
        strings: Literal["any", "plain"] | None = None,
        digits: Digits | Literal["any"] | None = None,
        draft: str | None = None,
        document: str | None = None,
    ) -> None:
        choices = {
            "whitespace": ("compact", "pretty"),
            "optional": ("omit", "write"),
            "additional": ("declared", "any"),
            "unsupported": ("refuse", "check", "ignore"),
            "strings": ("any", "plain", None),
            "draft": (*DRAFTS, None),
        }
        for name, value in zip(choices, (whitespace, optional, additional, unsupported, strings, draft), strict=True):
            if value not in choices[name]:
                raise SchemaInvalid(f"{name}={value!r}", hint=f"{name} is " + " or ".join(map(repr, choices[name])))
        for name, number, most in (("depth", depth, 64), ("recursion", 0 if recursion is None else recursion, 1_000)):
            if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number <= most:
                raise SchemaInvalid(f"{name}={number!r}", hint=f"a whole number from 0 to {most:,}")
        if digits not in (None, "any"):
            digits = _digits(digits)
        if document is not None:
            check_document(document)
        object.__setattr__(self, "text", _read(schema))
        object.__setattr__(self, "whitespace", whitespace)
        object.__setattr__(self, "optional", optional)
        object.__setattr__(self, "additional", additional)
        object.__setattr__(self, "depth", depth)
        object.__setattr__(self, "recursion", recursion)
        object.__setattr__(self, "unsupported", unsupported)
        object.__setattr__(self, "strings", strings)
        object.__setattr__(self, "digits", digits)
        object.__setattr__(self, "draft", draft)
        object.__setattr__(self, "document", document)

    def __repr__(self) -> str:
        plain = {"whitespace": "compact", "optional": "omit", "additional": "declared", "depth": 2}
        plain |= {
            "recursion": None,
            "unsupported": "refuse",
            "strings": None,
            "digits": None,
            "draft": None,
            "document": None,
        }
        said = "".join(f", {k}={getattr(self, k)!r}" for k, usual in plain.items() if getattr(self, k) != usual)
        return f"JsonSchema({self.text}{said})"

    @property
    def name(self) -> str:
        return repr(self)

    @property
    def has_spans(self) -> bool:
        """Some string must stand in a document."""
        return '"x-span": true' in self.text

    def over(self, document: str | None) -> JsonSchema:
        """The same schema over another document."""
        return self._but(document=document)

    def plain(self, document: str) -> JsonSchema:
        """The same schema with strings and numbers like those of a text, as far as it leaves them open."""
        strings: Any = self.strings or ("any" if structural(document) else "plain")
        return self._but(strings=strings, digits=self.digits or digits_in(document))

    def reaching(self, tokens: int, vocabulary: Vocabulary, limits: Limits = DEFAULT) -> JsonSchema:
        """The same schema, a recursion unrolled as far as texts of `tokens` tokens can reach, within the limits."""
        levels = deep_enough(self, tokens, vocabulary, limits) if self.recursion is None else None
        return self if levels is None else self._but(recursion=levels)

    def _but(self, **changed: Any) -> JsonSchema:
        how = {name: getattr(self, name) for name in (*_HOW, "document")} | changed
        return JsonSchema(self.text, **how)

    @property
    def schema(self) -> Any:
        """The schema as a fresh JSON value."""
        return json.loads(self.text)

    @within_the_stack
    def expression(self, limits: Limits = DEFAULT) -> Expression:
        context = self.context(limits)
        try:
            return self._expression(context)
        except ConstraintTooLarge:
            # Telling names apart is what can be left out: unless the first try was the dear one, there is a second.
            if not context.told_apart or context.fuel.spent.get("steps", 0) > 2 * limits.max_steps // 5:
                raise
        again = replace(self.context(limits), room=0)
        again.fuel.spent["steps"] = max(3 * limits.max_steps // 4, context.fuel.spent.get("steps", 0))
        return self._expression(again)

    def _expression(self, context: Context) -> Expression:
        expression = compile_schema(context)
        if not context.contradictions and not context.told_apart:
            return expression
        dfa = compile_expression(expression, context.fuel.limits, context.fuel)
        if dfa.is_empty and context.contradictions:
            pointer, what = context.contradictions[0]
            raise ConstraintUnsatisfiable(f"no text satisfies {pointer}: {what}", pointer=pointer)
        return Language(dfa)

    @within_the_stack
    def canonical(self, value: Any, limits: Limits = DEFAULT) -> str:
        """The one spelling of a value under this schema, whether the schema accepts it or not."""
        return ordered_text(value, root_shape(self.context(limits)))

    @within_the_stack
    def shape(self, limits: Limits = DEFAULT) -> Shape:
        """The place of the whole value, from which those of its parts are reached."""
        return root_shape(self.context(limits))

    @within_the_stack
    def report(self, limits: Limits = DEFAULT) -> Report:
        """What is enforced, narrowed, refused, ignored and unknown, without building an automaton."""
        context = self.context(limits)
        try:
            compile_schema(context)
        except SchemaUnsupported as error:
            if not context.refused:  # one that ends the walk where it stands, such as a reference outside
                context.refused.append((error.facts["pointer"], error.facts["keyword"], error.message))
        return Report(
            tuple(sorted(context.count_enforced().items())),
            tuple(context.narrowed),
            tuple(context.refused),
            self._enforced(limits)[1],
            self.unknown(),
        )

    @within_the_stack
    def unknown(self) -> tuple[Unknown, ...]:
        """The words that stand where a keyword should and are none: (pointer, word, what may have been meant)."""
        return unknown_in(self.schema, self.draft)

    def context(self, limits: Limits) -> Context:
        """A fresh compilation of the schema as it is enforced."""
        if len(self.text) > 20 * limits.max_pattern:
            raise ConstraintTooLarge("schema text", len(self.text), 20 * limits.max_pattern)
        return self._context_of(self._enforced(limits)[0], limits)

    def _context_of(self, schema: Any, limits: Limits) -> Context:
        how = (self.whitespace, self.optional, self.additional, self.depth, self.document, self.recursion)
        digits = None if self.digits == "any" else self.digits
        return Context(schema, limits.fuel(), *how, plain=self.strings == "plain", digits=digits)

    def _enforced(self, limits: Limits) -> tuple[Any, tuple[tuple[str, str, str], ...]]:
        """The schema as it is enforced, and the keywords left out of it."""
        schema, ignored = as_draft(self.schema, self.draft)
        while self.unsupported != "refuse" and len(ignored) < _MOST_IGNORED:
            context = self._context_of(schema, limits)
            try:
                compile_schema(context)
                break
            except SchemaUnsupported as error:
                first = (context.refused or [(error.facts["pointer"], error.facts["keyword"], error.message)])[0]
            rest = without(schema, first[0], first[1])
            if rest is None:
                break  # the refusal points to no keyword of the document, and is raised when it is compiled
            schema = rest
            ignored.append(first)
        return schema, tuple(ignored)

    @within_the_stack
    def validate(self, value: Any) -> str | None:
        """What the whole schema, the keywords left out included, says against a value; None if nothing. Nothing is
        fetched: what refers to another document is held to nothing."""
        return next((message for _, message in objections(self.schema, value, self.draft)), None)


def _digits(given: Any) -> Digits:
    whole = isinstance(given, tuple | list) and len(given) == 2 and all(type(n) is int for n in given)
    if not whole or not (given[0] >= 1 and given[1] >= 0):
        raise SchemaInvalid(
            f"digits={given!r}", hint='digits=(18, 6): at most so many before and behind the point; or "any"'
        )
    return int(given[0]), int(given[1])


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


_SURROGATE = re.compile("[\ud800-\udfff]")


def _float(spelled: str) -> float:
    """A number of the schema's text. Raises: ValueError where a float would be 0 or infinite in its place."""
    value = float(spelled)
    if math.isinf(value) or (value == 0 and spelled.lower().partition("e")[0].strip("-+0.")):
        raise ValueError(f"the number {spelled[:40]} is beyond a float's range")
    return value


def _read(schema: Any) -> str:
    """The schema as JSON text with its keys in their order."""
    if isinstance(schema, Path) or (isinstance(schema, str) and not schema.lstrip().startswith(("{", "true", "false"))):
        path = Path(schema)
        try:
            schema = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
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
