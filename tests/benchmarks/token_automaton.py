"""Ten patterns over the 131,072 tokens of Tekken: our token automaton beside `outlines_core.Index`.

    python -m tests.benchmarks.token_automaton [--repeats 5] [--outlines-repeats 3]

Each row runs in children of one parent that holds both vocabularies: median seconds from the pattern to the finished
tables (reading the pattern included, on both sides), and growth of the peak resident size. The two tables do not say
the same thing: ours has classes and grouped edges, theirs a map from token to state for every state.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from statistics import median

import outlines_core

from ctrldiff.automata.compile import compile_expression
from ctrldiff.limits import DEFAULT
from ctrldiff.regex.parse import parse
from ctrldiff.tokens.cache import Cache
from ctrldiff.tokens.token_automaton import TokenAutomaton, lift
from ctrldiff.tokens.vocabulary import Vocabulary
from tests.benchmarks.child import cost, machine
from tests.benchmarks.patterns import MEASURED, tekken_tokens

ROWS = 131_072


def build(pattern: str, vocabulary: Vocabulary) -> TokenAutomaton:
    """From the pattern to the table, nothing cached."""
    return lift(compile_expression(parse(pattern)), vocabulary)


def seconds(call: object, repeats: int) -> float:
    """Median seconds of a call in this process."""
    taken = []
    for _ in range(repeats):
        began = time.perf_counter()
        call()  # type: ignore[operator]
        taken.append(time.perf_counter() - began)
    return median(taken)


def main() -> None:
    """Print one row per pattern."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--repeats", type=int, default=5)
    arguments.add_argument("--outlines-repeats", type=int, default=3)
    given = arguments.parse_args()

    tokens = tekken_tokens()
    theirs: dict[bytes, list[int]] = {}
    for i, token in enumerate(tokens):
        theirs.setdefault(token, []).append(i)
    index_vocabulary = outlines_core.Vocabulary(len(tokens), theirs)
    vocabulary = Vocabulary.from_tokens([*tokens, *[None] * (ROWS - len(tokens))], stop_ids=[len(tokens)])
    build("a|b", vocabulary)  # compiles the kernels and makes the vocabulary's trie

    print(f"{machine()}\n")
    print(
        "| pattern | states | classes | edges | labels | lift ms | ours ms | MB | outlines ms | MB | ratio |\n"
        "|---|---|---|---|---|---|---|---|---|---|---|"
    )
    for name, pattern in MEASURED.items():
        dfa = compile_expression(parse(pattern))
        found = lift(dfa, vocabulary)
        lifting = seconds(lambda dfa=dfa: lift(dfa, vocabulary), given.repeats)
        ours = cost(lambda pattern=pattern: build(pattern, vocabulary).n_edges, given.repeats)
        other = cost(
            lambda pattern=pattern: outlines_core.Index(pattern, index_vocabulary) and "",
            given.outlines_repeats,
            timeout_s=300,
        )
        assert ours.seconds is not None, ours.answer
        sizes = f"{found.n_states:,} | {found.n_classes:,} | {found.n_edges:,} | {found.n_labels:,}"
        if other.seconds is None:
            against = f"{other.answer} | | "
        else:
            against = f"{other.seconds * 1e3:,.0f} | {other.megabytes:,.0f} | {other.seconds / ours.seconds:,.0f}"
        us = f"{lifting * 1e3:.1f} | {ours.seconds * 1e3:.1f} | {ours.megabytes:.0f}"
        print(f"| {name} | {sizes} | {us} | {against} |", flush=True)

    def fresh_trie() -> object:
        return Vocabulary(
            vocabulary.data, vocabulary.offsets, vocabulary.written, vocabulary.stop_ids, vocabulary.pad_id
        ).trie

    dfa = compile_expression(parse(MEASURED["person schema"]))
    with tempfile.TemporaryDirectory() as folder:
        Cache(Path(folder)).fetch(dfa, vocabulary, DEFAULT, lift)
        read = seconds(lambda: Cache(Path(folder)).fetch(dfa, vocabulary, DEFAULT, lift), given.repeats)
    print(f"\nthe vocabulary's trie, once: {seconds(fresh_trie, given.repeats) * 1e3:.0f} ms")
    print(f"person schema from the disk cache: {read * 1e3:.1f} ms")


if __name__ == "__main__":
    main()
