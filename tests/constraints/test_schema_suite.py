"""JSON-Schema-Test-Suite of every draft, and the keyword probes: nothing invalid is ever accepted, and a ratchet.

After an improvement: `CTRLDIFF_RATCHET=write pytest tests/constraints/test_schema_suite.py`, and commit the files and
`docs/json.md`, whose table it writes.
"""

import gzip
import json
import os
from collections import Counter
from pathlib import Path

import jsonschema_rs
import numpy as np
import pytest

from ctrldiff.errors import ConstraintError
from ctrldiff.json_schema import JsonSchema
from ctrldiff.json_schema.documents import in_folder
from ctrldiff.json_schema.formats import FORMATS, NARROWED

CORPORA = Path(os.environ.get("CTRLDIFF_CORPORA", "../shared/corpora"))
SUITE, PROBES = CORPORA / "json_schema_test_suite_2020_12.jsonl.gz", CORPORA / "keyword_probes.json"
REMOTES = CORPORA / "json_schema_test_suite_remotes.json"
RATCHET = Path(__file__).with_name("schema_suite_ratchet.json")
# The suite of all drafts, and the documents it refers to, as the sources of python-jsonschema carry them; `make`
# unpacks them there.
ROOT = Path(__file__).parents[2]
DRAFTS = Path(os.environ.get("CTRLDIFF_SCHEMA_SUITE", ROOT / ".venv" / "share" / "json" / "tests"))
DRAFT_RATCHET = Path(__file__).with_name("schema_drafts_ratchet.json")
FOLDERS = {"draft-04": "draft4", "draft-06": "draft6", "draft-07": "draft7", "2019-09": "draft2019-09"}
FOLDERS["2020-12"] = "draft2020-12"


def at_their_server(documents) -> dict[str, object]:
    """The suite's documents under the URIs that its schemas know them by."""
    return {f"http://localhost:1234/{path}": document for path, document in documents.items()}


def outcomes(file, group, documents, draft=None) -> list[tuple[str, str]]:
    """(outcome, test) for every test of a group: passed, refused, narrowed (valid but not written), or wrong."""
    try:
        formats = "annotate" if file == "format.json" else "enforce"  # that file is about formats as annotations
        schema = JsonSchema(group["schema"], additional="any", draft=draft, documents=documents, formats=formats)
        schema.dfa()
    except ConstraintError:
        return [("refused", test["description"]) for test in group["tests"]]
    found = []
    for test in group["tests"]:
        accepted = schema.canonical(test["data"]) in schema
        outcome = "passed" if accepted == test["valid"] else "wrong" if accepted else "narrowed"
        found.append((outcome, f"{group['description']}: {test['description']}"))
    return found


@pytest.mark.slow
@pytest.mark.skipif(not (SUITE.exists() and REMOTES.exists()), reason=f"{SUITE} or {REMOTES} is absent")
def test_the_suite_and_its_ratchet():
    documents = at_their_server(json.loads(REMOTES.read_text(encoding="utf-8")))
    counts: dict[str, Counter[str]] = {}
    wrong = []
    with gzip.open(SUITE, "rt", encoding="utf-8") as lines:
        for line in lines:
            group = json.loads(line)
            if group["file"].startswith("optional"):
                continue
            for outcome, test in outcomes(group["file"], group, documents):
                counts.setdefault(group["file"], Counter())[outcome] += 1
                wrong += [f"{group['file']}: {test}"] if outcome == "wrong" else []
    assert not wrong
    if os.environ.get("CTRLDIFF_RATCHET") == "write":
        table = {name: dict(sorted(c.items())) for name, c in sorted(counts.items())}
        RATCHET.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")
    held = json.loads(RATCHET.read_text(encoding="utf-8"))
    assert {name: dict(sorted(c.items())) for name, c in sorted(counts.items())} == held
    assert sum(c["passed"] for c in counts.values()) >= 1_000


def groups_of(draft):
    """(file, group) of a draft's tests, the optional ones but formats included."""
    folder = DRAFTS / FOLDERS[draft]
    for path in sorted([*folder.glob("*.json"), *folder.glob("optional/*.json")]):
        name = path.relative_to(folder).as_posix()
        if name in NOT_HELD or path.stem == "ecmascript-regex":
            continue
        for group in json.loads(path.read_text(encoding="utf-8")):
            yield name, group


# What an optional test wants and a draft does not ask for: content is an annotation; every number is written without a
# point where it is whole, so 1.0 is 1.
NOT_HELD = {"optional/content.json", "optional/zeroTerminatedFloats.json"}


