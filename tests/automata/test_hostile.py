"""Patterns meant to blow a compiler up end in an automaton or in an error that says what is wrong."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path

import pytest

from ctrldiff.automata.compile import compile_expression
from ctrldiff.automata.dfa import Dfa
from ctrldiff.errors import ConstraintTooLarge, CtrldiffError
from ctrldiff.regex.parse import parse
from tests.oracles_automata import is_text

CORPORA = Path(os.environ.get("CTRLDIFF_CORPORA", Path(__file__).parents[2] / "../shared/corpora"))
# What a working compiler must manage; for the other patterns a typed error is an answer as good as any.
STATES = {
    "r01_exp12": 2**13,
    "r03_count5000": 5001,
    "r05_opt500": 1001,
    "r07_lookahead": 2,
    "r08_lookbehind": 3,
    "r10_parens5000": 2,
    "r14_empty": 1,
    "r16_lit100k": 100_001,
    "r19_starstar": 2,
    "r20_nul": 4,
    "r21_surrogate": 1,
}
TOO_LARGE = {"r02_exp20", "r04_nestcount", "r13_dot16", "r15_million"}


def patterns() -> dict[str, str]:
    path = CORPORA / "hostile_constraints.jsonl.gz"
    if not path.exists():
        return {}
    with gzip.open(path, "rt") as lines:
        entries = [json.loads(line) for line in lines]
    return {entry["name"]: entry["constraint"] for entry in entries if entry["kind"] == "regex"}


PATTERNS = patterns()


def test_the_corpus_is_whole() -> None:
    if not PATTERNS:
        pytest.skip("hostile_constraints.jsonl.gz is absent: set CTRLDIFF_CORPORA")
    assert len(PATTERNS) == 22 and set(PATTERNS) >= {*STATES, *TOO_LARGE}


@pytest.mark.parametrize("name", PATTERNS)
def test_a_hostile_pattern_ends_in_an_automaton_or_a_typed_error(name: str) -> None:
    try:
        found = compile_expression(parse(PATTERNS[name]))
    except CtrldiffError as refusal:
        assert name not in STATES
        assert isinstance(refusal, ConstraintTooLarge) or name not in TOO_LARGE
        assert str(refusal).startswith(refusal.code)
        return
    assert isinstance(found, Dfa) and name not in TOO_LARGE
    assert found.n_states == STATES.get(name, found.n_states)
    shortest = found.shortest()
    assert (shortest is None) == found.is_empty
    assert shortest is None or (is_text(shortest) and shortest in found)
