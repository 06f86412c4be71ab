"""One value, many spellings: dates, numbers, money and times as people of several countries write them."""

from dataclasses import dataclass
from datetime import date
from random import Random

COUNTRIES = ("us", "gb", "de", "fr", "es", "ch", "iso")
LANGUAGE = {"us": "en", "gb": "en", "iso": "en", "de": "de", "ch": "de", "fr": "fr", "es": "es"}
SIGNS = {"EUR": "€", "USD": "$", "GBP": "£", "INR": "₹", "JPY": "¥"}
SPOKEN = {"EUR": ("euros", "euro"), "USD": ("dollars", "bucks"), "GBP": ("pounds", "quid"), "CHF": ("francs",)}
USUAL = {
    "us": ("USD", "USD", "USD", "CAD"),
    "gb": ("GBP", "GBP", "EUR", "AUD"),
    "iso": ("EUR", "USD", "GBP", "SEK", "DKK", "NOK", "PLN", "INR", "ZAR", "JPY"),
    "de": ("EUR",),
    "fr": ("EUR",),
    "es": ("EUR", "MXN"),
    "ch": ("CHF",),
}


@dataclass(frozen=True)
class Manners:
    """How one document writes: its country, its way with dates and numbers, its currency."""

    country: str
    currency: str
    date_form: str
    spoken: bool  # numbers may be words

    @property
    def language(self) -> str:
        return LANGUAGE[self.country]


DATE_FORMS = {
    "us": ("slash", "slash", "short slash", "written", "written", "short", "ordinal", "iso", "weekday"),
    "gb": ("slash", "short slash", "written", "written", "short", "ordinal", "the", "iso", "weekday", "dash"),
    "iso": ("iso", "iso", "iso", "stamp", "packed", "year slash", "mon dash", "short"),
    "de": ("dots", "dots", "dots", "short dots", "bare dots", "written", "weekday", "iso"),
    "ch": ("dots", "short dots", "written", "bare dots"),
    "fr": ("slash", "short slash", "written", "written", "weekday", "dash"),
    "es": ("slash", "dash", "written", "short slash", "written"),
}


def manners(rng: Random) -> Manners:
    country = rng.choices(COUNTRIES, (24, 26, 14, 8, 8, 4, 16))[0]
    return Manners(country, rng.choice(USUAL[country]), rng.choice(DATE_FORMS[country]), rng.random() < 0.12)


def spell_date(day: date, how: Manners, calendar: dict, words: dict, rng: Random) -> str:
    """A day with its year, as the document writes days."""
    form = how.date_form if rng.random() < 0.85 else rng.choice(DATE_FORMS[how.country])
    d, m, y = day.day, day.month, day.year
    names = calendar[how.language]
    month, short = names["months"][m - 1], names["short_months"][m - 1].rstrip(".")
    weekday = rng.choice((names["days"], names["short_days"]))[day.weekday()]
    us = how.country == "us"
    pad = "02" if rng.random() < 0.6 else ""
    if form in ("slash", "short slash", "dash"):
        year = f"{y % 100:02}" if form == "short slash" else str(y)
        sign = "-" if form == "dash" else "/"
        first, second = (m, d) if us else (d, m)
        return f"{first:{pad}}{sign}{second:{pad}}{sign}{year}"
    if form == "dots":
        return f"{d:02}.{m:02}.{y}"
    if form == "short dots":
        return f"{d:02}.{m:02}.{y % 100:02}"
    if form == "bare dots":
        return f"{d}.{m}.{y}" if rng.random() < 0.7 else f"{d}. {m}. {y}"
    if form == "iso":
        return day.isoformat()
    if form == "stamp":
        zone = rng.choice(("", "Z", "+01:00"))
        hour, minute, second = rng.randrange(24), rng.randrange(60), rng.randrange(60)
        return f"{day.isoformat()}{rng.choice('TT ')}{hour:02}:{minute:02}:{second:02}{zone}"
    if form == "packed":
        return f"{y}{m:02}{d:02}" + (
            f"T{rng.randrange(24):02}{rng.choice(('0000', '3000', '1500'))}" * (rng.random() < 0.6)
        )
    if form == "year slash":
        return f"{y}/{m:02}/{d:02}"
    if form == "mon dash":
        return f"{d:02}-{short}-{y}"
    if how.language == "de":
        return f"{weekday}, {d}. {month} {y}" if form == "weekday" else f"{d}. {month} {y}"
    if how.language == "fr":
        number = "1er" if d == 1 else str(d)
        return f"{weekday} {number} {month} {y}" if form == "weekday" else f"{number} {month} {y}"
    if how.language == "es":
        return f"{d} de {month} de {y}"
    name = short if form == "short" else month
    number = str(d) if form in ("written", "short") or (form == "weekday" and rng.random() < 0.7) else ordinal(d)
    if form == "the":
        if how.spoken or rng.random() < 0.2:
            number = words["ordinal"][str(d)]
        return rng.choice((f"the {number} of {month} {y}", f"{number} of {month} {y}", f"the {number} of {month}, {y}"))
    lead = f"{weekday}{rng.choice((', ', ' '))}" if form == "weekday" else ""
    return f"{lead}{name} {number}, {y}" if us else f"{lead}{number} {name} {y}"