@pytest.mark.slow
@pytest.mark.skipif(not (DRAFTS.parent / "remotes").exists(), reason=f"{DRAFTS} is absent: the suite of all drafts")
@pytest.mark.parametrize("draft", FOLDERS)
def test_no_draft_accepts_what_is_invalid(draft):
    documents = at_their_server(in_folder(DRAFTS.parent / "remotes"))
    counts = {"mandatory": Counter[str](), "optional": Counter[str]()}
    wrong = []
    for name, group in groups_of(draft):
        of = counts["optional" if name.startswith("optional") else "mandatory"]
        for outcome, test in outcomes(name, group, documents, draft):
            of[outcome] += 1
            wrong += [f"{name}: {test}"] if outcome == "wrong" else []
    assert not wrong
    found = {of: dict(sorted(counted.items())) for of, counted in counts.items()}
    if os.environ.get("CTRLDIFF_RATCHET") == "write":
        held = json.loads(DRAFT_RATCHET.read_text(encoding="utf-8")) | {draft: found}
        ordered = {name: held[name] for name in FOLDERS if name in held}
        DRAFT_RATCHET.write_text(json.dumps(ordered, indent=1) + "\n", encoding="utf-8")
        before, _, after = PAGE.read_text(encoding="utf-8").partition(HEADING)
        rest = after.partition("\n\n")[2]
        PAGE.write_text(f"{before}{HEADING}{table(ordered)}\n\n{rest}", encoding="utf-8")
    assert found == json.loads(DRAFT_RATCHET.read_text(encoding="utf-8"))[draft]


PAGE, HEADING = ROOT / "docs" / "json.md", "| draft | mandatory tests passed |"


def table(held) -> str:
    """The counts as the page shows them, behind the beginning of the first line."""
    lines = [" optional ones | valid, but not written | refused | invalid accepted |", "|---|---|---|---|---|---|"]
    for draft, counts in held.items():
        passed = [
            f"{of.get('passed', 0):,} of {sum(of.values()):,}" for of in (counts["mandatory"], counts["optional"])
        ]
        both = Counter(counts["mandatory"]) + Counter(counts["optional"])
        rest = [str(both[outcome]) for outcome in ("narrowed", "refused", "wrong")]
        lines.append(f"| {' | '.join([draft, *passed, *rest])} |")
    return "\n".join(lines)


def test_the_page_shows_these_counts():
    held = json.loads(DRAFT_RATCHET.read_text(encoding="utf-8"))
    assert list(held) == list(FOLDERS)
    assert HEADING + table(held) + "\n\n" in PAGE.read_text(encoding="utf-8")


@pytest.mark.skipif(not PROBES.exists(), reason=f"{PROBES} is absent")
def test_the_keyword_probes_are_exact_or_refused():
    for probe in json.loads(PROBES.read_text(encoding="utf-8")):
        schema = JsonSchema(probe["schema"], additional="any")
        try:
            schema.dfa()
        except ConstraintError:
            continue
        if probe["valid"] is not None:
            assert schema.canonical(json.loads(probe["valid"])) in schema, probe
        if probe["invalid"] is None:
            continue
        try:
            value = json.loads(probe["invalid"])
        except json.JSONDecodeError:  # a text that is no JSON at all
            assert probe["invalid"] not in schema, probe
            continue
        text = probe["invalid"] if probe["name"] == "duplicate keys" else schema.canonical(value)  # parsing keeps one
        assert text not in schema, probe


@pytest.mark.skipif(not SUITE.exists(), reason=f"{SUITE} is absent")
def test_no_format_accepts_what_the_suite_calls_invalid():
    compared = Counter()
    with gzip.open(SUITE, "rt", encoding="utf-8") as lines:
        for group in map(json.loads, lines):
            named = group["schema"].get("format") if isinstance(group["schema"], dict) else None
            if not group["file"].startswith("optional/format/") or named not in FORMATS:
                continue
            dfa = JsonSchema({"type": "string", "format": named}).dfa()
            for test in group["tests"]:
                if isinstance(test["data"], str) and (not test["valid"] or named not in NARROWED):
                    accepted = json.dumps(test["data"], ensure_ascii=False) in dfa
                    assert accepted == test["valid"], (named, test)
                    compared[named] += 1
    assert sum(compared.values()) > 400 and len(compared) == len(FORMATS)


@pytest.mark.parametrize("named", FORMATS)
def test_members_of_a_format_are_valid(named):
    valid = jsonschema_rs.Draft202012Validator({"format": named}, validate_formats=True).is_valid
    dfa, rng = JsonSchema({"type": "string", "format": named}).dfa(), np.random.default_rng(11)
    for member in (dfa.sample(rng, most) for most in (48, 300) for _ in range(150)):
        assert member is not None and valid(json.loads(member)), member
