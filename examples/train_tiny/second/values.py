"""Values of every kind that a role may have: what stands in the text, and what is the right answer."""

import re
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random

from examples.train_tiny.second.spelling import (
    Manners,
    grouped,
    spell_date,
    spell_money,
    spell_number,
    spell_time,
)

HOME = {
    "us": ("en_US", "en_US", "es_MX"),
    "gb": ("en_GB", "en_GB", "en_IE", "en_IN", "en_AU"),
    "de": ("de_DE", "de_DE", "de_AT"),
    "ch": ("de_CH", "fr_CH"),
    "fr": ("fr_FR",),
    "es": ("es_ES", "es_MX"),
}
FIRST_DAY, DAYS = date(2018, 1, 1), 365 * 10
BIRTHS = date(1930, 1, 1)
UPPER, DIGITS = "ABCDEFGHJKLMNPQRSTUVWXYZ", "0123456789"
CODES = (
    "@@-##### ####-#### ##### @##/#### @@-#### ##-##### @-##### @@_#### #### #######  @@@-##-### ##-##-@ "
    "@@######## #-####-# ####/### INV-##### PO-#### ##.###.### @@@##### ###-####-@ @##### @@@@-### ord_##@@"
).split() + ["#### ### ####", "@@ #### ###", "## ###"]
MAILS = "gmail.com mail.com example.org posteo.de outlook.com web.de orange.fr proton.me yahoo.com gmx.net".split()
ENDINGS = "com org net de fr es co.uk eu io info nl it".split()
UNIVERSITIES = (
    "University of {}",
    "{} University",
    "Universität {}",
    "Université de {}",
    "{} College",
    "Technical University of {}",
)
VENUES = """{} Hall|Hotel {}|the {}|Café {}|{} Arena|{} Centre
Old {}|{} Inn|{} House|{} Park|Casa {}|Gasthof {}|{} Library|Villa {}"""
CLUBS = "FC {}|{} United|{} Rovers|SV {}|TSV {} II|{} Tigers|AC {}|{} Wanderers|Real {}|{} HC|VfB {}|{}"
DISHES = (
    "{} soup|{} with {}|roast {}|{} salad|{} pie|grilled {}|{} stew|{} curry|stuffed {}|{} and {} bake|cold {} with {}"
)
YES = {"en": ("yes", "Yes", "y", "true", "YES", "x"), "de": ("ja", "Ja"), "fr": ("oui", "Oui"), "es": ("sí", "Sí")}
NO = {"en": ("no", "No", "n", "false", "NO", "none"), "de": ("nein", "Nein"), "fr": ("non", "Non"), "es": ("no", "No")}


@dataclass(frozen=True)
class Value:
    """A value: its JSON type, the answer, its text. labels: all of an enum; parts: those of a list."""

    type: str
    answer: object
    text: str
    labels: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()


