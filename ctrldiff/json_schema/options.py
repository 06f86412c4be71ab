"""How a schema is read, and how the values that it accepts are written."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Literal

from ctrldiff.constraints.span import check_document
from ctrldiff.errors import SchemaInvalid
from ctrldiff.json_schema.canonical import PRETTY, Whitespace
from ctrldiff.json_schema.keywords import DRAFTS
from ctrldiff.json_schema.openapi import READ_AS
from ctrldiff.json_schema.plain import Digits

_CHOICES: dict[str, tuple[str | bool | None, ...]] = {
    "order": ("schema", "any"),
    "ascii": (False, True),
    "optional": ("omit", "write"),
    "additional": ("declared", "any"),
    "unsupported": ("refuse", "check", "ignore"),
    "formats": ("enforce", "annotate"),
    "strings": ("any", "plain", None),
    "draft": (*DRAFTS, *READ_AS, None),
}
_MOST = {"depth": 64, "recursion": 1_000}


@dataclass(frozen=True, kw_only=True)
class Options:
    """What a caller may choose about a schema. `JsonSchema` takes them, `Context` compiles by them.

    Fields:
        whitespace: "compact" writes none; "spaced" writes `, ` and `: `, as Python's `json` does; "pretty(N)" writes a
            member a line, indented by N from 0 to 8, as `json.dumps(indent=N)` does; "pretty" is "pretty(2)"; "padded"
            lets any number of tabs follow the value of a property and the item of a list: see `cd.layout.Rooms`.
        order: "schema" writes the properties of an object in the order of the schema. "any" leaves it to the model:
            every order, each key once, of up to 8 properties; more in one object are refused.
        ascii: strings and keys are written in ASCII, as `json.dumps(ensure_ascii=True)` does: `\\u00e9`, and a pair of
            escapes for what lies beyond four digits.
        optional: "omit" leaves properties that are not required to the model; "write" always writes them, which
            suits extraction: a property that admits null says by null that it is not in the text.
        additional: "declared" writes only the properties that the schema speaks of (unless it describes others); "any"
            opens every object that the schema leaves open.
        depth: how many levels deep values go that no schema speaks of.
        recursion: how often a recursive schema is entered again. None: `depth` times, and when decoding, as often as
            texts of the canvas can reach, within the limits (`JsonSchema.reaching`).
        unsupported: "refuse" raises for a keyword that cannot be enforced. "ignore" leaves it out; "check" leaves it
            out and validates the decoded value, raising OutputInvalid. `report().ignored` lists what was left out.
        formats: "enforce" holds strings to their `format`. "annotate" reads it as an annotation, as JSON Schema does by
            itself since 2019-09: no string is left out for it, and none is refused.
        strings: "any" writes every string. "plain" leaves out of those of which nothing is said but their length what
            only debris looks like: a beginning with one of `:,]}`, and a bracket closed that was never opened.
        digits: at most so many before the point of a number and behind it, (18, 6) say; more where the schema's own
            bounds have more. "any" sets no bound. Of both None is "any", and when decoding as plain as the text is
            (`JsonSchema.plain`).
        draft: what a schema that does not say so by `$schema` is written in: "draft-04", "draft-06", "draft-07",
            "2019-09" or "2020-12"; "openapi-3.0" (`nullable` and its other words are read) or "openapi-3.1". Keywords
            that its draft does not have are ignored, and reported. None: all count.
        documents: what references outside the schema lead to: {URI: schema}, or a folder of JSON files, each known by
            its way from there and by its own identifier. A file beside another is referred to by its name alone. Kept
            as pairs of URI and JSON text. Whatever else is referred to is refused; nothing is ever fetched.
        document: the text that the values of `"x-span": true` stand in (`docs/span.md`), and those of `"x-from-text"`
            (`docs/grounded.md`).
    """

    whitespace: Whitespace = "compact"
    order: Literal["schema", "any"] = "schema"
    ascii: bool = False
    optional: Literal["omit", "write"] = "omit"
    additional: Literal["declared", "any"] = "declared"
    depth: int = 2
    recursion: int | None = None
    unsupported: Literal["refuse", "check", "ignore"] = "refuse"
    formats: Literal["enforce", "annotate"] = "enforce"
    strings: Literal["any", "plain"] | None = None
    digits: Digits | Literal["any"] | None = None
    draft: str | None = None
    documents: Any = ()
    document: str | None = None

    @property
    def levels(self) -> int:
        """How often a recursive schema is entered again."""
        return self.depth if self.recursion is None else self.recursion

    @property
    def dialect(self) -> str | None:
        """The draft of JSON Schema that the schema is read in, if it does not say its own."""
        return READ_AS.get(self.draft or "", self.draft)

    @property
    def chosen(self) -> dict[str, Any]:
        """The options by name that are not as usual, in their order."""
        return {one.name: getattr(self, one.name) for one in fields(Options) if getattr(self, one.name) != one.default}


def check(options: Options) -> None:
    """Raise SchemaInvalid, naming the option and what it may be; InputError for a document that is no UTF-8 text."""
    for name, choices in _CHOICES.items():
        if getattr(options, name) not in choices:
            hint = f"{name} is " + " or ".join(map(repr, choices))
            raise SchemaInvalid(f"{name}={getattr(options, name)!r}", hint=hint)
    whitespace = options.whitespace
    if not isinstance(whitespace, str) or not (
        whitespace in ("compact", "spaced", "padded") or PRETTY.fullmatch(whitespace)
    ):
        hint = "whitespace is 'compact', 'spaced', 'padded', 'pretty' or 'pretty(0)' to 'pretty(8)'"
        raise SchemaInvalid(f"whitespace={whitespace!r}", hint=hint)
    for name, most in _MOST.items():
        number = getattr(options, name)
        given = number is not None or name == "depth"
        if given and (type(number) is not int or not 0 <= number <= most):
            raise SchemaInvalid(f"{name}={number!r}", hint=f"a whole number from 0 to {most:,}")
    if options.digits not in (None, "any") and not _are_digits(options.digits):
        hint = 'digits=(18, 6): at most so many before and behind the point; or "any"'
        raise SchemaInvalid(f"digits={options.digits!r}", hint=hint)
    if options.document is not None:
        check_document(options.document)


def _are_digits(value: Any) -> bool:
    whole = isinstance(value, tuple) and len(value) == 2 and all(type(n) is int for n in value)
    return whole and value[0] >= 1 and value[1] >= 0
