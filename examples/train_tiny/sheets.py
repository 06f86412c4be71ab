"""Documents about anything: made-up field names such as "pump pressure", asked as pump_pressure or pumpPressure.

They teach that a key means the words it is made of, so that keys outside the five document kinds work too.
"""

from random import Random

from examples.train_tiny.documents import Composer, Document
from examples.train_tiny.facts import Facts
from examples.train_tiny.fields import Field, Kind
from examples.train_tiny.phrases import SEEN
from examples.train_tiny.values import Values

FIRST_WORDS = """batch room pump wheel engine sample patient student course flight train parcel booking project task
team server account loan policy claim vehicle machine tank field crop animal recipe oven bottle film song album
match player lesson exam ticket seat gate hotel guest meal order test lab survey contract license device sensor cable
door window roof garden tree river bridge station ship cargo container pallet box label file page
chapter book""".split()
LAST_WORDS = {
    "string": """name code color owner type model maker serial group grade level brand label reference manager
    supervisor author doctor driver pilot captain place location site office region country unit material size style
    title note contact agent operator inspector""".split(),
    "number": "weight price length width height temperature pressure volume cost rate value area speed amount fee "
    "score distance budget".split(),
    "int": "count number age floor capacity year limit rank position points stock rooms pages copies hours".split(),
    "date": "date start end deadline expiry delivery departure arrival inspection opening closing renewal".split(),
    "bool": "ready active approved complete open locked".split(),
}
SINGLES = {
    "string": "color brand material author owner country region language genre source breed dosage diagnosis "
    "manager driver method flavour shape".split(),
    "number": "weight length height temperature pressure distance score rating salary rent budget".split(),
    "int": "age year floor rank pages rooms bedrooms stock points".split(),
    "date": "expires starts ends opened closed renewed inspected".split(),
    "bool": "active approved locked ready".split(),
}
MAKES = {
    "string": ("person", "company", "city", "product", "code", "code", "word", "two_words", "study", "color"),
    "number": ("plain_number",),
    "int": ("quantity", "capacity"),
    "date": ("recent",),
    "bool": ("yes_no",),
}
COLORS = "red blue green yellow black white grey brown orange purple silver beige".split()


class SheetFacts(Facts):
    """The facts that only such sheets have."""

    def word(self):
        value = self.values.syllables(self.rng.choice((1, 2, 2)))
        value = value if self.rng.random() < 0.6 else value.lower()
        return value, value

    def two_words(self):
        value = f"{self.values.syllables(2)} {self.values.syllables(2).lower()}"
        return value, value

    def color(self):
        value = self.rng.choice(COLORS)
        return value, value

    def plain_number(self):
        value = self.rng.choice(
            (self.rng.randint(1, 500), round(self.rng.uniform(0.1, 99), 1), round(self.rng.uniform(0.1, 999), 2))
        )
        text = str(value)
        unit = self.rng.choice(("", "", "", " kg", " m", " cm", " bar", " km", " °C", " litres", " mm", " g", "%"))
        return (int(value) if value == int(value) else value), text + unit


def sheet_field(rng: Random) -> Field:
    """A made-up field: its words, and the keys that follow from them."""
    kind = rng.choice(("string",) * 5 + ("number", "number", "int", "date", "date", "bool"))
    words = [rng.choice(SINGLES[kind])]
    if rng.random() < 0.75:
        words = [rng.choice(FIRST_WORDS), rng.choice(LAST_WORDS[kind])]
    snake = "_".join(words)
    camel = words[0] + "".join(word.capitalize() for word in words[1:])
    keys = (snake, snake, camel) if rng.random() < 0.8 else (words[-1],)
    noun = " ".join(words)
    yes = (f"The {noun} is (yes|true).", f"{noun.capitalize()}: (yes|true)", f"{noun.capitalize()}? Yes.")
    no = (f"The {noun} is (no|false).", f"{noun.capitalize()}: (no|false)", f"{noun.capitalize()}? No.")
    return Field(
        snake,
        kind,
        rng.choice(MAKES[kind]),
        keys,
        (noun,),
        yes=yes if kind == "bool" else (),
        no=no if kind == "bool" else (),
    )


def sheet(rng: Random, values: Values, split: str = SEEN) -> Document:
    """One such document; some of its fields are only asked for, never stated."""
    fields: dict[str, Field] = {}
    while len(fields) < rng.choice((3, 5, 6, 7, 8)):
        field = sheet_field(rng)
        if all(not set(field.keys) & set(other.keys) for other in fields.values()):
            fields[field.name] = field
    composer = Composer(Kind("sheet", tuple(fields.values()), (), (), (), ()), rng, values, split)
    composer.facts = SheetFacts(rng, values)
    return composer.document()