class Maker:
    """Makes values for one document after the other; one document has one set of manners."""

    def __init__(self, pools: dict, rng: Random):
        self.pools, self.rng = pools, rng
        self.locales = list(pools["people"])
        self.how: Manners | None = None
        self.locale = "en_US"

    def begin(self, how: Manners) -> None:
        self.how = how
        home = HOME.get(how.country)
        self.locale = self.rng.choice(home) if home and self.rng.random() < 0.7 else self.rng.choice(self.locales)

    @classmethod
    def knows(cls, maker: str) -> bool:
        return hasattr(cls, "_" + maker.partition(":")[0])

    def make(self, maker: str) -> Value:
        """A value of one of the makers that `roles.txt` names."""
        kind, _, more = maker.partition(":")
        return getattr(self, "_" + kind)(more)

    def local(self, kind: str) -> str:
        locale = self.locale if self.rng.random() < 0.85 else self.rng.choice(self.locales)
        return self.rng.choice(self.pools["people"][locale][kind])

    def filled(self, pattern: str) -> str:
        choose = self.rng.choice
        return "".join(choose(DIGITS) if one == "#" else choose(UPPER) if one == "@" else one for one in pattern)

    def noun(self, *files: str) -> str:
        return self.rng.choice(self.pools["nouns"][self.rng.choice(files)])

    def _code(self, _):
        text = self.filled(self.rng.choice(CODES))
        if self.rng.random() < 0.08:
            return Value("string", text, "#" + text)
        return _string(text.lower() if self.rng.random() < 0.06 else text)

    def _ref(self, _):
        pattern = (
            "".join(self.rng.choice("@##") for _ in range(6))
            if self.rng.random() < 0.5
            else "######"[self.rng.randrange(3) :]
        )
        return _string(self.filled(pattern))

    def _like(self, pattern):
        return _string(self.filled(pattern))

    def _digits(self, count):
        return _string(self.filled("#" * int(count)))

    def _past(self, _):
        return self._day(FIRST_DAY + timedelta(self.rng.randrange(DAYS)))

    _future = _past

    def _birth(self, _):
        return self._day(BIRTHS + timedelta(self.rng.randrange(365 * 92)))

    def _day(self, day: date):
        text = spell_date(day, self.how, self.pools["calendar"], self.pools["words"], self.rng)
        return Value("date", day.isoformat(), text)

    def _time(self, _):
        step = self.rng.choice((30, 15, 15, 5))
        return _string(spell_time(self.rng.randrange(6 * 60 // step, 23 * 60 // step) * step, self.how, self.rng))

    def _money(self, _):
        rng = self.rng
        size = rng.choice((10, 100, 100, 1000, 1000, 10_000, 100_000))
        value = rng.randrange(1, size) if rng.random() < 0.45 else round(rng.uniform(0.5, size), 2)
        return Value("number", _short(value), spell_money(value, self.how, self.pools["words"], rng))

    def _int(self, bounds):
        low, high = map(int, bounds.split(":"))
        rng = self.rng
        value = rng.randint(low, high)
        if value > 1000 and rng.random() < 0.4:
            value = round(value, -2)
        if value in (12, 24, 36, 60) and rng.random() < 0.3 and self.how.language == "en":
            return Value("int", value, "a dozen" if value == 12 else f"{value // 12} dozen")
        return Value("int", value, spell_number(value, self.how, self.pools["words"], rng, 0))

    def _dec(self, bounds):
        low, high, places = bounds.split(":")
        value = round(self.rng.uniform(float(low), float(high)), self.rng.randint(0, int(places)))
        kind = "number" if int(places) else "int"
        places = 0 if value == int(value) else len(str(value).split(".")[1])
        return Value(kind, _short(value), grouped(value, self.how, places, False))

    def _percent(self, _):
        value = self.rng.choice((2, 3, 5, 7, 10, 15, 19, 20, 21, 25, 30, 50, 5.5, 7.7, 8.1, 2.5, 12.5))
        text = spell_number(value, self.how, self.pools["words"], self.rng)
        return Value("number", _short(value), text + self.rng.choice(("%", " %", " per cent", " percent")))

    def _year(self, _):
        year = self.rng.randint(1955, 2027)
        return Value("int", year, str(year))

    def _person(self, _):
        first, last = self.local("first"), self.local("last")
        form = self.rng.random()
        if form < 0.76:
            return _string(f"{first} {last}")
        if form < 0.86:
            return _string(
                f"{self.rng.choice(('Dr.', 'Prof.', 'Mr', 'Mrs', 'Ms', 'Frau', 'Herr', 'Mme', 'M.', 'Sra.'))} {last}"
            )
        if form < 0.93:
            return _string(f"{first[0]}. {last}")
        return _string(
            f"{first} {self.local('last')}-{last}" if form < 0.97 else f"{first} {self.rng.choice(UPPER)}. {last}"
        )

    def _first(self, _):
        return _string(self.local("first"))

    def _last(self, _):
        return _string(self.local("last"))

    def _company(self, _):
        if self.rng.random() < 0.6:
            return _string(self.local("company"))
        head = self.noun("artifact", "plant", "animal", "food", "object", "phenomenon").title()
        tail = self.rng.choice(
            (
                "{} & Co",
                "{} GmbH",
                "{} Ltd",
                "{} Works",
                "{} Studio",
                "The {}",
                "{} SARL",
                "{} Inc.",
                "{} Bros",
                "{} AG",
            )
        )
        name = self.rng.choice(
            (self.local("last"), self.local("city"), self.rng.choice(self.pools["adjectives"]).title())
        )
        return _string(tail.format(f"{name} {head}" if self.rng.random() < 0.7 else head))

    def _city(self, _):
        return _string(self.local("city"))

    def _street(self, _):
        street, form = self.local("street"), self.rng.random()
        if form < 0.6:
            return _string(street)
        return _string(
            f"{street}, {self.local('city')}"
            if form < 0.8
            else f"{street}, {self.local('postcode')} {self.local('city')}"
        )

    def _postcode(self, _):
        return _string(self.local("postcode"))

    def _country(self, _):
        return _string(self.rng.choice(self.pools["country"]))

    def _phone(self, _):
        return _string(self.rng.choice(self.pools["telephones"]) if self.rng.random() < 0.7 else self.local("phone"))

    def _iban(self, _):
        iban = self.local("iban")
        return _string(" ".join(iban[n : n + 4] for n in range(0, len(iban), 4)) if self.rng.random() < 0.6 else iban)

    def _plate(self, _):
        return _string(
            self.filled(self.rng.choice(("@@-@@ ###", "@## @@@", "@@@ ####", "@ @@ ###", "####@@", "@@-###-@@")))
        )

    def _email(self, _):
        first, last = _ascii(self.local("first")), _ascii(self.local("last"))
        name = self.rng.choice(
            (
                f"{first}.{last}",
                f"{first}",
                f"{first[:1]}.{last}",
                f"{last}{self.rng.randrange(99)}",
                "info",
                "office",
                f"{first}_{last}",
            )
        )
        host = self.rng.choice(MAILS) if self.rng.random() < 0.4 else self._host()
        return _string(f"{name}@{host}")

    def _host(self) -> str:
        words = [_ascii(self.noun("artifact", "animal", "plant", "object", "act")), _ascii(self.local("last"))]
        return self.rng.choice(("-".join(words), words[0], words[1], "".join(words))) + "." + self.rng.choice(ENDINGS)

    def _url(self, _):
        lead = self.rng.choice(("www.", "www.", "https://", "https://www.", ""))
        return _string(lead + self._host() + self.rng.choice(("", "", "", "/" + _ascii(self.noun("act", "food")))))

    def _product(self, _):
        noun = self.noun("artifact", "artifact", "food", "plant")
        form = self.rng.random()
        if form < 0.45:
            noun = f"{self.rng.choice(self.pools['adjectives'])} {noun}"
        elif form < 0.6:
            noun = f"{noun} {self.rng.choice(UPPER)}{self.rng.randrange(1, 900)}"
        elif form < 0.7:
            noun = f"{self.noun('substance', 'food', 'artifact')} {noun}"
        return _string(noun.title() if self.rng.random() < 0.25 else noun)

    def _food(self, _):
        return _string(self.noun("food"))

    def _job(self, _):
        if self.rng.random() < 0.6:
            return _string(self.noun("person"))
        job = self.local("job") if self.rng.random() < 0.3 else self.rng.choice(self.pools["people"]["en_GB"]["job"])
        return _string(job.lower() if self.rng.random() < 0.5 else job)

    def _phrase(self, _):
        if self.rng.random() < 0.5:
            told = self.rng.choice(self.pools["senses"])[1]
            return _string(re.split(r"[;,(]", told)[0].strip() or "repairs")
        act = self.noun("act", "artifact", "event", "cognition")
        return _string(
            self.rng.choice(("{} of the {}", "{} for {}", "{}, {}", "new {} and {}")).format(
                act, self.noun("artifact", "event")
            )
        )

    def _title(self, _):
        one, two = (
            self.noun("object", "artifact", "animal", "feeling"),
            self.noun("plant", "time", "person", "artifact"),
        )
        pattern = self.rng.choice(
            ("The {} {}", "{} of the {}", "{} {}", "The {}", "{} and {}", "{} Prize", "{} Medal", "A {} for {}")
        )
        return _string(pattern.format(one, two).title().replace(" Of The ", " of the ").replace(" And ", " and "))

    def _event(self, _):
        act = self.noun("event", "act", "communication")
        return _string(
            self.rng.choice(
                ("{}", "summer {}", "{} night", "annual {}", "{} workshop", "spring {}", "{} for beginners")
            ).format(act)
        )

    def _venue(self, _):
        name = (
            self.local("last")
            if self.rng.random() < 0.5
            else self.noun("artifact", "animal", "plant", "object").title()
        )
        return _string(self.rng.choice(phrases(VENUES)).format(name))

    def _team(self, _):
        return _string(self.rng.choice(phrases(CLUBS)).format(self.local("city")))

    def _uni(self, _):
        return _string(self.rng.choice(UNIVERSITIES).format(self.local("city")))

    def _doctor(self, _):
        return _string(f"{self.rng.choice(('Dr.', 'Dr', 'Prof.', 'Dr. med.'))} {self.local('last')}")

    def _dish(self, _):
        return _string(self.rng.choice(phrases(DISHES)).format(self.noun("food"), self.noun("food", "plant")))

    def _model(self, _):
        name = self.rng.choice(
            (self.noun("animal", "object", "phenomenon").title(), self.filled("@@"), self.filled("@"))
        )
        return _string(f"{name} {self.filled(self.rng.choice(('###', '##', '####', '#.#', '@##', '#')))}".strip())

    def _word(self, _):
        return _string(self.filled(self.rng.choice(("@@@@##", "@####", "@-###", "@@@##", "@@@@@", "@@@_@@##"))))

    def _version(self, _):
        return _string(self.filled(self.rng.choice(("#.#", "#.#.#", "#.##", "v#.#", "20##.#"))))

    def _flight(self, _):
        return _string(self.filled(self.rng.choice(("@@ ####", "@@####", "@@ ###", "@@###"))))

    def _seat(self, _):
        return _string(self.filled(self.rng.choice(("##@", "#@", "@##", "@#"))))

    def _class(self, _):
        return _string(self.filled(self.rng.choice(("##", "#"))) + self.rng.choice("abcdef"))

    def _colour(self, _):
        colours = (
            "red blue green black white grey beige brown orange purple silver ivory navy turquoise pink yellow".split()
        )
        colour = self.rng.choice(colours)
        return _string(
            f"{self.rng.choice(('dark', 'light', 'pale', 'bright'))} {colour}" if self.rng.random() < 0.2 else colour
        )

    def _room(self, _):
        return _string(
            self.rng.choice(("room {}", "{}", "R{}", "hall {}", "{}.0{}")).format(
                self.rng.randrange(1, 450), self.rng.randrange(9)
            )
        )

    def _isbn(self, _):
        return _string(self.filled(self.rng.choice(("978-#-###-#####-#", "978##########", "978-##-####-###-#"))))

    def _kind(self, names):
        groups = [name for name in names.split(";") if name in self.pools["kinds"]]
        if not groups:
            return self._product("")
        return _string(self.rng.choice(self.pools["kinds"][self.rng.choice(groups)]))

    def _pick(self, words):
        return _string(self.rng.choice(words.split(";")))

    def _enum(self, table):
        rows = [row.partition("=") for row in table.split(";")]
        label, _, words = self.rng.choice(rows)
        return Value("enum", label, self.rng.choice(words.split(",")), tuple(row[0] for row in rows))

    def _bool(self, _):
        answer = self.rng.random() < 0.5
        words = (YES if answer else NO)[self.how.language if self.rng.random() < 0.9 else "en"]
        return Value("bool", answer, self.rng.choice(words))

    def _list(self, kind):
        rng = self.rng
        files = {"act": ("act",), "food": ("food",)}
        if kind == "tongue":
            parts = rng.sample(self.pools["tongue"], rng.randint(1, 4))
        else:
            count = rng.choice((1, 2, 2, 3, 3, 4, 5, 6))
            parts = [self._person("").text if kind == "person" else self.noun(*files[kind]) for _ in range(count)]
        parts = list(dict.fromkeys(parts))
        return Value("list", parts, ", ".join(parts), parts=tuple(parts))


def phrases(text: str) -> list[str]:
    """What stands between bars and in lines of its own."""
    return text.replace("\n", "|").split("|")


def _string(text: str) -> Value:
    return Value("string", text, text)


def _short(value: float) -> int | float:
    return int(value) if value == int(value) else value


def _ascii(text: str) -> str:
    plain = text.lower()
    for signs, letter in (
        ("áàâäãåą", "a"),
        ("éèêëęě", "e"),
        ("íìîï", "i"),
        ("óòôöõøő", "o"),
        ("úùûüűů", "u"),
        ("çćč", "c"),
    ):
        for sign in signs:
            plain = plain.replace(sign, letter)
    return re.sub("[^a-z0-9]", "", plain) or "mail"
