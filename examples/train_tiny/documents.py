"""Compose a document: which facts it states, in which register, in which words, among which distractors."""

from dataclasses import dataclass
from random import Random

from examples.train_tiny.facts import Facts
from examples.train_tiny.fields import CLOSERS, CONNECTORS, FRAMES, LABEL_SEPARATORS, LINE_JOINERS, OPENERS, Field, Kind
from examples.train_tiny.phrases import SEEN, SLOT, choose, expand, slots
from examples.train_tiny.values import SYMBOLS, Values

LOWERABLE = ("The ", "Our ", "It ", "She ", "He ", "They ", "We ", "Its ", "Please ", "Payment ", "This ", "You ")
LABELS_ONLY = frozenset(
    "to for by on at in speaks likes knows since born issued dated due joined invited interests".split()
)
ITEM_SAYS = (
    "(We delivered|You ordered|It covers|The goods are|The order is for|They bought|We sold) {}.",
    "(Items|Goods|Positions|Articles|Ordered): {}",
    "{} (were ordered|were sold|are listed|are on it).",
    "The (parcel|box|invoice|order) (contains|lists|includes) {}.",
    "(Please send|We need|I would like) {}.",
    "(It is for|This is for|That covers) {}.",
)


@dataclass
class Document:
    """A text and what it states: field name -> JSON value. `texts` holds each value as it stands in the text."""

    kind: Kind
    text: str
    stated: dict[str, object]
    texts: dict[str, str]
    prices_shown: bool


