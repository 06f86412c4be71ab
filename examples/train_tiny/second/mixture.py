"""The stream of the second generation: its own documents, composed or written by hand, its opinions, and a share of the
first generation's tasks."""

import json
import re
from collections.abc import Iterator
from random import Random

from ctrldiff.types.ask import Asked
from examples.train_tiny import mixture as first
from examples.train_tiny.second.asking import Asker, Example, Leaf, Writer
from examples.train_tiny.second.documents import Composer
from examples.train_tiny.second.letters import Letters
from examples.train_tiny.second.opinions import Opinions
from examples.train_tiny.second.spelling import manners
from examples.train_tiny.second.values import Maker
from examples.train_tiny.values import Values

# By examples. The first generation's are named as `examples.train_tiny.mixture` names them.
SHARES = (
    *(("letter", 56), ("extract", 12), ("judged", 21), ("sorted", 3), ("object", 8), ("bare", 1)),
    *(("problem", 1), ("sum", 2), ("review", 7), ("judge", 1)),
)
HIDDEN = {"review": 0.15, "extract": 0.015}  # share of a task whose text is masked, for guidance without a classifier
CHUNK = 1024  # examples that are made from one seed


class Source:
    """Examples by number: chunk n is the same in every process."""

    def __init__(self, pools: dict, seed: int, split: str = "seen", held_out: bool = False):
        self.pools, self.seed, self.split, self.held_out = pools, seed, split, held_out

    def chunk(self, number: int, task: str | None = None, count: int = CHUNK) -> list[Example]:
        rng = Random(f"{self.seed} {number}")
        asker, values = Asker(Composer(self.pools, rng), rng), Values(rng, self.held_out)
        maker = Maker(self.pools, rng)
        maker.begin(manners(rng))
        opinions = Opinions(self.pools, maker, rng)
        letters = Asker(Letters(self.pools, rng, self.held_out), rng)
        own = {
            "extract": asker.example,
            "letter": letters.example,
            "judged": opinions.judged,
            "sorted": opinions.sorted,
        }
        names, shares = zip(*SHARES)
        out = []
        for name in rng.choices(names, shares, k=count):
            name = task or name
            out.append(own[name]() if name in own else _of_first(first.example(rng, values, self.split, name), rng))
        return out

    def stream(self, start: int = 0) -> Iterator[Example]:
        number = start
        while True:
            yield from self.chunk(number)
            number += 1


def _of_first(one, rng: Random) -> Example:
    """An example of the first generation, asked for in this one's words."""
    wanted = place(one.ask)[0] if one.ask.startswith("{") else None
    ask = wanted.said("described") if wanted and rng.random() < 0.75 else one.ask
    writer = Writer()
    writer.value(_tree(json.loads(one.answer), one.text) if one.answer.startswith("{") else Leaf(None))
    if "".join(writer.pieces) == one.answer:
        return Example(one.text, ask, one.answer, writer.leaves, writer.decisions, one.task, wanted)
    return Example(one.text, ask, one.answer, [(0, len(one.answer), _leaf(one.answer, one.text))], [0], one.task)


def _tree(value: object, text: str) -> object:
    if isinstance(value, dict):
        return {key: _tree(inner, text) for key, inner in value.items()}
    return [_tree(inner, text) for inner in value] if isinstance(value, list) else _leaf(value, text)


def _leaf(value: object, text: str) -> Leaf:
    if not isinstance(value, str) or len(value) < 2:
        return Leaf(value)
    spans = tuple((found.start(), found.end()) for found in re.finditer(re.escape(value), text))
    return Leaf(value, spans, bool(spans))


def place(text: str, nullable: bool = False) -> tuple[Asked, str]:
    """The place that an ask in the terse style speaks of, every key of an object nullable; and what follows it."""
    if text.startswith("{"):
        keys, rest = [], text
        while not rest.startswith("}"):
            key, rest = re.match(r"([^:,}]+)(.*)", rest[1:], re.DOTALL).groups()
            inner, rest = place(rest[1:], True) if rest.startswith(":") else (Asked(nullable=True), rest)
            keys.append((key, False, inner))
        return Asked(keys=tuple(keys), is_object=True, nullable=nullable), rest[1:]
    if text.startswith("["):
        inner, rest = (Asked(), text[1:]) if text[1] == "]" else place(text[1:])
        return Asked(items=(inner,), nullable=nullable), rest[1:]
    word = re.match(r"[^,}\]]*", text).group()
    labels = tuple(word.split("|")) if "|" in word else ()
    return Asked("" if labels else word, labels, nullable=nullable), text[len(word) :]
