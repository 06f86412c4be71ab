"""Random schemas and patterns against other judges: a fixed list of seeds. `make fuzz` goes on from there."""

from __future__ import annotations

import json
import random
from collections import Counter

import pytest

from ctrldiff.json_schema import JsonSchema
from ctrldiff.json_schema.keywords import DRAFTS
from tests.conftest import few
from tests.fuzz import patterns, schemas
from tests.fuzz.cases import LONG_NUMBERS, PATTERNS, SCHEMAS
from tests.fuzz.patterns import NODE, PatternCase
from tests.fuzz.schemas import Judged, SchemaCase
from tests.fuzz.shrink import shrunk


@pytest.mark.parametrize("additional", ["any", "declared"])
@pytest.mark.parametrize("what", SCHEMAS)
def test_what_was_wrong_once_is_right(what, additional):
    draft, schema, texts = SCHEMAS[what]
    judged = Judged(draft, schema, additional)
    assert judged.dfa is not None and judged.valid is not None
    assert [judged.fault(text) for text in texts] == [""] * len(texts)


@pytest.mark.parametrize("schema, text, valid", LONG_NUMBERS)
def test_bounds_of_many_digits_are_exact(schema, text, valid):
    assert (text in JsonSchema(schema)) == valid


@pytest.mark.parametrize("case", PATTERNS)
def test_patterns_that_were_doubted_once_mean_what_the_referee_says(case):
    if case.dialect == "ecma" and not NODE:
        pytest.skip("there is no node")
    assert case.fault() == ""


@pytest.mark.parametrize("part", few(range(4), 1))
def test_random_schemas_of_every_draft_are_judged_as_validators_do(part):
    counts: Counter[str] = Counter()
    found = [case for seed in range(100_000 + 60 * part, 100_060 + 60 * part) for case in schemas.hunt(seed, counts)]
    assert not [(small.fault(), small) for small in map(shrunk, found)]
    assert counts["schemas"] > 10 * counts["refused"] and counts["texts"] > 5_000 and counts["members"] > 300


@pytest.mark.parametrize("part", few(range(4), 1))
def test_random_patterns_are_judged_as_re_and_node_do(part):
    counts: Counter[str] = Counter()
    found = [case for seed in range(100_000 + 200 * part, 100_200 + 200 * part) for case in patterns.hunt(seed, counts)]
    assert not [(small.fault(), small) for small in map(shrunk, found)]
    assert counts["python patterns"] > 90 and counts["texts"] > 5_000
    assert counts["ecma patterns"] > 90 or not NODE


def test_every_keyword_of_a_draft_is_fuzzed():
    for draft in DRAFTS:
        maker = schemas.Maker(random.Random(1), draft)
        for _ in range(300):
            maker.schema()
        rows = schemas.KEYWORDS.values()
        roles = ("asserts", "applies", "refers")
        known = {row.name for row in rows if row.known(draft) and row.role in roles and not row.name.startswith("x-")}
        assert known - set(maker.used) <= ({"dependencies", "additionalItems"} if draft.startswith("20") else set())


def test_a_planted_fault_is_found_and_made_small(monkeypatch):
    """A bound that we read one too high: the hunt says so, and with what little."""
    read = schemas.JsonSchema

    def wrong(schema, **how):
        return read(json.loads(json.dumps(schema).replace('"maxLength": 1', '"maxLength": 2')), **how)

    monkeypatch.setattr(schemas, "JsonSchema", wrong)
    found = (case for seed in range(60) for case in schemas.hunt(seed, Counter()))
    small = shrunk(next(case for case in found if case.fault() == "accepts what is invalid"))
    assert small.fault() == "accepts what is invalid" and small.size < 60
    assert '"maxLength": 1' in json.dumps(small.schema)


def test_a_pattern_is_made_small(monkeypatch):
    monkeypatch.setattr(patterns, "by_re", lambda case, texts: ["b" in text and "c" not in text for text in texts])
    small = shrunk(PatternCase("python", "b(a|bb)*c?", "bbbc", search=False))
    assert small.fault() == "accepts what the referee does not" and small.size <= 6


def test_validators_that_differ_settle_nothing(monkeypatch):
    monkeypatch.setattr(schemas, "VALIDATORS", {"2020-12": lambda schema, **_: Never()})
    assert SchemaCase("2020-12", {"type": "integer"}, "1").fault() == ""


class Never:
    """A validator that takes nothing."""

    def is_valid(self, value):
        return False
