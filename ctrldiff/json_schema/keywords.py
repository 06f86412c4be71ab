"""Every keyword of JSON Schema in one table: its family, the drafts that have it, what it holds, what that speaks of.

Nothing else lists keywords: whatever needs "all that ..." takes it from here (`those`), so that another keyword is a
row and the code that enforces it. `tests/constraints/test_keywords.py` walks the table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

# A schema, a list or an object of them; or a value that holds none: of any kind, or of this one.
Holds: TypeAlias = Literal[
    "schema",
    "schemas",
    "schema or schemas",
    "map",
    "value",
    "list",
    "string",
    "anchor",
    "boolean",
    "number",
    "step",
    "number or boolean",
    "size",
    "type",
    "names",
    "map of names",
]
Role: TypeAlias = Literal["asserts", "applies", "refers", "names", "annotates"]
# What the schemas of a keyword speak of: the value itself; its parts that have a name or a place in the schema, that
# match a pattern, that no keyword beside speaks of, that none has evaluated; some of its items; names of properties.
Of: TypeAlias = Literal["", "itself", "named", "matching", "others", "unevaluated", "some", "names"]

DRAFTS = ("draft-04", "draft-06", "draft-07", "2019-09", "2020-12")
# How each is written in "$schema".
URIS = {
    "draft-04": "http://json-schema.org/draft-04/schema",
    "draft-06": "http://json-schema.org/draft-06/schema",
    "draft-07": "http://json-schema.org/draft-07/schema",
    "2019-09": "https://json-schema.org/draft/2019-09/schema",
    "2020-12": "https://json-schema.org/draft/2020-12/schema",
}
# Where a $ref silences what stands beside it.
REF_ALONE = ("draft-04", "draft-06", "draft-07")
# Others that a "$schema" may name: those before, and the one that is to come, which changes until it is there.
UNREAD = {
    **{f"draft-0{n}": f"http://json-schema.org/draft-0{n}/schema" for n in range(4)},
    "draft/next": "https://json-schema.org/draft/next/schema",
    "v1": "https://json-schema.org/v1",
}


@dataclass(frozen=True)
class Keyword:
    """One keyword.

    Fields: role: it "asserts" something of a value, "applies" schemas to it or its parts, "refers" to a schema, "names"
        or holds schemas that are referred to, or "annotates". family: the JSON type that it speaks of, "" for any.
        first, last: the drafts that have it. holds: schemas, or a value that holds none. of: what its schemas speak of.
        beside: the keyword that it is read with, and says nothing without. always: what its own schema accepts obeys
        its schemas, too. alternatives: its schemas are. keys: its value names properties. spells: it says how a string
        or a number looks, beyond its length or its bounds.
    """

    name: str
    role: Role
    family: str = ""
    first: str = DRAFTS[0]
    last: str = DRAFTS[-1]
    holds: Holds = "value"
    of: Of = ""
    beside: str = ""
    always: bool = False
    alternatives: bool = False
    keys: bool = False
    spells: bool = False

    def known(self, draft: str) -> bool:
        """The draft has it."""
        return DRAFTS.index(self.first) <= DRAFTS.index(draft) <= DRAFTS.index(self.last)

    def says(self, schema: dict[str, Any]) -> bool:
        """It says something in this schema: it is there, and so is what it is read with."""
        if self.name not in schema or self.role == "annotates" or (self.beside and self.beside not in schema):
            return False
        return self.name != "additionalItems" or isinstance(schema["items"], list)  # those behind a list of items


def _table(*rows: Keyword) -> dict[str, Keyword]:
    return {row.name: row for row in rows}


KEYWORDS = _table(
    # any value
    Keyword("type", "asserts", holds="type"),
    Keyword("enum", "asserts", holds="list", spells=True),
    Keyword("const", "asserts", first="draft-06", spells=True),
    Keyword("allOf", "applies", holds="schemas", of="itself", always=True),
    Keyword("anyOf", "applies", holds="schemas", of="itself", alternatives=True),
    Keyword("oneOf", "applies", holds="schemas", of="itself", alternatives=True),
    Keyword("not", "applies", holds="schema", of="itself"),
    Keyword("if", "applies", first="draft-07", holds="schema", of="itself"),
    Keyword("then", "applies", first="draft-07", holds="schema", of="itself", beside="if"),
    Keyword("else", "applies", first="draft-07", holds="schema", of="itself", beside="if"),
    Keyword("x-from-text", "asserts", spells=True),  # ours: a value that the document states, or null
    # references
    Keyword("$ref", "refers", holds="string", of="itself", always=True),
    Keyword("$recursiveRef", "refers", first="2019-09", last="2019-09", holds="string", of="itself", always=True),
    Keyword("$dynamicRef", "refers", first="2020-12", holds="string", of="itself", always=True),
    Keyword("id", "names", last="draft-04"),
    Keyword("$id", "names", first="draft-06"),
    Keyword("$anchor", "names", first="2019-09", holds="anchor"),
    Keyword("$recursiveAnchor", "names", first="2019-09", last="2019-09"),
    Keyword("$dynamicAnchor", "names", first="2020-12", holds="anchor"),
    Keyword("$schema", "names"),
    Keyword("definitions", "names", holds="map"),  # both are only places to point to, and both are pointed to in all
    Keyword("$defs", "names", holds="map"),
    # strings
    Keyword("minLength", "asserts", "string", holds="size"),
    Keyword("maxLength", "asserts", "string", holds="size"),
    Keyword("pattern", "asserts", "string", holds="string", spells=True),
    Keyword("format", "asserts", "string", holds="string", spells=True),
    # ours: `pattern` in the dialect of a type's validator
    Keyword("x-pattern-rust", "asserts", "string", holds="string", spells=True),
    Keyword("x-pattern-python", "asserts", "string", holds="string", spells=True),
    Keyword("x-span", "asserts", "string", holds="boolean", spells=True),  # ours: a text that stands in the document
    Keyword("x-text", "asserts", "string", spells=True),  # ours: what the text says, how often, and how long it is
    Keyword("x-json", "asserts", "string", spells=True),  # ours: the JSON text of a value that this schema accepts
    Keyword("contentEncoding", "annotates", "string", first="draft-07"),
    Keyword("contentMediaType", "annotates", "string", first="draft-07"),
    Keyword("contentSchema", "annotates", "string", first="2019-09", holds="schema"),
    # numbers
    Keyword("minimum", "asserts", "number", holds="number"),
    Keyword("maximum", "asserts", "number", holds="number"),
    Keyword("exclusiveMinimum", "asserts", "number", holds="number or boolean"),  # a boolean in draft 4, a number since
    Keyword("exclusiveMaximum", "asserts", "number", holds="number or boolean"),
    Keyword("multipleOf", "asserts", "number", holds="step"),
    # arrays
    Keyword("items", "applies", "array", holds="schema or schemas", of="others"),
    Keyword("prefixItems", "applies", "array", first="2020-12", holds="schemas", of="named"),
    Keyword("additionalItems", "applies", "array", last="2019-09", holds="schema", of="others", beside="items"),
    Keyword("unevaluatedItems", "applies", "array", first="2019-09", holds="schema", of="unevaluated"),
    Keyword("contains", "applies", "array", first="draft-06", holds="schema", of="some"),
    Keyword("minContains", "asserts", "array", first="2019-09", holds="size", beside="contains"),
    Keyword("maxContains", "asserts", "array", first="2019-09", holds="size", beside="contains"),
    Keyword("minItems", "asserts", "array", holds="size"),
    Keyword("maxItems", "asserts", "array", holds="size"),
    Keyword("uniqueItems", "asserts", "array", holds="boolean"),
    # objects; those that name properties in the order in which they are read for names
    Keyword("properties", "applies", "object", holds="map", of="named", keys=True),
    Keyword("required", "asserts", "object", holds="names", keys=True),
    Keyword("dependentRequired", "asserts", "object", first="2019-09", holds="map of names", keys=True),
    Keyword("dependentSchemas", "applies", "object", first="2019-09", holds="map", of="itself", keys=True),
    Keyword("dependencies", "applies", "object", holds="map", of="itself", keys=True),  # in two since 2019, still read
    Keyword("patternProperties", "applies", "object", holds="map", of="matching"),
    Keyword("additionalProperties", "applies", "object", holds="schema", of="others"),
    Keyword("unevaluatedProperties", "applies", "object", first="2019-09", holds="schema", of="unevaluated"),
    Keyword("propertyNames", "applies", "object", first="draft-06", holds="schema", of="names"),
    Keyword("minProperties", "asserts", "object", holds="size"),
    Keyword("maxProperties", "asserts", "object", holds="size"),
    # what rules nothing out
    *(Keyword(name, "annotates") for name in ("title", "description", "default")),
    Keyword("examples", "annotates", first="draft-06"),
    Keyword("$comment", "annotates", first="draft-07"),
    Keyword("readOnly", "annotates", first="draft-07"),
    Keyword("writeOnly", "annotates", first="draft-07"),
    Keyword("deprecated", "annotates", first="2019-09"),
    Keyword("$vocabulary", "annotates", first="2019-09"),  # of metaschemas, which we read none of
)


def those(which: Callable[[Keyword], object]) -> tuple[str, ...]:
    """The names of the rows of which `which` is true, in the table's order."""
    return tuple(row.name for row in KEYWORDS.values() if which(row))


