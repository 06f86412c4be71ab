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
_SPACES = " \u00a0\u2009\u202f_"  # 12_000 as programs write it
_FIGURES = re.compile(r"\d+(?:[.,'’]\d+)*|(?<![\d\w])[.,]\d+")
_SPACED = re.compile(rf"(?<![\d.,'’])(\d{{1,3}})((?:([{_SPACES}])\d{{3}})(?:\3\d{{3}})*)([.,]\d+)?(?!\d)")
# A minus in front of the figures, or of the currency in front of them: -5, -$5, -EUR 5, minus 5.
_SIGN = re.compile(
    r"(?:^|[\s(:=;,|\"'$€£¥])([-−–]\s?|[-−–](?:[A-Z]{0,3}[$€£¥₹₺₽₩₪]|EUR|USD|GBP|CHF)[ \u00a0]?|(?<!\d\s)[Mm]inus\s)\Z"
)
_TIME = re.compile(r"(?<![\d:])\d{1,2}:[0-5]\d(?::[0-5]\d)?(?![\d:])")
_SHORT = re.compile(r"(?<!\d)\d{1,2}(?!\d)")
_NEAR = 200  # characters of a line that tell whether it is a row of values
_CSV = re.compile(r",(?!\s)")
_POWERS = {
    2: "hundred",
    3: "k t tsd tys тыс thousand tausend mille mil mila duizend tusen tusind tysięcy",
    5: "lakh lakhs",
    6: "m mn mio mln млн million millions millionen millioner miljoen miljoner miljoonaa millón millones milione "
    "milioni milhão milhões milioane milionów milionů milyon mi̇o mi̇lyon",  # İ, in small letters
    7: "crore crores",
    9: "bn mrd mld млрд billion milliard milliards milliarden milliarder miljard miljarder miljardia miliardo miliardi"
    " miliarde miliardów milyar mi̇lyar",
    12: "trillion",
}
_TIMES = {word: Decimal(10) ** power for power, words in _POWERS.items() for word in words.split()}
_TWELVES = "dozen dutzend douzaine douzaines docena docenas dúzia dúzias dozijn dozzina dozzine dussin".split()
_TIMES |= dict.fromkeys(_TWELVES, Decimal(12)) | {"score": Decimal(20)}
_SHORT_TIMES = {"k", "t", "m", "mn"}  # 5 m are metres, 5 m€ are none
_SCALE = re.compile(
    rf"[ \u00a0]?({'|'.join(map(re.escape, sorted(_TIMES, key=len, reverse=True)))})\b\.?", re.IGNORECASE
)
_FRACTIONS = {"½": Decimal("0.5"), "¼": Decimal("0.25"), "¾": Decimal("0.75"), "⅛": Decimal("0.125")}
_FRACTIONS |= {"⅜": Decimal("0.375"), "⅝": Decimal("0.625"), "⅞": Decimal("0.875"), "⅕": Decimal("0.2")}
_PARTS = _FRACTIONS | {"half": Decimal("0.5"), "quarter": Decimal("0.25")}
_AND_A_PART = re.compile(rf"[ \u00a0]?([{''.join(_FRACTIONS)}])|\s+and\s+a\s+(half|quarter)\b", re.IGNORECASE)
# 1/2, 1 3/4: what a decimal number states as it is; a third it does not.
_WRITTEN = re.compile(r"(?<![\d/.,:-])(?:(\d{1,3})[ \u00a0])?(\d{1,2})[/⁄](2|4|8|16)(?![\d/⁄]|[.,]\d)")
_POWER = re.compile(r"(?<![\w.,])(?:\d+(?:[.,]\d+)?(?:e|E[+-]|e[+-])|\d+[.,]\d+E)\d{1,2}(?!\w|[.,-]\d)")  # no seat 3E12
_ARABIC = {ord("٫"): ".", ord("٬"): "'"}  # the decimal separator, and that of thousands
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")
_LINK = re.compile(r"[ \u00a0]?-?[ \u00a0]?$|\s+$")


