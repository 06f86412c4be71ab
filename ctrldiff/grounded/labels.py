"""Labels that a text states: by their own name, or by a word that means the same."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from ctrldiff.grounded.reading import Json, Reading


def labels(document: str, spellings: Sequence[tuple[Json, Sequence[str]]]) -> Iterator[Reading]:
    """Every place that spells a label, in any case and with any white space, and cuts no word.

    Args: spellings: every label with the words that mean it, its own name among them.
    """
    meant: dict[str, list[Json]] = {}
    for label, words in spellings:
        for word in words:
            meant.setdefault(_plain(word), []).append(label)
    meant.pop("", None)
    if not meant:
        return
    either = "|".join(re.escape(word).replace(r"\ ", r"[\s_-]+") for word in sorted(meant, key=len, reverse=True))
    for found in re.finditer(rf"(?<!\w)(?=({either})(?!\w))", document, re.IGNORECASE):
        start, end = found.span(1)
        yield from (Reading(start, end, label) for label in meant.get(_plain(found[1]), ()))


def spellings_of(given: Mapping[str, Sequence[str]], values: Sequence[Json]) -> list[tuple[Json, list[str]]]:
    """Each value with its name and the words that are given for it."""
    return [(value, [label_name(value), *given.get(label_name(value), ())]) for value in values]


def label_name(value: Json) -> str:
    """A value that is no object as a text."""
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


def _plain(word: str) -> str:
    return re.sub(r"[\s_-]+", " ", word).strip().casefold()
