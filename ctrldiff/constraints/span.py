"""Spans: strings that stand verbatim in a document, as a constraint and as values that know where they stand."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any, Self

import numpy as np

from ctrldiff.automata.dfa import Dfa
from ctrldiff.automata.expression import ANY_CHAR, EMPTY, Alt, Both, Expression, Graph, Language, Repeat, text
from ctrldiff.constraints.description import Description
from ctrldiff.errors import ConstraintError, ConstraintTooLarge
from ctrldiff.kernels.suffix import suffix_automaton
from ctrldiff.limits import DEFAULT, Limits
from ctrldiff.regex.parse import parse
from ctrldiff.text import check_description, check_text

# What pydantic does not strip: Unicode's White_Space, which is not quite the `\s` of ECMA-262.
_INK = r"[^\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]"
STRIPPED = rf"^(?:{_INK}(?:[\s\S]*{_INK})?)?$"
ASCII = r"^[\x00-\x7f]*$"
_JOINERS = "\u00ad\u200c\u200d"  # the soft hyphen, and what ties letters of Persian and Hindi, or keeps them apart


@dataclass(frozen=True)
class SpanOf(Description):
    """The substrings of a document, to the letter, that begin and end between code points.

    Args:
        document: what they must stand in.
        min_length, max_length: in code points. A maximum costs a state for each place in the document and each length
            up to it, so beyond some ten code points a long document needs larger `Limits`.
        pattern: a regular expression (Python dialect) that the whole span matches, with no regard to what is around it.
        words: leave out the spans for which a word (a run of letters, their marks, digits and "_") would be cut
            wherever they stand.
    Raises: InputError for a document that cannot be written in UTF-8; ConstraintError for lengths out of order;
        ConstraintTooLarge when compiled, RegexSyntaxError or RegexUnsupported for the pattern.
    """

    document: str
    min_length: int = 1
    max_length: int | None = None
    pattern: str | None = None
    words: bool = False

    def __post_init__(self) -> None:
        check_document(self.document)
        if self.pattern is not None:
            check_description(self.pattern, "the pattern")
        low, high = self.min_length, self.max_length
        if not all(isinstance(one, int) for one in (low, 0 if high is None else high)) or not (
            0 <= low <= (low if high is None else high)
        ):
            raise ConstraintError(
                f"SpanOf: min_length={low!r}, max_length={high!r}", hint="ints, 0 <= min_length <= max_length"
            )

    def expression(self, limits: Limits = DEFAULT) -> Expression:
        spans = whole_words(self.document) if self.words else Language(substrings(self.document, limits))
        parts: list[Expression] = [Alt((EMPTY, spans)) if self.min_length == 0 else spans]
        if self.min_length > (1 - self.words) or self.max_length is not None:
            parts.append(Repeat(ANY_CHAR, self.min_length, self.max_length))
        if self.pattern is not None:
            parts.append(parse(self.pattern, limits=limits))
        return parts[0] if len(parts) == 1 else Both(tuple(parts))


def check_document(document: object) -> None:
    """Raise InputError for what cannot be written in UTF-8."""
    check_text(document, "the document")


@lru_cache(maxsize=8)
def substrings(document: str, limits: Limits = DEFAULT) -> Dfa:
    """The substrings of a document, cut between code points; not the empty one. Raises ConstraintTooLarge."""
    data = np.frombuffer(document.encode("utf-8"), np.uint8)
    used, symbols = np.unique(data, return_inverse=True)
    most = 2 * len(data) + 1
    if most > 2 * limits.max_states:  # the kernel holds room for twice the text, and seldom needs 1.5 times
        raise ConstraintTooLarge("states of a suffix automaton", most, 2 * limits.max_states)
    if 4 * most * (len(used) + 6) > limits.max_bytes:
        raise ConstraintTooLarge("working memory (bytes)", 4 * most * (len(used) + 6), limits.max_bytes)
    table, end = suffix_automaton(symbols.astype(np.uint8), max(len(used), 1))
    if len(table) > limits.max_states:
        raise ConstraintTooLarge("states of a suffix automaton", len(table), limits.max_states)
    inner = (used & 0xC0) == 0x80  # a span begins with no byte that continues a code point ...
    table[0, : len(used)][inner] = -1
    border = np.append((data & 0xC0) != 0x80, True)  # ... and ends before none
    accept = border[end]
    accept[0] = False
    classes = np.full(256, len(used))
    classes[used] = np.arange(len(used))
    table = np.column_stack([table[:, : len(used)], np.full(len(table), -1, np.int32)])
    return Dfa.from_arrays(table, classes, accept, limits=limits)


def whole_words(document: str) -> Expression:
    """The substrings of a document that stand somewhere in it without cutting a word, the empty one too."""
    cuts = [0, *borders(document), len(document)]
    edges: list[tuple[int, int, Expression]] = [(0, place + 1, EMPTY) for place in range(len(cuts))]
    pieces = [document[a:b] for a, b in pairwise(cuts)]
    written = {piece: text(piece) for piece in pieces}
    edges += [(n + 1, n + 2, written[piece]) for n, piece in enumerate(pieces)]
    return Graph(len(cuts) + 1, tuple(edges), tuple(range(1, len(cuts) + 1)))


def borders(document: str) -> list[int]:
    """The places between two characters where no word is cut: a run of letters, their marks, digits and "_"."""
    inside, found = False, []
    for place, char in enumerate(document):
        joined = inside  # to what stands before it
        if not (char in _JOINERS or unicodedata.category(char)[0] == "M"):  # these belong to what they stand behind
            inside = char.isalnum() or char == "_"
        if place and not (joined and inside):
            found.append(place)
    return found


def keeping_spans(core_schema: Any) -> Any:
    """A pydantic core schema under which `Field(pattern=...)` leaves a `Span` a `Span`, and is part of its JSON Schema.

    Pydantic checks a pattern on a class of str's by a second reading, which makes a plain str of the value and which
    its JSON Schema does not tell. Returns the same object if there is none. Raises ConstraintError for a reading that
    would rewrite the value, such as `to_upper`.
    """
    if isinstance(core_schema, list | tuple):
        parts = [keeping_spans(part) for part in core_schema]
        same = all(part is old for part, old in zip(parts, core_schema, strict=True))
        return core_schema if same else type(core_schema)(parts)
    if not isinstance(core_schema, dict):
        return core_schema
    changed = {key: keeping_spans(part) for key, part in core_schema.items()}
    same = all(changed[key] is part for key, part in core_schema.items())
    found = core_schema if same else changed
    return _placed_again(found) if found.get("type") == "chain" and _makes_spans(found["steps"][0]) else found


def _placed_again(chain: Any) -> Any:
    """A chain of readings that begins with a span, made a span again at its end."""
    patterns: list[dict[str, str]] = []
    for step in chain["steps"][1:]:
        rules = step.get("schema", step)
        if rewrites := [key for key in ("to_upper", "to_lower") if rules.get(key)]:
            raise ConstraintError(
                f"a Span cannot be read with {rewrites[0]}",
                why="the value would no longer stand in the text",
                hint="take it out, and change the value where it is used",
            )
        if not isinstance(rules.get("pattern", ""), str):
            raise ConstraintError(f"the pattern of a Span is {rules['pattern']!r}", hint="write it as a str")
        patterns += [{"x-pattern-rust": rules["pattern"]}] if "pattern" in rules else []
        patterns += [{"pattern": STRIPPED}] if rules.get("strip_whitespace") else []
        patterns += [{"pattern": ASCII}] if rules.get("ascii_only") else []

    def told(schema: Any, handler: Any) -> Any:
        known = handler(schema)
        return {**known, "allOf": [*known.get("allOf", ()), *patterns]}

    return {
        "type": "function-after",
        "function": {"type": "with-info", "function": Span._read},
        "schema": chain,
        "metadata": {"pydantic_js_functions": [told]},
    }


def _makes_spans(core_schema: Any) -> bool:
    while core_schema["type"] == "function-after":
        function = core_schema["function"]["function"]
        if getattr(function, "__func__", None) is Span._read.__func__:  # type: ignore[attr-defined]
            return True
        core_schema = core_schema["schema"]
    return core_schema["type"] == "chain" and _makes_spans(core_schema["steps"][0])


class Span(str):
    """A string that stands verbatim in the text it was taken from: a field type for pydantic models.

    In a schema it is `{"type": "string", "x-span": true}`. `Field(max_length=...)` limits its length, and its
    letters `Field(json_schema_extra={"pattern": ...})`: pydantic's own `pattern` would make a plain `str` of the value.

    Attributes:
        start, end: characters of the text before its first occurrence, and up to its end; None without a text.
    """

    start: int | None = None
    end: int | None = None

    @classmethod
    def of(cls, value: str, document: str) -> Self:
        """`value` where it first stands in `document`. Raises ValueError if it does not."""
        span = cls(value)
        span.start = document.index(value) if value in document else None
        if span.start is None:
            raise ValueError(f"{value[:80]!r} does not stand in the text")
        span.end = span.start + len(value)
        return span

    @classmethod
    def _read(cls, value: str, info: Any) -> Self:
        document = (info.context or {}).get("document")
        return cls(value) if document is None else cls.of(value, document)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        from pydantic_core import core_schema

        return core_schema.with_info_after_validator_function(cls._read, core_schema.str_schema())

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: Any, handler: Any) -> Any:
        return {**handler(schema), "x-span": True}
