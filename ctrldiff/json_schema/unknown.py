"""Words in a schema that are no keywords: a validator ignores them without a word, and so do we, but we say so."""

from __future__ import annotations

from difflib import get_close_matches
from functools import cache
from typing import Any

from ctrldiff.json_schema.dialect import schemas_of
from ctrldiff.json_schema.documents import Documents
from ctrldiff.json_schema.keywords import KEYWORDS
from ctrldiff.pointer import escaped

# Keywords of older drafts and of OpenAPI, and what says the same.
ELSEWHERE = {
    "divisibleBy": "multipleOf",
    "disallow": "not",
    "extends": "allOf",
    "nullable": '"type" with "null"; draft="openapi-3.0" reads it',
}
NEAR = 0.8  # of the letters in common: "maxLenght", "enums", "ref", and not "colour"

Unknown = tuple[str, str, str]  # pointer, word, what may have been meant


def unknown_in(schema: Any, draft: str | None, documents: Documents) -> tuple[Unknown, ...]:
    """Every word that stands where a keyword should and is none.

    Args: as those of `dialect.as_draft`, whose walk this is.
    """
    return tuple(
        (f"{at}/{escaped(word)}", word, meant(word))
        for node, at, _ in schemas_of(schema, draft, documents)
        for word in node
        if word not in KEYWORDS
    )


@cache
def _lower() -> dict[str, str]:
    return {name.lower(): name for name in KEYWORDS}


def meant(word: str) -> str:
    """The keyword that a word was perhaps meant to be; "" if it is like none."""
    if word in ELSEWHERE:
        return ELSEWHERE[word]
    near = get_close_matches(word.lower()[:40], _lower(), n=1, cutoff=NEAR)
    return _lower()[near[0]] if near else ""
