"""Roles: what a fact is to its document. The table is `roles.txt`; WordNet gives as many more as it has nouns."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random

LANGUAGES = ("en", "de", "fr", "es")
# What a noun of each of WordNet's files is likely to have as its value.
OPEN = {
    "person": ("person", "person", "first", "company"),
    "location": ("city", "city", "street", "country"),
    "time": ("past", "time", "int:1:90"),
    "quantity": ("int:1:900", "dec:0.1:90:2", "money"),
    "attribute": ("int:1:300", "dec:0.1:90:1", "phrase", "pick:high;low;medium;none"),
    "possession": ("money", "money", "code"),
    "artifact": ("product", "code", "int:1:40", "model", "kind:artifact"),
    "communication": ("phrase", "title", "code", "person"),
    "group": ("company", "team", "int:2:400"),
    "event": ("event", "past", "person"),
    "act": ("past", "person", "phrase", "bool"),
}
OTHERS = ("product", "phrase", "code", "int:1:500", "person", "past", "word")


@dataclass(frozen=True)
class Role:
    """One role: in which scenes it occurs, how values are made, what it is called in texts and asks.

    labels: by language. keys: as snake_case words; vague ones are asked only where nothing else could be meant.
    told: descriptions. says, yes, no: sentences, {} for the value.
    """

    name: str
    scenes: frozenset[str]
    makers: tuple[str, ...]
    labels: dict[str, tuple[str, ...]]
    keys: tuple[str, ...]
    vague: tuple[str, ...]
    told: tuple[str, ...]
    says: tuple[str, ...] = ()
    yes: tuple[str, ...] = ()
    no: tuple[str, ...] = ()

    def named_in(self, text: str) -> bool:
        """Whether a text has one of its English labels of more than three letters in it."""
        lowered = text.lower()
        return any(len(label) > 3 and label in lowered for label in self.labels["en"])


@cache
def table() -> list[Role]:
    """The roles of `roles.txt`."""
    lines = (Path(__file__).parent / "roles.txt").read_text(encoding="utf-8").splitlines()
    return [_role([cell.strip() for cell in line.split(" | ")]) for line in lines if line and not line.startswith("#")]


def _role(cells: list[str]) -> Role:
    name, scenes, makers, en, de, fr, es, keys, told, *says = cells
    # A maker's own words may hold blanks; several makers are plain words.
    many = tuple(makers.split()) if ":" not in makers else (makers,)
    split = lambda text, sign: tuple(one.strip() for one in text.split(sign) if one.strip())  # noqa: E731
    sentences = split(says[0].removesuffix("|") if says else "", " / ")
    return Role(
        name,
        frozenset(scenes.split()),
        many,
        {language: split(text, ",") for language, text in zip(LANGUAGES, (en, de, fr, es))},
        tuple(key for key in keys.split() if not key.endswith("~")),
        tuple(key[:-1] for key in keys.split() if key.endswith("~")),
        split(told, ";"),
        tuple(one for one in sentences if one[0] not in "+-"),
        tuple(one[1:].strip() for one in sentences if one[0] == "+"),
        tuple(one[1:].strip() for one in sentences if one[0] == "-"),
    )


def open_role(pools: dict, rng: Random) -> Role:
    """A role that WordNet names: "tenant", with its synonyms as labels and keys, and its gloss as description."""
    if rng.random() < 0.3:
        kind = rng.choice(pools["kind_names"])
        return _of_words([kind], f"what {kind} it is", (f"kind:{kind}",))
    lemmas, told, file = rng.choice(pools["senses"])
    return _of_words(lemmas, told, OPEN.get(file, OTHERS))


def _of_words(lemmas: list[str], told: str, makers: tuple[str, ...]) -> Role:
    keys = tuple(one.replace(" ", "_").replace("-", "_").replace("'", "") for one in lemmas)
    return Role(lemmas[0], frozenset(), makers, {"en": tuple(lemmas)}, keys, (), (told,))
