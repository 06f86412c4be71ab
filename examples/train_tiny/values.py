"""Values that documents speak of: names, companies, places, ids, dates, amounts.

Most are made up from syllables, so that a model has to learn copying rather than memorising. A tenth of all
names, companies and cities is held out by a stable hash and never appears in training.
"""

import datetime
import zlib
from random import Random

HELD_OUT_PERCENT = 10


def stable_hash(text: str) -> int:
    """The same number in every process (the built-in hash is salted)."""
    return zlib.crc32(text.encode())


def is_held_out(value: str) -> bool:
    return stable_hash("value:" + value) % 100 < HELD_OUT_PERCENT


class Values:
    """A source of values; `held_out=None` takes either, False the training part, True the held-out part."""

    def __init__(self, rng: Random, held_out: bool | None = False):
        self.rng, self.held_out = rng, held_out

    def pick(self, make) -> str:
        while True:
            value = make()
            if self.held_out is None or is_held_out(value) == self.held_out:
                return value

    # -- people and places ------------------------------------------------------------------------------------
    def first(self) -> str:
        return self.pick(lambda: self.rng.choice(FIRST) if self.rng.random() < 0.8 else self.syllables(2))

    def last(self) -> str:
        def make():
            return self.rng.choice(LAST) if self.rng.random() < 0.55 else self.syllables(self.rng.choice((2, 2, 3)))

        return self.pick(make)

    def person(self) -> str:
        rng = self.rng
        last = self.last()
        if rng.random() < 0.04:
            last += "-" + self.last()
        form = rng.random()
        if form < 0.86:
            return f"{self.first()} {last}"
        if form < 0.91:
            return f"{self.first()} {rng.choice('ABCDEFGHJKLMNPRSTVW')}. {last}"
        if form < 0.96:
            return f"{rng.choice('ABCDEFGHJKLMNPRSTVW')}. {last}"
        return f"{rng.choice(('Dr.', 'Ms', 'Mr', 'Mrs', 'Prof.'))} {last}"

    def city(self) -> str:
        rng = self.rng

        def make():
            if rng.random() < 0.55:
                return rng.choice(CITIES)
            return self.syllables(rng.choice((1, 2, 2))) + rng.choice(("", "", "ton", "ville", "burg", "ford", "stad"))

        return self.pick(make)

    def company(self) -> str:
        rng = self.rng

        def make():
            stem = self.syllables(rng.choice((2, 2, 3))) if rng.random() < 0.65 else rng.choice(COMPANY_WORDS)
            form = rng.random()
            if form < 0.15:
                return f"{rng.choice(LAST)} & {rng.choice(LAST)}"
            if form < 0.25:
                return f"{rng.choice(LAST)} & {rng.choice(('Sons', 'Co', 'Partners'))}"
            if form < 0.32:
                return stem
            return f"{stem} {rng.choice(COMPANY_TAILS)}"

        return self.pick(make)

    def street(self) -> str:
        rng = self.rng
        name = rng.choice(STREETS) if rng.random() < 0.7 else self.syllables(2)
        number = rng.randint(1, 250)
        if rng.random() < 0.8:
            return f"{number} {name} {rng.choice(('Street', 'Road', 'Lane', 'Avenue', 'Way', 'Close', 'Square'))}"
        return f"{name}{rng.choice(('straße', 'gade', 'gatan', ' Street'))} {number}"

    def syllables(self, count: int) -> str:
        rng = self.rng
        word = "".join(rng.choice(ONSETS) + rng.choice(VOWELS) for _ in range(count)) + rng.choice(CODAS)
        return word.capitalize()

    # -- codes ------------------------------------------------------------------------------------------------
    def code(self, prefixes=("INV", "A", "R", "NO", "2026", "F", "PO", "SO", "ORD", "KX", "B")) -> str:
        rng = self.rng
        digits = "".join(rng.choice("0123456789") for _ in range(rng.choice((3, 4, 4, 5, 5, 6))))
        form = rng.random()
        if form < 0.4:
            return f"{rng.choice(prefixes)}-{digits}"
        if form < 0.5:
            return f"{rng.choice('ABCDEFGHKLMNPRSTXZ')}{rng.randint(1, 9)}-{digits}"
        if form < 0.6:
            return f"#{digits}"
        if form < 0.7:
            return f"{rng.choice(prefixes)}{digits}"
        if form < 0.78:
            return f"{rng.randint(2023, 2027)}/{digits[:4]}"
        if form < 0.86:
            return f"{rng.choice(prefixes)}-{rng.randint(2023, 2027)}-{digits[:4]}"
        return str(rng.randint(1, 9)) + digits

    def email(self, person: str | None = None) -> str:
        rng = self.rng
        words = [word.strip(".").lower() for word in (person or self.person()).split()]
        words = [word for word in words if word.isascii() and word.replace("-", "").isalpha()] or ["info"]
        name = rng.choice((".".join(words[-2:]), words[-1], words[0][0] + words[-1], "_".join(words[-2:]), words[0]))
        host = self.ascii_word().lower() if rng.random() < 0.7 else rng.choice(("mail", "post", "example", "inbox"))
        return f"{name}@{host}.{rng.choice(('com', 'org', 'net', 'io', 'de', 'co.uk', 'fr', 'eu'))}"

    def ascii_word(self) -> str:
        while True:
            word = self.syllables(2)
            if word.isascii():
                return word

    def phone(self) -> str:
        def digits(count):
            return "".join(self.rng.choice("0123456789") for _ in range(count))

        return self.rng.choice(
            (
                lambda: f"+{self.rng.choice((44, 49, 1, 33, 45, 46, 34))} {digits(2)} {digits(4)} {digits(4)}",
                lambda: f"0{digits(3)} {digits(6)}",
                lambda: f"({digits(3)}) {digits(3)}-{digits(4)}",
                lambda: f"{digits(3)}-{digits(3)}-{digits(4)}",
                lambda: f"+{digits(2)} {digits(3)} {digits(3)} {digits(3)}",
                lambda: f"{digits(3)}-{digits(4)}",
                lambda: f"0{digits(2)}-{digits(7)}",
            )
        )()

    def clock(self) -> str:
        hour, minute = self.rng.randint(7, 21), self.rng.choice((0, 0, 15, 30, 30, 45, 10))
        form = self.rng.random()
        if form < 0.6:
            return f"{hour:02d}:{minute:02d}"
        half = "am" if hour < 12 else "pm"
        hour = hour if hour < 13 else hour - 12
        return f"{hour} {half}" if minute == 0 and form < 0.8 else f"{hour}:{minute:02d} {half}"

    # -- things -----------------------------------------------------------------------------------------------
    def product(self) -> str:
        rng = self.rng
        noun = rng.choice(PRODUCT_NOUNS)
        form = rng.random()
        if form < 0.75:
            return f"{rng.choice(PRODUCT_WORDS)} {noun}"
        if form < 0.85:
            return noun
        if form < 0.93:
            return f"{self.syllables(2).lower()} {noun}"
        return f"{noun} {rng.choice('ABCDEXZ')}{rng.randint(1, 99)}"

    def date(self, start: int = 2019, stop: int = 2028) -> datetime.date:
        first = datetime.date(start, 1, 1).toordinal()
        last = datetime.date(stop, 12, 31).toordinal()
        return datetime.date.fromordinal(self.rng.randint(first, last))

    def amount(self) -> float:
        rng = self.rng
        size = rng.choice((100, 100, 1000, 1000, 1000, 10000, 100000))
        value = rng.randint(size // 10, size)
        if rng.random() < 0.3:
            return float(value)
        return round(
            value + rng.choice((0.5, 0.9, 0.95, 0.99, 0.25))
            if rng.random() < 0.4
            else value + rng.randint(1, 99) / 100,
            2,
        )


MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def ordinal(day: int) -> str:
    tail = "th" if 10 < day < 14 else {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")
    return f"{day}{tail}"


DATE_FORMATS = (
    lambda d: f"{d.day} {MONTHS[d.month - 1]} {d.year}",
    lambda d: f"{d.day} {MONTHS[d.month - 1]} {d.year}",
    lambda d: f"{MONTHS[d.month - 1]} {d.day}, {d.year}",
    lambda d: f"{MONTHS[d.month - 1]} {d.day}, {d.year}",
    lambda d: d.isoformat(),
    lambda d: d.isoformat(),
    lambda d: f"{d.day} {MONTHS[d.month - 1][:3]} {d.year}",
    lambda d: f"{d.day:02d}.{d.month:02d}.{d.year}",
    lambda d: f"{d.day:02d}/{d.month:02d}/{d.year}",
    lambda d: f"{ordinal(d.day)} {MONTHS[d.month - 1]} {d.year}",
    lambda d: f"{MONTHS[d.month - 1]} {ordinal(d.day)}, {d.year}",
    lambda d: f"{MONTHS[d.month - 1][:3]} {d.day}, {d.year}",
    lambda d: f"{d.year}/{d.month:02d}/{d.day:02d}",
    lambda d: f"{d.day:02d}-{MONTHS[d.month - 1][:3]}-{d.year}",
    lambda d: f"{DAYS[d.weekday()]}, {d.day} {MONTHS[d.month - 1]} {d.year}",
    lambda d: f"{DAYS[d.weekday()][:3]} {d.day} {MONTHS[d.month - 1][:3]} {d.year}",
)
SYMBOLS = {"EUR": "€", "USD": "$", "GBP": "£"}


def _plain(value: float) -> str:
    return f"{value:.2f}"


def _grouped(value: float) -> str:
    return f"{value:,.2f}"


def _short(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) else f"{value:,.2f}"


def _bare(value: float) -> str:
    return f"{value:.0f}" if value == int(value) else f"{value:.2f}"


NUMBER_FORMATS = (_plain, _grouped, _grouped, _short, _bare)
MONEY_FORMATS = (
    lambda text, code: f"{code} {text}",
    lambda text, code: f"{text} {code}",
    lambda text, code: f"{SYMBOLS[code]}{text}",
    lambda text, code: f"{SYMBOLS[code]}{text}",
    lambda text, code: f"{SYMBOLS[code]} {text}",
    lambda text, code: f"{text} {SYMBOLS[code]}",
)


def shortest(value: float) -> int | float:
    """1299.0 -> 1299: numbers are written in their shortest form."""
    return int(value) if value == int(value) else value


FIRST = """Maria Anna Olivia Emma Sofia Lena Ingrid Priya Aisha Mei Chloé Zoë Renée Amélie Inés Lucía Marta Nora
Hannah Julia Laura Clara Eva Ida Freya Astrid Elena Irina Katya Leila Fatima Yuki Hana Rosa Carmen Paula Alice Grace
Ruth Helen Susan Karen Diana Monica Naomi Tara Maeve Bridget Siân Zuzana Petra Ivana Ayşe Elif Nadia Samira Amara
James Oliver Liam Noah Lucas Jonas Erik Lars Björn Jürgen Søren Jörg Mateo José Andrés Nuño Rubén Pablo Diego Carlos
Miguel Tomás Omar Ali Hassan Yusuf Ravi Arjun Vikram Wei Jun Kenji Hiroshi Daniel David Peter Paul Mark Simon Thomas
Robert Henry George Arthur Victor Felix Oscar Hugo Leon Max Otto Karl Ivan Pavel Marek Jakub Piotr Stefan Niklas
Emil Anton Theo Samuel Adam Owen Callum Declan Sean Finn Rory Ian Graham Neil Colin Martin Bruno Marco Luca Paolo
Giulia Chiara Francesca René André François Zoltán László Ömer Kofi Kwame Tunde Chidi Zainab Ngozi Thabo
Sipho""".split()
LAST = """Jensen Smith Jones Taylor Brown Wilson Evans Walker Wright Green Hall Wood Clarke Hughes Edwards Turner
Parker Collins Murphy Kelly Byrne Doyle Nolan Garcia Martinez Lopez Fernández Muñoz Núñez Peña Ibáñez Romero Torres
Vargas Castro Ortega Silva Santos Costa Pereira Almeida Rossi Bianchi Ricci Conti Moretti Müller Schmidt Schröder
Weber Becker Wagner Köhler Krüger Vogel Lang Hansen Nielsen Larsen Andersen Sørensen Berg Lind Nyström Öberg Holm
Dahl Strand Lund Virtanen Korhonen Nowak Kowalski Novák Dvořák Horváth Nagy Popescu Ivanov Petrov Sokolov Kim Park
Chen Wang Liu Zhang Tanaka Sato Suzuki Nakamura Patel Singh Sharma Gupta Khan Rahman Haddad Mansour Okafor Adeyemi
Mensah Dube Nkosi Botha Visser Bakker Janssen Dubois Lefèvre Moreau Girard Bélanger Roux Fischer Keller Baumann Brandt
Whitaker Ashworth Fairfax Holloway Pemberton Radcliffe Sinclair Drummond Fraser Cameron Ross Kerr Boyd Reid Hayes
Cole Ford Stone Marsh Field Brook Hill Lake Rivers West Knight Bishop Abbot Mason Carter Cooper Fletcher""".split()
CITIES = (
    """Bristol Leeds London Paris Lyon Berlin Hamburg Munich Köln Oslo Bergen Madrid Seville Lisbon Porto Rome
Milan Turin Vienna Graz Zürich Geneva Basel Prague Brno Warsaw Gdansk Kraków Budapest Athens Dublin Cork Galway
Edinburgh Glasgow Cardiff York Bath Oxford Cambridge Norwich Boston Chicago Denver Austin Seattle Portland Toronto
Montréal Vancouver Sydney Perth Auckland Tokyo Osaka Kyoto Seoul Singapore Mumbai Delhi Pune Nairobi Lagos Accra Cairo
Tunis Istanbul Ankara Helsinki Tampere Stockholm Malmö Göteborg Copenhagen Aarhus Odense Rotterdam Utrecht Ghent
Antwerp Bruges Málaga Valencia Bilbao Córdoba Bogotá Lima Quito Santiago""".split()
    + ["New York", "San Diego", "São Paulo", "Cape Town", "Hong Kong", "Tel Aviv", "Buenos Aires", "Los Angeles"]
)
COMPANY_WORDS = """Northwind Bluebird Silverline Greenfield Ironbridge Redwood Brightwater Oakfield Stonegate Westport
Highland Evergreen Sunrise Lakeside Harbour Summit Pioneer Meridian Atlas Orion Vertex Nimbus Quantum Falcon Cedar
Maple Willow Granite Copper Amber Nordic Baltic Alpine Pacific Union Crown Royal Central Metro Urban Rapid
Prime""".split()
COMPANY_TAILS = """Ltd GmbH Inc LLC AG Traders Supplies Systems Logistics Foods Media Design Studio Labs Group Works
Consulting Electronics Books Energy Partners Services Stores Motors Textiles Tools Software Press Print Co AB
SA""".split()
STREETS = """Harbour Station Church Park Mill Bridge Market High King Queen Oak Elm Cedar Maple Garden Castle Hill
Victoria Albert River Lake North South Spring Orchard Chapel Forest Meadow""".split()
PRODUCT_WORDS = """desk office standing electric wireless leather wooden steel garden kitchen travel folding portable
ceramic glass cotton wool silk solar digital mini heavy compact bamboo red blue green black white small large
USB LED paper copper rubber camping running cordless smart vintage outdoor""".split()
PRODUCT_NOUNS = """lamp chair table kettle mouse keyboard monitor headphones backpack bottle mug notebook pen clock
speaker charger cable tripod tent blanket pillow towel jacket scarf gloves boots bike helmet drill hammer ladder
toaster blender grill knife pan bowl plate vase mirror shelf rug curtain fan heater radio camera printer scanner
phone tablet stand case bag wallet watch umbrella candle puzzle board game guitar toner stapler binder folder
envelope mat rack hose shovel lantern router battery adapter""".replace("board game", "board_game").split()
PRODUCT_NOUNS = [noun.replace("_", " ") for noun in PRODUCT_NOUNS]
ONSETS = """b br c ch cr d dr f fl g gl gr h j k kl l m n p pr qu r s sh st t th tr v w y z zh ö é""".split() + [""]
VOWELS = "a e i o u ai ea ie oa a e i o u y".split()
CODAS = ["", "", "n", "r", "l", "s", "th", "x", "ck", "m", "nd", "ng", "rt", "ski", "sen", "ley"]
