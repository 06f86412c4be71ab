"""From a field to a fact: a JSON value and the text that states it, in one document's style."""

from random import Random

from examples.train_tiny.values import DATE_FORMATS, MONEY_FORMATS, NUMBER_FORMATS, Values, shortest

JOBS = """software engineer|accountant|nurse|teacher|sales manager|architect|data analyst|chef|electrician|lawyer|
project manager|designer|translator|pharmacist|journalist|office manager|product manager|plumber|carpenter|biologist|
photographer|librarian|marketing director|painter|composer|mechanic|dentist|head of sales|support agent|web developer|
research assistant|bookkeeper|novelist|chemist|pilot|surgeon|tour guide|HR manager|buyer|CEO|CTO|civil engineer
""".replace("\n", "").split("|")
EVENT_WORDS = (
    "Spring Summer Autumn Winter Annual Open Data Jazz Book City Tech Garden Film Food Science Design Music "
    "Startup Language Chess Health Energy Robotics Poetry Coding Career Charity Family Night Winter".split()
)
EVENT_NOUNS = (
    "Festival Conference Workshop Meetup Fair Concert Summit Gala Exhibition Lecture Meeting Party Market "
    "Tournament Seminar Retreat Forum Symposium Day Night Picnic Run Dinner".split()
)
VENUES = "Hall Theatre Library Centre Museum Hotel Arena Gallery Park Club Church Room Stadium Pavilion House".split()
SKILLS = """Python|SQL|Excel|welding|negotiation|public speaking|copywriting|Java|photography|bookkeeping|data analysis|
project planning|Rust|first aid|UX design|statistics|editing|cooking|carpentry|teaching|sales|machine learning|drawing|
customer service|Photoshop|Linux|cloud computing|auditing|logistics|recruiting""".replace("\n", "").split("|")
LANGUAGES = """English German French Spanish Danish Swedish Polish Italian Portuguese Turkish Arabic Hindi Japanese
Korean Dutch Czech Greek Finnish Swahili Mandarin""".split()
HOBBIES = """hiking|chess|painting|cycling|gardening|sailing|reading|baking|climbing|singing|knitting|football|tennis|
swimming|birdwatching|pottery|fishing|dancing|running|yoga|old maps|board games|jazz|skiing|astronomy
""".replace("\n", "").split("|")
TAGS = """urgent|internal|travel|finance|health|press|vip|partner|supplier|research|legal|training|music|climate|
open source|privacy|robotics|energy|housing|food|sports|security|education|history|design|marketing|export|family
""".replace("\n", "").split("|")
STUDIES = """physics|law|medicine|economics|history|biology|computer science|mathematics|philosophy|chemistry|music|
architecture|geography|linguistics|civil engineering|psychology|fine arts|pharmacy""".replace("\n", "").split("|")
ITEM_LINES = (
    "{q} x {p}    {a}",
    "{q} x {p}    {a}",
    "{q} x {p} {a}",
    "{q} × {p} {a}",
    "{p}   {q}   {a}",
    "{p} ({q}) {a}",
    "- {p}, {q} pcs, {a}",
    "{p} | {q} | {a}",
    "{q} {p} @ {a}",
    "{p} x{q}: {a}",
    "{p} x {q} = {a}",
    "* {q} x {p}: {a}",
    "{q}x {p} - {a}",
    "{q} pcs {p}  {a}",
    "{p}, qty {q}, {a}",
    "{q} x {p}",
    "{p} ({q})",
    "{q}x {p}",
    "- {q} {p}",
    "{p}: {q}",
    "{p} x{q}",
    "{q} pcs. {p}",
    "{q}  {p}",
    "{p}; {q}; {a}",
    "Item: {p}, quantity: {q}, price: {a}",
)
ITEM_INLINE = (
    "{q} x {p}",
    "{q} × {p}",
    "{q} {p}",
    "{p} ({q})",
    "{q} x {p} ({a})",
    "{q} x {p} at {a}",
    "{p} x{q}",
    "{q} pieces of {p}",
    "{q} units of {p} for {a}",
    "{p} (qty {q})",
)


