"""Random schemas of every keyword against jsonschema-rs: in both directions, and members of real schemas."""

import gzip
import json
import os
import random
import re
from collections import Counter
from contextlib import suppress
from pathlib import Path

import jsonschema_rs
import numpy as np
import pytest

from ctrldiff.errors import ConstraintError, ConstraintUnsatisfiable
from ctrldiff.json_schema import JsonSchema
from tests.conftest import few

CORPORA = Path(os.environ.get("CTRLDIFF_CORPORA", "../shared/corpora"))
BENCH = CORPORA / "jsonschemabench_sample.jsonl.gz"
LONG_NUMBER = re.compile(rb"[\d.]{16}")  # jsonschema-rs reads numbers as doubles, which round these
NAMES = ["a", "b", "ab", "c"]
ATOMS = [None, True, False, 0, 1, -1, 2, 3, 6, 1.5, "", "a", "b", "ab", "abc", "c"]


def scalar(rng: random.Random) -> dict:
    return rng.choice(
        [
            {"type": rng.choice(["null", "boolean", "integer", "number", "string"])},
            {"type": ["integer", "string"], "minimum": rng.choice([0, 1.5]), "maxLength": rng.choice([1, 2])},
            {"enum": rng.sample(ATOMS, 4)},
            {"const": rng.choice(ATOMS)},
            {"minimum": rng.choice([0, 1, 2])},
            {"multipleOf": rng.choice([2, 3, 0.5])},
            {"pattern": rng.choice(["^a", "b$", "c"])},
            {"minLength": 1, "maxLength": 2},
        ]
    )


def schema(rng: random.Random, depth: int) -> dict | bool:
    """A random schema whose combining keywords nest `depth` deep."""
    if depth == 0 or rng.random() < 0.15:
        return rng.choice([True, False]) if rng.random() < 0.1 else scalar(rng)

    def sub() -> dict | bool:
        return schema(rng, depth - 1)

    found: dict = {}
    for keyword in rng.sample(
        [
            *("properties", "required", "additionalProperties", "patternProperties", "propertyNames"),
            *("maxProperties", "dependentRequired", "dependentSchemas", "items", "prefixItems", "contains"),
            *("maxContains", "minItems", "maxItems", "allOf", "anyOf", "oneOf", "not", "if", "type"),
            *("unevaluatedProperties", "unevaluatedItems", "minProperties", "uniqueItems"),
        ],
        rng.randint(1, 4),
    ):
        if keyword in ("properties", "dependentSchemas"):
            found[keyword] = {name: sub() for name in rng.sample(NAMES, 2)}
        elif keyword == "patternProperties":
            found[keyword] = {rng.choice(["^a", "b"]): sub()}
        elif keyword == "required":
            found[keyword] = rng.sample(NAMES, rng.randint(1, 2))
        elif keyword == "dependentRequired":
            found[keyword] = {rng.choice(NAMES): [rng.choice(NAMES)]}
        elif keyword in ("allOf", "anyOf", "oneOf", "prefixItems"):
            found[keyword] = [sub() for _ in range(rng.randint(1, 3))]
        elif keyword == "if":
            found |= {"if": sub(), "then": sub()} | ({"else": sub()} if rng.random() < 0.5 else {})
        elif keyword == "propertyNames":
            found[keyword] = rng.choice([{"maxLength": 1}, {"pattern": "^a"}, {"enum": ["a", "b"]}])
        elif keyword == "uniqueItems":
            found[keyword] = True
        elif keyword == "maxContains":
            found |= {"contains": sub(), "maxContains": rng.randint(1, 2)}
        elif keyword in ("minItems", "maxItems", "maxProperties", "minProperties"):
            found[keyword] = rng.randint(0, 2)
        elif keyword == "type":
            found[keyword] = rng.choice(["object", "array", ["object", "null"], ["array", "integer"]])
        else:
            found[keyword] = sub()
    return found


def value(rng: random.Random, depth: int):
    """A random value that the random schemas have something to say of."""
    kind = rng.random()
    if depth == 0 or kind < 0.3:
        return rng.choice(ATOMS)
    if kind < 0.6:
        return [value(rng, depth - 1) for _ in range(rng.randint(0, 3))]
    return {name: value(rng, depth - 1) for name in rng.sample(NAMES, rng.randint(0, 3))}


def members(described, draws, most: int, count: int) -> list[bytes]:
    """Members of at most `most` bytes, if there are any."""
    dfa = described.dfa()
    if dfa.is_empty or len(dfa.shortest()) > most:
        return []
    drawn = (dfa.sample(draws, most) for _ in range(count))
    return [one for one in drawn if not LONG_NUMBER.search(one) and one in described]


@pytest.mark.parametrize("seed", few(range(12), 2))
def test_random_schemas_agree_with_jsonschema(seed):
    rng = random.Random(seed)
    counts: Counter[str] = Counter()
    for _ in range(6):
        drawn = schema(rng, 2)
        valid = jsonschema_rs.Draft202012Validator(drawn).is_valid
        described = JsonSchema(drawn, additional="any")
        try:
            described.dfa()
        except ConstraintError:
            counts["refused"] += 1
            continue
        for _ in range(60):
            one = value(rng, 2)
            if valid(one):
                counts["accepted" if described.canonical(one) in described else "narrowed"] += 1
            else:
                assert described.canonical(one) not in described, (drawn, one)
        for narrower in (described, JsonSchema(drawn)):
            draws = np.random.default_rng(seed)
            with suppress(ConstraintUnsatisfiable):
                for member in members(narrower, draws, 30, 10):
                    assert valid(json.loads(member)), (drawn, member)
    assert counts["accepted"] >= counts["narrowed"]
    assert counts["refused"] <= 4


@pytest.mark.slow
@pytest.mark.skipif(not BENCH.exists(), reason=f"{BENCH} is absent")
def test_members_of_real_schemas_are_valid():
    """Members of one schema in twenty-four of the sample; `tests/benchmarks/schemas.py` draws from all of them."""
    drawn = 0
    with gzip.open(BENCH, "rt", encoding="utf-8") as lines:
        for number, line in enumerate(lines):
            if number % 24:
                continue
            of = json.loads(line)["schema"]
            try:
                described = JsonSchema(of)
                described.dfa()
                valid = jsonschema_rs.validator_for(of, validate_formats=True).is_valid
            except (ConstraintError, ValueError, jsonschema_rs.ReferencingError):
                continue
            draws = np.random.default_rng(number)
            for member in members(described, draws, 300, 10):
                drawn += 1
                assert valid(json.loads(member)), (of, member)
    assert drawn > 300
