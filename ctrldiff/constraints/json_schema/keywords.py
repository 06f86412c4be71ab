"""Every keyword of JSON Schema in one table: its family, the drafts that have it, what it holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

Holds: TypeAlias = Literal["schema", "schemas", "schema or schemas", "map", "value"]
Role: TypeAlias = Literal["asserts", "applies", "refers", "names", "annotates"]

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
UNREAD = ("draft-00", "draft-01", "draft-02", "draft-03")


@dataclass(frozen=True)
class Keyword:
    """One keyword.

    Fields: role: it "asserts" something of a value, "applies" schemas to it or its parts, "refers" to a schema, "names"
        or holds schemas that are referred to, or "annotates". family: the JSON type that it speaks of, "" for any.
        first, last: the drafts that have it. holds: schemas, or a value that holds none. beside: the keyword that it is
        read with, and says nothing without.
    """

    name: str
    role: Role
    family: str = ""
    first: str = DRAFTS[0]
    last: str = DRAFTS[-1]
    holds: Holds = "value"
    beside: str = ""

    def known(self, draft: str) -> bool:
        """The draft has it."""
        return DRAFTS.index(self.first) <= DRAFTS.index(draft) <= DRAFTS.index(self.last)


def _table(*rows: Keyword) -> dict[str, Keyword]:
    return {row.name: row for row in rows}


KEYWORDS = _table(
    # any value
    Keyword("type", "asserts"),
    Keyword("enum", "asserts"),
    Keyword("const", "asserts", first="draft-06"),
    Keyword("allOf", "applies", holds="schemas"),
    Keyword("anyOf", "applies", holds="schemas"),
    Keyword("oneOf", "applies", holds="schemas"),
    Keyword("not", "applies", holds="schema"),
    Keyword("if", "applies", first="draft-07", holds="schema"),
    Keyword("then", "applies", first="draft-07", holds="schema"),
    Keyword("else", "applies", first="draft-07", holds="schema"),
    # references
    Keyword("$ref", "refers"),
    Keyword("$recursiveRef", "refers", first="2019-09", last="2019-09"),
    Keyword("$dynamicRef", "refers", first="2020-12"),
    Keyword("id", "names", last="draft-04"),
    Keyword("$id", "names", first="draft-06"),
    Keyword("$anchor", "names", first="2019-09"),
    Keyword("$recursiveAnchor", "names", first="2019-09", last="2019-09"),
    Keyword("$dynamicAnchor", "names", first="2020-12"),
    Keyword("$schema", "names"),
    Keyword("$vocabulary", "names", first="2019-09"),
    Keyword("definitions", "names", holds="map"),  # both are only places to point to, and both are pointed to in all
    Keyword("$defs", "names", holds="map"),
    # strings
    Keyword("minLength", "asserts", "string"),
    Keyword("maxLength", "asserts", "string"),
    Keyword("pattern", "asserts", "string"),
    Keyword("format", "asserts", "string"),
    Keyword("x-span", "asserts", "string"),  # ours: a text that stands in the document
    Keyword("contentEncoding", "annotates", "string", first="draft-07"),
    Keyword("contentMediaType", "annotates", "string", first="draft-07"),
    Keyword("contentSchema", "annotates", "string", first="2019-09", holds="schema"),
    # numbers
    Keyword("minimum", "asserts", "number"),
    Keyword("maximum", "asserts", "number"),
    Keyword("exclusiveMinimum", "asserts", "number"),  # a boolean in draft 4, a number since
    Keyword("exclusiveMaximum", "asserts", "number"),
    Keyword("multipleOf", "asserts", "number"),
    # arrays
    Keyword("items", "applies", "array", holds="schema or schemas"),
    Keyword("prefixItems", "applies", "array", first="2020-12", holds="schemas"),
    Keyword("additionalItems", "applies", "array", last="2019-09", holds="schema", beside="items"),
    Keyword("unevaluatedItems", "applies", "array", first="2019-09", holds="schema"),
    Keyword("contains", "applies", "array", first="draft-06", holds="schema"),
    Keyword("minContains", "asserts", "array", first="2019-09", beside="contains"),
    Keyword("maxContains", "asserts", "array", first="2019-09", beside="contains"),
    Keyword("minItems", "asserts", "array"),
    Keyword("maxItems", "asserts", "array"),
    Keyword("uniqueItems", "asserts", "array"),
    # objects
    Keyword("properties", "applies", "object", holds="map"),
    Keyword("patternProperties", "applies", "object", holds="map"),
    Keyword("additionalProperties", "applies", "object", holds="schema"),
    Keyword("unevaluatedProperties", "applies", "object", first="2019-09", holds="schema"),
    Keyword("propertyNames", "applies", "object", first="draft-06", holds="schema"),
    Keyword("dependentSchemas", "applies", "object", first="2019-09", holds="map"),
    Keyword("dependentRequired", "asserts", "object", first="2019-09"),
    Keyword("dependencies", "applies", "object", holds="map"),  # split in two since 2019-09, and still read
    Keyword("required", "asserts", "object"),
    Keyword("minProperties", "asserts", "object"),
    Keyword("maxProperties", "asserts", "object"),
    # what rules nothing out
    *(Keyword(name, "annotates") for name in ("title", "description", "default")),
    Keyword("examples", "annotates", first="draft-06"),
    Keyword("$comment", "annotates", first="draft-07"),
    Keyword("readOnly", "annotates", first="draft-07"),
    Keyword("writeOnly", "annotates", first="draft-07"),
    Keyword("deprecated", "annotates", first="2019-09"),
)

REFERS = frozenset(row.name for row in KEYWORDS.values() if row.role == "refers")
# What each JSON type's own keywords are: of these one alone says that a schema speaks of that type.
FAMILY = {
    kind: {row.name for row in KEYWORDS.values() if row.family == kind and row.role != "annotates" and not row.beside}
    for kind in ("string", "number", "array", "object")
}


def draft_of(uri: object) -> str | None:
    """The draft that a `$schema` names; None for one that is not known, such as a metaschema of one's own."""
    if not isinstance(uri, str):
        return None
    plain = uri.strip().rstrip("#").removeprefix("https://").removeprefix("http://")
    for draft, known in URIS.items():
        if plain == known.removeprefix("https://").removeprefix("http://"):
            return draft
    return next((draft for draft in UNREAD if plain == f"json-schema.org/{draft}/schema"), None)
