"""What spans cost to build over a long document.

    python -m tests.benchmarks.span [--characters 20000] [--rounds 5]

One run, processor time, medians; every round has a document of its own, so nothing is remembered.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np

import ctrldiff as cd
from ctrldiff.automata.dfa import Dfa
from ctrldiff.errors import ConstraintTooLarge
from ctrldiff.tokens.token_automaton import lift

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


def main() -> None:
    """Print a markdown table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--characters", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    vocabulary = cd.from_pretrained("tiny").vocabulary
    print(f"{args.characters:,} characters; table: over the tiny model's {vocabulary.size:,} tokens\n")
    print("| spans | states | automaton, ms | table, ms |\n|---|---|---|---|")
    for name, build in CASES.items():
        build(document(200, 99))  # the kernels are read from their cache
        taken: list[tuple[float, float]] = []
        for seed in range(args.rounds):
            text = document(args.characters, seed)
            began = time.process_time()
            try:
                dfa = build(text)
            except ConstraintTooLarge as error:
                print(f"| {name} | refused: {error.message} | | |")
                break
            built = time.process_time()
            lift(dfa, vocabulary)
            taken.append((built - began, time.process_time() - built))
        else:
            automaton, table = 1000 * np.median(np.array(taken), axis=0)
            print(f"| {name} | {dfa.n_states:,} | {automaton:.0f} | {table:.0f} |", flush=True)


if __name__ == "__main__":
    main()