class Facts:
    """Makes facts in one document's style: one date format, one money format, one currency."""

    def __init__(self, rng: Random, values: Values):
        self.rng, self.values = rng, values
        self.date_format = rng.choice(DATE_FORMATS)
        self.number_format = rng.choice(NUMBER_FORMATS)
        self.money_format = rng.choice(MONEY_FORMATS)
        self.currency = rng.choice(("EUR", "EUR", "USD", "USD", "GBP")) if rng.random() < 0.82 else None
        self.item_line, self.item_inline = rng.choice(ITEM_LINES), rng.choice(ITEM_INLINE)

    def make(self, how: str, inline: bool = True) -> tuple[object, str]:
        """(JSON value, its text) for a field's `make`, or for a distractor slot such as "xdate"."""
        maker = getattr(self, how, None)
        if maker:
            return maker()
        value = getattr(self.values, how)()
        return value, value

    # -- numbers and dates ------------------------------------------------------------------------------------
    def _money(self, value: float) -> tuple[object, str]:
        text = self.number_format(value)
        return shortest(value), self.money_format(text, self.currency) if self.currency else text

    def money(self):
        return self._money(self.values.amount())

    money2 = money

    def tax(self):
        return self._money(round(self.values.amount() / 5, 2))

    def money_small(self):
        return self._money(float(self.rng.choice((5, 8, 10, 12.5, 15, 18, 20, 25, 35, 49.9, 60, 75, 99, 120, 250))))

    def _date(self, start, stop):
        date = self.values.date(start, stop)
        return date.isoformat(), self.date_format(date)

    def recent(self):
        return self._date(2022, 2028)

    def birth(self):
        return self._date(1935, 2006)

    def _number(self, value: int):
        return value, str(value)

    def quantity(self):
        rng = self.rng
        return self._number(rng.choice((rng.randint(1, 12), rng.randint(1, 60), rng.randint(1, 999))))

    def capacity(self):
        return self._number(
            self.rng.choice((10, 20, 25, 30, 50, 80, 100, 120, 200, 350, 500, self.rng.randint(5, 900)))
        )

    def age(self):
        return self._number(self.rng.randint(18, 97))

    def small(self):
        value = self.rng.randint(1, 7)
        words = ("", "one", "two", "three", "four", "five", "six", "seven")
        return value, words[value] if self.rng.random() < 0.4 else str(value)

    def year(self):
        return self._number(self.rng.randint(1960, 2026))

    # -- words ------------------------------------------------------------------------------------------------
    def person2(self):
        return self.make("person")

    def city2(self):
        return self.make("city")

    def party(self):
        return self.make("person" if self.rng.random() < 0.6 else "company")

    def po(self):
        value = self.values.code(("PO", "PO", "SO", "ORD", "B", "4500"))
        return value, value

    def tracking(self):
        letters = "".join(self.rng.choice("ABCDEGHJKLNRTZ") for _ in range(self.rng.choice((1, 2, 2, 3))))
        digits = "".join(self.rng.choice("0123456789") for _ in range(self.rng.randint(6, 10)))
        value = letters + digits
        return value, value

    def job(self):
        value = self.rng.choice(JOBS)
        if self.rng.random() < 0.15:
            value = f"{self.rng.choice(('senior', 'junior', 'chief', 'deputy', 'freelance', 'lead'))} {value}"
        return value, value

    def event_title(self):
        rng = self.rng
        first = rng.choice(EVENT_WORDS) if rng.random() < 0.7 else self.values.syllables(2)
        value = f"{first} {rng.choice(EVENT_NOUNS)}"
        if rng.random() < 0.15:
            value += f" {rng.randint(2022, 2028)}"
        return value, value

    def venue(self):
        rng = self.rng
        name = rng.choice(EVENT_WORDS) if rng.random() < 0.3 else self.values.syllables(2)
        value = f"{name} {rng.choice(VENUES)}" if rng.random() < 0.85 else f"Room {rng.randint(1, 420)}"
        return value, value

    def university(self):
        city = self.values.city()
        value = self.rng.choice((f"University of {city}", f"{city} University", f"{city} College"))
        return value, value

    def study(self):
        value = self.rng.choice(STUDIES)
        return value, value

    # -- lists ------------------------------------------------------------------------------------------------
    def _listed(self, values: list[str]) -> tuple[object, str]:
        rng = self.rng
        form = rng.random()
        if len(values) == 1:
            return values, values[0]
        if form < 0.6:
            return values, ", ".join(values[:-1]) + f" {'and' if form < 0.5 else '&'} {values[-1]}"
        return values, ("; " if form > 0.95 else ", ").join(values)

    def _some(self, pool: list[str]):
        return self._listed(self.rng.sample(pool, self.rng.choice((1, 2, 2, 3, 3))))

    def skills(self):
        return self._some(SKILLS)

    def tags(self):
        return self._some(TAGS)

    def languages(self):
        return self._some(LANGUAGES)

    def hobbies(self):
        return self._some(HOBBIES)

    def people(self):
        make = self.values.person if self.rng.random() < 0.6 else self.values.first
        return self._listed([make() for _ in range(self.rng.choice((2, 2, 3)))])

    def items(self):
        """A list of (product, quantity, price or None), and the same as running text."""
        rows = []
        for _ in range(self.rng.choice((1, 1, 2, 2, 3))):
            rows.append(
                (
                    self.values.product(),
                    self.rng.choice((1, 1, 2, 2, 3, 4, 5, 6, 8, 10, 12, 20, 25, 100)),
                    self.values.amount(),
                )
            )
        return rows, self._listed([self._item(self.item_inline, row) for row in rows])[1]

    def _item(self, form: str, row, width: int = 0) -> str:
        product, quantity, price = row
        amount = self.number_format(price) if self.rng.random() < 0.85 else self._money(price)[1]
        return form.format(q=quantity, p=product.ljust(width), a=amount)

    def item_block(self, rows) -> str:
        padded = "{p}    {a}" in self.item_line and self.rng.random() < 0.7
        form = self.item_line.replace("    ", " ") if padded else self.item_line
        width = max(len(row[0]) for row in rows) if padded else 0
        return "\n".join(self._item(form, row, width) for row in rows)

    # -- slots that answer no question ------------------------------------------------------------------------
    def distractor(self, slot: str) -> str:
        how = {
            "xname": "person",
            "xfirst": "first",
            "xmoney": "money",
            "xdate": "recent",
            "xint": "quantity",
            "xclock": "clock",
        }.get(slot, slot[1:])
        return self.make(how)[1]