REFERS = frozenset(those(lambda row: row.role == "refers"))
ANNOTATIONS = frozenset(those(lambda row: row.role == "annotates"))
# What speaks of values of any type without another schema: with one of these, a schema says what it is about.
OF_ANY = frozenset(those(lambda row: row.role == "asserts" and not row.family))
# What each JSON type's own keywords are: of these one alone says that a schema speaks of that type.
FAMILY = {
    kind: frozenset(
        row.name for row in KEYWORDS.values() if row.family == kind and row.role != "annotates" and not row.beside
    )
    for kind in ("string", "number", "array", "object")
}
# What is read with another keyword, by that one.
BESIDE = {name: tuple(row.name for row in KEYWORDS.values() if row.beside == name) for name in KEYWORDS}
# What lists alternatives.
ALTERNATIVES = those(lambda row: row.alternatives)
# What holds a pattern, and the dialect that it is written in.
PATTERNS: dict[str, Literal["python", "ecma", "rust"]] = {
    "pattern": "ecma",
    "x-pattern-rust": "rust",
    "x-pattern-python": "python",
}
# What says how strings and numbers look, beyond their length and their bounds.
SPELLS = frozenset(those(lambda row: row.spells))


def parts(family: str, of: Of) -> tuple[str, ...]:
    """The keywords whose schemas speak of these parts of an array or an object."""
    return those(lambda row: row.family == family and row.of == of)


def said(schema: dict[str, Any], family: str) -> Iterator[str]:
    """The keywords of a schema that say something of the values of a JSON type."""
    for name in schema:
        row = KEYWORDS.get(name)
        if row is not None and row.family == family and row.says(schema):
            yield name


def draft_of(uri: object) -> str | None:
    """The draft that a `$schema` names; None for one that is not known, such as a metaschema of one's own."""
    if not isinstance(uri, str):
        return None
    named = _plain(uri)
    return next((draft for draft, known in (URIS | UNREAD).items() if named == _plain(known)), None)


def _plain(uri: str) -> str:
    return uri.strip().rstrip("#").removeprefix("https://").removeprefix("http://")
