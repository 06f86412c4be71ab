"""Texts to decide about: reviews whose words of judgement come from a lexicon or say it by what happened; subjects."""

import re
from functools import cache
from pathlib import Path
from random import Random

from ctrldiff.types.ask import Asked
from examples.train_tiny.second.asking import Example, Leaf, Writer
from examples.train_tiny.second.values import Maker, phrases

# Good, bad and, where there is one, neither.
LABELS = (
    ("positive", "negative", "neutral"),
    ("positive", "negative", "mixed"),
    ("good", "bad", "so-so"),
    ("happy", "unhappy", "neither"),
    ("pro", "con", "undecided"),
    ("recommended", "not recommended", "maybe"),
    ("satisfied", "dissatisfied", "neutral"),
    ("praise", "complaint", "remark"),
    ("like", "dislike", "neutral"),
    ("POSITIVE", "NEGATIVE", "NEUTRAL"),
    ("thumbs up", "thumbs down", "no opinion"),
    ("yes", "no", "unsure"),
    ("pos", "neg", "neu"),
    ("liked it", "did not like it", "no view"),
    ("great", "terrible", "okay"),
)
NAMES = "sentiment opinion judgement verdict tone mood rating feeling attitude label review_sentiment".split()
STARS = ("stars", "score", "rating", "points", "grade")
FRAMES_ADJECTIVE = """The {p} is {a}.|What a {a} {p}!|{a} {p}.|It is {a}.|Really {a}.|{a}, just {a}.
The {p} was {a} and {b}.|Overall a {a} experience.
I find it {a}.|So {a}!|The {t} is {a}.|{a} {t}, {b} {p}.|Everything about it is {a}.|The {t}: {a}.|Simply {a}
A {a} thing.|very {a} {t}
It felt {a} from the first day.|The people there were {a}.|Absolutely {a}.|i thought it was {a}"""
FRAMES_NOUN = """It was a {n}.|What a {n}!|A {n} from start to end.|Nothing but {n}.|Pure {n}.
It is a {n} to use.|The {p} is a {n}.|{n}!"""
DENIED = """It is not {a}.|The {p} is not {a} at all.|Not {a}.|By no means {a}.|There is nothing {a} about it.
I would not call it {a}.|It was never {a}.
The {t} isn't {a}.|Hardly {a}.|anything but {a}|Far from {a}."""
THINGS = """quality|service|sound|taste|price|design|fabric|staff|food|screen|view|room|plot|acting|music
delivery|packaging|support|material|handling|smell
location|size|finish|battery|menu|writing|ending|colour|seat|engine|breakfast|instructions|value""".replace(
    "\n", "|"
).split("|")
GROUPS = {
    "food": ("food", "cooking", "food and drink", "recipes"),
    "animal": ("animals", "wildlife", "zoology", "pets"),
    "plant": ("plants", "gardening", "botany"),
    "artifact": ("things", "products", "equipment", "objects"),
    "person": ("people", "persons", "who is who"),
    "location": ("places", "geography", "travel"),
    "communication": ("language", "communication", "media"),
    "body": ("body", "anatomy", "health"),
    "feeling": ("feelings", "emotions"),
    "event": ("events", "happenings"),
    "substance": ("materials", "chemistry", "substances"),
    "time": ("time", "calendar"),
    "possession": ("money", "property", "finance"),
}


@cache
def happened() -> dict[int, list[str]]:
    """The sentences of `happened.txt` by what they say: 1, -1, or 0 for nothing."""
    text = (Path(__file__).parent / "happened.txt").read_text(encoding="utf-8")
    _, *parts = re.split(r"^# (?:good|bad|nothing)\n", text, flags=re.MULTILINE)
    return {sign: part.splitlines() for sign, part in zip((1, -1, 0), parts)}