def numbers(document: str) -> Iterator[Reading]:
    """Every number, by every way to read it; a number is a Decimal."""
    text = plain_digits(document).translate(_ARABIC)
    parts = _parts_of_dates(text)
    inside: set[int] = set()
    for start, end, value in _figures(text):
        inside.update(range(start, end))
        if start in parts or not _kept(value):
            continue
        yield Reading(start, end, value)
        if (sign := _SIGN.search(text[max(0, start - 9) : start])) and value:
            yield Reading(start - len(sign[1]), end, -value)
    yield from (reading for reading in _in_words(text, inside) if _kept(reading.value))


def _kept(value: Decimal) -> bool:
    return value.adjusted() < LONGEST if whole(value) else len(value.as_tuple().digits) <= DIGITS


def _parts_of_dates(text: str) -> set[int]:
    """Where digits begin that are a day or a month, an hour or a minute, and count nothing. A whole year may be asked
    for as a number."""
    spans = [*figures(text), *(found.span() for found in _TIME.finditer(text))]
    return {start + digits.start() for start, end in spans for digits in _SHORT.finditer(text[start:end])}


def _figures(text: str) -> Iterator[Reading]:
    powers: set[int] = set()
    for found in _POWER.finditer(text):
        powers.update(range(*found.span()))
        yield Reading(*found.span(), Decimal(found[0].replace(",", ".")))
    for found in _WRITTEN.finditer(text):
        if 0 < (part := Decimal(found[2]) / Decimal(found[3])) < 1:
            yield from _scaled(text, Reading(*found.span(), Decimal(found[1] or 0) + part))
    for found in _FIGURES.finditer(text):
        start, end = found.span()
        if start in powers or not _apart(text, start, end):
            continue
        for reading in _chunk(text, start, end):
            yield from _scaled(text, reading)
    for found in _SPACED.finditer(text):
        if _apart(text, *found.span()):
            figures = re.sub(rf"[{_SPACES}]", "", found[1] + found[2])
            value = Decimal(figures + (found[4] or "").replace(",", "."))
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
    return text[start - 1 : start] != "_" and not (
        re.match(r"_\d", text[end : end + 2]) or (behind and not re.match(r"[x×]\d|[ckd]?m[23]\b", text[end : end + 4]))
    )


def _chunk(text: str, start: int, end: int) -> Iterator[Reading]:
    """The readings of digits with separators between them; of a row of values, those of each."""
    chunk = text[start:end]
    values = _values(chunk)
    yield from (Reading(start, end, value) for value in values)
    if "," in chunk[1:] and (not values or _in_row(text, start, end)):
        at = start
        for part in chunk.split(","):
            yield from (Reading(at, at + len(part), value) for value in (_values(part) if part else ()))
            at += len(part) + 1


def _in_row(text: str, start: int, end: int) -> bool:
    """The digits begin or end at a comma of a row of values, or fill it: those of 5,01 € and 0,35 € do not."""
    before, behind = text[max(0, start - 1) : start], text[end : end + 2]
    comma = before == "," or bool(_CSV.match(behind))
    if not (comma or (before in ("", "\n") and behind[:1] in ("", "\n"))):
        return False
    around = text[max(0, start - _NEAR) : start].rpartition("\n")[2] + text[start : end + _NEAR].partition("\n")[0]
    return len(_CSV.findall(around)) >= 3


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
    """The number, alone and with the words behind it: 1.5 million, 2 dozen, 2½, 2 and a half million."""
    yield reading
    whole_ones = [reading]
    if whole(reading.value) and (found := _AND_A_PART.match(text, reading.end)):
        part = _PARTS[(found[1] or found[2]).casefold()]
        whole_ones.append(Reading(reading.start, found.end(), reading.value + part))
        yield whole_ones[1]
    for one in whole_ones:
        for _ in range(2):  # 5 mil millones
            found = _SCALE.match(text, one.end)
            times = _TIMES.get(found[1].casefold()) if found else None
            last = _TIMES.get(text[one.start : one.end].rsplit(maxsplit=1)[-1].casefold(), 0)
            if not (found and times and last < times) or not _scales(text, found):
                break
            one = Reading(one.start, found.end(), (one.value * times).normalize() + 0)
            yield one


def _scales(text: str, found: re.Match[str]) -> bool:
    word, money = found[1].casefold(), text[found.end() : found.end() + 2].lstrip()[:1] in tuple("€$£")
    return word not in _SHORT_TIMES or money or (word != "t" and found[0] == found[1])


