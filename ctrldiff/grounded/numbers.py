"""Numbers that a text states: in figures, grouped in any way, and in words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from functools import cache
from itertools import pairwise

from ctrldiff.grounded.dates import figures
from ctrldiff.grounded.names import spoken
from ctrldiff.grounded.reading import Reading, plain_digits, whole

DIGITS = 15  # of a number with a fraction: a JSON number keeps no more
LONGEST = 27  # digits of an integer: more is no number but a code, and Decimal keeps 28 while it multiplies
_SPACES = " \u00a0\u2009\u202f"
_FIGURES = re.compile(r"\d+(?:[.,'’]\d+)*|(?<![\d\w])[.,]\d+")
_SPACED = re.compile(rf"(?<![\d.,'’])(\d{{1,3}})((?:([{_SPACES}])\d{{3}})(?:\3\d{{3}})*)([.,]\d+)?(?!\d)")
_SIGN = re.compile(r"(?:^|[\s(:=;,|\"'$€£¥])([-−–]\s?)\Z")
_TIME = re.compile(r"(?<![\d:])\d{1,2}:[0-5]\d(?::[0-5]\d)?(?![\d:])")
_SHORT = re.compile(r"(?<!\d)\d{1,2}(?!\d)")
_NEAR = 200  # characters of a line that tell whether it is a row of values
_CSV = re.compile(r",(?!\s)")
_SCALE = re.compile(
    r"[ \u00a0]?(k|m|mn|bn|tsd|mio|mrd|thousand|million|billion|dozen|hundred|millions?|milliards?|millionen|milliarden"
    r"|millioner|tausend|mille|mil|millones|milioni|dutzend|douzaines?|docenas?|dozijn|score)\b\.?",
    re.IGNORECASE,
)
_SCALES = {"k": 3, "m": 6, "mn": 6, "bn": 9, "tsd": 3, "mio": 6, "mrd": 9, "thousand": 3, "million": 6, "millions": 6}
_SCALES |= {"billion": 9, "hundred": 2, "milliard": 9, "milliards": 9, "millionen": 6, "milliarden": 9, "millioner": 6}
_SCALES |= {"tausend": 3, "mille": 3, "mil": 3, "millones": 6, "milioni": 6, "millioner": 6}
_TWELVES = {"dozen", "dutzend", "douzaine", "douzaines", "docena", "docenas", "dozijn"}
_FRACTIONS = {"½": Decimal("0.5"), "¼": Decimal("0.25"), "¾": Decimal("0.75")}
_AND_A_HALF = re.compile(r"\s+and\s+a\s+half\b", re.IGNORECASE)
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")
_LINK = re.compile(r"[ \u00a0]?-?[ \u00a0]?$|\s+$")


def numbers(document: str) -> Iterator[Reading]:
    """Every number, by every way to read it; a number is a Decimal."""
    text = plain_digits(document)
    parts = _parts_of_dates(text)
    for start, end, value in _figures(text):
        if start in parts:
            continue
        if (value.adjusted() < LONGEST) if whole(value) else (len(value.as_tuple().digits) <= DIGITS):
            yield Reading(start, end, value)
            if (sign := _SIGN.search(text[max(0, start - 3) : start])) and value:
                yield Reading(start - len(sign[1]), end, -value)
    yield from _in_words(text)


def _parts_of_dates(text: str) -> set[int]:
    """Where digits begin that are a day or a month, an hour or a minute, and count nothing. A whole year may be asked
    for as a number."""
    spans = [*figures(text), *(found.span() for found in _TIME.finditer(text))]
    return {start + digits.start() for start, end in spans for digits in _SHORT.finditer(text[start:end])}


def _figures(text: str) -> Iterator[Reading]:
    for found in _FIGURES.finditer(text):
        start, end = found.span()
        if not _apart(text, start, end):
            continue
        for reading in _chunk(text, start, end):
            yield reading
            yield from _scaled(text, reading)
    for found in _SPACED.finditer(text):
        if _apart(text, *found.span()):
            figures = re.sub(rf"[{_SPACES}]", "", found[1] + found[2])
            value = Decimal(figures + (found[4] or "").replace(",", "."))
            yield Reading(*found.span(), value)
            yield from _scaled(text, Reading(*found.span(), value))


def _apart(text: str, start: int, end: int) -> bool:
    """The digits are a number and no part of a word: letters may follow (5kg, 3rd), but no letter and digit again."""
    before = re.search(r"[^\W\d_]+\Z", text[max(0, start - 6) : start])
    if (
        before
        and not (before[0].isupper() and len(before[0]) == 3)
        and before[0].casefold() not in ("x", "nr", "kr", "rs")
    ):
        return False
    behind = re.match(r"[^\W\d_]+\d", text[end : end + 12])
    return text[start - 1 : start] != "_" and not (behind and not re.match(r"[x×]\d", behind[0]))


def _chunk(text: str, start: int, end: int) -> Iterator[Reading]:
    """The readings of digits with separators between them; of a row of values, those of each."""
    chunk = text[start:end]
    values = _values(chunk)
    yield from (Reading(start, end, value) for value in values)
    around = text[max(0, start - _NEAR) : start].rpartition("\n")[2] + text[start : end + _NEAR].partition("\n")[0]
    if "," in chunk[1:] and (not values or len(_CSV.findall(around)) >= 3):
        at = start
        for part in chunk.split(","):
            yield from (Reading(at, at + len(part), value) for value in (_values(part) if part else ()))
            at += len(part) + 1


def _values(chunk: str) -> list[Decimal]:
    """The numbers that digits with separators may mean, the likelier first: 2,500 is 2500 or 2.5."""
    marks = re.findall(r"[.,'’]", chunk)
    parts = re.split(r"[.,'’]", chunk)
    if not parts[0]:
        return [Decimal("0." + parts[1])]
    if not marks:
        return [] if len(chunk) > 2 and chunk.startswith("0") else [Decimal(chunk)]  # 007 is a code
    kinds = list(dict.fromkeys("'" if mark == "’" else mark for mark in marks))
    found = []
    if len(kinds) == 1 and _grouped(parts, kinds[0]):
        found.append(Decimal("".join(parts)))
    if len(marks) == 1 and kinds[0] != "'":
        found.append(Decimal(".".join(parts)))
    if len(kinds) == 2 and marks[:-1] == [marks[0]] * (len(marks) - 1) and kinds[1] != "'":
        if _grouped(parts[:-1], kinds[0]):
            found.append(Decimal("".join(parts[:-1]) + "." + parts[-1]))
    return found


def _grouped(parts: list[str], mark: str) -> bool:
    """Digits in threes; with commas also as India groups them, in twos before the last three."""
    first, *middle, last = parts
    if len(last) != 3 or not 1 <= len(first) <= 3 or (first.startswith("0") and len(parts) > 1):
        return False
    return all(len(part) == 3 for part in middle) or (
        mark == "," and len(first) <= 2 and all(len(part) == 2 for part in middle)
    )


def _scaled(text: str, reading: Reading) -> Iterator[Reading]:
    """The number times the word behind it: 1.5 million, 2 dozen, 2½."""
    start, end, value = reading
    if text[end : end + 1] in _FRACTIONS and whole(value):
        yield Reading(start, end + 1, value + _FRACTIONS[text[end]])
    if whole(value) and (half := _AND_A_HALF.match(text, end)):
        yield Reading(start, half.end(), value + _FRACTIONS["½"])
    if found := _SCALE.match(text, end):
        word = found[1].casefold()
        if word in ("m", "k", "mn") and found[0] != found[1]:
            return  # 5 m are metres
        times = Decimal(12) if word in _TWELVES else Decimal(20) if word == "score" else Decimal(10) ** _SCALES[word]
        yield Reading(start, found.end(), (value * times).normalize() + 0)


_ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen"
)
ONES = {word: n for n, word in enumerate([*_ONES.split(), "eighteen", "nineteen"])}
TENS = {w: 10 * n for n, w in enumerate("twenty thirty forty fifty sixty seventy eighty ninety".split(), 2)}
_BIG = {"hundred": 100, "thousand": 1_000, "million": 1_000_000, "billion": 1_000_000_000, "dozen": 12, "grand": 1_000}
_ALONE = {"fiver": 5, "tenner": 10, "couple": 2, "pair": 2, "score": 20, "twice": 2, "single": 1, "once": 1}
_ALONE |= {
    "single": 1,
    "hundred": 100,
    "thousand": 1_000,
    "million": 1_000_000,
    "dutzend": 12,
    "douzaine": 12,
    "once": 1,
}


def _in_words(text: str) -> Iterator[Reading]:
    for position, mark in enumerate(text):
        if mark in _FRACTIONS and not text[position - 1 : position].isdigit():
            yield Reading(position, position + 1, _FRACTIONS[mark])
    words = [(found.start(), found.end(), found[0].casefold()) for found in _WORD.finditer(text)]
    n = 0
    while n < len(words):
        taken, value = _english(text, words, n)
        if taken:
            reading = Reading(words[n][0], words[n + taken - 1][1], Decimal(value))
            yield reading
            if half := _AND_A_HALF.match(text, reading.end):
                yield Reading(reading.start, half.end(), reading.value + _FRACTIONS["½"])
            n += taken
            continue
        for reading, count in _foreign(text, words, n):
            yield reading
            taken = max(taken, count)
        n += max(taken, 1)


def _english(text: str, words: list[tuple[int, int, str]], n: int) -> tuple[int, int]:
    """How many words from the n-th on are one number in English, and which."""
    total = group = 0
    taken, at = 0, n
    last = ""  # what kind of word came before
    while at < len(words) and (at == n or _LINK.fullmatch(text[words[at - 1][1] : words[at][0]])):
        word = words[at][2]
        if word in ONES and last in ("", "big", "tens") and not (last == "tens" and not 0 < ONES[word] < 10):
            group, last = group + ONES[word], "ones"
        elif word in TENS and last in ("", "big"):
            group, last = group + TENS[word], "tens"
        elif word in _BIG and last in ("ones", "tens", "big", ""):
            if at == n and text[max(0, words[at][0] - 3) : words[at][0]].rstrip()[-1:].isdigit():
                break  # 2 dozen: read with its figures
            group = group if group + total else 1
            if _BIG[word] == 100 or word == "dozen":
                group *= _BIG[word]
            else:
                total, group = total + group * _BIG[word], 0
            last = "big"
        elif word == "and" and last == "big" and at + 1 < len(words) and words[at + 1][2] in ONES | TENS:
            at += 1
            continue
        else:
            break
        at += 1
        taken = at - n
    if taken:
        return taken, total + group
    half = [word for _, _, word in words[n : n + 3]]
    if half[:2] == ["half", "dozen"] or half == ["half", "a", "dozen"]:
        return len(half) if half[1] == "a" else 2, 6
    return (1, _ALONE[half[0]]) if half[0] in _ALONE else (0, 0)


@cache
def _beginnings() -> frozenset[str]:
    return frozenset(key.split(" ")[0] for key in spoken())


def _foreign(text: str, words: list[tuple[int, int, str]], n: int) -> Iterator[tuple[Reading, int]]:
    """The longest run of up to four words that is a number in another language, and how many words it has."""
    if words[n][2] not in _beginnings():
        return
    for count in (4, 3, 2, 1):
        run = words[n : n + count]
        if len(run) < count or any(not _LINK.fullmatch(text[a[1] : b[0]]) for a, b in pairwise(run)):
            continue
        found = spoken().get(" ".join(word for _, _, word in run), ())
        yield from ((Reading(run[0][0], run[-1][1], Decimal(value)), count) for value in found)
        if found:
            return