def ordinal(n: int) -> str:
    return f"{n}{'th' if 10 < n % 100 < 14 else {1: 'st', 2: 'nd', 3: 'rd'}.get(n % 10, 'th')}"


def grouped(value: float, how: Manners, places: int, group: bool) -> str:
    """A number with the country's signs: 1,250.00, 1.250,00, 1 250,00, 1'250.00."""
    thousands, point = {"de": (".", ","), "fr": (" ", ","), "es": (".", ","), "ch": ("'", ".")}.get(
        how.country, (",", ".")
    )
    if how.country == "iso":
        thousands, point = " ", "."
    text = f"{value:,.{places}f}" if group else f"{value:.{places}f}"
    return text.replace(",", "\0").replace(".", point).replace("\0", thousands)


def spell_number(value: float, how: Manners, words: dict, rng: Random, places: int | None = None) -> str:
    """A number as text; words where the document speaks."""
    whole = value == int(value)
    if how.spoken and whole and how.language in words and (said := words[how.language].get(str(int(value)))):
        if rng.random() < 0.6:
            return said
    if places is None:
        places = 0 if whole else max(1, len(f"{value:.3f}".rstrip("0").split(".")[1]))
    return grouped(value, how, places, rng.random() < 0.75)


def spell_money(value: float, how: Manners, words: dict, rng: Random) -> str:
    """An amount with its currency, or without."""
    code = how.currency
    places = 0 if value == int(value) and rng.random() < 0.4 else 2
    if how.spoken and value == int(value) and code in SPOKEN:
        return f"{spell_number(value, how, words, rng, 0)} {rng.choice(SPOKEN[code])}"
    number = grouped(value, how, places, rng.random() < 0.75)
    sign = SIGNS.get(code)
    if rng.random() < 0.12:
        return number
    if sign and rng.random() < 0.6:
        return f"{sign}{number}" if how.country in ("us", "gb", "iso") and rng.random() < 0.9 else f"{number} {sign}"
    if code in SPOKEN and how.language == "en" and rng.random() < 0.15:
        return f"{number} {rng.choice(SPOKEN[code])}"
    if places == 0 and how.country in ("de", "ch") and rng.random() < 0.15:
        return f"{number},- {code}"
    return f"{code} {number}" if rng.random() < 0.4 else f"{number} {code}"


def spell_time(minutes: int, how: Manners, rng: Random) -> str:
    """A time of day; its value is the text itself."""
    hour, minute = divmod(minutes, 60)
    if how.country in ("us", "gb") and rng.random() < 0.6:
        half, twelve = "ap"[hour >= 12], (hour - 1) % 12 + 1
        part = "" if minute == 0 and rng.random() < 0.6 else f"{rng.choice(':.')}{minute:02}"
        return f"{twelve}{part}{rng.choice(('', ' '))}{rng.choice((half + 'm', half.upper() + 'M', half + '.m.'))}"
    if how.language == "de" and rng.random() < 0.4:
        return f"{hour}{'.' if rng.random() < 0.5 else ':'}{minute:02} Uhr"
    if how.language == "fr" and rng.random() < 0.5:
        return f"{hour} h {minute:02}" if minute else f"{hour} h"
    return f"{hour:02}:{minute:02}"
