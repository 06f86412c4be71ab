"""Numbers with what they count beside them: money, percentages, units."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ctrldiff.grounded.names import currencies, units
from ctrldiff.grounded.numbers import numbers
from ctrldiff.grounded.reading import MARKS, SIDES, Reading, plain_digits

_GAP = rf"(?:[{SIDES}]?[ \t\u00a0\u2009\u202f][{SIDES}]?)"
_PERCENT = re.compile(
    rf"{_GAP}?(?:[%٪％]|(?:percent|per cent|pct|prozent|pour cent|por ciento|por cento|per cento|procent|prosent)\b)",
    re.IGNORECASE,
)
_SIGN = re.compile(
    rf"{_GAP}?(?:,?[-–—]{_GAP}?|:-{_GAP}?)?([^\W\d_]{{0,3}}\.?[^\w\s\d.,;:!?()\[\]{{}}\"'*/|<>=+%#&@~^_\\-]|[^\W\d_]{{1,4}}\.)"
)
_WORDS = re.compile(rf"(?:{_GAP}?[(\[]|{_GAP}|\n)?((?:[^\W\d_]|[°µ{MARKS}]|(?<=\w)[²³/.]|[ -](?=[^\W\d_])){{1,40}})")
_BEFORE = re.compile(
    rf"([^\W\d_]{{0,3}}\.?[^\w\s\d.,;:!?()\[\]{{}}\"'*/|<>=+%&@~^_\\-]|\b[^\W\d_]{{1,5}}\.?)(?::?[)\]]?:?{_GAP}{{0,30}})-?\Z"
)
_NEAR = 40  # characters in front of an amount in which its currency stands: columns of a table are set apart
_NOTES = {"fiver", "tenner"}  # banknotes of Britain


def money(document: str) -> Iterator[Reading]:
    """Every amount with its currency beside it, as {"amount", "currency"}."""
    text, known = plain_digits(document), currencies()
    for number in numbers(document):
        for start, end, codes in _currency(text, number, known):
            yield from (Reading(start, end, {"amount": number.value, "currency": code}) for code in codes)
        if text[number.start : number.end].casefold() in _NOTES:
            yield Reading(number.start, number.end, {"amount": number.value, "currency": "GBP"})


def _currency(
    text: str, number: Reading, known: dict[str, tuple[str, ...]]
) -> Iterator[tuple[int, int, tuple[str, ...]]]:
    """Start and end of the number with a currency beside it, and the codes that it may be."""
    start, end = number.start, number.end
    if (found := _SIGN.match(text, end)) and (codes := known.get(found[1].casefold())):
        yield start, found.end(), codes
    elif found := _WORDS.match(text, end):
        for words in _prefixes(found[1]):
            if codes := _named(words, known):
                yield start, found.start(1) + len(words), codes
                break
    if found := _BEFORE.search(text[max(0, start - _NEAR) : start]):
        if codes := _named(found[1], known):
            yield max(0, start - _NEAR) + found.start(), end, codes


def _named(word: str, known: dict[str, tuple[str, ...]]) -> tuple[str, ...]:
    """The currencies of a word. Codes are written in capitals, but for the usual ones: `all` is no currency."""
    if word in known or (word := word.rstrip(".")) in known:
        return known[word]
    if word.upper() in ("EUR", "USD", "GBP", "CHF", "SEK", "NOK", "DKK", "PLN", "CZK", "JPY", "CAD", "AUD"):
        return (word.upper(),)
    lower = word.casefold()
    return known.get(lower, ()) if lower != word.upper() else ()


def _prefixes(words: str) -> Iterator[str]:
    """The first three words, the first two, the first; each as it stands."""
    cuts = [found.start() for found in re.finditer(r"[ -]|$", words)][:4]
    yield from (words[:cut] for cut in reversed(cuts) if cut)


def percentages(document: str) -> Iterator[Reading]:
    """Every percentage, as the number of hundredths: 19 for 19 %."""
    text = plain_digits(document)
    for number in numbers(document):
        if found := _PERCENT.match(text, number.end):
            yield Reading(number.start, found.end(), number.value)


def quantities(document: str) -> Iterator[Reading]:
    """Every number with a unit behind it, as {"amount", "unit"}."""
    text, known = plain_digits(document), units()
    for number in numbers(document):
        if found := _WORDS.match(text, number.end):
            for word in _prefixes(found[1]):
                word = word.rstrip(".")
                if names := known.get(word) or known.get(word.casefold() if len(word) > 2 else word):
                    yield from (
                        Reading(number.start, found.start(1) + len(word), {"amount": number.value, "unit": name})
                        for name in names
                    )
                    break