class Composer:
    """Writes one document of `kind`; `split` says whether its phrasings are seen in training or held out."""

    def __init__(self, kind: Kind, rng: Random, values: Values, split: str = SEEN):
        self.kind, self.rng, self.split = kind, rng, split
        self.facts = Facts(rng, values)
        self.known: dict[str, tuple[object, str]] = {}  # what may be said
        self.said: dict[str, object] = {}  # what was said
        self.prices_shown = False

    # -- one fact ---------------------------------------------------------------------------------------------
    def know(self) -> None:
        """Choose facts and make their values."""
        rng, fields = self.rng, self.kind.fields
        count = rng.choice((1, 2, 3, 4, 4, 5, 5, 6, 6, 7, 8))
        weights = [2 if place < 7 else 1 for place in range(len(fields))]
        chosen: list[Field] = []
        while len(chosen) < min(count, len(fields)):
            field = rng.choices(fields, weights)[0]
            if field not in chosen and field.name != "currency":
                chosen.append(field)
        names = [field.name for field in chosen]
        items = [field for field in fields if field.kind == "items"]
        if items and rng.random() < 0.3:
            chosen = [field for field in chosen if field.kind != "items"] + items
        if any(field.kind == "items" for field in chosen):  # one way to say what was bought
            chosen = [field for field in chosen if field.name not in ("product", "quantity")]
        if "paid" in names and "status" in names:
            chosen = [field for field in chosen if field.name != "paid"]
        for field in chosen:
            if field.kind == "bool":
                truth = rng.random() < 0.5
                self.known[field.name] = truth, rng.choice(("yes", "true", "Yes") if truth else ("no", "false", "No"))
            elif field.kind == "enum":
                word = rng.choice(tuple(field.words))
                self.known[field.name] = word, word if rng.random() < 0.7 else word.capitalize()
            else:
                self.known[field.name] = self.facts.make(field.make)

    def say(self, field: Field) -> str | None:
        """A sentence that states `field`, or None when the split has no phrasing for it."""
        value, text = self.known[field.name]
        if field.kind in ("bool", "enum"):
            says = field.words[value] if field.kind == "enum" else field.yes if value else field.no
            phrase = choose(says, self.rng, self.split)
        elif field.kind == "items":
            phrase = choose(ITEM_SAYS, self.rng, self.split)
            self.prices_shown |= phrase is not None and "{a}" in self.facts.item_inline
        else:
            phrase = choose(lambda: self._draw(field), self.rng, self.split)
        if phrase is None:
            return None
        self.said[field.name] = value
        if phrase.startswith(LOWERABLE) and self.rng.random() < 0.08:
            phrase = expand(self.rng.choice(CONNECTORS), self.rng) + phrase[0].lower() + phrase[1:]
        return phrase.replace("{}", text)

    def _draw(self, field: Field) -> tuple[str, str]:
        rng = self.rng
        if field.says and (not field.nouns or rng.random() < 0.55):
            pattern = rng.choice(field.says)
            return pattern, expand(pattern, rng)
        pattern, noun = rng.choice(FRAMES), rng.choice(field.nouns)
        if noun.rpartition(" ")[2] in LABELS_ONLY:
            noun = field.nouns[0]
        phrase = expand(pattern, rng)
        if phrase.startswith("{n}"):
            noun = noun[0].upper() + noun[1:]
        return pattern, phrase.replace("{n}", noun)

    def label(self, field: Field, separator: str) -> str | None:
        """A "label: value" line."""
        value, text = self.known[field.name]
        nouns = field.nouns or (field.keys[0].replace("_", " "), field.keys[-1].replace("_", " "))

        def draw():
            noun = self.rng.choice(nouns)
            form = self.rng.random()
            if form < 0.5:
                noun = noun[0].upper() + noun[1:]
            elif form < 0.65:
                noun = noun.title()
            elif form < 0.8:
                noun = noun.upper()
            elif form < 0.87:
                noun = self.rng.choice(field.keys)
            return noun, noun + separator + "{}"

        phrase = choose(draw, self.rng, self.split)
        if phrase is None:
            return None
        if field.kind == "items":
            self.prices_shown |= "{a}" in self.facts.item_inline
        self.said[field.name] = value
        return phrase.replace("{}", text)

    def fill(self, phrase: str) -> str:
        """Put facts and distractors into the named slots."""

        def value(match):
            name = match[1]
            if name in self.known:
                self.said[name] = self.known[name][0]
                return self.known[name][1]
            return self.facts.distractor(name)

        return SLOT.sub(value, phrase)

    def line(self, patterns) -> str | None:
        """One filled block line or joint sentence, of those whose slots are all known and say something new."""
        usable = []
        for pattern in patterns:
            wanted = [slot for slot in slots(pattern) if slot[0] != "x"]
            if all(slot in self.known for slot in wanted) and any(slot not in self.said for slot in wanted):
                usable.append(pattern)
        phrase = choose(usable, self.rng, self.split, tries=25) if usable else None
        return phrase and self.fill(phrase)

    def side(self, patterns) -> str:
        return self.fill(expand(self.rng.choice([p for p in patterns if self._only_distractors(p)]), self.rng))

    def _only_distractors(self, pattern: str) -> bool:
        return all(slot[0] == "x" for slot in slots(pattern))

    # -- registers --------------------------------------------------------------------------------------------
    def records(self) -> str:
        rng = self.rng
        separator, joiner = rng.choice(LABEL_SEPARATORS), rng.choice(LINE_JOINERS)
        rows = [self.label(field, separator) for field in self._open(shuffle=rng.random() < 0.7)]
        rows = [row for row in rows if row]
        for _ in range(rng.choice((0, 0, 1, 2))):
            if self.kind.noise:
                rows.insert(rng.randint(0, len(rows)), self.side(self.kind.noise))
        if rng.random() < 0.35 and self.kind.titles:
            rows.insert(0, self.side(self.kind.titles))
        return joiner.join(rows)

    def table(self) -> str:
        """A header row and a value row."""
        rng = self.rng
        fields = [field for field in self._open() if field.kind != "items"][:5]
        separator = rng.choice((" | ", ";", "\t", " ; ", ", ", "   "))
        nouns = [rng.choice(field.nouns or field.keys) for field in fields]
        if rng.random() < 0.4:
            nouns = [rng.choice(field.keys) for field in fields]
        elif rng.random() < 0.6:
            nouns = [noun[0].upper() + noun[1:] for noun in nouns]
        for field in fields:
            self.said[field.name] = self.known[field.name][0]
        rows = [separator.join(nouns), separator.join(self.known[field.name][1] for field in fields)]
        return "\n".join(rows)

    def block(self) -> str:
        """The layout that such documents usually have; what it has no line for is labelled or left out."""
        rng = self.rng
        by_name = {field.name: field for field in self.kind.fields}
        groups = list(self.kind.block)
        if rng.random() < 0.3:
            rng.shuffle(groups)
        rows: list[str] = []
        for group in groups:
            if group == ("{items}",):
                if "items" in self.known:
                    rows.append(self.facts.item_block(self.known["items"][0]))
                    self.said["items"] = self.known["items"][0]
                    self.prices_shown |= "{a}" in self.facts.item_line
                continue
            single = slots(group[0])
            if len(group) == 1 and single and by_name[single[0]].kind in ("bool", "enum"):
                if single[0] in self.known and (sentence := self.say(by_name[single[0]])):
                    if rows and rng.random() < 0.4:
                        rows[-1] += (" " if rows[-1].endswith(".") else ". ") + sentence
                    else:
                        rows.append(sentence)
                continue
            for _ in range(3):
                if row := self.line(group):
                    rows.append(row)
        for field in self._open():
            row = self.label(field, ": ") if rng.random() < 0.5 else self.say(field)
            if row:
                rows.insert(rng.randint(1, len(rows)) if rows else 0, row)
        for _ in range(rng.choice((0, 0, 1, 2))):
            if self.kind.noise:
                rows.insert(rng.randint(1, len(rows)) if rows else 0, self.side(self.kind.noise))
        return ("\n\n" if rng.random() < 0.1 else "\n").join(rows)

    def prose(self) -> str:
        rng = self.rng
        parts: list[str] = []
        for _ in range(rng.choice((0, 1, 1, 2, 3))):
            if part := self.line(self.kind.joint):
                parts.append(part)
        rest = [sentence for field in self._open(shuffle=True) if (sentence := self.say(field))]
        for sentence in rest:
            parts.insert(rng.randint(0, len(parts)) if rng.random() < 0.4 else len(parts), sentence)
        for _ in range(rng.choice((0, 0, 1, 1))):
            if self.kind.noise:
                parts.insert(rng.randint(0, len(parts)), self.side(self.kind.noise))
        joiner = rng.choice((" ", " ", " ", "\n", " "))
        if joiner == " " or rng.random() < 0.4:
            parts = [part if part[-1] in ".!?" else part + "." for part in parts]
        text = joiner.join(parts)
        if rng.random() < 0.2:
            text = self.side(OPENERS) + rng.choice(("\n", " ", "\n\n")) + text
        if rng.random() < 0.2:
            text += rng.choice(("\n", " ", "\n\n")) + self.side(CLOSERS)
        return text

    def _open(self, shuffle: bool = False) -> list[Field]:
        fields = [field for field in self.kind.fields if field.name in self.known and field.name not in self.said]
        if shuffle:
            self.rng.shuffle(fields)
        return fields

    def document(self) -> Document:
        self.know()
        register = self.rng.choices((self.records, self.block, self.prose, self.table), (20, 29, 47, 4))[0]
        if register == self.block and not self.kind.block:
            register = self.records
        if register == self.table and self.split != SEEN:
            register = self.prose
        text = register().replace(" .", ".")
        said = dict(self.said)
        if "status" in said and self.kind.name == "invoice":
            said["paid"] = said["status"] == "paid"
        elif "paid" in said:
            said["status"] = "paid" if said["paid"] else "open"
        code = self.facts.currency
        if code and (code in text or SYMBOLS[code] in text):
            said["currency"] = code
        texts = {name: text for name, (_, text) in self.known.items()}
        return Document(self.kind, text, said, texts, self.prices_shown)