class Opinions:
    """Reviews to judge, and texts to sort."""

    def __init__(self, pools: dict, maker: Maker, rng: Random):
        self.pools, self.maker, self.rng = pools, maker, rng
        adjectives, nouns = set(pools["adjectives"]), {one for file in pools["nouns"].values() for one in file}
        rated = [(word, rating) for word, rating in pools["judgements"] if abs(rating) >= 1.0]
        self.adjectives = {sign: [w for w, r in rated if w in adjectives and r * sign > 0] for sign in (1, -1)}
        self.nouns = {
            sign: [w for w, r in rated if w in nouns and w not in adjectives and r * sign > 0] for sign in (1, -1)
        }
        self.happened = happened()
        self.lemmas = [sense for sense in pools["senses"] if sense[2] in GROUPS]

    def clause(self, sign: int, product: str) -> str:
        """A sentence of this judgement."""
        rng, form = self.rng, self.rng.random()
        if sign == 0 or form < 0.65:
            return rng.choice(self.happened[sign])
        if form < 0.86:
            frame, words = rng.choice(phrases(FRAMES_ADJECTIVE)), self.adjectives[sign]
        elif form < 0.93:
            frame, words = rng.choice(phrases(DENIED)), self.adjectives[-sign]
        else:
            frame, words = rng.choice(phrases(FRAMES_NOUN)), self.nouns[sign]
        filled = frame.format(
            p=product, t=rng.choice(THINGS), a=rng.choice(words), b=rng.choice(words), n=rng.choice(words)
        )
        return filled[0].upper() + filled[1:] if rng.random() < 0.9 else filled

    def review(self) -> tuple[str, int, int, str]:
        """Text, sign, stars, product."""
        rng = self.rng
        product = self.maker.noun("artifact", "artifact", "food", "communication", "act")
        sign = rng.choice((1, -1, 1, -1, 1, -1, 0))
        parts = [self.clause(sign, product) for _ in range(rng.choice((1, 1, 2, 2, 3, 4)))]
        stars = 3 + 2 * sign if len(parts) > 1 else 3 + sign * rng.choice((1, 2))
        if sign and rng.random() < 0.2:
            other = self.clause(-sign, product).rstrip(".!")
            parts.insert(
                0, f"{other}, {rng.choice(('but', 'but then', 'yet', 'still,', 'however'))} {_lower(parts.pop(0))}"
            )
            stars = 3 + sign
        if rng.random() < 0.35:
            parts.insert(rng.randrange(len(parts) + 1), self.clause(0, product))
        text = " ".join(parts)
        if rng.random() < 0.2:
            text = f"{rng.choice(('Review of the', 'About the', 'My', 'Bought:', '#'))} {product}\n{text}"
        return (text.lower() if rng.random() < 0.12 else text), sign, stars, product

    def judged(self) -> Example:
        """A review and a label, a number of stars, or an object with both."""
        rng = self.rng
        text, sign, stars, product = self.review()
        good, bad, neither = rng.choice(LABELS)
        right = {1: good, -1: bad, 0: neither}[sign]
        labels = [good, bad] if sign and rng.random() < 0.75 else [good, bad, neither]
        if rng.random() < 0.5:
            rng.shuffle(labels)
        form = rng.random()
        if form < 0.55:
            name = rng.choice(NAMES) if rng.random() < 0.4 else None
            return _choice(text, labels, right, name)
        if form < 0.75:
            return _choice(
                text, ["1", "2", "3", "4", "5"], str(stars), rng.choice(STARS) if rng.random() < 0.5 else None
            )
        sentiment = (rng.choice(NAMES), Asked(labels=tuple(labels), nullable=rng.random() < 0.6), Leaf(right))
        at = text.lower().find(product)
        spans = ((at, at + len(product)),) if at >= 0 else ()
        named = Leaf(text[at : at + len(product)] if spans else None, spans, bool(spans))
        about = (rng.choice(("product", "about", "item", "subject")), Asked(nullable=True), named)
        return _object(text, [about, sentiment] if rng.random() < 0.5 else [sentiment, about])

    def sorted(self) -> Example:
        """A text and the subject it belongs to, among others."""
        rng = self.rng
        if rng.random() < 0.55:
            subjects = rng.sample(list(self.pools["subjects"]), rng.randint(2, 6))
            right = rng.choice(subjects)
            text = ". ".join(rng.sample(self.pools["subjects"][right], rng.randint(1, 3)))
        else:
            files = rng.sample(list(GROUPS), rng.randint(2, 6))
            file = rng.choice(files)
            found = [sense for sense in rng.sample(self.lemmas, min(200, len(self.lemmas))) if sense[2] == file][
                : rng.randint(1, 3)
            ]
            if not found:
                return self.sorted()
            text = ". ".join(f"{lemmas[0]}: {told}" if rng.random() < 0.5 else told for lemmas, told, _ in found)
            subjects = [rng.choice(GROUPS[name]) for name in files]
            right = subjects[files.index(file)]
        return _choice(text, subjects, right, rng.choice(("topic", "subject", "category", "class", None, None)))


def _choice(text: str, labels: list[str], right: str, name: str | None) -> Example:
    ask = Asked(labels=tuple(labels)).said("described", name)
    return Example(text, ask, right, [(0, len(right), Leaf(right))], [0], "judge")


def _object(text: str, fields: list) -> Example:
    place = Asked(keys=tuple((key, False, kind) for key, kind, _ in fields), is_object=True)
    writer = Writer()
    writer.value({key: leaf for key, _, leaf in fields})
    return Example(text, place.said("described"), "".join(writer.pieces), writer.leaves, writer.decisions, "judge")


def _lower(text: str) -> str:
    return text[0].lower() + text[1:] if not text.startswith("I ") else text
