"""A page is written piece by piece and remembers where each value stands; and the facts that stand there."""

from dataclasses import dataclass, field
from random import Random

from examples.train_tiny.second.roles import Role
from examples.train_tiny.second.values import Value

LOOKALIKES = {
    "l": "1",
    "1": "l",
    "O": "0",
    "0": "O",
    "o": "a",
    "m": "n",
    "e": "c",
    "S": "5",
    "B": "8",
    "I": "l",
    "i": "1",
    "u": "v",
}


@dataclass
class Fact:
    """A role with its value. label: how the text calls it; spans: where the value stands, (start, stop)."""

    role: Role
    value: Value
    label: str
    spans: list[tuple[int, int]] = field(default_factory=list)
    maker: str = ""
    part_spans: list[tuple[int, int]] = field(default_factory=list)  # of a list's parts
    as_it_stands: str | None = None  # once the page is finished: the value's text, noise and all

    @property
    def answer(self) -> object:
        """The right answer: for text, what stands there."""
        if self.value.type == "string" and self.as_it_stands is not None and self.value.answer == self.value.text:
            return self.as_it_stands
        return self.value.answer


@dataclass
class Rows:
    """A list of things with several columns. columns: (names to ask by, JSON type); cells: rows of values."""

    key_words: tuple[str, ...]
    columns: tuple[tuple[tuple[str, ...], str], ...]
    cells: list[list[Value]]
    spans: list[list[tuple[int, int] | None]] = field(default_factory=list)


class Page:
    """Text in the making."""

    def __init__(self, rng: Random):
        self.rng = rng
        self.pieces: list[str] = []
        self.length = 0

    def write(self, text: str) -> None:
        self.pieces.append(text)
        self.length += len(text)

    def put(self, fact: Fact) -> None:
        """The value of a fact, here."""
        start = self.length
        if fact.value.parts:
            for n, part in enumerate(fact.value.parts):
                if n:
                    self.write(", ")
                fact.part_spans.append((self.length, self.length + len(part)))
                self.write(part)
        else:
            self.write(fact.value.text)
        fact.spans.append((start, self.length))

    def cell(self, value: Value) -> tuple[int, int]:
        start = self.length
        self.write(value.text)
        return start, self.length

    def say(self, sentence: str, fact: Fact, capital: bool = True) -> None:
        """A sentence with "{}" for the value; where it has none the sentence itself says it."""
        before, hole, after = sentence.partition("{}")
        if capital and before:
            before = before[0].upper() + before[1:]
        if not hole:
            start = self.length
            self.write(before)
            fact.spans.append((start, self.length))
            return
        self.write(before)
        self.put(fact)
        self.write(after)

    def finish(self, facts: list[Fact], noise: str = "") -> str:
        """The text, after noise that keeps every place: "lower", "upper", "ocr" or none."""
        text = "".join(self.pieces)
        if noise in ("lower", "upper"):
            change = str.lower if noise == "lower" else str.upper
            text = "".join(change(sign) if len(change(sign)) == 1 else sign for sign in text)
        elif noise == "ocr":
            rate = self.rng.uniform(0.01, 0.06)
            text = "".join(LOOKALIKES.get(sign, sign) if self.rng.random() < rate else sign for sign in text)
        for fact in facts:
            if fact.spans:
                start, stop = fact.spans[0]
                fact.as_it_stands = text[start:stop]
        return text
