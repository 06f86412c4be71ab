"""What spans cost to build over a long document.

One run, processor time, medians; every round has a document of its own, so nothing is remembered.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import numpy as np

import ctrldiff as cd
from ctrldiff.automata.dfa import Dfa
from ctrldiff.errors import ConstraintTooLarge
from ctrldiff.tokens.token_automaton import lift
from tests.benchmarks.measure import peak_mib
from tests.benchmarks.record import Record

SPAN = {"type": "string", "x-span": True}
OBJECT = {"type": "object", "properties": {"name": SPAN, "all": {"type": "array", "items": SPAN}}}
CASES: dict[str, Callable[[str], Dfa]] = {
    "SpanOf(document)": lambda text: cd.SpanOf(text).dfa(),
    "words=True": lambda text: cd.SpanOf(text, words=True).dfa(),
    'pattern="[A-Z][a-z]+ [a-z]+"': lambda text: cd.SpanOf(text, pattern="[A-Z][a-z]+ [a-z]+").dfa(),
    "max_length=10": lambda text: cd.SpanOf(text, max_length=10).dfa(),
    "max_length=50": lambda text: cd.SpanOf(text, max_length=50).dfa(),
    "one JSON string": lambda text: cd.JsonSchema(SPAN, document=text).dfa(),
    "an object of a span and a list of spans": lambda text: cd.JsonSchema(
        {**OBJECT, "required": ["name", "all"]}, document=text
    ).dfa(),
}


def document(characters: int, seed: int) -> str:
    """Made-up prose: words of Zipf's frequencies, quotes, line breaks, capitals and an accent."""
    rng = np.random.default_rng(seed)
    letters = list("etaoinshrdlucmfwypé")
    words = ["".join(rng.choice(letters, rng.integers(1, 10))) for _ in range(4_000)]
    text = ""
    while len(text) < characters:
        sentence = " ".join(words[min(int(rank), 3_999)] for rank in rng.zipf(1.2, int(rng.integers(4, 20))))
        text += sentence.capitalize() + str(rng.choice([". ", '." "', ".\n", ", 12.50 "]))
    return text[:characters]


def records(quick: bool) -> Iterator[Record]:
    """A row for each way to ask: automaton, and table over the tiny model's tokens."""
    characters, rounds = (2_000, 1) if quick else (20_000, 3)
    vocabulary = cd.from_pretrained("tiny").vocabulary
    for name, build in CASES.items():
        build(document(200, 99))  # the kernels are read from their cache
        where = {"spans of": name, "characters": characters}
        automaton, table = [], []
        try:
            for seed in range(rounds):
                text = document(characters, seed)
                began = time.process_time()
                dfa = build(text)
                built = time.process_time()
                lift(dfa, vocabulary)
                automaton.append(1000 * (built - began))
                table.append(1000 * (time.process_time() - built))
            peak = peak_mib(lambda build=build: lift(build(document(characters, rounds)), vocabulary))
        except ConstraintTooLarge as error:
            yield Record.none("automaton", f"refused: {error.message}", **where)
            continue
        yield Record.one("states", dfa.n_states, **where)
        yield Record.of("automaton", automaton, "ms", **where)
        yield Record.of("table", table, "ms", peak_mib=peak, **where)
