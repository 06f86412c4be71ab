"""E-mail addresses, web addresses, telephone numbers, IBANs."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ctrldiff.grounded.dates import figures
from ctrldiff.grounded.names import library
from ctrldiff.grounded.reading import Reading, plain_digits

_ATOM = r"[^\W_](?:[\w.+\-'%&]{0,62}[\w+\-])?"
_HOST = r"(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.){1,8}[^\W\d_]{2,24}"
_EMAIL = re.compile(rf"(?<![\w.+-]){_ATOM}@{_HOST}(?![\w-])")
_SPELLED = re.compile(rf"(?<![\w.+-]){_ATOM}\s?[(\[]\s?at\s?[)\]]\s?{_HOST}(?![\w-])", re.IGNORECASE)
_TAIL = r"(?:[/?#][^\s<>\"'\]}|\\^`]{0,2000})?"
_COMMON = "com|org|net|edu|gov|io|ai|app|dev|info|biz|eu|uk|de|fr|es|it|nl|be|ch|at|se|no|dk|fi|pl|cz|pt|ie|us|ca|au|jp"
_URL = re.compile(
    rf"\b(?:https?|ftp)://[^\s<>\"'\]}}|\\^`]{{3,2000}}|\bwww\.{_HOST}(?::\d+)?{_TAIL}"
    rf"|(?<![\w@.+-])(?:[^\W_][\w-]{{0,61}}\.){{1,4}}(?:{_COMMON})\b(?!\.\w|@){_TAIL}",
    re.IGNORECASE,
)
_LOCAL = re.compile(r"(?<![\w.,/-])[(]?0?[)]?\d[\d ()/.\-\u00a0]{4,18}\d(?![\w])")
_NO_PHONE = re.compile(r"\d{1,2}[./-]\d{1,2}[./-]\d{2,4}|\d{4}-\d\d-\d\d|\d+[.,]\d{2}|\d{4}-\d{4}")
_IBAN = re.compile(r"(?<!\w)(?=([A-Z]{2}\d{2}(?:[ \u00a0]?[A-Z0-9]){11,30}))", re.IGNORECASE)


def emails(document: str) -> Iterator[Reading]:
    """Every e-mail address; of `ann (at) example.org` the address that is meant."""
    for found in _EMAIL.finditer(document):
        yield Reading(*found.span(), found[0])
    for found in _SPELLED.finditer(document):
        yield Reading(*found.span(), re.sub(r"\s?[(\[]\s?at\s?[)\]]\s?", "@", found[0], flags=re.IGNORECASE))


def urls(document: str) -> Iterator[Reading]:
    """Every web address, as it is written, without the punctuation behind it."""
    for found in _URL.finditer(document):
        written = found[0].rstrip(".,;:!?*_'")
        while written.endswith(")") and written.count(")") > written.count("("):
            written = written[:-1].rstrip(".,;:!?")
        yield Reading(found.start(), found.start() + len(written), written)


def phones(document: str, region: str | None = None) -> Iterator[Reading]:
    """Every telephone number: in E.164 (+4930901820) where the country is stated or is `region`, else its digits."""
    library_ = library("phonenumbers")
    text = plain_digits(document)
    taken = {at for span in figures(text) for at in range(*span)}
    for found in library_.PhoneNumberMatcher(text, region, leniency=library_.Leniency.POSSIBLE):
        number = library_.format_number(found.number, library_.PhoneNumberFormat.E164)
        taken.update(range(found.start, found.end))
        yield Reading(found.start, found.end, number)
    for written in _LOCAL.finditer(text):
        digits = re.sub(r"\D", "", written[0])
        if 6 <= len(digits) <= 15 and not taken.intersection(range(*written.span())):
            if not _NO_PHONE.fullmatch(written[0]):
                yield Reading(*written.span(), digits)


def ibans(document: str) -> Iterator[Reading]:
    """Every IBAN whose length, form and check digits are right, without spaces."""
    iban = library("stdnum.iban")
    for found in _IBAN.finditer(document):
        for end in range(found.end(1), found.start() + 14, -1):
            if not document[end - 1].isalnum() or document[end : end + 1].isalnum():
                continue
            compact = re.sub(r"\s", "", document[found.start() : end]).upper()
            if iban.is_valid(compact):
                yield Reading(found.start(), end, compact)
                break
