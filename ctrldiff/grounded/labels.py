"""Labels that a text states: by their own name, or by a word that means the same."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from ctrldiff.grounded.reading import Json, Reading

_LONGEST = 60  # characters of the first word of a label that are looked at


def labels(document: str, spellings: Sequence[tuple[Json, Sequence[str]]]) -> Iterator[Reading]:
    """Every place that spells a label, in any case and with any white space, and cuts no word.

    Args: spellings: every label with the words that mean it, its own name among them.
    """
    by_first: dict[str, list[tuple[re.Pattern[str], Json]]] = {}
    for label, words in spellings:
        for word in filter(None, map(_plain, words)):
            pattern = re.compile(re.escape(word).replace(r"\ ", r"[\s_-]+") + r"(?!\w)", re.IGNORECASE)
            by_first.setdefault(_first(word[:_LONGEST]), []).append((pattern, label))
    for place in re.finditer(r"(?<!\w)\S", document):
        start = place.start()
        for pattern, label in by_first.get(_first(document[start : start + _LONGEST]), ()):
            if found := pattern.match(document, start):
                yield Reading(start, found.end(), label)


def _first(words: str) -> str:
    """By what a label is looked for: the word that it begins with, or a sign."""
    found = re.match(r"\w+", words)
    return found[0].casefold() if found else words[:1]


def spellings_of(given: Mapping[str, Sequence[str]], values: Sequence[Json]) -> list[tuple[Json, list[str]]]:
    """Each value with its name and the words that are given for it."""
    return [(value, [label_name(value), *given.get(label_name(value), ())]) for value in values]


def label_name(value: Json) -> str:
    """A value that is no object as a text."""
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


def _plain(word: str) -> str:
    return re.sub(r"[\s_-]+", " ", word).strip().casefold()
