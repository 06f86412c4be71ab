"""1,295 `pattern` values of real JSON Schemas: accepted, or refused for a reason that is true; and what they mean.

Meaning is compared with Python's `re` after a translation that does not use our parser: `$` becomes `\\Z`, `\\d` and
`\\w` become ASCII classes, `\\s` and `.` ECMA-262's sets, `\\p{Zs}` its members, `\\/` a plain slash.
"""

from __future__ import annotations

import json
import os
import random
import re
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from ctrldiff.automata.compile import compile_expression
from ctrldiff.automata.dfa import Dfa
from ctrldiff.errors import ConstraintTooLarge, ConstraintUnsatisfiable, RegexSyntaxError, RegexUnsupported
from ctrldiff.limits import Limits
from ctrldiff.regex.parse import parse
from tests.automata.patterns import near_misses

FOLDER = Path(os.environ.get("CTRLDIFF_CORPORA", Path(__file__).parents[2] / ".." / "shared" / "corpora"))

# The ratchet: what we made of the corpus when last improved. A better figure is a reason to change this table.
EXPECTED = {"accepted": 1293, "RegexUnsupported: backreference": 1, "ConstraintTooLarge": 1}

LIMITS = Limits(max_steps=10_000_000)
SPACE = r"\t\n\v\f\r \u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff"
SPACES = re.compile(f"[{SPACE}]")
NOT_SPACE = "".join(
    f"\\U{low:08x}-\\U{high:08x}"
    for low, high in [(0, 8), (0xE, 0x1F), (0x21, 0x9F), (0xA1, 0x167F), (0x1681, 0x1FFF), (0x200B, 0x2027)]
    + [(0x202A, 0x202E), (0x2030, 0x205E), (0x2060, 0x2FFF), (0x3001, 0xFEFE), (0xFF00, 0x10FFFF)]
)
TOKENS = re.compile(r"\\p\{\w+\}|\\u\{[0-9a-fA-F]+\}|\\.|.", re.DOTALL)


def patterns() -> list[str]:
    path = FOLDER / "schema_patterns.json"
    if not path.exists():
        pytest.skip(f"no corpora at {FOLDER}; set CTRLDIFF_CORPORA")
    return [pattern for pattern, _ in json.loads(path.read_text())]


def to_python(pattern: str) -> str:
    """The same search for Python's `re` (with re.ASCII), token by token."""
    out: list[str] = []
    in_class = False
    for token in TOKENS.findall(pattern):
        if token == r"\s":
            out.append(SPACE if in_class else f"[{SPACE}]")
        elif token == r"\S":
            out.append(NOT_SPACE if in_class else f"[^{SPACE}]")
        elif token == r"\p{Zs}":
            inside = r" \u00a0\u1680\u2000-\u200a\u202f\u205f\u3000"
            out.append(inside if in_class else f"[{inside}]")
        elif len(token) == 2 and token[0] == "\\" and not token[1].isalnum():
            out.append(re.escape(token[1]) if token[1] not in "/\"'@%!,:;<>=`_" else token[1])
        elif in_class:
            in_class = token != "]"
            after_class = token == "-" and out[-1] in (r"\w", r"\d", SPACE, NOT_SPACE)
            out.append(r"\-" if after_class else r"\[" if token == "[" else token)
        elif token == "[":
            in_class = True
            out.append(token)
        else:
            out.append({"$": r"\Z", ".": r"[^\n\r\u2028\u2029]"}.get(token, token))
    return "".join(out)


def read(pattern: str, search: bool = True) -> tuple[str, Dfa | None]:
    """What became of one pattern, and its automaton if it was accepted."""
    try:
        expression = parse(pattern, dialect="ecma", search=search, limits=LIMITS)
        return "accepted", compile_expression(expression, LIMITS)
    except (RegexSyntaxError, RegexUnsupported) as error:
        return f"{type(error).__name__}: {error.facts['problem']}", None
    except ConstraintTooLarge:
        return "ConstraintTooLarge", None


def tried(pattern: str, dfa: Dfa, seed: int) -> list[str]:
    """Members of the search and of the pattern held to the whole text, and texts one edit away."""
    rng, draw = random.Random(seed), np.random.default_rng(seed)
    letters = "".join(sorted(set(re.sub(r"\\.", "", pattern)))) + "aZ0 -_\n"
    exact = read(pattern, search=False)[1]
    found = ["", "a", "A1", "\n", " "]
    for source in (dfa, exact):
        for longest in (3, 8, 16, 24):
            try:
                member = source.sample(draw, longest).decode("utf-8") if source else ""
            except ConstraintUnsatisfiable:
                shortest = source.shortest() if source else None
                member = shortest.decode("utf-8") if shortest is not None and len(shortest) < 200 else ""
            found += [member, member + "\n", *near_misses(member, letters, rng, 4)]
    return found


def test_every_real_pattern_is_accepted_or_refused_with_a_true_reason() -> None:
    results = {pattern: read(pattern)[0] for pattern in patterns()}
    assert Counter(results.values()) == EXPECTED
    refused = {pattern: result for pattern, result in results.items() if result != "accepted"}
    for pattern, result in refused.items():
        if "backreference" in result:
            assert re.search(r"\\[1-9]", pattern)
        else:
            assert "(.{1,63}\\.){1,127}" in pattern  # "." may be any of 63 characters before each of 127 dots


def compare(every: int) -> int:
    """How many patterns were compared with `re`; every `every`-th is tried."""
    compared = 0
    for seed, pattern in enumerate(patterns()):
        dfa = read(pattern)[1] if seed % every == 0 else None
        if dfa is None:
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compiled = re.compile(to_python(pattern), re.ASCII)
        wrong = [t for t in tried(pattern, dfa, seed) if (t in dfa) != (compiled.search(t) is not None)]
        assert not wrong, (pattern, wrong[:3])
        compared += 1
    return compared


def test_a_part_of_the_real_patterns_mean_what_re_means() -> None:
    assert compare(every=10) >= 128


@pytest.mark.slow
def test_all_accepted_real_patterns_mean_what_re_means() -> None:
    assert compare(every=1) == EXPECTED["accepted"]
