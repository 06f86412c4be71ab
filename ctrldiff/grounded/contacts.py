"""E-mail addresses, web addresses, telephone numbers, IBANs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ctrldiff.grounded.dates import dates
from ctrldiff.grounded.names import library
from ctrldiff.grounded.reading import Reading, plain_digits

_ATOM = r"[^\W_](?:[\w.+\-'%&]{0,62}[\w+\-])?"
_HOST = r"(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.){1,8}[^\W\d_]{2,24}"
_EMAIL = re.compile(rf"(?<![\w.+-]){_ATOM}@{_HOST}(?![\w-])")
_SPELLED = re.compile(rf"(?<![\w.+-]){_ATOM}\s?[(\[]\s?at\s?[)\]]\s?{_HOST}(?![\w-])", re.IGNORECASE)
# No address goes on beyond these, nor beyond a separator before the next address.
_ENDING = "“”„‟«»‹›「」『』《》〈〉【】（），。、；：！？"
_PATH = rf"(?:(?![,;](?:https?://|ftp://|www\.))[^\s<>\"'\[\]}}|\\^`?{_ENDING}])"
_QUERY = rf"(?:\?(?:\?|{_PATH}|\[{_PATH}{{0,80}}\]){{0,2000}})?"  # ?a[]=1, where [ and ] come in pairs
_TAIL = rf"(?:[/#]{_PATH}{{0,2000}})?{_QUERY}"
_COMMON = "com|org|net|edu|gov|io|ai|app|dev|info|biz|eu|uk|de|fr|es|it|nl|be|ch|at|se|no|dk|fi|pl|cz|pt|ie|us|ca|au|jp"
_URL = re.compile(
    rf"\b(?:https?|ftp)://(?:\[[\da-f:.]{{2,45}}\]|(?=\w{_PATH}{{2}})){_PATH}{{0,2000}}{_QUERY}"
    rf"|\bwww\.{_HOST}(?::\d+)?{_TAIL}"
    rf"|(?<![\w@.+-])(?:[^\W_][\w-]{{0,61}}\.){{1,4}}(?:{_COMMON})\b(?!\.\w|@){_TAIL}",
    re.IGNORECASE,
)
_LOCAL = re.compile(r"(?<![\w.,/-])[(]?0?[)]?\d[\d ()/.\-\u00a0]{4,18}\d(?![\w])")
_YEAR = r"(?:19|20)\d\d"
_NO_PHONE = re.compile(  # what is written like a date or an amount
    rf"\d{{1,2}}[./-]\d{{1,2}}[./-]\d{{2,4}}|\d{{4}}-\d\d-\d\d|{_YEAR}[ ./-]\d\d?|{_YEAR}\s?[/-]\s?{_YEAR}"
    rf"|{_YEAR}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])"
    r"|\d+[.,]\d{2}|\d{1,2}\.\d+|[1-9]\d?(?:[ .\u00a0]\d{3})+(?:[.,]\d{1,2})?"
)
_NO_LOCAL = re.compile(r"\d{4}-\d{4}")
_DIALLED = re.compile(r"\(?0|\(?\d{3}\)?[ .-]?\d{3}[ .-]\d{4}\Z")  # with a prefix, or in groups as in America
_OCTET = r"(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
_BETWEEN = re.compile(  # a time, a stamp, an IP address (no four pairs), the stroke between two numbers
    r"(?<!\d)\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d{1,9})?)?(?!\d)|(?<!\d)\d{8}T\d{4,6}(?!\d)"
    rf"|(?<![\d.+])(?!(?:\d\d\.){{3}}\d\d\b){_OCTET}(?:\.{_OCTET}){{3}}(?![\d.]*\d)|(?<=\s)/(?=\s[(+]?0)"
)
_DIALLED_BEFORE = re.compile(r"(?<![\w.,/-])(?:\+\d|\(?0\d\d)[\d ()]{0,8}[ /.-]{1,2}\Z")
_GAP = r"(?:[^\S\r\n]{0,2}(?:\r?\n[^\S\r\n]{0,8})?|[.-])"
_IBAN = re.compile(rf"(?<![^\W_])(?=([A-Z]{{2}} ?\d{{2}}(?:{_GAP}[A-Z0-9]){{11,30}}))", re.IGNORECASE)


def emails(document: str) -> Iterator[Reading]:
    """Every e-mail address; of `ann (at) example.org` the address that is meant."""
    for found in _EMAIL.finditer(document):
        yield Reading(*found.span(), found[0])
    for found in _SPELLED.finditer(document):
        yield Reading(*found.span(), re.sub(r"\s?[(\[]\s?at\s?[)\]]\s?", "@", found[0], flags=re.IGNORECASE))


def urls(document: str) -> Iterator[Reading]:
    """Every web address, as it is written, without the punctuation behind it; a field of a table ends with it."""
    at = 0
    while found := _URL.search(document, at):
        written, at, before = found[0], found.end(), document[found.start() - 1 : found.start()]
        if before in (",", ";") and before in written:
            written = written[: written.index(before)]
            at = found.start() + len(written)
        written = written.rstrip(".,;:!?*_'’‘…–—")
        while written.endswith(")") and written.count(")") > written.count("("):
            written = written[:-1].rstrip(".,;:!?’…")
        yield Reading(found.start(), found.start() + len(written), written)


def phones(document: str, region: str | None = None) -> Iterator[Reading]:
    """Every telephone number: in E.164 (+4930901820) where the country is stated or is `region`, else its digits."""
    library_ = library("phonenumbers")
    text = _apart(plain_digits(document))
    taken: set[int] = set()
    for found in library_.PhoneNumberMatcher(text, region, leniency=library_.Leniency.POSSIBLE):
        if _is_phone(found.raw_string, found.number, library_.is_valid_number(found.number)):
            number = library_.format_number(found.number, library_.PhoneNumberFormat.E164)
            taken.update(range(found.start, found.end))
            yield Reading(found.start, found.end, number)
    for written in _LOCAL.finditer(text):
        digits = re.sub(r"\D", "", written[0])
        if 6 <= len(digits) <= 15 and not taken.intersection(range(*written.span())):
            if not (_NO_PHONE.fullmatch(written[0]) or _NO_LOCAL.fullmatch(written[0])):
                yield Reading(*written.span(), digits)


def _apart(text: str) -> str:
    """The text with a line in the place of what is no part of a telephone number, as long as it was."""
    chars = list(text)
    spans = [found.span() for found in _BETWEEN.finditer(text)]
    for start, end, _ in dates(text):
        dialled = _DIALLED_BEFORE.search(text, max(0, start - 14), start)  # 030 12-11-20
        if not (dialled or text[start:end].isdigit()):
            spans.append((start, end))
    for start, end in spans:
        chars[start:end] = "|" * (end - start)
    return "".join(chars)


def _is_phone(written: str, number: Any, valid: bool) -> bool:
    """What the library thinks possible is a number with its country, or one that looks or is dialled like one there."""
    if written.startswith("+"):
        return True
    if sum(char.isdigit() for char in written) < 6 or _NO_PHONE.fullmatch(written):
        return False
    return valid or (_DIALLED.match(written) is not None and not number.italian_leading_zero)


def ibans(document: str) -> Iterator[Reading]:
    """Every IBAN whose length, form and check digits are right, without spaces."""
    iban = library("stdnum.iban")
    for found in _IBAN.finditer(document):
        for end in range(found.end(1), found.start() + 14, -1):
            if not document[end - 1].isalnum() or document[end : end + 1].isalnum():
                continue
            compact = re.sub(r"[\s.-]", "", document[found.start() : end]).upper()
            if iban.is_valid(compact, check_country=False):  # which would refuse banks that it does not know
                yield Reading(found.start(), end, compact)
                break
