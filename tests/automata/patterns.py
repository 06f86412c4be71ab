"""Seeded random patterns that, between them, hold every construct of the dialect; and texts to try them on."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field
from itertools import product

THEMES = ("ab", "a1\n", "aB_", "a-.", "é a", "kKK", "sſS", "iİı", "ßẞs", "😀a")


@dataclass
class Maker:
    """Builds one pattern after another; `used` counts the constructs that went in.

    `level` is "basic" (what greenery and interegular read the same way), "core" (everything but assertions) or "full".
    """

    seed: int
    level: str = "full"
    used: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.rng = random.Random(self.seed)

    def pattern(self) -> tuple[str, str]:
        """A pattern and the alphabet it is about."""
        self.alphabet = "ab" if self.level == "basic" or self.rng.random() < 0.5 else self.rng.choice(THEMES)
        self.names = 0
        self.verbose = self.level != "basic" and self.rng.random() < 0.05
        flags = "x" if self.verbose else ""
        if self.level != "basic" and self.rng.random() < 0.25:
            flags += "".join(f for f in "isma" if self.rng.random() < (0.2 if f == "m" else 0.5))
        body = self.alternatives(self.rng.choice((1, 2, 2, 3)))
        if self.level == "full" and self.rng.random() < 0.3:
            body = self.rng.choice((f"^{body}$", f"^{body}", f"{body}$", rf"\A{body}\Z", f"^(?:{body})$"))
        for flag in flags:
            self.used[f"(?{flag})"] += 1
        return (f"(?{flags})" if flags else "") + body, self.alphabet

    def note(self, name: str, text: str) -> str:
        self.used[name] += 1
        return text

    def alternatives(self, depth: int) -> str:
        count = self.rng.choice((1, 1, 1, 2, 2, 3))
        parts = [self.sequence(depth) for _ in range(count)]
        if count > 1:
            self.used["|"] += 1
        return "|".join(parts)

    def sequence(self, depth: int) -> str:
        pieces = []
        for _ in range(self.rng.choice((0, 1, 1, 2, 2, 3)) if depth < 3 else self.rng.choice((1, 2, 3))):
            if self.level == "full" and self.rng.random() < 0.18:
                pieces.append(self.assertion(depth))
            else:
                pieces.append(self.quantified(depth))
            if self.verbose and self.rng.random() < 0.3:
                pieces.append(self.rng.choice((" ", "\n", "# why (not\n")))
        return "".join(pieces)

    def quantified(self, depth: int) -> str:
        atom = self.atom(depth)
        if self.rng.random() < 0.6:
            return atom
        m = self.rng.randrange(3)
        n = m + self.rng.randrange(3)
        marks = ["*", "+", "?", f"{{{m}}}", f"{{{m},}}", f"{{{m},{n}}}"]
        if self.level != "basic":
            marks.append(f"{{,{n}}}")
        i = self.rng.randrange(len(marks))
        self.used["*+?"[i] if i < 3 else ("{m}", "{m,}", "{m,n}", "{,n}")[i - 3]] += 1
        lazy = self.level != "basic" and self.rng.random() < 0.15
        return atom + marks[i] + (self.note("lazy", "?") if lazy else "")

    def atom(self, depth: int) -> str:
        roll = self.rng.random()
        if depth > 0 and roll < 0.35:
            return self.group(depth - 1)
        if roll < 0.75:
            return self.character()
        if roll < 0.85:
            if self.level == "basic":
                return self.character()
            return self.note(".", ".")
        return self.bracket()

    def character(self) -> str:
        char = self.rng.choice(self.alphabet)
        code = ord(char)
        if self.level == "basic" or self.rng.random() < 0.8:
            plain = char.isalnum() or char == "_" or ord(char) > 127
            return char if plain and not (self.verbose and char.isspace()) else self.escaped(char)
        if self.rng.random() < 0.3:
            return self.note("class escape", self.rng.choice((r"\d", r"\w", r"\s", r"\D", r"\W", r"\S")))
        return self.code_point(code)

    def escaped(self, char: str) -> str:
        return self.note("escape", {"\n": r"\n"}.get(char, "\\" + char))

    def code_point(self, code: int) -> str:
        forms = [f"\\U{code:08x}"]
        if code < 0x10000:
            forms.append(f"\\u{code:04X}")
        if code < 0x100:
            forms += [f"\\x{code:02x}", f"\\{code:03o}"]
        form = self.rng.choice(forms)
        return self.note(form[:2] if form[1] in "xuU" else "octal", form)

    def bracket(self) -> str:
        members = []
        for _ in range(self.rng.randrange(1, 4)):
            roll = self.rng.random()
            low, high = sorted((self.rng.choice(self.alphabet), self.rng.choice(self.alphabet)))
            if roll < 0.3 and self.level != "basic":
                members.append(self.rng.choice((r"\d", r"\w", r"\s", r"\D", r"\W", r"\S")))
                self.used["class in brackets"] += 1
            elif roll < 0.6:
                members.append(self.note("range", f"{self.member(low)}-{self.member(high)}"))
            else:
                members.append(self.member(low))
        negated = self.rng.random() < 0.3
        inside = "".join(members)
        if self.level != "basic" and self.rng.random() < 0.1:
            inside = self.note("odd class", self.rng.choice((f"]{inside}", f"{inside}-", f"-{inside}", f"[{inside}")))
        return self.note("[^]" if negated else "[]", f"[{'^' if negated else ''}{inside}]")

    def member(self, char: str) -> str:
        return "\\" + char if char in "-]^\\" else self.escaped(char) if char == "\n" else char

    def group(self, depth: int) -> str:
        inside = self.alternatives(depth)
        roll = self.rng.random()
        if self.level == "basic" or roll < 0.4:
            return self.note("()", f"({inside})")
        if roll < 0.75:
            return self.note("(?:)", f"(?:{inside})")
        if roll < 0.85:
            self.names += 1
            return self.note("(?P<>)", f"(?P<n{self.names}>{inside})")
        if roll < 0.95:
            flags = self.rng.choice(("i", "s", "-i", "-s", "i-s", "si", "a", "u", "m" if self.level == "full" else "i"))
            return self.note("(?flags:)", f"(?{flags}:{inside})")
        return self.note("(?#)", f"(?:{inside}(?#why))")

    def assertion(self, depth: int) -> str:
        roll = self.rng.random()
        if roll < 0.5 or depth == 0:
            name = self.rng.choice(("^", "$", r"\b", r"\B", r"\A", r"\Z", "$", "^"))
            return self.note(name, name)
        inside = self.alternatives(depth - 1)
        if roll < 0.8:
            kind = self.rng.choice(("(?=", "(?!"))
        else:
            kind = self.rng.choice(("(?<=", "(?<!"))
            inside = "".join(self.character() for _ in range(self.rng.randrange(1, 3)))
        return self.note(kind + ")", f"{kind}{inside})")


def texts(alphabet: str, longest: int) -> list[str]:
    """Every text over the alphabet up to a length."""
    return ["".join(t) for n in range(longest + 1) for t in product(alphabet, repeat=n)]


def near_misses(text: str, alphabet: str, rng: random.Random, count: int) -> list[str]:
    """Texts one edit away: a character left out, put in, or changed."""
    found = []
    for _ in range(count):
        at = rng.randrange(len(text) + 1)
        found.append(text[:at] + rng.choice(("", rng.choice(alphabet))) + text[at + rng.randrange(2) :])
    return found
