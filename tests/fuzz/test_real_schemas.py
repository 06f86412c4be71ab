"""Members of real schemas against validators."""

import gzip
import json
import os
from pathlib import Path

import numpy as np
import pytest

from ctrldiff.errors import ConstraintError
from ctrldiff.json_schema.keywords import draft_of
from tests.fuzz.schemas import Judged, members

CORPORA = Path(os.environ.get("CTRLDIFF_CORPORA", "../shared/corpora"))
BENCH = CORPORA / "jsonschemabench_sample.jsonl.gz"


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
                judged = Judged(draft_of(of.get("$schema")) or "2020-12", of, "declared")
            except ConstraintError:
                continue
            texts = members(judged, np.random.default_rng(number), 300, 10)
            assert [(of, text, fault) for text in texts if (fault := judged.fault(text))] == []
            drawn += len(texts)
    assert drawn > 300
