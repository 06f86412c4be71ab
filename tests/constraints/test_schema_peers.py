"""Where llguidance and XGrammar judge an instance otherwise than we do, the reason is known and holds (`peers.py`)."""

import importlib.util
import json
from collections import Counter

import pytest

from tests.constraints.peers import BENCH, PEERS, SUITE, TRIAGE, disagreements, entries

pytestmark = [
    pytest.mark.skipif(not (SUITE.exists() and BENCH.exists()), reason=f"{SUITE.parent} is absent"),
    *(
        pytest.mark.skipif(importlib.util.find_spec(peer) is None, reason=f"{peer} is not installed; `make test` does")
        for peer in PEERS
    ),
]


def check(chosen, least: int) -> None:
    known = json.loads(TRIAGE.read_text(encoding="utf-8"))
    compared: Counter[str] = Counter()
    for entry in chosen:
        found: dict[str, dict[str, str]] = {peer: {} for peer in PEERS}
        for peer, test, reason in disagreements(entry, compared):
            found[peer][test] = reason
        for peer, reasons in found.items():
            held = {test: why for test, why in known[peer].items() if test.rpartition(", test ")[0] == entry[0]}
            assert reasons == held, (peer, entry[0])
    assert min(compared[peer] for peer in PEERS) >= least


def test_some_of_the_disagreements():
    check([entry for number, entry in enumerate(entries()) if number % 30 == 0], 20)


@pytest.mark.slow
def test_all_disagreements():
    check(entries(), 500)


def test_nothing_is_wrong_here_and_everything_is_explained():
    known = json.loads(TRIAGE.read_text(encoding="utf-8"))
    reasons = [reason for tests in known.values() for reason in tests.values()]
    assert "WRONG HERE" not in reasons
    assert sum("unexplained" in reason for reason in reasons) == 0
