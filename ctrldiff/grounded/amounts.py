"""Numbers with what they count beside them: money, percentages, units."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from ctrldiff.grounded.names import NOT_BEFORE_WORDS, currencies, units
from ctrldiff.grounded.numbers import numbers, scaled
from ctrldiff.grounded.reading import MARKS, SIDES, Reading, plain_digits

_GAP = rf"(?:[{SIDES}]?[ \t\u00a0\u2009\u202f][{SIDES}]?)"
_PERCENT = re.compile(
    rf"{_GAP}?(?:[%٪％]|(?:percent|per cent|pct|prozent|pour cent|por ciento|por cento|per cento|procent|prosent)\b)",
    re.IGNORECASE,
)
_SIGN = re.compile(
    rf"{_GAP}?(?:,?[-–—]{_GAP}?|:-{_GAP}?)?([^\W\d_]{{0,3}}\.?[^\w\s\d.,;:!?()\[\]{{}}\"'*/|<>=+%#&@~^_\\-]|[^\W\d_]{{1,4}}\.)"
)
_LETTERS = rf"((?:[^\W\d_]|[°µ{MARKS}]|(?<=\w)[²³/.]|(?<=[mм])[23](?!\w)|[ -](?=[^\W\d_])){{1,40}})"
_UNIT = re.compile(rf"(?:{_GAP}?[(\[]|{_GAP}|\n(?=[a-zµ]))?{_LETTERS}")
_NAME = re.compile(rf"(?:{_GAP}?[(\[]|(?:,[-–—]{{1,2}})?{_GAP}?|\n)(?:d['’]|d[ei]\s)?{_LETTERS}")  # d'euros, 49,-- Euro
_COLUMN = re.compile(r"\"?(?:,| ?[;|] ?)\"?([A-Z]{3})(?!\w)")  # the code in the next column
# What may not follow a unit: of a word, o' of o'clock, "day:" of the next line.
_GOES_ON = re.compile(r"[^\W\d]|(?<=[A-Za-z])\d|(?<![^\W\d_]{2})['’]\w")
_KEY = re.compile(r"[ \t]*[:=]")
_WORD_BEHIND = re.compile(r"[ \u00a0\n]+(?!(?:wide|long|high|tall|deep|thick|by|x)\b)\w")
_PART_OF = re.compile(r"\d[/⁄]\Z")
_UP_TO = re.compile(r"(?:[-–—]|\s(?:to|bis|à|a|tot|t/m|til|till|do|до|(?P<and>and|und|et|y|e|en))\s)\Z")
_BETWEEN = re.compile(r"\b(?:between|zwischen|entre|tra|fra|tussen)\s\Z", re.IGNORECASE)
_BEFORE = re.compile(
    rf"([^\W\d_]{{0,3}}\.?[^\w\s\d.,;:!?()\[\]{{}}\"'*/|<>=+%&@~^_\\-]|\b[^\W\d_]{{1,5}}\.?)(?::?[)\]]?:?{_GAP}{{0,30}})-?\Z"
)
_MINUS = re.compile(r"[-−–]([^\W\d_]{0,3}[^\w\s\d.,]|[A-Z]{3})[ \u00a0]?(?=[\d.,])")  # -$5, as the number has it
_PRICE = re.compile(r"\d[\d'’]*\.(?:\d\d|[-–—])(?![\d.–-]|\s*(?:Uhr|h)\b)")  # what tells Fr. 12.50 from a Friday
_NEAR = 40  # characters in front of an amount in which its currency stands: columns of a table are set apart
_NOTES = {"fiver", "tenner"}  # banknotes of Britain


def money(document: str) -> Iterator[Reading]:
    """Every amount with its currency beside it, as {"amount", "currency"}."""
    text, stated, known = plain_digits(document), list(numbers(document)), currencies()
    beside = [
        Beside(number, start, end, codes) for number in stated for start, end, codes in _currency(text, number, known)
    ]
    for number, start, end, codes in _shared(text, stated, beside):
        yield from (Reading(start, end, {"amount": number.value, "currency": code}) for code in codes)


def _currency(
    text: str, number: Reading, known: dict[str, tuple[str, ...]]
) -> Iterator[tuple[int, int, tuple[str, ...]]]:
    """Start and end of the number with a currency beside it, and the codes that it may be."""
    start, end = number.start, number.end
    if text[start:end].casefold() in _NOTES:
        yield start, end, ("GBP",)
    if (found := _SIGN.match(text, end)) and (codes := known.get(found[1].casefold())):
        yield start, found.end(), codes
    elif (found := _COLUMN.match(text, end)) and (codes := known.get(found[1])):
        yield start, found.end(1), codes
    elif found := _NAME.match(text, end):
        for words in _prefixes(found[1], " /-"):
            if codes := _named(words, known):
                yield start, found.start(1) + len(words), codes
                break
    if (found := _MINUS.match(text, start)) and (codes := _named(found[1], known)):
        yield start, end, codes
    elif found := _BEFORE.search(text[max(0, start - _NEAR) : start]):
        if (codes := _named(found[1], known)) and (found[1].casefold() != "fr." or _PRICE.match(text, start)):
            yield max(0, start - _NEAR) + found.start(), end, codes


def _named(word: str, known: dict[str, tuple[str, ...]]) -> tuple[str, ...]:
    """The currencies of a word. Codes are written in capitals, but for the usual ones: `all` is no currency."""
    for name in (word, word.casefold() if word.endswith(".") else word, word.rstrip(".")):
        if name in known:
            return known[name]
    word = word.rstrip(".")
    if word.upper() in ("EUR", "USD", "GBP", "CHF", "SEK", "NOK", "DKK", "PLN", "CZK", "JPY", "CAD", "AUD"):
        return (word.upper(),)
    lower = word.casefold()
    return known.get(lower, ()) if lower != word.upper() else ()


def _prefixes(words: str, marks: str = " -") -> Iterator[str]:
    """The first three words, the first two, the first; each as it stands."""
    cuts = [found.start() for found in re.finditer(rf"[{marks}]|$", words)][:4]
    yield from (words[:cut] for cut in reversed(cuts) if cut)


class Beside(NamedTuple):
    """A number, where it stands together with what it counts, and the names of that."""

    number: Reading
    start: int
    end: int
    names: tuple[str, ...]


def _shared(text: str, stated: list[Reading], beside: list[Beside]) -> Iterator[Beside]:
    """What is found, and the other end of a range: 10-15 €, $10-15, between 10 and 15 kg."""
    yield from beside
    starts: dict[int, list[Reading]] = {}
    ends: dict[int, list[Reading]] = {}
    for number in stated:
        starts.setdefault(number.start, []).append(number)
        ends.setdefault(number.end, []).append(number)
    for number, start, end, names in beside:
        link = _UP_TO.search(text[max(0, number.start - 8) : number.start])
        if link and end > number.end and not scaled(text[number.start : number.end]):
            for first in ends.get(number.start - len(link[0]), ()):
                before = text[max(0, first.start - 10) : first.start]
                if first.value < number.value and not before.endswith(("-", "–", "/")):
                    if not link["and"] or _BETWEEN.search(before):
                        yield Beside(first, first.start, end, names)
        if start < number.start and text[number.end : number.end + 1] in tuple("-–"):
            for last in starts.get(number.end + 1, ()):
                if number.value < last.value and not text.startswith("-", last.end):
                    yield Beside(last, start, last.end, names)


def percentages(document: str) -> Iterator[Reading]:
    """Every percentage, as the number of hundredths: 19 for 19 %."""
    text, stated = plain_digits(document), list(numbers(document))
    beside = [
        Beside(number, number.start, found.end(), ())
        for number in stated
        if (found := _PERCENT.match(text, number.end)) and not _divides(text, number)
    ]
    yield from (Reading(start, end, number.value) for number, start, end, _ in _shared(text, stated, beside))


def _divides(text: str, number: Reading) -> bool:
    """The number is the lower half of a fraction: 1/2 kg are no 2 kg."""
    return bool(_PART_OF.search(text[max(0, number.start - 2) : number.start]))


def quantities(document: str) -> Iterator[Reading]:
    """Every number with a unit behind it, as {"amount", "unit"}."""
    text, stated, known = plain_digits(document), list(numbers(document)), units()
    beside = [
        Beside(number, number.start, end, names)
        for number in stated
        if not _divides(text, number)
        for end, names in _unit(text, number.end, known)
    ]
    for number, start, end, names in _shared(text, stated, beside):
        yield from (Reading(start, end, {"amount": number.value, "unit": name}) for name in names)


def _unit(text: str, at: int, known: dict[str, tuple[str, ...]]) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Where the unit behind a number ends, and what it may be."""
    if (found := _UNIT.match(text, at)) is None:
        return
    for word in _prefixes(found[1]):
        word = word.rstrip(".")
        if names := known.get(word) or known.get(word.casefold() if len(word) > 2 else word):
            end = found.start(1) + len(word)
            part = _GOES_ON.match(text, end) or (text[at] == "\n" and _KEY.match(text, end))
            if not part and not (word in NOT_BEFORE_WORDS and _WORD_BEHIND.match(text, end)):
                yield end, names
            return