def scaled(spelling: str) -> bool:
    """The number ends in a word that multiplies it: 5 million, 5k, a dozen."""
    found = re.search(r"[^\W\d_]+\.?\Z", spelling)
    return found is not None and found[0].rstrip(".").casefold() in _TIMES


_ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen"
)
ONES = {word: n for n, word in enumerate([*_ONES.split(), "eighteen", "nineteen"])}
TENS = {w: 10 * n for n, w in enumerate("twenty thirty forty fifty sixty seventy eighty ninety".split(), 2)}
_BIG = {"thousand": 10**3, "grand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
_ALONE: dict[str, int | Decimal] = dict.fromkeys(_TWELVES, 12)
_ALONE |= {"fiver": 5, "tenner": 10, "couple": 2, "pair": 2, "score": 20, "twice": 2, "single": 1, "once": 1}
_ALONE["anderthalb"] = Decimal("1.5")
_HALVES = set("half halbe halben halbes demi medio media mezzo mezza meio meia halv halvt".split())
_ARTICLES = {"a", "de", "een", "en", "di"}


def _in_words(text: str, inside: set[int]) -> Iterator[Reading]:
    """Numbers in words, but for those that begin inside a number in figures: 2 dozen."""
    for position, mark in enumerate(text):
        if mark in _FRACTIONS and position not in inside:
            yield Reading(position, position + 1, _FRACTIONS[mark])
    words = [(found.start(), found.end(), found[0].casefold()) for found in _WORD.finditer(text)]
    words = [word for word in words if word[0] not in inside]
    n = 0
    while n < len(words):
        taken, value = _half_of(text, words, n) or _english(text, words, n)
        readings = [Reading(words[n][0], words[n + taken - 1][1], Decimal(value))] if taken else []
        if not taken or words[n][2] in _ALONE:  # once: in Spanish it is 11
            readings += _foreign(text, words, n)
        end = words[n][1]
        for reading in readings:
            for one in _scaled(text, reading):
                yield one
                end = max(end, one.end)
                if n and words[n - 1][2] == "minus" and _LINK.fullmatch(text[words[n - 1][1] : one.start]):
                    yield Reading(words[n - 1][0], one.end, -one.value)
        while n < len(words) and words[n][0] < end:
            n += 1


def _half_of(text: str, words: list[tuple[int, int, str]], n: int) -> tuple[int, Decimal] | None:
    """Half a million, in as many words."""
    if words[n][2] not in _HALVES:
        return None
    taken = 3 if n + 2 < len(words) and words[n + 1][2] in _ARTICLES else 2
    run = words[n : n + taken]
    times = _TIMES.get(run[-1][2]) if len(run[-1][2]) > 2 else None
    if times is None or len(run) < taken or any(not _LINK.fullmatch(text[a[1] : b[0]]) for a, b in pairwise(run)):
        return None
    return taken, times / 2


def _english(text: str, words: list[tuple[int, int, str]], n: int) -> tuple[int, int | Decimal]:
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
        elif word == "dozen" and last != "dozen":
            total, group, last = 0, (total + group or 1) * 12, "dozen"
        elif word == "hundred" and group < 100 and last != "dozen":
            group, last = (group or 1) * 100, "big"
        elif word in _BIG and last != "dozen" and (group or total < _BIG[word]):
            if group and 0 < total < _BIG[word]:
                break
            total, group = (total + group * _BIG[word]) if group else (total or 1) * _BIG[word], 0
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
    return (1, _ALONE[words[n][2]]) if words[n][2] in _ALONE else (0, 0)


@cache
def _beginnings() -> frozenset[str]:
    return frozenset(key.split(" ")[0] for key in spoken())


def _foreign(text: str, words: list[tuple[int, int, str]], n: int) -> list[Reading]:
    """The longest run of up to four words that is a number in another language, by each number that it is."""
    if words[n][2] not in _beginnings():
        return []
    for count in (4, 3, 2, 1):
        run = words[n : n + count]
        if len(run) < count or any(not _LINK.fullmatch(text[a[1] : b[0]]) for a, b in pairwise(run)):
            continue
        if found := spoken().get(" ".join(word for _, _, word in run), ()):
            return [Reading(run[0][0], run[-1][1], Decimal(value)) for value in found]
    return []
