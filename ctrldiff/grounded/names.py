"""What months, currencies, units and small numbers are called, in the languages that are read.

The names come from CLDR (through Babel) and from num2words: both are kept by people who do nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Any

from ctrldiff.errors import ExtraMissing
from ctrldiff.grounded.reading import MARKS, unaccented

LANGUAGES = (
    *("en", "de", "fr", "es", "it", "pt", "nl", "sv", "da", "nb", "fi", "pl", "cs", "sk", "hu", "ro", "hr", "sl"),
    *("bg", "ru", "uk", "el", "tr", "lt", "lv", "et", "ca", "id", "vi", "ar", "he", "hi", "ja", "ko", "zh"),
)
# Where a currency has a sign of its own.
COUNTRIES = (
    *("en_US", "en_GB", "de_DE", "ja_JP", "zh_CN", "pl_PL", "cs_CZ", "hu_HU", "tr_TR", "ru_RU", "uk_UA", "ko_KR"),
    *("en_IN", "he_IL", "vi_VN", "pt_BR", "th_TH", "bg_BG", "ro_RO"),
)
SPOKEN = ("de", "fr", "es", "it", "pt", "nl", "sv", "da", "no", "fi", "pl", "cs", "hu", "ro", "tr", "ru", "uk")
_CROWNS = ("SEK", "NOK", "DKK", "ISK")
_PESOS = ("MXN", "ARS", "CLP", "COP", "PHP", "UYU", "DOP", "CUP")
SEVERAL: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("kr", "kroner", "kronor", "kronen", "crowns"), _CROWNS),
    **dict.fromkeys(("peso", "pesos"), _PESOS),
    "TL": ("TRY",),
    "¥": ("JPY", "CNY"),
    "￥": ("JPY", "CNY"),
    "元": ("CNY",),
}
# Names that CLDR has only together with a country's.
_COUNTRYLESS = {
    "PLN": "złoty złote złotych złotego zl",
    "RON": "leu lei",
    "BGN": "leva лева лв",
    "RUB": "рубль рубля рублей руб ruble rubles rouble roubles rubel",
    "UAH": "гривня гривні гривень грн hryvnia",
    "CZK": "koruna koruny korun",
    "HUF": "forint forints",
    "USD": "dólar dólares dollaro dollari",
    "GBP": "sterlina sterline pfund",
    "BRL": "reais",
    "TRY": "₺",
    "ILS": "shekel shekels",
    "AED": "dirham dirhams",
}
COLLOQUIAL = {name: code for code, names in _COUNTRYLESS.items() for name in names.split()} | {
    "pound": "GBP",
    "pounds": "GBP",
    "quid": "GBP",
    "sterling": "GBP",
    "dollar": "USD",
    "dollars": "USD",
    "bucks": "USD",
    "franken": "CHF",
    "schweizer franken": "CHF",
    "c$": "CAD",
    "a$": "AUD",
    "us$": "USD",
    "usd$": "USD",
    "hk$": "HKD",
    "s$": "SGD",
    "nz$": "NZD",
    "rs": "INR",
    "rs.": "INR",
    "fr.": "CHF",
    "yen": "JPY",
    "yuan": "CNY",
    "rupees": "INR",
    "francs": "CHF",
    "zloty": "PLN",
    "sfr.": "CHF",
}
# Words of another language that are common words of English.
_ENGLISH = {"fire", "bin", "sex", "tie", "hat", "tiny", "den"}


def library(name: str) -> ModuleType:
    """A library of the extra. Raises: ExtraMissing, naming it."""
    try:
        return import_module(name)
    except ImportError as error:
        raise ExtraMissing(
            f"values of this kind are read with {name.partition('.')[0]}, which is not installed",
            hint='pip install "ctrldiff[grounded]"',
            extra="grounded",
            module=name,
        ) from error


def _locales() -> list[Any]:
    babel = library("babel")
    return [babel.Locale.parse(language) for language in LANGUAGES]


@cache
def months() -> dict[str, tuple[int, ...]]:
    """Every name of a month, lower case and without a full stop, with the months that it names."""
    found: dict[str, set[int]] = {"sept": {9}}
    for locale in _locales():
        for context in ("format", "stand-alone"):
            for width in ("wide", "abbreviated"):
                for month, name in locale.months[context][width].items():
                    word = name.casefold().strip(".").strip().rstrip("׳॰")
                    if len(word) > (2 if word.isascii() else 1) and re.fullmatch(rf"(?:[^\W\d_]|[{MARKS}])+", word):
                        for spelling in {word, unaccented(word)}:
                            found.setdefault(spelling, set()).add(month)
    return {word: tuple(sorted(of)) for word, of in found.items()}


@cache
def currencies() -> dict[str, tuple[str, ...]]:
    """Every sign and every name of a currency, names in lower case, with the ISO codes that it may mean."""
    found: dict[str, tuple[str, ...]] = {}
    for locale in _locales():
        for code, names in locale._data["currency_names_plural"].items():
            if code.isalpha() and code not in _FORMER:
                for name in {*names.values(), locale.currencies.get(code, "")}:
                    if name and not any(c.isdigit() for c in name):
                        found.setdefault(name.casefold(), (code,))
    known = library("babel").numbers.list_currencies() - _FORMER
    for name in COUNTRIES:
        locale = library("babel").Locale.parse(name)
        for code, sign in locale.currency_symbols.items():
            if code in known and not (sign.isascii() and sign.isalpha()):
                found.setdefault(sign.casefold(), (code,))
    return found | {name: (code,) for name, code in COLLOQUIAL.items()} | SEVERAL | {c: (c,) for c in sorted(known)}


@cache
def units() -> dict[str, tuple[str, ...]]:
    """Every sign and every name of a unit, with the units that it may mean, by their English signs; signs as they are
    written, for `M` is no `m`, and names in lower case."""
    found: dict[str, dict[str, None]] = {}
    locales = _locales()
    signs, english = locales[0]._data["unit_patterns"], set[str]()
    for locale in locales:
        for unit, widths in locale._data["unit_patterns"].items():
            sign = signs.get(unit, {}).get("short", {}).get("other")
            if not sign or unit.startswith(_UNREAD) or unit in _DOUBLES:
                continue
            own = _SIGNS.get(unit, sign.replace("{0}", "").strip())
            for word in _words_of(widths):
                if word not in english and word not in _NO_UNITS:
                    found.setdefault(word, {})[own] = None
        english = english or set(found)
    return {word: tuple(of) for word, of in found.items()} | {word: (unit,) for word, unit in _MORE.items()}


def _words_of(widths: dict[str, Any]) -> Iterator[str]:
    """What a unit is called behind a number. "Per hour" is no hour."""
    for width in ("long", "short"):
        for form, pattern in widths.get(width, {}).items():
            if form != "per" and isinstance(pattern, str) and pattern.startswith("{0}"):
                word = pattern[3:].strip().rstrip(".")
                if word and not re.search(r"[\d{}%]", word):
                    yield word if width == "short" else word.casefold()


# Signs that are small words of another language, or ordinals: 7 a week, 3 to 5, 1st, 2024 om.
_NO_UNITS = set("a b f k o p r u v w в с б р al any des el mil om st nd rd to tm vs pm da AG AV IM".split())
# Units that are words too, and are none in front of a word: 3 in stock, 5 au total, 3 den Zug.
NOT_BEFORE_WORDS = frozenset("in au an den dan fat fit ons uns sa sat To Da Mon Wo".split())
_UNREAD = (
    *("acceleration", "concentr", "graphics-em", "angle-rev", "angle-rad", "length-solar", "mass-solar", "mass-earth"),
    *(
        "light",
        "speed-light",
        "pressure-ofhg",
        "volume-drop",
        "volume-pinch",
        "volume-jigger",
        "volume-dram",
        "length-earth",
        "temperature-generic",
    ),
)
_DOUBLES = {"mass-stone", "duration-quarter", "angle-arc-minute", "angle-arc-second", "energy-foodcalorie"}
_DOUBLES |= {"duration-day-person", "duration-week-person", "duration-month-person", "duration-year-person"}
_SIGNS = {"volume-liter": "l", "volume-milliliter": "ml", "volume-centiliter": "cl", "volume-deciliter": "dl"}
_SIGNS |= {"digital-byte": "B", "duration-hour": "h", "duration-minute": "min", "duration-second": "s"}
_SIGNS |= {"duration-day": "day", "duration-week": "week", "duration-month": "month", "duration-year": "year"}
_MORE = {"l": "l", "L": "l", "ml": "ml", "mL": "ml", "h": "h", "hrs": "h", "min": "min", "mins": "min", "s": "s"}
_MORE |= {"kilo": "kg", "kilos": "kg", "Kg": "kg", "KG": "kg", "lbs": "lb", "sec": "s", "secs": "s", "°C": "°C"}
_MORE |= {"°F": "°F", "day": "day", "days": "day", "week": "week", "weeks": "week", "kms": "km", "metre": "m"}
_MORE |= {
    "d": "day",
    "g": "g",
    "kt": "kn",
    "qm": "m²",
    "m2": "m²",
    "mq": "m²",
    "м2": "m²",
    "sqm": "m²",
    "cm2": "cm²",
    "km2": "km²",
}
_MORE |= {"cbm": "m³", "m3": "m³", "м3": "m³", "ccm": "cm³", "cm3": "cm³"}
_MORE |= {"month": "month", "months": "month", "year": "year", "years": "year", "yrs": "year", "yr": "year"}
# Currencies out of use whose codes and names only mislead.
_FORMER = {"XXX", "XTS", "XAU", "XAG", "XPT", "XPD", "XBA", "XBB", "XBC", "XBD", "CSK", "YUM", "ADP", "TRL", "ROL"}
_FORMER |= {"GHC", "MXP", "PLZ", "RUR", "SUR", "BGL", "BGM", "BGO", "CHE", "CHW", "USN", "USS", "BAN", "KRH", "KRO"}


@cache
def unit_signs() -> frozenset[str]:
    """The English signs, by which units are written."""
    return frozenset(sign for signs in units().values() for sign in signs)


def regions() -> frozenset[str]:
    """The countries that have telephone numbers, by their ISO codes."""
    return frozenset(library("phonenumbers").SUPPORTED_REGIONS)


@cache
def spoken() -> dict[str, tuple[int, ...]]:
    """Small numbers in words of other languages than English, hyphens as spaces."""
    say = library("num2words").num2words
    found: dict[str, set[int]] = {}
    for language in SPOKEN:
        for number in (*range(1, 101), *range(200, 1000, 100), 1000):
            words = say(number, lang=language).casefold().replace("\xad", "")
            for word in {words, unaccented(words)}:
                key = re.sub(r"[-\s]+", " ", word).strip()
                if len(key) > 2 and key not in _ENGLISH:
                    found.setdefault(key, set()).add(number)
    return {word: tuple(sorted(of)) for word, of in found.items()}
