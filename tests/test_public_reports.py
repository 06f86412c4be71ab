"""Public bug reports of this field, restated: what each asked of a schema, a pattern or a type is so here.

`kind`, `input`, `want` and `verdict` are the corpus's. A recursion is unrolled as far as a canvas reaches, as the front
door does. A case may be refused where the corpus says so: then by name.
"""

import json
import os
import sys
import types
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

import ctrldiff as cd
from ctrldiff.errors import ConstraintError
from ctrldiff.types.structured import output_type

SHARED = Path(__file__).parents[2] / "shared" / "corpora"
FILE = Path(os.environ.get("CTRLDIFF_CORPORA", SHARED)) / "public_reports.jsonl"
KINDS = ("schema", "regex", "type")
CASES = [json.loads(line) for line in FILE.open(encoding="utf-8")] if FILE.exists() else []
CASES = [one for one in CASES if one["kind"] in KINDS and isinstance(one["want"], dict)]
# Which the corpus tells in words only, or abridged.
ABRIDGED = {"R027"}
OPEN = {"S035"}  # keys that the schema does not name are written with additional="any" only
NAMES = """
import collections, dataclasses, datetime, ipaddress, json, pathlib, re, uuid
from collections import OrderedDict, Counter, defaultdict, deque
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from typing import *
from typing_extensions import TypedDict, NotRequired, Required
import pydantic
from pydantic import *
"""
TOKENS = 120  # of the canvas that a recursion is unrolled for


@pytest.fixture(scope="module")
def vocabulary():
    return cd.from_pretrained("tiny").vocabulary


def described(case):
    """The constraint that a case asks for, and how its texts are read."""
    given = case["input"]
    if case["kind"] == "schema":
        how = given.get("opts", {}) | ({"additional": "any"} if case["id"] in OPEN else {})
        return cd.JsonSchema(given["schema"], **how), lambda text: None
    if case["kind"] == "regex":
        return cd.Regex(given["pattern"], **given.get("opts", {})), lambda text: None
    module = types.ModuleType("public_report")
    sys.modules["public_report"] = module  # where classes look up each other's names
    exec(NAMES + given["code"], module.__dict__)
    kind = output_type(module.T)
    return kind.description, kind.read


@pytest.mark.parametrize("case", [pytest.param(one, id=one["id"]) for one in CASES if one["id"] not in ABRIDGED])
def test_what_was_asked_for_is_so(case, vocabulary):
    want, expected = case["want"], str(case["want"].get("expect", "")) + case["verdict"]
    try:
        description, read = described(case)
        description = description.reaching(TOKENS, vocabulary)
        nothing = description.dfa().is_empty
    except ConstraintError as error:
        assert "refuse" in expected, error
        return
    if want.get("expect") == "refuse":
        assert nothing or case["verdict"] == "refused with a true reason", "it is to be refused, or enforced by now"
    texts = {
        key: [description.canonical(one) if case["kind"] == "schema" else one for one in want.get(key, [])]
        for key in ("accept", "reject")
    }
    for text in texts["accept"]:
        assert text in description, text
        read(text)
    for text in texts["reject"]:
        assert text not in description, text
    if case["kind"] == "type" and not nothing:
        rng = np.random.default_rng(0)
        for text in (description.dfa().sample(rng, 300).decode() for _ in range(20)):
            if text in description and "note" not in case["input"]:  # which says that the type has a validator
                read(text)


@pytest.mark.skipif(not CASES, reason=f"{FILE} is absent")
def test_the_corpus_is_there():
    assert Counter(one["kind"] for one in CASES) == {"schema": 84, "type": 60, "regex": 25}
