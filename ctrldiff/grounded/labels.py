"""Labels that a text states: by their own name, or by a word that means the same."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence

from ctrldiff.grounded.reading import MARKS, Json, Reading

_LONGEST = 60  # characters of the first word of a label that are looked at
# One spelling for all: quotes and hyphens as on a keyboard, the Turkish i with a dot as without; no soft hyphens.
_TYPED = str.maketrans("’‘ʼ´`＇‐‑‒–−İı", "''''''-----ii", "\u00ad")
_LETTER = re.compile(rf".[{MARKS}\u1160-\u11ff\u3099\u309a\u00ad]{{0,8}}", re.DOTALL)  # with what is composed with it
_GAP = r"[\s_-]{1,40}"
_INNER_GAP = re.compile(rf"(?<=[^\s_-]){_GAP}(?=[^\s_-])")
_START = re.compile(rf"(?<![\w{MARKS}])\S")
_FIRST = re.compile(rf"(?:[^\W_]|[{MARKS}])+")
_END = rf"(?![\w{MARKS}]|[+#](?!\w))"  # "C" is not stated by "C+" or "C++", but by "C+D"
_NUMBER = re.compile(r"(-?\d+)(?:\.0+|\.(\d+))?")
_FIGURES = re.compile(r"(?<!\d)\d+(?:[.,:]\d+)+|(?<![\w.,:])\.\d+")
_THOUSANDS = re.compile(r"\d{1,3}(?:,\d{2,3})*,\d{3}(?:\.\d+)?")


def labels(document: str, spellings: Sequence[tuple[Json, Sequence[str]]]) -> Iterator[Reading]:
    """Every place that spells a label, in any case and with any white space, and cuts no word and no number.

    Of places within a longer one on the same line ("urgent" in "not urgent", both labels), the longer alone.
    Args: spellings: every label with the words that mean it, its own name among them.
    """
    by_first: dict[str, list[tuple[re.Pattern[str], Json]]] = {}
    for label, words in spellings:
        for word in filter(None, map(_plain, words)):
            by_first.setdefault(_first(word[:_LONGEST]), []).append((_pattern(label, word), label))
    text, places = _folded(document)
    within = set(_within_numbers(text))
    found = []
    for place in _START.finditer(text):
        start = place.start()
        for pattern, label in by_first.get(_first(text[start : start + _LONGEST]), ()):
            spelled = pattern.match(text, start)
            if spelled and start - 1 not in within and spelled.end() not in within:
                found.append(Reading(places[start], places[spelled.end()], label))
    yield from _longest(document, found)


def _longest(document: str, found: list[Reading]) -> Iterator[Reading]:
    """The places that are not within another one. What goes on in the next line may be two entries of a form."""
    around = (0, 0)
    for one in sorted(found, key=lambda one: (one.start, -one.end)):
        if one.end > around[1] or (one.start, one.end) == around:
            yield one
            if "\n" not in document[one.start : one.end]:
                around = (one.start, one.end)


def _pattern(label: Json, word: str) -> re.Pattern[str]:
    """How a label may be spelled: a number with zeros behind it too, words with other gaps."""
    number = _NUMBER.fullmatch(word) if isinstance(label, int | float) else None
    if number:
        return re.compile(number[1] + (f"[.,]{number[2]}0{{0,2}}" if number[2] else "(?:[.,]0{1,2})?") + _END)
    return re.compile(_GAP.join(re.escape(part) for part in word.split(" ")) + _END)


def _folded(text: str) -> tuple[str, Sequence[int]]:
    """The text in one spelling for all, and where each of its characters, and the end, stood."""
    if text.isascii():
        return text.translate(_TYPED).casefold(), range(len(text) + 1)
    parts: list[str] = []
    places: list[int] = []
    for letter in _LETTER.finditer(text):
        parts.append(unicodedata.normalize("NFC", letter[0]).translate(_TYPED).casefold())
        places += [letter.start()] * len(parts[-1])
    return "".join(parts), [*places, len(text)]


def _within_numbers(text: str) -> Iterator[int]:
    """The places of the marks within numbers, dates and times. The commas of a list (1,2,3) are not within one."""
    for found in _FIGURES.finditer(text):
        listed = found[0].count(",") > 1 and not _THOUSANDS.fullmatch(found[0])
        yield from (at for at in range(*found.span()) if text[at] in (".:" if listed else ".:,"))


def _first(words: str) -> str:
    """By what a label is looked for: the word that it begins with, or a sign."""
    found = _FIRST.match(words)
    return found[0] if found else words[:1]


def spellings_of(given: Mapping[str, Sequence[str]], values: Sequence[Json]) -> list[tuple[Json, list[str]]]:
    """Each value with its name and the words that are given for it."""
    return [(value, [label_name(value), *given.get(label_name(value), ())]) for value in values]


def label_name(value: Json) -> str:
    """A value that is no object as a text."""
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


def _plain(word: str) -> str:
    """A label in one spelling, each gap between two words of it a blank. A sign at an end (A-, -1) is part of it."""
    return _INNER_GAP.sub(" ", _folded(word)[0].strip())
