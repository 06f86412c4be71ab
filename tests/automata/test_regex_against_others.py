"""The parser and the engine against `re`, interegular and greenery, on seeded random patterns.

Each pattern is tried on every text over a small alphabet, on members that the automaton itself proposes, and on
texts one edit away from those.
"""

from __future__ import annotations

import random
import re
import warnings
from collections.abc import Callable

import greenery
import interegular
import numpy as np
import pytest

from ctrldiff.automata.compile import compile_expression
from ctrldiff.automata.dfa import Dfa
from ctrldiff.errors import ConstraintTooLarge, ConstraintUnsatisfiable, RegexUnsupported
from ctrldiff.limits import Limits
from ctrldiff.regex.parse import parse
from tests.automata.patterns import Maker, near_misses, texts

LONGEST = {2: 6, 3: 4}  # letters in the alphabet -> length up to which every text is tried
LIMITS = Limits(max_steps=10_000_000)  # a handful of generated patterns blow up; they should do so early
# What the generator may hit and the dialect refuses; the share of such patterns is bounded below.
REFUSALS = ("may look past", "assertions that look across")


def proposed(dfa: Dfa, alphabet: str, seed: int, lengths: tuple[int, ...] = (4, 8, 12)) -> list[str]:
    """Members drawn from the automaton, and texts one edit away from them."""
    rng, draw = random.Random(seed), np.random.default_rng(seed)
    found = []
    for longest in lengths:
        try:
            member = dfa.sample(draw, longest).decode("utf-8")
        except ConstraintUnsatisfiable:
            continue
        found += [member, *near_misses(member, alphabet + "x\n", rng, 3)]
    return found


def differences(maker: Maker, seed: int, search: bool) -> list[str] | None:
    """The texts on which one generated pattern and `re` disagree; None if the dialect refuses it."""
    pattern, alphabet = maker.pattern()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # [[a] and the like: `re` warns that a later Python may read it otherwise
        compiled = re.compile(pattern)
    try:
        dfa = compile_expression(parse(pattern, search=search, limits=LIMITS), LIMITS)
    except ConstraintTooLarge:
        return None
    except RegexUnsupported as refused:
        assert any(part in refused.problem for part in REFUSALS), refused
        return None
    match = compiled.search if search else compiled.fullmatch
    if len(re.findall(r"[*+?{]", pattern)) > 7:  # with many loops in each other `re` backtracks for minutes
        tried = texts(alphabet, LONGEST[len(alphabet)] - 2) + proposed(dfa, alphabet, seed, (3, 5))
    else:
        tried = texts(alphabet, LONGEST[len(alphabet)]) + proposed(dfa, alphabet, seed)
    return [f"{pattern!r} on {t!r}" for t in tried if (t in dfa) != (match(t) is not None)]


def compare_with_re(level: str, first: int, count: int) -> tuple[int, Maker]:
    """How many of `count` patterns were accepted; every accepted one must agree with `re`."""
    maker, accepted = Maker(first, level), 0
    for seed in range(first, first + count):
        wrong = differences(maker, seed, search=seed % 2 == 1)
        assert not wrong, wrong[:5]
        accepted += wrong is not None
    return accepted, maker


def test_generated_patterns_mean_what_re_means() -> None:
    assert compare_with_re("core", 0, 200)[0] >= 190
    assert compare_with_re("full", 1000, 100)[0] >= 95


# 3,300 and 2,000 patterns in parts, so that workers share them. Of each level some are refused: 5,000 are compared.
@pytest.mark.slow
@pytest.mark.parametrize("part", range(3))
def test_thousands_of_generated_patterns_mean_what_re_means(part: int) -> None:
    assert compare_with_re("core", 10_000 + 1100 * part, 1100)[0] >= 1080


@pytest.mark.slow
def test_thousands_of_generated_patterns_with_every_construct_mean_what_re_means() -> None:
    accepted, maker = compare_with_re("full", 50_000, 2000)
    assert accepted >= 1920
    constructs = (
        r"| [] [^] () (?:) (?P<>) (?#) * + ? {m} {m,} {,n} {m,n} lazy . octal \x \u \U (?flags:)"
        r" (?i) (?s) (?m) (?a) (?x) ^ $ \A \Z \b \B (?=) (?!) (?<=) (?<!)"
    ).split()
    assert all(maker.used[name] >= 30 for name in constructs), maker.used


def compare_with(accepts_of: Callable[[str], Callable[[str], bool]], first: int, count: int) -> None:
    """`accepts_of` is another package's way from a pattern to a membership test."""
    maker, compared = Maker(first, "basic"), 0
    while compared < count:
        pattern, alphabet = maker.pattern()
        if len(pattern) > 40:  # one in ten; both packages need minutes for some of the longer ones
            continue
        compared += 1
        accepts = accepts_of(pattern)
        dfa = compile_expression(parse(pattern, ascii=True))
        tried = texts(alphabet, 6) + proposed(dfa, alphabet, first + compared)
        wrong = [t for t in tried if (t in dfa) != accepts(t)]
        assert not wrong, (pattern, wrong[:5])


def interegular_accepts(pattern: str) -> Callable[[str], bool]:
    return interegular.parse_pattern(pattern).to_fsm().accepts


def greenery_accepts(pattern: str) -> Callable[[str], bool]:
    return greenery.parse(pattern).to_fsm().accepts


def test_generated_patterns_mean_what_interegular_and_greenery_mean() -> None:
    compare_with(interegular_accepts, 0, 60)
    compare_with(greenery_accepts, 100, 25)


@pytest.mark.slow
def test_many_generated_patterns_mean_what_interegular_means() -> None:
    compare_with(interegular_accepts, 30_000, 600)


@pytest.mark.slow
def test_many_generated_patterns_mean_what_greenery_means() -> None:
    compare_with(greenery_accepts, 40_000, 400)
